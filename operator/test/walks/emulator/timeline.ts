/** Virtual time: it passes only when told to, stops at everything that is due on the way, and is the same for everybody. */
import type { Clock } from '../../../controller/clock.ts'

type Due = { at: number; act: () => Promise<void> | void }

export type TimelineOptions = {
  /** Milliseconds since 1970. */
  start: number
  /** When something happens by itself that is not on the agenda. */
  nextEvent: () => number | undefined
  /** Called at every stop, with the time now and how much of it has passed. */
  onStop: (now: number, passedMs: number) => Promise<void>
}

export class Timeline {
  now: number
  readonly #options: TimelineOptions
  #agenda: Due[] = []
  #failure: { error: unknown } | undefined

  constructor(options: TimelineOptions) {
    this.now = options.start
    this.#options = options
  }

  /** Does it when so much time has passed, whoever waits then. */
  in(ms: number, act: Due['act']): void {
    this.#agenda.push({ at: this.now + ms, act })
  }

  /** When something is due next, on the agenda or by itself. */
  next(): number | undefined {
    const times = [...this.#agenda.map(({ at }) => at), this.#options.nextEvent() ?? Infinity]
    const soonest = Math.min(...times)
    return Number.isFinite(soonest) ? soonest : undefined
  }

  /** Rejects with what went wrong while it passed, be it for somebody else. */
  async passTo(instant: number): Promise<void> {
    if (this.#failure) throw this.#failure.error
    while (this.now < instant) {
      const passedMs = Math.max(1, Math.min(instant, this.next() ?? instant) - this.now)
      this.now += passedMs
      await this.#options.onStop(this.now, passedMs)
      await this.#doDue()
    }
  }

  pass(ms: number): Promise<void> {
    return this.passTo(this.now + ms)
  }

  async #doDue(): Promise<void> {
    const due = this.#agenda.filter(({ at }) => at <= this.now).toSorted((a, b) => a.at - b.at)
    this.#agenda = this.#agenda.filter(({ at }) => at > this.now)
    for (const { act } of due) await act()
  }

  /**
   * The clock of one process. Whoever waits on it within a reconcile has nobody else to let time pass, so it does so itself.
   * Nothing is done any more once `isOver`.
   */
  clock(random: () => number, isOver: () => boolean): Clock {
    return {
      monotonicMs: () => this.now,
      wallMs: () => this.now,
      random,
      after: (ms, act) => {
        let cancelled = false
        setImmediate(() => {
          void this.pass(ms)
            .catch((error: unknown) => {
              this.#failure = { error }
            })
            .then(() => {
              if (!cancelled && !isOver()) act()
            })
        })
        return () => {
          cancelled = true
        }
      },
    }
  }
}
