import { describe, expect, test } from '@jest/globals'
import { housing } from '../../test/fakes/simulated-world.ts'
import { attemptAt, holding, promotedWorld } from '../../test/fakes/worlds.ts'
import { plan, type Plan } from '../plan.ts'
import type { ColorState, PodState, Trouble } from '../model/observation.ts'

const QUOTA = { reason: 'FailedCreate', message: 'pods "x" is forbidden: exceeded quota: team' }
const NODES = {
  reason: 'Unschedulable',
  message: '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No victims.',
}
const spec = housing(3)

/** Version 2 is live in blue with one pod of three, of which the second cannot be made, and version 3 is built in green. */
function planned(trouble: Trouble, shortMs: number, more: { ready?: PodState['ready'] } = {}): Plan {
  const live = holding(housing(2, { replicas: 3 }), 'blue')
  const [first, second] = live.pods
  if (!live.workload || !first || !second) throw new Error('it holds three pods')
  const waiting: PodState[] = trouble.reason === 'Unschedulable' ? [{ ...second, ready: 'No', trouble }] : []
  const workload = trouble.reason === 'Unschedulable' ? live.workload : { ...live.workload, trouble }
  const blue: ColorState = { ...live, workload, pods: [first, ...waiting] }
  const now = Date.parse('2026-01-01T00:00:00Z')
  const attempt = attemptAt(spec, { builds: 'green' })
  const revision = live.workload.revision
  const observation = promotedWorld({
    attempt,
    status: {
      attempt,
      liveColor: 'blue',
      colors: {
        blue: { revision, replicas: 3, ready: 1, shortSince: new Date(now - shortMs).toISOString() },
      },
    },
  })
  const release = { ...observation.release, spec: { ...spec, replicas: 3 } }
  const built = holding({ ...spec, replicas: 3 }, 'green')
  const green: ColorState = {
    ...built,
    ...(built.workload ? { workload: { ...built.workload, ownership: 'Owned' } } : {}),
    pods: built.pods.map((pod) => ({ ...pod, ready: more.ready ?? 'No' })),
  }
  return plan({ ...observation, release, now, colors: { blue, green } })
}

function reasonOf({ status, action }: Plan): string | undefined {
  return action?.type === 'CollectLogs' ? 'ends' : status.attempt?.reason
}

describe('a candidate beside a live color that lacks room', () => {
  test.each<[string, Trouble, number, string | undefined]>([
    ['has a minute where a quota says so', QUOTA, 59_000, undefined],
    ['gives way after it', QUOTA, 60_000, 'ends'],
    ['has five minutes where nodes lack room', NODES, 299_000, undefined],
    ['gives way after them', NODES, 300_000, 'ends'],
  ])('%s', (_what, trouble, ms, reason) => expect(reasonOf(planned(trouble, ms))).toBe(reason))

  test('is looked at when its time is over', () =>
    expect(planned(QUOTA, 50_000)).toMatchObject({ requeueAfterMs: 10_000 }))

  test.each<[string, Trouble]>([
    [
      'a ServiceAccount',
      { reason: 'FailedCreate', message: 'error looking up service account ns/x: not found' },
    ],
    ['a quota of what', { reason: 'FailedCreate', message: 'failed quota: team: must specify limits.cpu' }],
    ['a webhook', { reason: 'FailedCreate', message: 'failed calling webhook "policy.example.com"' }],
    [
      'a label of nodes',
      {
        reason: 'Unschedulable',
        message:
          "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 3 Insufficient",
      },
    ],
  ])('stays where the live one lacks not room but %s', (_what, trouble) =>
    expect(reasonOf(planned(trouble, 600_000))).toBeUndefined(),
  )

  test.each([
    '3 Insufficient nvidia.com/gpu.',
    '3 Too many pods.',
    "3 node(s) didn't have free ports for the requested pod ports.",
    "3 node(s) didn't match pod anti-affinity rules.",
    '3 node(s) exceed max volume count.',
  ])('gives way where what it holds may be what the live one lacks: %s', (message) =>
    expect(
      reasonOf(planned({ reason: 'Unschedulable', message: `0/3 nodes are available: ${message}` }, 600_000)),
    ).toBe('ends'),
  )

  test('stays where it holds none', () =>
    expect(reasonOf(planned(QUOTA, 600_000, { ready: 'Terminating' }))).toBeUndefined())
})
