import { Worker } from 'node:worker_threads'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Logger } from 'pino'
import type { NamedTensors } from './handler.ts'
import type {
  Description,
  FromThread,
  Outcome,
  Reply,
  Request,
  Task,
  ThreadData,
  ToThread,
} from './messages.ts'
import { runProgram } from './program.ts'
import { RequestError } from '../http/request-error.ts'

/** Of JavaScript objects; what holds images and tensors is not counted here. */
const HEAP_MIB = 256
// In an image the sources are JavaScript.
const THREAD = new URL(`thread${extname(import.meta.url)}`, import.meta.url)

/** What a thread may ask for during one task. */
export type Services = {
  /** Checks the tensors and runs the model. */
  infer: (inputs: NamedTensors) => Promise<NamedTensors>
  /** PATH for programs. */
  path: string
}

/** The module cannot be used as a handler, now or ever. */
export class HandlerUnusable extends Error {
  override readonly name = 'HandlerUnusable'
}

type Current = {
  services: Services
  /** Ends the programs of the task, also where the thread died before it could. */
  programs: AbortController
  resolve: (outcome: Outcome) => void
  reject: (error: Error) => void
}

/** One thread with the handler in it, seen from the server. */
export class HandlerThread {
  readonly #worker: Worker
  readonly #log: Logger
  readonly #loaded = Promise.withResolvers<Description>()
  /** Resolves when the thread is gone, whyever. */
  readonly gone: Promise<void>
  #current: Current | undefined

  constructor(data: ThreadData, log: Logger) {
    this.#log = log
    this.#worker = new Worker(THREAD, {
      workerData: data,
      // Settings come as HANDLER_SETTINGS; the environment may hold the keys of a model store.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
      stdout: true,
      stderr: true,
    })
    // console.log in a handler must not break the server's own lines.
    createInterface(this.#worker.stdout).on('line', (line) =>
      this.#log.info({ line }, 'Handler wrote to stdout'),
    )
    createInterface(this.#worker.stderr).on('line', (line) =>
      this.#log.warn({ line }, 'Handler wrote to stderr'),
    )
    this.#worker.on('message', (message: FromThread) => this.#hear(message))
    this.#worker.on('error', (error) => this.#lost(error as Error))
    this.gone = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#lost(new Error(`the handler's thread ended with code ${code}`))
        resolve()
      })
    })
    // Of a thread that is ended while it loads, nobody may be waiting any more.
    this.#loaded.promise.catch(() => undefined)
  }

  /** What the module says of itself. @throws HandlerUnusable */
  get loaded(): Promise<Description> {
    return this.#loaded.promise
  }

  /** Do one task; not while another one runs. Rejects where the thread dies of it. */
  perform(task: Task, services: Services): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.#current = { services, programs: new AbortController(), resolve, reject }
    this.#tell({ type: 'Begin', task })
    return promise
  }

  /** Ask the task to stop, and end its programs. */
  abort(reason: string): void {
    this.#current?.programs.abort(new Error(reason))
    this.#tell({ type: 'Abort', reason })
  }

  /** End the thread in whatever state it is. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #hear(message: FromThread): void {
    switch (message.type) {
      case 'Loaded':
        this.#loaded.resolve(message.description)
        return
      case 'Unusable':
        this.#loaded.reject(new HandlerUnusable(message.message))
        return
      case 'Log': {
        const { level, data, message: text } = message
        this.#log[level](data === undefined ? {} : { data: JSON.parse(data) as unknown }, text)
        return
      }
      case 'Request':
        void this.#serve(message.id, message.request)
        return
      case 'Done':
        this.#take()?.resolve(message.outcome)
    }
  }

  async #serve(id: number, request: Request): Promise<void> {
    const current = this.#current
    // Left over from a task that is already answered.
    if (!current) return
    const reply = await replyTo(request, current)
    if (this.#current === current) this.#tell({ type: 'Reply', id, reply })
  }

  #lost(error: Error): void {
    this.#loaded.reject(new HandlerUnusable(error.message, { cause: error }))
    this.#take()?.reject(error)
  }

  #take(): Current | undefined {
    const current = this.#current
    this.#current = undefined
    current?.programs.abort(new Error('the task is over'))
    return current
  }
}

async function replyTo(request: Request, { services, programs }: Current): Promise<Reply> {
  try {
    if (request.type === 'Run') return { type: 'Outputs', outputs: await services.infer(request.inputs) }
    const { program, args, options } = request
    const { path } = services
    return {
      type: 'Executed',
      result: await runProgram({ program, args, options, path, signal: programs.signal }),
    }
  } catch (error) {
    const status = error instanceof RequestError ? error.status : undefined
    return { type: 'Error', status, message: error instanceof Error ? error.message : String(error) }
  }
}
