import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { conditionsFrom, REASONS } from '../../api/conditions.ts'
import type { Status } from '../../api/release.ts'
import { housing } from '../../test/fakes/simulated-world.ts'
import { attemptAt, holding, NOW, pointingAt, promotedWorld } from '../../test/fakes/worlds.ts'
import { eventsOf } from './events.ts'
import { endAttempt, fromStatus, startAttempt, type PersistedState } from '../state/persisted-state.ts'
import { plan } from '../plan.ts'
import { revisionOf } from '../model/revision.ts'
import type { Observation } from '../model/observation.ts'

function reasonsIn(status: Status): Record<string, string> {
  return Object.fromEntries((status.conditions ?? []).map((one) => [one.type, `${one.status} ${one.reason}`]))
}

const RUNNING = { attempt: attemptAt(housing(2)), liveColor: 'green' } as const
const atGreen = pointingAt('housing-green')

const cases: [string, Observation, Record<string, string | undefined>, string][] = [
  [
    'promoted',
    promotedWorld(),
    { Ready: 'True Promoted', Stalled: undefined, Reconciling: undefined },
    'Live',
  ],
  [
    'undone',
    promotedWorld({
      attempt: { outcome: 'RolledBack', reason: 'Undone', direction: 'Back' },
      pointer: atGreen,
    }),
    {
      Ready: 'False RolledBack',
      Stalled: 'True Undone',
      Reconciling: undefined,
      Serving: 'True LiveColorReady',
    },
    'RolledBack',
  ],
  [
    'aborted',
    promotedWorld({ attempt: { outcome: 'Aborted', reason: 'Aborted' }, pointer: atGreen }),
    { Ready: 'False Aborted', Stalled: 'True Aborted', Reconciling: undefined },
    'Aborted',
  ],
  [
    'failed',
    promotedWorld({ attempt: { outcome: 'Failed', reason: 'GateFailed' }, pointer: atGreen }),
    { Ready: 'False Failed', Stalled: 'True GateFailed', TrafficSwitched: 'False NotSwitched' },
    'Failed',
  ],
  [
    'running',
    promotedWorld({ status: RUNNING, pointer: atGreen }),
    {
      Ready: 'False Progressing',
      Stalled: undefined,
      Reconciling: 'True Gating',
      GatesPassed: 'Unknown NotAsked',
    },
    'Gating',
  ],
  [
    'propagating',
    promotedWorld({ status: RUNNING, pointer: pointingAt('housing-blue', 'No') }),
    { Ready: 'False Progressing', Reconciling: 'True Propagating', TrafficSwitched: 'Unknown Propagating' },
    'Switching',
  ],
  [
    'running and blocked',
    promotedWorld({ status: RUNNING, claim: { type: 'Taken', part: '*', by: 'a/b' }, pointer: atGreen }),
    { Ready: 'False Stalled', Stalled: 'True BehaviorClaimed', Reconciling: undefined },
    'Stalled',
  ],
  [
    'promoted and moved by somebody',
    promotedWorld({ pointer: atGreen }),
    { Ready: 'False Drifted', Stalled: 'True PointerMoved', Drifted: 'True PointerMoved' },
    'Stalled',
  ],
  [
    'promoted behind a key that no function reads any more',
    promotedWorld({
      pointer: { ...pointingAt('housing-blue'), unfit: { reason: 'FunctionNotAssociated', message: 'none' } },
    }),
    { Ready: 'False Stalled', Stalled: 'True FunctionNotAssociated', Serving: 'True LiveColorReady' },
    'Stalled',
  ],
  [
    'promoted behind a store that is gone',
    promotedWorld({ pointer: { type: 'Unusable', reason: 'StoreNotFound', message: 'it does not exist' } }),
    { Ready: 'False Stalled', Stalled: 'True StoreNotFound' },
    'Stalled',
  ],
  [
    'in a canary whose candidate has no ready pod',
    promotedWorld({
      status: RUNNING,
      pointer: { ...atGreen, canary: { names: 'housing-blue', weight: 10 } },
      colors: { blue: holding(housing(2), 'blue', 'No'), green: holding(housing(1), 'green') },
    }),
    { Serving: 'False NoReadyPods' },
    'RollingBack',
  ],
  [
    'promoted behind a function that may not be looked at',
    promotedWorld({
      pointer: { ...pointingAt('housing-blue'), unfit: { reason: 'AccessDenied', message: 'grant it' } },
    }),
    { Ready: 'True Promoted', Stalled: 'True AccessDenied' },
    'Live',
  ],
]

