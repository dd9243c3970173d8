/** Whether a distribution can carry a release: what would surely fail is refused before any pod is made, what may hurt is told. */
import { COLORS } from '../../api/names.ts'
import {
  distributionField,
  distributionOf,
  keyValueStoreOf,
  type Distribution,
  type Gate,
  type Spec,
} from '../../api/release.ts'
import {
  DEFAULT_BEHAVIOR,
  ORDERED_STAR,
  type BehaviorFacts,
  type DistributionFacts,
  type OriginFacts,
} from '../model/distribution.ts'
import { unprovableOrigins } from './origin.ts'
import { coversPath } from '../model/path-pattern.ts'
import { originName } from '../model/observation.ts'

/** AWS's managed policy that caches nothing: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html */
const CACHING_DISABLED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'
/** What CloudFront does without any setting: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html */
const USUAL_ERROR_CACHING_SECONDS = 10

/** The settings of a spec, with the name of their member for messages. */
type Settings = Distribution & { field: string }

function settingsOf(spec: Spec): Settings | undefined {
  const settings = distributionOf(spec)
  return settings && { ...settings, field: distributionField(spec) }
}

/** Why the release cannot work through this distribution; each names field, value and remedy. */
export function refusalsOf(spec: Spec, facts: DistributionFacts): string[] {
  const settings = settingsOf(spec)
  if (!settings) return []
  return [
    ...sameOrigins(spec, settings, facts),
    ...verifyForbidden(settings, facts),
    ...unprovableOrigins(settings, facts.origins),
  ]
}

/** What may hurt users or keep a release from being proven, though it need not. */
export function warningsOf(spec: Spec, facts: DistributionFacts): string[] {
  const settings = settingsOf(spec)
  if (!settings) return []
  return [
    ...unreachedBehaviors(settings, facts),
    ...cachedBehaviors(settings, facts),
    ...cachedErrors(facts),
    ...gatesForbidden(spec, settings, facts),
    ...gatesSlowerThanOrigins(spec, facts),
    ...otherBehaviors(spec, settings, facts),
    ...(keyValueStoreOf(spec) ? groupedFallbacks(settings, facts) : []),
  ]
}

/** The behavior that CloudFront uses for a path: the first whose pattern matches, else the default one. */
export function behaviorFor({ behaviors }: DistributionFacts, path: string): BehaviorFacts | undefined {
  const own = behaviors.filter(({ pathPattern }) => pathPattern !== DEFAULT_BEHAVIOR)
  const [withoutQuery = ''] = path.split('?', 1)
  return (
    own.find(({ pathPattern }) => matchesAll(pathPattern) || coversPath(pathPattern, withoutQuery)) ??
    behaviors.find(({ pathPattern }) => pathPattern === DEFAULT_BEHAVIOR)
  )
}

function matchesAll(pattern: string): boolean {
  return pattern === ORDERED_STAR || /^\/?\*+$/.test(pattern)
}

function sameOrigins(spec: Spec, { field }: Settings, { origins }: DistributionFacts): string[] {
  const [blue, green] = COLORS.map((color) => origins.find(({ id }) => id === originName(spec, color)))
  if (!blue || !green || addressOf(blue) !== addressOf(green)) return []
  return [
    `${field}.origins.blue "${blue.id}" and .green "${green.id}" are the same address ${shownAddress(blue)}: give each color an address of its own in the distribution, or a custom header that its load balancer tells them apart by`,
  ]
}

/** What tells an origin from another for whoever answers behind it. */
function addressOf({ domainName, path, protocol, httpPort, httpsPort, headers }: OriginFacts): string {
  const ports =
    protocol === 'http-only' ? [httpPort] : protocol === 'https-only' ? [httpsPort] : [httpPort, httpsPort]
  const sorted = headers.map(({ name, value }) => `${name.toLowerCase()}: ${value}`).toSorted()
  return JSON.stringify([domainName.toLowerCase(), path, ports, sorted])
}

function shownAddress({ domainName, path, protocol, httpPort, httpsPort }: OriginFacts): string {
  return `${domainName}:${protocol === 'https-only' ? httpsPort : httpPort}${path}`
}

/** The behavior of ours that a request meets; requests of other behaviors say nothing of this release. */
function ownBehaviorFor(
  settings: Settings,
  facts: DistributionFacts,
  path: string,
): BehaviorFacts | undefined {
  const behavior = behaviorFor(facts, path)
  return settings.behaviors.some((one) => one.pathPattern === behavior?.pathPattern) ? behavior : undefined
}

function verifyForbidden(settings: Settings, facts: DistributionFacts): string[] {
  const { field, verify } = settings
  if (verify.type === 'DeployedOnly' || !verify.url || !URL.canParse(verify.url)) return []
  const behavior = ownBehaviorFor(settings, facts, new URL(verify.url).pathname)
  if (!behavior || allows(behavior, verify.method)) return []
  return [
    `${field}.verify.method "${verify.method}" is not allowed by behavior "${behavior.pathPattern}" of the distribution, which allows ${behavior.methods.join(', ')}: allow it there, or verify with one of these`,
  ]
}

function allows({ methods }: BehaviorFacts, method: string): boolean {
  return methods.length === 0 || methods.includes(method)
}

