/** Faults that strike every release: those of one kind strike at the same time. */
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from '@jest/globals'
import { killInNode, leaderPod, operatorProcesses } from '../../../../demo/operator-pods.ts'
import type { Environment } from '../../../../demo/environment.ts'
import { IDENTITY_HEADER, type Color } from '../../../api/names.ts'
import type { Admin } from './admin.ts'
import { conditionOf, type Ground } from './ground.ts'
import { ANSWER_MS } from './pace.ts'
import type { Play } from './play.ts'
import type { FaultName } from './table.ts'
import { Meeting } from './together.ts'

/** Faults that strike together, and where they wait for each other. */
export type Wave = { plays: Readonly<Record<string, Play>>; meetings: readonly Meeting[] }

/** Whether the fault of this name is among those that are asked for. */
type IsPlayed = (name: string) => boolean

type Edges = { held: Meeting; half: Meeting; released: Meeting }

/** The edge that is behind the others. */
const LAST_EDGE = 2

/** Edges apply nothing; then all but one do; then all. */
export function edgesWave(admin: Admin, edges: number, isPlayed: IsPlayed): Wave {
  const first = Array.from({ length: edges }, (_, index) => index + 1).filter((edge) => edge !== LAST_EDGE)
  const chosen = Object.entries(EDGE_PLAYS).filter(([name]) => isPlayed(name))
  const meetings: Edges = {
    held: new Meeting(chosen.length, () => admin.holdEdge('all')),
    half: new Meeting(chosen.length, async () => {
      for (const edge of first) await admin.releaseEdge(edge)
    }),
    released: new Meeting(chosen.length, () => admin.releaseEdge('all')),
  }
  return waveOf(chosen, meetings)
}

const EDGE_PLAYS = {
  'F7 slow propagation': slowPropagation,
  'F8 way back while InProgress': wayBack,
  'F9 edges disagree': edgesDisagree,
  'F14 distribution disabled': distributionDisabled,
} satisfies Partial<Record<FaultName, MetPlay<Edges>>>

/** A play that waits for the others of its wave. */
type MetPlay<Meetings> = (ground: Ground, meetings: Meetings) => Promise<void>

function waveOf<Meetings extends Record<string, Meeting>>(
  chosen: readonly [string, MetPlay<Meetings>][],
  meetings: Meetings,
): Wave {
  const plays = chosen.map(([name, play]): [string, Play] => [
    name,
    { play: (ground) => play(ground, meetings) },
  ])
  return { plays: Object.fromEntries(plays), meetings: Object.values(meetings) }
}

/** Longer than edges may take before it is told. */
const LONG_AGO_MS = 11 * 60_000

async function slowPropagation(ground: Ground, { held, half, released }: Edges): Promise<void> {
  await held.come()
  await ground.site.apply(ground.write('2', { retireAfterSeconds: 0 }))
  await ground.until('settling', ({ status }) => status?.traffic?.unsettledSince !== undefined)
  await ground.remember()
  await settlingSince(ground, new Date(Date.now() - LONG_AGO_MS))
  await ground.untilSaid('TrafficSwitched', 'SettlingSlowly')
  const { status } = await ground.until(
    'slow',
    (one) => conditionOf(one, 'Reconciling')?.reason === 'SettlingSlowly',
  )
  expect(status?.attempt?.outcome).toBeUndefined()
  expect(status?.attempt?.direction).toBe('Forward')
  // Two looks more, and still nothing is done about it.
  await ground.nextCall('GetDistribution')
  await ground.nextCall('GetDistribution')
  await ground.expectSamePods()
  await half.come()
  await released.come()
  await ground.untilPromoted()
  expect(await ground.moves()).toHaveLength(2)
}

/** Nobody waits ten minutes: the status, which is what the operator remembers it by, is dated back. */
async function settlingSince({ environment, site }: Ground, since: Date): Promise<void> {
  const unsettledSince = since.toISOString().replace(/\.\d+Z$/, 'Z')
  const path = `/apis/modelrelease.io/v1alpha1/namespaces/${site.place.namespace}/modelreleases/housing/status`
  const answer = await environment.api.request({
    ...{ method: 'PATCH', path, contentType: 'application/merge-patch+json' },
    body: JSON.stringify({ status: { traffic: { unsettledSince } } }),
  })
  expect(answer.status).toBe(200)
}

async function wayBack(ground: Ground, { held, half, released }: Edges): Promise<void> {
  await held.come()
  await ground.site.apply(ground.write('2'))
  await ground.until('settling', ({ status }) => status?.traffic?.unsettledSince !== undefined)
  await ground.remember()
  await ground.command('abort')
  // While no edge follows the first update, the second one is written.
  await ground.until(
    'the way back',
    ({ status }) => status?.traffic?.pointer?.includes(`housing-${ground.old} for`) === true,
  )
  expect(await ground.moves()).toHaveLength(3)
  await ground.expectSamePods()
  await half.come()
  expect(ground.site.follower.release()?.status?.attempt?.outcome).toBeUndefined()
  await ground.expectSamePods()
  await released.come()
  await ground.until('the end', ({ status }) => status?.attempt?.outcome === 'Aborted')
  expect(await ground.moves()).toHaveLength(3)
}

