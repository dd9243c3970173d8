/** Reading a DistributionConfig tree in our words, and the one edit that matters: moving a TargetOriginId. */
import { DEFAULT_ERROR_TTL_SECONDS, readCachePolicy } from './cache-policy.ts'
import { ALL_VIEWER, ALL_VIEWER_AND_CLOUDFRONT_HEADERS, HOST_HEADER_ONLY } from './managed-policies.ts'
import { child, childElements, contentOf, element, listItems, textOf, withChild } from './xml.ts'
import type { CachePolicy } from './cache-policy.ts'
import type { XmlElement } from './xml.ts'

/** The path pattern by which the default behavior is addressed. */
export const DEFAULT_BEHAVIOR = '*'

export type OriginProtocol = 'http-only' | 'match-viewer' | 'https-only'

/** One origin as an edge uses it; durations are milliseconds. */
export type Origin = {
  id: string
  domainName: string
  httpPort: number
  originPath: string
  customHeaders: readonly (readonly [name: string, value: string])[]
  protocol: OriginProtocol
  connectTimeoutMs: number
  connectionAttempts: number
  readTimeoutMs: number
  keepaliveMs: number
}

export type Behavior = {
  pathPattern: string
  targetOriginId: string
  allowedMethods: ReadonlySet<string>
  /** Whether the origin sees the Host that the viewer sent, or its own name. */
  hostHeader: 'Viewer' | 'Origin'
  /** Undefined: nothing is cached. */
  cachePolicy: CachePolicy | undefined
  /** ARN of the function for the event viewer-request. */
  viewerRequestFunction: string | undefined
}

export type DistributionSettings = {
  enabled: boolean
  aliases: readonly string[]
  defaultRootObject: string
  origins: ReadonlyMap<string, Origin>
  /** Origin group id → id of its first member. */
  originGroups: ReadonlyMap<string, string>
  /** In the order of CacheBehaviors; the default behavior is last. */
  behaviors: readonly Behavior[]
  /** ErrorCachingMinTTL in seconds, by HTTP status. */
  errorTtlSeconds: ReadonlyMap<number, number>
}

/** Which origin a behavior names, before and after an edit. */
export type TargetChange = { pathPattern: string; from: string | undefined; to: string | undefined }

// The managed origin request policies that forward the viewer's Host; the one "except Host" is not among them.
const POLICIES_FORWARDING_HOST = new Set([ALL_VIEWER, ALL_VIEWER_AND_CLOUDFRONT_HEADERS, HOST_HEADER_ONLY])

/** The default behavior and the others, each as (path pattern, element). The default comes last, as edges try them. */
export function behaviorElements(
  config: XmlElement,
): { pathPattern: string; behavior: XmlElement; kind: 'Default' | 'Ordered' }[] {
  const ordered = listItems(config, 'CacheBehaviors').map((behavior) => ({
    pathPattern: textOf(behavior, 'PathPattern') ?? '',
    behavior,
    kind: 'Ordered' as const,
  }))
  const fallback = child(config, 'DefaultCacheBehavior')
  if (fallback === undefined) return ordered
  return [...ordered, { pathPattern: DEFAULT_BEHAVIOR, behavior: fallback, kind: 'Default' as const }]
}

/** The further host names of a distribution, in lower case. */
export function aliasNames(config: XmlElement): string[] {
  return listItems(config, 'Aliases').map((alias) => contentOf(alias).toLowerCase())
}

/** Everything an edge needs to know of a valid configuration. */
export function readSettings(config: XmlElement): DistributionSettings {
  const groups = listItems(config, 'OriginGroups').map((group): [string, string] => {
    const [first] = listItems(group, 'Members')
    return [textOf(group, 'Id') ?? '', textOf(first, 'OriginId') ?? '']
  })
  return {
    enabled: textOf(config, 'Enabled') === 'true',
    aliases: aliasNames(config),
    defaultRootObject: textOf(config, 'DefaultRootObject') ?? '',
    origins: new Map(
      listItems(config, 'Origins')
        .map(readOrigin)
        .map((origin) => [origin.id, origin]),
    ),
    originGroups: new Map(groups),
    behaviors: behaviorElements(config).map(({ pathPattern, behavior }) =>
      readBehavior(pathPattern, behavior),
    ),
    errorTtlSeconds: new Map(
      listItems(config, 'CustomErrorResponses').map((response) => [
        integer(response, 'ErrorCode', 0),
        integer(response, 'ErrorCachingMinTTL', DEFAULT_ERROR_TTL_SECONDS),
      ]),
    ),
  }
}

