/** Releases that a key decides, on a real cluster, seen by viewers through edges that run the function. */
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from '@jest/globals'
import { isAcceptedUpdate, type AuditEntry } from '../../../demo/cloudfront.ts'
import { runningTimeout } from '../../../demo/deadline.ts'
import { openEnvironment, type Environment } from '../../../demo/environment.ts'
import type { WrittenRelease } from '../../../demo/housing.ts'
import type { Place } from '../../../demo/place.ts'
import type { SeenRelease } from '../../../demo/release-follower.ts'
import { DEMO_DIR } from '../../../demo/running.ts'
import type { Applied } from '../../../demo/stage.ts'
import { LABEL, otherColor, type Color } from '../../api/names.ts'
import type { KeyValueStore } from '../../api/release.ts'
import { makeStore, openKeySite, withKeySettings, type KeySite, type Store } from './key-site.ts'
import type { Site, Version } from './site.ts'
import { judgedTest, underLoad } from './under-load.ts'

/** The very first run on a machine builds Kubernetes. */
const SETUP_MS = 15 * 60_000
/** Most take a minute; what hangs is ended sooner, by a deadline that knows how busy the machine is. */
const TEST_MS = 60 * 60_000
const UNTIL_MS = 5 * 60_000
const LOG_DIR = join(DEMO_DIR, 'e2e-key-value-store')

let environment: Environment
let store: Store
const stopped = new AbortController()

beforeAll(async () => {
  rmSync(LOG_DIR, { recursive: true, force: true })
  environment = await openEnvironment({
    name: 'e2e-key-value-store',
    range: '10.236.0.0/16',
    logDir: LOG_DIR,
    report: () => undefined,
    // The edges follow a key within two seconds.
    operator: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '1', CLOUDFRONT_STORE_PROPAGATION_SECONDS: '3' },
    signal: stopped.signal,
  })
  store = await makeStore(environment, 'models')
}, SETUP_MS)

afterAll(async () => {
  await environment.close()
}, SETUP_MS)

/** A version that the key decides about, whose predecessor is soon removed. */
function version(site: KeySite, number: Version, settings: Partial<KeyValueStore> = {}): WrittenRelease {
  return withKeySettings(site.write(number, { retireAfterSeconds: 5 }), settings)
}

/** Which color answers each of so many users, who are known by a header. */
async function colorsOf(place: Place, users: number): Promise<(string | undefined)[]> {
  const agent = new Agent({ keepAlive: true })
  const colors: (string | undefined)[] = []
  for (let user = 0; user < users; user += 1)
    colors.push(await colorOf(place, { agent, edge: user, headers: { 'x-user-id': `user-${user}` } }))
  agent.destroy()
  return colors
}

/** Which color answers at an edge; by default a user who is known by nothing but the address. */
async function colorOf(
  { host }: Place,
  { agent, edge = 0, headers = {} }: { agent?: Agent; edge?: number; headers?: Record<string, string> } = {},
): Promise<string | undefined> {
  const { edges } = environment.cloudFront
  const request = httpRequest(`${edges[edge % edges.length] ?? ''}/v2/health/ready`, {
    headers: { host, ...headers },
    agent,
  })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  expect(response.statusCode).toBe(200)
  return response.headers['x-modelrelease-color'] as string | undefined
}

const until = (site: Site, what: string, isWanted: (release: SeenRelease) => boolean): Promise<SeenRelease> =>
  site.follower.until(what, isWanted, UNTIL_MS)

/** The accepted writes of a key, oldest first. */
async function writesOf(key: string): Promise<(AuditEntry & { type: 'Call' })[]> {
  return (await environment.cloudFront.audit()).filter(
    (entry): entry is AuditEntry & { type: 'Call' } =>
      entry.type === 'Call' &&
      entry.operation === 'UpdateKeys' &&
      entry.status === 200 &&
      entry.keys?.includes(key) === true,
  )
}

/** Milliseconds from the last write of a key until the last edge follows it. */
async function lagOf(key: string): Promise<number> {
  const write = (await writesOf(key)).at(-1)
  if (!write) throw new Error(`nobody wrote ${key}`)
  const followed = await environment.cloudFront.waitFor(
    (entry) => entry.type === 'EdgeStoreApplied' && entry.version === write.version && entry.propagated,
    0,
    runningTimeout(UNTIL_MS),
  )
  return Date.parse(followed.time) - Date.parse(write.time)
}

/** Applies version 2 for one client in a hundred, which is not the one address that all viewers have. */
async function sharedWithoutViewers(site: KeySite, live: Color): Promise<Applied> {
  // Who is in the share is another question for each attempt.
  for (const holdSeconds of [120, 121, 122, 123]) {
    const canary = [{ weight: 1, holdSeconds }]
    const applied = await site.apply(version(site, '2', { canary }))
    await until(site, '1 %', (release) => applied(release) && release.status?.traffic?.canary?.weight === 1)
    await lagOf(site.key)
    if ((await colorOf(site.place)) === live) return applied
  }
  throw new Error('the viewers were in each of four shares of one percent')
}

