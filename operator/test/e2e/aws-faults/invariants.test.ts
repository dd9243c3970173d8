import { describe, expect, test } from '@jest/globals'
import type { AuditEntry } from '../../../../demo/cloudfront.ts'
import { housing } from '../../../../demo/housing.ts'
import type { Judged } from '../../../../demo/judge-viewers.ts'
import type { Color } from '../../../api/names.ts'
import type { Spec, Status } from '../../../api/release.ts'
import { attemptIdOf } from '../../../planner/model/revision.ts'
import { violationsOf } from './invariants.ts'
import type { Observed, SeenDeployment, SeenRevision } from './observed.ts'

/** A release that went well: version 1 is live in green, version 2 comes to blue, every edge follows by 14:00:20. */
const T = Date.parse('2026-01-01T14:00:00.000Z')
const after = (seconds: number): number => T + seconds * 1000
const timeOf = (seconds: number): string => new Date(after(seconds)).toISOString()

const viewers: Judged = {
  ...{ requests: 1000, failures: 0, notJudged: 0, verdicts: { ok: 1000 } },
  ...{ longestGapMs: 60, stalledMs: 0, spanMs: 50_000 },
}

function specOf(version: '1' | '2'): Spec {
  return housing({ modelsUrl: 'http://models', edge: 'http://edge', version, model: version }).spec as Spec
}

const SPECS = { 1: specOf('1'), 2: specOf('2') } as const
const ATTEMPTS = { 1: attemptIdOf(SPECS[1]), 2: attemptIdOf(SPECS[2]) } as const

function update(version: number, seconds: number, from: Color, to: Color): AuditEntry {
  const targets = [{ pathPattern: '*', from: `housing-${from}`, to: `housing-${to}` }]
  return {
    ...{ type: 'Call', via: 'Api', operation: 'UpdateDistribution', distribution: 'E1', status: 200 },
    ...{ sequence: version * 10, time: timeOf(seconds), version, etag: `ETAG${version}` },
    ...{ ifMatch: `ETAG${version - 1}`, caller: 'operator', targets },
  }
}

function applied(version: number, seconds: number, edge: number): AuditEntry {
  return {
    ...{ type: 'EdgeApplied', edge, distribution: 'E1', version, etag: `ETAG${version}` },
    ...{ status: 'Deployed', sequence: version * 10 + edge, time: timeOf(seconds) },
  }
}

const MOVED: AuditEntry[] = [
  update(2, 2, 'blue', 'green'),
  applied(2, 3, 1),
  applied(2, 4, 2),
  update(3, 15, 'green', 'blue'),
  applied(3, 17, 1),
  applied(3, 20, 2),
]

function deployment(seconds: number, color: Color, replicas: number): SeenDeployment {
  return { at: after(seconds), name: `housing-${color}`, color, replicas }
}

type Told = {
  seconds: number
  generation?: 1 | 2
  observed?: 1 | 2
  phase: NonNullable<Status['phase']>
  intent?: string
  to?: Color
  ended?: boolean
}

function told({
  seconds,
  generation = 2,
  observed = generation,
  phase,
  intent,
  to = 'blue',
  ended,
}: Told): SeenRevision {
  const outcome = ended ? ({ outcome: 'Promoted', reason: 'Promoted' } as const) : {}
  const entry = {
    attempt: ATTEMPTS[observed],
    revision: 'r',
    outcome: 'Promoted',
    reason: 'Promoted',
    endedAt: timeOf(seconds),
  } as const
  const ready = {
    type: 'Ready',
    status: ended ? 'True' : 'False',
    reason: 'Promoted',
    message: '',
    lastTransitionTime: timeOf(0),
  } as const
  return {
    ...{ at: after(seconds), generation, spec: SPECS[generation] },
    status: {
      ...{ observedGeneration: observed, phase, conditions: [{ ...ready, observedGeneration: observed }] },
      attempt: {
        ...{
          id: ATTEMPTS[observed],
          revision: 'r',
          direction: 'Forward',
          startedAt: timeOf(0),
          deadline: timeOf(90),
        },
        ...outcome,
      },
      traffic: {
        ...{ propagated: 'Yes', pointer: `housing-${to} for *` },
        ...(intent === undefined ? {} : { intent: { to, token: intent, attempt: ATTEMPTS[observed] } }),
      },
      history: ended ? [entry] : [],
    },
  }
}

