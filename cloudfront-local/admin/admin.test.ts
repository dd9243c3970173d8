import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startCloudFrontLocal } from '../start.ts'
import type { CloudFrontLocal } from '../start.ts'

const ID = 'E1HOUSINGLOCAL'
let running: CloudFrontLocal

beforeEach(async () => {
  running = await startCloudFrontLocal({ propagation: { minMs: 0, maxMs: 0 }, log: () => undefined })
})

afterEach(() => running.close(0))

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${running.adminUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
}

describe('the audit log', () => {
  test('gives what came after a sequence number, or the tail', async () => {
    for (const comment of ['one', 'two', 'three']) {
      await call('POST', `/distributions/${ID}/foreign-write`, { comment })
    }
    await running.waitFor(
      (entry) => entry.type === 'EdgeApplied' && entry.version === 4 && entry.status === 'Deployed',
    )
    const all = (await call('GET', '/audit')).body as { sequence: number }[]
    expect(all).toEqual(running.audit())
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1))
    expect((await call('GET', `/audit?after=${all.length - 2}`)).body).toEqual(all.slice(-2))
    expect((await call('GET', '/audit?tail=1')).body).toEqual(all.slice(-1))
  })

  test('can be waited for', async () => {
    const waiting = call('GET', '/audit?after=0&waitSeconds=60')
    await call('POST', `/distributions/${ID}/foreign-write`, { comment: 'changed' })
    expect((await waiting).body).toMatchObject([{ sequence: 1, operation: 'ForeignWrite', via: 'Admin' }])
  })

  test('a waiting call ends empty when nothing comes', async () => {
    expect(await call('GET', '/audit?after=0&waitSeconds=1')).toEqual({ status: 200, body: [] })
  })
})

describe('distributions', () => {
  const fresh = {
    id: 'E2NEWNEWNEWNEW',
    aliases: ['other.example.com'],
    origins: [{ id: 'only', domainName: 'only.example' }],
    behaviors: [{ pathPattern: '*', targetOriginId: 'only' }],
  }

  test('come and go', async () => {
    const created = await call('POST', '/distributions', fresh)
    expect(created).toMatchObject({ status: 201, body: { id: fresh.id, version: 1, status: 'Deployed' } })
    expect(await call('GET', '/distributions')).toMatchObject({ body: [{ id: ID }, { id: fresh.id }] })
    expect(await call('DELETE', `/distributions/${fresh.id}`)).toMatchObject({ status: 204 })
    expect((await fetch(`${running.apiUrl}/2020-05-31/distribution/${fresh.id}`)).status).toBe(404)
    expect(await call('DELETE', `/distributions/${fresh.id}`)).toMatchObject({ status: 404 })
  })

  test('an alias belongs to one of them', async () => {
    const answer = await call('POST', '/distributions', { ...fresh, aliases: ['models.example.com'] })
    expect(answer).toMatchObject({ status: 409, body: { code: 'CNAMEAlreadyExists' } })
  })

  test('one that is gone is gone from the edges while a version was on its way', async () => {
    await call('POST', '/edges/all/hold')
    await call('POST', `/distributions/${ID}/foreign-write`, { targetOriginId: 'housing-green' })
    await call('DELETE', `/distributions/${ID}`)
    await call('POST', '/edges/all/release')
    expect(running.audit().filter((entry) => entry.type === 'EdgeApplied')).toEqual([])
    expect((await fetch(running.edgeUrls[0] ?? '')).status).toBe(403)
  })
})

test('an ETag can move without a change, as when a policy of the distribution is changed', async () => {
  const shown = async () => ((await call('GET', '/distributions')).body as { etag: string }[])[0]
  const before = await shown()
  const bumped = await call('POST', `/distributions/${ID}/etag-bump`)
  expect(bumped).toMatchObject({ status: 200, body: { id: ID, version: 1, status: 'Deployed' } })
  const after = await shown()
  expect(after?.etag).not.toBe(before?.etag)
  expect(running.audit()).toMatchObject([{ operation: 'EtagBump', distribution: ID, etag: after?.etag }])
  expect((await call('POST', '/distributions/E9999999999999/etag-bump')).status).toBe(404)
})

