/** What happens in a walk besides time: what users, other writers and AWS do, and how the operator dies. */
import fc from 'fast-check'
import type { Color } from '../../../api/names.ts'
import type { Part } from './edges.ts'
import { SITES, type Kind } from './sites.ts'

export type Verb = 'undo' | 'abort' | 'retry'

export type Action =
  | { type: 'Apply'; spec: string }
  | { type: 'Command'; verb: Verb }
  | { type: 'WipeStatus' }
  /** No pod of a color that serves nobody is ready for so many seconds. */
  | { type: 'Sicken'; color: Color; seconds: number }
  /** The operator dies at that point of waiting from now, and another starts after so many seconds. */
  | { type: 'Crash'; atPoint: number; awaySeconds: number }
  | { type: 'TimePasses'; seconds: number }
  | AwsAction

/** What AWS, the way to it and other writers do. */
export type AwsAction =
  /** Another writer moves one behavior, or all of them, to a color that answers rightly. */
  | { type: 'PointElsewhere'; parts: Part | 'all'; color: Color }
  /** Another writer has the key name a color that answers rightly, and another for a share of the clients. */
  | { type: 'WriteKey'; color: Color; weight: number }
  /** Another writer leaves nothing that the function could follow to where the behaviors answer rightly. */
  | { type: 'SpoilKey'; how: 'Delete' | 'Garble' }
  /** Another writer changes something that is none of ours. */
  | { type: 'Comment' }
  | { type: 'OtherKey' }
  | { type: 'EtagBump' }
  | { type: 'Refuse'; operation: string; code: Code; times: number }
  | { type: 'DropAnswer'; operation: string }
  | { type: 'LoseWrite' }
  /** Another writer changes something that is none of ours while the operator's next write is on its way. */
  | { type: 'Overtake' }
  | { type: 'DelayWrite'; seconds: number }
  | { type: 'HoldEdge'; edge: number; seconds: number }
  | { type: 'Propagation'; slowestSeconds: number }

/** After so many reconciles of the operator, this happens. */
export type WalkStep = { passes: number; action: Action }
export type Walk = {
  kind: Kind
  /** Decides delays of propagation and jitter. */
  seed: number
  steps: WalkStep[]
}

/** How AWS refuses, with the HTTP status of each. */
export const CODES = {
  Throttling: 400,
  TooManyRequests: 429,
  ServiceUnavailable: 503,
  InternalError: 500,
  AccessDenied: 403,
  PreconditionFailed: 412,
  InvalidIfMatchVersion: 400,
  ConflictException: 409,
} as const
export type Code = keyof typeof CODES

const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const seconds = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max })
/** Mostly no more than a minute: while edges differ, the operator looks every five seconds. */
const mostlyShort = (max: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 4, arbitrary: seconds(Math.min(60, max)) }, { weight: 1, arbitrary: seconds(max) })

type Weighted = { weight: number; arbitrary: fc.Arbitrary<Action> }

/** What happens whatever decides where users go. */
function common({ moves, operations, slowest, specs }: (typeof SITES)[Kind]): Weighted[] {
  return [
    {
      weight: 6,
      arbitrary: record({ type: oneOf('Apply' as const), spec: oneOf(...Object.keys(specs)) }),
    },
    {
      weight: 3,
      arbitrary: record({ type: oneOf('Command' as const), verb: oneOf<Verb>('undo', 'abort', 'retry') }),
    },
    { weight: 1, arbitrary: record({ type: oneOf('WipeStatus' as const) }) },
    {
      weight: 1,
      arbitrary: record({
        type: oneOf('Sicken' as const),
        color: oneOf<Color>('blue', 'green'),
        seconds: seconds(90),
      }),
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
        operation: oneOf(...operations, '*'),
        code: oneOf(...(Object.keys(CODES) as Code[])),
        times: fc.integer({ min: 1, max: 5 }),
      }),
    },
    { weight: 1, arbitrary: record({ type: oneOf('DropAnswer' as const), operation: oneOf(...moves) }) },
    { weight: 1, arbitrary: record({ type: oneOf('LoseWrite' as const) }) },
    { weight: 1, arbitrary: record({ type: oneOf('Overtake' as const) }) },
    { weight: 2, arbitrary: record({ type: oneOf('DelayWrite' as const), seconds: seconds(20) }) },
    {
      weight: 2,
      arbitrary: record({
        type: oneOf('HoldEdge' as const),
        edge: fc.integer({ min: 1, max: 3 }),
        seconds: mostlyShort(slowest.holdSeconds),
      }),
    },
    {
      weight: 1,
      arbitrary: record({
        type: oneOf('Propagation' as const),
        slowestSeconds: mostlyShort(slowest.propagationSeconds),
      }),
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
  ]
}

const ofKeys: Weighted[] = [
  {
    weight: 2,
    arbitrary: record({
      type: oneOf('WriteKey' as const),
      color: oneOf<Color>('blue', 'green'),
      weight: oneOf(0, 25, 60),
    }),
  },
  {
    weight: 1,
    arbitrary: record({
      type: oneOf('SpoilKey' as const),
      how: oneOf<'Delete' | 'Garble'>('Delete', 'Garble'),
    }),
  },
  { weight: 1, arbitrary: record({ type: oneOf('OtherKey' as const) }) },
]

const MORE: Record<Kind, Weighted[]> = { CloudFrontDistribution: [], CloudFrontKeyValueStore: ofKeys }

/** Every walk begins with version 1 applied to a distribution that leads to nothing yet, and to a store without a key. */
export function walksOf(kind: Kind): fc.Arbitrary<Walk> {
  const action = fc.oneof(...common(SITES[kind]), ...MORE[kind])
  return record({
    kind: oneOf(kind),
    seed: fc.nat(),
    steps: fc.array(record({ passes: fc.nat(18), action }), { minLength: 1, maxLength: 9 }),
  })
}

/** A walk for whoever has to understand it: a line for each thing that happens. */
export function tell({ seed, steps }: Walk): string {
  return [`seed ${seed}`, ...steps.map(tellStep)].join('\n')
}

function tellStep({ passes, action: { type, ...details } }: WalkStep): string {
  const words = Object.entries(details).map(([name, value]) => `${name} ${String(value)}`)
  return `after ${passes} passes: ${[type, ...words].join(', ')}`
}
