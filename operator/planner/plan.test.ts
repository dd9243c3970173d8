import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { COLORS, type Color } from '../api/names.ts'
import type { ModelRelease, Spec, Status } from '../api/release.ts'
import { housing, housingBehindService, knownHouse } from '../test/fakes/simulated-world.ts'
import { attemptAt, holding, pointingAt, promotedWorld, storedOf } from '../test/fakes/worlds.ts'
import { keyOf, without } from './state/persisted-state.ts'
import { plan, type Plan } from './plan.ts'
import { servingColors, viewOf } from './model/pointer-view.ts'
import { attemptIdOf, revisionOf } from './model/revision.ts'
import { fingerprintOf, readyPods, unanswering, unavailable } from './model/color.ts'
import type {
  ColorState,
  PointerReading,
  PodState,
  Action,
  StoredRevision,
  Observation,
} from './model/observation.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const SEED = Number(process.env.FC_SEED ?? 20_260_101)
/** A failing run prints its seed and path; FC_SEED=<seed> brings it back. */
const RUNS = { numRuns: Number(process.env.FC_RUNS ?? 3000), seed: SEED }

function withOrigins(spec: Spec, origins: { blue: string; green: string }): Spec {
  const distribution = spec.traffic.cloudFrontDistribution
  if (!distribution) return spec
  return { ...spec, traffic: { ...spec.traffic, cloudFrontDistribution: { ...distribution, origins } } }
}

function withTemplate(template: Record<string, unknown>): Spec {
  return { ...without(housingBehindService(1), 'model'), template }
}

const SPECS: Spec[] = [
  housing(1),
  housing(2),
  housing(2, { gates: [knownHouse(1)] }),
  housing(3, { replicas: 5, retireAfterSeconds: 0, failedCandidateRetentionSeconds: 60 }),
  housing(1, { deletionPolicy: 'Delete', gates: [] }),
  withOrigins(housing(2), { blue: 'housing-green', green: 'housing-blue' }),
  withOrigins(housing(2), { blue: 'housing-blue', green: 'nowhere' }),
  housingBehindService(1),
  housingBehindService(2, { replicas: 1 }),
  withTemplate({}),
  withTemplate({ spec: { containers: 'none' } }),
  withTemplate({ spec: { containers: [null, { name: 7, ports: 'all', env: {} }] } }),
]

const VALID = SPECS.filter((spec) => spec.model)
const REVISIONS = [...new Set(VALID.map(revisionOf))]
const ATTEMPTS = [...new Set(VALID.map((spec) => attemptIdOf(spec)))]

function releaseOf(spec: Spec, generation: number): ModelRelease {
  const metadata = { name: 'housing', namespace: 'models', uid: 'u', generation, resourceVersion: '1' }
  return { metadata, spec }
}

const stored: fc.Arbitrary<StoredRevision[]> = fc.subarray(
  VALID.map((spec, index) => storedOf(spec, { serverImage: 'model-server:1' }, releaseOf(spec, index + 1))),
)

const oneOf = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const revision = oneOf(...REVISIONS)
const yesNo = oneOf<'Yes' | 'No'>('Yes', 'No')
/** Mostly Yes, so that worlds come far enough for a decision. */
const mostlyYes = oneOf<'Yes' | 'No'>('Yes', 'Yes', 'Yes', 'Yes', 'No')

/** The object without the fields that are undefined, as the API server would return it. */
function defined<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

type Pods = Pick<PodState, 'ready' | 'revision'>[]

function podsOf(color: Color, pods: Pods): PodState[] {
  return pods.map((pod, index) => ({ name: `${color}-${index}`, ip: '10.0.0.1', ...pod }))
}

const workload = fc.record({
  uid: oneOf('d-1'),
  resourceVersion: oneOf('1'),
  revision,
  replicas: fc.integer({ min: 0, max: 4 }),
  observed: mostlyYes,
  ownership: oneOf<'Owned' | 'Free'>('Free', 'Free', 'Owned'),
  leaving: oneOf<'Yes' | 'No'>('No', 'No', 'No', 'No', 'Yes'),
})

