/** Under which key an answer is kept. */
import type { IncomingHttpHeaders } from 'node:http'
import type { CachePolicy } from '../control-plane/cache-policy.ts'

export type KeyParts = {
  distribution: string
  /** Path and query as they go to the origin, without OriginPath. */
  url: string
  headers: IncomingHttpHeaders
  policy: CachePolicy | undefined
}

/** `path` is what invalidations are matched against. The aliases of a distribution share their answers. */
export function cacheKey({ distribution, url, headers, policy }: KeyParts): { key: string; path: string } {
  // Without a policy only errors are kept, and those of one query say nothing of another.
  const path = policy?.queryStrings === 'None' ? (url.split('?', 1)[0] ?? url) : url
  const named = (policy?.headers ?? []).map((name) => `${name}: ${String(headers[name] ?? '')}`)
  const cookies = policy?.cookies === 'All' ? (headers.cookie ?? '') : ''
  const encoding = acceptedEncoding(headers, policy)
  return { key: [distribution, path, encoding, cookies, ...named].join('\n'), path }
}

/** The Accept-Encoding that the origin gets and that is part of the key: the viewer's, reduced to what the policy knows. */
export function acceptedEncoding(headers: IncomingHttpHeaders, policy: CachePolicy | undefined): string {
  const offered = (headers['accept-encoding'] ?? '')
    .split(',')
    .filter((part) => !/;\s*q=0(?:\.0+)?\s*$/.test(part))
    .map((part) => part.split(';', 1)[0]?.trim().toLowerCase())
  return (policy?.encodings ?? []).filter((encoding) => offered.includes(encoding)).join(',')
}
