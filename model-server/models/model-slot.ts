/** The place in which a model is loaded: what it holds, and why it holds nothing. */
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoffMs } from './backoff.ts'
import { parseColumns } from '../config/config.ts'
import type { ModelConfig } from '../config/config.ts'
import type { Metrics } from '../operations/metrics.ts'
import { loadModel } from '../onnx/session.ts'
import type { Model } from '../onnx/session.ts'
import { ModelRefused, describeLocation, fetchModel } from '../sources/source.ts'
import { readMetadata } from '../onnx/metadata.ts'
import { frameMapping } from '../protocols/predict-codec.ts'
import type { FrameMapping } from '../protocols/predict-codec.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A model that passed every check, with the digest of the bytes that it was made from. */
export type LoadedModel = {
  signature: Model['signature']
  /** Lower-case hex. */
  sha256: string
  /** How `/predict` fills the input, or why it cannot. */
  frame: FrameMapping | string
  run: Model['run']
}

/** `Loading` may still become `Loaded`; `Refused` is the end until the process is started again with other settings. */
export type SlotState =
  | { type: 'Loading'; reason: string }
  | { type: 'Refused'; reason: string }
  | { type: 'Loaded'; model: LoadedModel }

/** Where the columns of a model stand in its own metadata. */
const COLUMNS_KEY = 'columns'

/** One model of the server. `load` fills it; everyone else reads `state`. */
export class ModelSlot {
  readonly config: ModelConfig
  state: SlotState = { type: 'Loading', reason: 'the model is being fetched' }
  readonly #metrics: Metrics
  readonly #log: Logger

  constructor(config: ModelConfig, metrics: Metrics, log: Logger) {
    this.config = config
    this.#metrics = metrics
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

  async #judge(bytes: Buffer): Promise<LoadedModel> {
    const { sha256: wanted } = this.config
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (wanted !== undefined && wanted !== sha256) {
      throw new ModelRefused(`the model's sha256 is ${sha256}, MODEL_SHA256 wants ${wanted}`)
    }
    try {
      const { signature, run } = this.#timed(await loadModel(bytes))
      return { signature, sha256, frame: this.#frame(bytes, signature), run }
    } catch (cause) {
      const { message } = cause as Error
      throw new ModelRefused(`the model (sha256 ${sha256}) cannot be served: ${message}`, { cause })
    }
  }

  #frame(bytes: Uint8Array, signature: Model['signature']): LoadedModel['frame'] {
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

  #timed({ signature, run }: Model): Pick<Model, 'signature' | 'run'> {
    const timedRun: Model['run'] = async (inputs, outputs) => {
      const started = performance.now()
      const results = await run(inputs, outputs)
      this.#metrics.ran(rowsOf(inputs), (performance.now() - started) / 1000)
      return results
    }
    return { signature, run: timedRun }
  }

  #accept(model: LoadedModel, bytes: number, milliseconds: number): void {
    this.state = { type: 'Loaded', model }
    this.#metrics.loaded(model.sha256, milliseconds / 1000)
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

function rowsOf(inputs: ReadonlyMap<string, Tensor>): number {
  const [first] = inputs.values()
  return first?.shape[0] ?? 1
}