const anyPods: fc.Arbitrary<Pods> = fc.array(
  fc.record({ ready: oneOf<PodState['ready']>('Yes', 'Yes', 'Yes', 'No', 'Terminating'), revision }),
  { maxLength: 5 },
)

const serviceOf = (color: Color): fc.Arbitrary<ColorState['service']> =>
  maybe(
    fc
      .record({
        origin: maybe(oneOf(`E123EXAMPLE/housing-${color}`, `Service/${color}`, `E9/housing-${color}`, 'x')),
        targetPort: oneOf(8080, 8080, 9090),
        ownership: oneOf<'Owned' | 'Free'>('Free', 'Owned'),
      })
      .map((one) => defined({ uid: `s-${color}`, resourceVersion: '1', address: '10.1.0.1', ...one })),
  ) as fc.Arbitrary<ColorState['service']>

/** A color, most often with as many ready pods as it wants. */
const colorState = (color: Color): fc.Arbitrary<ColorState> =>
  fc
    .record({ workload: maybe(workload), pods: anyPods, whole: mostlyYes, service: serviceOf(color) })
    .map(({ workload, pods, whole, service }) => {
      const wanted = workload && whole === 'Yes' ? Math.max(1, workload.replicas) : 0
      const all = Array.from({ length: wanted }, () => ({
        ready: 'Yes' as const,
        revision: workload?.revision ?? '',
      }))
      return defined({ workload, pods: podsOf(color, wanted > 0 ? all : pods), service }) as ColorState
    })

const name = oneOf('housing-blue', 'housing-green', 'blue', 'green', 'maintenance', '')
const token = oneOf('v1', 'v2')

const pointer: fc.Arbitrary<PointerReading> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: oneOf('Read' as const),
      token,
      targets: fc.oneof(
        { weight: 4, arbitrary: name.map((names) => [{ part: '*', names }]) },
        {
          weight: 1,
          arbitrary: fc.array(fc.record({ part: oneOf('*', '/ui/*'), names: name }), { maxLength: 2 }),
        },
      ),
      origins: oneOf(['housing-blue', 'housing-green', 'blue', 'green'], ['housing-blue']),
      propagated: mostlyYes,
      timeoutSeconds: oneOf(30, 60),
    }),
  },
  {
    weight: 1,
    arbitrary: oneOf<PointerReading>(
      { type: 'Absent' },
      { type: 'Unreachable', message: 'no answer' },
      { type: 'Unusable', reason: 'AccessDenied', message: 'denied' },
    ),
  },
)

const instant = oneOf(
  '2025-12-31T23:00:00Z',
  '2025-12-31T23:59:50Z',
  '2026-01-01T00:00:00Z',
  '2026-01-01T01:00:00Z',
)
const outcome = oneOf<'Promoted' | 'Aborted' | 'RolledBack' | 'Superseded' | 'Failed'>(
  'Promoted',
  'Promoted',
  'Aborted',
  'RolledBack',
  'Superseded',
  'Failed',
)
const color = oneOf<Color>('blue', 'green')
const gateResult = oneOf<'Passed' | 'Failed' | 'Unknown'>('Passed', 'Passed', 'Passed', 'Failed', 'Unknown')
const pods = oneOf(
  ['blue-0', 'blue-1', 'blue-2', 'blue-3', 'green-0', 'green-1', 'green-2', 'green-3'],
  ['blue-0'],
  [],
)

