/**
 * One keeper per distribution: everything that this process reads of it and writes to it goes through here, so that all
 * releases of a distribution share one reading, one writer and one back-off.
 */
import { sleep, type Clock } from '../../../controller/clock.ts'
import { Backoff } from '../backoff.ts'
import { CachedReader, type Freshness, type Known } from '../cached-reader.ts'
import { RefusalCache } from '../refusal-cache.ts'
import { Replaced } from '../versions.ts'
import { ConflictError, RefusedError, TransientError } from '../../../ports/errors.ts'
import type { CloudFrontApi, Fetched, Invalidation } from './api.ts'
import { Routes } from './routes.ts'

/** What is known of the distribution. */
export type Look = Omit<Known<Fetched>, 'value'> & {
  fetched: Fetched
  /** Which origins edges may still be routing to. */
  routes: Routes
  /** Epoch milliseconds before which only a return is written. */
  writableAt: number
}

/** What of the API a keeper needs. */
export type DistributionApi = Pick<CloudFrontApi, 'fetch' | 'point' | 'invalidate'>

/** Path pattern → origin id, decided on the distribution at `etag`. A Back never waits for its turn. */
export type Change = { targets: ReadonlyMap<string, string>; etag: string; direction: 'Forward' | 'Back' }

type Pending = Change & { resolve: () => void; reject: (error: unknown) => void }

// CloudFront publishes no limits; UpdateDistribution has been seen throttled at two or three calls a minute, and for
// longer the more one insists (community.aws#296).
export const UPDATE_SPACING_MS = 30_000
/** Changes that come within this time of each other become one update: passes of one moment are a little apart. */
const GATHER_MS = 50

export class DistributionKeeper {
  readonly #id: string
  readonly #api: DistributionApi
  readonly #clock: Clock
  readonly #spacingMs: number
  readonly #reader: CachedReader<Fetched>
  /** Reads and writes are throttled apart, so that what a lost write did can be looked at. */
  readonly #sends: Backoff
  readonly #refusals: RefusalCache
  readonly #routes = new Routes()
  readonly #replaced = new Replaced()
  #writtenAt = -Infinity
  #pending: Pending[] = []
  #writing = false

  constructor(id: string, api: DistributionApi, clock: Clock, spacingMs: number = UPDATE_SPACING_MS) {
    this.#id = id
    this.#spacingMs = spacingMs
    this.#api = api
    this.#clock = clock
    this.#sends = new Backoff(clock)
    this.#refusals = new RefusalCache(clock)
    this.#reader = new CachedReader({
      name: `distribution ${id}`,
      fetch: () => api.fetch(id),
      saw: (fetched) => {
        this.#routes.saw(fetched)
      },
      older: (fetched, last) => this.#replaced.older(fetched, last),
      clock,
    })
  }

  /** Throws RefusedError or TransientError where nothing that may be told is known. */
  async look(freshness: Freshness): Promise<Look> {
    const { value, ...known } = await this.#reader.look(freshness)
    const writableAt = this.#clock.wallMs() + this.#waitMs()
    return { ...known, fetched: value, routes: this.#routes, writableAt }
  }

  /**
   * Writes the change if the distribution is still what it was decided on; with whatever else is to be changed at this
   * moment, in one update. Resolves once it was accepted. Throws ConflictError, TransientError, RefusedError; the latter
   * without a call where the very same was refused less than a minute ago.
   */
  move(change: Change): Promise<void> {
    const { targets, etag, direction } = change
    return this.#refusals.asked(JSON.stringify([etag, direction, ...targets]), () => this.#inTurn(change))
  }

  #inTurn(change: Change): Promise<void> {
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
    await this.#refusals.asked(JSON.stringify(invalidation), () =>
      this.#sends.told(this.#api.invalidate(this.#id, invalidation)),
    )
  }

  /** How long a forward move has to wait. */
  #waitMs(): number {
    const spacing = this.#writtenAt + this.#spacingMs - this.#clock.monotonicMs()
    return Math.max(0, spacing, this.#reader.waitMs(), this.#sends.waitMs())
  }

  #isCurrent({ etag }: Change): boolean {
    return this.#reader.current?.etag === etag
  }

  async #write(): Promise<void> {
    this.#writing = true
    if (!this.#pending.some(({ direction }) => direction === 'Back')) await sleep(this.#clock, GATHER_MS)
    while (this.#pending.length > 0) await this.#writeAll(this.#pending.splice(0))
    this.#writing = false
  }

  /** One update for all changes that were decided on what stands there now; the others are to be decided anew. */
  async #writeAll(changes: Pending[]): Promise<void> {
    const fetched = this.#reader.current
    for (const change of changes.filter((one) => !this.#isCurrent(one)))
      change.reject(new ConflictError(`distribution ${this.#id} changed since it was read`))
    const current = changes.filter((one) => this.#isCurrent(one))
    if (!fetched || current.length === 0) return
    const error = await this.#send(fetched, current)
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
      else if (error instanceof ConflictError || error instanceof TransientError) this.#reader.overtake()
      return error
    }
  }

  #accepted({ etag }: Fetched, written: Fetched | undefined): void {
    this.#writtenAt = this.#clock.monotonicMs()
    this.#replaced.wrote(etag, written?.etag)
    if (written) this.#routes.wrote(etag, written.etag)
    this.#reader.wrote(written)
  }
}
