/** Each row of docs/bad-input.md against the real operator, on a release that is live: nothing of it may be touched. */
import { beforeAll, describe, expect, test } from '@jest/globals'
import { attempt } from '../../../cluster/command.ts'
import { knowsCel } from '../../../cluster/kubectl.ts'
import type { Environment } from '../../../demo/environment.ts'
import type { WrittenRelease } from '../../../demo/housing.ts'
import { followRelease, type ReleaseFollower } from '../../../demo/release-follower.ts'
import { colorName, otherColor } from '../../api/names.ts'
import { ROWS, type Answer, type Row } from './bad-input-rows.ts'
import { openSite, type Site } from './site.ts'

const TEST_MS = 90_000
const STALL_MS = 40_000
type Said = { code: number; stderr: string }

export function describeBadInput(environmentNow: () => Environment): void {
  describe('bad input', () => {
    let environment: Environment
    let site: Site

    beforeAll(async () => {
      environment = environmentNow()
      site = await openSite(environment)
      await site.play(site.write('1'))
    }, TEST_MS)

    test.each(ROWS.map((row): [string, Row] => [row.input, row]))(
      '%s',
      async (_, row) => {
        const before = await objectsOf(environment, site)
        const bad = row.edit(goodFor(row, site))
        const words = refusalOf(row.answer, knowsCel(environment.cluster.kubernetesMinor))
        if (words !== undefined) {
          const { code, stderr } = await applyByHand(environment, bad)
          expect(stderr).toContain(words)
          expect(code).not.toBe(0)
          expect(await objectsOf(environment, site)).toEqual(before)
          return
        }
        await expectStalled(environment, site, { row, bad })
        expect(await objectsOf(environment, site)).toEqual(before)
        await mend(environment, site, row)
        expect(await objectsOf(environment, site)).toEqual(before)
      },
      TEST_MS,
    )
  })
}

/** What is said where nothing is stored; undefined where it is stored. */
function refusalOf(answer: Answer, serverKnowsCel: boolean): string | undefined {
  switch (answer.type) {
    case 'Refused':
      return answer.words
    case 'RefusedForKubectl':
      return serverKnowsCel ? answer.words : answer.before125
    case 'RefusedFrom125':
      return serverKnowsCel ? answer.words : undefined
    case 'Stalled':
      return undefined
  }
}

const NEW = 'other'

function goodFor(row: Row, site: Site): WrittenRelease {
  const good = site.write('1')
  return row.target === 'Live' ? good : { ...good, metadata: { ...good.metadata, name: NEW } }
}

/** As a user would, with kubectl's own check. */
async function applyByHand({ cluster }: Environment, release: WrittenRelease): Promise<Said> {
  return attempt(cluster.kubectl, ['--kubeconfig', cluster.kubeconfigPath, 'apply', '-f', '-'], {
    input: JSON.stringify(release),
  })
}

type Bad = { row: Row; bad: WrittenRelease }

async function expectStalled(environment: Environment, site: Site, { row, bad }: Bad): Promise<void> {
  if (!('reason' in row.answer)) throw new Error('a refused row never stalls')
  const { reason, message } = row.answer
  const follower = row.target === 'Live' ? site.follower : followNew(environment, site)
  const isAbout = await site.apply(bad)
  await follower.until(
    `Stalled for ${row.input}: ${reason} with "${message}"`,
    (release) =>
      isAbout(release) &&
      release.status?.conditions?.some(
        (one) => one.type === 'Stalled' && one.reason === reason && one.message.includes(message),
      ) === true,
    STALL_MS,
  )
  // What failed is removed before anything else is compared.
  if (row.target === 'Live') await until(follower, onlyOneColor)
}

function followNew(environment: Environment, site: Site): ReleaseFollower {
  return followRelease({ environment, namespace: site.place.namespace, name: NEW, say: () => undefined })
}

async function until(
  follower: ReleaseFollower,
  isWanted: Parameters<ReleaseFollower['until']>[1],
): Promise<void> {
  await follower.until('the removal of the candidate', isWanted, TEST_MS)
}

const onlyOneColor: Parameters<ReleaseFollower['until']>[1] = ({ status }) =>
  Object.values(status?.colors ?? {}).length === 1

/** Puts back what was good. */
async function mend(environment: Environment, site: Site, row: Row): Promise<void> {
  if (row.target === 'Live') {
    await site.play(site.write('1'))
    return
  }
  await environment.kubectl(['-n', site.place.namespace, 'delete', 'mr', NEW])
}

/** Everything that serves, and everything that could have been made by mistake. */
async function objectsOf({ kubectl }: Environment, site: Site): Promise<unknown> {
  const list = await kubectl(['-n', site.place.namespace, 'get', 'deployments,services,pods', '-o', 'json'])
  const { items } = JSON.parse(list) as {
    items: { kind: string; metadata: { name: string; uid: string; deletionTimestamp?: string } }[]
  }
  const { liveColor = 'blue' } = site.follower.release()?.status ?? {}
  // The Service of a color is made once and for life; the first candidate of that color, also a bad one, brings it.
  const idleService = colorName('housing', otherColor(liveColor))
  const names = items
    // That a candidate's pods take a while to leave is their own business.
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ kind, metadata }) => kind !== 'Service' || metadata.name !== idleService)
    .map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.uid}`)
    .sort()
  return { names, updates: (await site.updates()).length }
}
