import type { ServerResponse } from 'node:http'

/** Answer 200 with JSON. Leaves out what `response.json` of express does for pages: looking for callbacks, tags and freshness. */
export function sendJson(response: ServerResponse, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.setHeader('content-length', body.length)
  response.end(body)
}
