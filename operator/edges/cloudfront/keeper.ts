/**
 * One keeper per distribution: everything that this process reads of it and writes to it goes through here, so that all
 * releases of a distribution share one reading, one writer and one back-off.
 */
import { backoffMs, sleep, type Backoff, type Clock } from '../../runtime/clock.ts'
import { ConflictError, RefusedError, TransientError } from '../errors.ts'
import type { CloudFrontApi, Fetched, Invalidation } from './api.ts'
import { Routes } from './routes.ts'

/**
 * How old a reading may be. Idle: only drift is looked for. Busy: something is moving. Urgent: the same for a return,
 * which asks even where CloudFront wants to be left alone. Live: the call begins after the question.
 */
export type Freshness = 'Live' | 'Urgent' | 'Busy' | 'Idle'

/** What is known of the distribution. */
export type Look = {
  fetched: Fetched
  /** Which origins edges may still be routing to. */
  routes: Routes
  /** Whether it was fetched for this very question. */
  fresh: 'Yes' | 'No'
  /** Why it could not be fetched anew; what is here was read before and may have changed. */
  outdated?: TransientError | RefusedError
  /** Epoch milliseconds at which it is worth asking again where nothing is moving. */
  expiresAt: number
  /** Epoch milliseconds before which only a return is written. */
  writableAt: number
}

/** Path pattern → origin id, decided on the distribution at `etag`. A Back never waits for its turn. */
export type Change = { targets: ReadonlyMap<string, string>; etag: string; direction: 'Forward' | 'Back' }

type Pending = Change & { resolve: () => void; reject: (error: unknown) => void }

// CloudFront publishes no limits; UpdateDistribution has been seen throttled at two or three calls a minute, and for
// longer the more one insists (community.aws#296).
export const UPDATE_SPACING_MS = 30_000
const BACKOFF: Backoff = { baseMs: 2000, maxMs: 60_000 }
/** Changes that come within this time of each other become one update: passes of one moment are a little apart. */
const GATHER_MS = 50
/** A little less than the pace of polls, so that each of them finds the last one too old. */
const BUSY_AGE_MS = 4500
/** Five minutes, for each distribution and each time a little different, so that they do not all ask at once. */
const IDLE_AGE_MS = { least: 285_000, most: 315_000 }
/** A refusal is asked about again at the pace at which blocked releases look. */
const REFUSED_AGE_MS = 55_000
/** What was read so long ago tells nothing any more. */
const MEMORY_MS = 900_000

export class DistributionKeeper {
  readonly #id: string
  readonly #api: CloudFrontApi
  readonly #clock: Clock
  readonly #spacingMs: number
  #kept: { fetched: Fetched; at: number; idleAgeMs: number } | undefined
  /** The kept reading was overtaken by a write; it is good for telling and for nothing else. */
  #overtaken = false
  #refusal: { error: RefusedError; at: number } | undefined
  /** Reads and writes are throttled apart, so that what a lost write did can be looked at. */
  readonly #reads: Patience
  readonly #sends: Patience
  #flight: { startedAt: number; done: Promise<void> } | undefined
  #routes = new Routes()
  #writtenAt = -Infinity
  #pending: Pending[] = []
  #writing = false
  /** Counts writes, so that a reading that one of them overtook is known. */
  #writes = 0

  constructor(id: string, api: CloudFrontApi, clock: Clock, spacingMs: number = UPDATE_SPACING_MS) {
    this.#id = id
    this.#spacingMs = spacingMs
    this.#api = api
    this.#clock = clock
    this.#reads = new Patience(clock)
    this.#sends = new Patience(clock)
  }

