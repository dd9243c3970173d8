/** The path and the query of a request, read so that no text that a client sends can throw. */
export type RequestTarget = { path: string; query: URLSearchParams }

/** `url` as node:http gives it. `new URL` would throw for targets such as `//`. */
export function parseTarget(url = '/'): RequestTarget {
  const mark = url.indexOf('?')
  if (mark < 0) return { path: url, query: new URLSearchParams() }
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) }
}

/** A percent-encoded segment as text; as it stands where the encoding is broken. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
