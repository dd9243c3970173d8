/** The place in which a model is loaded: what it holds, and why it holds nothing. */
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoffMs } from './backoff.ts'
import type { ModelConfig } from '../config/model-config.ts'
import { parseColumns } from '../config/values.ts'
import type { ModelMetrics } from '../operations/metrics.ts'
import { loadModel } from '../onnx/session.ts'
import { describeLocation } from '../sources/location.ts'
import { ModelRefused, fetchModel } from '../sources/source.ts'
import { readMetadata } from '../onnx/metadata.ts'
import { frameMapping } from '../protocols/predict-codec.ts'
import type { Signature } from '../tensor/tensor.ts'
import { Admission } from '../execution/admission.ts'
import { inlineExecutor } from '../execution/inline.ts'
import type { ServedModel } from './served-model.ts'

/** `Loading` may still become `Loaded`; `Refused` is the end until the process is started again with other settings. */
export type SlotState =
  | { type: 'Loading'; reason: string }
  | { type: 'Refused'; reason: string }
  | { type: 'Loaded'; model: ServedModel }

/** Where the columns of a model stand in its own metadata. */
const COLUMNS_KEY = 'columns'

/** One model of the server. `load` fills it; everyone else reads `state`. */
export class ModelSlot {
  readonly config: ModelConfig
  state: SlotState = { type: 'Loading', reason: 'the model is being fetched' }
  readonly metrics: ModelMetrics
  readonly #log: Logger

  constructor(config: ModelConfig, metrics: ModelMetrics, log: Logger) {
    this.config = config
    this.metrics = metrics
    this.#log = log
  }

  /**
   * Fetch until there are bytes, then check and load them. Returns when the slot is `Loaded` or `Refused`, or on abort.
   * Getting bytes is tried again for as long as it takes; what the bytes are is judged once.
   */
  async load(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; this.state.type === 'Loading' && !signal.aborted; attempt += 1) {
      try {
        await this.#attempt(attempt, signal)
      } catch (error) {
        if (error instanceof ModelRefused) this.#refuse(error)
        else await this.#waitAfter(error as Error, attempt, signal)
      }
    }
  }

  async #attempt(attempt: number, signal: AbortSignal): Promise<void> {
    const { location, maxBytes } = this.config
    this.#log.info({ location: describeLocation(location), attempt }, 'Fetching the model')
    const started = performance.now()
    const bytes = await fetchModel(location, maxBytes, signal)
    this.#accept(await this.#judge(bytes), bytes.length, performance.now() - started)
  }

  async #judge(bytes: Buffer): Promise<ServedModel> {
    const { sha256: wanted } = this.config
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (wanted !== undefined && wanted !== sha256) {
      throw new ModelRefused(`the model's sha256 is ${sha256}, MODEL_SHA256 wants ${wanted}`)
    }
    try {
      const runner = await loadModel(bytes)
      const { name, version, maxQueue } = this.config
      const { signature } = runner
      const { infer } = inlineExecutor(runner, this.metrics.ran)
      const admission = new Admission(maxQueue)
      const frame = this.#frame(bytes, signature)
      return { name, version, sha256, signature, frame, infer, admission, metrics: this.metrics }
    } catch (cause) {
      const { message } = cause as Error
      throw new ModelRefused(`the model (sha256 ${sha256}) cannot be served: ${message}`, { cause })
    }
  }

  #frame(bytes: Uint8Array, signature: Signature): ServedModel['frame'] {
    const named = readMetadata(bytes).get(COLUMNS_KEY)
    const columns = this.config.columns ?? (named === undefined ? undefined : parseColumns(named))
    if (!columns) {
      return `the model names no columns; set MODEL_COLUMNS, or '${COLUMNS_KEY}' in its metadata_props`
    }
    const frame = frameMapping(signature, columns)
    // Columns that do not fit are a mistake in the release; serving the rest of the routes would hide it.
    if (typeof frame === 'string') throw new Error(frame)
    return frame
  }

  #accept(model: ServedModel, bytes: number, milliseconds: number): void {
    this.state = { type: 'Loaded', model }
    this.metrics.loaded(model.sha256, milliseconds / 1000)
    this.#log.info(
      { sha256: model.sha256, bytes, milliseconds: Math.round(milliseconds), ...model.signature },
      'Model loaded and warmed up',
    )
  }

  #refuse(error: ModelRefused): void {
    this.state = { type: 'Refused', reason: error.message }
    this.#log.error({ reason: error.message, err: error.cause }, 'Model refused; not ready until restarted')
  }

  async #waitAfter(error: Error, attempt: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const delayMs = Math.round(backoffMs(attempt, Math.random()))
    this.state = { type: 'Loading', reason: `the model cannot be fetched yet: ${error.message}` }
    this.#log.warn({ attempt, delayMs, reason: error.message }, 'Model not fetched; trying again')
    await wait(delayMs, undefined, { signal }).catch(() => undefined)
  }
}
