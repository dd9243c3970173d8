import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from '@jest/globals'
import { ask, listen, onEnd, start } from '../test/running.ts'
import type { IncomingHttpHeaders } from 'node:http'
import type { Running } from '../test/running.ts'

const seed = [
  {
    aliases: ['models.example.com'],
    origins: [{ id: 'blue', domainName: 'blue.example' }],
    behaviors: [{ pathPattern: '*', targetOriginId: 'blue' }],
  },
]

/** An origin that takes more than any edge lets through. */
async function patient(seen: IncomingHttpHeaders[]): Promise<number> {
  const server = createServer({ maxHeaderSize: 200_000 }, (request, response) => {
    seen.push(request.headers)
    response.end('served')
  })
  server.maxHeadersCount = 0
  onEnd(() => server.close())
  return listen(server)
}

async function running(): Promise<{ local: Running; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = []
  const port = await patient(seen)
  return { local: await start({ seed, resolve: [`blue.example=127.0.0.1:${port}`], viewerPort: 0 }), seen }
}

describe('what CloudFront takes reaches the origin', () => {
  test.each([17_000, 20_000, 30_000, 32_000])('a cookie of %i bytes', async (size) => {
    const { local, seen } = await running()
    for (const url of [local.edgeUrls[0], local.viewerUrl]) {
      expect(await ask(url, { headers: { cookie: `a=${'x'.repeat(size)}` } })).toMatchObject({ status: 200 })
    }
    expect(seen.map(({ cookie }) => cookie?.length)).toEqual([size + 2, size + 2])
  })

  test('3000 short headers, none lost', async () => {
    const { local, seen } = await running()
    const headers = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`h${index}`, '1']))
    expect(await ask(local.edgeUrls[0], { headers })).toMatchObject({ status: 200 })
    expect(seen[0]?.h2999).toBe('1')
  })

  test('a URL of 8192 bytes', async () => {
    const { local } = await running()
    expect(await ask(local.edgeUrls[0], { path: `/${'p'.repeat(8191)}` })).toMatchObject({ status: 200 })
  })
})

describe('what is longer is 413 with X-Cache and a log line', () => {
  const cookie = (size: number) => ({ headers: { cookie: `a=${'x'.repeat(size)}` } })
  test.each([
    ['a cookie of 33000 bytes', cookie(33_000)],
    ['a cookie of 100000 bytes', cookie(100_000)],
    ['a cookie that node:http does not read', cookie(150_000)],
    ['headers and query that are too long together', { path: `/?${'q'.repeat(8000)}`, ...cookie(26_000) }],
    ['a URL of 8193 bytes', { path: `/${'p'.repeat(8192)}` }],
    ['a URL of 12000 bytes', { path: `/${'p'.repeat(11_999)}` }],
  ])('%s', async (_, wanted) => {
    const { local, seen } = await running()
    for (const url of [local.edgeUrls[0], local.viewerUrl]) {
      const { status, headers } = await ask(url, wanted)
      expect(status).toBe(413)
      expect(headers).toMatchObject({ 'x-cache': 'Error from cloudfront', connection: 'close' })
      expect(headers['x-amz-cf-id']).toBeDefined()
    }
    expect(seen).toEqual([])
    expect(local.logged).toHaveLength(2)
  })
})

test('what is no HTTP is 400 with X-Cache and a log line', async () => {
  const { local } = await running()
  const socket = connect(local.ports.edges[0] ?? 0, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET / HTTP/9.9\r\nno header\r\n\r\n')
  const answer = await text(socket)
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(answer).toContain('x-cache: Error from cloudfront')
  expect(local.logged).toHaveLength(1)
})
