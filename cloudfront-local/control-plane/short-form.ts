/** From the short form of a distribution, as seeds have it, to a DistributionConfig. */
import { MANAGED_CACHE_POLICIES } from './cache-policy.ts'
import { DEFAULT_BEHAVIOR } from './distribution-config.ts'
import { arnOf, list } from './documents.ts'
import { ALL_VIEWER, ALL_VIEWER_EXCEPT_HOST_HEADER } from './managed-policies.ts'
import { element } from './xml.ts'
import type { SeedBehavior, SeedDistribution, SeedOrigin } from '../seed-content.ts'
import type { XmlElement, XmlNode } from './xml.ts'

/** The complete configuration, as AWS would return it for a distribution that was made by hand. */
export function configFromShortForm(seed: SeedDistribution, id: string): XmlElement {
  const fallback = seed.behaviors.find(({ pathPattern }) => pathPattern === DEFAULT_BEHAVIOR)
  const ordered = seed.behaviors.filter((behavior) => behavior !== fallback)
  return element(
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
    list(
      'CustomErrorResponses',
      Object.entries(seed.errorTtlSeconds ?? {}).map(([code, seconds]) =>
        element(
          'CustomErrorResponse',
          element('ErrorCode', code),
          element('ErrorCachingMinTTL', String(seconds)),
        ),
      ),
    ),
    element('Comment', seed.comment ?? ''),
    ...expandRest(seed),
  )
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
    list('FunctionAssociations', functionAssociations(behavior)),
    element('FieldLevelEncryptionId'),
    element('CachePolicyId', MANAGED_CACHE_POLICIES[behavior.cachePolicy ?? 'CachingDisabled'].id),
    element(
      'OriginRequestPolicyId',
      behavior.hostHeader === 'Viewer' ? ALL_VIEWER : ALL_VIEWER_EXCEPT_HOST_HEADER,
    ),
    element('GrpcConfig', element('Enabled', 'false')),
  ]
}

function functionAssociations({ viewerRequestFunction: name }: SeedBehavior): XmlElement[] {
  if (name === undefined) return []
  const arn = element('FunctionARN', arnOf('function', name))
  return [element('FunctionAssociation', arn, element('EventType', 'viewer-request'))]
}
