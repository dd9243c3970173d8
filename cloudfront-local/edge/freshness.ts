/** How long an answer of an origin may be given again. */
import { DEFAULT_ERROR_TTL_SECONDS } from '../control-plane/cache-policy.ts'
import type { IncomingHttpHeaders } from 'node:http'
import type { CachePolicy } from '../control-plane/cache-policy.ts'

export type OriginAnswer = { status: number; headers: IncomingHttpHeaders }

/** `errorTtlSeconds` is the ErrorCachingMinTTL that is set for the status, if any. */
export type FreshnessRules = { policy: CachePolicy | undefined; errorTtlSeconds: number | undefined }

const CACHEABLE = new Set([200, 203, 300, 301, 302, 303, 307, 308])
// Errors that are cached whatever the origin says, and those that are only when it gives a Cache-Control.
const ERRORS = new Set([404, 410, 414, 500, 501, 502, 503, 504])
const ERRORS_IF_TOLD = new Set([400, 403, 405, 412, 415])

/**
 * Seconds; 0 when the answer must not be kept. An origin's errors are kept even where nothing else is, if the
 * distribution says so; by default for ten seconds wherever answers are kept.
 */
export function freshSeconds({ status, headers }: OriginAnswer, rules: FreshnessRules, now: number): number {
  const { policy, errorTtlSeconds } = rules
  const told = toldSeconds(headers, now)
  if (status >= 400) {
    const least = errorTtlSeconds ?? (policy === undefined ? 0 : DEFAULT_ERROR_TTL_SECONDS)
    const kept = ERRORS.has(status) || (ERRORS_IF_TOLD.has(status) && told !== undefined)
    return kept ? Math.max(least, policy === undefined ? 0 : (told ?? 0)) : 0
  }
  if (policy === undefined || !CACHEABLE.has(status)) return 0
  const wanted = told ?? policy.defaultTtlSeconds
  return Math.max(policy.minTtlSeconds, Math.min(wanted, policy.maxTtlSeconds))
}

/** What the origin says itself; undefined when it says nothing. s-maxage is for shared caches, so it goes first. */
function toldSeconds(headers: IncomingHttpHeaders, now: number): number | undefined {
  const control = (headers['cache-control'] ?? '').toLowerCase()
  if (/\b(?:no-store|no-cache|private)\b/.test(control)) return 0
  const age = /\bs-maxage=(\d+)/.exec(control) ?? /\bmax-age=(\d+)/.exec(control)
  if (age !== null) return Number(age[1])
  if (headers.expires === undefined) return undefined
  const expires = Date.parse(headers.expires)
  // "0" and other texts that are no date mean that the answer is stale already (RFC 9111 section 5.3).
  return Number.isNaN(expires) ? 0 : Math.max(0, Math.floor((expires - now) / 1000))
}
