/** One keeper per store: all releases of a store share one reading, one writer and one back-off, as of a distribution. */
import type { Clock } from '../../../controller/clock.ts'
import { Backoff } from '../backoff.ts'
import { CachedReader, type Freshness, type Known } from '../cached-reader.ts'
import { RefusalCache } from '../refusal-cache.ts'
import { Replaced, type Version } from '../versions.ts'
import { ConflictError, TransientError } from '../../../ports/errors.ts'
import type { KeyChange, KeyValueStoreApi } from './api.ts'
import { refusedForGood } from './errors.ts'
import { readValue } from './value.ts'

/** The store at one version, as far as anybody asked. */
type Contents = Version & {
  values: ReadonlyMap<string, string | undefined>
  /** When the values were read, on the monotonic clock. */
  readAt: number
}

/**
 * Since how many milliseconds this value, or that there is none, has been seen without a break. Before that another was
 * seen, or nobody looked.
 */
export type Sight = { sinceMs: number; before: 'Another' | 'Unknown' }

/** What is known of one key. */
export type KeyLook = Omit<Known<unknown>, 'value'> & {
  etag: string
  value: string | undefined
  sight: Sight
  /** Epoch milliseconds before which only a return is written. */
  writableAt: number
}

/** Decided on the store at `etag`. A Back never waits for its turn. */
export type Change = KeyChange & { etag: string; direction: 'Forward' | 'Back' }

/** How long a value is taken for that of its version: the two are read apart, and the value may have lagged behind. */
const TRUSTED_MS = 30_000
/** A key that nobody asked about for so long is of no release any more. */
const KEPT_MS = 900_000

/** A change apart from the time at which it is made. */
function decisionOf({ direction, etag, key, value }: Change): string {
  return JSON.stringify([etag, direction, key, { ...readValue(value), at: undefined }])
}

export class StoreKeeper {
  readonly #arn: string
  readonly #api: KeyValueStoreApi
  readonly #clock: Clock
  readonly #reader: CachedReader<Contents>
  /** Reads and writes are throttled apart, so that what a lost write did can be looked at. */
  readonly #sends: Backoff
  readonly #refusals: RefusalCache
  /** When each key was asked about last, on the monotonic clock. */
  readonly #keys = new Map<string, number>()
  /** Since when on the monotonic clock: the time of day may be set. */
  readonly #sights = new Map<string, { at: number; before: Sight['before'] }>()
  /** What was read last, also where a write has overtaken it: a version that comes back holds the same. */
  #last: Contents | undefined
  readonly #replaced = new Replaced()
  /** What our last write made. */
  #written: (KeyChange & { etag: string | undefined }) | undefined
  /** The version at which the last write was called a conflict. */
  #conflictAt: string | undefined
  /** One write at a time: the next finds that the store has changed, without asking for it. */
  #writing: Promise<unknown> = Promise.resolve()

