import { once } from 'node:events'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { forward } from './forward.ts'
import type { ClientRequest, IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Exchange } from './forward.ts'

const servers: Server[] = []
const agents: Agent[] = []

afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function agent(options = {}): Agent {
  const created = new Agent(options)
  agents.push(created)
  return created
}

/** OriginReadTimeout as the test wants it, and how often it was over while the viewer was at fault. */
class Patience {
  ms: number
  #looks = 0
  #onLook: () => void = () => undefined

  constructor(ms: number) {
    this.ms = ms
  }

  /** Asked by every request at first, and again each time that silence is forgiven. */
  look(): number {
    this.#looks += 1
    this.#onLook()
    return this.ms
  }

  /** From now on, also for the requests that are under way. */
  shorten(pooled: Agent): void {
    this.ms = SHORT_MS
    for (const socket of Object.values(pooled.sockets).flat()) socket?.setTimeout(SHORT_MS)
  }

  /** Resolves once it has been asked so many times more. */
  async looks(more: number): Promise<void> {
    for (const enough = this.#looks + more; this.#looks < enough;) {
      await new Promise<void>((resolve) => (this.#onLook = resolve))
    }
  }
}

/** A proxy in front of the origin that does nothing but forward; resolves to its port. */
function proxyTo(
  port: number,
  patience: Patience,
  {
    pooled = agent({ keepAlive: true }),
    onViewer,
  }: { pooled?: Agent; onViewer?: (response: ServerResponse) => void } = {},
): Promise<number> {
  const fresh = agent()
  return listen((viewerRequest, viewerResponse) => {
    onViewer?.(viewerResponse)
    const exchange: Exchange = {
      viewerRequest,
      viewerResponse,
      origin: {
        id: 'blue',
        domainName: 'blue.example',
        httpPort: 80,
        originPath: '',
        customHeaders: [],
        protocol: 'http-only',
        connectTimeoutMs: LONG_MS,
        connectionAttempts: 1,
        get readTimeoutMs() {
          return patience.look()
        },
        keepaliveMs: 1000,
      },
      address: { host: '127.0.0.1', port },
      agents: { pooled, fresh },
      path: viewerRequest.url ?? '/',
      headers: ['Host', 'blue.example', 'Transfer-Encoding', 'chunked'],
      hasBody: true,
      responseHeaders: () => [],
      onRetry: () => undefined,
      onFailure: (status, kind) => viewerResponse.writeHead(status).end(kind),
    }
    forward(exchange)
  })
}

function post(port: number): ClientRequest {
  const headers = { 'transfer-encoding': 'chunked' }
  return httpRequest({ host: '127.0.0.1', port, method: 'POST', headers, agent: false })
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

const CHUNK = Buffer.alloc(64 * 1024, 'x')

/** Over again and again while the viewer takes its time. */
const SHORT_MS = 20
/** Never over, however busy the machine. */
const LONG_MS = 60_000

/** Resolves once nothing more of the answer can leave, because nobody reads it. */
async function untilStuck(response: ServerResponse): Promise<void> {
  // Everything between the two ends is in this process or in the kernel, so that what can move does so within a few turns.
  for (let turns = 0; turns < 100; turns = response.writableNeedDrain ? turns + 1 : 0) await turn()
}

describe('silence on the way to the origin', () => {
  test('is not the origin’s while the viewer takes its time to send', async () => {
    const origin = await listen((request, response) => {
      void text(request).then((body) => response.end(body))
    })
    const patience = new Patience(SHORT_MS)
    const request = post(await proxyTo(origin, patience))
    request.write('first ')
    await patience.looks(4)
    patience.ms = LONG_MS
    await patience.looks(1)
    request.end('second')
    const response = await answerTo(request)
    expect([response.statusCode, await text(response)]).toEqual([200, 'first second'])
  })

  test('is not the origin’s while the viewer takes its time to read', async () => {
    // Until it is known that all buffers on its way are full: how much they hold is the kernel's affair.
    let sent = 0
    let isEnough = false
    const origin = await listen((request, response) => {
      request.resume()
      const chunks = function* () {
        for (; !isEnough; sent += CHUNK.length) yield CHUNK
      }
      void pipeline(chunks, response)
    })
    const patience = new Patience(LONG_MS)
    const pooled = agent({ keepAlive: true })
    const viewer = Promise.withResolvers<ServerResponse>()
    const request = post(await proxyTo(origin, patience, { pooled, onViewer: viewer.resolve }))
    request.end('{}')
    const response = await answerTo(request)
    await untilStuck(await viewer.promise)
    patience.shorten(pooled)
    await patience.looks(4)
    patience.ms = LONG_MS
    await patience.looks(1)
    isEnough = true
    expect((await text(response)).length).toBe(sent)
  })

  test('is the origin’s once the request is there, also where it was the viewer’s before', async () => {
    const origin = await listen((request) => request.resume())
    const patience = new Patience(SHORT_MS)
    const request = post(await proxyTo(origin, patience))
    request.write('{')
    await patience.looks(2)
    request.end('}')
    const response = await answerTo(request)
    expect([response.statusCode, await text(response)]).toEqual([504, 'ReadTimedOut'])
  })

  test('in the middle of an answer cuts it', async () => {
    const origin = await listen((request, response) => {
      request.resume()
      response.write('begun')
    })
    const patience = new Patience(LONG_MS)
    const pooled = agent({ keepAlive: true })
    const request = post(await proxyTo(origin, patience, { pooled }))
    request.end('{}')
    const response = await answerTo(request)
    patience.shorten(pooled)
    await expect(text(response)).rejects.toThrow(/aborted/)
  })
})

test('a POST that gets a dead connection from the pool goes out on a new one, once', async () => {
  class DeadPool extends Agent {
    override createConnection(): Socket {
      // As the pool gives it when the origin's end has been read and its 'close' is still to come.
      return new Socket().destroy()
    }
  }
  let seen = 0
  const origin = await listen((request, response) => {
    seen += 1
    void text(request).then((body) => response.end(body))
  })
  const request = post(
    await proxyTo(origin, new Patience(LONG_MS), { pooled: new DeadPool({ keepAlive: true }) }),
  )
  request.end('once')
  const response = await answerTo(request)
  expect([response.statusCode, await text(response), seen]).toEqual([200, 'once', 1])
})
