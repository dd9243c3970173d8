import { RequestError } from '../http/request-error.ts'

/** What one inference request still has: time, and somebody who waits for it. */
export class Call {
  #deadlineMs: number
  /** Set once the client is gone; nobody will read the answer. */
  abandoned = false
  /** How many the model was asked to answer; unknown until the request is decoded. */
  rows: number | undefined

  constructor(deadlineMs = Infinity) {
    this.#deadlineMs = deadlineMs
  }

  /** On the clock of `performance.now()`, in milliseconds; Infinity without a limit. */
  get deadlineMs(): number {
    return this.#deadlineMs
  }

  /** The client wants its answer earlier than the server would wait; a later deadline changes nothing. */
  expireBy(deadlineMs: number): void {
    this.#deadlineMs = Math.min(this.#deadlineMs, deadlineMs)
  }

  /** Whether running the model for this call still makes sense. */
  isPointless(nowMs: number): boolean {
    return this.abandoned || nowMs >= this.#deadlineMs
  }
}

/** The answer to a call that waited too long. */
export function deadlinePassed(): RequestError {
  return new RequestError(504, 'the deadline of the request passed before the model answered')
}