/** Statuses as this, an older or no operator at all may have left them. */
const status: fc.Arbitrary<Status> = fc
  .record({
    observedGeneration: maybe(fc.integer({ min: 1, max: 4 })),
    liveColor: maybe(color),
    attempt: maybe(
      fc
        .record({
          id: fc.oneof(oneOf(...ATTEMPTS), oneOf('old-attempt')),
          startedAt: instant,
          deadline: fc.oneof(instant, oneOf('no date')),
          builds: maybe(color),
          direction: oneOf<'Forward' | 'Back'>('Forward', 'Forward', 'Back'),
          outcome: maybe(outcome),
          reason: maybe(oneOf('VerifyFailed', 'Undone', 'Aborted', 'GateFailed')),
          logs: maybe(oneOf('last words')),
        })
        .map((attempt) => ({ ...attempt, revision: attempt.id.split('-')[0] ?? '' })),
    ),
    gates: maybe(
      fc.record({
        key: fc.oneof(oneOf(...ATTEMPTS), oneOf(...ATTEMPTS.map((id) => `${id}/Back`))),
        result: gateResult,
        pods,
        results: fc.constant([]),
      }),
    ),
    traffic: maybe(
      fc.record({
        verified: maybe(revision),
        intent: maybe(fc.record({ to: color, token, attempt: oneOf(...ATTEMPTS) })),
      }),
    ),
    colors: maybe(
      fc.record({
        blue: maybe(
          fc.record({
            revision,
            replicas: fc.constant(2),
            ready: fc.constant(2),
            idleSince: maybe(fc.oneof(instant, oneOf('no date'))),
          }),
        ),
        green: maybe(
          fc.record({ revision, replicas: fc.constant(2), ready: fc.constant(2), idleSince: maybe(instant) }),
        ),
      }),
    ),
    history: fc.array(
      fc.record({
        attempt: oneOf(...ATTEMPTS),
        revision,
        outcome,
        endedAt: fc.oneof(instant, oneOf('no date')),
      }),
      { maxLength: 2 },
    ),
    command: maybe(
      fc.record({
        value: oneOf('undo/x/1'),
        result: oneOf<'Accepted' | 'Refused'>('Accepted', 'Refused'),
        message: oneOf(''),
      }),
    ),
  })
  .map((one) => defined(one) as unknown as Status)

const commandText = fc.oneof(
  fc
    .tuple(oneOf('undo', 'abort', 'retry', 'promote', ''), oneOf(...ATTEMPTS, 'x'), oneOf('1', ''))
    .map((parts) => parts.join('/')),
  fc.string({ maxLength: 400 }),
)

const observation: fc.Arbitrary<Observation> = fc
  .record({
    spec: oneOf(...SPECS),
    generation: fc.integer({ min: 1, max: 4 }),
    status: maybe(status),
    /** Make the status speak of the attempt that the spec asks for, so that the rules behind it are reached. */
    fits: mostlyYes,
    command: maybe(commandText),
    blue: colorState('blue'),
    green: colorState('green'),
    revisions: stored,
    pointer,
    claim: oneOf<Observation['claim']>(
      { type: 'Held' },
      { type: 'Held' },
      { type: 'Free' },
      { type: 'Taken', part: '*', by: 'a/b' },
    ),
    firstReconcile: yesNo,
  })
  .map(({ spec, generation, status, fits, command, blue, green, ...rest }) => {
    const attempt = status?.attempt && {
      ...status.attempt,
      id: attemptIdOf(spec),
      revision: revisionOf(spec),
    }
    const fitting = attempt && {
      ...status,
      attempt,
      observedGeneration: generation,
      ...(status.gates ? { gates: { ...status.gates, key: keyOf(attempt) } } : {}),
      ...(status.traffic?.intent
        ? { traffic: { ...status.traffic, intent: { ...status.traffic.intent, attempt: keyOf(attempt) } } }
        : {}),
    }
    const release = releaseOf(spec, generation)
    const said = fits === 'Yes' && fitting ? fitting : status
    return {
      ...rest,
      now: NOW,
      defaults: { serverImage: 'model-server:1' },
      colors: { blue, green },
      release: {
        ...release,
        metadata: {
          ...release.metadata,
          ...(command === undefined ? {} : { annotations: { 'modelrelease.io/command': command } }),
        },
        ...(said ? { status: said } : {}),
      },
    }
  })

