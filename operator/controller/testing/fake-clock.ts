import type { Clock } from '../clock.ts'

type Timer = { readonly dueMs: number; readonly act: () => void }

/** Lets everything run that only waits for promises already settled. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A clock that stands still until it is advanced. Its randomness is a number of the test's choice. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000
  #wallOffsetMs = 1_700_000_000_000
  #timers: Timer[] = []
  /** What random() answers. */
  chance: () => number = () => 0.5
  /** Told whenever a timer is set, so that a test can wait for somebody to wait. */
  onTimer: () => void = () => undefined

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs
  }

  random(): number {
    return this.chance()
  }

  after(ms: number, act: () => void): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, ms), act }
    this.#timers.push(timer)
    this.onTimer()
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.length
  }

  /** When the next timer is due, in milliseconds from now; undefined when there is none. */
  get nextInMs(): number | undefined {
    if (this.#timers.length === 0) return undefined
    return Math.min(...this.#timers.map((timer) => timer.dueMs)) - this.#nowMs
  }

  /** Passes time, and fires what falls due on the way, in order, each with its consequences. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settle()
    for (let next = this.#takeDue(endMs); next; next = this.#takeDue(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.act()
      await settle()
    }
    this.#nowMs = endMs
  }

  /** Passes time without firing anything: what a process sees that was stopped and goes on. */
  jump(ms: number): void {
    this.#nowMs += ms
  }

  /** Somebody sets the wall clock, or the machine slept: the monotonic clock does not notice. */
  shiftWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  #takeDue(endMs: number): Timer | undefined {
    const next = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs)[0]
    if (!next || next.dueMs > endMs) return undefined
    this.#timers = this.#timers.filter((timer) => timer !== next)
    return next
  }
}
