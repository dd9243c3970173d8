/** A release that is live and looked at, and waits for its fault. */
import type { AuditEntry } from '../../../../demo/cloudfront.ts'
import { runningTimeout } from '../../../../demo/deadline.ts'
import type { Environment } from '../../../../demo/environment.ts'
import type { SeenRelease } from '../../../../demo/release-follower.ts'
import type { AnySite } from '../key-site.ts'
import { openSite } from '../site.ts'
import type { Admin } from './admin.ts'
import { Fixture } from './fixture.ts'
import { LEAST_REQUESTS } from './invariants.ts'
import { isAbout, observe } from './observe.ts'
import type { Observed } from './observed.ts'
import type { Scenario } from './scenario.ts'

export type Started = {
  /** Sends viewers, lets the fault strike, and gives what was seen. */
  strike: (scenario: Scenario['scenario']) => Promise<Observed>
}

/** Viewers of one release; there are several releases at a time. */
const VIEWERS_PER_SECOND = 20

/** Brings version 1 of a release to users, on a site of its own. Where a key decides, the behaviors follow it before the fault strikes. */
export async function begin(environment: Environment, admin: Admin, scenario: Scenario): Promise<Started> {
  const site = await (scenario.open?.(environment) ?? openSite(environment))
  const observer = observe(environment, site)
  const edit = scenario.edit ?? ((release) => release)
  const { status } = await site.play(edit(site.write('1')))
  await site.nextUpdate(0)
  const old = status?.liveColor ?? 'blue'
  const fixture = new Fixture({ environment, site, admin, observer, old }, edit)
  return {
    strike: async (strike) => {
      const viewers = await site.viewers(['1', '2'], VIEWERS_PER_SECOND)
      try {
        await strike(fixture)
        await everyEdgeFollows(environment, site)
        await viewers.completed(LEAST_REQUESTS)
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

/** The newest version of the distribution, and of the store where a key decides. */
async function everyEdgeFollows({ cloudFront, signal }: Environment, site: AnySite): Promise<void> {
  const audit = (await cloudFront.audit()).filter((entry) => isAbout(entry, site))
  const newest = (subject: 'distribution' | 'store'): number | undefined =>
    audit.flatMap((entry) => (entry.type === 'Call' && entry[subject] ? (entry.version ?? []) : [])).at(-1)
  const wanted = [
    { version: newest('distribution'), type: 'EdgeApplied' },
    { version: newest('store'), type: 'EdgeStoreApplied' },
  ].filter(({ version }) => version !== undefined)
  const timeout = AbortSignal.any([signal, runningTimeout(120_000)])
  for (const { type, version } of wanted)
    await cloudFront.waitFor(
      (entry) => isAbout(entry, site) && entry.type === type && isPropagatedAt(entry, version),
      0,
      timeout,
    )
}

/** No edge is behind any more. */
function isPropagatedAt(entry: AuditEntry, version: number | undefined): boolean {
  if (!('version' in entry) || entry.version !== version) return false
  return entry.type === 'EdgeApplied'
    ? entry.status === 'Deployed'
    : 'propagated' in entry && entry.propagated
}

/** What a failure needs to be understood: everything that the release said. */
function storyOf(error: unknown, release: SeenRelease | undefined, seen: readonly string[]): string {
  const said = JSON.stringify(release?.status?.conditions, undefined, 1)
  return `${error instanceof Error ? error.message : String(error)}\n${seen.join('\n')}\n${said}`
}
