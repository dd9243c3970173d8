import { describe, expect, test } from '@jest/globals'
import type { KeyValueStore, Spec, Status } from '../../api/release.ts'
import { housingBehindStore } from '../../test/fakes/simulated-world.ts'
import {
  attemptAt,
  holding,
  NOW,
  pointingAt,
  promotedWorld,
  releaseOf,
  storedOf,
} from '../../test/fakes/worlds.ts'
import { nextWeight } from './canary.ts'
import { plan } from '../plan.ts'
import { contextOf } from '../context.ts'
import { fingerprintOf } from '../model/color.ts'
import type { CanaryReading, PodState, Observation } from '../model/observation.ts'

const canary = [
  { weight: 10, holdSeconds: 60 },
  { weight: 50, holdSeconds: 60 },
]
const before = housingBehindStore(1)

/** Version 1 is live in green, version 2 stands in blue, its gates passed, and something of it was decided. */
function worldOf(
  settings: Partial<KeyValueStore>,
  { gates = '', weight, since }: { gates?: string; weight?: number; since?: number },
): Observation {
  const spec: Spec = housingBehindStore(2, { canary, ...settings })
  const attempt = attemptAt(spec)
  const share = weight === undefined ? {} : { weight }
  const at = (ms: number): string => new Date(ms).toISOString()
  const status: Status = {
    observedGeneration: 2,
    liveColor: 'green',
    attempt,
    gates: {
      key: `${attempt.id}${gates}`,
      result: 'Passed',
      pods: ['blue-0', 'blue-1'],
      results: [],
      fingerprint: fingerprintOf(holding(spec, 'blue')),
    },
    traffic: {
      intent: { to: 'blue', token: 'v7', attempt: attempt.id, ...share },
      ...(since === undefined
        ? {}
        : { canary: { color: 'blue', weight: 10, since: at(since), until: at(since + 60_000) } }),
    },
  }
  return promotedWorld({
    release: releaseOf(spec, status),
    colors: { blue: holding(spec, 'blue'), green: holding(before, 'green') },
    revisions: [before, spec].map((one) => storedOf(one)),
    pointer: {
      ...pointingAt('housing-green'),
      ...(since === undefined ? {} : { canary: { names: 'housing-blue', weight: 10, salt: attempt.id } }),
    },
  })
}

type Result = NonNullable<Status['gates']>['result']

/** The same when the gates have just been asked. */
function answering(observation: Observation, { now, result }: { now: number; result: Result }): Observation {
  const key = `${observation.release.status?.attempt?.id ?? ''}/during-10`
  const results = [{ name: 'known-house', result }]
  return { ...observation, now, result: { type: 'GatesRan', key, pods: ['blue-0', 'blue-1'], results } }
}

/** The same with more in the status about the step, and about what the gates said last. */
function remembering(
  observation: Observation,
  share: Partial<Share>,
  result: Result = 'Passed',
): Observation {
  const { gates, traffic } = observation.release.status ?? {}
  if (!gates || !traffic?.canary) throw new Error('no step is held')
  const canary = { ...traffic.canary, ...share }
  const status: Status = {
    ...observation.release.status,
    gates: { ...gates, result },
    traffic: { ...traffic, canary },
  }
  return { ...observation, release: { ...observation.release, status } }
}

type Share = NonNullable<NonNullable<Status['traffic']>['canary']>

function podOf({ colors }: Observation, name: string): PodState {
  const [pod] = colors.blue.pods
  if (!pod) throw new Error('blue has no pod')
  return { ...pod, name }
}

describe('the first step', () => {
  const { attempt } = worldOf({}, {}).release.status ?? {}

  test('sends its share to the candidate and leaves the rest where it is', () => {
    const { action, rule } = plan(worldOf({}, { weight: 10 }))
    expect({ action, rule }).toMatchObject({
      rule: 'switching',
      action: { type: 'MovePointer', names: 'housing-blue', live: 'housing-green', weight: 10, token: 'v7' },
    })
    expect(action).toHaveProperty('salt', attempt?.id)
    expect(action).not.toHaveProperty('clientHeader')
  })

  test('tells by what a client is known', () => {
    const { action } = plan(worldOf({ canaryClientHeader: 'x-user-id' }, { weight: 10 }))
    expect(action).toHaveProperty('clientHeader', 'x-user-id')
  })

  test('is decided anew where all clients were to go', () => {
    expect(plan(worldOf({}, {})).status.traffic?.intent).toMatchObject({ to: 'blue', weight: 10 })
  })
})

describe('a share that somebody else wrote', () => {
  const held = worldOf({}, { weight: 10, since: NOW - 20_000 })
  const shared = (changes: Partial<CanaryReading>): Observation => {
    const { pointer } = held
    if (pointer.type !== 'Read' || !pointer.canary) throw new Error('there is no share')
    return { ...held, pointer: { ...pointer, canary: { ...pointer.canary, ...changes } } }
  }

  test.each<[string, Partial<CanaryReading>]>([
    ['another size', { weight: 30 }],
    ['the same size and other clients', { salt: 'another' }],
    ['the same size and clients told by another header', { header: 'x-session' }],
  ])('of %s is brought back', (_name, changes) => {
    const { rule, status } = plan(shared(changes))
    expect(rule).toBe('canaryWithdrawn')
    expect(status.traffic?.intent).toEqual(expect.not.objectContaining({ weight: 10 }))
  })
})

