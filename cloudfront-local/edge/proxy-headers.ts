/** Headers on their way through an edge, as the flat name-value lists that node:http reads and writes. */

// Hop-by-hop fields (RFC 9110 section 7.6.1) concern one connection. Expect is answered by the edge itself.
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const REQUEST_DROPPED = new Set([...HOP_BY_HOP, 'host', 'expect', 'via', 'x-forwarded-for', 'x-amz-cf-id'])
const RESPONSE_DROPPED = new Set([...HOP_BY_HOP, 'via', 'x-cache', 'x-amz-cf-pop', 'x-amz-cf-id'])
const METHODS_WITHOUT_CONTENT = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** How this request passes the edge. */
export type Passage = {
  /** Host header that the origin gets. */
  host: string
  viewerAddress: string
  /** Value of Via that names this edge. */
  via: string
  requestId: string
  customHeaders: readonly (readonly [string, string])[]
  /** Framing of a body: as the viewer framed it. */
  body: 'None' | 'Sized' | 'Chunked'
  method: string
}

/** The request headers for the origin. Custom origin headers replace the viewer's of the same name. */
export function originRequestHeaders(viewer: readonly string[], passage: Passage): string[] {
  const headers = ['Host', passage.host]
  const dropped = new Set(connectionNames(viewer))
  for (const [name] of passage.customHeaders) dropped.add(name.toLowerCase())
  let forwardedFor = ''
  let via = ''
  for (let index = 0; index < viewer.length; index += 2) {
    const name = viewer[index] ?? ''
    const value = viewer[index + 1] ?? ''
    const key = name.toLowerCase()
    if (key === 'x-forwarded-for') forwardedFor += `${value}, `
    if (key === 'via') via += `${value}, `
    if (!REQUEST_DROPPED.has(key) && !dropped.has(key)) headers.push(name, value)
  }
  headers.push('X-Forwarded-For', forwardedFor + passage.viewerAddress)
  headers.push('Via', via + passage.via, 'X-Amz-Cf-Id', passage.requestId)
  for (const [name, value] of passage.customHeaders) headers.push(name, value)
  headers.push(...framing(passage, viewer))
  return headers
}

/** The length that a viewer announced is passed on like any other header; this is for bodies without one. */
function framing({ body, method }: Passage, viewer: readonly string[]): string[] {
  if (body === 'Chunked') return ['Transfer-Encoding', 'chunked']
  if (body === 'Sized' || METHODS_WITHOUT_CONTENT.has(method)) return []
  // node:http would announce a chunked body for a POST that says nothing of its body.
  const announced = viewer.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length')
  return announced ? [] : ['Content-Length', '0']
}

/** What an edge adds to every answer; `cache` is Miss unless said otherwise. */
export type EdgeStamp = { via: string; pop: string; requestId: string; cache?: 'Hit' | 'Miss' }

/** The response headers for the viewer. */
export function viewerResponseHeaders(origin: readonly string[], status: number, stamp: EdgeStamp): string[] {
  const headers: string[] = []
  const dropped = connectionNames(origin)
  let via = ''
  for (let index = 0; index < origin.length; index += 2) {
    const name = origin[index] ?? ''
    const value = origin[index + 1] ?? ''
    const key = name.toLowerCase()
    if (key === 'via') via += `${value}, `
    if (!RESPONSE_DROPPED.has(key) && !dropped.includes(key)) headers.push(name, value)
  }
  headers.push('X-Cache', `${status >= 400 ? 'Error' : (stamp.cache ?? 'Miss')} from cloudfront`)
  headers.push('Via', via + stamp.via, 'X-Amz-Cf-Pop', stamp.pop, 'X-Amz-Cf-Id', stamp.requestId)
  return headers
}

/** Further names that a Connection header declares to be hop-by-hop. */
function connectionNames(headers: readonly string[]): string[] {
  const names: string[] = []
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== 'connection') continue
    for (const part of (headers[index + 1] ?? '').split(',')) {
      const name = part.trim().toLowerCase()
      // The framing of the body is not the sender's to take away.
      if (name !== 'content-length') names.push(name)
    }
  }
  return names
}
