import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ApiError, ApiTimeoutError } from './api-client.ts'
import { LeaseConflictError, LeaderElector } from './leader-election.ts'
import { leaseStore } from './leader-lease.ts'
import { FakeApiServer } from './testing/fake-api-server.ts'

let server: FakeApiServer

beforeEach(async () => {
  server = await FakeApiServer.start()
})

afterEach(async () => {
  await server.stop()
})

test('creates, reads and replaces the lease', async () => {
  const store = leaseStore(server.access(), 'system', 'election')
  expect(await store.read()).toBeUndefined()
  const created = await store.create({ holderIdentity: 'a' })
  expect(await store.read()).toEqual(created)
  const replaced = await store.replace(created.resourceVersion, { holderIdentity: 'b' })
  expect(replaced.spec).toEqual({ holderIdentity: 'b' })
  expect(replaced.resourceVersion).not.toBe(created.resourceVersion)
  expect(server.received.map(({ method, url }) => `${method} ${url.pathname}`)).toEqual([
    'GET /apis/coordination.k8s.io/v1/namespaces/system/leases/election',
    'POST /apis/coordination.k8s.io/v1/namespaces/system/leases',
    'GET /apis/coordination.k8s.io/v1/namespaces/system/leases/election',
    'PUT /apis/coordination.k8s.io/v1/namespaces/system/leases/election',
  ])
})

test('says so when somebody else was first', async () => {
  const store = leaseStore(server.access(), 'system', 'election')
  await expect(store.replace('1', {})).rejects.toThrow(LeaseConflictError)
  const { resourceVersion } = await store.create({ holderIdentity: 'a' })
  await expect(store.create({ holderIdentity: 'b' })).rejects.toThrow(LeaseConflictError)
  await store.replace(resourceVersion, { holderIdentity: 'a' })
  await expect(store.replace(resourceVersion, { holderIdentity: 'b' })).rejects.toThrow(LeaseConflictError)
})

test('passes on what it cannot explain, and gives up in time', async () => {
  const store = leaseStore(server.access(), 'system', 'election')
  server.instead.push((_, response) => response.writeHead(403).end('{"message":"leases is forbidden"}'))
  await expect(store.read()).rejects.toThrow(new ApiError(403, 'leases is forbidden'))
  server.silent = true
  const hasty = leaseStore(server.access(), 'system', 'election', 20)
  await expect(hasty.read()).rejects.toThrow(ApiTimeoutError)
})

test('elects over a real socket, and hands over on release', async () => {
  const times = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 20 }
  const elect = (identity: string) => {
    let lead: () => void = () => undefined
    const leading = new Promise<void>((resolve) => (lead = resolve))
    const store = leaseStore(server.access(), 'system', 'election')
    const elector = new LeaderElector({ store, identity, times, onLeading: lead, onLost: () => undefined })
    elector.start()
    return { elector, leading }
  }
  const a = elect('a')
  await a.leading
  const b = elect('b')
  await server.until(() => server.received.length > 6)
  expect([a.elector.role, b.elector.role]).toEqual(['leader', 'standby'])
  await a.elector.stop()
  await b.leading
  expect([a.elector.isHeld(), b.elector.isHeld()]).toEqual([false, true])
  await b.elector.stop()
})
