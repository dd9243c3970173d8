/** The distributions that the stand-in starts with: a short JSON form, or DistributionConfig XML as AWS returns it. */
import { aliasNames, DEFAULT_BEHAVIOR } from './control-plane/distribution-config.ts'
import { isIdentifier, newIdentifier } from './control-plane/etag.ts'
import { judgeConfig } from './control-plane/validation.ts'
import { child, childElements, element, parseXml, textOf, XmlSyntaxError } from './control-plane/xml.ts'
import type { XmlElement, XmlNode } from './control-plane/xml.ts'

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
}

/** A distribution to be served from the start. */
export type NewDistribution = { id: string; domainName: string; config: XmlElement }

/** The seed cannot be used; the message holds every problem, one per line. */
export class SeedError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Served when no seed is given: two permanent origins, everything on blue. */
export const DEFAULT_SEED: readonly SeedDistribution[] = [
  {
    id: 'E1HOUSINGLOCAL',
    domainName: 'd1housinglocal.cloudfront.net',
    comment: 'housing models',
    aliases: ['models.example.com'],
    origins: [
      { id: 'housing-blue', domainName: 'blue.housing.models.example' },
      { id: 'housing-green', domainName: 'green.housing.models.example' },
    ],
    behaviors: [
      { pathPattern: '/v2/*', targetOriginId: 'housing-blue' },
      { pathPattern: '*', targetOriginId: 'housing-blue' },
    ],
  },
]

type Pick = (choices: number) => number

/** Read a seed file. Throws SeedError with all problems. `pick` makes the ids that the seed leaves out. */
export function parseSeed(text: string, pick: Pick): NewDistribution[] {
  if (text.trimStart().startsWith('<')) return refuseInvalid(parseXmlSeed(text, pick))
  return expandSeed(parseJsonSeed(text), pick)
}

/** Turn the short form into complete configurations. Throws SeedError with all problems. */
export function expandSeed(seed: readonly SeedDistribution[], pick: Pick): NewDistribution[] {
  const problems = seed.flatMap((distribution, index) =>
    shapeProblems(distribution, `distributions[${index}]`),
  )
  if (problems.length > 0) throw new SeedError(problems)
  return refuseInvalid(seed.map((distribution) => expand(distribution, pick)))
}

function parseJsonSeed(text: string): SeedDistribution[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new SeedError([`not JSON and not XML: ${(error as Error).message}`])
  }
  const distributions = (parsed as { distributions?: unknown } | null)?.distributions
  if (!Array.isArray(distributions) || distributions.length === 0) {
    throw new SeedError(['expected {"distributions": [ … ]} with at least one entry'])
  }
  return distributions as SeedDistribution[]
}

function parseXmlSeed(text: string, pick: Pick): NewDistribution[] {
  let root: XmlElement
  try {
    root = parseXml(text)
  } catch (error) {
    if (error instanceof XmlSyntaxError) throw new SeedError([`not well-formed XML: ${error.message}`])
    throw error
  }
  const found = root.name === 'Distributions' ? childElements(root) : [root]
  return found.map((node) => {
    const id = textOf(node, 'Id') ?? newIdentifier(pick)
    return {
      id,
      domainName: textOf(node, 'DomainName') ?? defaultDomainName(id),
      config: { ...(child(node, 'DistributionConfig') ?? node), attributes: {} },
    }
  })
}

function defaultDomainName(id: string): string {
  return `d${id.slice(1).toLowerCase()}.cloudfront.net`
}

function refuseInvalid(distributions: NewDistribution[]): NewDistribution[] {
  const problems = distributions.flatMap(({ id, config }, index) => {
    const others = distributions.filter((_, other) => other !== index)
    const error = judgeConfig({
      config,
      foreignAliases: new Set(others.flatMap((other) => aliasNames(other.config))),
    })
    return [
      ...(isIdentifier(id) ? [] : [`distribution id ${id}: use E and 13 upper-case letters or digits`]),
      ...(others.some((other) => other.id === id) ? [`distribution id ${id}: used twice`] : []),
      ...(error === undefined ? [] : [`distribution ${id}: ${error.code}: ${error.message}`]),
    ]
  })
  if (problems.length > 0) throw new SeedError(problems)
  return distributions
}

