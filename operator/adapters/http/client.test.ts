import { afterEach, describe, expect, test } from '@jest/globals'
import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, isIP, type AddressInfo, type Socket } from 'node:net'
import type { ProbeAnswer } from '../../planner/model/observation.ts'
import { createAsk, createResolve, MAX_BODY_BYTES } from './client.ts'

const ask = createAsk({ allowedRanges: ['127.0.0.0/8'] })

const open: { close: () => Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

function closing(server: Server, sockets = new Set<Socket>()): { close: () => Promise<void> } {
  return {
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
        for (const socket of sockets) socket.destroy()
      }),
  }
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  open.push(closing(server))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that says exactly these bytes, and `end`s or cuts the connection. */
async function speak(bytes: string, then: 'end' | 'reset'): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () =>
      socket.write(bytes, () => (then === 'end' ? socket.end() : socket.resetAndDestroy())),
    )
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  open.push({ close: () => new Promise((done) => server.close(() => done())) })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const get = (url: string, timeoutMs = 60_000): ReturnType<typeof ask> =>
  ask({ url, method: 'GET', headers: {}, timeoutMs, to: 'Candidate' })

describe('an answer', () => {
  test('comes back whole, with header names in lower case', async () => {
    const url = await serve((_, response) => {
      response.setHeader('X-Model-Digest', 'sha256:1').setHeader('Set-Cookie', ['a=1', 'b=2'])
      response.writeHead(201).write('häl')
      response.end('lo')
    })
    expect(await get(url)).toEqual({
      type: 'Answered',
      status: 201,
      headers: expect.objectContaining({ 'x-model-digest': 'sha256:1', 'set-cookie': 'a=1, b=2' }) as unknown,
      body: 'hällo',
      latencyMs: expect.any(Number) as unknown,
    })
  })

  test('that is a redirect is not followed', async () => {
    const paths: (string | undefined)[] = []
    const url = await serve((request, response) => {
      paths.push(request.url)
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect(await get(`${url}/first`)).toMatchObject({ status: 302 })
    expect(paths).toEqual(['/first'])
  })

  test('to a body says what was sent, framed by us', async () => {
    const url = await serve((request, response) => {
      request.setEncoding('utf8')
      let body = ''
      request.on('data', (chunk: string) => (body += chunk))
      request.on('end', () => response.end(JSON.stringify([request.method, request.headers, body])))
    })
    const answer = await ask({
      url,
      method: 'PUT',
      headers: {
        'x-key': 'k',
        'Content-Length': '1',
        'transfer-encoding': 'chunked',
        expect: '100-continue',
      },
      body: 'zwölf',
      timeoutMs: 60_000,
      to: 'Candidate',
    })
    const [method, headers, body] = JSON.parse(answer.type === 'Answered' ? answer.body : '[]') as [
      string,
      Record<string, string>,
      string,
    ]
    expect([method, body]).toEqual(['PUT', 'zwölf'])
    expect(headers).toMatchObject({ 'x-key': 'k', 'content-length': '6', connection: 'close' })
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['expect']))
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['transfer-encoding']))
  })

  test('comes on a fresh connection every time', async () => {
    const connections = new Set<Socket>()
    const url = await serve((request, response) => {
      connections.add(request.socket)
      response.end()
    })
    for (let i = 0; i < 3; i += 1) await get(url)
    expect(connections.size).toBe(3)
  })
})

const hostOf = (url: string): string => new URL(url).host

