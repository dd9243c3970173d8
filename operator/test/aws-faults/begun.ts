/** A release that is live and looked at, and waits for its fault. */
import type { Environment } from '../../../demo/environment.ts'
import type { SeenRelease } from '../../../demo/release-follower.ts'
import { openSite } from '../site.ts'
import type { Admin } from './admin.ts'
import { Ground } from './ground.ts'
import { isAbout, observe } from './observe.ts'
import type { Observed } from './observed.ts'
import type { Play } from './play.ts'

export type Begun = {
  /** Sends viewers, lets the fault strike, and gives what was seen. */
  strike: (play: Play['play']) => Promise<Observed>
}

/** Viewers of one release; there are several releases at a time. */
const VIEWERS_PER_SECOND = 20

/** Brings version 1 of a release to users, on a site of its own. */
export async function begin(environment: Environment, admin: Admin, play: Play): Promise<Begun> {
  const site = await openSite(environment, play.distributionOf)
  const observer = observe(environment, site.place)
  const edit = play.edit ?? ((release) => release)
  const { status } = await site.play(edit(site.write('1')))
  const old = status?.liveColor ?? 'blue'
  const ground = new Ground({ environment, site, admin, observer, old }, edit)
  return {
    strike: async (strike) => {
      const viewers = site.viewers(['1', '2'], VIEWERS_PER_SECOND)
      try {
        await strike(ground)
        await everyEdgeFollows(environment, site.place.distributionId)
      } catch (error) {
        await viewers.leave()
        throw new Error(storyOf(error, site.follower.release(), site.seen), { cause: error })
      }
      const observed = await observer.end(await viewers.leave())
      await environment.kubectl(['delete', 'namespace', site.place.namespace, '--wait=false'])
      return observed
    },
  }
}

async function everyEdgeFollows({ cloudFront, signal }: Environment, distribution: string): Promise<void> {
  const audit = (await cloudFront.audit()).filter((entry) => isAbout(entry, distribution))
  const newest = audit.findLast((entry) => entry.type === 'Call' && entry.version !== undefined)
  const version = newest?.type === 'Call' ? newest.version : undefined
  await cloudFront.waitFor(
    (entry) =>
      isAbout(entry, distribution) &&
      entry.type === 'EdgeApplied' &&
      entry.version === version &&
      entry.status === 'Deployed',
    0,
    AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  )
}

/** What a failure needs to be understood: everything that the release said. */
function storyOf(error: unknown, release: SeenRelease | undefined, seen: readonly string[]): string {
  const said = JSON.stringify(release?.status?.conditions, undefined, 1)
  return `${error instanceof Error ? error.message : String(error)}\n${seen.join('\n')}\n${said}`
}
