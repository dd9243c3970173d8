import { RequestError } from '../http/request-error.ts'

/** What a departure weighs in the mean; about the last thirty count. */
const WEIGHT = 1 / 16
const LONGEST_RETRY_SECONDS = 60

/** Lets at most `limit` requests of one model be in the server at a time, from before their body is read to the end of their answer. */
export class Admission {
  readonly #limit: () => number
  readonly #now: () => number
  #inside = 0
  #whenEmpty: (() => void)[] = []
  /** Mean time between two departures while others wait; in milliseconds. */
  #betweenMs = 0
  #lastLeftMs: number | undefined

  /**
   * @param limit so many may be inside; a function where it changes
   * @param now a clock in milliseconds
   */
  constructor(limit: number | (() => number), now: () => number = () => performance.now()) {
    this.#limit = typeof limit === 'function' ? limit : () => limit
    this.#now = now
  }

  /** Requests that are in the server now. */
  get inside(): number {
    return this.#inside
  }

  /** How long it would take for all that are inside now to leave, by how fast others left; at least a second. */
  get retryAfterSeconds(): number {
    const seconds = Math.ceil((this.#inside * this.#betweenMs) / 1000)
    return Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS)
  }

  /**
   * Take a place; give it back with `leave`, exactly once.
   * @throws RequestError 503 where all are taken
   */
  enter(): void {
    const limit = this.#limit()
    if (this.#inside >= limit) {
      throw new RequestError(503, `the queue of the model is full (${limit} requests); try again later`, {
        code: 'queue_full',
        retryAfterSeconds: this.retryAfterSeconds,
      })
    }
    this.#inside += 1
  }

  leave(): void {
    this.#inside -= 1
    this.#learn()
    if (this.#inside > 0) return
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  /** Resolves once nobody is inside. */
  empty(): Promise<void> {
    if (this.#inside === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }

  #learn(): void {
    const now = this.#now()
    // Time in which nobody waited says nothing of how fast the model is.
    if (this.#lastLeftMs !== undefined) this.#betweenMs += (now - this.#lastLeftMs - this.#betweenMs) * WEIGHT
    this.#lastLeftMs = this.#inside > 0 ? now : undefined
  }
}
