/** One HTTP request and its whole answer, for everything here that asks somebody on this machine. */
import { once } from 'node:events'
import { request as httpRequest, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export type Sent = {
  method?: string
  path?: string
  headers?: Record<string, string | string[] | undefined>
  body?: string | Uint8Array
  agent?: Agent
}
export type Told = { status: number; headers: IncomingHttpHeaders; body: Buffer }

/**
 * Rejects where no answer came. Without an agent the connection is for this request only: on a busy machine a server
 * may close one that was kept in the very moment at which it is used again.
 */
export async function exchange(origin: string, { body, ...sent }: Sent): Promise<Told> {
  const request = httpRequest(origin, { agent: false, ...sent })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) }
}
