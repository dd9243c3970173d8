/** What AWS said no to, so that it is not asked again at once: nothing that can be seen tells when it would say yes. */
import type { Clock } from '../../controller/clock.ts'
import { RefusedError } from '../../ports/errors.ts'
import { isOutdatedIdentity } from './errors.ts'

/** A refusal is asked about again at the pace at which blocked releases look. */
export const REFUSED_AGE_MS = 55_000

export class RefusalCache {
  readonly #clock: Clock
  readonly #known = new Map<string, { error: RefusedError; at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The outcome of a call, or the refusal that the same one got a moment ago. `what` is all that the answer may depend on:
   * whatever is decided anew is asked at once.
   */
  async asked<Result>(what: string, call: () => Promise<Result>): Promise<Result> {
    for (const [key, { at }] of this.#known)
      if (this.#clock.monotonicMs() - at >= REFUSED_AGE_MS) this.#known.delete(key)
    const known = this.#known.get(what)
    if (known) throw known.error
    try {
      return await call()
    } catch (error) {
      // The next call finds other credentials, which may well do.
      if (error instanceof RefusedError && !isOutdatedIdentity(error.cause))
        this.#known.set(what, { error, at: this.#clock.monotonicMs() })
      throw error
    }
  }
}
