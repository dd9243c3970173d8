import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from '@jest/globals'
import {
  admin,
  ask,
  HOST,
  keepAlive,
  latch,
  listen,
  onEnd,
  origin,
  rawOrigin,
  says,
  start as startLocal,
} from '../test/running.ts'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { SeedBehavior, SeedDistribution, SeedOrigin } from '../seed-content.ts'
import type { CloudFrontLocal, CloudFrontLocalOptions } from '../start.ts'
import type { Running } from '../test/running.ts'

const ID = 'E1TESTTESTTEST'

/** An emulator with one distribution of two origins on two real servers. */
async function start(
  { blue, green = blue }: { blue: number; green?: number },
  seed: { origin?: Partial<SeedOrigin>; behaviors?: SeedBehavior[]; more?: Partial<SeedDistribution> } = {},
  options: CloudFrontLocalOptions = {},
): Promise<Running> {
  return startLocal({
    seed: [
      {
        id: ID,
        aliases: [HOST],
        origins: [
          { id: 'blue', domainName: 'blue.example', ...seed.origin },
          { id: 'green', domainName: 'green.example', ...seed.origin },
        ],
        behaviors: seed.behaviors ?? [{ pathPattern: '*', targetOriginId: 'blue' }],
        ...seed.more,
      },
    ],
    resolve: [`blue.example=127.0.0.1:${blue}`, `green.example=127.0.0.1:${green}`],
    ...options,
  })
}

function pointAt(world: CloudFrontLocal, targetOriginId: string, pathPattern = '*'): Promise<unknown> {
  return admin(world, 'POST', `/distributions/${ID}/foreign-write`, { targetOriginId, pathPattern })
}

function deployed(world: CloudFrontLocal, version: number): Promise<unknown> {
  return world.waitFor(
    (entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed' && entry.version === version,
  )
}

describe('a new version', () => {
  test('reaches each edge at its own time, and the others keep the old one', async () => {
    const world = await start({ blue: await origin(says('blue')), green: await origin(says('green')) })
    await admin(world, 'POST', '/edges/all/hold')
    await pointAt(world, 'green')
    const answers = async () =>
      (await Promise.all(world.edgeUrls.map((url) => ask(url)))).map(({ body }) => body)
    expect(await answers()).toEqual(['blue', 'blue', 'blue'])
    await admin(world, 'POST', '/edges/2/release')
    expect(await answers()).toEqual(['blue', 'green', 'blue'])
    await admin(world, 'POST', '/edges/all/release')
    expect(await answers()).toEqual(['green', 'green', 'green'])
  })

  test('arrives by itself after the drawn delays, which repeat with the same seed', async () => {
    const order = async (): Promise<number[]> => {
      const world = await start(
        { blue: await origin(says('blue')) },
        {},
        { edges: 5, randomSeed: 3, propagation: { minMs: 0, maxMs: 400 } },
      )
      await pointAt(world, 'green')
      await deployed(world, 2)
      return world.audit().flatMap((entry) => (entry.type === 'EdgeApplied' ? [entry.edge] : []))
    }
    const first = await order()
    expect([...first].sort()).toEqual([1, 2, 3, 4, 5])
    expect(first).not.toEqual([1, 2, 3, 4, 5])
    expect(await order()).toEqual(first)
  })

  test('does not touch a request in flight, and the next one on the same connection gets it', async () => {
    const gate = latch()
    const arrived = latch()
    const blue = await origin((request, response) => {
      request.resume()
      response.write('blue began')
      arrived.open()
      void gate.opened.then(() => response.end(', blue finished'))
    })
    const world = await start({ blue, green: await origin(says('green')) })
    const agent = keepAlive(1)
    const slow = ask(world.edgeUrls[0], { method: 'POST', body: '{}', agent })
    await arrived.opened
    await pointAt(world, 'green')
    await deployed(world, 2)
    expect((await ask(world.edgeUrls[0])).body).toBe('green')
    gate.open()
    expect(await slow).toMatchObject({ status: 200, body: 'blue began, blue finished' })
    expect((await ask(world.edgeUrls[0], { agent })).body).toBe('green')
  })

  test('2,000 requests through flips there and back: none fails, both colors answer, the end is pure', async () => {
    const color =
      (name: string): RequestListener =>
      (request, response) => {
        void text(request).then((body) => response.end(`${name} ${body}`))
      }
    const world = await start(
      { blue: await origin(color('blue')), green: await origin(color('green')) },
      {},
      { propagation: { minMs: 0, maxMs: 60 }, randomSeed: 11 },
    )
    const agent = keepAlive(64)
    const flips = new Map([
      [400, 'green'],
      [900, 'blue'],
      [1300, 'green'],
    ])
    const colors = new Map<string, number>()
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < 2000) {
        const number = next
        next += 1
        const target = flips.get(number)
        if (target !== undefined) await pointAt(world, target)
        const method = number % 4 === 0 ? 'GET' : 'POST'
        const body = method === 'POST' ? `body ${number}` : ''
        const answer = await ask(world.edgeUrls[number % 3], { method, path: `/${number}`, body, agent })
        const [name = '', ...echo] = answer.body.split(' ')
        expect({ status: answer.status, echo: echo.join(' ') }).toEqual({ status: 200, echo: body })
        colors.set(name, (colors.get(name) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 50 }, worker))
    await deployed(world, 4)
    expect([...colors.keys()].sort()).toEqual(['blue', 'green'])
    expect((colors.get('blue') ?? 0) + (colors.get('green') ?? 0)).toBe(2000)
    for (const url of world.edgeUrls) expect((await ask(url)).body).toBe('green ')
    expect(world.logged).toEqual([])
  })
})

