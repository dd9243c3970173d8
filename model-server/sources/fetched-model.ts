/** What every kind of store gives: the bytes of a model, or the reason why there are none. */
import type { ModelLocation } from './location.ts'

/** The bytes of a model, and what their store says of them. */
export type FetchedModel = {
  bytes: Buffer
  /** Names of the columns that the model was trained on. */
  columns: readonly string[] | undefined
  /** What an alias stood for when it was followed. */
  found?: string
}

/** How much may come, and until when. */
export type FetchLimits = { maxBytes: number; signal: AbortSignal }

/**
 * Get the bytes at a location.
 * @throws ModelRefused where they are more than `maxBytes`; anything else thrown may pass, so that trying again can help
 */
export type FetchModel = (location: ModelLocation, limits: FetchLimits) => Promise<FetchedModel>

/** These bytes will not do, however often they are fetched. */
export class ModelRefused extends Error {
  override readonly name = 'ModelRefused'
}

/**
 * The store answered, and said no. It is asked again. `Absent`: it has no such object, and a person has to put it there.
 * `Denied`: it does not give it to this caller, which may pass in a minute, since rights take that long to spread.
 */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
  readonly kind: 'Absent' | 'Denied'

  constructor(kind: StoreRefused['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Client errors that another moment may mend: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9, 8470 and 6585. */
const PASSING = new Set([408, 425, 429])
/** A store may also answer 403 for what is not there, and 400 for a token that is not known yet. */
const ABSENT = new Set([404, 410])

/** The error for a status that a store answered with. */
export function storeError(status: number, message: string, options?: ErrorOptions): Error {
  const isRefusal = status >= 400 && status < 500 && !PASSING.has(status)
  if (!isRefusal) return new Error(message, options)
  return new StoreRefused(ABSENT.has(status) ? 'Absent' : 'Denied', message, options)
}