describe('a step that is held', () => {
  const held = worldOf({}, { weight: 10, since: NOW - 20_000 })

  test('says the share and not the time that is left, which is in the status', () => {
    const { status, requeueAfterMs } = plan(held)
    expect(status.conditions?.find(({ type }) => type === 'Reconciling')).toMatchObject({
      reason: 'Canary',
      message: '10 % of the clients go to blue',
    })
    expect(status).toMatchObject({ phase: 'Canary', liveColor: 'green' })
    expect(status.traffic).toMatchObject({ canary: { until: '2026-01-01T00:00:40.000Z' } })
    expect(requeueAfterMs).toBe(10_000)
  })

  test('is followed by no question where the release names no gates', () => {
    const silent = { ...held, revisions: held.revisions.map((stored) => ({ ...stored, gates: [] })) }
    expect(plan({ ...silent, now: NOW + 20_000 })).toMatchObject({
      rule: 'canarying',
      requeueAfterMs: 20_000,
    })
    expect(plan({ ...silent, now: NOW + 20_000 })).not.toHaveProperty('step')
  })

  const asked = (weight: number): RegExp => new RegExp(`/during-${weight}$`)

  test('has its gates asked every half minute, under a key of their own', () => {
    const key = expect.stringMatching(asked(10)) as unknown
    expect(plan({ ...held, now: NOW + 10_000 }).action).toMatchObject({ type: 'RunGates', key })
    const { canary } = plan(answering(held, { now: NOW + 10_000, result: 'Passed' })).status.traffic ?? {}
    expect(canary).toMatchObject({ askedAt: '2026-01-01T00:00:10Z' })
    const later = remembering(held, { askedAt: '2026-01-01T00:00:10Z' })
    expect(plan({ ...later, now: NOW + 39_000 })).toMatchObject({ rule: 'canarying', requeueAfterMs: 1000 })
  })

  test('has a pod asked that has come meanwhile, as soon as it is ready', () => {
    const blue = { ...held.colors.blue, pods: [...held.colors.blue.pods, podOf(held, 'blue-9')] }
    expect(plan({ ...held, colors: { ...held.colors, blue } }).action).toMatchObject({
      type: 'RunGates',
      pods: [{ name: 'blue-0' }, { name: 'blue-1' }, { name: 'blue-9' }],
    })
  })

  test('is given up when the gates are answered wrongly', () => {
    const { status } = plan(answering(held, { now: NOW + 10_000, result: 'Failed' }))
    expect(status.attempt).toMatchObject({ direction: 'Back', reason: 'CanaryFailed' })
  })

  test('bears no usable answer for half a minute, and asks every five seconds meanwhile', () => {
    const told = plan(answering(held, { now: NOW + 10_000, result: 'Unknown' }))
    expect(told.requeueAfterMs).toBe(5000)
    expect(told.status.traffic?.canary).toMatchObject({ unansweredSince: '2026-01-01T00:00:10Z' })
    const at = { askedAt: '2026-01-01T00:00:30Z', unansweredSince: '2026-01-01T00:00:10Z' }
    const unanswered = remembering(worldOf({}, { weight: 10, since: NOW }), at, 'Unknown')
    expect(plan({ ...unanswered, now: NOW + 34_000 })).not.toHaveProperty('step')
    expect(plan({ ...unanswered, now: NOW + 35_000 }).action).toMatchObject({ type: 'RunGates' })
    const over = { ...unanswered, now: NOW + 40_000 }
    expect(plan(over).status.attempt).toMatchObject({ direction: 'Back', reason: 'CanaryFailed' })
    expect(plan({ ...over, firstReconcile: 'Yes' }).status.attempt).toMatchObject({ direction: 'Forward' })
  })

  test('forgets a silence that an answer has ended', () => {
    const unanswered = remembering(held, { unansweredSince: '2026-01-01T00:00:05Z' }, 'Unknown')
    const { canary } =
      plan(answering(unanswered, { now: NOW + 10_000, result: 'Passed' })).status.traffic ?? {}
    expect(canary).not.toHaveProperty('unansweredSince')
  })

  test('keeps both colors: each serves', () => {
    expect(contextOf(held).serving).toEqual(['blue', 'green'])
  })

  test('is followed by the gates under a key of their own, then by the next share with the same salt', () => {
    const over = worldOf({}, { weight: 10, since: NOW - 60_000 })
    const { attempt } = over.release.status ?? {}
    expect(plan(over).action).toMatchObject({ type: 'RunGates', key: `${attempt?.id ?? ''}/after-10` })
    const passed = worldOf({}, { gates: '/after-10', weight: 50, since: NOW - 60_000 })
    expect(plan(passed).action).toMatchObject({ type: 'MovePointer', weight: 50, salt: attempt?.id })
  })
})

test('what the operator has not seen since it started is looked at once before its time counts', () => {
  const over = worldOf({}, { weight: 10, since: NOW - 60_000 })
  const key = expect.stringMatching(/during-10$/) as unknown
  expect(plan({ ...over, firstReconcile: 'Yes' }).action).toMatchObject({ type: 'RunGates', key })
})

test('after the last share it is everybody’s turn', () => {
  const context = contextOf(worldOf({}, {}))
  expect([0, 10, 50].map((weight) => nextWeight(context, weight))).toEqual([10, 50, undefined])
})
