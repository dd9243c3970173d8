/** What is counted of one version of a model. */
import type { Drift } from './drift.ts'
import { Tally } from './series.ts'
import type { Labels, Sample } from './series.ts'

/** Which of the server's protocols a request spoke. */
export type Protocol = 'predict' | 'v2' | 'v1' | 'mlflow' | 'run' | 'grpc'

/** Why a request was turned away although nothing was wrong with what it asked. */
export type Rejection = (typeof REJECTIONS)[number]

const REJECTIONS = ['queue_full', 'deadline', 'too_large'] as const
const DURATIONS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** Requests of one protocol. */
type Spoken = { codes: Map<number, number>; duration: Tally }

/** What the routes, the executor and the repository tell. The functions need no `this`; all are cheap enough for every request. */
export class ModelMetrics {
  readonly #labels: Labels
  readonly #spoken = new Map<Protocol, Spoken>()
  readonly #rejections = new Map<Rejection, number>(REJECTIONS.map((reason) => [reason, 0]))
  readonly #queueDuration = new Tally(DURATIONS)
  readonly #computeDuration = new Tally(DURATIONS)
  readonly #batchSize = new Tally(ROWS)
  #inferences = 0
  #executions = 0
  #sharingEnded = 0
  #queueDepth = (): number => 0
  #drift: Drift | undefined
  #loaded: { sha256: string; seconds: number; triedWith: string } | undefined

  /** End this version's series: it is unloaded. */
  readonly removed: () => void

  constructor(model: string, version: string, removed: () => void) {
    this.#labels = { model, version }
    this.removed = removed
  }

  /** An inference request ended, with an answer or (499) without its client. */
  readonly answered = (protocol: Protocol, code: number, seconds: number): void => {
    let spoken = this.#spoken.get(protocol)
    if (!spoken) this.#spoken.set(protocol, (spoken = { codes: new Map(), duration: new Tally(DURATIONS) }))
    spoken.codes.set(code, (spoken.codes.get(code) ?? 0) + 1)
    spoken.duration.observe(seconds)
  }

  /** A request was turned away; it is told to `answered` as well. */
  readonly rejected = (reason: Rejection): void => {
    this.#rejections.set(reason, (this.#rejections.get(reason) ?? 0) + 1)
  }

  /** A request waited this long between being read and checked and the run that answered it. */
  readonly queued = (seconds: number): void => this.#queueDuration.observe(seconds)

  /** The model ran once over this many rows. */
  readonly ran = (rows: number, seconds: number): void => {
    this.#executions += 1
    this.#inferences += rows
    this.#batchSize.observe(rows)
    this.#computeDuration.observe(seconds)
  }

  /** Requests share no run any more. */
  readonly sharingEnded = (): void => {
    this.#sharingEnded += 1
  }

  /** The version became a served one; `triedWith` says what it had answered by then. */
  readonly loaded = (sha256: string, seconds: number, triedWith: string): void => {
    this.#loaded = { sha256, seconds, triedWith }
  }

  /** Where to read, at each scrape, how many requests are in the server. */
  readonly watchQueue = (depth: () => number): void => {
    this.#queueDepth = depth
  }

  /** Whose features to read at each scrape; undefined where nobody said what they should look like. */
  readonly watchDrift = (drift: Drift | undefined): void => {
    this.#drift = drift
  }

