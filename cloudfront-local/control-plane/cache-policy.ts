/** What a behavior's cache policy says: what makes up the key, and how long an answer is fresh. */
import { child, contentOf, listItems, textOf } from './xml.ts'
import type { XmlElement } from './xml.ts'

export type CachePolicy = {
  minTtlSeconds: number
  /** For answers without Cache-Control and Expires. */
  defaultTtlSeconds: number
  maxTtlSeconds: number
  /** What is part of the key beside host and path. Header names are in lower case. */
  headers: readonly string[]
  cookies: 'All' | 'None'
  queryStrings: 'All' | 'None'
  /** Encodings that the viewer may choose and that are part of the key, best first. */
  encodings: readonly string[]
}

/** CloudFront's ErrorCachingMinTTL where none is set. */
export const DEFAULT_ERROR_TTL_SECONDS = 10

const DAY = 86_400
const YEAR = 365 * DAY
const OPTIMIZED: CachePolicy = {
  minTtlSeconds: 1,
  defaultTtlSeconds: DAY,
  maxTtlSeconds: YEAR,
  headers: [],
  cookies: 'None',
  queryStrings: 'None',
  encodings: ['br', 'gzip'],
}
const ORIGIN_DECIDES: CachePolicy = {
  ...OPTIMIZED,
  minTtlSeconds: 0,
  defaultTtlSeconds: 0,
  headers: ['host', 'origin', 'x-http-method-override', 'x-http-method', 'x-method-override'],
  cookies: 'All',
}

/** The managed policies by name; undefined for the one that caches nothing. Ids from CloudFront's developer guide. */
export const MANAGED_CACHE_POLICIES = {
  CachingDisabled: { id: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad', policy: undefined },
  CachingOptimized: { id: '658327ea-f89d-4fab-a63d-7e88639e58f6', policy: OPTIMIZED },
  CachingOptimizedForUncompressedObjects: {
    id: 'b2884449-e4de-46a7-ac36-70bc7f1ddd6d',
    policy: { ...OPTIMIZED, encodings: [] },
  },
  UseOriginCacheControlHeaders: { id: '83da9c7e-98b4-4e11-a168-04f0df8e2c65', policy: ORIGIN_DECIDES },
  'UseOriginCacheControlHeaders-QueryStrings': {
    id: '4cc15a8a-d715-48a4-82b8-cc0b614638fe',
    policy: { ...ORIGIN_DECIDES, queryStrings: 'All' },
  },
} as const satisfies Record<string, { id: string; policy: CachePolicy | undefined }>

/** The policy of a behavior element; a policy that is not among the managed ones caches nothing here. */
export function readCachePolicy(behavior: XmlElement): CachePolicy | undefined {
  const id = textOf(behavior, 'CachePolicyId') ?? ''
  if (id !== '') return Object.values(MANAGED_CACHE_POLICIES).find((managed) => managed.id === id)?.policy
  return readLegacySettings(behavior)
}

/** ForwardedValues and the three TTLs, which came before cache policies and still work. */
function readLegacySettings(behavior: XmlElement): CachePolicy | undefined {
  const values = child(behavior, 'ForwardedValues')
  if (values === undefined) return undefined
  const headers = listItems(values, 'Headers').map((header) => contentOf(header).toLowerCase())
  // A behavior that forwards every header caches nothing.
  if (headers.includes('*')) return undefined
  const ttl = (name: string, fallback: number): number => Number(textOf(behavior, name) ?? fallback)
  return {
    minTtlSeconds: ttl('MinTTL', 0),
    defaultTtlSeconds: ttl('DefaultTTL', DAY),
    maxTtlSeconds: ttl('MaxTTL', YEAR),
    headers,
    cookies: textOf(child(values, 'Cookies'), 'Forward') === 'none' ? 'None' : 'All',
    queryStrings: textOf(values, 'QueryString') === 'true' ? 'All' : 'None',
    encodings: [],
  }
}
