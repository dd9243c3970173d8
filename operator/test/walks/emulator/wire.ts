/**
 * The way from the operator to CloudFront's API, on which requests get lost or late: the part of the world that the
 * emulator cannot play, since it sees a request only when it has arrived.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { exchange, type Sent } from './exchange.ts'

/** What happens to a write. Lost: it never arrives. Late: the sender has given up long before it arrives. Overtaken: somebody else is faster. */
export type Mishap =
  { type: 'Lost' } | { type: 'Late'; ms: number } | { type: 'Overtaken'; by: () => Promise<void> }

export type WireEnd = {
  apiUrl: string
  /** Calls `deliver` when so much time has passed. */
  later: (ms: number, deliver: () => Promise<void>) => void
  /** Told of every write that leaves the operator. */
  onWrite: (ifMatch: string) => void
  /** What becomes of a write under way, for tests that show what a guard is for. */
  tamper?: ((request: Sent) => Sent) | undefined
}

/** A connection of the SDK is never closed between two of its requests. */
const KEPT_MS = 3_600_000

export class Wire {
  #end: WireEnd | undefined
  #mishaps: Mishap[] = []
  readonly #server: Server = createServer({ keepAliveTimeout: KEPT_MS }, (request, response) => {
    void this.#carry(request, response)
  })

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on it leads there, and nothing happens on the way. */
  connect(end: WireEnd): void {
    this.#end = end
    this.calm()
  }

  /** Happens to the next move of a pointer that nothing else happens to. */
  add(mishap: Mishap): void {
    this.#mishaps.push(mishap)
  }

  /** Nothing more happens to writes that are sent from now on. */
  calm(): void {
    this.#mishaps = []
  }

  async #carry(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const end = this.#end
    if (!end) return void request.socket.destroy()
    const { method = 'GET', url: path = '/', headers } = request
    const plain: Sent = { method, path, headers, body: await buffer(request) }
    const sent = isMove(method, path) ? await this.#write(end, plain) : plain
    if (!sent) return void request.socket.destroy()
    try {
      const told = await exchange(end.apiUrl, sent)
      response.writeHead(told.status, told.headers).end(told.body)
    } catch {
      // What the emulator cuts is cut for the operator, too.
      request.socket.destroy()
    }
  }

  /** The write as it arrives; undefined where its sender gives up before it does. */
  async #write(end: WireEnd, plain: Sent): Promise<Sent | undefined> {
    end.onWrite(String(plain.headers?.['if-match']))
    const mishap = this.#mishaps.shift()
    if (mishap?.type === 'Overtaken') await mishap.by()
    const sent = end.tamper?.(plain) ?? plain
    if (!mishap || mishap.type === 'Overtaken') return sent
    if (mishap.type === 'Late') end.later(mishap.ms, () => arrive(end, sent))
    return undefined
  }
}

/** An update of a distribution or of the keys of a store. */
function isMove(method: string, path: string): boolean {
  return method === 'PUT' || (method === 'POST' && path.startsWith('/key-value-stores/'))
}

/** Nobody waits for the answer any more. */
async function arrive({ apiUrl }: WireEnd, sent: Sent): Promise<void> {
  await exchange(apiUrl, sent).catch(() => undefined)
}