describe('no answer', () => {
  test('from a port where nobody listens', async () => {
    expect(await get('http://127.0.0.1:1')).toEqual({
      type: 'NoAnswer',
      message: '127.0.0.1:1 refuses the connection (connect ECONNREFUSED 127.0.0.1:1)',
    })
  })

  test('where no name server listens, and it is not the peer that refuses', async () => {
    const asking = createAsk({ resolve: createResolve(['127.0.0.1:1']) })
    const question = { method: 'GET', headers: {}, timeoutMs: 600_000, to: 'Named' } as const
    expect(await asking({ ...question, url: 'http://nowhere.test/' })).toEqual({
      type: 'NoAnswer',
      message: 'DNS gives no answer about the name of nowhere.test:80 (queryA ECONNREFUSED nowhere.test)',
    })
  })

  test.each([
    ['before the headers', (): void => undefined],
    ['in the middle of the body', (response: { write: (text: string) => void }): void => response.write('{')],
  ])('in time, when the server stops %s', async (_, start) => {
    const url = await serve((_request, response) => start(response))
    const message = `no answer from ${hostOf(url)} within 50 ms`
    expect(await get(url, 50)).toEqual({ type: 'NoAnswer', message })
  })

  test('in time, when the server sends a byte now and then', async () => {
    const url = await serve((_request, response) => {
      const timer = setInterval(() => response.write('.'), 10)
      response.once('close', () => clearInterval(timer))
    })
    expect(await get(url, 1000)).toMatchObject({ message: `no answer from ${hostOf(url)} within 1 s` })
  })

  test('when the connection is cut in the middle of the body', async () => {
    const url = await speak('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"a"', 'end')
    expect(await get(url)).toEqual({
      type: 'NoAnswer',
      message: `${hostOf(url)} closed the connection in the middle of the answer`,
    })
  })

  test('when the connection is reset', async () => {
    const url = await speak('', 'reset')
    expect(await get(url)).toMatchObject({
      type: 'NoAnswer',
      message: expect.stringContaining(`${hostOf(url)} closed the connection before it answered`) as unknown,
    })
  })

  test('when what comes is not HTTP', async () => {
    const url = await speak('SSH-2.0-x\r\n\r\n', 'end')
    expect(await get(url)).toMatchObject({
      type: 'NoAnswer',
      message: expect.stringContaining(`the answer of ${hostOf(url)} is not HTTP`) as unknown,
    })
  })

  test('when there is no TLS', async () => {
    const url = await serve((_, response) => response.end())
    expect(await get(url.replace('http:', 'https:'))).toMatchObject({
      type: 'NoAnswer',
      message: expect.stringContaining(`no TLS connection to ${hostOf(url)}`) as unknown,
    })
  })

  test('from a name that does not exist', async () => {
    expect(await get('http://nowhere.invalid/')).toMatchObject({
      type: 'NoAnswer',
      message: expect.stringContaining('nowhere.invalid:80') as unknown,
    })
  })

  test('when the server wants another protocol', async () => {
    const url = await speak(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'end',
    )
    expect(await get(url)).toMatchObject({ type: 'NoAnswer' })
  })

  test('when the body is larger than may be held', async () => {
    const url = await serve((_, response) => response.end(Buffer.alloc(MAX_BODY_BYTES + 1)))
    expect(await get(url)).toEqual({ type: 'NoAnswer', message: 'the body is longer than 1048576 bytes' })
    const exactly = await serve((_, response) => response.end(Buffer.alloc(MAX_BODY_BYTES)))
    expect(await get(exactly)).toMatchObject({ type: 'Answered' })
  })

  test('of which only the beginning is wanted is not read further, whether or not it ever ends', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/short') response.end('short')
      else response.write('0123456789'.repeat(MAX_BODY_BYTES / 4))
    })
    const start = (path: string): ReturnType<typeof ask> =>
      ask({
        url: `${url}${path}`,
        method: 'GET',
        headers: {},
        timeoutMs: 60_000,
        to: 'Candidate',
        readBytes: 15,
      })
    expect(await start('/endless')).toMatchObject({ type: 'Answered', body: '012345678901234' })
    expect(await start('/short')).toMatchObject({ type: 'Answered', body: 'short' })
  })

  test.each(['nonsense', 'ftp://127.0.0.1/', 'http://'])('from %s', async (url) => {
    expect(await get(url)).toMatchObject({ type: 'NoAnswer' })
  })

  test('for a header that cannot be sent, without showing its value', async () => {
    const url = await serve((_, response) => response.end())
    const answer = await ask({
      url,
      method: 'GET',
      headers: { 'x-key': 'secret\u0000' },
      timeoutMs: 60_000,
      to: 'Named',
    })
    expect(answer).toMatchObject({ type: 'NoAnswer', message: expect.stringContaining('x-key') as unknown })
    expect(JSON.stringify(answer)).not.toContain('secret')
  })
})

