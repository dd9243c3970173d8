/** What an edge keeps of the answers, for how long, and how it forgets. */
import { expect, test } from '@jest/globals'
import { admin, ask, HOST, latch, origin, start } from '../test/running.ts'
import type { RequestListener } from 'node:http'
import type { Ask, Running } from '../test/running.ts'
import type { SeedBehavior, SeedDistribution } from '../seed-content.ts'

const ID = 'E1TESTTESTTEST'

/** An origin that counts: every answer says how many requests came before it. */
function counting(headers: Record<string, string> = {}, status = 200): RequestListener {
  let seen = 0
  return (request, response) => {
    request.resume()
    seen += 1
    response.writeHead(status, headers).end(`answer ${seen}`)
  }
}

async function world(
  blue: RequestListener,
  behavior: Partial<SeedBehavior> = { cachePolicy: 'CachingOptimized' },
  more: Partial<SeedDistribution> = {},
): Promise<Running> {
  const port = await origin(blue)
  const green = await origin((_, response) => response.end('green'))
  return start({
    edges: 2,
    seed: [
      {
        id: ID,
        aliases: [HOST, 'other.example.com'],
        origins: [
          { id: 'blue', domainName: 'blue.example' },
          { id: 'green', domainName: 'green.example' },
        ],
        behaviors: [{ pathPattern: '*', targetOriginId: 'blue', ...behavior }],
        ...more,
      },
    ],
    resolve: [`blue.example=127.0.0.1:${port}`, `green.example=127.0.0.1:${green}`],
  })
}

async function bodies(running: Running, ...asks: Ask[]): Promise<string[]> {
  const found: string[] = []
  for (const one of asks) found.push((await ask(running.edgeUrls[0], one)).body)
  return found
}

async function invalidate(running: Running, path: string): Promise<void> {
  const body =
    `<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>${path}</Path></Items></Paths>` +
    '<CallerReference>x</CallerReference></InvalidationBatch>'
  await fetch(`${running.apiUrl}/2020-05-31/distribution/${ID}/invalidation`, { method: 'POST', body })
}

test('a GET is answered from the cache, each edge having its own', async () => {
  const running = await world(counting({ 'x-from-origin': 'yes', etag: '"v1"' }))
  const first = await ask(running.edgeUrls[0])
  expect(first.headers['x-cache']).toBe('Miss from cloudfront')
  const second = await ask(running.edgeUrls[0])
  expect(second).toMatchObject({
    status: 200,
    body: 'answer 1',
    headers: { 'x-cache': 'Hit from cloudfront', age: '0', 'x-from-origin': 'yes', 'content-length': '8' },
  })
  expect(second.headers['x-amz-cf-id']).not.toBe(first.headers['x-amz-cf-id'])
  expect((await ask(running.edgeUrls[1])).body).toBe('answer 2')
  expect(await ask(running.edgeUrls[0], { method: 'HEAD' })).toMatchObject({
    body: '',
    headers: { 'content-length': '8', 'x-cache': 'Hit from cloudfront' },
  })
  const known = await ask(running.edgeUrls[0], { headers: { 'if-none-match': '"v1"' } })
  expect([known.status, known.body, known.headers['content-length']]).toEqual([304, '', undefined])
})

test('nothing is kept under CachingDisabled, nor of a POST, nor of a part', async () => {
  const plain = await world(counting({ 'cache-control': 'max-age=60' }), {})
  expect(await bodies(plain, {}, {})).toEqual(['answer 1', 'answer 2'])
  const cached = await world(counting())
  const posts: Ask[] = [
    { method: 'POST', body: '{}' },
    { method: 'POST', body: '{}' },
  ]
  expect(await bodies(cached, ...posts)).toEqual(['answer 1', 'answer 2'])
  const parts = [{ headers: { range: 'bytes=0-1' } }, { headers: { range: 'bytes=0-1' } }]
  expect(await bodies(cached, ...parts)).toEqual(['answer 3', 'answer 4'])
})

test.each([
  { policy: 'CachingOptimized', headers: {}, hit: true },
  { policy: 'CachingOptimized', headers: { 'cache-control': 'no-store' }, hit: true },
  { policy: 'UseOriginCacheControlHeaders', headers: {}, hit: false },
  { policy: 'UseOriginCacheControlHeaders', headers: { 'cache-control': 'max-age=60' }, hit: true },
  { policy: 'UseOriginCacheControlHeaders', headers: { 'cache-control': 'private, max-age=60' }, hit: false },
  {
    policy: 'UseOriginCacheControlHeaders',
    headers: { 'cache-control': 's-maxage=0, max-age=60' },
    hit: false,
  },
  {
    policy: 'UseOriginCacheControlHeaders',
    headers: { expires: 'Wed, 01 Jan 2200 00:00:00 GMT' },
    hit: true,
  },
  { policy: 'UseOriginCacheControlHeaders', headers: { expires: '0' }, hit: false },
] as const)('$policy and $headers: kept $hit', async ({ policy, headers, hit }) => {
  const running = await world(counting(headers), { cachePolicy: policy })
  expect(await bodies(running, {}, {})).toEqual(['answer 1', hit ? 'answer 1' : 'answer 2'])
})