function readOrigin(origin: XmlElement): Origin {
  const custom = child(origin, 'CustomOriginConfig') ?? child(origin, 'VpcOriginConfig')
  return {
    id: textOf(origin, 'Id') ?? '',
    domainName: (textOf(origin, 'DomainName') ?? '').toLowerCase(),
    httpPort: integer(custom, 'HTTPPort', 80),
    originPath: textOf(origin, 'OriginPath') ?? '',
    customHeaders: listItems(origin, 'CustomHeaders').map((header) => [
      textOf(header, 'HeaderName') ?? '',
      textOf(header, 'HeaderValue') ?? '',
    ]),
    protocol: (textOf(custom, 'OriginProtocolPolicy') ?? 'http-only') as OriginProtocol,
    connectTimeoutMs: integer(origin, 'ConnectionTimeout', 10) * 1000,
    connectionAttempts: integer(origin, 'ConnectionAttempts', 3),
    readTimeoutMs: integer(custom, 'OriginReadTimeout', 30) * 1000,
    keepaliveMs: integer(custom, 'OriginKeepaliveTimeout', 5) * 1000,
  }
}

function readBehavior(pathPattern: string, behavior: XmlElement): Behavior {
  const methods = listItems(behavior, 'AllowedMethods').map((method) => contentOf(method))
  return {
    pathPattern,
    targetOriginId: textOf(behavior, 'TargetOriginId') ?? '',
    allowedMethods: new Set(methods.length > 0 ? methods : ['GET', 'HEAD']),
    hostHeader: forwardsHost(behavior) ? 'Viewer' : 'Origin',
    cachePolicy: readCachePolicy(behavior),
    viewerRequestFunction: textOf(
      listItems(behavior, 'FunctionAssociations').find(
        (association) => textOf(association, 'EventType') === 'viewer-request',
      ),
      'FunctionARN',
    ),
  }
}

function forwardsHost(behavior: XmlElement): boolean {
  const policy = textOf(behavior, 'OriginRequestPolicyId')
  if (policy !== undefined && POLICIES_FORWARDING_HOST.has(policy)) return true
  const legacy = listItems(child(behavior, 'ForwardedValues'), 'Headers').map((header) => contentOf(header))
  return legacy.some((name) => name === '*' || name.toLowerCase() === 'host')
}

function integer(parent: XmlElement | undefined, name: string, fallback: number): number {
  const value = Number.parseInt(textOf(parent, name) ?? '', 10)
  return Number.isNaN(value) ? fallback : value
}

/** The behaviors whose origin differs between two configurations. */
export function targetChanges(before: XmlElement, after: XmlElement): TargetChange[] {
  const from = targets(before)
  const to = targets(after)
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((key) => from.get(key)?.origin !== to.get(key)?.origin)
    .map((key) => ({
      pathPattern: (to.get(key) ?? from.get(key))?.pathPattern ?? '',
      from: from.get(key)?.origin,
      to: to.get(key)?.origin,
    }))
}

function targets(config: XmlElement): Map<string, { pathPattern: string; origin: string | undefined }> {
  // An ordered behavior may have the pattern "*" too, so the pattern alone does not tell the two apart.
  return new Map(
    behaviorElements(config).map(({ kind, pathPattern, behavior }) => [
      `${kind} ${pathPattern}`,
      { pathPattern, origin: textOf(behavior, 'TargetOriginId') },
    ]),
  )
}

/** The same configuration with one behavior pointed at another origin; undefined when there is no such behavior. */
export function withTargetOriginId(
  config: XmlElement,
  pathPattern: string,
  originId: string,
): XmlElement | undefined {
  const target = element('TargetOriginId', originId)
  const fallback = child(config, 'DefaultCacheBehavior')
  if (pathPattern === DEFAULT_BEHAVIOR && fallback) return withChild(config, withChild(fallback, target))
  const behaviors = child(config, 'CacheBehaviors')
  const items = child(behaviors, 'Items')
  const behavior = childElements(items).find((item) => textOf(item, 'PathPattern') === pathPattern)
  if (behaviors === undefined || items === undefined || behavior === undefined) return undefined
  const children = items.children.map((node) => (node === behavior ? withChild(behavior, target) : node))
  return withChild(config, withChild(behaviors, { ...items, children }))
}
