/** The process's own metrics, for `GET /metrics`. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Registry, collectDefaultMetrics } from 'prom-client'
import type { Release } from '../config/config.ts'
import { FAMILIES, ModelMetrics } from './model-metrics.ts'
import { registerFamily } from './series.ts'
import type { Sample } from './series.ts'

const LAG_RESOLUTION_MS = 10
const LAG_QUANTILES = [0.5, 0.99, 1]

/** Series of a model carry model and version, and all of them the color, so that the colors of a release can be compared. */
export class Metrics {
  readonly registry = new Registry()
  readonly #models = new Map<string, { metrics: ModelMetrics; holders: number }>()

  constructor(release: Release, isReady: () => boolean) {
    const { registry } = this
    registry.setDefaultLabels({ color: release.color ?? '' })
    collectDefaultMetrics({ register: registry })
    for (const { name, type, help } of FAMILIES) {
      const samples = (): Sample[] =>
        [...this.#models.values()].flatMap(({ metrics }) => metrics.samples[name]())
      registerFamily(registry, { name: `model_server_${name}`, type, help, samples })
    }
    registerFamily(registry, {
      name: 'model_server_ready',
      type: 'gauge',
      help: '1 when ready, otherwise 0.',
      samples: () => [{ labels: {}, value: isReady() ? 1 : 0 }],
    })
    registerFamily(registry, {
      name: 'model_server_event_loop_lag_seconds',
      type: 'gauge',
      help: 'How late the event loop came to its timers since the last scrape; a run of the model on it shows here.',
      samples: eventLoopLag(),
    })
  }

  /** A counter of the whole process; `name` goes without `model_server_`. */
  counter(name: string, help: string): (by?: number) => void {
    let value = 0
    const samples = (): Sample[] => [{ labels: {}, value }]
    registerFamily(this.registry, { name: `model_server_${name}`, type: 'counter', help, samples })
    return (by = 1) => {
      value += by
    }
  }

  /** The part of one version. A version that is loaded anew while the old one still answers goes on counting in the same series. */
  of(model: string, version: string): ModelMetrics {
    const key = `${model}/${version}`
    const held = this.#models.get(key)
    if (held) {
      held.holders += 1
      return held.metrics
    }
    const entry = { metrics: new ModelMetrics(model, version, () => this.#leave(key)), holders: 1 }
    this.#models.set(key, entry)
    return entry.metrics
  }

  #leave(key: string): void {
    const held = this.#models.get(key)
    if (!held) return
    held.holders -= 1
    if (held.holders === 0) this.#models.delete(key)
  }
}

function eventLoopLag(): () => Sample[] {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  delay.enable()
  return () => {
    const samples = LAG_QUANTILES.map((quantile) => {
      const nanoseconds = quantile === 1 ? delay.max : delay.percentile(quantile * 100)
      // What is recorded is the time between two ticks of the timer, so a loop that is never late records the resolution.
      const value = Math.max(0, nanoseconds / 1e9 - LAG_RESOLUTION_MS / 1000)
      return { labels: { quantile }, value }
    })
    delay.reset()
    return samples
  }
}
