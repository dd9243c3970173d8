/** The value of a release's key, which the function in cloudfront-function/route.js follows. */

/** Where requests go. Origins are ids of the distribution. */
export type Route = {
  live: string
  /** A share of the clients, in percent, goes elsewhere; the same salt lets them stay there when it grows. */
  canary?: { origin: string; weight: number; salt?: string; header?: string }
  /** When it was written, epoch milliseconds; not every writer says it. */
  at?: number
}

/** What the operator writes says everything. */
export type WholeRoute = Route & {
  canary?: { origin: string; weight: number; salt: string; header?: string }
  at: number
}

const VERSION = 1
/** CloudFront's limit for a value. */
const MAX_BYTES = 1024

/** What the function makes of a value; undefined where it leaves users to the behavior's own origin. */
export function readValue(text: string | undefined): Route | undefined {
  const value = parse(text)
  if (value?.v !== VERSION || !isName(value.live)) return undefined
  const canary = readCanary(value.canary)
  return {
    live: value.live,
    ...(canary ? { canary } : {}),
    ...(typeof value.at === 'number' && Number.isFinite(value.at) ? { at: value.at } : {}),
  }
}

/** Throws RangeError for what would not fit. */
export function writeValue({ live, canary, at }: WholeRoute): string {
  const text = JSON.stringify({ v: VERSION, live, ...(canary ? { canary } : {}), at })
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw new RangeError(`the value of the key has more than ${MAX_BYTES} bytes: ${text.slice(0, 100)}`)
  return text
}

/** The key that a function follows, by the one line of cloudfront-function/route.js that is made for each; undefined for others. */
export function followedKey(code: string): string | undefined {
  return /^const KEY = '(.*)'\r?$/m.exec(code)?.[1]
}

type Json = Record<string, unknown>

function parse(text: string | undefined): Json | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function readCanary(canary: unknown): Route['canary'] {
  if (!isObject(canary)) return undefined
  const { origin, salt, header } = canary
  const weight = Number(canary.weight)
  if (!(weight > 0)) return undefined
  return {
    // A name that no origin has, as what stands there is none.
    origin: isName(origin) ? origin : '',
    weight: Math.min(weight, 100),
    ...(typeof salt === 'string' ? { salt } : {}),
    ...(isName(header) ? { header } : {}),
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
