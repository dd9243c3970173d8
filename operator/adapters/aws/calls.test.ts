import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { assumeRole } from './assume-role.ts'
import { createCloudFrontApi } from './cloudfront/api.ts'
import { createKeyValueStoreApi } from './key-value-store/api.ts'
import { TransientError } from '../../ports/errors.ts'

const CREDENTIALS = { accessKeyId: 'a', secretAccessKey: 'b' }
const STORE = 'arn:aws:cloudfront::123456789012:key-value-store/a1b2c3d4-5678-90ab-cdef-0123456789ab'

type Options = { requestTimeoutMs?: number; credentials?: unknown }

/** One call of each API that the operator asks, at an endpoint of the test's. */
const CALLS: Record<string, (endpoint: string, options?: Options) => Promise<unknown>> = {
  CloudFront: (endpoint, { requestTimeoutMs = 5_000, credentials = CREDENTIALS } = {}) =>
    createCloudFrontApi({
      region: 'us-east-1',
      mayWrite: () => undefined,
      requestTimeoutMs,
      client: { endpoint, credentials: credentials as typeof CREDENTIALS },
    }).fetch('E123EXAMPLE'),
  'the stores': (endpoint, { requestTimeoutMs = 5_000, credentials = CREDENTIALS } = {}) =>
    createKeyValueStoreApi({
      region: 'us-east-1',
      mayWrite: () => undefined,
      requestTimeoutMs,
      endpoint,
      client: { credentials: credentials as typeof CREDENTIALS },
    }).describe(STORE),
  STS: (endpoint) =>
    assumeRole(
      { arn: 'arn:aws:iam::123456789012:role/modelrelease' },
      { endpoint, region: 'us-east-1', credentials: CREDENTIALS },
    )(),
}

const opened: Server[] = []
const sockets = new Set<Socket>()

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of opened.splice(0)) server.close()
})

/** `host:port` of a listener. */
async function listening(server: Server): Promise<string> {
  opened.push(server)
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function messageOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(TransientError)
  return (error as Error).message
}

describe.each(Object.keys(CALLS))('no answer of %s names host and port:', (api) => {
  const call = CALLS[api] ?? (() => Promise.reject(new Error('unknown')))

  test('a listener that never answers, with the time', async () => {
    const place = await listening(createServer())
    const timeoutMs = api === 'STS' ? 4_500 : 3_000
    const message = await messageOf(call(`http://${place}`, { requestTimeoutMs: timeoutMs }))
    expect(message).toContain(`no answer from ${place} within ${api === 'STS' ? '4500 ms' : '3 s'}`)
    expect(message).not.toMatch(/Abort|TimeoutError/)
  })

  test('nothing that listens', async () => {
    const server = createServer()
    const place = await listening(server)
    await new Promise((done) => server.close(done))
    expect(await messageOf(call(`http://${place}`))).toContain(`${place} refuses the connection`)
  })

  test('a connection that is closed', async () => {
    const place = await listening(createServer((socket) => socket.destroy()))
    expect(await messageOf(call(`http://${place}`))).toContain(
      `${place} closed the connection before it answered`,
    )
  })

  test('a name that does not exist', async () => {
    expect(await messageOf(call('http://nowhere.invalid:8443'))).toMatch(
      /(the name of nowhere\.invalid:8443 is not known to DNS|DNS gives no answer about the name of nowhere\.invalid:8443)/,
    )
  })

  test('what speaks no TLS', async () => {
    const place = await listening(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
    expect(await messageOf(call(`https://${place}`))).toContain(`no TLS connection to ${place}`)
  })

  test('a page of a proxy', async () => {
    const place = await listening(
      createHttpServer((request, response) => {
        request.resume()
        response.end('<html>please log in')
      }),
    )
    const message = await messageOf(call(`http://${place}`))
    expect(message).toContain(place)
    expect(message).toContain('proxy')
  })
})

test.each(['CloudFront', 'the stores'])(
  'credentials that never come hold %s no longer than a call may take',
  async (api) => {
    const place = await listening(createServer())
    const options = { requestTimeoutMs: 300, credentials: () => new Promise(() => undefined) }
    expect(await messageOf(CALLS[api]?.(`http://${place}`, options) ?? Promise.resolve())).toContain(
      'no credentials of the operator were found within',
    )
  },
)