/** CloudFront takes the first behavior that matches; what stands behind one that matches everything moves nobody. */
function unreachedBehaviors({ field, behaviors }: Settings, facts: DistributionFacts): string[] {
  const ordered = facts.behaviors
    .map(({ pathPattern }) => pathPattern)
    .filter((one) => one !== DEFAULT_BEHAVIOR)
  const taking = ordered.findIndex(matchesAll)
  if (taking < 0) return []
  const unreached = new Set([DEFAULT_BEHAVIOR, ...ordered.slice(taking + 1)])
  return behaviors
    .filter(({ pathPattern }) => unreached.has(pathPattern))
    .map(
      ({ pathPattern }) =>
        `${field}.behaviors "${pathPattern}" is never reached: behavior "${ordered[taking] ?? ''}" of the distribution stands before it and takes every request; change their order there, or name that one`,
    )
}

function cachedBehaviors(settings: Settings, facts: DistributionFacts): string[] {
  return facts.behaviors
    .filter(({ pathPattern }) => settings.behaviors.some((one) => one.pathPattern === pathPattern))
    .flatMap(({ pathPattern, caching }) => {
      const how = cachingText(caching)
      return how === undefined
        ? []
        : [
            `behavior "${pathPattern}" ${how}: answers to GET may come from the cache, mix both colors and prove nothing; use the managed policy CachingDisabled for inference, or name what is cached in ${settings.field}.invalidationPaths`,
          ]
    })
}

function cachingText(caching: BehaviorFacts['caching']): string | undefined {
  if ('policyId' in caching)
    return caching.policyId === CACHING_DISABLED ? undefined : `has the cache policy ${caching.policyId}`
  return caching.longestSeconds > 0 ? `caches for up to ${caching.longestSeconds} s` : undefined
}

function cachedErrors({ errorCaching }: DistributionFacts): string[] {
  return errorCaching
    .filter(({ status, seconds }) => status >= 500 && seconds > USUAL_ERROR_CACHING_SECONDS)
    .map(
      ({ status, seconds }) =>
        `the distribution answers status ${status} from its cache for ${seconds} s, so errors of a color outlive a return: set its error caching minimum TTL to 0`,
    )
}

function gatesForbidden(spec: Spec, settings: Settings, facts: DistributionFacts): string[] {
  return (spec.gates ?? []).flatMap(({ name, smoke: { request } }) => {
    const behavior = ownBehaviorFor(settings, facts, request.path)
    if (!behavior || allows(behavior, request.method)) return []
    return [
      `gate "${name}" sends ${request.method} ${request.path}, and behavior "${behavior.pathPattern}" of the distribution allows users only ${behavior.methods.join(', ')}: allow all methods there`,
    ]
  })
}

function gatesSlowerThanOrigins(spec: Spec, { origins }: DistributionFacts): string[] {
  const ours = COLORS.flatMap((color) => origins.find(({ id }) => id === originName(spec, color)) ?? [])
  const seconds = Math.min(...ours.map(({ timeoutSeconds }) => timeoutSeconds))
  const slow = (spec.gates ?? []).filter((gate) => secondsOf(gate) > seconds)
  if (slow.length === 0) return []
  return [
    `CloudFront gives up on an answer after ${seconds} s, and ${slow.map(({ name }) => `gate "${name}"`).join(' and ')} would let it take ${Math.max(...slow.map(secondsOf))} s: lower maxLatencyMilliseconds or timeoutSeconds of the gate, or raise the response timeout of the origins`,
  ]
}

function secondsOf({ smoke: { expect, timeoutSeconds } }: Gate): number {
  return Math.min(timeoutSeconds, (expect.maxLatencyMilliseconds ?? Infinity) / 1000)
}

/** What answers without the key is an origin group of somebody's making, which does not follow. */
function groupedFallbacks(settings: Settings, { behaviors, groups }: DistributionFacts): string[] {
  return behaviors
    .filter(({ pathPattern }) => settings.behaviors.some((one) => one.pathPattern === pathPattern))
    .flatMap(({ pathPattern, target }) => {
      const members = groups.find(({ id }) => id === target)?.members ?? []
      const colors = COLORS.filter((color) => members.includes(settings.origins[color]))
      if (colors.length === 0) return []
      return `behavior "${pathPattern}" names the origin group "${target}", which does not follow the key and keeps ${colors.join(' and ')} from retiring: point it at an origin that is always there, or at the live color's own`
    })
}

function otherBehaviors(spec: Spec, settings: Settings, { behaviors, groups }: DistributionFacts): string[] {
  const ours = new Set<string>(COLORS.map((color) => originName(spec, color)))
  const leads = (id: string): boolean =>
    (groups.find((group) => group.id === id)?.members ?? [id]).some((one) => ours.has(one))
  return behaviors
    .filter(({ pathPattern }) => !settings.behaviors.some((one) => one.pathPattern === pathPattern))
    .filter(({ target }) => leads(target))
    .map(
      ({ pathPattern, target }) =>
        `behavior "${pathPattern}" leads to "${target}" and is not of this release: it does not follow it, and keeps what it leads to from retiring; name it in ${settings.field}.behaviors, or point it elsewhere`,
    )
}