describe('a candidate that has been proven', () => {
  const spec = housing(2, { minReadySeconds: 10 })
  const blue = (lastedMs?: number): ColorState => {
    const state = holding(spec, 'blue')
    return lastedMs === undefined
      ? state
      : { ...state, pods: state.pods.map((pod) => ({ ...pod, lastedMs })) }
  }
  /** It has been whole for so many milliseconds. */
  const planned = (ms: number, state = blue()): Plan => {
    const attempt = attemptAt(spec)
    const fingerprint = fingerprintOf(state)
    const readySince = new Date(NOW - ms).toISOString()
    const status: Status = {
      observedGeneration: 2,
      liveColor: 'green',
      attempt,
      gates: { key: attempt.id, result: 'Passed', pods: ['blue-0', 'blue-1'], results: [], fingerprint },
      traffic: { intent: { to: 'blue', token: 'v7', attempt: attempt.id } },
      colors: { blue: { revision: attempt.revision, replicas: 2, ready: 2, readySince, fingerprint } },
    }
    const { colors, ...observation } = promotedWorld({ pointer: pointingAt('housing-green') })
    return plan({
      ...observation,
      colors: { ...colors, blue: state },
      release: { ...releaseOf(spec, 2), status },
      revisions: [...observation.revisions, storedOf(spec)],
    })
  }
  test('is switched to when it has been ready for spec.minReadySeconds', () =>
    expect(planned(10_000).action?.type).toBe('MovePointer'))
  test('is waited for until exactly then', () =>
    expect(planned(7500)).toMatchObject({ requeueAfterMs: 2500, status: { phase: 'Switching' } }))
  test('must outlast its containers that have ended', () =>
    expect(planned(10_000, blue(4000))).toMatchObject({ requeueAfterMs: 4000 }))
  test('is not waited for as long as they lasted where that was for hours', () =>
    expect(planned(10_000, blue(3_600_000))).toMatchObject({ requeueAfterMs: 60_000 }))
})

function always(property: (observation: Observation, planned: Plan) => void): void {
  fc.assert(
    fc.property(observation, (one) => property(one, plan(one))),
    RUNS,
  )
}

type StepOf<T extends Action['type']> = Extract<Action, { type: T }>

function everyStep<T extends Action['type']>(
  type: T,
  property: (observation: Observation, step: StepOf<T>, rule: string) => void,
): number {
  let seen = 0
  always((one, { action, rule }) => {
    if (action?.type !== type) return
    seen += 1
    property(one, action as StepOf<T>, rule ?? '')
  })
  return seen
}

function edgesMayRouteTo({ release, pointer: reading, colors }: Observation, one: Color): boolean {
  return servingColors(viewOf(release.spec, reading, colors)).includes(one)
}

describe('in any world', () => {
  test('a plan is made, and made again the same', () => {
    always((one, planned) => {
      expect(plan(structuredClone(one))).toEqual(planned)
      expect(planned.requeueAfterMs ?? 0).toBeGreaterThanOrEqual(0)
    })
  })

  test('what a step brought back is told without harm', () => {
    const did = oneOf<NonNullable<Observation['result']>>(
      { type: 'Verified', result: { type: 'Wrong', message: 'wrong' } },
      { type: 'Verified', result: { type: 'New' } },
      {
        type: 'GatesRan',
        key: ATTEMPTS[0] ?? '',
        pods: ['blue-0'],
        results: [{ name: 'g', result: 'Failed' }],
      },
      { type: 'LogsCollected', logs: '' },
      { type: 'Refused', action: 'ScaleWorkload', reason: 'AccessDenied', message: 'no' },
    )
    fc.assert(
      fc.property(observation, did, (one, done) => {
        const told = plan({ ...one, result: done })
        if (done.type === 'Refused') expect(told.requeueAfterMs).toBeGreaterThan(1000)
      }),
      RUNS,
    )
  })

  test('the pointer is moved only to what is available, proven and written down', () => {
    const seen = everyStep('MovePointer', (one, step, rule) => {
      if (step.to === 'adopted') return
      const { to } = step
      const { attempt, gates, traffic } = one.release.status ?? {}
      const isBack = rule === 'pointerGone' || attempt?.direction === 'Back'
      expect((isBack ? unanswering : unavailable)(one.colors[to])).toBeUndefined()
      if (rule === 'pointerGone') return
      const key = attempt && keyOf(attempt)
      const current = one.pointer.type === 'Read' ? one.pointer.token : 'absent'
      expect(traffic?.intent).toEqual({ to: step.to, token: current, attempt: key })
      expect(step.token).toBe(current)
      expect(gates).toMatchObject({ key, result: 'Passed' })
      const asked = readyPods(one.colors[to]).filter(({ name }) => gates?.pods.includes(name))
      expect(asked.length).toBeGreaterThanOrEqual(isBack ? 1 : readyPods(one.colors[to]).length)
    })
    expect(seen).toBeGreaterThan(0)
  })

  test('nothing is removed that an edge may route to, or that a move is decided to', () => {
    const seen = everyStep('RemoveWorkload', (one, step) => {
      expect(edgesMayRouteTo(one, step.color)).toBe(false)
      if (one.release.status?.attempt?.id === attemptIdOf(one.release.spec))
        expect(one.release.status.traffic?.intent?.to).not.toBe(step.color)
    })
    expect(seen).toBeGreaterThan(0)
  })

  test('nothing that serves shrinks while the pointer moves', () => {
    const seen = everyStep('ScaleWorkload', (one, step) => {
      const moving =
        one.release.status?.traffic?.intent !== undefined ||
        (one.pointer.type === 'Read' && one.pointer.propagated === 'No')
      if (!moving || !edgesMayRouteTo(one, step.color)) return
      expect(step.replicas).toBeGreaterThan(one.colors[step.color].workload?.replicas ?? 0)
    })
    expect(seen).toBeGreaterThan(0)
  })

  test('what is written down leads to a step or to rest, never round in a circle', () => {
    always((one, first) => {
      let planned = first
      for (let turn = 0; turn < 12; turn += 1) {
        if (planned.action) return
        const next = plan({ ...one, release: { ...one.release, status: planned.status } })
        if (JSON.stringify(next.status) === JSON.stringify(planned.status) && !next.action) {
          // At rest there is nothing to be looked at again at once, and nothing to be told twice.
          expect(next.requeueAfterMs).not.toBe(0)
          expect(next.events).toEqual([])
          return
        }
        planned = next
      }
      throw new Error(`no rest: ${planned.rule ?? ''}`)
    })
  })

  test('colors are never both the goal and gone', () => {
    always((one, { status: said }) => {
      for (const each of COLORS)
        if (said.colors?.[each]?.replicas) expect(one.colors[each].workload).toBeDefined()
    })
  })
})

