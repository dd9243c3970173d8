import { once } from 'node:events'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { forward } from './forward.ts'
import type { ClientRequest, IncomingMessage, RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Exchange } from './forward.ts'

// Real sockets and processes on a machine that may be busy with other things.
jest.setTimeout(60_000)

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

/** A proxy in front of the origin that does nothing but forward; resolves to its port. */
function proxyTo(port: number, readTimeoutMs: number, pooled = agent({ keepAlive: true })): Promise<number> {
  const fresh = agent()
  return listen((viewerRequest, viewerResponse) => {
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
        connectTimeoutMs: 1000,
        connectionAttempts: 1,
        readTimeoutMs,
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

// The wait is several limits long, and the limit long enough for a busy machine to answer within it.
const LIMIT_MS = 400
const WAIT_MS = 1000

describe('silence on the way to the origin', () => {
  test('is not the origin’s while the viewer takes its time to send', async () => {
    const origin = await listen((request, response) => {
      void text(request).then((body) => response.end(body))
    })
    const request = post(await proxyTo(origin, LIMIT_MS))
    request.write('first ')
    await sleep(WAIT_MS)
    request.end('second')
    const response = await answerTo(request)
    expect([response.statusCode, await text(response)]).toEqual([200, 'first second'])
  })

  test('is not the origin’s while the viewer takes its time to read', async () => {
    const body = Buffer.alloc(8_000_000, 'x')
    const origin = await listen((request, response) => {
      request.resume()
      response.end(body)
    })
    const request = post(await proxyTo(origin, LIMIT_MS))
    request.end('{}')
    const response = await answerTo(request)
    await sleep(WAIT_MS)
    expect((await text(response)).length).toBe(body.length)
  })

  test('is the origin’s once the request is there', async () => {
    const origin = await listen((request) => request.resume())
    const request = post(await proxyTo(origin, LIMIT_MS))
    request.end('{}')
    const response = await answerTo(request)
    expect([response.statusCode, await text(response)]).toEqual([504, 'ReadTimedOut'])
  })

  test('in the middle of an answer cuts it', async () => {
    const origin = await listen((request, response) => {
      request.resume()
      response.write('begun')
    })
    const request = post(await proxyTo(origin, LIMIT_MS))
    request.end('{}')
    await expect(text(await answerTo(request))).rejects.toThrow(/aborted/)
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
  const request = post(await proxyTo(origin, 1000, new DeadPool({ keepAlive: true })))
  request.end('once')
  const response = await answerTo(request)
  expect([response.statusCode, await text(response), seen]).toEqual([200, 'once', 1])
})
