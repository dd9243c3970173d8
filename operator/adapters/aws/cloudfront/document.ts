/**
 * What the operator reads of a distribution, and the one thing that it changes, on the text that CloudFront sent. The
 * SDK's model drops every element that it does not know, and UpdateDistribution replaces the whole configuration.
 */
import {
  DEFAULT_BEHAVIOR,
  ORDERED_STAR,
  type BehaviorFacts,
  type DistributionFacts,
  type OriginFacts,
} from '../../../planner/model/distribution.ts'
import { childOf, descend, escapeXml, scanXml, textOf, UnsafeXmlError, type XmlRange } from './xml-ranges.ts'

/** CloudFront's default for OriginReadTimeout, which an S3 origin does not state. */
const DEFAULT_TIMEOUT_SECONDS = 30

/** A distribution in our words. The default behavior comes first. */
export type DistributionDocument = DistributionFacts & {
  enabled: boolean
  staging: boolean
  /** `Deployed` when every edge has the newest configuration, `InProgress` until then. */
  status: string
  /** Path pattern → ARN of the CloudFront Function that a behavior runs for every request of a viewer, where it has one. */
  viewerRequestFunctions: ReadonlyMap<string, string>
}

/** Reads the answer of GetDistribution. Throws UnsafeXmlError when it means nothing or more than one thing. */
export function readDistribution(xml: string): DistributionDocument {
  const root = scanRoot(xml)
  const config = descend(root, 'DistributionConfig')
  const found = behaviorsOf(xml, config)
  return {
    enabled: textOf(xml, descend(config, 'Enabled')) === 'true',
    staging: optional(xml, config, 'Staging') === 'true',
    status: textOf(xml, descend(root, 'Status')),
    origins: itemsOf(config, 'Origins').map((origin) => readOrigin(xml, origin)),
    groups: itemsOf(config, 'OriginGroups').map((group) => readGroup(xml, group)),
    behaviors: found.map(({ pathPattern, target, element }) =>
      readBehavior(xml, element, { pathPattern, target }),
    ),
    viewerRequestFunctions: new Map(
      found.flatMap(({ pathPattern, element }) => {
        const arn = viewerRequestFunction(xml, element)
        return arn === undefined ? [] : [[pathPattern, arn] as const]
      }),
    ),
    errorCaching: itemsOf(config, 'CustomErrorResponses').flatMap((response) => {
      const seconds = number(xml, response, 'ErrorCachingMinTTL')
      const status = number(xml, response, 'ErrorCode')
      return seconds === undefined || status === undefined ? [] : [{ status, seconds }]
    }),
  }
}

/**
 * The body of an UpdateDistribution that differs from this answer of GetDistribution only in the TargetOriginId of the
 * behaviors that are the keys of `targets`; every other byte of the configuration stands in it as it came. Throws UnsafeXmlError.
 */