  constructor(arn: string, api: KeyValueStoreApi, clock: Clock) {
    this.#arn = arn
    this.#api = api
    this.#clock = clock
    this.#sends = new Backoff(clock)
    this.#refusals = new RefusalCache(clock)
    this.#reader = new CachedReader({
      name: `key value store ${arn}`,
      fetch: () => this.#fetch(),
      saw: (contents) => {
        this.#saw(contents)
      },
      older: (contents, last) => this.#older(contents, last),
      clock,
    })
  }

  /** Throws RefusedError or TransientError where nothing that may be told is known. */
  async look(key: string, freshness: Freshness): Promise<KeyLook> {
    if (!this.#keys.has(key)) this.#reader.overtake()
    this.#keys.set(key, this.#clock.monotonicMs())
    for (;;) {
      const { value: contents, ...known } = await this.#reader.look(freshness)
      if (contents.values.has(key)) return this.#told(key, contents, known)
      // Read before anybody asked for this key.
      if (known.outdated) throw known.outdated
      this.#reader.overtake()
    }
  }

  /**
   * Writes the change if the store is still what it was decided on. Resolves once it was accepted. Throws ConflictError,
   * TransientError, RefusedError; the latter without a call where the very same was refused less than a minute ago.
   */
  move(change: Change): Promise<void> {
    const done = this.#writing.then(() => this.#refusals.asked(decisionOf(change), () => this.#write(change)))
    this.#writing = done.catch(() => undefined)
    return done
  }

  #told(key: string, { etag, values }: Contents, known: Omit<Known<unknown>, 'value'>): KeyLook {
    const now = this.#clock.monotonicMs()
    const { at, before } = this.#sights.get(key) ?? { at: now, before: 'Unknown' }
    return {
      ...known,
      etag,
      value: values.get(key),
      sight: { sinceMs: now - at, before },
      writableAt: this.#clock.wallMs() + this.#waitMs(),
    }
  }

  /** The version first: whatever is written after it was read makes a write that is guarded by it fail. */
  async #fetch(): Promise<Contents> {
    const readAt = this.#clock.monotonicMs()
    for (const [key, askedAt] of this.#keys) if (readAt - askedAt > KEPT_MS) this.#keys.delete(key)
    const keys = [...this.#keys.keys()]
    const version = await this.#api.describe(this.#arn)
    const known = this.#last
    const isKnown = known?.etag === version.etag && keys.every((key) => known.values.has(key))
    if (isKnown && readAt - known.readAt < TRUSTED_MS) return known
    const values = await Promise.all(
      keys.map(async (key) => [key, await this.#api.get(this.#arn, key)] as const),
    )
    return { ...version, values: new Map(values), readAt }
  }

  /** Version and values are read apart, so either may lag behind. */
  #older(contents: Contents, last: Contents | undefined): string | undefined {
    const { etag, values } = contents
    const written = this.#written
    const lags =
      written?.etag === etag && values.has(written.key) && values.get(written.key) !== written.value
    return lags
      ? `its key ${written.key} has not the value that a write of this operator gave it at ETag ${etag}`
      : this.#replaced.older(contents, last)
  }

  #saw(contents: Contents): void {
    const at = this.#clock.monotonicMs()
    const before = this.#last?.values
    for (const [key, value] of contents.values) {
      if (!before?.has(key)) this.#sights.set(key, { at, before: 'Unknown' })
      else if (before.get(key) !== value) this.#sights.set(key, { at, before: 'Another' })
    }
    for (const key of this.#sights.keys()) if (!contents.values.has(key)) this.#sights.delete(key)
    this.#last = contents
  }

  /** How long a forward move has to wait. */
  #waitMs(): number {
    return Math.max(this.#reader.waitMs(), this.#sends.waitMs())
  }

  async #write({ etag, direction, key, value }: Change): Promise<void> {
    const { current } = this.#reader
    if (current?.etag !== etag)
      throw new ConflictError(`key value store ${this.#arn} changed since it was read`)
    // Nothing would be sent, so no version guards it.
    if (current.values.get(key) === value && (await this.#api.get(this.#arn, key)) === value) return
    if (direction === 'Forward' && this.#waitMs() > 0)
      throw new TransientError(`key value store ${this.#arn} was throttled a moment ago`)
    try {
      const made = await this.#sends.told(this.#api.update(this.#arn, etag, { key, value }))
      this.#replaced.wrote(etag, made)
      this.#written = { etag: made, key, value }
      // The answer names a version and no value, so what stands there now is read back.
      this.#reader.wrote(undefined)
    } catch (error) {
      // Without an answer it may have happened, and somebody else wrote in a conflict.
      if (error instanceof ConflictError || error instanceof TransientError) this.#reader.overtake()
      throw error instanceof ConflictError ? this.#conflict(error, etag) : error
    }
  }

  /** Nobody wrote between two conflicts at one version. */
  #conflict(error: ConflictError, etag: string): Error {
    const isSecond = this.#conflictAt === etag
    this.#conflictAt = etag
    return (isSecond ? refusedForGood(error, this.#arn) : undefined) ?? error
  }
}
