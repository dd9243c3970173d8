/** The policies that every account has. Names, ids and settings from CloudFront's developer guide. */
import { MANAGED_CACHE_POLICIES } from './cache-policy.ts'
import { elementOf } from './from-json.ts'
import type { Value } from './from-json.ts'
import type { XmlElement } from './xml.ts'

export type Managed = { id: string; config: XmlElement }

const DAY = 86_400
const YEAR = 365 * DAY
const NONE = { headers: [], cookies: 'none', queryStrings: 'none' } as const

/** Names alone are a whitelist. */
type Headers = readonly string[] | 'allViewer' | { behavior: string; names: readonly string[] }
type Parts = { headers: Headers; cookies: string; queryStrings: 'none' | 'all' | readonly string[] }

function behaviors({ headers, cookies, queryStrings }: Parts): Record<string, Value> {
  return {
    HeadersConfig: headersConfig(headers),
    CookiesConfig: { CookieBehavior: cookies },
    QueryStringsConfig:
      typeof queryStrings === 'string'
        ? { QueryStringBehavior: queryStrings }
        : { QueryStringBehavior: 'whitelist', QueryStrings: queryStrings },
  }
}

function headersConfig(headers: Headers): Value {
  if (typeof headers === 'string') return { HeaderBehavior: headers }
  if ('behavior' in headers) return { HeaderBehavior: headers.behavior, Headers: headers.names }
  return headers.length === 0 ? { HeaderBehavior: 'none' } : { HeaderBehavior: 'whitelist', Headers: headers }
}

type Ttls = { min: number; preset: number; max: number }

function cachePolicy(name: string, id: string, ttls: Ttls, key: Parts & { encodings: string }): Managed {
  const { encodings, ...parts } = key
  return {
    id,
    config: elementOf('CachePolicyConfig', 'CachePolicyConfig', {
      Comment: `Managed policy ${name}`,
      Name: name,
      DefaultTTL: ttls.preset,
      MaxTTL: ttls.max,
      MinTTL: ttls.min,
      ParametersInCacheKeyAndForwardedToOrigin: {
        EnableAcceptEncodingGzip: encodings.includes('gzip'),
        EnableAcceptEncodingBrotli: encodings.includes('br'),
        ...behaviors(parts),
      },
    }),
  }
}

const OPTIMIZED = { min: 1, preset: DAY, max: YEAR }
const ORIGIN_DECIDES = { min: 0, preset: 0, max: YEAR }
const OVERRIDES = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']
const ORIGIN_KEY = { headers: ['Host', 'Origin', ...OVERRIDES], cookies: 'all', encodings: 'gzip br' }

export const CACHE_POLICIES: readonly Managed[] = [
  cachePolicy(
    'Managed-CachingDisabled',
    MANAGED_CACHE_POLICIES.CachingDisabled.id,
    { min: 0, preset: 0, max: 0 },
    {
      ...NONE,
      encodings: '',
    },
  ),
  cachePolicy('Managed-CachingOptimized', MANAGED_CACHE_POLICIES.CachingOptimized.id, OPTIMIZED, {
    ...NONE,
    encodings: 'gzip br',
  }),
  cachePolicy(
    'Managed-CachingOptimizedForUncompressedObjects',
    MANAGED_CACHE_POLICIES.CachingOptimizedForUncompressedObjects.id,
    OPTIMIZED,
    { ...NONE, encodings: '' },
  ),
  cachePolicy(
    'Managed-Elemental-MediaPackage',
    '08627262-05a9-4f76-9ded-b50ca2e3a84f',
    { ...OPTIMIZED, min: 0 },
    {
      headers: ['Origin'],
      cookies: 'none',
      queryStrings: ['aws.manifestfilter', 'start', 'end', 'm'],
      encodings: 'gzip',
    },
  ),
  cachePolicy(
    'Managed-Amplify',
    '2e54312d-136d-493c-8eb9-b001f22f67d2',
    { min: 2, preset: 2, max: 600 },
    {
      headers: ['Authorization', 'CloudFront-Viewer-Country', 'Host'],
      cookies: 'all',
      queryStrings: 'all',
      encodings: 'gzip br',
    },
  ),
  cachePolicy(
    'UseOriginCacheControlHeaders',
    MANAGED_CACHE_POLICIES.UseOriginCacheControlHeaders.id,
    ORIGIN_DECIDES,
    {
      ...ORIGIN_KEY,
      queryStrings: 'none',
    },
  ),
  cachePolicy(
    'UseOriginCacheControlHeaders-QueryStrings',
    MANAGED_CACHE_POLICIES['UseOriginCacheControlHeaders-QueryStrings'].id,
    ORIGIN_DECIDES,
    { ...ORIGIN_KEY, queryStrings: 'all' },
  ),
]

function originRequestPolicy(name: string, id: string, parts: Parts): Managed {
  return {
    id,
    config: elementOf('OriginRequestPolicyConfig', 'OriginRequestPolicyConfig', {
      Comment: `Managed policy ${name}`,
      Name: `Managed-${name}`,
      ...behaviors(parts),
    }),
  }
}

