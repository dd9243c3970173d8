import { type Backoff, backoffMs, type Clock, systemClock } from './clock.ts'

/** How a pass ends unless it throws: nothing more to do until somebody adds the key, or look again after a while. */
export type Outcome = { readonly done: true } | { readonly recheckMs: number }

/** A pass that threw, and when the key is tried again. */
export type Failure = {
  readonly key: string
  readonly error: unknown
  /** Failures of this key in a row, this one included. */
  readonly attempt: number
  readonly retryInMs: number
}

/** What a queue tells about itself; see metrics.ts. */
export type QueueMetrics = {
  /** Keys that wait for a worker. */
  depth(keys: number): void
  /** How long a key waited for a worker. */
  waited(seconds: number): void
  /** How long a pass took, and how it ended. */
  passed(seconds: number, result: 'done' | 'recheck' | 'error' | 'terminal'): void
}

/** What a queue needs; everything but the handler has a default. */
export type QueueOptions = {
  /** One pass over the thing that `key` names. */
  readonly handle: (key: string) => Promise<Outcome>
  /** Passes at the same time, each over another key. Default 4. */
  readonly workers?: number
  readonly clock?: Clock
  /** Between passes that throw. Default 5 ms to 5 minutes. */
  readonly backoff?: Backoff
  /** Errors that trying again cannot help: looked at again only every `terminalRecheckMs`. Default: none. */
  readonly isTerminal?: (error: unknown) => boolean
  /** Default 5 minutes. */
  readonly terminalRecheckMs?: number
  readonly onError?: (failure: Failure) => void
  readonly metrics?: QueueMetrics
}

type Timer = { readonly dueMs: number; readonly cancel: () => void }

/**
 * Keys to look at, each worked on by one worker at a time.
 *
 * Whatever happens, a key that was added is passed over at least once *from its start* after it was added: a key added
 * while its pass runs is passed over again. A key that waits is not added twice. Keys added before start() are kept.
 */
export class WorkQueue {
  readonly #options: QueueOptions
  readonly #clock: Clock
  readonly #workers: number
  readonly #backoff: Backoff
  /** Keys that wait for a worker, in order, and since when. */
  readonly #waiting = new Map<string, number>()
  /** Keys in a worker, and since when. */
  readonly #running = new Map<string, number>()
  /** Keys that were added while their pass ran. */
  readonly #again = new Set<string>()
  readonly #timers = new Map<string, Timer>()
  /** Failures in a row. */
  readonly #failures = new Map<string, number>()
  #state: 'new' | 'started' | 'shut' = 'new'
  #onIdle: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#workers = options.workers ?? 4
    this.#backoff = options.backoff ?? { baseMs: 5, maxMs: 300_000 }
  }

  /** Lets the workers begin. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'started'
    this.#dispatch()
  }

  /** Look at `key` as soon as a worker is free. */
  add(key: string): void {
    if (this.#state === 'shut') return
    if (this.#running.has(key)) {
      this.#again.add(key)
      return
    }
    if (this.#waiting.has(key)) return
    this.#waiting.set(key, this.#clock.monotonicMs())
    this.#options.metrics?.depth(this.#waiting.size)
    this.#dispatch()
  }

  /** Look at `key` in `ms` milliseconds; of several such wishes for one key the earliest is kept. */
  addAfter(key: string, ms: number): void {
    if (this.#state === 'shut') return
    const dueMs = this.#clock.monotonicMs() + ms
    const timer = this.#timers.get(key)
    if (timer && timer.dueMs <= dueMs) return
    timer?.cancel()
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(key)
      this.add(key)
    })
    this.#timers.set(key, { dueMs, cancel })
  }

  /** Begins no pass any more; resolves when the running ones have ended. */
  async shutDown(): Promise<void> {
    this.#state = 'shut'
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    this.#waiting.clear()
    this.#again.clear()
    this.#options.metrics?.depth(0)
    if (this.#running.size === 0) return
    const before = this.#onIdle
    await new Promise<void>((resolve) => {
      this.#onIdle = () => {
        before?.()
        resolve()
      }
    })
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#waiting.size
  }

  /** The age of the oldest pass that runs, in milliseconds; 0 when none does. A large one means a wedged handler. */
  longestPassMs(): number {
    const [oldest] = this.#running.values()
    return oldest === undefined ? 0 : this.#clock.monotonicMs() - oldest
  }

  #dispatch(): void {
    while (this.#state === 'started' && this.#running.size < this.#workers) {
      const [next] = this.#waiting
      if (!next) return
      const [key, since] = next
      this.#waiting.delete(key)
      const now = this.#clock.monotonicMs()
      this.#running.set(key, now)
      this.#options.metrics?.depth(this.#waiting.size)
      this.#options.metrics?.waited((now - since) / 1000)
      void this.#pass(key, now)
    }
  }

  async #pass(key: string, startedMs: number): Promise<void> {
    const result = await this.#handle(key)
    this.#running.delete(key)
    this.#options.metrics?.passed((this.#clock.monotonicMs() - startedMs) / 1000, result)
    if (this.#again.delete(key)) this.add(key)
    if (this.#running.size === 0) this.#onIdle?.()
    this.#dispatch()
  }

  async #handle(key: string): Promise<'done' | 'recheck' | 'error' | 'terminal'> {
    try {
      const outcome = await this.#options.handle(key)
      if ('done' in outcome) {
        this.#failures.delete(key)
        return 'done'
      }
      // A timer takes NaN for 1 ms, which would be a hot loop.
      if (!(outcome.recheckMs >= 0)) {
        throw new RangeError(
          `recheckMs is ${outcome.recheckMs}; a pass must return a number of milliseconds ≥ 0`,
        )
      }
      this.#failures.delete(key)
      this.addAfter(key, outcome.recheckMs)
      return 'recheck'
    } catch (error) {
      return this.#failed(key, error)
    }
  }

  #failed(key: string, error: unknown): 'error' | 'terminal' {
    const attempt = (this.#failures.get(key) ?? 0) + 1
    const terminal = this.#isTerminal(error)
    const retryInMs = terminal
      ? (this.#options.terminalRecheckMs ?? 300_000)
      : backoffMs(this.#backoff, attempt, this.#clock.random())
    this.#failures.set(key, attempt)
    this.addAfter(key, retryInMs)
    this.#options.onError?.({ key, error, attempt, retryInMs })
    return terminal ? 'terminal' : 'error'
  }

  #isTerminal(error: unknown): boolean {
    try {
      return this.#options.isTerminal?.(error) === true
    } catch {
      // Anything can be thrown, also undefined; a predicate that stumbles over it must not cost us the key.
      return false
    }
  }
}
