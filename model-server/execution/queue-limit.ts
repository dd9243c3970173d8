import type { Trial } from './trial.ts'

/** How long the last request of a full queue should wait. */
const QUEUE_SECONDS = 1
const SHORTEST_QUEUE = 8
const LONGEST_QUEUE = 1_024
/** What a run weighs in the mean. */
const WEIGHT = 1 / 16

/** How many requests of a model are answered within a second: by its trial at first, then by what runs really take. */
export class QueueLimit {
  readonly #lanes: number
  /** What runs now and what runs next. */
  readonly #least: number
  #secondsPerRequest: number

  constructor(
    lanes: number,
    { maxRows, seconds, triedWith }: Pick<Trial, 'maxRows' | 'seconds' | 'triedWith'>,
  ) {
    this.#lanes = lanes
    this.#least = Math.max(SHORTEST_QUEUE, 2 * lanes * maxRows)
    this.#secondsPerRequest = triedWith === 'nothing' ? Infinity : seconds / maxRows
  }

  /** At least 8, and two full batches for each runner; at most 1,024, or that. */
  get requests(): number {
    const inTime = Math.round((QUEUE_SECONDS * this.#lanes) / this.#secondsPerRequest)
    return Math.min(Math.max(inTime, this.#least), Math.max(LONGEST_QUEUE, this.#least))
  }

  /** A run for so many requests took this long. */
  learn(requests: number, seconds: number): void {
    const each = seconds / requests
    const known = this.#secondsPerRequest
    this.#secondsPerRequest = known === Infinity ? each : known + (each - known) * WEIGHT
  }
}
