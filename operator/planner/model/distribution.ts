/** A distribution in our words: what a decision needs to know of it. Plain data; the edge reads it out of CloudFront's answer. */

export interface OriginFacts {
  id: string
  /** Vpc: only CloudFront reaches it. S3: it is signed for, and serves no model. */
  kind: 'Custom' | 'Vpc' | 'S3'
  domainName: string
  /** Put before every path; empty or with a leading slash. */
  path: string
  /** OriginProtocolPolicy: `http-only`, `https-only` or `match-viewer`. */
  protocol: string
  httpPort: number
  httpsPort: number
  /** Sent to the origin with every request; their values are secrets. */
  headers: { name: string; value: string }[]
  /** How long its slowest answer may take. */
  timeoutSeconds: number
}

/** The default behavior, by which a release names it. */
export const DEFAULT_BEHAVIOR = '*'

/**
 * The ordered behavior whose pattern is `*`, told apart from the default one by words that no path pattern can hold. It
 * matches every path, so no behavior after it is reached, nor the default one.
 */
export const ORDERED_STAR = '* (ordered)'

export interface BehaviorFacts {
  /** In the order in which CloudFront tries them, after the default one, which is `*`. */
  pathPattern: string
  /** Id of an origin or of an origin group. */
  target: string
  methods: string[]
  caching: { policyId: string } | { longestSeconds: number }
  requestPolicyId?: string
  /** Of a behavior without policies: headers of the viewer that reach the origin; `*` is all of them. */
  forwardedHeaders: string[]
}

export interface DistributionFacts {
  origins: OriginFacts[]
  groups: { id: string; members: string[] }[]
  behaviors: BehaviorFacts[]
  /** How long an error is answered from the cache, where the distribution says so. */
  errorCaching: { status: number; seconds: number }[]
}