test('going back while the change is still under way ends on the old color everywhere', async () => {
  const world = await start({ blue: await origin(says('blue')), green: await origin(says('green')) })
  await admin(world, 'POST', '/edges/all/hold')
  await pointAt(world, 'green')
  await admin(world, 'POST', '/edges/1/release')
  expect((await ask(world.edgeUrls[0])).body).toBe('green')
  await pointAt(world, 'blue')
  await admin(world, 'POST', '/edges/all/release')
  await deployed(world, 3)
  for (const url of world.edgeUrls) expect((await ask(url)).body).toBe('blue')
})

test('an origin that is taken away before the last edge has switched is 502 there, and nowhere else', async () => {
  const blue = createServer(says('blue'))
  const port = await listen(blue)
  const world = await start({ blue: port, green: await origin(says('green')) })
  await admin(world, 'POST', '/edges/3/hold')
  await pointAt(world, 'green')
  await world.waitFor((entry) => entry.type === 'EdgeApplied' && entry.edge === 2)
  blue.closeAllConnections()
  await new Promise((resolve) => blue.close(resolve))
  const statuses = async () => Promise.all(world.edgeUrls.map(async (url) => (await ask(url)).status))
  expect(await statuses()).toEqual([200, 200, 502])
  await admin(world, 'POST', '/edges/3/release')
  expect(await statuses()).toEqual([200, 200, 200])
})

