/** What a seed may say, in the short form. */
import type { MANAGED_CACHE_POLICIES } from './control-plane/cache-policy.ts'

/** An origin in the short form; only the first two members are required. Durations are seconds, as in CloudFront. */
export type SeedOrigin = {
  id: string
  domainName: string
  httpPort?: number
  originPath?: string
  customHeaders?: Record<string, string>
  readTimeoutSeconds?: number
  keepaliveTimeoutSeconds?: number
  connectionTimeoutSeconds?: number
  connectionAttempts?: number
}

/** A behavior in the short form; the path pattern "*" is the default behavior, which every distribution needs. */
export type SeedBehavior = {
  pathPattern: string
  targetOriginId: string
  hostHeader?: 'Viewer' | 'Origin'
  allowedMethods?: string[]
  cachePolicy?: keyof typeof MANAGED_CACHE_POLICIES
  /** Name of a function, which must be published. */
  viewerRequestFunction?: string
}

/** A distribution in the short form. Ids are `E` and 13 upper-case letters or digits. */
export type SeedDistribution = {
  id?: string
  domainName?: string
  comment?: string
  enabled?: boolean
  aliases?: string[]
  origins: SeedOrigin[]
  behaviors: SeedBehavior[]
  /** ErrorCachingMinTTL by HTTP status. */
  errorTtlSeconds?: Record<string, number>
}

/** A KeyValueStore and what it holds. */
export type SeedStore = { name: string; comment?: string; items?: Record<string, string> }

/** A function, published; either its code or the name of a file with it. */
export type SeedFunction = {
  name: string
  comment?: string
  code?: string
  codeFile?: string
  /** Name of a store of the seed. */
  keyValueStore?: string
}

/** Everything that a seed can hold, in the short form. */
export type SeedContent = {
  distributions: readonly SeedDistribution[]
  keyValueStores?: readonly SeedStore[]
  functions?: readonly SeedFunction[]
}
