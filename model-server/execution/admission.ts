import { RequestError } from '../http/request-error.ts'

/** Lets at most `limit` requests of one model be in the server at a time, from before their body is read to the end of their answer. */
export class Admission {
  readonly #limit: number
  #inside = 0
  #whenEmpty: (() => void)[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Requests that are in the server now. */
  get inside(): number {
    return this.#inside
  }

  /**
   * Take a place; give it back with `leave`, exactly once.
   * @throws RequestError 503 where all are taken
   */
  enter(): void {
    if (this.#inside >= this.#limit) {
      throw new RequestError(503, `the queue of the model is full (${this.#limit} requests); try again later`)
    }
    this.#inside += 1
  }

  leave(): void {
    this.#inside -= 1
    if (this.#inside > 0) return
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  /** Resolves once nobody is inside. */
  empty(): Promise<void> {
    if (this.#inside === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }
}