type Shape = Record<string, 'text' | 'number' | 'boolean' | 'list' | 'map'>

const DISTRIBUTION_SHAPE: Shape = {
  id: 'text',
  domainName: 'text',
  comment: 'text',
  enabled: 'boolean',
  aliases: 'list',
  origins: 'list',
  behaviors: 'list',
}
const ORIGIN_SHAPE: Shape = {
  id: 'text',
  domainName: 'text',
  httpPort: 'number',
  originPath: 'text',
  customHeaders: 'map',
  readTimeoutSeconds: 'number',
  keepaliveTimeoutSeconds: 'number',
  connectionTimeoutSeconds: 'number',
  connectionAttempts: 'number',
}
const BEHAVIOR_SHAPE: Shape = {
  pathPattern: 'text',
  targetOriginId: 'text',
  hostHeader: 'text',
  allowedMethods: 'list',
}

function shapeProblems(distribution: SeedDistribution, at: string): string[] {
  const problems = misfits(distribution, DISTRIBUTION_SHAPE, ['origins', 'behaviors'], at)
  if (problems.length > 0) return problems
  distribution.origins.forEach((origin, index) => {
    problems.push(...misfits(origin, ORIGIN_SHAPE, ['id', 'domainName'], `${at}.origins[${index}]`))
  })
  distribution.behaviors.forEach((behavior, index) => {
    const required = ['pathPattern', 'targetOriginId']
    problems.push(...misfits(behavior, BEHAVIOR_SHAPE, required, `${at}.behaviors[${index}]`))
  })
  const defaults = distribution.behaviors.filter(({ pathPattern }) => pathPattern === DEFAULT_BEHAVIOR).length
  if (defaults !== 1)
    problems.push(`${at}.behaviors: exactly one must have the pathPattern "*", found ${defaults}`)
  return problems
}

function misfits(value: unknown, shape: Shape, required: readonly string[], at: string): string[] {
  if (kindOf(value) !== 'map') return [`${at}: expected an object`]
  const members = value as Record<string, unknown>
  const missing = required
    .filter((name) => members[name] === undefined)
    .map((name) => `${at}.${name}: missing`)
  const wrong = Object.entries(members).flatMap(([name, member]) => {
    const expected = shape[name]
    if (expected === undefined) return [`${at}.${name}: unknown; known are ${Object.keys(shape).join(', ')}`]
    return kindOf(member) === expected
      ? []
      : [`${at}.${name}: expected a ${expected}, not ${JSON.stringify(member)}`]
  })
  return [...missing, ...wrong]
}

function kindOf(value: unknown): Shape[string] | undefined {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object' && value !== null) return 'map'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number' || typeof value === 'boolean') return typeof value as 'number' | 'boolean'
  return undefined
}

function expand(seed: SeedDistribution, pick: Pick): NewDistribution {
  const id = seed.id ?? newIdentifier(pick)
  const fallback = seed.behaviors.find(({ pathPattern }) => pathPattern === DEFAULT_BEHAVIOR)
  const ordered = seed.behaviors.filter((behavior) => behavior !== fallback)
  const config = element(
    'DistributionConfig',
    element('CallerReference', `seed-${id}`),
    list(
      'Aliases',
      (seed.aliases ?? []).map((alias) => element('CNAME', alias)),
    ),
    element('DefaultRootObject'),
    list('Origins', seed.origins.map(expandOrigin)),
    list('OriginGroups', []),
    element('DefaultCacheBehavior', ...(fallback ? expandBehavior(fallback) : [])),
    list(
      'CacheBehaviors',
      ordered.map((behavior) =>
        element('CacheBehavior', element('PathPattern', behavior.pathPattern), ...expandBehavior(behavior)),
      ),
    ),
    list('CustomErrorResponses', []),
    element('Comment', seed.comment ?? ''),
    ...expandRest(seed),
  )
  return { id, domainName: seed.domainName ?? defaultDomainName(id), config }
}