describe('addresses that are not asked', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://169.254.170.23/v1/credentials',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://169.254.43518/',
    'http://2852039166/',
    'http://169.254.169.254./',
    'http://１６９.254.169.254/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://0/',
    'http://[::]/',
    'https://169.254.169.254/',
  ])('never: %s', async (url) => {
    expect(await get(url)).toMatchObject({ message: expect.stringContaining('never asked') as unknown })
  })

  test.each([
    'http://127.0.0.1:1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::1]/',
    'http://127.1/',
  ])('on the operator itself: %s', async (url) => {
    const answer = await createAsk()({ url, method: 'GET', headers: {}, timeoutMs: 60_000, to: 'Named' })
    expect(answer).toMatchObject({ message: expect.stringContaining('loopback') as unknown })
  })

  test.each(['http://10.0.0.1/', 'http://167772161/', 'http://0xC0A80001/', 'http://[fd12::1]/'])(
    'in private by a name: %s',
    async (url) => {
      const answer = await createAsk()({ url, method: 'GET', headers: {}, timeoutMs: 60_000, to: 'Named' })
      expect(answer).toMatchObject({ message: expect.stringContaining('PROBE_ALLOWED_RANGES') as unknown })
    },
  )

  /** Asks for a name that leads there; and how often it was resolved. */
  async function byName(
    ...addresses: string[]
  ): Promise<{ answer: ProbeAnswer; resolved: number; url: string }> {
    const url = await serve((_, response) => response.end('hello'))
    let resolved = 0
    const allowed = createAsk({
      allowedRanges: ['127.0.0.1/32'],
      resolve: () => {
        resolved += 1
        return Promise.resolve(addresses.map((address) => ({ address, family: isIP(address) })))
      },
    })
    const named = url.replace('127.0.0.1', 'models.example.com')
    const answer = await allowed({ url: named, method: 'GET', headers: {}, timeoutMs: 60_000, to: 'Named' })
    return { answer, resolved, url }
  }

  test.each([
    [['127.0.0.2']],
    [['10.0.0.1']],
    [['::ffff:10.0.0.1']],
    [['169.254.169.254']],
    [['127.0.0.1', '169.254.169.254']],
    [['1.1.1.1', '192.168.0.1']],
  ])('where a name leads to %j', async (addresses) => {
    const { answer } = await byName(...addresses)
    expect(answer).toMatchObject({ type: 'NoAnswer', message: expect.stringContaining('asked') as unknown })
  })

  test('are told by where the connection goes: a name is resolved once for it', async () => {
    const { answer, resolved } = await byName('127.0.0.1')
    expect(answer).toMatchObject({ type: 'Answered', body: 'hello' })
    expect(resolved).toBe(1)
  })

  test('a name that leads nowhere is told', async () => {
    const { answer } = await byName()
    expect(answer).toEqual({ type: 'NoAnswer', message: 'models.example.com has no address' })
  })
})

test('what is not waited for any more ends at once, and its connection with it', async () => {
  const stopped = new AbortController()
  const closed = Promise.withResolvers<undefined>()
  const url = await serve((request) => {
    request.socket.once('close', () => closed.resolve(undefined))
    stopped.abort()
  })
  const question = { url, method: 'GET', headers: {}, timeoutMs: 3_600_000, to: 'Candidate' } as const
  expect(await ask({ ...question, signal: stopped.signal })).toMatchObject({ type: 'NoAnswer' })
  await closed.promise
  expect(await ask({ ...question, signal: stopped.signal })).toMatchObject({ type: 'NoAnswer' })
})

test('a silent name server is given up, and keeps none of the threads that everybody shares', async () => {
  const { port } = await silentNameServer()
  const asking = createAsk({ resolve: createResolve([`127.0.0.1:${port}`]) })
  // More than there are threads in Node's pool.
  const names = Array.from({ length: 32 }, (_, index) => `http://n${index}.example.com/`)
  const answers = Promise.all(
    names.map((url) => asking({ url, method: 'GET', headers: {}, timeoutMs: 600_000, to: 'Named' })),
  )
  const first = await Promise.race([answers, readFile(import.meta.filename).then(() => 'a file was read')])
  expect(first).toBe('a file was read')
  for (const answer of await answers)
    expect(answer).toMatchObject({ type: 'NoAnswer', message: expect.stringContaining('TIMEOUT') as unknown })
})

async function silentNameServer(): Promise<{ port: number }> {
  const socket = createSocket('udp4')
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
  open.push({ close: () => new Promise((done) => socket.close(() => done())) })
  return { port: socket.address().port }
}
