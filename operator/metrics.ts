import { Counter, Gauge, type Registry } from 'prom-client'
import type { ModelRelease } from './api/release.ts'
import type { ReconcileReport } from './reconcile.ts'

/** What the reconciles over releases are counted as. */
export interface ReleaseMetrics {
  pass(release: ModelRelease, report: ReconcileReport): void
  /** The release is gone: its own series end. */
  forget(namespace: string, name: string): void
}

const RELEASE = ['namespace', 'name'] as const

type Status = NonNullable<ModelRelease['status']>
type Outcome = NonNullable<NonNullable<Status['attempt']>['outcome']>
type Result = NonNullable<Status['gates']>['result']

/** What cannot be told is neither: an alert on 0 stays silent, and so does one on 1. */
const VALUES = { True: 1, False: 0, Unknown: Number.NaN } as const

/** No labels of revisions or pods: their number grows without bound. */
export function releaseMetrics(registry: Registry): ReleaseMetrics {
  const registers = [registry]
  const ready = new Gauge({
    name: 'modelrelease_ready',
    help: '1 when the latest spec is live and propagated, 0 when not, NaN when that cannot be told.',
    labelNames: RELEASE,
    registers,
  })
  const serving = new Gauge({
    name: 'modelrelease_serving',
    help: '1 when users get answers, 0 when they get none, NaN when that cannot be told.',
    labelNames: RELEASE,
    registers,
  })
  const stalled = new Gauge({
    name: 'modelrelease_stalled',
    help: '1 when a person must act, 0 when not.',
    labelNames: RELEASE,
    registers,
  })
  const actions = new Counter({
    name: 'modelrelease_actions_total',
    help: 'Things done to the world, by kind.',
    labelNames: ['action'],
    registers,
  })
  const attempts = new Counter({
    name: 'modelrelease_attempts_total',
    help: 'Attempts that ended, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const gates = new Counter({
    name: 'modelrelease_gates_total',
    help: 'Gates asked, by result.',
    labelNames: ['result'],
    registers,
  })
  // A counter that begins when it counts is not seen to grow.
  for (const outcome of ['Promoted', 'Aborted', 'RolledBack', 'Superseded', 'Failed'] satisfies Outcome[])
    attempts.inc({ outcome }, 0)
  for (const result of ['Passed', 'Failed', 'Unknown'] satisfies Result[]) gates.inc({ result }, 0)
  return {
    pass: ({ metadata: { namespace, name } }, { status, before, action, result }) => {
      const holds = (type: string): number =>
        VALUES[status.conditions?.find((one) => one.type === type)?.status ?? 'False']
      ready.set({ namespace, name }, holds('Ready'))
      serving.set({ namespace, name }, holds('Serving'))
      stalled.set({ namespace, name }, holds('Stalled'))
      if (action) actions.inc({ action })
      const outcome = status.attempt?.outcome
      if (outcome && outcome !== before?.attempt?.outcome) attempts.inc({ outcome })
      if (result?.type === 'GatesRan') for (const one of result.results) gates.inc({ result: one.result })
    },
    forget: (namespace, name) => {
      for (const gauge of [ready, serving, stalled]) gauge.remove({ namespace, name })
    },
  }
}