async function edgesDisagree(ground: Ground, { held, half, released }: Edges): Promise<void> {
  await held.come()
  await ground.site.apply(ground.write('2'))
  await ground.until('settling', ({ status }) => status?.traffic?.unsettledSince !== undefined)
  await ground.remember()
  await half.come()
  const { next, old } = ground
  expect(await answeringColors(ground)).toEqual([next, old, next])
  // Two looks more, with the edge that is asked for the proof answering right all the time.
  await ground.nextCall('GetDistribution')
  await ground.nextCall('GetDistribution')
  const release = ground.site.follower.release()
  expect(release?.status?.attempt?.outcome).toBeUndefined()
  expect(release && conditionOf(release, 'TrafficSwitched')?.reason).toBe('Settling')
  await ground.expectSamePods()
  await released.come()
  await ground.untilPromoted()
  expect(await answeringColors(ground)).toEqual([next, next, next])
}

/** Which color answers at each edge. */
async function answeringColors({ environment, site }: Ground): Promise<(Color | undefined)[]> {
  return Promise.all(environment.cloudFront.edges.map((edge) => colorAt(edge, site.place.host)))
}

async function colorAt(edge: string, host: string): Promise<Color | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Color | undefined>()
  request(`${edge}/v2/health/ready`, { headers: { host } }, (answer) => {
    const color = answer.headers[IDENTITY_HEADER.color] as Color | undefined
    text(answer).then(() => resolve(color), reject)
  })
    .on('error', reject)
    .end()
  return promise
}

async function distributionDisabled(ground: Ground, { held, half, released }: Edges): Promise<void> {
  await ground.remember()
  await held.come()
  // No edge follows yet, so viewers are still answered: what a disabled distribution does to them is not ours to mend.
  await ground.foreignWrite({ enabled: false })
  await ground.lookedAt('1')
  await ground.site.apply(ground.write('2'))
  await ground.untilSaid('Stalled', 'DistributionDisabled')
  ground.expectNothingBuilt()
  await ground.expectSamePods()
  expect(await ground.moves()).toHaveLength(1)
  await ground.foreignWrite({ enabled: true })
  await ground.site.apply(ground.write('2', { retireAfterSeconds: 120 }))
  await ground.until('the switch', ({ status }) => status?.traffic?.unsettledSince !== undefined)
  await half.come()
  await released.come()
  await ground.untilPromoted()
  expect(await ground.moves()).toHaveLength(2)
}

type Crash = { refused: Meeting; kill: Meeting }

/** One operator is killed, at an exact point of one release and at another one of the other. */
export function crashWave(environment: Environment, admin: Admin, isPlayed: IsPlayed): Wave {
  const chosen = Object.entries(CRASH_PLAYS).filter(([name]) => isPlayed(name))
  const meetings: Crash = {
    refused: new Meeting(chosen.length),
    kill: new Meeting(chosen.length, async () => {
      await killLeader(environment)
      await admin.clearFaults()
    }),
  }
  return waveOf(chosen, meetings)
}

const CRASH_PLAYS = {
  'F4 crash after the write': crashAfterWrite,
  'F5 crash before the write': crashBeforeWrite,
} satisfies Partial<Record<FaultName, MetPlay<Crash>>>

async function crashAfterWrite(ground: Ground, { refused, kill }: Crash): Promise<void> {
  await refused.come()
  await ground.fault({ operation: 'UpdateDistribution', latencyMs: ANSWER_MS, phase: 'AfterCommit' })
  await ground.site.apply(ground.write('2'))
  await ground.site.nextUpdate(1)
  // Nor can it read what became of the update, however long the kill takes.
  await ground.fault({ operation: 'GetDistribution', times: 10_000, code: 'Throttling' })
  await kill.come()
  const { status } = ground.site.follower.release() ?? {}
  expect(status?.traffic?.intent?.to).toBe(ground.next)
  expect(status?.traffic?.pointer).toContain(`housing-${ground.old} for`)
  expect(status?.attempt?.outcome).toBeUndefined()
  await ground.untilPromoted()
  ground.expectNeverStalled()
  const [, ...calls] = await ground.calls('UpdateDistribution')
  expect(calls.map(({ status: code }) => code)).toEqual([200])
}

async function crashBeforeWrite(ground: Ground, { refused, kill }: Crash): Promise<void> {
  // Refused again and again until the kill: nothing is accepted, and the operator keeps trying.
  await ground.fault({ operation: 'UpdateDistribution', code: 'Throttling', times: 100 })
  await ground.site.apply(ground.write('2'))
  await ground.untilIntent()
  await ground.refusals(1)
  await refused.come()
  await kill.come()
  expect(ground.site.follower.release()?.status?.traffic?.intent?.to).toBe(ground.next)
  expect(await ground.moves()).toHaveLength(1)
  const tried = (await ground.calls('UpdateDistribution')).length
  await ground.untilPromoted()
  ground.expectNeverStalled()
  const calls = (await ground.calls('UpdateDistribution')).slice(tried)
  expect(calls.map(({ status }) => status)).toEqual([200])
}

async function killLeader(environment: Environment): Promise<void> {
  const leader = await leaderPod(environment.kubectl)
  const victim = (await operatorProcesses(environment)).find(({ pod }) => pod === leader)
  if (!victim) throw new Error(`nobody leads (${leader ?? 'no holder'})`)
  await killInNode(environment.provider, victim)
}
