/** What is kept about things that users name, for as long as somebody asks about them: names are free, and memory is not. */
import type { Clock } from '../../controller/clock.ts'

/** Whoever waits for something asks every five minutes at least, so this is about no release any more. */
const IDLE_MS = 1_800_000

export class Kept<Value> {
  readonly #clock: Clock
  /** In the order in which they were asked about last. */
  readonly #values = new Map<string, { value: Value; askedAt: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#values.size
  }

  /** What is kept by that name, made where there is nothing. */
  of(name: string, make: () => Value): Value {
    const askedAt = this.#clock.monotonicMs()
    const value = this.#values.get(name)?.value ?? make()
    this.#values.delete(name)
    this.#values.set(name, { value, askedAt })
    for (const [idle, known] of this.#values) {
      if (askedAt - known.askedAt < IDLE_MS) break
      this.#values.delete(idle)
    }
    return value
  }
}
