/** One budget for the bytes of all bodies that are in the server, so that many clients cannot fill its memory. */
import { RequestError } from './request-error.ts'

/** Bodies up to this may use all of the budget, so that those of a few who send much, or slowly, leave room for everybody else. */
const SMALL_BYTES = 2 ** 16
const SHARE_OF_LARGE = 3 / 4

/** What one request holds of it. */
export type HeldBytes = {
  /** @throws RequestError 503 where there is no room for so many bytes more */
  take: (bytes: number) => void
  /** The body is needed no more; to be called once. */
  release: () => void
}

/** Counts the bytes of bodies from when they come until their request is answered. */
export class BodyBudget {
  readonly #limit: number
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that are held now. */
  get used(): number {
    return this.#used
  }

  /** For a request that holds nothing yet. */
  hold(): HeldBytes {
    let held = 0
    return {
      take: (bytes) => {
        const limit = held + bytes > SMALL_BYTES ? this.#limit * SHARE_OF_LARGE : this.#limit
        if (this.#used + bytes > limit) throw noRoom(this.#limit)
        held += bytes
        this.#used += bytes
      },
      release: () => {
        this.#used -= held
        held = 0
      },
    }
  }
}

function noRoom(limit: number): RequestError {
  return new RequestError(
    503,
    `the bodies of all requests together take more than ${limit} bytes (MAX_BODIES_BYTES); try again later`,
    { code: 'no_room' },
  )
}
