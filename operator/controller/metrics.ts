/**
 * The names, labels and meanings of controller-runtime and client-go, so that the dashboards and alerts that are written for
 * them work here: sigs.k8s.io/controller-runtime/pkg/internal/controller/metrics and pkg/metrics/workqueue.go.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { PassResult, QueueMetrics } from './work-queue.ts'

/** The controller, and so its queue. */
const CONTROLLER = 'modelrelease'

const OF_CONTROLLER = { controller: CONTROLLER }
const OF_QUEUE = { name: CONTROLLER, controller: CONTROLLER }
const CONTROLLER_LABELS = ['controller'] as const
const QUEUE_LABELS = ['name', 'controller'] as const

const WAITED_SECONDS = [0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60]
/** As controller-runtime has them. */
const PASS_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const RESULTS = { done: 'success', recheck: 'requeue_after', error: 'error', terminal: 'error' } as const

/** Passes that run now, as the queue knows them. */
type Running = { runningMs(): number[] }

/** Counts what a work queue does. `running` is asked when somebody reads the metrics. */
export function queueMetrics(registry: Registry, running: () => Running): QueueMetrics {
  const registers = [registry]
  const counter = (name: string, help: string): Counter<'name' | 'controller'> =>
    new Counter({ name, help, labelNames: QUEUE_LABELS, registers })
  const adds = counter('workqueue_adds_total', 'Keys that were added to the queue.')
  const retries = counter('workqueue_retries_total', 'Keys that are tried again after an error.')
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Keys that wait for a worker.',
    labelNames: QUEUE_LABELS,
    registers,
  })
  const durations = { labelNames: QUEUE_LABELS, buckets: WAITED_SECONDS, registers }
  const waited = new Histogram({
    ...durations,
    name: 'workqueue_queue_duration_seconds',
    help: 'How long a key waited for a worker.',
  })
  const worked = new Histogram({
    ...durations,
    name: 'workqueue_work_duration_seconds',
    help: 'How long a worker took for a key.',
  })
  const passes = passMetrics(registry)
  runningMetrics(registry, running)
  adds.inc(OF_QUEUE, 0)
  retries.inc(OF_QUEUE, 0)
  return {
    added: () => adds.inc(OF_QUEUE),
    depth: (keys) => depth.set(OF_QUEUE, keys),
    began: (seconds) => waited.observe(OF_QUEUE, seconds),
    ended: (seconds, result) => {
      worked.observe(OF_QUEUE, seconds)
      if (result === 'error') retries.inc(OF_QUEUE)
      passes(seconds, result)
    },
  }
}

function passMetrics(registry: Registry): QueueMetrics['ended'] {
  const registers = [registry]
  const counter = (name: string, help: string): Counter<'controller'> =>
    new Counter({ name, help, labelNames: CONTROLLER_LABELS, registers })
  const errors = counter('controller_runtime_reconcile_errors_total', 'Passes that ended with an error.')
  const terminal = counter(
    'controller_runtime_terminal_reconcile_errors_total',
    'Passes that ended with an error that trying again cannot help.',
  )
  const took = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'How long a pass took.',
    labelNames: CONTROLLER_LABELS,
    buckets: PASS_SECONDS,
    registers,
  })
  const results = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Passes by how they ended.',
    labelNames: [...CONTROLLER_LABELS, 'result'],
    registers,
  })
  for (const result of new Set(Object.values(RESULTS))) results.inc({ ...OF_CONTROLLER, result }, 0)
  errors.inc(OF_CONTROLLER, 0)
  terminal.inc(OF_CONTROLLER, 0)
  return (seconds: number, result: PassResult) => {
    took.observe(OF_CONTROLLER, seconds)
    results.inc({ ...OF_CONTROLLER, result: RESULTS[result] })
    if (RESULTS[result] === 'error') errors.inc(OF_CONTROLLER)
    if (result === 'terminal') terminal.inc(OF_CONTROLLER)
  }
}

function runningMetrics(registry: Registry, running: () => Running): void {
  const seconds = (): number[] =>
    running()
      .runningMs()
      .map((ms) => ms / 1000)
  const gauge = <Label extends string>(
    [name, help]: readonly [string, string],
    labels: Readonly<Record<Label, string>>,
    value: () => number,
  ): void => {
    const made: Gauge<Label> = new Gauge<Label>({
      name,
      help,
      labelNames: Object.keys(labels) as Label[],
      registers: [registry],
      collect: () => made.set(labels, value()),
    })
  }
  gauge(
    ['controller_runtime_active_workers', 'Workers that are at work.'],
    OF_CONTROLLER,
    () => seconds().length,
  )
  gauge(
    ['workqueue_unfinished_work_seconds', 'How long the passes that run have taken so far, together.'],
    OF_QUEUE,
    () => seconds().reduce((sum, one) => sum + one, 0),
  )
  gauge(
    ['workqueue_longest_running_processor_seconds', 'How long the oldest pass that runs has taken so far.'],
    OF_QUEUE,
    () => Math.max(0, ...seconds()),
  )
}

/** 1 while this process may write, by the same check that guards its writes. `lease` names what is held. */
export function leaderMetric(registry: Registry, lease: string, isLeader: () => boolean): void {
  const gauge = new Gauge<'name'>({
    name: 'leader_election_master_status',
    help: '1 when this process is the leader, 0 when it stands by.',
    labelNames: ['name'],
    registers: [registry],
    collect: () => {
      gauge.set({ name: lease }, isLeader() ? 1 : 0)
    },
  })
}
