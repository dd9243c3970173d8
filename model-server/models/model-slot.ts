/** The place of one version of a model: what it holds, and why it holds nothing. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { ModelConfig } from '../config/model-config.ts'
import type { Metrics } from '../operations/metrics.ts'
import type { ModelMetrics } from '../operations/model-metrics.ts'
import { describeLocation } from '../sources/location.ts'
import { ModelRefused, StoreRefused } from '../sources/fetched-model.ts'
import type { FetchModel } from '../sources/fetched-model.ts'
import { backoffMs } from './backoff.ts'
import type { BuildModel } from './build-model.ts'
import type { ServedModel } from './served-model.ts'

/**
 * `Loading` may still become `Loaded`; `lasting` where its store said no several times in a row. `Refused` stays until somebody loads other bytes or starts the process anew.
 * A version that failed to load again goes on with what it has, and `reloadFailed` says why.
 */
export type SlotState =
  | { type: 'Loading'; reason: string; lasting?: true }
  | { type: 'Refused'; reason: string }
  | { type: 'Loaded'; model: ServedModel; reloadFailed?: string }
  | { type: 'Unloading'; reason: string }
  | { type: 'Unloaded'; reason: string }

/** What slots need of the world. */
export type SlotParts = {
  fetchModel: FetchModel
  buildModel: BuildModel
  metrics: Pick<Metrics, 'of'>
  log: Logger
  /** Between attempts to fetch; rejects when the signal aborts. Default: by the clock. */
  pause?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

/**
 * So many refusals of one kind in a row are lasting: after about three seconds it is no upload that is just about to end,
 * and after one to two minutes no right that is still spreading.
 */
const LASTING_REFUSALS = { Absent: 4, Denied: 10 } as const

type Refusals = { kind: StoreRefused['kind']; count: number } | undefined

/** Another load or unload of the same version came meanwhile. */
export class Superseded extends Error {
  override readonly name = 'Superseded'
}

/** One version of a model. Loads and unloads of it happen one after the other; everyone else reads `state`. */
export class ModelSlot {
  readonly name: string
  readonly version: string
  state: SlotState = { type: 'Loading', reason: 'the model is being fetched' }
  /** The server is not ready without it: it was configured, and nobody unloaded it. */
  required: boolean
  metrics: ModelMetrics
  readonly #isServing: () => boolean
  #config: ModelConfig
  readonly #parts: SlotParts
  readonly #log: Logger
  #current = new AbortController()
  #ended: Promise<unknown> = Promise.resolve()

  /** @param how `isServing` says whether the server answers for any model, this one included */
  constructor(
    config: ModelConfig,
    parts: SlotParts,
    { required, isServing }: { required: boolean; isServing: () => boolean },
  ) {
    this.name = config.name
    this.version = config.version
    this.required = required
    this.#isServing = isServing
    this.metrics = parts.metrics.of(config.name, config.version)
    this.#config = config
    this.#parts = parts
    this.#log = parts.log.child({ model: config.name, version: config.version })
  }

  /** Of what is loaded; of what is being loaded where nothing is. */
  get config(): ModelConfig {
    return this.#config
  }

  /**
   * Fetch until there are bytes, then judge them. Returns when the slot is `Loaded` or `Refused`, or on abort.
   * Getting bytes is tried again for as long as it takes; what the bytes are is judged once.
   */
  async loadInTheEnd(signal: AbortSignal): Promise<void> {
    await this.#inTurn(async (turn) => {
      const until = AbortSignal.any([signal, turn])
      let refusals: Refusals
      for (let attempt = 1; this.state.type === 'Loading' && !until.aborted; attempt += 1) {
        try {
          await this.#fetchAndSwap(this.#config, attempt, until)
        } catch (error) {
          refusals = refusedAgain(refusals, error)
          if (error instanceof ModelRefused) this.#refuse(error)
          else await this.#waitAfter(error as Error, { attempt, refusals }, until)
        }
      }
    })
  }

  /**
   * Load now, once. Requests go to what is loaded until the new model has proven itself; those that it has by then are
   * answered by it, and it stays where the new one fails.
   * @throws ModelRefused, Superseded, or whatever kept the bytes away
   */
  load(config: ModelConfig): Promise<void> {
    return this.#inTurn(async (turn) => {
      // Its series ended when it was unloaded.
      if (this.state.type === 'Unloaded') this.metrics = this.#parts.metrics.of(this.name, this.version)
      if (this.state.type !== 'Loaded') this.state = { type: 'Loading', reason: 'the model is being fetched' }
      try {
        await this.#fetchAndSwap(config, 1, turn)
      } catch (error) {
        if (turn.aborted) throw new Superseded('another load or unload came meanwhile', { cause: error })
        this.#keep(error as Error)
        throw error
      }
    })
  }

  /** Take no more requests, answer those that are here, and free the model. Returns when that is done. */
  unload(): Promise<void> {
    this.required = false
    return this.#inTurn(async () => {
      if (this.state.type === 'Unloaded') return
      const model = this.state.type === 'Loaded' ? this.state.model : undefined
      this.state = { type: 'Unloading', reason: 'the model is being unloaded' }
      if (model) await this.#retire(model)
      this.metrics.removed()
      this.state = { type: 'Unloaded', reason: 'the model was unloaded' }
      this.#log.info('Model unloaded')
    })
  }

  /** Whoever comes later decides: what is under way is given up, and awaited. */
  #inTurn(act: (turn: AbortSignal) => Promise<void>): Promise<void> {
    this.#current.abort()
    const turn = new AbortController()
    this.#current = turn
    const done = this.#ended.then(() => act(turn.signal))
    this.#ended = done.catch(() => undefined)
    return done
  }

  async #fetchAndSwap(config: ModelConfig, attempt: number, signal: AbortSignal): Promise<void> {
    const { location, maxBytes } = config
    this.#log.info({ location: describeLocation(location), attempt }, 'Fetching the model')
    const started = performance.now()
    const fetched = await this.#parts.fetchModel(location, { maxBytes, signal })
    const model = await this.#parts.buildModel(fetched, config, {
      metrics: this.metrics,
      log: this.#log,
      isServing: this.#isServing,
    })
    if (signal.aborted) {
      await model.close()
      throw new Superseded('another load or unload came meanwhile')
    }
    const old = this.state.type === 'Loaded' ? this.state.model : undefined
    this.#config = config
    this.state = { type: 'Loaded', model }
    const milliseconds = Math.round(performance.now() - started)
    this.metrics.loaded(model.sha256, milliseconds / 1000, model.triedWith)
    this.metrics.watchQueue(() => model.admission.inside)
    this.#log.info(
      {
        sha256: model.sha256,
        found: fetched.found,
        bytes: fetched.bytes.length,
        milliseconds,
        ...model.signature,
      },
      'Model loaded and warmed up',
    )
    if (old) void this.#retire(old)
  }

  /** Nobody finds it any more: free it once the last answer that it owes is given. */
  async #retire(model: ServedModel): Promise<void> {
    await model.admission.empty()
    try {
      await model.close()
      this.#log.info({ sha256: model.sha256 }, 'Model released')
    } catch (err) {
      this.#log.error({ err }, 'Model not released')
    }
  }

  #refuse(error: ModelRefused): void {
    this.state = { type: 'Refused', reason: error.message }
    this.#log.error({ reason: error.message, err: error.cause }, 'Model refused; not ready until restarted')
  }

  #keep({ message, cause }: Error): void {
    if (this.state.type === 'Loaded') this.state = { ...this.state, reloadFailed: message }
    else this.state = { type: 'Refused', reason: message }
    this.#log.warn({ reason: message, err: cause, state: this.state.type }, 'Model not loaded')
  }

  async #waitAfter(
    error: Error,
    { attempt, refusals }: { attempt: number; refusals: Refusals },
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return
    const delayMs = Math.round(backoffMs(attempt, Math.random()))
    const reason = `the model cannot be fetched yet: ${error.message}`
    this.state = { type: 'Loading', reason, ...(isLasting(refusals) ? { lasting: true } : {}) }
    this.#log.warn({ attempt, delayMs, reason: error.message }, 'Model not fetched; trying again')
    const { pause = paused } = this.#parts
    await pause(delayMs, signal).catch(() => undefined)
  }
}

function paused(ms: number, signal: AbortSignal): Promise<unknown> {
  return wait(ms, undefined, { signal })
}

function refusedAgain(before: Refusals, error: unknown): Refusals {
  if (!(error instanceof StoreRefused)) return undefined
  const { kind } = error
  return { kind, count: before?.kind === kind ? before.count + 1 : 1 }
}

function isLasting(refusals: Refusals): boolean {
  return refusals !== undefined && refusals.count >= LASTING_REFUSALS[refusals.kind]
}
