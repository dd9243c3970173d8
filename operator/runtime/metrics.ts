import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { QueueMetrics } from './queue.ts'

const SECONDS = [0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60]

/** Counts what a work queue does, under the names that controller-runtime made common. */
export function queueMetrics(registry: Registry): QueueMetrics {
  const registers = [registry]
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys that wait for a worker.', registers })
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long a key waited for a worker.',
    buckets: SECONDS,
    registers,
  })
  const passed = new Histogram({
    name: 'controller_reconcile_time_seconds',
    help: 'How long a pass took.',
    buckets: SECONDS,
    registers,
  })
  const results = new Counter({
    name: 'controller_reconcile_total',
    help: 'Passes by how they ended: done, recheck, error (tried again) or terminal (trying again cannot help).',
    labelNames: ['result'],
    registers,
  })
  return {
    depth: (keys) => depth.set(keys),
    waited: (seconds) => waited.observe(seconds),
    passed: (seconds, result) => {
      passed.observe(seconds)
      results.inc({ result })
    },
  }
}

/** 1 while this process may write, by the same check that guards its writes. */
export function leaderMetric(registry: Registry, isLeader: () => boolean): void {
  const gauge = new Gauge({
    name: 'leader_election_master_status',
    help: '1 when this process is the leader, 0 when it stands by.',
    registers: [registry],
    collect: () => {
      gauge.set(isLeader() ? 1 : 0)
    },
  })
}
