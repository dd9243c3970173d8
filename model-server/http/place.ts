import { takePlace } from '../models/served-model.ts'
import type { ServedModel } from '../models/served-model.ts'

/** A body that takes longer loses its place until it is whole: a client on a bad line, or a hostile one, must not keep others out. */
const PATIENCE_MS = 250

/** A request's place among those of a model, from before its body is read until it is given back. */
export class Place {
  #model: ServedModel
  #isHeld = false
  #isOver = false

  /** @throws RequestError 503 where none is free */
  constructor(model: ServedModel) {
    this.#model = model
    this.#hold()
  }

  /** The model that has to answer. */
  get model(): ServedModel {
    return this.#model
  }

  /**
   * Wait for the body; `find` finds the model anew where the place was lost meanwhile, since another version may serve by then.
   * @throws RequestError 503 where none is free any more, and what `find` throws
   */
  async keepWhile<T>(reading: Promise<T>, find: () => ServedModel): Promise<T> {
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
      this.#model = find()
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
    this.#model.admission.leave()
  }

  #hold(): void {
    takePlace(this.#model)
    this.#isHeld = true
  }
}
