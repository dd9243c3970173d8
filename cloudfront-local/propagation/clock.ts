/** The emulator's clock: the machine's or that of a test, and ahead of it by what was skipped. */
export class Clock {
  readonly #listeners: (() => void)[] = []
  readonly #machineMs: () => number
  #aheadMs = 0

  constructor(machineMs: () => number = Date.now) {
    this.#machineMs = machineMs
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#machineMs() + this.#aheadMs
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
