import type { ServerResponse } from 'node:http'

/** Answer 200 with JSON. Leaves out what `response.json` of express does for pages: looking for callbacks, tags and freshness. */
export function sendJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value)
  response.setHeader('content-type', 'application/json; charset=utf-8')
  const length = Buffer.byteLength(body)
  response.setHeader('content-length', length)
  // Of text Node makes one piece with the headers; bytes it would hand to the socket as a second one. ASCII, which most answers
  // are, need not be written as UTF-8 to be it.
  response.end(body, length === body.length ? 'latin1' : 'utf8')
}

/** The same for JSON that is written already. */
export function sendJsonBytes(response: ServerResponse, body: Uint8Array): void {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.setHeader('content-length', body.length)
  response.end(body)
}