const STATUSES: SeenRevision[] = [
  told({ seconds: 1, generation: 1, phase: 'Switching', intent: 'ETAG1', to: 'green' }),
  told({ seconds: 6, generation: 1, phase: 'Live', to: 'green', ended: true }),
  told({ seconds: 8, phase: 'Building' }),
  told({ seconds: 14, phase: 'Switching', intent: 'ETAG2' }),
  told({ seconds: 21, phase: 'Live', ended: true }),
]

const DEPLOYMENTS: SeenDeployment[] = [
  deployment(0, 'green', 2),
  deployment(8, 'blue', 2),
  deployment(60, 'green', 0),
]

function observed(changes: Partial<Observed> = {}): Observed {
  const seen = { viewers, deployments: DEPLOYMENTS, revisions: STATUSES, audit: MOVED }
  return { ...seen, edges: 2, operator: 'operator', ...changes }
}

const without = (index: number): SeenRevision[] => STATUSES.toSpliced(index, 1)
const instead = (index: number, one: SeenRevision): SeenRevision[] => STATUSES.toSpliced(index, 1, one)

test('a release that went well breaks nothing', () => {
  expect(violationsOf(observed())).toEqual([])
})

type Case = { name: string; changes: Partial<Observed>; says: RegExp }

const CASES: Case[] = [
  {
    name: 'one viewer of a thousand failed',
    changes: { viewers: { ...viewers, failures: 1 } },
    says: /^I1 viewers: 1 of 1000 requests failed/,
  },
  {
    name: 'nobody was answered for more than two seconds',
    changes: { viewers: { ...viewers, longestGapMs: 2001 } },
    says: /^I1 viewers: nobody was answered for 2001 ms/,
  },
  {
    name: 'there were no viewers',
    changes: { viewers: { ...viewers, requests: 0 } },
    says: /^I1 viewers: only 0 requests/,
  },
  {
    name: 'the serving color was shrunk',
    changes: { deployments: [...DEPLOYMENTS, deployment(30, 'blue', 1)] },
    says: /^I2 serving color: blue went from 2 to 1 replicas/,
  },
  {
    name: 'the old color was removed while one edge still led to it',
    changes: {
      deployments: [deployment(0, 'green', 2), deployment(8, 'blue', 2), deployment(18, 'green', 0)],
    },
    says: /^I2 serving color: green went from 2 to 0 replicas/,
  },
  {
    name: 'the old color was removed while answers of it may have been on their way',
    changes: {
      deployments: [deployment(0, 'green', 2), deployment(8, 'blue', 2), deployment(24, 'green', 0)],
    },
    says: /^I2 serving color: green went from 2 to 0 replicas/,
  },
  {
    name: 'the status speaks of a generation that does not exist',
    changes: {
      revisions: [...STATUSES, { ...told({ seconds: 7, generation: 1, observed: 2, phase: 'Building' }) }],
    },
    says: /^I3 status: speaks of generation 2 while 1 is the newest/,
  },
  {
    name: 'the status claims a phase before it observed anything',
    changes: {
      revisions: [...STATUSES, { ...told({ seconds: 7, phase: 'Building' }), status: { phase: 'Gating' } }],
    },
    says: /^I3 status: claims phase Gating for no generation/,
  },
  {
    name: 'the outcome of the old spec is told for the new one',
    changes: {
      revisions: [
        ...STATUSES,
        {
          ...told({ seconds: 7, phase: 'Building' }),
          status: {
            ...told({ seconds: 7, phase: 'Building' }).status,
            attempt: told({ seconds: 7, generation: 1, phase: 'Building' }).status?.attempt,
          } as Status,
        },
      ],
    },
    says: /^I3 status: claims attempt .* for generation 2/,
  },
  {
    name: 'a condition speaks of another generation',
    changes: {
      revisions: [
        ...STATUSES,
        {
          ...told({ seconds: 9, phase: 'Building' }),
          status: {
            ...told({ seconds: 9, phase: 'Building' }).status,
            conditions: told({ seconds: 9, generation: 1, phase: 'Building' }).status?.conditions ?? [],
          },
        },
      ],
    },
    says: /^I3 status: Ready speaks of another generation/,
  },
  {
    name: 'the status says Live before it was promoted',
    changes: { revisions: instead(3, told({ seconds: 14, phase: 'Live', intent: 'ETAG2' })) },
    says: /^I3 status: claims to be ready, in phase Live, before it was promoted/,
  },
  {
    name: 'no status was ever seen',
    changes: { revisions: [], audit: [] },
    says: /^I3 status: no status was seen/,
  },
  {
    name: 'two colors stand that nobody is led to',
    changes: {
      deployments: [
        deployment(0, 'green', 2),
        deployment(8, 'blue', 2),
        { ...deployment(9, 'green', 2), name: 'housing-green-left' },
      ],
    },
    says: /^I4 left over: housing-green and housing-green-left stand/,
  },
  {
    name: 'an edge never followed',
    changes: { audit: MOVED.slice(0, -1), deployments: DEPLOYMENTS.slice(0, 2) },
    says: /^I4 left over: not every edge follows yet/,
  },
  {
    name: 'a move was not announced',
    changes: { revisions: without(3) },
    says: /^I5 record: update 30 has no intent before it/,
  },
  {
    name: 'a move was announced after it was made',
    changes: { revisions: instead(3, told({ seconds: 15.6, phase: 'Switching', intent: 'ETAG2' })) },
    says: /^I5 record: update 30 has no intent before it/,
  },
  {
    name: 'a move was announced for another state of the distribution',
    changes: { revisions: instead(3, told({ seconds: 14, phase: 'Switching', intent: 'ETAG1' })) },
    says: /^I5 record: update 30 has no intent before it/,
  },
  {
    name: 'a move went elsewhere than was announced',
    changes: {
      revisions: instead(3, told({ seconds: 14, phase: 'Switching', intent: 'ETAG2', to: 'green' })),
    },
    says: /^I5 record: update 30 has no intent before it/,
  },
  {
    name: 'the outcome of a move was never told',
    changes: { revisions: without(4) },
    says: /^I5 record: update 30 has no outcome after it/,
  },
]