  /** The series of each family, as they are now. */
  readonly samples: Readonly<Record<FamilyName, () => Sample[]>> = {
    requests_total: () =>
      [...this.#spoken].flatMap(([protocol, { codes }]) =>
        [...codes].map(([code, value]) => ({ labels: { ...this.#labels, protocol, code }, value })),
      ),
    request_duration_seconds: () =>
      [...this.#spoken].flatMap(([protocol, { duration }]) =>
        duration.samples('model_server_request_duration_seconds', { ...this.#labels, protocol }),
      ),
    rejected_total: () =>
      [...this.#rejections].map(([reason, value]) => ({ labels: { ...this.#labels, reason }, value })),
    queue_duration_seconds: () =>
      this.#queueDuration.samples('model_server_queue_duration_seconds', this.#labels),
    compute_duration_seconds: () =>
      this.#computeDuration.samples('model_server_compute_duration_seconds', this.#labels),
    batch_size: () => this.#batchSize.samples('model_server_batch_size', this.#labels),
    inferences_total: () => [{ labels: this.#labels, value: this.#inferences }],
    executions_total: () => [{ labels: this.#labels, value: this.#executions }],
    queue_depth: () => [{ labels: this.#labels, value: this.#queueDepth() }],
    model_load_duration_seconds: () =>
      this.#loaded ? [{ labels: this.#labels, value: this.#loaded.seconds }] : [],
    model_info: () =>
      this.#loaded ? [{ labels: { ...this.#labels, sha256: this.#loaded.sha256 }, value: 1 }] : [],
    model_tried: () =>
      this.#loaded
        ? [
            {
              labels: { ...this.#labels, with: this.#loaded.triedWith },
              value: Number(this.#loaded.triedWith !== 'nothing'),
            },
          ]
        : [],
    sharing_ended_total: () => [{ labels: this.#labels, value: this.#sharingEnded }],
    feature_values: () => this.#drift?.values('model_server_feature_values', this.#labels) ?? [],
    feature_missing_total: () => this.#drift?.missing(this.#labels) ?? [],
    feature_population_stability: () => this.#drift?.stability(this.#labels) ?? [],
  }
}

/** The part of a family's name after `model_server_`. */
export type FamilyName = (typeof FAMILIES)[number]['name']

/** Every family that has series per version. */
export const FAMILIES = [
  {
    name: 'requests_total',
    type: 'counter',
    help: 'Inference requests answered, by protocol and status code; 499 is a client that left.',
  },
  {
    name: 'request_duration_seconds',
    type: 'histogram',
    help: 'From the headers of an inference request to the end of its answer.',
  },
  {
    name: 'rejected_total',
    type: 'counter',
    help: 'Inference requests turned away for a reason that does not lie in what they ask.',
  },
  {
    name: 'queue_duration_seconds',
    type: 'histogram',
    help: 'What a checked request waited for the run that answered it.',
  },
  { name: 'compute_duration_seconds', type: 'histogram', help: 'Time inside the model, per run.' },
  { name: 'batch_size', type: 'histogram', help: 'Rows per run of the model.' },
  { name: 'inferences_total', type: 'counter', help: 'Rows that the model answered.' },
  {
    name: 'executions_total',
    type: 'counter',
    help: 'Runs of the model; inferences per execution is the mean batch size.',
  },
  { name: 'queue_depth', type: 'gauge', help: 'Inference requests that are in the server now.' },
  {
    name: 'model_load_duration_seconds',
    type: 'gauge',
    help: 'Fetching, hashing, loading and warming up the model.',
  },
  {
    name: 'model_tried',
    type: 'gauge',
    help: '1 where the model answered something before it served; 0 where nothing was found that it answers.',
  },
  {
    name: 'sharing_ended_total',
    type: 'counter',
    help: 'Times that requests ceased to share runs, because one would have got another answer in company.',
  },
  { name: 'model_info', type: 'gauge', help: 'Always 1; the label is the digest of the loaded bytes.' },
  {
    name: 'feature_values',
    type: 'histogram',
    help: 'Values of a feature, in the bins of its training reference; of large requests only some rows.',
  },
  { name: 'feature_missing_total', type: 'counter', help: 'Values of a feature that were NaN.' },
  {
    name: 'feature_population_stability',
    type: 'gauge',
    help: 'How far the latest rows (10,000 and more) are from the training reference: 0 not at all, above 0.25 far.',
  },
] as const
