import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Config } from '../config/config.ts'

/** Which of the server's protocols a request spoke. */
export type Protocol = 'predict' | 'v2'

const DURATIONS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The process's own registry. Every series carries model, version and color, so that the colors of a release can be compared. */
export class Metrics {
  readonly registry = new Registry()
  readonly #requests: Counter<'protocol' | 'code'>
  readonly #requestDuration: Histogram<'protocol'>
  readonly #computeDuration: Histogram
  readonly #inferences: Counter
  readonly #executions: Counter
  readonly #loadDuration: Gauge
  readonly #info: Gauge<'sha256'>

  constructor({ model, release }: Config, isReady: () => boolean) {
    const { registry } = this
    registry.setDefaultLabels({ model: model.name, version: model.version, color: release.color ?? '' })
    collectDefaultMetrics({ register: registry })
    const registers = [registry]
    this.#requests = new Counter({
      name: 'model_server_requests_total',
      help: 'Inference requests answered, by protocol and status code; 499 is a client that left.',
      labelNames: ['protocol', 'code'],
      registers,
    })
    this.#requestDuration = new Histogram({
      name: 'model_server_request_duration_seconds',
      help: 'From the headers of an inference request to the end of its answer.',
      labelNames: ['protocol'],
      buckets: DURATIONS,
      registers,
    })
    this.#computeDuration = new Histogram({
      name: 'model_server_compute_duration_seconds',
      help: 'Time inside the model.',
      buckets: DURATIONS,
      registers,
    })
    this.#inferences = new Counter({
      name: 'model_server_inferences_total',
      help: 'Rows that the model answered.',
      registers,
    })
    this.#executions = new Counter({
      name: 'model_server_executions_total',
      help: 'Runs of the model; inferences per execution is the mean batch size.',
      registers,
    })
    this.#loadDuration = new Gauge({
      name: 'model_server_model_load_duration_seconds',
      help: 'Fetching, hashing, loading and warming up the model.',
      registers,
    })
    this.#info = new Gauge({
      name: 'model_server_model_info',
      help: 'Always 1; the label is the digest of the loaded bytes.',
      labelNames: ['sha256'],
      registers,
    })
    new Gauge({
      name: 'model_server_ready',
      help: '1 when ready, otherwise 0.',
      registers,
      collect() {
        this.set(isReady() ? 1 : 0)
      },
    })
  }

  /** An inference request ended. */
  answered(protocol: Protocol, code: number, seconds: number): void {
    this.#requests.inc({ protocol, code })
    this.#requestDuration.observe({ protocol }, seconds)
  }

  /** The model ran once over this many rows. */
  ran(rows: number, seconds: number): void {
    this.#executions.inc()
    this.#inferences.inc(rows)
    this.#computeDuration.observe(seconds)
  }

  /** A model became the served one. */
  loaded(sha256: string, seconds: number): void {
    this.#info.reset()
    this.#info.set({ sha256 }, 1)
    this.#loadDuration.set(seconds)
  }
}