const CLOUDFRONT_HEADERS = [
  ...['Android', 'Desktop', 'IOS', 'Mobile', 'SmartTV', 'Tablet'].map(
    (name) => `CloudFront-Is-${name}-Viewer`,
  ),
  ...['Forwarded-Proto', 'Viewer-Address', 'Viewer-Country'].map((name) => `CloudFront-${name}`),
]
const CORS_HEADERS = ['Access-Control-Request-Headers', 'Access-Control-Request-Method']
const EVERYTHING = { cookies: 'all', queryStrings: 'all' } as const

export const ALL_VIEWER = '216adef6-5c7f-47e4-b989-5492eafa07d3'
export const ALL_VIEWER_AND_CLOUDFRONT_HEADERS = '33f36d7e-f396-46d9-90e0-52428a34d9dc'
export const ALL_VIEWER_EXCEPT_HOST_HEADER = 'b689b0a8-53d0-40ab-baf2-68738e2966ac'
export const HOST_HEADER_ONLY = 'bf0718e1-ba1e-49d1-88b1-f726733018ae'

export const ORIGIN_REQUEST_POLICIES: readonly Managed[] = [
  originRequestPolicy('AllViewer', ALL_VIEWER, { headers: 'allViewer', ...EVERYTHING }),
  originRequestPolicy('AllViewerExceptHostHeader', ALL_VIEWER_EXCEPT_HOST_HEADER, {
    headers: { behavior: 'allExcept', names: ['Host'] },
    ...EVERYTHING,
  }),
  originRequestPolicy('AllViewerAndCloudFrontHeaders-2022-06', ALL_VIEWER_AND_CLOUDFRONT_HEADERS, {
    headers: { behavior: 'allViewerAndWhitelistCloudFront', names: CLOUDFRONT_HEADERS },
    ...EVERYTHING,
  }),
  originRequestPolicy('CORS-CustomOrigin', '59781a5b-3903-41f3-afcb-af62929ccde1', {
    ...NONE,
    headers: ['Origin'],
  }),
  originRequestPolicy('CORS-S3Origin', '88a5eaf4-2fd4-4709-b370-b4c650ea3fcf', {
    ...NONE,
    headers: ['Origin', ...CORS_HEADERS],
  }),
  originRequestPolicy('Elemental-MediaTailor-PersonalizedManifests', '775133bc-15f2-49f9-abea-afb2e0bf67d2', {
    headers: ['Origin', ...CORS_HEADERS, 'User-Agent', 'X-Forwarded-For'],
    cookies: 'none',
    queryStrings: 'all',
  }),
  originRequestPolicy('HostHeaderOnly', HOST_HEADER_ONLY, { ...NONE, headers: ['Host'] }),
  originRequestPolicy('UserAgentRefererHeaders', 'acba4595-bd28-49b8-b9fe-13317c0390fa', {
    ...NONE,
    headers: ['User-Agent', 'Referer'],
  }),
]

const SIMPLE_CORS = {
  AccessControlAllowOrigins: ['*'],
  AccessControlAllowHeaders: ['*'],
  AccessControlAllowMethods: ['GET', 'HEAD'],
  AccessControlAllowCredentials: false,
  OriginOverride: false,
}
const PREFLIGHT_CORS = {
  ...SIMPLE_CORS,
  AccessControlAllowMethods: ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'],
  AccessControlExposeHeaders: ['*'],
}
const SECURITY = {
  XSSProtection: { Override: false, Protection: true, ModeBlock: true },
  FrameOptions: { Override: false, FrameOption: 'SAMEORIGIN' },
  ReferrerPolicy: { Override: false, ReferrerPolicy: 'strict-origin-when-cross-origin' },
  ContentTypeOptions: { Override: true },
  StrictTransportSecurity: { Override: false, AccessControlMaxAgeSec: YEAR },
}

function responseHeadersPolicy(name: string, id: string, parts: Record<string, Value>): Managed {
  return {
    id,
    config: elementOf('ResponseHeadersPolicyConfig', 'ResponseHeadersPolicyConfig', {
      Comment: `Managed policy ${name}`,
      Name: `Managed-${name}`,
      ...parts,
    }),
  }
}

export const RESPONSE_HEADERS_POLICIES: readonly Managed[] = [
  responseHeadersPolicy('SimpleCORS', '60669652-455b-4ae9-85a4-c4c02393f86c', { CorsConfig: SIMPLE_CORS }),
  responseHeadersPolicy('CORS-With-Preflight', '5cc3b908-e619-4b99-88e5-2cf7f45965bd', {
    CorsConfig: PREFLIGHT_CORS,
  }),
  responseHeadersPolicy('SecurityHeadersPolicy', '67f7725c-6f97-4210-82d7-5512b31e9d03', {
    SecurityHeadersConfig: SECURITY,
  }),
  responseHeadersPolicy('CORS-and-SecurityHeadersPolicy', 'e61eb60c-9c35-4d20-a928-2b84e02af89c', {
    CorsConfig: SIMPLE_CORS,
    SecurityHeadersConfig: SECURITY,
  }),
  responseHeadersPolicy(
    'CORS-with-preflight-and-SecurityHeadersPolicy',
    'eaab4381-ed33-4a86-88ca-d9558dc6cd63',
    { CorsConfig: PREFLIGHT_CORS, SecurityHeadersConfig: SECURITY },
  ),
]