describe('it is told where', () => {
  test.each(CASES)('$name', ({ changes, says }) => {
    const violations = violationsOf(observed(changes))
    expect(violations).toEqual([expect.stringMatching(says)])
  })
})

test('moves that somebody else made need no record of ours', () => {
  const theirs = MOVED.map((entry) => (entry.type === 'Call' ? { ...entry, caller: 'terraform' } : entry))
  expect(violationsOf(observed({ audit: theirs, revisions: without(3) }))).toEqual([])
})

test('what was promoted and brought back is an outcome without a new attempt', () => {
  const back = [...MOVED, update(4, 30, 'blue', 'green'), applied(4, 31, 1), applied(4, 32, 2)]
  const again = update(5, 40, 'green', 'blue')
  const audit = [
    ...back.map((one) => (one.sequence === 40 ? { ...one, caller: 'terraform' } : one)),
    again,
    applied(5, 41, 1),
    applied(5, 42, 2),
  ]
  const [repair, live] = [
    told({ seconds: 39, phase: 'Live', intent: 'ETAG4', ended: true }),
    told({ seconds: 43, phase: 'Live', ended: true }),
  ]
  const history = STATUSES.at(-1)?.status?.history ?? []
  const kept = { ...live, status: { ...live.status, history } as Status }
  const deployments = DEPLOYMENTS.slice(0, 2)
  expect(violationsOf(observed({ audit, deployments, revisions: [...STATUSES, repair, kept] }))).toEqual([])
  expect(violationsOf(observed({ audit, deployments, revisions: [...STATUSES, repair] }))).toEqual([
    'I5 record: update 50 has no outcome after it',
  ])
})

