/** The stand-in's clock: the machine's, and ahead of it by what a test has skipped. */
export class Clock {
  readonly #listeners: (() => void)[] = []
  #aheadMs = 0

  /** Milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#aheadMs
  }

  date(): Date {
    return new Date(this.now())
  }

  /** Skip time: whatever falls due meanwhile happens before this returns. */
  advance(ms: number): void {
    this.#aheadMs += ms
    for (const listener of this.#listeners) listener()
  }

  /** Be told after each skip. */
  onAdvance(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
