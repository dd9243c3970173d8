import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Release } from '../config/config.ts'

/** Which of the server's protocols a request spoke. */
export type Protocol = 'predict' | 'v2' | 'v1' | 'mlflow' | 'run' | 'grpc'

const DURATIONS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const OF_MODEL = ['model', 'version'] as const

type OfModel = (typeof OF_MODEL)[number]

/** What the routes and the executor of one version tell. */
export type ModelMetrics = {
  /** An inference request ended. */
  answered: (protocol: Protocol, code: number, seconds: number) => void
  /** The model ran once over this many rows. */
  ran: (rows: number, seconds: number) => void
  /** The version became a served one. */
  loaded: (sha256: string, seconds: number) => void
}

/** The process's own registry. Series of a model carry model and version, and all of them the color, so that the colors of a release can be compared. */
export class Metrics {
  readonly registry = new Registry()
  readonly #requests: Counter<OfModel | 'protocol' | 'code'>
  readonly #requestDuration: Histogram<OfModel | 'protocol'>
  readonly #computeDuration: Histogram<OfModel>
  readonly #inferences: Counter<OfModel>
  readonly #executions: Counter<OfModel>
  readonly #loadDuration: Gauge<OfModel>
  readonly #info: Gauge<OfModel | 'sha256'>

  constructor(release: Release, isReady: () => boolean) {
    const { registry } = this
    registry.setDefaultLabels({ color: release.color ?? '' })
    collectDefaultMetrics({ register: registry })
    const registers = [registry]
    this.#requests = new Counter({
      name: 'model_server_requests_total',
      help: 'Inference requests answered, by protocol and status code; 499 is a client that left.',
      labelNames: [...OF_MODEL, 'protocol', 'code'],
      registers,
    })
    this.#requestDuration = new Histogram({
      name: 'model_server_request_duration_seconds',
      help: 'From the headers of an inference request to the end of its answer.',
      labelNames: [...OF_MODEL, 'protocol'],
      buckets: DURATIONS,
      registers,
    })
    this.#computeDuration = new Histogram({
      name: 'model_server_compute_duration_seconds',
      help: 'Time inside the model.',
      labelNames: OF_MODEL,
      buckets: DURATIONS,
      registers,
    })
    this.#inferences = new Counter({
      name: 'model_server_inferences_total',
      help: 'Rows that the model answered.',
      labelNames: OF_MODEL,
      registers,
    })
    this.#executions = new Counter({
      name: 'model_server_executions_total',
      help: 'Runs of the model; inferences per execution is the mean batch size.',
      labelNames: OF_MODEL,
      registers,
    })
    this.#loadDuration = new Gauge({
      name: 'model_server_model_load_duration_seconds',
      help: 'Fetching, hashing, loading and warming up the model.',
      labelNames: OF_MODEL,
      registers,
    })
    this.#info = new Gauge({
      name: 'model_server_model_info',
      help: 'Always 1; the label is the digest of the loaded bytes.',
      labelNames: [...OF_MODEL, 'sha256'],
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

  /** The part of one version. Its series are looked up once, not on every request. */
  of(model: string, version: string): ModelMetrics {
    const labels = { model, version }
    const executions = this.#executions.labels(labels)
    const inferences = this.#inferences.labels(labels)
    const computeDuration = this.#computeDuration.labels(labels)
    return {
      answered: (protocol, code, seconds) => {
        this.#requests.inc({ ...labels, protocol, code })
        this.#requestDuration.observe({ ...labels, protocol }, seconds)
      },
      ran: (rows, seconds) => {
        executions.inc()
        inferences.inc(rows)
        computeDuration.observe(seconds)
      },
      loaded: (sha256, seconds) => {
        this.#info.set({ ...labels, sha256 }, 1)
        this.#loadDuration.set(labels, seconds)
      },
    }
  }
}