describe('routing', () => {
  test('takes the first behavior that matches, then the default, and adds OriginPath', async () => {
    const tell =
      (name: string): RequestListener =>
      (request, response) =>
        response.end(`${name} ${request.url ?? ''}`)
    const world = await start(
      { blue: await origin(tell('blue')), green: await origin(tell('green')) },
      {
        origin: { originPath: '/base' },
        behaviors: [
          { pathPattern: '/v2/models/housing*', targetOriginId: 'green' },
          { pathPattern: '/v2/*', targetOriginId: 'blue' },
          { pathPattern: 'exact', targetOriginId: 'green' },
          { pathPattern: '*', targetOriginId: 'blue' },
        ],
      },
    )
    const answers = [
      '/v2/models/housing/infer',
      '/v2/models/other?x=/v2/models/housing',
      '/exact?x=1',
      '/EXACT',
      '/',
    ]
    const bodies = await Promise.all(
      answers.map(async (path) => (await ask(world.edgeUrls[0], { path })).body),
    )
    expect(bodies).toEqual([
      'green /base/v2/models/housing/infer',
      'blue /base/v2/models/other?x=/v2/models/housing',
      'green /base/exact?x=1',
      'blue /base/EXACT',
      'blue /base/',
    ])
  })

  test('a pointer moves one behavior and leaves the others', async () => {
    const world = await start(
      { blue: await origin(says('blue')), green: await origin(says('green')) },
      {
        behaviors: [
          { pathPattern: '/v2/*', targetOriginId: 'blue' },
          { pathPattern: '*', targetOriginId: 'blue' },
        ],
      },
    )
    await pointAt(world, 'green', '/v2/*')
    await deployed(world, 2)
    expect((await ask(world.edgeUrls[0], { path: '/v2/x' })).body).toBe('green')
    expect((await ask(world.edgeUrls[0], { path: '/x' })).body).toBe('blue')
  })

  test.each([
    { name: 'the alias', host: HOST, status: 200 },
    { name: 'the alias with a port and capitals', host: 'Models.Example.com:8080', status: 200 },
    { name: 'the domain name', host: 'd1testtesttest.cloudfront.net', status: 200 },
    { name: 'a wildcard alias', host: 'any.wild.example', status: 200 },
    { name: 'a bare address', host: '127.0.0.1:1', status: 200 },
    { name: 'a stranger', host: 'stranger.example', status: 403 },
  ])('Host: $name → $status', async ({ host, status }) => {
    const world = await start(
      { blue: await origin(says('blue')) },
      { more: { aliases: [HOST, '*.wild.example'] } },
    )
    expect((await ask(world.edgeUrls[0], { headers: { host } })).status).toBe(status)
  })

  test('a disabled distribution answers 403', async () => {
    const world = await start({ blue: await origin(says('blue')) })
    await admin(world, 'POST', `/distributions/${ID}/foreign-write`, { enabled: false })
    await deployed(world, 2)
    expect((await ask(world.edgeUrls[0])).status).toBe(403)
  })

  test('a method that the behavior does not allow, and a GET with a body, are 403', async () => {
    const world = await start(
      { blue: await origin(says('blue')) },
      { behaviors: [{ pathPattern: '*', targetOriginId: 'blue', allowedMethods: ['GET', 'HEAD'] }] },
    )
    expect((await ask(world.edgeUrls[0], { method: 'POST', body: '{}' })).status).toBe(403)
    const withBody = { method: 'GET', headers: { 'content-length': 2 }, body: '{}' }
    expect((await ask(world.edgeUrls[0], withBody)).status).toBe(403)
    expect((await ask(world.edgeUrls[0])).status).toBe(200)
  })
})