describe('where a key decides', () => {
  const KEY = 'housing'

  /** A write of the store, by the operator unless it is of another key. */
  function put(version: number, seconds: number, puts: Record<string, object>): AuditEntry {
    const values = Object.entries(puts).map(([key, value]) => [key, JSON.stringify({ v: 1, ...value })])
    return {
      ...{ type: 'Call', via: 'Api', operation: 'UpdateKeys', service: 'KeyValueStore', store: 'models' },
      ...{ sequence: version * 10, time: timeOf(seconds), version, etag: `KV${version}`, status: 200 },
      ...{ ifMatch: `KV${version - 1}`, caller: 'operator', keys: Object.keys(puts) },
      puts: Object.fromEntries(values) as Record<string, string>,
    }
  }

  function followed(version: number, seconds: number, edge: number): AuditEntry {
    return {
      ...{ type: 'EdgeStoreApplied', edge, store: 'models', version, propagated: true },
      ...{ sequence: version * 10 + edge, time: timeOf(seconds) },
    }
  }

  /** Version 1 is live in green; a share goes to blue at 15, everybody at 25, and the behaviors follow at 32. */
  const BY_KEY: AuditEntry[] = [
    put(2, 2, { [KEY]: { live: 'housing-green' } }),
    followed(2, 3, 1),
    followed(2, 3, 2),
    { ...update(2, 5, 'blue', 'green'), sequence: 26 },
    applied(2, 6, 1),
    applied(2, 6, 2),
    put(3, 15, { [KEY]: { live: 'housing-green', canary: { origin: 'housing-blue', weight: 20 } } }),
    followed(3, 16, 1),
    followed(3, 17, 2),
    { ...put(4, 20, { other: { live: 'housing-green' } }), caller: 'another' } as AuditEntry,
    followed(4, 21, 1),
    followed(4, 21, 2),
    put(5, 25, { [KEY]: { live: 'housing-blue' } }),
    followed(5, 26, 1),
    followed(5, 27, 2),
    { ...update(3, 32, 'green', 'blue'), sequence: 56 },
    applied(3, 33, 1),
    applied(3, 34, 2),
  ]
  const told1 = { generation: 1, to: 'green' } as const
  const SAID: SeenRevision[] = [
    told({ seconds: 1, ...told1, phase: 'Switching', intent: 'KV1' }),
    told({ seconds: 6, ...told1, phase: 'Live', ended: true }),
    told({ seconds: 14, phase: 'Switching', intent: 'KV2' }),
    told({ seconds: 24, phase: 'Switching', intent: 'KV4' }),
    told({ seconds: 30, phase: 'Live', ended: true }),
  ]
  const byKey = (changes: Partial<Observed> = {}): Observed =>
    observed({ audit: BY_KEY, revisions: SAID, key: KEY, ...changes })
  const built = [deployment(0, 'green', 2), deployment(8, 'blue', 2)]

  test('a release that went well breaks nothing', () => {
    expect(violationsOf(byKey())).toEqual([])
  })

  test.each<Case>([
    {
      name: 'the color of the share was shrunk',
      changes: { deployments: [...built, deployment(18, 'blue', 1)] },
      says: /^I2 serving color: blue went from 2 to 1 replicas/,
    },
    {
      name: 'the old color was removed while one edge still had its key',
      changes: { deployments: [...built, deployment(26.5, 'green', 0)] },
      says: /^I2 serving color: green went from 2 to 0 replicas/,
    },
    {
      name: 'the old color was removed while the behaviors named it',
      changes: { deployments: [...built, deployment(33, 'green', 0)] },
      says: /^I2 serving color: green went from 2 to 0 replicas/,
    },
    {
      name: 'an edge never followed the key',
      changes: { audit: BY_KEY.filter((entry) => entry !== BY_KEY[14]), deployments: built },
      says: /^I4 left over: not every edge follows yet/,
    },
    {
      name: 'a share was given without being announced',
      changes: { revisions: SAID.toSpliced(2, 1) },
      says: /^I5 record: update 30 has no intent before it/,
    },
    {
      name: 'everybody was moved on another version of the store than was announced',
      changes: { revisions: SAID.toSpliced(3, 1, told({ seconds: 24, phase: 'Switching', intent: 'KV3' })) },
      says: /^I5 record: update 50 has no intent before it/,
    },
  ])('it is told where $name', ({ changes, says }) => {
    expect(violationsOf(byKey(changes))).toEqual([expect.stringMatching(says)])
  })
})
