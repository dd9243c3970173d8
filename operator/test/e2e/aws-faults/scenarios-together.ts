/** Faults that strike every release: those of one kind strike at the same time. */
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from '@jest/globals'
import { killInNode, leaderPod, operatorProcesses } from '../../../../demo/operator-pods.ts'
import type { Environment } from '../../../../demo/environment.ts'
import { IDENTITY_HEADER, type Color } from '../../../api/names.ts'
import type { Admin } from './admin.ts'
import { conditionOf, type Fixture } from './fixture.ts'
import { ANSWER_MS } from './pace.ts'
import type { Scenario } from './scenario.ts'
import type { FaultName } from './table.ts'
import { Meeting } from './together.ts'

/** Faults that strike together, and where they wait for each other. */
export type Wave = { scenarios: Readonly<Record<string, Scenario>>; meetings: readonly Meeting[] }

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
} satisfies Partial<Record<FaultName, MetScenario<Edges>>>

/** A play that waits for the others of its wave. */
type MetScenario<Meetings> = (fixture: Fixture, meetings: Meetings) => Promise<void>

function waveOf<Meetings extends Record<string, Meeting>>(
  chosen: readonly [string, MetScenario<Meetings>][],
  meetings: Meetings,
): Wave {
  const scenarios = chosen.map(([name, scenario]): [string, Scenario] => [
    name,
    { scenario: (fixture) => scenario(fixture, meetings) },
  ])
  return { scenarios: Object.fromEntries(scenarios), meetings: Object.values(meetings) }
}

/** Longer than edges may take before it is told. */
const LONG_AGO_MS = 11 * 60_000

async function slowPropagation(fixture: Fixture, { held, half, released }: Edges): Promise<void> {
  await held.come()
  await fixture.site.apply(fixture.write('2', { retireAfterSeconds: 0 }))
  await fixture.until('propagating', ({ status }) => status?.traffic?.propagatingSince !== undefined)
  await fixture.remember()
  await propagatingSince(fixture, new Date(Date.now() - LONG_AGO_MS))
  await fixture.untilSaid('TrafficSwitched', 'PropagatingSlowly')
  const { status } = await fixture.until(
    'slow',
    (one) => conditionOf(one, 'Reconciling')?.reason === 'PropagatingSlowly',
  )
  expect(status?.attempt?.outcome).toBeUndefined()
  expect(status?.attempt?.direction).toBe('Forward')
  // Two looks more, and still nothing is done about it.
  await fixture.nextCall('GetDistribution')
  await fixture.nextCall('GetDistribution')
  await fixture.expectSamePods()
  await half.come()
  await released.come()
  await fixture.untilPromoted()
  expect(await fixture.moves()).toHaveLength(2)
}

/** Nobody waits ten minutes: the status, which is what the operator remembers it by, is dated back. */
async function propagatingSince({ environment, site }: Fixture, since: Date): Promise<void> {
  const propagatingSince = since.toISOString().replace(/\.\d+Z$/, 'Z')
  const path = `/apis/modelrelease.io/v1alpha1/namespaces/${site.place.namespace}/modelreleases/housing/status`
  const answer = await environment.api.request({
    ...{ method: 'PATCH', path, contentType: 'application/merge-patch+json' },
    body: JSON.stringify({ status: { traffic: { propagatingSince } } }),
  })
  expect(answer.status).toBe(200)
}

async function wayBack(fixture: Fixture, { held, half, released }: Edges): Promise<void> {
  await held.come()
  await fixture.site.apply(fixture.write('2'))
  await fixture.until('propagating', ({ status }) => status?.traffic?.propagatingSince !== undefined)
  await fixture.remember()
  await fixture.command('abort')
  // While no edge follows the first update, the second one is written.
  await fixture.until(
    'the way back',
    ({ status }) => status?.traffic?.pointer?.includes(`housing-${fixture.old} for`) === true,
  )
  expect(await fixture.moves()).toHaveLength(3)
  await fixture.expectSamePods()
  await half.come()
  expect(fixture.site.follower.release()?.status?.attempt?.outcome).toBeUndefined()
  await fixture.expectSamePods()
  await released.come()
  await fixture.until('the end', ({ status }) => status?.attempt?.outcome === 'Aborted')
  expect(await fixture.moves()).toHaveLength(3)
}

