import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Call } from '../execution/call.ts'
import { deadlinePassed } from '../execution/call.ts'
import { backoffMs } from '../models/backoff.ts'
import { HandlerThread } from './handler-thread.ts'
import type { Services } from './handler-thread.ts'
import type { Description, Outcome, Task, ThreadData } from './messages.ts'

/** How long a task may go on after it was told to stop; then its thread is ended. */
const GRACE_MS = 1_000

/** Why a thread was replaced. */
export type Loss = 'Crashed' | 'DidNotStop'

/** What is done with a task, and for how long. */
export type Job = {
  work: Task['work']
  model: Task['model']
  services: Services
  call: Call
  /** Aborted when the client leaves. */
  left: AbortSignal
  /** Called once, when nothing works on the task any more; that may be after it was given up. */
  settled: () => void
}

/** Threads with the same handler. A task waits for a free one, first come, first served; a thread that dies is replaced. */
export class HandlerPool {
  readonly #data: ThreadData
  readonly #size: number
  readonly #log: Logger
  readonly #lost: (loss: Loss) => void
  readonly #graceMs: number
  readonly #idle: HandlerThread[] = []
  readonly #threads = new Set<HandlerThread>()
  #waiting: ((thread: HandlerThread) => void)[] = []
  /** Threads lost since a task was last done. */
  #losses = 0
  readonly #closing = new AbortController()

  constructor({
    data,
    size,
    log,
    lost,
    graceMs = GRACE_MS,
  }: {
    data: ThreadData
    size: number
    log: Logger
    lost: (loss: Loss) => void
    graceMs?: number
  }) {
    this.#data = data
    this.#size = size
    this.#log = log
    this.#lost = lost
    this.#graceMs = graceMs
  }

  /** Threads that can take a task or are at one. */
  get alive(): number {
    return this.#threads.size
  }

  /** Start all threads. @throws HandlerUnusable */
  async start(): Promise<Description> {
    const started = Array.from({ length: this.#size }, () => this.#add())
    const [description] = await Promise.all(started)
    if (!description) throw new Error('a pool has at least one thread')
    return description
  }

  /**
   * Do a task.
   * @throws RequestError 504 where the deadline passes first
   * @throws Error where the client leaves, or the thread dies of the task
   */
  async perform(job: Job): Promise<Outcome> {
    const { call, left } = job
    const stop = new AbortController()
    const leave = (): void => stop.abort(new Error('the client left'))
    left.addEventListener('abort', leave, { once: true })
    if (left.aborted) leave()
    const timer = setTimeout(() => stop.abort(deadlinePassed()), remainingMs(call))
    try {
      const settled = this.#perform(job, stop.signal).finally(job.settled)
      return await orAborted(settled, stop.signal)
    } finally {
      clearTimeout(timer)
      left.removeEventListener('abort', leave)
    }
  }

  /** End all threads. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#threads].map((thread) => thread.end()))
  }

  /** Ends when the thread is through with the task, or gone. */
  async #perform({ work, model, services, call }: Job, stop: AbortSignal): Promise<Outcome> {
    const thread = await this.#free(stop)
    // Both may have come at once.
    if (stop.aborted) {
      this.#release(thread)
      throw stop.reason as Error
    }
    const performed = thread.perform({ work, model, remainingMs: remainingMs(call) }, services)
    let ending: NodeJS.Timeout | undefined
    const abort = (): void => {
      thread.abort((stop.reason as Error).message)
      ending = setTimeout(() => {
        this.#replace(thread, 'DidNotStop')
        void thread.end()
      }, this.#graceMs)
    }
    stop.addEventListener('abort', abort, { once: true })
    try {
      const outcome = await performed
      this.#losses = 0
      this.#release(thread)
      return outcome
    } finally {
      stop.removeEventListener('abort', abort)
      clearTimeout(ending)
    }
  }

  #free(stop: AbortSignal): Promise<HandlerThread> {
    if (stop.aborted) return Promise.reject(stop.reason as Error)
    const thread = this.#idle.pop()
    if (thread) return Promise.resolve(thread)
    const { promise, resolve, reject } = Promise.withResolvers<HandlerThread>()
    this.#waiting.push(resolve)
    const giveUp = (): void => {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== resolve)
      reject(stop.reason as Error)
    }
    stop.addEventListener('abort', giveUp, { once: true })
    return promise.finally(() => stop.removeEventListener('abort', giveUp))
  }

  #release(thread: HandlerThread): void {
    if (!this.#threads.has(thread)) return
    const next = this.#waiting.shift()
    if (next) next(thread)
    else this.#idle.push(thread)
  }

  async #add(): Promise<Description> {
    const thread = new HandlerThread(this.#data, this.#log)
    const description = await thread.loaded.catch(async (error: unknown) => {
      await thread.end()
      throw error
    })
    if (this.#closing.signal.aborted) {
      await thread.end()
      return description
    }
    this.#threads.add(thread)
    void thread.gone.then(() => this.#replace(thread, 'Crashed'))
    this.#release(thread)
    return description
  }

  /** Once for each thread: whoever knows first why it is lost says it. */
  #replace(thread: HandlerThread, loss: Loss): void {
    if (!this.#threads.delete(thread) || this.#closing.signal.aborted) return
    const at = this.#idle.indexOf(thread)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#losses += 1
    this.#lost(loss)
    void this.#addAgain(loss)
  }

  /** At once where it is the first; a handler that dies whatever it does must not be started without end. */
  async #addAgain(loss: Loss): Promise<void> {
    const { signal } = this.#closing
    for (let added = false; !added && !signal.aborted;) {
      const delayMs = this.#losses > 1 ? Math.round(backoffMs(this.#losses - 1, Math.random())) : 0
      this.#log.warn({ loss, delayMs }, 'Replacing a thread of the handler')
      await wait(delayMs, undefined, { signal, ref: false }).catch(() => undefined)
      added = await this.#tryToAdd()
    }
  }

  async #tryToAdd(): Promise<boolean> {
    if (this.#closing.signal.aborted) return false
    try {
      await this.#add()
      return true
    } catch (err) {
      this.#losses += 1
      this.#log.error({ err }, 'A thread of the handler does not start')
      return false
    }
  }
}

// A timer takes no more than 2^31 - 1 ms, and no time left is the shortest time there is.
function remainingMs({ deadlineMs }: Call): number {
  return Math.min(Math.max(deadlineMs - performance.now(), 0), 2 ** 31 - 1)
}

/** The promise, or the reason of the signal if that comes first; the promise may then still fail unseen. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