describe('headers', () => {
  const echoHeaders: RequestListener = (request, response) => {
    request.resume()
    response.setHeader('x-from-origin', ['one', 'two'])
    const body = JSON.stringify(request.headers)
    response.setHeader('content-length', Buffer.byteLength(body))
    response.end(body)
  }

  test('to the origin: its own Host, custom headers, Via, forwarded-for; no hop-by-hop fields', async () => {
    const world = await start(
      { blue: await origin(echoHeaders) },
      { origin: { customHeaders: { 'x-origin-secret': 'right' } } },
    )
    const { body } = await ask(world.edgeUrls[0], {
      method: 'POST',
      body: '{}',
      headers: {
        'x-origin-secret': 'forged',
        'x-kept': 'yes',
        'x-private': 'no',
        connection: 'x-private',
        te: 'trailers',
        'x-forwarded-for': '192.0.2.1',
      },
    })
    const seen = JSON.parse(body) as Record<string, string>
    expect(seen).toMatchObject({
      host: 'blue.example',
      'x-origin-secret': 'right',
      'x-kept': 'yes',
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'content-length': '2',
    })
    expect(seen.via).toMatch(/^1\.1 [0-9a-f]{32}\.cloudfront\.net \(CloudFront\)$/)
    expect(seen['x-amz-cf-id']).toMatch(/^[\w-]{56}$/)
    expect(seen).not.toHaveProperty('te')
    expect(seen).not.toHaveProperty('x-private')
  })

  test("to the origin: the viewer's Host where the behavior forwards it", async () => {
    const world = await start(
      { blue: await origin(echoHeaders) },
      { behaviors: [{ pathPattern: '*', targetOriginId: 'blue', hostHeader: 'Viewer' }] },
    )
    expect(JSON.parse((await ask(world.edgeUrls[0])).body)).toMatchObject({ host: HOST })
  })

  test('to the viewer: the origin’s, and the stamp of the edge', async () => {
    const world = await start({ blue: await origin(echoHeaders) })
    const { headers } = await ask(world.edgeUrls[1])
    expect(headers).toMatchObject({
      'x-from-origin': 'one, two',
      'x-cache': 'Miss from cloudfront',
      'x-amz-cf-pop': 'LOCAL50-P2',
    })
    expect(headers.via).toMatch(/cloudfront\.net \(CloudFront\)$/)
    expect(headers['x-amz-cf-id']).toMatch(/^[\w-]{56}$/)
  })

  test('a POST without a body stays one, and HEAD gives the length only', async () => {
    const world = await start({ blue: await origin(echoHeaders) })
    const posted = JSON.parse((await ask(world.edgeUrls[0], { method: 'POST' })).body) as Record<
      string,
      string
    >
    expect(posted).toMatchObject({ 'content-length': '0' })
    expect(posted).not.toHaveProperty('transfer-encoding')
    const { port } = new URL(world.edgeUrls[0] ?? '')
    const silent = connect(Number(port), '127.0.0.1')
    silent.write(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
    const reply = await text(silent)
    expect(reply).toContain('"content-length":"0"')
    expect(reply).not.toContain('transfer-encoding')
    const head = await ask(world.edgeUrls[0], { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(Number(head.headers['content-length'])).toBeGreaterThan(0)
  })

  test('an error of the origin is passed through as it is', async () => {
    const blue = await origin((_, response) => response.writeHead(503, { 'retry-after': '1' }).end('not yet'))
    const world = await start({ blue })
    const answer = await ask(world.edgeUrls[0])
    expect(answer).toMatchObject({ status: 503, body: 'not yet' })
    expect(answer.headers).toMatchObject({ 'retry-after': '1', 'x-cache': 'Error from cloudfront' })
  })
})

describe('streams', () => {
  test('both ways at once: the answer to the first chunk comes before the second is sent', async () => {
    const blue = await origin((request, response) => {
      response.writeHead(200)
      request.pipe(response)
    })
    const world = await start({ blue })
    const request = httpRequest(world.edgeUrls[0] ?? '', { method: 'POST', headers: { host: HOST } })
    request.write('first')
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(String(((await once(response, 'data')) as [Buffer])[0])).toBe('first')
    request.end('second')
    expect(await text(response)).toBe('second')
  })

  test('the head of an answer arrives before its first byte', async () => {
    const gate = latch()
    const blue = await origin((_, response) => {
      response.flushHeaders()
      void gate.opened.then(() => response.end('late'))
    })
    const world = await start({ blue })
    const request = httpRequest(world.edgeUrls[0] ?? '', { headers: { host: HOST } }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    gate.open()
    expect(await text(response)).toBe('late')
  })

  test('a large body arrives whole, with and without an announced length', async () => {
    const blue = await origin((request, response) => {
      void text(request).then((body) => response.end(body))
    })
    const world = await start({ blue })
    const body = 'x'.repeat(3_000_000)
    expect((await ask(world.edgeUrls[0], { method: 'POST', body })).body === body).toBe(true)
    const chunked = { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } }
    expect((await ask(world.edgeUrls[0], chunked)).body === body).toBe(true)
    const deletion = { method: 'DELETE', body, headers: { 'transfer-encoding': 'chunked' } }
    expect((await ask(world.edgeUrls[0], deletion)).body === body).toBe(true)
  })

  test('an answer that the origin cuts is cut for the viewer', async () => {
    const blue = await rawOrigin((socket) => {
      socket.once('data', () => {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this')
      })
    })
    const world = await start({ blue })
    await expect(ask(world.edgeUrls[0])).rejects.toThrow(/aborted|hang up|reset/i)
  })

  test('an early answer to a long upload leaves the connection usable', async () => {
    const blue = await origin((request, response) => {
      if (request.method === 'POST') response.writeHead(413).end('too long')
      else response.end('fine')
    })
    const world = await start({ blue })
    const agent = keepAlive(1)
    const answer = await ask(world.edgeUrls[0], { method: 'POST', body: 'x'.repeat(2_000_000), agent })
    expect(answer).toMatchObject({ status: 413, body: 'too long' })
    expect((await ask(world.edgeUrls[0], { agent })).body).toBe('fine')
  })

  test('a viewer that goes away takes its request at the origin with it', async () => {
    const arrived = latch()
    const gone = latch()
    const blue = await origin((request, response) => {
      request.resume()
      response.on('close', gone.open)
      arrived.open()
    })
    const world = await start({ blue })
    const request = httpRequest(world.edgeUrls[0] ?? '', { headers: { host: HOST } })
    request.on('error', () => undefined)
    request.end()
    await arrived.opened
    request.destroy()
    await expect(gone.opened).resolves.toBeUndefined()
    expect(world.logged).toEqual([])
  })
})

describe('an origin in trouble', () => {
  test('without an address: 502 and a log line that tells the remedy, until the admin API maps it', async () => {
    const port = await origin(says('blue'))
    const world = await start({ blue: port }, {}, { resolve: [] })
    expect((await ask(world.edgeUrls[0])).status).toBe(502)
    expect(world.logged).toMatchObject([
      { message: expect.stringContaining('--resolve'), data: { host: 'blue.example' } },
    ])
    await admin(world, 'PUT', '/resolve/blue.example', { address: `127.0.0.1:${port}` })
    expect((await ask(world.edgeUrls[0])).body).toBe('blue')
    await admin(world, 'DELETE', '/resolve/blue.example')
    expect((await ask(world.edgeUrls[0])).status).toBe(502)
  })

  test.each(['GET', 'POST'])('refused connections: %s is 502', async (method) => {
    const closed = createTcpServer()
    const port = await listen(closed)
    await new Promise((resolve) => closed.close(resolve))
    const world = await start({ blue: port })
    const body = method === 'POST' ? '{}' : ''
    const answer = await ask(world.edgeUrls[0], { method, body })
    expect(answer.status).toBe(502)
    expect(answer.headers['x-cache']).toBe('Error from cloudfront')
    expect(answer.body).toContain('ConnectFailed')
  })

  test.each([
    { method: 'POST', requests: 1 },
    { method: 'GET', requests: 2 },
  ])(
    'silence beyond OriginReadTimeout: $method is 504 after $requests request(s)',
    async ({ method, requests }) => {
      let seen = 0
      const enough = latch()
      const blue = await origin((request) => {
        request.resume()
        seen += 1
        if (seen === requests) enough.open()
      })
      const world = await start({ blue }, { origin: { readTimeoutSeconds: 1, connectionAttempts: 2 } })
      const body = method === 'POST' ? '{}' : ''
      const answer = await ask(world.edgeUrls[0], { method, body })
      expect(answer.status).toBe(504)
      expect(answer.body).toContain('ReadTimedOut')
      // A busy machine may let the origin read the request only now.
      await enough.opened
      expect(seen).toBe(requests)
    },
  )

  test.each([
    'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    'HTTP/1.1 099 Odd\r\n\r\n',
    'SSH-2.0\r\n',
  ])('%j, which is no answer, is 502', async (bytes) => {
    const blue = await rawOrigin((socket) => socket.once('data', () => socket.write(bytes)))
    const world = await start({ blue })
    expect((await ask(world.edgeUrls[0], { method: 'POST', body: '{}' })).status).toBe(502)
  })

  test('a custom header that cannot be sent is 502, and the edge lives on', async () => {
    const blue = await origin(says('blue'))
    const world = await start({ blue }, { origin: { customHeaders: { 'not a name': 'x' } } })
    expect((await ask(world.edgeUrls[0])).status).toBe(502)
    expect((await ask(world.edgeUrls[0])).status).toBe(502)
    expect(world.logged[0]?.message).toBe('The request cannot be sent')
  })

  test.each(['GET', 'POST'])(
    'a connection closed without an answer: %s is 502 after one request',
    async (method) => {
      let seen = 0
      const blue = await rawOrigin((socket) => {
        socket.once('data', () => {
          seen += 1
          socket.destroy()
        })
      })
      const world = await start({ blue })
      const body = method === 'POST' ? '{}' : ''
      expect((await ask(world.edgeUrls[0], { method, body })).status).toBe(502)
      expect(seen).toBe(1)
    },
  )

  describe('that closes a pooled connection just when it is used again', () => {
    // Each connection answers one request and is cut when a second arrives on it.
    async function closing(): Promise<{ port: number; seen: string[] }> {
      const seen: string[] = []
      const port = await rawOrigin((socket) => {
        let answered = false
        socket.on('data', (data) => {
          seen.push(String(data).split(' ')[0] ?? '')
          if (answered) {
            socket.destroy()
            return
          }
          answered = true
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        })
      })
      return { port, seen }
    }

    test('GET is repeated once on a new connection', async () => {
      const { port, seen } = await closing()
      const world = await start({ blue: port })
      expect((await ask(world.edgeUrls[0])).body).toBe('ok')
      expect((await ask(world.edgeUrls[0])).body).toBe('ok')
      expect(seen).toEqual(['GET', 'GET', 'GET'])
    })

    test('POST is not: 502, and the origin saw it once', async () => {
      const { port, seen } = await closing()
      const world = await start({ blue: port })
      expect((await ask(world.edgeUrls[0])).body).toBe('ok')
      expect((await ask(world.edgeUrls[0], { method: 'POST', body: '{}' })).status).toBe(502)
      expect(seen).toEqual(['GET', 'POST'])
    })
  })

  test('a connection that the origin has closed meanwhile is not used again, not even by a POST', async () => {
    const closed = latch()
    const blue = await rawOrigin((socket) => {
      socket.once('data', () => {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        socket.once('close', closed.open)
      })
    })
    const world = await start({ blue })
    expect((await ask(world.edgeUrls[0])).status).toBe(200)
    await closed.opened
    expect((await ask(world.edgeUrls[0], { method: 'POST', body: '{}' })).status).toBe(200)
  })

  test('connections are kept for the next request', async () => {
    let connections = 0
    const server = createServer(says('blue'))
    server.on('connection', () => (connections += 1))
    onEnd(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    const world = await start({ blue: await listen(server) })
    for (let count = 0; count < 5; count += 1) await ask(world.edgeUrls[0], { method: 'POST', body: '{}' })
    expect(connections).toBe(1)
  })
})

test('closing lets a request in flight finish', async () => {
  const arrived = latch()
  const gate = latch()
  const blue = await origin((_, response) => {
    arrived.open()
    void gate.opened.then(() => response.end('finished'))
  })
  const world = await start({ blue })
  const answer = ask(world.edgeUrls[0])
  await arrived.opened
  const closed = world.close(10_000)
  gate.open()
  expect((await answer).body).toBe('finished')
  await closed
  const { port } = new URL(world.edgeUrls[0] ?? '')
  const late = connect(Number(port), '127.0.0.1')
  await expect(once(late, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})