  /** Throws RefusedError or TransientError where nothing that may be told is known. */
  async look(freshness: Freshness): Promise<Look> {
    const asked = this.#clock.monotonicMs()
    const wanted = this.#isGood(freshness) ? undefined : await this.#refresh(freshness, asked)
    const { error } = wanted ?? {}
    const kept = this.#kept
    if (!kept || asked - kept.at > MEMORY_MS) throw error ?? new TransientError(this.#unknown())
    // Only where reading was refused the users are as they were; a distribution that is gone or unreadable serves nobody we know.
    if (error instanceof RefusedError && error.reason !== 'AccessDenied') throw error
    return {
      fetched: kept.fetched,
      routes: this.#routes,
      fresh: !error && kept.at >= asked ? 'Yes' : 'No',
      ...(error ? { outdated: error } : {}),
      ...this.#pace(kept),
    }
  }

  /**
   * Writes the change if the distribution is still what it was decided on; with whatever else is to be changed at this
   * moment, in one update. Resolves once it was accepted. Throws ConflictError, TransientError, RefusedError.
   */
  move(change: Change): Promise<void> {
    if (change.direction === 'Forward' && this.#waitMs() > 0 && this.#isCurrent(change))
      return Promise.reject(
        new TransientError(`distribution ${this.#id} was written or throttled a moment ago`),
      )
    return new Promise((resolve, reject) => {
      this.#pending.push({ ...change, resolve, reject })
      if (!this.#writing) void this.#write()
    })
  }

  async invalidate(invalidation: Invalidation): Promise<void> {
    await this.#sends.told(this.#api.invalidate(this.#id, invalidation))
  }

  // ---- Reading -----------------------------------------------------------------------------------------------------

  #isGood(freshness: Freshness): boolean {
    const now = this.#clock.monotonicMs()
    if (freshness === 'Live' || !this.#kept || this.#overtaken || this.#refusal) return false
    return now - this.#kept.at < (freshness === 'Idle' ? this.#kept.idleAgeMs : BUSY_AGE_MS)
  }

  /** Asks again unless CloudFront wants to be left alone; what stands in the way, if anything. */
  async #refresh(
    freshness: Freshness,
    asked: number,
  ): Promise<{ error: TransientError | RefusedError } | undefined> {
    const { error } = this.#reads
    if (error && this.#reads.waitMs() > 0 && freshness !== 'Urgent') return { error }
    if (freshness !== 'Live' && this.#refusal && asked - this.#refusal.at < REFUSED_AGE_MS)
      return this.#refusal
    // One call for everybody who asks; but what was begun before a question is no live answer to it.
    if (freshness === 'Live' && this.#flight && this.#flight.startedAt < asked) await this.#flight.done
    this.#flight ??= { startedAt: this.#clock.monotonicMs(), done: this.#fetch() }
    await this.#flight.done
    const failure = this.#reads.error
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
      const fetched = await this.#reads.told(this.#api.fetch(this.#id))
      this.#refusal = undefined
      if (writes === this.#writes) {
        this.#keep(fetched, at)
        return
      }
      // A write was accepted meanwhile, so this may be what stood before it; its own answer is newer, if it had one.
      if (!this.#overtaken) return
    }
  }

  #keep(fetched: Fetched, at: number): void {
    const { least, most } = IDLE_AGE_MS
    this.#kept = { fetched, at, idleAgeMs: least + this.#clock.random() * (most - least) }
    this.#overtaken = false
    this.#routes.saw(fetched)
  }

  #pace({ at, idleAgeMs }: { at: number; idleAgeMs: number }): Pick<Look, 'expiresAt' | 'writableAt'> {
    const wall = this.#clock.wallMs()
    const now = this.#clock.monotonicMs()
    return {
      expiresAt: wall + Math.max(this.#reads.waitMs(), at + idleAgeMs - now),
      writableAt: wall + this.#waitMs(),
    }
  }

  #unknown(): string {
    return `nothing is known of distribution ${this.#id} yet`
  }

  // ---- Writing -----------------------------------------------------------------------------------------------------

  /** How long a forward move has to wait. */
  #waitMs(): number {
    const spacing = this.#writtenAt + this.#spacingMs - this.#clock.monotonicMs()
    return Math.max(0, spacing, this.#reads.waitMs(), this.#sends.waitMs())
  }

  #isCurrent({ etag }: Change): boolean {
    return !this.#overtaken && this.#kept?.fetched.etag === etag
  }

  async #write(): Promise<void> {
    this.#writing = true
    if (!this.#pending.some(({ direction }) => direction === 'Back')) await sleep(this.#clock, GATHER_MS)
    while (this.#pending.length > 0) await this.#writeAll(this.#pending.splice(0))
    this.#writing = false
  }

  /** One update for all changes that were decided on what stands there now; the others are to be decided anew. */
  async #writeAll(changes: Pending[]): Promise<void> {
    const kept = this.#kept
    for (const change of changes.filter((one) => !this.#isCurrent(one)))
      change.reject(new ConflictError(`distribution ${this.#id} changed since it was read`))
    const current = changes.filter((one) => this.#isCurrent(one))
    if (!kept || current.length === 0) return
    const error = await this.#send(kept.fetched, current)
    if (error === undefined) for (const { resolve } of current) resolve()
    // Refused as a whole: perhaps for the sake of one of them, which the others must not suffer for.
    else if (error instanceof RefusedError && current.length > 1)
      for (const change of current) await this.#writeAll([change])
    else for (const { reject } of current) reject(error)
  }

  async #send(fetched: Fetched, changes: readonly Change[]): Promise<unknown> {
    const targets = new Map(changes.flatMap((change) => [...change.targets]))
    const { behaviors } = fetched.document
    // An update that changes nothing is never sent: AWS does not say what it does to ETag and Status.
    const differs = [...targets].some(
      ([part, name]) => behaviors.find(({ pathPattern }) => pathPattern === part)?.target !== name,
    )
    if (!differs) return undefined
    const undo = this.#routes.mayLead(targets)
    try {
      const written = await this.#sends.told(this.#api.point(this.#id, fetched, targets))
      this.#accepted(fetched, written)
      return undefined
    } catch (error) {
      // A refusal changed nothing. Without an answer it may have happened, and somebody else wrote in a conflict.
      if (error instanceof RefusedError) undo()
      else if (error instanceof ConflictError || error instanceof TransientError) this.#overtaken = true
      return error
    }
  }

  #accepted({ etag }: Fetched, written: Fetched | undefined): void {
    this.#writes += 1
    this.#writtenAt = this.#clock.monotonicMs()
    this.#overtaken = written === undefined
    if (!written) return
    this.#routes.wrote(etag, written.etag)
    this.#keep(written, this.#writtenAt)
  }
}

/** Throttling and trouble of the other side make everybody wait, longer with each failure in a row. */
class Patience {
  /** What failed last, until something succeeds. */
  error: TransientError | undefined
  readonly #clock: Clock
  #failures = 0
  #quietUntil = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  waitMs(): number {
    return Math.max(0, this.#quietUntil - this.#clock.monotonicMs())
  }

  /** The outcome of a call, counted. */
  async told<Result>(call: Promise<Result>): Promise<Result> {
    try {
      const result = await call
      this.#answered()
      return result
    } catch (error) {
      if (error instanceof TransientError) this.#failed(error)
      // It answered, whatever it said.
      else this.#answered()
      throw error
    }
  }

  #answered(): void {
    this.error = undefined
    this.#failures = 0
    this.#quietUntil = -Infinity
  }

  #failed(error: TransientError): void {
    this.error = error
    this.#failures += 1
    this.#quietUntil = this.#clock.monotonicMs() + backoffMs(BACKOFF, this.#failures, this.#clock.random())
  }
}
