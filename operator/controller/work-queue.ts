import { type BackoffOptions, backoffMs, type Clock, systemClock } from './clock.ts'
import { Lane } from './lane.ts'

/**
 * How a reconcile ends unless it throws: nothing more to do until somebody adds the key, or look again after a while. What is
 * urgent has workers of its own from then on, until a reconcile says otherwise.
 */
export type Outcome = ({ readonly done: true } | { readonly requeueAfterMs: number }) & {
  readonly urgency?: Urgency
}

export type Urgency = 'Urgent' | 'Usual'

/** A reconcile that threw, and when the key is tried again. */
export type Failure = {
  readonly key: string
  readonly error: unknown
  /** Failures of this key in a row, this one included. */
  readonly attempt: number
  readonly retryInMs: number
}

/** How a reconcile ended: errors are tried again, and trying a terminal one again cannot help. */
export type PassResult = 'done' | 'recheck' | 'error' | 'terminal'

/** What a queue tells about itself; see metrics.ts. */
export type QueueMetrics = {
  /** Somebody wants a key to be looked at that does not wait yet. */
  added(): void
  /** Keys that wait for a worker. */
  depth(keys: number): void
  /** How long a key waited for a worker, which begins with it now. */
  began(waitedSeconds: number): void
  /** How long a reconcile took, and how it ended. */
  ended(seconds: number, result: PassResult): void
}

/** What a queue needs; everything but the handler has a default. */
export type QueueOptions = {
  /** One pass over the thing that `key` names. */
  readonly handle: (key: string) => Promise<Outcome>
  /** Passes at the same time, each over another key; as many again over keys that are urgent. Default 4. */
  readonly workers?: number
  /** Whose key it is: workers are shared among tenants, and one of them never has all. Default: nobody else's. */
  readonly tenantOf?: (key: string) => string
  /** Least distance between the starts of two passes over one key, in milliseconds. Default 0. */
  readonly leastMs?: number
  readonly clock?: Clock
  /** Between reconciles that throw. Default 5 ms to 5 minutes. */
  readonly backoff?: BackoffOptions
  /** Errors that trying again cannot help: looked at again only every `terminalRecheckMs`. Default: none. */
  readonly isTerminal?: (error: unknown) => boolean
  /** Default 5 minutes. */
  readonly terminalRecheckMs?: number
  readonly onError?: (failure: Failure) => void
  readonly metrics?: QueueMetrics
}

type Timer = { readonly dueMs: number; readonly cancel: () => void }

/** One of many changes at a time is waited for this long, and all of them together no longer than that. */
const GATHER_MS = { afterEach: 200, atMost: 2_000 } as const

/**
 * Keys to look at, each worked on by one worker at a time.
 *
 * Whatever happens, a key that was added is passed over at least once *from its start* after it was added: a key added
 * while its pass runs is passed over again. A key that waits is not added twice. Keys added before start() are kept.
 */