describe('the status', () => {
  test.each(cases)('of a release that is %s', (_name, observation, reasons, phase) => {
    const { status } = plan(observation)
    const said = reasonsIn(status)
    for (const [type, reason] of Object.entries(reasons)) expect([type, said[type]]).toEqual([type, reason])
    expect(status.phase).toBe(phase)
  })

  test('says which revision users get, and which is wanted', () => {
    const { status } = plan(
      promotedWorld({
        attempt: { outcome: 'RolledBack', reason: 'Undone', direction: 'Back' },
        pointer: atGreen,
      }),
    )
    expect(status.liveRevision).toBe(revisionOf(housing(1)))
    expect(status.attempt?.revision).toBe(revisionOf(housing(2)))
  })

  test('has the message of what is worst', () => {
    const { status: well } = plan(promotedWorld())
    expect(well.message).toBe(`revision ${revisionOf(housing(2))} is live`)
    const colors = { blue: holding(housing(2), 'blue', 'No'), green: { pods: [] } }
    const { status: down } = plan(promotedWorld({ colors }))
    expect(down.message).toMatch(/no ready pod/)
    const undone = { outcome: 'RolledBack', reason: 'Undone', direction: 'Back', message: 'undone' } as const
    expect(plan(promotedWorld({ attempt: undone, pointer: atGreen })).status.message).toMatch(/^undone; /)
  })

  test.each([
    ['web-blue-1/web:\nfirst\nlast', 'the last it said: last;'],
    ['web-blue-1/web:', undefined],
    ['web-blue-1/web ended with exit code 1 (Error):\n', undefined],
    ['web-blue-1/web:\n(no log: status 400)', undefined],
    [
      'web-blue-1/model-server:\n{"level":50,"reason":"MODEL_SHA256 wants aa, the file has bb","msg":"Model refused"}',
      'the last it said: MODEL_SHA256 wants aa, the file has bb;',
    ],
  ])('has the last words that tell something: %j', (logs, said) => {
    const attempt = { outcome: 'Failed', reason: 'ProgressDeadlineExceeded', message: 'late', logs } as const
    const { status } = plan(promotedWorld({ attempt, pointer: atGreen }))
    const message = status.conditions?.find(({ type }) => type === 'Stalled')?.message ?? ''
    if (said === undefined) expect(message).not.toContain('the last it said')
    else expect(message).toContain(said)
  })

  test.each([
    [
      'that stands',
      holding(housing(1), 'green'),
      'users still get the color before, which is kept: no grant',
    ],
    ['that is empty', { pods: [] }, 'users are led to green, which is empty'],
  ])('says what users get behind a key that cannot be read: a color %s', (_name, green, told) => {
    const fallback = { message: 'no grant', refusedAt: '2026-01-01T00:00:00Z' }
    const targets = [{ part: '*', names: 'housing-green' }]
    const observation = promotedWorld({
      status: { traffic: { fallback } },
      colors: { blue: holding(housing(2), 'blue'), green },
      pointer: { ...pointingAt('housing-blue'), fallback: { token: 'v1', targets, propagated: 'Yes' } },
    })
    const warned = plan(observation).status.conditions?.find(({ type }) => type === 'Warned')
    expect(warned?.reason).toBe('FallbackBehind')
    expect(warned?.message).toContain(told)
  })

  test.each([
    ['what edges say', {}, 'Unknown PropagatingSlowly'],
    [
      'time alone, which began anew with each step of a canary',
      { propagatesAt: NOW + 1000 },
      'Unknown Propagating',
    ],
  ])('is slow after ten minutes where it is %s that tells', (_name, telling, told) => {
    const observation = promotedWorld({
      status: { ...RUNNING, traffic: { propagatingSince: '2025-12-31T23:50:00Z' } },
      pointer: { ...pointingAt('housing-blue', 'No'), ...telling },
    })
    expect(reasonsIn(plan(observation).status).TrafficSwitched).toBe(told)
  })

  test('of a drift names what every client is sent to', () => {
    const canary = { names: 'housing-green', weight: 30 }
    const { status } = plan(promotedWorld({ pointer: { ...pointingAt('housing-blue'), canary } }))
    const message = status.conditions?.find(({ type }) => type === 'Drifted')?.message
    expect(message).toContain(
      'was promoted, but the pointer names housing-blue for *, housing-green for 30 % of the clients: somebody moved it',
    )
  })

  test('publishes the scale of the live color only', () => {
    const { status } = plan(promotedWorld())
    expect(status.replicas).toBe(2)
    expect(status.selector).toBe('modelrelease.io/name=housing,modelrelease.io/color=blue')
  })

  test('keeps a time of transition until the status flips', () => {
    const first = plan(promotedWorld()).status.conditions ?? []
    const later = plan({ ...promotedWorld({ status: { conditions: first } }), now: NOW + 60_000 }).status
      .conditions
    expect(later).toEqual(first)
    const flipped = plan({
      ...promotedWorld({ status: { conditions: first }, pointer: atGreen }),
      now: NOW + 60_000,
    })
    const ready = flipped.status.conditions?.find((one) => one.type === 'Ready')
    expect(ready?.lastTransitionTime).toBe('2026-01-01T00:01:00Z')
  })

  test('cuts a message that would crowd out the object', () => {
    const [condition] = conditionsFrom(
      [],
      [{ type: 'Ready', status: 'False', reason: 'Failed', message: 'x'.repeat(5000) }],
      {
        generation: 1,
        now: '2026-01-01T00:00:00Z',
      },
    )
    expect(condition?.message).toHaveLength(1024)
  })
})

