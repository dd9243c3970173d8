/** Faults that strike everybody (edges that are held, an operator that is killed) strike several releases at the same time. */

/** Where several wait for each other; when the last one has come, what all have waited for is done. */
export class Meeting {
  readonly #act: () => Promise<void>
  readonly #done: PromiseWithResolvers<void> = Promise.withResolvers()
  #missing: number

  constructor(parties: number, act: () => Promise<void> = () => Promise.resolve()) {
    this.#missing = parties
    this.#act = act
    // Whoever waits is told of a failure; that nobody waits is none.
    this.#done.promise.catch(() => undefined)
  }

  /** Resolves when all have come and it is done; rejects if one of them will not come. */
  come(): Promise<void> {
    this.#missing -= 1
    if (this.#missing === 0) this.#act().then(this.#done.resolve, this.#done.reject)
    return this.#done.promise
  }

  /** One of them will not come. */
  cancel(error: unknown): void {
    this.#done.reject(new Error('another release failed meanwhile', { cause: error }))
  }
}

/** Runs tasks in the order in which they come, so many at a time. */
export class Pool {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(size: number) {
    this.#free = size
  }

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