export class WorkQueue {
  readonly #options: QueueOptions
  readonly #clock: Clock
  readonly #lanes: Readonly<Record<Urgency, Lane>>
  readonly #backoff: BackoffOptions
  /** Keys in a worker, and since when. */
  readonly #running = new Map<string, number>()
  /** Keys whose last reconcile began so little ago that the next has to wait. */
  readonly #resting = new Set<string>()
  /** Keys that were added while their pass ran, or while they rested. */
  readonly #again = new Set<string>()
  /** Keys that wait, run or rest, and are urgent. */
  readonly #urgent = new Set<string>()
  readonly #timers = new Map<string, Timer>()
  /** Since when changes of a key are gathered. */
  readonly #gathering = new Map<string, { readonly sinceMs: number; readonly cancel: () => void }>()
  /** Failures in a row. */
  readonly #failures = new Map<string, number>()
  #state: 'new' | 'started' | 'shut' = 'new'
  #onIdle: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { workers = 4, tenantOf = (key: string) => key } = options
    this.#lanes = { Urgent: new Lane(workers, tenantOf), Usual: new Lane(workers, tenantOf) }
    this.#backoff = options.backoff ?? { baseMs: 5, maxMs: 300_000 }
  }

  /** Lets the workers begin. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'started'
    this.#dispatch()
  }

  /** Whether workers may have begun. Until then what waits is only remembered. */
  get isStarted(): boolean {
    return this.#state !== 'new'
  }

  /** Forgets a key that waits, where nobody needs to look at what it names any more. */
  remove(key: string): void {
    this.#urgent.delete(key)
    for (const lane of Object.values(this.#lanes)) lane.remove(key)
    this.#tellDepth()
  }

  /** Look at `key` as soon as a worker is free, and the least distance to its last reconcile is kept. */
  add(key: string, urgency: Urgency = 'Usual'): void {
    if (this.#state === 'shut') return
    if (urgency === 'Urgent') this.#urgent.add(key)
    if (this.#running.has(key) || this.#resting.has(key)) {
      this.#again.add(key)
      return
    }
    const lane = this.#laneOf(key)
    if (lane.has(key)) return
    lane.add(key, this.#lanes.Usual.remove(key) ?? this.#clock.monotonicMs())
    this.#options.metrics?.added()
    this.#tellDepth()
    this.#dispatch()
  }

  /** Look at `key` when its changes pause for a moment: a thousand of them at a time are one reason to look. */
  addGathered(key: string): void {
    if (this.#state === 'shut') return
    const now = this.#clock.monotonicMs()
    const before = this.#gathering.get(key)
    before?.cancel()
    const sinceMs = before?.sinceMs ?? now
    const ms = Math.min(GATHER_MS.afterEach, sinceMs + GATHER_MS.atMost - now)
    const cancel = this.#clock.after(Math.max(0, ms), () => {
      this.#gathering.delete(key)
      this.add(key)
    })
    this.#gathering.set(key, { sinceMs, cancel })
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

  /** Begins no reconcile any more; resolves when the running ones have ended. */
  async shutDown(): Promise<void> {
    this.#state = 'shut'
    for (const timer of [...this.#timers.values(), ...this.#gathering.values()]) timer.cancel()
    this.#timers.clear()
    this.#gathering.clear()
    for (const lane of Object.values(this.#lanes)) lane.clear()
    this.#again.clear()
    this.#tellDepth()
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
    return this.#lanes.Urgent.depth + this.#lanes.Usual.depth
  }

  /** The age of the oldest pass that runs, in milliseconds; 0 when none does. A large one means a wedged handler. */
  longestPassMs(): number {
    return Math.max(0, ...this.runningMs())
  }

  /** The ages of all reconciles that run, in milliseconds. */
  runningMs(): number[] {
    const now = this.#clock.monotonicMs()
    return [...this.#running.values()].map((since) => now - since)
  }

  #laneOf(key: string): Lane {
    return this.#lanes[this.#urgent.has(key) ? 'Urgent' : 'Usual']
  }

  #tellDepth(): void {
    this.#options.metrics?.depth(this.depth)
  }

  #dispatch(): void {
    for (const lane of Object.values(this.#lanes)) {
      while (this.#state === 'started') {
        const next = lane.take()
        if (!next) break
        const now = this.#clock.monotonicMs()
        this.#running.set(next.key, now)
        this.#tellDepth()
        this.#options.metrics?.began((now - next.sinceMs) / 1000)
        void this.#pass(next.key, lane, now)
      }
    }
  }

  async #pass(key: string, lane: Lane, startedMs: number): Promise<void> {
    const wasUrgent = this.#urgent.delete(key)
    const result = await this.#handle(key, wasUrgent)
    this.#running.delete(key)
    lane.ended(key)
    const passedMs = this.#clock.monotonicMs() - startedMs
    this.#options.metrics?.ended(passedMs / 1000, result)
    this.#rest(key, (this.#options.leastMs ?? 0) - passedMs)
    if (this.#running.size === 0) this.#onIdle?.()
    this.#dispatch()
  }

  #rest(key: string, ms: number): void {
    const rested = (): void => {
      this.#resting.delete(key)
      if (this.#again.delete(key)) this.add(key)
      // Without a next reconcile nobody needs to know how urgent it would be.
      else if (!this.#timers.has(key) && !this.#gathering.has(key)) this.#urgent.delete(key)
    }
    if (ms <= 0 || this.#state === 'shut') {
      rested()
      return
    }
    this.#resting.add(key)
    this.#clock.after(ms, rested)
  }

  async #handle(key: string, wasUrgent: boolean): Promise<PassResult> {
    try {
      const outcome = await this.#options.handle(key)
      if (outcome.urgency === 'Urgent') this.#urgent.add(key)
      if ('done' in outcome) {
        this.#failures.delete(key)
        return 'done'
      }
      // A timer takes NaN for 1 ms, which would be a hot loop.
      if (!(outcome.requeueAfterMs >= 0)) {
        throw new RangeError(
          `recheckMs is ${outcome.requeueAfterMs}; a pass must return a number of milliseconds ≥ 0`,
        )
      }
      this.#failures.delete(key)
      this.addAfter(key, outcome.requeueAfterMs)
      return 'recheck'
    } catch (error) {
      // What it came for is still to be done.
      if (wasUrgent) this.#urgent.add(key)
      return this.#failed(key, error)
    }
  }

  #failed(key: string, error: unknown): PassResult {
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
