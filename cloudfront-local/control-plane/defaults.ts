/**
 * What CloudFront fills in where a configuration says nothing, so that what Get gives can be sent back unchanged. From
 * the examples of `aws cloudfront create-distribution help`, and the defaults that the API's reference tells.
 */
import { list } from './documents.ts'
import { child, childElements, element, textOf, withChild, withMember } from './xml.ts'
import type { XmlElement } from './xml.ts'

type Fill = (element: XmlElement) => XmlElement

const DAY = 86_400
const YEAR = 365 * DAY
const off = (name: string): XmlElement => element(name, element('Enabled', 'false'))
const nobody = (name: string): XmlElement =>
  element(name, element('Enabled', 'false'), element('Quantity', '0'))
const none = (name: string): XmlElement => list(name, [])
const READING_METHODS = list(
  'CachedMethods',
  ['HEAD', 'GET'].map((method) => element('Method', method)),
)

/** A DistributionConfig with all members that CloudFront returns. */
export function withDefaults(config: XmlElement): XmlElement {
  // Distributions of tenants have no members that are each tenant's own.
  const isShared = textOf(config, 'ConnectionMode') === 'tenant-only'
  const own = isShared ? [] : OWN_MEMBERS
  const filled = [...MEMBERS, ...own].reduce(withMissing, config)
  return [
    inItems('Origins', fillOrigin),
    inChild('DefaultCacheBehavior', fillBehavior(isShared)),
    inItems('CacheBehaviors', fillBehavior(isShared)),
    inItems('CustomErrorResponses', (response) => ERROR_MEMBERS.reduce(withMissing, response)),
    inChild('Logging', (logging) => LOGGING_MEMBERS.reduce(withMissing, logging)),
    inChild('ViewerCertificate', fillCertificate),
  ].reduce((edited, fill) => fill(edited), filled)
}

/** With what only distributions of tenants lack; a summary needs it of all. */
export function withOwnMembers(config: XmlElement): XmlElement {
  return OWN_MEMBERS.reduce(withMissing, config)
}

const LOGGING_MEMBERS = [
  element('Enabled', 'false'),
  element('IncludeCookies', 'false'),
  element('Bucket'),
  element('Prefix'),
]

const MEMBERS = [
  element('DefaultRootObject'),
  none('OriginGroups'),
  none('CacheBehaviors'),
  none('CustomErrorResponses'),
  element('Logging'),
  element('ViewerCertificate', element('CloudFrontDefaultCertificate', 'true')),
  element(
    'Restrictions',
    element('GeoRestriction', element('RestrictionType', 'none'), element('Quantity', '0')),
  ),
  element('WebACLId'),
  element('HttpVersion', 'http2'),
]

const OWN_MEMBERS = [
  none('Aliases'),
  element('PriceClass', 'PriceClass_All'),
  element('IsIPV6Enabled', 'true'),
  element('ContinuousDeploymentPolicyId'),
  element('Staging', 'false'),
]

const ERROR_MEMBERS = [
  element('ResponsePagePath'),
  element('ResponseCode'),
  element('ErrorCachingMinTTL', '10'),
]

const ORIGIN_MEMBERS = [
  element('OriginPath'),
  none('CustomHeaders'),
  element('ConnectionAttempts', '3'),
  element('ConnectionTimeout', '10'),
  off('OriginShield'),
  element('OriginAccessControlId'),
]

const TIMEOUTS = [element('OriginReadTimeout', '30'), element('OriginKeepaliveTimeout', '5')]

const CUSTOM_ORIGIN_MEMBERS = [
  list(
    'OriginSslProtocols',
    ['TLSv1', 'SSLv3'].map((protocol) => element('SslProtocol', protocol)),
  ),
  ...TIMEOUTS,
  element('IpAddressType', 'ipv4'),
]

const fillOrigin: Fill = (origin) =>
  [
    inChild('CustomOriginConfig', (custom) => CUSTOM_ORIGIN_MEMBERS.reduce(withMissing, custom)),
    inChild('VpcOriginConfig', (vpc) => TIMEOUTS.reduce(withMissing, vpc)),
    inChild('S3OriginConfig', (s3) => withMissing(s3, element('OriginAccessIdentity'))),
  ].reduce((edited, fill) => fill(edited), ORIGIN_MEMBERS.reduce(withMissing, origin))

const BEHAVIOR_MEMBERS = [
  nobody('TrustedKeyGroups'),
  element('AllowedMethods', ...READING_METHODS.children),
  element('Compress', 'false'),
  none('LambdaFunctionAssociations'),
  none('FunctionAssociations'),
  element('FieldLevelEncryptionId'),
  off('GrpcConfig'),
]

const OWN_BEHAVIOR_MEMBERS = [nobody('TrustedSigners'), element('SmoothStreaming', 'false')]

function fillBehavior(isShared: boolean): Fill {
  return (behavior) => {
    const hasPolicy = (textOf(behavior, 'CachePolicyId') ?? '') !== ''
    const members = [
      ...BEHAVIOR_MEMBERS,
      ...(isShared ? [] : OWN_BEHAVIOR_MEMBERS),
      ...(hasPolicy ? [] : ttlsOf(behavior)),
    ]
    return [
      inChild('AllowedMethods', (methods) => withMissing(methods, READING_METHODS)),
      inChild('ForwardedValues', (values) =>
        [none('Headers'), none('QueryStringCacheKeys')].reduce(withMissing, values),
      ),
    ].reduce((edited, fill) => fill(edited), members.reduce(withMissing, behavior))
  }
}

/** The older settings of a behavior without a cache policy; neither TTL is below the least one. */
function ttlsOf(behavior: XmlElement): XmlElement[] {
  const least = Number(textOf(behavior, 'MinTTL') ?? '0')
  return [
    element('MinTTL', String(least)),
    element('DefaultTTL', String(Math.max(DAY, least))),
    element('MaxTTL', String(Math.max(YEAR, least))),
  ]
}

function fillCertificate(certificate: XmlElement): XmlElement {
  const [acm, iam] = ['ACMCertificateArn', 'IAMCertificateId'].map((name) => textOf(certificate, name) ?? '')
  const own = acm === '' ? iam : acm
  const members =
    own === undefined || own === ''
      ? [
          element('CloudFrontDefaultCertificate', 'true'),
          element('SSLSupportMethod', 'vip'),
          element('MinimumProtocolVersion', 'TLSv1'),
          element('CertificateSource', 'cloudfront'),
        ]
      : [
          element('CloudFrontDefaultCertificate', 'false'),
          element('MinimumProtocolVersion', 'TLSv1.2_2021'),
          element('Certificate', own),
          element('CertificateSource', own === acm ? 'acm' : 'iam'),
        ]
  return members.reduce(withMissing, certificate)
}

/** The same element with that child, unless it has one of the name. */
export function withMissing(parent: XmlElement, member: XmlElement): XmlElement {
  return child(parent, member.name) === undefined ? withMember(parent, member) : parent
}

function inChild(name: string, fill: Fill): Fill {
  return (parent) => {
    const found = child(parent, name)
    return found === undefined ? parent : withChild(parent, fill(found))
  }
}

function inItems(name: string, fill: Fill): Fill {
  return inChild(
    name,
    inChild('Items', (items) => ({ ...items, children: childElements(items).map(fill) })),
  )
}
