/** Whether requests may share a run: as long as nobody gets another answer for it. */

/** The first shared runs of requests of one shape, each of which is proven, and how many of its requests are asked again. */
const FIRST_RUNS = 4
const FIRST_ASKED = 8
/** Later one request of every so many shared runs is asked again. */
const EVERY = 256
/** Of so many shapes it is known how often they shared a run; of another one the oldest is forgotten, and proven anew. */
const SHAPES = 64

/** Rows of a run, and what is left to prove. One for all runners of a model. */
export class Sharing {
  #maxRows: number
  readonly #ended: (reason: string) => void
  readonly #proves: boolean
  readonly #runs = new Map<string, number>()

  /**
   * @param maxRows rows of a run at most, as the trial allowed; 1 gives each request a run of its own
   * @param ended told once, with the reason, when sharing is given up
   * @param proves whether real requests are asked again by themselves
   */
  constructor(maxRows: number, ended: (reason: string) => void = () => undefined, proves = true) {
    this.#maxRows = maxRows
    this.#ended = ended
    this.#proves = proves
  }

  get maxRows(): number {
    return this.#maxRows
  }

  /** Requests of this shape shared a run: how many of them are to be asked again by themselves. */
  toProve(shape: string): number {
    if (!this.#proves) return 0
    const run = this.#runs.get(shape) ?? 0
    if (run === 0 && this.#runs.size >= SHAPES) this.#forgetOldest()
    this.#runs.set(shape, run + 1)
    if (run < FIRST_RUNS) return FIRST_ASKED
    return run % EVERY === 0 ? 1 : 0
  }

  /** Somebody got, or would have got, another answer in company: for good. */
  end(reason: string): void {
    if (this.#maxRows === 1) return
    this.#maxRows = 1
    this.#ended(reason)
  }

  #forgetOldest(): void {
    const [oldest] = this.#runs.keys()
    if (oldest !== undefined) this.#runs.delete(oldest)
  }
}
