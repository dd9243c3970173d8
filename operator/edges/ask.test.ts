import { afterEach, describe, expect, test } from '@jest/globals'
import type { LookupAddress } from 'node:dns'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { ask, guardLookup, isForbiddenAddress, MAX_BODY_BYTES } from './ask.ts'

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
  ask({ url, method: 'GET', headers: {}, timeoutMs })

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

  test.each(['nonsense', 'ftp://127.0.0.1/', 'http://'])('from %s', async (url) => {
    expect(await get(url)).toMatchObject({ type: 'NoAnswer' })
  })

  test('for a header that cannot be sent, without showing its value', async () => {
    const url = await serve((_, response) => response.end())
    const answer = await ask({ url, method: 'GET', headers: { 'x-key': 'secret\u0000' }, timeoutMs: 60_000 })
    expect(answer).toMatchObject({ type: 'NoAnswer', message: expect.stringContaining('x-key') as unknown })
    expect(JSON.stringify(answer)).not.toContain('secret')
  })
})

describe('addresses that are never asked', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://169.254.170.23/v1/credentials',
    'http://0xa9fea9fe/',
    'http://2852039166/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'https://169.254.169.254/',
  ])('%s', async (url) => {
    expect(await get(url)).toMatchObject({
      type: 'NoAnswer',
      message: expect.stringContaining('never asked') as unknown,
    })
  })

  test.each([
    ['169.253.255.255', false],
    ['169.255.0.0', false],
    ['127.0.0.1', false],
    ['10.0.0.1', false],
    ['::ffff:10.0.0.1', false],
    ['fd00:ec3::254', false],
    ['::ffff:a9fe:a9fe', true],
    ['64:ff9b::a9fe:a9fe', true],
    ['models.example.com', false],
  ])('%s: %p', (address, forbidden) => {
    expect(isForbiddenAddress(address)).toBe(forbidden)
  })

  const resolved = (
    addresses: LookupAddress[] | undefined,
    all: boolean,
    error: Error | null = null,
  ): unknown[] => {
    const said: unknown[] = []
    guardLookup((_, options, callback) => {
      expect(options.all).toBe(true)
      callback(error, addresses)
    })('models.example.com', { all }, (...args) => said.push(...args))
    return said
  }
  const good = { address: '10.0.0.1', family: 4 }
  const bad = { address: '169.254.169.254', family: 4 }

  test('a name that leads to one of them is refused, even among others', () => {
    const message = '169.254.169.254 is a link-local or metadata address, which is never asked'
    expect(resolved([bad], false)).toMatchObject([{ message }, ''])
    expect(resolved([good, bad], true)).toMatchObject([{ message }, ''])
  })

  test('a name that leads elsewhere is resolved as asked for', () => {
    expect(resolved([good], false)).toEqual([null, '10.0.0.1', 4])
    expect(resolved([good], true)).toEqual([null, [good]])
  })

  test('a name that leads nowhere is an error', () => {
    const error = new Error('getaddrinfo ENOTFOUND')
    expect(resolved(undefined, true, error)).toEqual([error, ''])
    expect(resolved([], true)).toMatchObject([{ message: 'models.example.com has no address' }, ''])
  })

  test('a name is resolved, and reaches the server', async () => {
    const url = await serve((_, response) => response.end('hello'))
    expect(await get(url.replace('127.0.0.1', 'localhost'))).toMatchObject({ body: 'hello' })
  })
})