describe('a pointer whose changes nobody watches', () => {
  const kept = (expiresInMs: number): Observation =>
    promotedWorld({
      pointer: { ...pointingAt('housing-blue'), fresh: 'No', expiresAt: NOW + expiresInMs },
      colors: { ...promotedWorld().colors, green: { pods: [] } },
    })

  test.each([
    ['when it is too old', 240_000, 240_000],
    ['soon where it is too old already', -5000, 1000],
  ])('is looked at again %s', (_, expiresInMs, requeueAfterMs) => {
    expect(plan(kept(expiresInMs)).requeueAfterMs).toBe(requeueAfterMs)
  })

  test('is looked at closely while edges do not agree, though somebody else moved it and nothing is to be done', () => {
    const moved = pointingAt('housing-green', 'No')
    const { rule, requeueAfterMs } = plan(promotedWorld({ pointer: { ...moved, expiresAt: NOW + 300_000 } }))
    expect({ rule, requeueAfterMs }).toEqual({ rule: undefined, requeueAfterMs: 5000 })
  })

  test.each([
    ['as closely as any, for as long as it is on its way', 40_000, 5000],
    ['when it stands', 3000, 3000],
    ['soon where it should stand already', 0, 250],
  ])('where time alone tells, is looked at %s', (_, propagatesInMs, requeueAfterMs) => {
    const pointer = { ...pointingAt('housing-green', 'No'), propagatesAt: NOW + propagatesInMs }
    const running = promotedWorld({ status: { attempt: attemptAt(housing(2)) } })
    for (const { release } of [promotedWorld(), running])
      expect(plan({ ...promotedWorld(), release, pointer }).requeueAfterMs).toBe(requeueAfterMs)
  })

  test('is looked at sooner where something waits for it', () => {
    const observation = kept(240_000)
    const pointer = { ...pointingAt('housing-blue', 'No'), expiresAt: NOW + 240_000 }
    const running = promotedWorld({ status: { attempt: attemptAt(housing(2)) } })
    expect(plan({ ...observation, release: running.release, pointer }).requeueAfterMs).toBeLessThanOrEqual(
      5000,
    )
  })
})
