/** Reads one thing of AWS for everybody who asks about it: seldom while nothing moves, and patiently when it fails. */
import type { Clock } from '../../controller/clock.ts'
import { OlderError, RefusedError, TransientError } from '../../ports/errors.ts'
import { Backoff } from './backoff.ts'
import { REFUSED_AGE_MS } from './refusal-cache.ts'

/**
 * How old a reading may be. Idle: only drift is looked for. Busy: something is moving. Urgent: the same for a return,
 * which asks even where the other side wants to be left alone. Live: the call begins after the question.
 */
export type Freshness = 'Live' | 'Urgent' | 'Busy' | 'Idle'

/** What is known. */
export type Known<T> = {
  value: T
  /** Whether it was fetched for this very question. */
  fresh: 'Yes' | 'No'
  /** Why it could not be fetched anew; what is here was read before and may have changed. */
  outdated?: TransientError | RefusedError
  /** Epoch milliseconds at which it is worth asking again where nothing is moving. */
  expiresAt: number
}

export type ReaderOptions<T> = {
  /** For messages, for example `distribution E123EXAMPLE`. */
  name: string
  /** Asks once; throws TransientError, RefusedError, or a mistake of ours. */
  fetch: () => Promise<T>
  /** Told whatever is read or written, before anybody else learns of it. */
  saw?: (value: T) => void
  /**
   * Why a reading is of a time before what was read last or written, undefined where it is not: the machines behind an API
   * do not all know of a change at once. `last` is missing where it was read too long ago to be held against anything.
   */
  older?: (value: T, last: T | undefined) => string | undefined
  clock: Clock
}

/** A little less than the pace of polls, so that each of them finds the last one too old. */
const BUSY_AGE_MS = 4500
/** Five minutes, for each thing and each time a little different, so that they are not all asked about at once. */
const IDLE_AGE_MS = { least: 285_000, most: 315_000 }
/** What was read so long ago tells nothing any more. */
const MEMORY_MS = 900_000

export class CachedReader<T> {
  readonly #options: ReaderOptions<T>
  readonly #clock: Clock
  readonly #patience: Backoff
  #kept: { value: T; at: number; idleAgeMs: number } | undefined
  /** The kept reading was overtaken by a write; it is good for telling and for nothing else. */
  #overtaken = false
  #refusal: { error: RefusedError; at: number } | undefined
  #flight: { startedAt: number; done: Promise<void> } | undefined
  /** Counts writes, so that a reading that one of them overtook is known. */
  #writes = 0

  constructor(options: ReaderOptions<T>) {
    this.#options = options
    this.#clock = options.clock
    this.#patience = new Backoff(options.clock)
  }

  /** Throws RefusedError or TransientError where nothing that may be told is known. */
  async look(freshness: Freshness): Promise<Known<T>> {
    const asked = this.#clock.monotonicMs()
    const wanted = this.#isGood(freshness) ? undefined : await this.#refresh(freshness, asked)
    const { error } = wanted ?? {}
    const kept = this.#kept
    if (!kept || asked - kept.at > MEMORY_MS)
      throw error ?? new TransientError(`nothing is known of ${this.#options.name} yet`)
    // Only where reading was refused the users are as they were; what is gone or unreadable serves nobody we know.
    if (error instanceof RefusedError && error.reason !== 'AccessDenied') throw error
    return {
      value: kept.value,
      fresh: !error && kept.at >= asked ? 'Yes' : 'No',
      ...(error ? { outdated: error } : {}),
      expiresAt: this.#clock.wallMs() + Math.max(this.waitMs(), kept.at + kept.idleAgeMs - asked),
    }
  }

  /** What was read last, unless a write has overtaken it. */
  get current(): T | undefined {
    return this.#overtaken ? undefined : this.#kept?.value
  }

  /** Milliseconds for which the other side is to be left alone. */
  waitMs(): number {
    return this.#patience.waitMs()
  }

  /** A write may have changed what was read, so it is to be read anew. */
  overtake(): void {
    this.#overtaken = true
  }

  /** A write was accepted, and made this of it if that is known. */
  wrote(written: T | undefined): void {
    this.#writes += 1
    this.#overtaken = written === undefined
    if (written !== undefined) this.#keep(written, this.#clock.monotonicMs())
  }

  #isGood(freshness: Freshness): boolean {
    const now = this.#clock.monotonicMs()
    if (freshness === 'Live' || !this.#kept || this.#overtaken || this.#refusal) return false
    return now - this.#kept.at < (freshness === 'Idle' ? this.#kept.idleAgeMs : BUSY_AGE_MS)
  }

  /** Asks again unless the other side wants to be left alone; what stands in the way, if anything. */
  async #refresh(
    freshness: Freshness,
    asked: number,
  ): Promise<{ error: TransientError | RefusedError } | undefined> {
    const { error } = this.#patience
    if (error && this.#patience.waitMs() > 0 && freshness !== 'Urgent') return { error }
    if (freshness !== 'Live' && this.#refusal && asked - this.#refusal.at < REFUSED_AGE_MS)
      return this.#refusal
    // One call for everybody who asks; but what was begun before a question is no live answer to it.
    if (freshness === 'Live' && this.#flight && this.#flight.startedAt < asked) await this.#flight.done
    this.#flight ??= { startedAt: this.#clock.monotonicMs(), done: this.#fetch() }
    await this.#flight.done
    const failure = this.#patience.error
    return failure ? { error: failure } : this.#refusal
  }

  async #fetch(): Promise<void> {
    try {
      await this.#fetchSinceLastWrite()
    } catch (error) {
      if (error instanceof RefusedError) this.#refusal = { error, at: this.#clock.monotonicMs() }
      else if (!(error instanceof TransientError)) throw error
    } finally {
      this.#flight = undefined
    }
  }

  async #fetchSinceLastWrite(): Promise<void> {
    for (;;) {
      const at = this.#clock.monotonicMs()
      const writes = this.#writes
      const value = await this.#patience.told(this.#options.fetch())
      this.#refusal = undefined
      if (writes === this.#writes) {
        // Counts as no answer, so that it is asked again soon, and forward moves wait for the answer.
        await this.#patience.told(this.#believed(value))
        this.#keep(value, at)
        return
      }
      // A write was accepted meanwhile, so this may be what stood before it; its own answer is newer, if it had one.
      if (!this.#overtaken) return
    }
  }

  #believed(value: T): Promise<void> {
    const { name, older } = this.#options
    const isRemembered = this.#kept && this.#clock.monotonicMs() - this.#kept.at <= MEMORY_MS
    const why = older?.(value, isRemembered ? this.#kept?.value : undefined)
    if (why === undefined) return Promise.resolve()
    return Promise.reject(
      new OlderError(
        `${name} was answered as it was before: ${why}; that says nothing, and it is asked again`,
      ),
    )
  }

  #keep(value: T, at: number): void {
    const { least, most } = IDLE_AGE_MS
    this.#kept = { value, at, idleAgeMs: least + this.#clock.random() * (most - least) }
    this.#overtaken = false
    this.#options.saw?.(value)
  }
}
