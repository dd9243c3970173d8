import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ApiClient, apiError, ApiError, ApiTimeoutError, expectOk, NotLeaderError } from './api-client.ts'
import { FakeApiServer } from './testing/fake-api-server.ts'

let server: FakeApiServer

beforeEach(async () => {
  server = await FakeApiServer.start()
})

afterEach(async () => {
  await server.stop()
})

const lease = JSON.stringify({ metadata: { namespace: 'models', name: 'a' } })
const post = { method: 'POST', path: '/apis/x/v1/namespaces/models/leases', body: lease }

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux(
  'a stream is asked for signs of life by the kernel, so that a silent one may be left alone',
  async () => {
    const controller = new AbortController()
    const stream = await server
      .access()
      .stream({ path: '/apis/x/v1/leases?watch=true', signal: controller.signal })
    stream.on('error', () => undefined)
    const port = Number(new URL(server.url).port).toString(16).toUpperCase().padStart(4, '0')
    const timers = async (): Promise<string[]> => {
      const lines = (await readFile('/proc/net/tcp', 'utf8'))
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
      const own = lines.filter(([, , remote, state]) => remote?.endsWith(`:${port}`) && state === '01')
      return own.map(([, , , , , timer = '']) => timer)
    }
    // https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt: 02 is keep-alive, and the rest its hundredths.
    await expect(timers()).resolves.toEqual([expect.stringMatching(/^02:00000[0-5]/)])
    controller.abort()
  },
)

describe('requests', () => {
  test('share a connection, and carry credentials and media types', async () => {
    const access = server.access({ userAgent: 'tester' })
    expect((await access.request(post)).status).toBe(201)
    expect((await access.request({ path: '/apis/x/v1/leases', accept: 'text/plain' })).status).toBe(200)
    expect(server.connections).toBe(1)
    expect(server.received.map(({ headers }) => headers)).toMatchObject([
      { authorization: 'Bearer secret', 'content-type': 'application/json', 'user-agent': 'tester' },
      { authorization: 'Bearer secret', accept: 'text/plain' },
    ])
    expect(server.received[0]?.body).toBe(lease)
    access.close()
  })

  test('end in time, and say what was asked', async () => {
    server.silent = true
    const asked = server.access().request({ path: '/api/v1/pods', timeoutMs: 20 })
    await expect(asked).rejects.toThrow(new ApiTimeoutError('GET /api/v1/pods had no answer within 20 ms'))
  })

  test('end in time when the answer stops half way', async () => {
    server.instead.push((_, response) => {
      response.writeHead(200, { 'Content-Length': '100' })
      response.write('half')
    })
    const asked = server.access().request({ path: '/api/v1/pods', timeoutMs: 50 })
    await expect(asked).rejects.toThrow(ApiTimeoutError)
  })

  test('end with the caller', async () => {
    server.silent = true
    const controller = new AbortController()
    const asked = server.access().request({ path: '/api/v1/pods', signal: controller.signal })
    await server.until(() => server.received.length === 1)
    controller.abort(new Error('no longer wanted'))
    await expect(asked).rejects.toThrow('no longer wanted')
    await expect(server.access().request({ path: '/x', signal: AbortSignal.abort() })).rejects.toThrow(
      'aborted',
    )
  })

  test('that only read are repeated once when the connection was closed under them', async () => {
    const access = server.access()
    server.instead.push((_, response) => response.destroy())
    expect((await access.request({ path: '/api/v1/pods' })).status).toBe(200)
    server.instead.push((_, response) => response.destroy())
    await expect(access.request(post)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(server.received.map(({ method }) => method)).toEqual(['GET', 'GET', 'POST'])
    access.close()
  })

  test('need a cluster', async () => {
    const access = new ApiClient({ ...server.credentials, getCurrentCluster: () => null })
    await expect(access.request({ path: '/api/v1/pods' })).rejects.toThrow(
      /no current cluster; set its current-context/,
    )
  })

  test('take new certificates as soon as the kubeconfig has them', async () => {
    let certificate = 'first'
    const access = new ApiClient({
      ...server.credentials,
      applyToHTTPSOptions: (options) => {
        Object.assign(options, { cert: certificate })
        return Promise.resolve()
      },
    })
    await access.request({ path: '/api/v1/pods' })
    await access.request({ path: '/api/v1/pods' })
    expect(server.connections).toBe(1)
    certificate = 'second'
    await access.request({ path: '/api/v1/pods' })
    expect(server.connections).toBe(2)
    access.close()
  })
})

describe('a guarded access', () => {
  test('sends no write that may not be, and every read', async () => {
    const access = server.access()
    let held = true
    const guarded = access.guarded(() => held)
    expect((await guarded.request(post)).status).toBe(201)
    held = false
    await expect(guarded.request({ ...post, method: 'PUT', path: `${post.path}/a` })).rejects.toThrow(
      NotLeaderError,
    )
    expect((await guarded.request({ path: '/apis/x/v1/leases' })).status).toBe(200)
    expect(server.received.map(({ method }) => method)).toEqual(['POST', 'GET'])
    access.close()
  })

  test('asks once the connection stands, not when the request was made', async () => {
    const access = server.access()
    let held = true
    const guarded = access.guarded(() => held)
    const asked = guarded.request(post)
    // Authenticating and connecting take turns of the loop; the lease is lost meanwhile.
    held = false
    await expect(asked).rejects.toThrow('POST /apis/x/v1/namespaces/models/leases was not sent')
    expect(server.received).toEqual([])
    access.close()
  })
})

test('a server that is not there is an error of its socket', async () => {
  const access = new ApiClient({
    ...server.credentials,
    getCurrentCluster: () => ({ name: 'gone', server: 'http://127.0.0.1:1', skipTLSVerify: true }),
  })
  await expect(access.request({ path: '/api/v1/pods' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

describe('expectOk', () => {
  test('hands over the body of a success', () => {
    expect(expectOk({ status: 201, headers: {}, body: 'body' })).toBe('body')
  })

  test('throws what the API server said', () => {
    const body = JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: 'pods is forbidden' })
    const refused = () => expectOk({ status: 403, headers: {}, body })
    expect(refused).toThrow(new ApiError(403, 'pods is forbidden'))
    expect(refused).toThrow(ApiError)
    expect(apiError(403, body)).toMatchObject({ status: 403, reason: 'Forbidden' })
  })

  test('quotes an answer that is none of the API server', () => {
    expect(apiError(502, '<html>bad gateway')).toEqual(
      new ApiError(502, 'the API server answered 502: <html>bad gateway'),
    )
  })
})
