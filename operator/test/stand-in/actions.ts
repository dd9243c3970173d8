/** What happens in a walk besides time: what users, other writers and AWS do, and how the operator dies. */
import fc from 'fast-check'
import type { Color } from '../../api/names.ts'
import type { Distribution, Spec } from '../../api/release.ts'
import { housing, knownHouse, type Behavior } from '../simulated-world.ts'
import { PATHS } from './edges.ts'

/** A distribution as the stand-in knows it; ids of distributions are `E` and 13 letters or digits. */
export const DISTRIBUTION = 'E1HOUSINGLOCAL'

export type Part = keyof typeof PATHS
export type SpecName = keyof typeof SPECS
export type Verb = 'undo' | 'abort' | 'retry'

export type Action =
  | { type: 'Apply'; spec: SpecName }
  | { type: 'Command'; verb: Verb }
  /** Another writer moves one behavior, or all of them, to a color that answers rightly. */
  | { type: 'PointElsewhere'; parts: Part | 'all'; color: Color }
  /** Another writer changes something that is none of ours. */
  | { type: 'Comment' }
  | { type: 'EtagBump' }
  | { type: 'Refuse'; operation: Operation; code: Code; times: number }
  | { type: 'DropAnswer' }
  | { type: 'LoseWrite' }
  | { type: 'DelayWrite'; seconds: number }
  | { type: 'HoldEdge'; edge: number; seconds: number }
  | { type: 'Propagation'; slowestSeconds: number }
  /** The operator dies at that point of waiting from now, and another starts after so many seconds. */
  | { type: 'Crash'; atPoint: number; awaySeconds: number }
  | { type: 'TimePasses'; seconds: number }

/** After so many passes of the operator, this happens. */
export type WalkStep = { passes: number; action: Action }
export type Walk = {
  /** Decides delays of propagation and jitter. */
  seed: number
  steps: WalkStep[]
}

const OPERATIONS = ['GetDistribution', 'UpdateDistribution', 'CreateInvalidation', '*'] as const
type Operation = (typeof OPERATIONS)[number]
/** How AWS refuses, with the HTTP status of each. */
export const CODES = {
  Throttling: 400,
  TooManyRequests: 429,
  ServiceUnavailable: 503,
  InternalError: 500,
  AccessDenied: 403,
  PreconditionFailed: 412,
  InvalidIfMatchVersion: 400,
} as const
type Code = keyof typeof CODES

type Changes = Partial<Spec> & {
  behavior?: Behavior
  distribution?: Partial<Distribution>
}

/** The release of the housing model through the stand-in. */
export function release(version: 1 | 2 | 3, { distribution = {}, ...changes }: Changes = {}): Spec {
  const spec = housing(version, { retireAfterSeconds: 120, progressDeadlineSeconds: 30, ...changes })
  const settings = spec.traffic.cloudFrontDistribution
  if (!settings) throw new Error('the housing release has a distribution')
  const cloudFrontDistribution = {
    ...settings,
    distributionId: DISTRIBUTION,
    behaviors: Object.keys(PATHS).map((pathPattern) => ({ pathPattern })),
    verify: { ...settings.verify, url: 'http://models.example.com/predict' },
    ...distribution,
  }
  return { ...spec, traffic: { ...spec.traffic, cloudFrontDistribution } }
}

const repaired: Changes['distribution'] = { driftPolicy: 'Repair', invalidationPaths: ['/ui/*'] }

/** What users apply, by the words in which a walk tells it. */
export const SPECS = {
  'version 1': release(1),
  'version 2': release(2),
  'version 3': release(3),
  'version 2, four pods': release(2, { replicas: 4 }),
  'version 3, one pod, not kept warm': release(3, { replicas: 1, retireAfterSeconds: 0 }),
  'version 2, which answers wrong': release(2, { behavior: 'wrong' }),
  'version 3, which crashes': release(3, { behavior: 'crashing' }),
  'version 2, which answers wrong through edges': release(2, { behavior: 'broken-through-edges' }),
  'version 3, which edges cannot reach': release(3, { behavior: 'lost-through-edges' }),
  'version 1 with a gate that it fails': release(1, { gates: [knownHouse(1)] }),
  'version 2 for the default behavior only': release(2, {
    distribution: { behaviors: [{ pathPattern: '*' }] },
  }),
  'version 2, repaired': release(2, { distribution: repaired }),
  'version 3, repaired': release(3, { distribution: repaired }),
}

/** What is right whatever was before; a gate of its own makes it an attempt that no failure of before stands in the way of. */
export const AT_LAST: Spec = release(1, { gates: [{ ...knownHouse(30.72), name: 'at-last' }] })

const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const seconds = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max })
/** Mostly no more than a minute: while edges differ, the operator looks every five seconds. */
const mostlyShort = (max: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 4, arbitrary: seconds(60) }, { weight: 1, arbitrary: seconds(max) })

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: record({
      type: oneOf('Apply' as const),
      spec: oneOf(...(Object.keys(SPECS) as SpecName[])),
    }),
  },
  {
    weight: 3,
    arbitrary: record({ type: oneOf('Command' as const), verb: oneOf<Verb>('undo', 'abort', 'retry') }),
  },
  {
    weight: 2,
    arbitrary: record({
      type: oneOf('PointElsewhere' as const),
      parts: oneOf<Part | 'all'>('all', '*', '/v2/*'),
      color: oneOf<Color>('blue', 'green'),
    }),
  },
  { weight: 1, arbitrary: record({ type: oneOf('Comment' as const) }) },
  { weight: 1, arbitrary: record({ type: oneOf('EtagBump' as const) }) },
  {
    weight: 3,
    arbitrary: record({
      type: oneOf('Refuse' as const),
      operation: oneOf(...OPERATIONS),
      code: oneOf(...(Object.keys(CODES) as Code[])),
      times: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: record({ type: oneOf('DropAnswer' as const) }) },
  { weight: 1, arbitrary: record({ type: oneOf('LoseWrite' as const) }) },
  { weight: 2, arbitrary: record({ type: oneOf('DelayWrite' as const), seconds: seconds(20) }) },
  {
    weight: 2,
    arbitrary: record({
      type: oneOf('HoldEdge' as const),
      edge: fc.integer({ min: 1, max: 3 }),
      seconds: mostlyShort(700),
    }),
  },
  {
    weight: 1,
    arbitrary: record({ type: oneOf('Propagation' as const), slowestSeconds: mostlyShort(400) }),
  },
  {
    weight: 3,
    arbitrary: record({
      type: oneOf('Crash' as const),
      atPoint: fc.integer({ min: 1, max: 40 }),
      awaySeconds: seconds(200),
    }),
  },
  { weight: 2, arbitrary: record({ type: oneOf('TimePasses' as const), seconds: mostlyShort(700) }) },
)

/** Every walk begins with version 1 applied to a distribution that leads to nothing yet. */
export const walks: fc.Arbitrary<Walk> = record({
  seed: fc.nat(),
  steps: fc.array(record({ passes: fc.nat(18), action }), { minLength: 1, maxLength: 9 }),
})

/** A walk for whoever has to understand it: a line for each thing that happens. */
export function tell({ seed, steps }: Walk): string {
  return [`seed ${seed}`, ...steps.map(tellStep)].join('\n')
}

function tellStep({ passes, action: { type, ...details } }: WalkStep): string {
  const words = Object.entries(details).map(([name, value]) => `${name} ${String(value)}`)
  return `after ${passes} passes: ${[type, ...words].join(', ')}`
}