export function pointBehaviors(xml: string, targets: ReadonlyMap<string, string>): string {
  const root = scanRoot(xml)
  const config = descend(root, 'DistributionConfig')
  const places = behaviorsOf(xml, config)
    .flatMap(({ pathPattern, range }) => {
      const originId = targets.get(pathPattern)
      return originId === undefined ? [] : [{ range, originId }]
    })
    .toSorted((a, b) => a.range.innerStart - b.range.innerStart)
  if (places.length !== targets.size)
    throw new UnsafeXmlError(
      `not every one of the behaviors ${[...targets.keys()].join(', ')} is there exactly once`,
    )
  const pieces: string[] = []
  let position = config.innerStart
  for (const { range, originId } of places) {
    pieces.push(xml.slice(position, range.innerStart), escapeXml(originId))
    position = range.innerEnd
  }
  pieces.push(xml.slice(position, config.innerEnd))
  const attributes = `${inheritedNamespaces(root, config)}${config.attributes}`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<DistributionConfig${attributes}>${pieces.join('')}</DistributionConfig>`
}

function scanRoot(xml: string): XmlRange {
  const root = scanXml(xml)
  if (root.name !== 'Distribution') throw new UnsafeXmlError(`the root is <${root.name}>, not <Distribution>`)
  return root
}

/** The elements of a `{Quantity, Items}` list; CloudFront leaves Items out of an empty one. */
function itemsOf(parent: XmlRange, name: string): XmlRange[] {
  const list = childOf(parent, name)
  const items = list && childOf(list, 'Items')
  return items?.children ?? []
}

function readOrigin(xml: string, origin: XmlRange): OriginFacts {
  const custom = childOf(origin, 'CustomOriginConfig')
  const vpc = childOf(origin, 'VpcOriginConfig')
  return {
    id: textOf(xml, descend(origin, 'Id')),
    kind: custom ? 'Custom' : vpc ? 'Vpc' : 'S3',
    domainName: textOf(xml, descend(origin, 'DomainName')),
    path: optional(xml, origin, 'OriginPath') ?? '',
    ...portsOf(xml, custom),
    headers: itemsOf(origin, 'CustomHeaders').map((header) => ({
      name: textOf(xml, descend(header, 'HeaderName')),
      value: textOf(xml, descend(header, 'HeaderValue')),
    })),
    timeoutSeconds: slowestAnswerSeconds(xml, origin, custom ?? vpc),
  }
}

function portsOf(
  xml: string,
  custom: XmlRange | undefined,
): Pick<OriginFacts, 'protocol' | 'httpPort' | 'httpsPort'> {
  if (!custom) return { protocol: 'http-only', httpPort: 80, httpsPort: 443 }
  return {
    protocol: optional(xml, custom, 'OriginProtocolPolicy') ?? 'http-only',
    httpPort: number(xml, custom, 'HTTPPort') ?? 80,
    httpsPort: number(xml, custom, 'HTTPSPort') ?? 443,
  }
}

function slowestAnswerSeconds(xml: string, origin: XmlRange, settings: XmlRange | undefined): number {
  const longest = Math.max(
    (settings && number(xml, settings, 'OriginReadTimeout')) ?? 0,
    // Bounds the whole answer, where the read timeout bounds the silence between two packets.
    number(xml, origin, 'ResponseCompletionTimeout') ?? 0,
  )
  return longest > 0 ? longest : DEFAULT_TIMEOUT_SECONDS
}

function readGroup(xml: string, group: XmlRange): DistributionFacts['groups'][number] {
  return {
    id: textOf(xml, descend(group, 'Id')),
    members: itemsOf(group, 'Members').map((member) => textOf(xml, descend(member, 'OriginId'))),
  }
}

function readBehavior(
  xml: string,
  behavior: XmlRange,
  { pathPattern, target }: { pathPattern: string; target: string },
): BehaviorFacts {
  const cachePolicy = optional(xml, behavior, 'CachePolicyId')
  const longest = ['MinTTL', 'DefaultTTL', 'MaxTTL'].map((name) => number(xml, behavior, name) ?? 0)
  const requestPolicy = optional(xml, behavior, 'OriginRequestPolicyId')
  const forwarded = childOf(behavior, 'ForwardedValues')
  return {
    pathPattern,
    target,
    methods: itemsOf(behavior, 'AllowedMethods').map((method) => textOf(xml, method)),
    // Without a policy the times to live of the behavior itself count.
    caching: cachePolicy ? { policyId: cachePolicy } : { longestSeconds: Math.max(...longest) },
    ...(requestPolicy ? { requestPolicyId: requestPolicy } : {}),
    forwardedHeaders: forwarded ? itemsOf(forwarded, 'Headers').map((name) => textOf(xml, name)) : [],
  }
}

function viewerRequestFunction(xml: string, behavior: XmlRange): string | undefined {
  const one = itemsOf(behavior, 'FunctionAssociations').find(
    (association) => optional(xml, association, 'EventType') === 'viewer-request',
  )
  return one && optional(xml, one, 'FunctionARN')
}

function optional(xml: string, parent: XmlRange, name: string): string | undefined {
  const element = childOf(parent, name)
  return element && textOf(xml, element)
}

/** A number that stands in a child element; undefined where there is none. */
function number(xml: string, parent: XmlRange, name: string): number | undefined {
  const text = optional(xml, parent, name)
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text)
}

/** A behavior, and where its TargetOriginId stands. */
type BehaviorRange = { pathPattern: string; target: string; range: XmlRange; element: XmlRange }

function behaviorsOf(xml: string, config: XmlRange): BehaviorRange[] {
  const all = [
    toBehavior(xml, DEFAULT_BEHAVIOR, descend(config, 'DefaultCacheBehavior')),
    ...itemsOf(config, 'CacheBehaviors').map((behavior) =>
      toBehavior(xml, orderedName(textOf(xml, descend(behavior, 'PathPattern'))), behavior),
    ),
  ]
  const twice = all.find(
    ({ pathPattern }, at) => all.findIndex((one) => one.pathPattern === pathPattern) !== at,
  )
  if (twice) throw new UnsafeXmlError(`two behaviors have the path pattern ${twice.pathPattern}`)
  return all
}

/** What an ordered behavior is called here, by its path pattern. */
export function orderedName(pathPattern: string): string {
  return pathPattern === DEFAULT_BEHAVIOR ? ORDERED_STAR : pathPattern
}

function toBehavior(xml: string, pathPattern: string, behavior: XmlRange): BehaviorRange {
  const range = descend(behavior, 'TargetOriginId')
  const target = textOf(xml, range)
  // Every behavior has a target; and <TargetOriginId/> has no inside that could be written to.
  if (target === '') throw new UnsafeXmlError(`behavior ${pathPattern} has an empty <TargetOriginId>`)
  return { pathPattern, target, range, element: behavior }
}

/** Namespaces are declared on the root of the answer, and the configuration becomes the root of the update. */
function inheritedNamespaces(root: XmlRange, config: XmlRange): string {
  const declared = (element: XmlRange): Map<string, string> =>
    new Map(
      [...element.attributes.matchAll(/\s(xmlns(?::[^\s=]+)?)\s*=\s*("[^"]*"|'[^']*')/g)].map(
        ([whole, name = '']) => [name, whole],
      ),
    )
  const own = declared(config)
  return [...declared(root)]
    .filter(([name]) => !own.has(name))
    .map(([, whole]) => whole)
    .join('')
}
