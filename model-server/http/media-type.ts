import type { IncomingMessage } from 'node:http'

/** The type that a body has by its header, in lower case and without parameters; undefined where it says none. */
export function mediaType(request: IncomingMessage): string | undefined {
  return request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
}

/** `application/json`, or a type that is built on it. */
export function isJson(type: string): boolean {
  return type === 'application/json' || /^[^/]+\/[^/]+\+json$/.test(type)
}
