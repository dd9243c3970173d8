import { backoffMs, type BackoffOptions, type Clock } from '../../controller/clock.ts'
import { TransientError } from '../../ports/errors.ts'

const BACKOFF: BackoffOptions = { baseMs: 2000, maxMs: 60_000 }

/** Throttling and trouble of the other side make everybody wait, longer with each failure in a row. */
export class Backoff {
  /** What failed last, until something succeeds. */
  error: TransientError | undefined
  readonly #clock: Clock
  #failures = 0
  #quietUntil = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds for which the other side is to be left alone. */
  waitMs(): number {
    return Math.max(0, this.#quietUntil - this.#clock.monotonicMs())
  }

  /** The outcome of a call, counted. */
  async told<Result>(call: Promise<Result>): Promise<Result> {
    try {
      const result = await call
      this.#answered()
      return result
    } catch (error) {
      if (error instanceof TransientError) this.#failed(error)
      // It answered, whatever it said.
      else this.#answered()
      throw error
    }
  }

  #answered(): void {
    this.error = undefined
    this.#failures = 0
    this.#quietUntil = -Infinity
  }

  #failed(error: TransientError): void {
    this.error = error
    this.#failures += 1
    this.#quietUntil = this.#clock.monotonicMs() + backoffMs(BACKOFF, this.#failures, this.#clock.random())
  }
}