describe('a release that a key decides', () => {
  let switched: { site: KeySite; live: Color } | undefined

  judgedTest(
    'is switched to in seconds, and the static targets follow',
    async () => {
      const site = await openKeySite(environment, { store })
      const { status } = await site.play(version(site, '1'))
      const live: Color = status?.liveColor ?? 'blue'
      await underLoad(site, ['1', '2'], async () => {
        const promoted = await site.play(version(site, '2'))
        expect(promoted.status?.liveColor).toBe(otherColor(live))
        expect(await lagOf(site.key)).toBeLessThan(15_000)
        expect(await colorsOf(site.place, 30)).toEqual(Array(30).fill(otherColor(live)))
        await site.nextUpdate(1)
        expect(await site.pods(live)).toHaveLength(2)
      })
      expect(await writesOf(site.key)).toHaveLength(2)
      const moves = (await site.updates()).map(({ targets = [] }) => targets.map(({ to }) => to))
      expect(moves).toEqual([
        [`housing-${live}`, `housing-${live}`],
        [`housing-${otherColor(live)}`, `housing-${otherColor(live)}`],
      ])
      switched = { site, live: otherColor(live) }
    },
    TEST_MS,
  )

  judgedTest(
    'goes to a share of the clients first, who stay',
    async () => {
      const site = await openKeySite(environment, { store })
      const { status } = await site.play(version(site, '1'))
      const candidate = otherColor(status?.liveColor ?? 'blue')
      const canary = [
        { weight: 20, holdSeconds: 20 },
        { weight: 50, holdSeconds: 20 },
      ]
      await underLoad(site, ['1', '2'], async () => {
        const applied = await site.apply(version(site, '2', { canary, canaryClientHeader: 'x-user-id' }))
        const shareAt = async (weight: number): Promise<number[]> => {
          await until(site, `${weight} %`, (release) => release.status?.traffic?.canary?.weight === weight)
          await lagOf(site.key)
          const colors = await colorsOf(site.place, 300)
          const inside = colors.flatMap((color, user) => (color === candidate ? [user] : []))
          // Five standard deviations of 300 users, whose places are others in each run.
          expect(Math.abs(inside.length / 300 - weight / 100)).toBeLessThan(0.15)
          return inside
        }
        const few = await shareAt(20)
        const half = await shareAt(50)
        expect(half).toEqual(expect.arrayContaining(few))
        const { status: end } = await site.ended('the end of version 2', applied)
        expect(end?.attempt?.outcome).toBe('Promoted')
        expect(await colorsOf(site.place, 30)).toEqual(Array(30).fill(candidate))
      })
      // The first release, two steps, and everybody.
      expect(await writesOf(site.key)).toHaveLength(4)
    },
    TEST_MS,
  )

  judgedTest(
    'brings the share back when its candidate falls, and nobody else notices',
    async () => {
      const site = await openKeySite(environment, { store })
      const { status } = await site.play(version(site, '1'))
      const live = status?.liveColor ?? 'blue'
      const applied = await sharedWithoutViewers(site, live)
      const { length: written } = await writesOf(site.key)
      await underLoad(site, ['1'], async () => {
        const selector = `${LABEL.name}=housing,${LABEL.color}=${otherColor(live)}`
        const { namespace } = site.place
        await environment.kubectl(['-n', namespace, 'delete', 'pod', '-l', selector, '--wait=false'])
        const { status: end } = await site.ended('the return', applied)
        expect(end?.attempt).toMatchObject({ reason: 'CanaryFailed' })
        expect(end?.liveColor).toBe(live)
        expect(end?.traffic?.canary).toBeUndefined()
        expect(await colorsOf(site.place, 100)).toEqual(Array(100).fill(live))
      })
      expect(await writesOf(site.key)).toHaveLength(written + 1)
    },
    TEST_MS,
  )

  judgedTest(
    'is not begun where no function reads the key',
    async () => {
      const site = await openKeySite(environment, { store, functions: 'Without' })
      await site.apply(version(site, '1'))
      const { status } = await until(site, 'a refusal', (release) =>
        Boolean(release.status?.conditions?.some(({ reason }) => reason === 'FunctionNotAssociated')),
      )
      expect(status?.phase).toBe('Stalled')
      expect([...(await site.pods('blue')), ...(await site.pods('green'))]).toEqual([])
      expect((await environment.cloudFront.audit()).filter(isAcceptedUpdate)).not.toContainEqual(
        expect.objectContaining({ distribution: site.place.distributionId }),
      )
    },
    TEST_MS,
  )

  // The drain of the first one takes a minute, in which the others were played.
  judgedTest(
    'loses its old color when every edge has the static targets, and serves on',
    async () => {
      if (!switched) throw new Error('the first release was not switched')
      const { site, live } = switched
      const isGone = ({ status }: SeenRelease): boolean => status?.colors?.[otherColor(live)] === undefined
      await until(site, 'the old color to go', isGone)
      expect(await colorsOf(site.place, 30)).toEqual(Array(30).fill(live))
    },
    TEST_MS,
  )
})
