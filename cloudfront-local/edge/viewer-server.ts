/** Servers that viewers talk to, and how long a request of theirs may be. */
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { Duplex } from 'node:stream'

// Longer than any client keeps a connection idle: the edge must never be the one that closes under a request.
export const KEEP_ALIVE_MS = 600_000

/** CloudFront's quotas in bytes: a request with its path, query string and headers, and its URL. */
export const MAX_REQUEST_BYTES = 32_768
export const MAX_URL_BYTES = 8_192

/** What node:http could not read: longer than it takes, or no HTTP. */
export type Unreadable = { isTooLong: boolean; socket: Duplex; message: string }

/** A server that reads more than CloudFront takes, so that the edge and not node:http says that it is too much. */
export function createViewerServer(
  answer: RequestListener,
  answerUnreadable: (unreadable: Unreadable) => void,
): Server {
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true, maxHeaderSize: 4 * MAX_REQUEST_BYTES },
    answer,
  )
  // By default node:http drops the headers after the 2000th without a word.
  server.maxHeadersCount = 0
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else answerUnreadable({ isTooLong: error.code === 'HPE_HEADER_OVERFLOW', socket, message: error.message })
  })
  return server
}

/** What of a request is longer than CloudFront takes; undefined when nothing is. */
export function tooLong({
  url = '',
  rawHeaders,
}: IncomingMessage): { what: string; bytes: number } | undefined {
  if (Buffer.byteLength(url) > MAX_URL_BYTES) return { what: 'URL', bytes: Buffer.byteLength(url) }
  // Each header is a line of its own: the colon, the blank and the end of the line are two bytes for each text.
  const headers = rawHeaders.reduce((sum, text) => sum + Buffer.byteLength(text, 'latin1') + 2, 0)
  const bytes = Buffer.byteLength(url) + headers
  return bytes > MAX_REQUEST_BYTES ? { what: 'request', bytes } : undefined
}