async function edgesDisagree(fixture: Fixture, { held, half, released }: Edges): Promise<void> {
  await held.come()
  await fixture.site.apply(fixture.write('2'))
  await fixture.until('propagating', ({ status }) => status?.traffic?.propagatingSince !== undefined)
  await fixture.remember()
  await half.come()
  const { next, old } = fixture
  expect(await answeringColors(fixture)).toEqual([next, old, next])
  // Two looks more, with the edge that is asked for the proof answering right all the time.
  await fixture.nextCall('GetDistribution')
  await fixture.nextCall('GetDistribution')
  const release = fixture.site.follower.release()
  expect(release?.status?.attempt?.outcome).toBeUndefined()
  expect(release && conditionOf(release, 'TrafficSwitched')?.reason).toBe('Propagating')
  await fixture.expectSamePods()
  await released.come()
  await fixture.untilPromoted()
  expect(await answeringColors(fixture)).toEqual([next, next, next])
}

/** Which color answers at each edge. */
async function answeringColors({ environment, site }: Fixture): Promise<(Color | undefined)[]> {
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

async function distributionDisabled(fixture: Fixture, { held, half, released }: Edges): Promise<void> {
  await fixture.remember()
  await held.come()
  // No edge follows yet, so viewers are still answered: what a disabled distribution does to them is not ours to mend.
  await fixture.foreignWrite({ enabled: false })
  await fixture.lookedAt('1')
  await fixture.site.apply(fixture.write('2'))
  await fixture.untilSaid('Stalled', 'DistributionDisabled')
  fixture.expectNothingBuilt()
  await fixture.expectSamePods()
  expect(await fixture.moves()).toHaveLength(1)
  await fixture.foreignWrite({ enabled: true })
  await fixture.site.apply(fixture.write('2', { retireAfterSeconds: 120 }))
  await fixture.until('the switch', ({ status }) => status?.traffic?.propagatingSince !== undefined)
  await half.come()
  await released.come()
  await fixture.untilPromoted()
  expect(await fixture.moves()).toHaveLength(2)
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
} satisfies Partial<Record<FaultName, MetScenario<Crash>>>

async function crashAfterWrite(fixture: Fixture, { refused, kill }: Crash): Promise<void> {
  await refused.come()
  await fixture.fault({ operation: 'UpdateDistribution', latencyMs: ANSWER_MS, phase: 'AfterCommit' })
  await fixture.site.apply(fixture.write('2'))
  await fixture.site.nextUpdate(1)
  // Nor can it read what became of the update, however long the kill takes.
  await fixture.fault({ operation: 'GetDistribution', times: 10_000, code: 'Throttling' })
  await kill.come()
  const { status } = fixture.site.follower.release() ?? {}
  expect(status?.traffic?.intent?.to).toBe(fixture.next)
  expect(status?.traffic?.pointer).toContain(`housing-${fixture.old} for`)
  expect(status?.attempt?.outcome).toBeUndefined()
  await fixture.untilPromoted()
  fixture.expectNeverStalled()
  const [, ...calls] = await fixture.calls('UpdateDistribution')
  expect(calls.map(({ status: code }) => code)).toEqual([200])
}

async function crashBeforeWrite(fixture: Fixture, { refused, kill }: Crash): Promise<void> {
  // Refused again and again until the kill: nothing is accepted, and the operator keeps trying.
  await fixture.fault({ operation: 'UpdateDistribution', code: 'Throttling', times: 100 })
  await fixture.site.apply(fixture.write('2'))
  await fixture.untilIntent()
  await fixture.refusals(1)
  await refused.come()
  await kill.come()
  expect(fixture.site.follower.release()?.status?.traffic?.intent?.to).toBe(fixture.next)
  expect(await fixture.moves()).toHaveLength(1)
  const tried = (await fixture.calls('UpdateDistribution')).length
  await fixture.untilPromoted()
  fixture.expectNeverStalled()
  const calls = (await fixture.calls('UpdateDistribution')).slice(tried)
  expect(calls.map(({ status }) => status)).toEqual([200])
}

async function killLeader(environment: Environment): Promise<void> {
  const leader = await leaderPod(environment.kubectl)
  const victim = (await operatorProcesses(environment)).find(({ pod }) => pod === leader)
  if (!victim) throw new Error(`nobody leads (${leader ?? 'no holder'})`)
  await killInNode(environment.provider, victim)
}