test('docs/conditions.md tells every type and every reason, and no other', () => {
  const page =
    readFileSync(new URL('../../../docs/conditions.md', import.meta.url), 'utf8').split('## Commands')[0] ??
    ''
  const told: Record<string, (string | undefined)[]> = Object.fromEntries(
    page
      .split(/^## /m)
      .slice(1)
      .map((section) => [
        section.split('\n')[0] ?? '',
        [...section.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]).toSorted(),
      ]),
  )
  const closed = Object.fromEntries(
    Object.entries(REASONS).map(([type, reasons]) => [type, [...reasons].toSorted()]),
  )
  expect(told).toEqual(closed)
})

test('every reason that an edge refuses with is in the closed list', () => {
  const sources = [
    'aws/cloudfront/api',
    'aws/cloudfront/errors',
    'aws/cloudfront/pointer',
    'kubernetes/children',
    'kubernetes/claims',
    'kubernetes/errors',
    'kubernetes/service-pointer',
  ]
  const text = sources
    .map((name) => readFileSync(new URL(`../../adapters/${name}.ts`, import.meta.url), 'utf8'))
    .join('\n')
  const reasons = [...text.matchAll(/RefusedError\(\s*'(\w+)'/g)].map((match) => match[1])
  expect(reasons.length).toBeGreaterThan(5)
  expect(REASONS.Stalled).toEqual(expect.arrayContaining(reasons))
})

describe('what happened', () => {
  const running: Status = { attempt: attemptAt(housing(2)) }
  const promoted: Status = { attempt: attemptAt(housing(2), { outcome: 'Promoted' }) }
  const stalled = (reason: string): Status => ({
    ...promoted,
    conditions: [{ type: 'Stalled', status: 'True', reason, message: 'm', lastTransitionTime: '' }],
  })

  test.each<[string, Status | undefined, Status, string[]]>([
    ['nothing', running, running, []],
    ['a start', undefined, running, ['AttemptStarted']],
    ['an end', running, promoted, ['Promoted']],
    [
      'an intent',
      running,
      { ...running, traffic: { intent: { to: 'blue', token: 'v1', attempt: 'a' } } },
      ['SwitchDecided'],
    ],
    ['a return', promoted, { attempt: attemptAt(housing(2), { direction: 'Back' }) }, ['RollingBack']],
    [
      'a command',
      running,
      { ...running, command: { value: 'v', result: 'Refused', message: '' } },
      ['CommandRefused'],
    ],
    ['a stall', promoted, stalled('PointerMoved'), ['PointerMoved']],
    ['the same stall', stalled('PointerMoved'), stalled('PointerMoved'), []],
    [
      'the end of undo',
      {
        ...promoted,
        colors: { green: { revision: 'r', replicas: 1, ready: 1, idleSince: '2026-01-01T00:00:00Z' } },
      },
      promoted,
      ['WarmColorRemoved'],
    ],
    [
      'the end of a candidate that never served',
      {
        attempt: attemptAt(housing(2), { builds: 'green' }),
        colors: { green: { revision: 'r', replicas: 1, ready: 1, idleSince: '2026-01-01T00:00:00Z' } },
      },
      running,
      [],
    ],
  ])('%s is told once', (_name, before, after, told) => {
    expect(eventsOf(before, after).map((one) => one.reason)).toEqual(told)
  })
})

describe('the memory', () => {
  test.each<[string, Status | undefined]>([
    ['no status', undefined],
    ['an empty one', {}],
    [
      'dates that are none',
      { colors: { blue: { revision: 'r', replicas: 1, ready: 1, idleSince: 'yesterday' } } },
    ],
  ])('takes %s', (_name, status) => {
    expect(fromStatus(status).colors.blue?.idleSince).toBeUndefined()
  })

  test('keeps the last ten ends, and drops the intent with the attempt', () => {
    let state: PersistedState = {
      ...fromStatus({ attempt: attemptAt(housing(2)) }),
      intent: { to: 'blue', token: 'v', attempt: 'a' },
    }
    for (let turn = 0; turn < 12; turn += 1)
      state = { ...state, ...endAttempt(state, NOW, { outcome: 'Failed', reason: `r${turn}` }) }
    expect(state.history).toHaveLength(10)
    expect(state.history[0]?.reason).toBe('r11')
    expect(endAttempt(state, NOW, { outcome: 'Failed', reason: 'r' }).intent).toBeUndefined()
  })

  test('a new attempt supersedes the running one and takes over only what was never served', () => {
    const observation = promotedWorld()
    const known = fromStatus({
      attempt: attemptAt(housing(1), { builds: 'blue' }),
      gates: { key: 'k', result: 'Passed', pods: [] },
    })
    const state = startAttempt(known, observation)
    expect(state).toMatchObject({
      observedGeneration: 2,
      attempt: {
        ...attemptAt(housing(2)),
        startedAt: '2026-01-01T00:00:00Z',
        deadline: '2026-01-01T00:10:00Z',
        builds: 'blue',
      },
      history: [{ outcome: 'Superseded' }],
    })
    expect(state.gates).toBeUndefined()
  })
})

describe('what blocks', () => {
  test.each<[string, Partial<Observation>, string, string]>([
    [
      'a claim of another',
      { claim: { type: 'Taken', part: 'E1 /ui/*', by: 'team/web' } },
      'BehaviorClaimed',
      'E1 /ui/* belongs to the release team/web: name another',
    ],
    [
      'an origin that is not there',
      { pointer: { ...atGreen, origins: ['housing-green'] } },
      'OriginNotFound',
      'origins.blue "housing-blue"',
    ],
    ['a third origin', { pointer: pointingAt('maintenance') }, 'PointerUnknown', 'maintenance for *'],
    [
      'no permission',
      { pointer: { type: 'Unusable', reason: 'AccessDenied', message: 'grant it' } },
      'AccessDenied',
      'grant it',
    ],
  ])('%s is told with its remedy, and looked for again', (_name, changes, reason, message) => {
    const planned = plan(promotedWorld({ status: RUNNING, ...changes }))
    const stalled = planned.status.conditions?.find((one) => one.type === 'Stalled')
    expect(stalled?.reason).toBe(reason)
    expect(stalled?.message).toContain(message)
    expect(planned.action).toBeUndefined()
    expect(planned.requeueAfterMs).toBeGreaterThanOrEqual(30_000)
  })
})
