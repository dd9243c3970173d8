import type { Admission } from '../execution/admission.ts'
import { takePlace } from '../models/served-model.ts'
import type { ModelMetrics } from '../operations/model-metrics.ts'

/** A body that takes longer loses its place until it is whole: a client on a bad line, or a hostile one, must not keep others out. */
const PATIENCE_MS = 250

/** Lets in so many requests at a time, and counts whom it does not: a model, a handler. */
type Host = {
  admission: Pick<Admission, 'enter' | 'leave'>
  metrics: Pick<ModelMetrics, 'rejected'>
}

/** A request's place with a host, from before its body is read until it is given back. */
export class Place<T extends Host> {
  #host: T
  #isHeld = false
  #isOver = false

  /** @throws RequestError 503 where none is free */
  constructor(host: T) {
    this.#host = host
    this.#hold()
  }

  /** Who has to answer. */
  get host(): T {
    return this.#host
  }

  /**
   * Wait for the body; `find` finds the host anew where the place was lost meanwhile, since another version may serve by then.
   * @throws RequestError 503 where none is free any more, and what `find` throws
   */
  async keepWhile<B>(reading: Promise<B>, find: () => T): Promise<B> {
    let timer: NodeJS.Timeout | undefined
    // Almost every body comes with its headers, and is whole in this turn of the event loop; a timer costs more than all else here.
    const slow = setImmediate(() => {
      timer = setTimeout(() => this.#release(), PATIENCE_MS)
    })
    const body = await reading.finally(() => {
      clearImmediate(slow)
      clearTimeout(timer)
    })
    // Nobody would give back what is taken for a client that left with the last of its body.
    if (!this.#isHeld && !this.#isOver) {
      this.#host = find()
      this.#hold()
    }
    return body
  }

  /** Give it back for good: the answer is out, or its client gone. */
  leave(): void {
    this.#isOver = true
    this.#release()
  }

  #release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#host.admission.leave()
  }

  #hold(): void {
    takePlace(this.#host)
    this.#isHeld = true
  }
}