test('an answer is fresh as long as it says, by the clock of the emulator', async () => {
  const running = await world(counting({ 'cache-control': 'max-age=60' }))
  await ask(running.edgeUrls[0])
  await admin(running, 'POST', '/clock/advance', { ms: 58_000 })
  const aged = await ask(running.edgeUrls[0])
  expect(aged.body).toBe('answer 1')
  expect(Number(aged.headers.age)).toBeGreaterThanOrEqual(58)
  await admin(running, 'POST', '/clock/advance', { ms: 2000 })
  expect((await ask(running.edgeUrls[0])).body).toBe('answer 2')
})

test('the key is the path, and what the policy adds', async () => {
  const optimized = await world(counting())
  const asks: Ask[] = [
    { path: '/a?x=1' },
    { path: '/a?x=2' },
    { path: '/b' },
    { path: '/a', headers: { host: 'other.example.com' } },
    { path: '/a', headers: { 'accept-encoding': 'gzip' } },
  ]
  expect(await bodies(optimized, ...asks)).toEqual([
    'answer 1',
    'answer 1',
    'answer 2',
    'answer 1',
    'answer 3',
  ])
  const byQuery = await world(counting({ 'cache-control': 'max-age=60' }), {
    cachePolicy: 'UseOriginCacheControlHeaders-QueryStrings',
  })
  const others: Ask[] = [
    { path: '/a?x=1' },
    { path: '/a?x=2' },
    { path: '/a?x=1', headers: { cookie: 'a=1' } },
    { path: '/a?x=1', headers: { host: 'other.example.com' } },
    { path: '/a?x=1' },
  ]
  expect(await bodies(byQuery, ...others)).toEqual([
    'answer 1',
    'answer 2',
    'answer 3',
    'answer 4',
    'answer 1',
  ])
})

test('the origin is no part of the key: an answer of the old color outlives the flip until it is invalidated', async () => {
  const running = await world(counting())
  await ask(running.edgeUrls[0], { path: '/ui/a' })
  await ask(running.edgeUrls[0], { path: '/other' })
  await admin(running, 'POST', `/distributions/${ID}/foreign-write`, { targetOriginId: 'green' })
  await running.waitFor((entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed')
  expect(await bodies(running, { path: '/ui/a' }, { path: '/ui/b' })).toEqual(['answer 1', 'green'])

  await admin(running, 'POST', '/edges/2/hold')
  await invalidate(running, '/ui/*')
  await running.waitFor((entry) => entry.type === 'EdgeInvalidated' && entry.edge === 1)
  expect(await bodies(running, { path: '/ui/a' }, { path: '/other' })).toEqual(['green', 'answer 2'])
})

test('an invalidation concerns its own distribution', async () => {
  const running = await world(counting())
  await admin(running, 'POST', '/distributions', {
    aliases: ['second.example.com'],
    origins: [{ id: 'blue', domainName: 'blue.example' }],
    behaviors: [{ pathPattern: '*', targetOriginId: 'blue', cachePolicy: 'CachingOptimized' }],
  })
  const second = { headers: { host: 'second.example.com' } }
  expect(await bodies(running, {}, second)).toEqual(['answer 1', 'answer 2'])
  await invalidate(running, '/*')
  await running.waitFor((entry) => entry.type === 'EdgeInvalidated' && entry.propagated)
  expect(await bodies(running, {}, second)).toEqual(['answer 3', 'answer 2'])
})

test('an answer that was asked for before an invalidation is not kept after it', async () => {
  const arrived = latch()
  const gate = latch()
  let seen = 0
  const running = await world((_, response) => {
    seen += 1
    if (seen > 1) return void response.end('new')
    arrived.open()
    void gate.opened.then(() => response.end('old'))
  })
  const slow = ask(running.edgeUrls[0])
  await arrived.opened
  await invalidate(running, '/*')
  await running.waitFor((entry) => entry.type === 'EdgeInvalidated' && entry.propagated)
  gate.open()
  expect((await slow).body).toBe('old')
  expect((await ask(running.edgeUrls[0])).body).toBe('new')
})

test("an origin's error is kept for ten seconds, or as long as the distribution says; the edge's own is not", async () => {
  const byDefault = await world(counting({}, 503))
  expect(await bodies(byDefault, {}, {})).toEqual(['answer 1', 'answer 1'])
  await admin(byDefault, 'POST', '/clock/advance', { ms: 10_000 })
  expect((await ask(byDefault.edgeUrls[0])).body).toBe('answer 2')

  const uncached = await world(counting({}, 503), {})
  expect(await bodies(uncached, {}, {})).toEqual(['answer 1', 'answer 2'])
  const told = await world(counting({}, 503), {}, { errorTtlSeconds: { 503: 30 } })
  expect(await bodies(told, {}, {}, { path: '/b' })).toEqual(['answer 1', 'answer 1', 'answer 2'])
  const never = await world(
    counting({}, 503),
    { cachePolicy: 'CachingOptimized' },
    { errorTtlSeconds: { 503: 0 } },
  )
  expect(await bodies(never, {}, {})).toEqual(['answer 1', 'answer 2'])

  await admin(byDefault, 'DELETE', '/resolve/blue.example')
  expect((await ask(byDefault.edgeUrls[0], { path: '/c' })).status).toBe(502)
  await admin(byDefault, 'PUT', '/resolve/blue.example', { address: '127.0.0.1:1' })
  expect((await ask(byDefault.edgeUrls[0], { path: '/c' })).body).toContain('ConnectFailed')
})