function expandRest(seed: SeedDistribution): XmlNode[] {
  return [
    element(
      'Logging',
      element('Enabled', 'false'),
      element('IncludeCookies', 'false'),
      element('Bucket'),
      element('Prefix'),
    ),
    element('PriceClass', 'PriceClass_All'),
    element('Enabled', String(seed.enabled ?? true)),
    element(
      'ViewerCertificate',
      element('CloudFrontDefaultCertificate', 'true'),
      element('SSLSupportMethod', 'vip'),
      element('MinimumProtocolVersion', 'TLSv1'),
      element('CertificateSource', 'cloudfront'),
    ),
    element(
      'Restrictions',
      element('GeoRestriction', element('RestrictionType', 'none'), element('Quantity', '0')),
    ),
    element('WebACLId'),
    element('HttpVersion', 'http2'),
    element('IsIPV6Enabled', 'true'),
    element('ContinuousDeploymentPolicyId'),
    element('Staging', 'false'),
    // No SDK knows this element, as none knows the setting that AWS adds next month. A client that loses it here
    // would switch that setting off there (aws-sdk-js-v3#4637).
    element('AnticipatedSetting', element('Mode', 'keep-me')),
  ]
}

function expandOrigin(origin: SeedOrigin): XmlElement {
  const headers = Object.entries(origin.customHeaders ?? {}).map(([name, value]) =>
    element('OriginCustomHeader', element('HeaderName', name), element('HeaderValue', value)),
  )
  return element(
    'Origin',
    element('Id', origin.id),
    element('DomainName', origin.domainName),
    element('OriginPath', origin.originPath ?? ''),
    list('CustomHeaders', headers),
    element(
      'CustomOriginConfig',
      element('HTTPPort', String(origin.httpPort ?? 80)),
      element('HTTPSPort', '443'),
      element('OriginProtocolPolicy', 'http-only'),
      list('OriginSslProtocols', [element('SslProtocol', 'TLSv1.2')]),
      element('OriginReadTimeout', String(origin.readTimeoutSeconds ?? 30)),
      element('OriginKeepaliveTimeout', String(origin.keepaliveTimeoutSeconds ?? 5)),
      element('IpAddressType', 'ipv4'),
    ),
    element('ConnectionAttempts', String(origin.connectionAttempts ?? 3)),
    element('ConnectionTimeout', String(origin.connectionTimeoutSeconds ?? 10)),
    element('OriginShield', element('Enabled', 'false')),
    element('OriginAccessControlId'),
  )
}

const ALL_METHODS = ['HEAD', 'DELETE', 'POST', 'GET', 'OPTIONS', 'PUT', 'PATCH']
const CACHING_DISABLED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'
const ALL_VIEWER = '216adef6-5c7f-47e4-b989-5492eafa07d3'
const ALL_VIEWER_EXCEPT_HOST_HEADER = 'b689b0a8-53d0-40ab-baf2-68738e2966ac'

function expandBehavior(behavior: SeedBehavior): XmlElement[] {
  const methods = (names: readonly string[]) => names.map((name) => element('Method', name))
  const none = (name: string) => element(name, element('Enabled', 'false'), element('Quantity', '0'))
  const allowed = list('AllowedMethods', methods(behavior.allowedMethods ?? ALL_METHODS))
  return [
    element('TargetOriginId', behavior.targetOriginId),
    none('TrustedSigners'),
    none('TrustedKeyGroups'),
    element('ViewerProtocolPolicy', 'allow-all'),
    { ...allowed, children: [...allowed.children, list('CachedMethods', methods(['HEAD', 'GET']))] },
    element('SmoothStreaming', 'false'),
    element('Compress', 'false'),
    list('LambdaFunctionAssociations', []),
    list('FunctionAssociations', []),
    element('FieldLevelEncryptionId'),
    element('CachePolicyId', CACHING_DISABLED),
    element(
      'OriginRequestPolicyId',
      behavior.hostHeader === 'Viewer' ? ALL_VIEWER : ALL_VIEWER_EXCEPT_HOST_HEADER,
    ),
    element('GrpcConfig', element('Enabled', 'false')),
  ]
}

/** CloudFront's list form: Items is left out when there is nothing in it. */
function list(name: string, items: readonly XmlElement[]): XmlElement {
  const quantity = element('Quantity', String(items.length))
  return items.length === 0 ? element(name, quantity) : element(name, quantity, element('Items', ...items))
}
