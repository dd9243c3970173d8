/** The place of the handler: whether it can be used, and why not. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Logger } from 'pino'
import type { HandlerConfig } from '../config/handler-config.ts'
import { Call } from '../execution/call.ts'
import { RequestError } from '../http/request-error.ts'
import type { RefusalStatus } from '../http/error-codes.ts'
import type { Repository } from '../models/repository.ts'
import type { ServedModel } from '../models/served-model.ts'
import { checkInputs, ownTensors } from './check-tensors.ts'
import type { HandlerMetrics } from './handler-metrics.ts'
import { HandlerPool } from './handler-pool.ts'
import type { Services } from './handler-thread.ts'
import type { Description, Outcome, Task } from './messages.ts'
import { UploadFolder } from './upload-folder.ts'

/** How often to look whether the handler's model has come. */
const LOOK_EVERY_MS = 20

/** `Refused` is the end until the process is started again with other settings. */
export type HandlerState =
  | { type: 'Loading'; reason: string }
  | { type: 'Refused'; reason: string }
  | { type: 'Loaded'; handler: LoadedHandler }

/** A handler that takes requests. */
export type LoadedHandler = {
  description: Description
  /** Of the module's bytes; lower-case hex. */
  sha256: string
  /** Where the handler takes files. */
  uploads: UploadFolder | undefined
  pool: HandlerPool
}

/** What a handler works on, and how it may end. */
export type HandlerJob = {
  model: ServedModel
  work: Task['work']
  call: Call
  left: AbortSignal
  settled: () => void
}

/** `load` fills it; the route asks `enter` and `perform`. */
export class HandlerSlot {
  readonly config: HandlerConfig
  state: HandlerState = { type: 'Loading', reason: 'the handler is being loaded' }
  readonly #metrics: HandlerMetrics
  readonly #log: Logger
  #inside = 0

  constructor(config: HandlerConfig, metrics: HandlerMetrics, log: Logger) {
    this.config = config
    this.#metrics = metrics
    this.#log = log
    metrics.watch(() => this.#inside)
  }

  /** Why no new traffic should come here; undefined when it may. */
  get notReadyBecause(): string | undefined {
    const { state } = this
    if (state.type !== 'Loaded') return state.reason
    return state.handler.pool.alive > 0 ? undefined : 'no thread of the handler is alive'
  }

  /** The model that it works with; undefined is the first, and as long as nothing is known. */
  get modelName(): string | undefined {
    return this.state.type === 'Loaded' ? this.state.handler.description.model : undefined
  }

  /** Load the module, and run its self-test as soon as its model is there. */
  async load(repository: Repository, signal: AbortSignal): Promise<void> {
    try {
      const handler = await this.#loadModule()
      if (handler.description.hasSelftest) await this.#prove(handler, repository, signal)
      if (signal.aborted) return
      this.state = { type: 'Loaded', handler }
      this.#log.info({ sha256: handler.sha256, ...handler.description }, 'Handler loaded')
    } catch (err) {
      const reason = `the handler ${this.config.path} cannot be used: ${(err as Error).message}`
      this.state = { type: 'Refused', reason }
      this.#log.error({ reason, err }, 'Handler refused; not ready until restarted')
    }
  }

  /** The handler. @throws RequestError 503 with the reason why there is none */
  get loaded(): LoadedHandler {
    if (this.state.type === 'Loaded') return this.state.handler
    throw new RequestError(503, this.state.reason)
  }

  /**
   * Take a place, among those at work or waiting; give it back with `leave`, exactly once.
   * @throws RequestError 503 where all are taken
   */
  enter(): void {
    const { threads, maxQueue } = this.config
    if (this.#inside >= threads + maxQueue) {
      throw new RequestError(
        503,
        `the queue of the handler is full (${maxQueue} requests); try again later`,
        {
          code: 'queue_full',
        },
      )
    }
    this.#inside += 1
  }

  leave(): void {
    this.#inside -= 1
  }

  /** The answer, as JSON. @throws RequestError where the handler refuses, or the deadline passes */
  async perform(
    handler: LoadedHandler,
    { model, work, call, left, settled }: HandlerJob,
  ): Promise<Uint8Array> {
    const { name, version, sha256, signature } = model
    const outcome = await handler.pool.perform({
      work,
      model: { name, version, sha256, inputs: signature.inputs, outputs: signature.outputs },
      services: this.#services(model, call),
      call,
      left,
      settled,
    })
    return this.#bodyOf(outcome)
  }

  #services({ signature, infer }: ServedModel, call: Call): Services {
    const outputs = signature.outputs.map(({ name }) => name)
    return {
      infer: async (inputs) => ownTensors(await infer(checkInputs(inputs, signature), outputs, call)),
      path: this.config.programPath,
    }
  }

  #bodyOf(outcome: Outcome): Uint8Array {
    switch (outcome.type) {
      case 'Answered':
        this.#metrics.answered(outcome.times)
        return outcome.body
      case 'Refused':
        // A handler may use codes that the server itself has no use for; the thread sees to it that they are refusals.
        throw new RequestError(outcome.status as RefusalStatus, outcome.message)
      case 'Failed': {
        const error = new Error(`the handler failed: ${outcome.message}`)
        if (outcome.stack !== undefined) error.stack = outcome.stack
        throw error
      }
    }
  }

  async #loadModule(): Promise<LoadedHandler> {
    const { path, sha256: wanted, settings, threads } = this.config
    const source = await readFile(path)
    const sha256 = createHash('sha256').update(source).digest('hex')
    if (wanted !== undefined && wanted !== sha256) {
      throw new Error(`its sha256 is ${sha256}, HANDLER_SHA256 wants ${wanted}`)
    }
    const data = {
      url: pathToFileURL(path).href,
      source: source.toString(),
      pinned: wanted !== undefined,
      settings,
    }
    const pool = new HandlerPool({ data, size: threads, log: this.#log, lost: this.#metrics.lost })
    const description = await pool.start()
    const uploads = description.accepts === 'multipart/form-data' ? this.#openUploads() : undefined
    process.once('exit', () => uploads?.removeAll())
    return { description, sha256, uploads, pool }
  }

  /** Those that come slowly have no place in the queue, so what lies here is bounded by its bytes. */
  #openUploads(): UploadFolder {
    const { uploadFolder, threads, maxQueue, maxUploadBytes } = this.config
    return new UploadFolder(uploadFolder, (threads + maxQueue) * maxUploadBytes)
  }

  async #prove(handler: LoadedHandler, repository: Repository, signal: AbortSignal): Promise<void> {
    this.state = { type: 'Loading', reason: 'the self-test of the handler has not run yet' }
    let model = loadedModel(repository, handler.description.model)
    while (!model && !signal.aborted) {
      await wait(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined)
      model = loadedModel(repository, handler.description.model)
    }
    if (!model) return
    await this.perform(handler, {
      model,
      work: { type: 'Selftest' },
      call: new Call(performance.now() + this.config.timeoutMs),
      left: signal,
      settled: () => undefined,
    })
  }
}

/**
 * The model as requests get it. A version that is still on its way may be the one they get later, and a self-test with another
 * would prove nothing. Where models are loaded by request, the model may come at any time.
 */
function loadedModel(repository: Repository, name = repository.slots[0]?.name): ServedModel | undefined {
  const versions = name === undefined ? [] : repository.versions(name)
  const isComing = versions.some(({ required, state }) => required && state.type === 'Loading')
  if (isComing || !versions.some(({ state }) => state.type === 'Loaded')) return undefined
  const { state } = repository.find(name)
  return state.type === 'Loaded' ? state.model : undefined
}