describe('propagation', () => {
  const write = (comment: string) => call('POST', `/distributions/${ID}/foreign-write`, { comment })
  const status = async () => ((await call('GET', '/distributions')).body as { status: string }[])[0]?.status

  test('can be made slow, and time can be skipped', async () => {
    const hour = { minMs: 3_600_000, maxMs: 3_600_000 }
    expect((await call('PUT', '/propagation', hour)).body).toMatchObject({
      distributions: hour,
      stores: hour,
    })
    await write('slow')
    expect((await call('POST', '/clock/advance', { ms: 3_599_000 })).status).toBe(200)
    expect(await status()).toBe('InProgress')
    await call('POST', '/clock/advance', { ms: 1000 })
    expect(await status()).toBe('Deployed')
  })

  test('of one kind leaves the others as they are', async () => {
    const slow = { minMs: 60_000, maxMs: 60_000 }
    const answer = await call('PUT', '/propagation', { ...slow, of: 'stores' })
    expect(answer.body).toMatchObject({ stores: slow, distributions: { minMs: 0, maxMs: 0 } })
    await write('quick')
    await running.waitFor((entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed')
    expect((await call('GET', '/propagation')).body).toEqual(answer.body)
  })

  test('a held edge stays behind whatever the clock says', async () => {
    await call('POST', '/edges/2/hold')
    await write('held')
    await call('POST', '/clock/advance', { ms: 86_400_000 })
    expect(await status()).toBe('InProgress')
    await call('POST', '/edges/2/release')
    expect(await status()).toBe('Deployed')
  })
})

test('edges tell what they serve and what they did', async () => {
  await call('POST', '/edges/2/hold')
  await call('POST', `/distributions/${ID}/foreign-write`, { targetOriginId: 'housing-green' })
  await running.waitFor((entry) => entry.type === 'EdgeApplied' && entry.edge === 1)
  await running.waitFor((entry) => entry.type === 'EdgeApplied' && entry.edge === 3)
  await fetch(running.edgeUrls[0] ?? '')
  expect((await call('GET', '/edges')).body).toMatchObject([
    { edge: 1, held: false, versions: { [ID]: 2 }, counters: { requests: 1, badGateway: 1 } },
    { edge: 2, held: true, versions: { [ID]: 1 } },
    { edge: 3, held: false, versions: { [ID]: 2 } },
  ])
})

test('resolve entries are put, listed and deleted', async () => {
  expect(await call('PUT', '/resolve/Blue.Example', { address: '10.0.0.1:8080' })).toMatchObject({
    status: 200,
  })
  expect((await call('GET', '/resolve')).body).toEqual({ 'blue.example': { host: '10.0.0.1', port: 8080 } })
  expect(await call('DELETE', '/resolve/blue.example')).toMatchObject({ status: 204 })
  expect((await call('GET', '/resolve')).body).toEqual({})
})

test('faults are listed and cleared', async () => {
  await call('POST', '/faults', { operation: 'UpdateDistribution', times: 3, code: 'Throttling' })
  const expected = [{ operation: 'UpdateDistribution', times: 3, effect: { type: 'Error', status: 400 } }]
  expect((await call('GET', '/faults')).body).toMatchObject(expected)
  await call('DELETE', '/faults')
  expect((await call('GET', '/faults')).body).toEqual([])
})

test('those faults are cleared that name what is asked for', async () => {
  const fault = { code: 'Throttling', times: 3 }
  await call('POST', '/faults', { operation: 'GetDistribution', distribution: 'E1', ...fault })
  await call('POST', '/faults', { operation: 'UpdateDistribution', distribution: 'E1', ...fault })
  await call('POST', '/faults', { operation: 'GetDistribution', ...fault })
  await call('DELETE', '/faults?distribution=E1&operation=GetDistribution')
  const left = [
    { operation: 'UpdateDistribution', distribution: 'E1' },
    { operation: 'GetDistribution', times: 3 },
  ]
  expect((await call('GET', '/faults')).body).toMatchObject(left)
  expect(await call('DELETE', '/faults?distributon=E1')).toMatchObject({ status: 400 })
  expect((await call('GET', '/faults')).body).toHaveLength(2)
  await call('DELETE', '/faults')
})

test.each([
  {
    method: 'POST',
    path: '/faults',
    body: { operation: 'X', code: 'Throttling', latencyMs: 5 },
    says: 'exactly one',
  },
  { method: 'POST', path: '/faults', body: { operation: 'X', code: 'Unheard' }, says: 'status' },
  { method: 'POST', path: '/faults', body: { operation: 'X', delay: 5 }, says: 'unknown member: delay' },
  { method: 'POST', path: '/faults', body: { code: 'Throttling', times: 0 }, says: 'times' },
  { method: 'POST', path: '/faults', body: '{', says: 'not JSON' },
  { method: 'POST', path: `/distributions/${ID}/foreign-write`, body: {}, says: 'targetOriginId' },
  {
    method: 'POST',
    path: `/distributions/${ID}/foreign-write`,
    body: { pathPattern: '/none', targetOriginId: 'housing-blue' },
    says: '/none',
  },
  { method: 'POST', path: '/distributions', body: { origins: [] }, says: 'behaviors: missing' },
  { method: 'PUT', path: '/resolve/blue.example', body: { address: 'elsewhere' }, says: 'IP address' },
  { method: 'GET', path: '/audit?after=x', body: undefined, says: 'after' },
  { method: 'PUT', path: '/propagation', body: { minMs: 5, maxMs: 1 }, says: 'in this order' },
  { method: 'PUT', path: '/propagation', body: { minMs: 1, maxMs: 5, of: 'edges' }, says: 'of: expected' },
  { method: 'POST', path: '/clock/advance', body: { ms: -1 }, says: 'forward' },
  { method: 'POST', path: '/faults', body: { operation: 'X', store: 5, code: 'Throttling' }, says: 'store' },
])('$method $path refuses $body', async ({ method, path, body, says }) => {
  const answer = await call(method, path, body)
  expect(answer.status).toBe(400)
  expect((answer.body as { error: string }).error).toContain(says)
})

test.each([
  { method: 'POST', path: '/edges/9/hold' },
  { method: 'DELETE', path: '/resolve/nobody.example' },
  { method: 'POST', path: '/distributions/E9999999999999/foreign-write', body: { comment: 'x' } },
  { method: 'POST', path: '/key-value-stores/none/foreign-write', body: { puts: { a: '1' } } },
  { method: 'GET', path: '/nothing' },
])('$method $path is 404', async ({ method, path, body }) => {
  expect((await call(method, path, body)).status).toBe(404)
})

test('a foreign write obeys the rules of the API', async () => {
  const answer = await call('POST', `/distributions/${ID}/foreign-write`, { targetOriginId: 'housing-red' })
  expect(answer).toMatchObject({ status: 404, body: { code: 'NoSuchOrigin' } })
})
