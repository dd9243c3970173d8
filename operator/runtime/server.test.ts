import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import { leaderMetric, queueMetrics } from './metrics.ts'
import { type Check, createProbeServer } from './server.ts'

let server: Server | undefined

afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  if (server) await once(server, 'close')
})

async function listen(
  problems: { live?: string; ready?: string },
  registry = new Registry(),
  role = 'standby',
) {
  const check = (name: string, problem: string | undefined): Check => ({ name, problem: () => problem })
  server = createProbeServer({
    registry,
    live: [check('lease', problems.live), check('queue', undefined)],
    ready: [check('watches', problems.ready)],
    role: () => role,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    return [response.status, await response.text()]
  }
}

test('a healthy standby is alive and ready, and says that it stands by', async () => {
  const get = await listen({})
  expect(await get('/healthz')).toEqual([200, 'ok\n'])
  expect(await get('/readyz?verbose')).toEqual([200, 'ok standby\n'])
  expect(await get('/readyz', 'HEAD')).toEqual([200, ''])
})

test('a wedged loop fails the liveness probe only', async () => {
  const get = await listen({ live: 'the lease was not looked at for 65 s' }, new Registry(), 'leader')
  expect(await get('/healthz')).toEqual([503, 'lease: the lease was not looked at for 65 s\n'])
  expect(await get('/readyz')).toEqual([200, 'ok leader\n'])
})

test('a replica that does not know what there is is not ready', async () => {
  const get = await listen({ ready: 'pods not listed yet' })
  expect(await get('/readyz')).toEqual([503, 'watches: pods not listed yet\n'])
  expect(await get('/healthz')).toEqual([200, 'ok\n'])
})

test('refuses what it does not have', async () => {
  const get = await listen({})
  expect((await get('/'))[0]).toBe(404)
  expect((await get('/healthz', 'POST'))[0]).toBe(405)
})

test('tells the metrics of queue and election', async () => {
  const registry = new Registry()
  const queue = queueMetrics(registry)
  let leads = false
  leaderMetric(registry, () => leads)
  queue.depth(3)
  queue.waited(0.2)
  queue.passed(0.5, 'error')
  const get = await listen({}, registry)
  const [, before] = await get('/metrics')
  expect(before).toContain('workqueue_depth 3\n')
  expect(before).toContain('workqueue_queue_duration_seconds_bucket{le="0.5"} 1\n')
  expect(before).toContain('controller_reconcile_time_seconds_sum 0.5\n')
  expect(before).toContain('controller_reconcile_total{result="error"} 1\n')
  expect(before).toContain('leader_election_master_status 0\n')
  leads = true
  expect((await get('/metrics'))[1]).toContain('leader_election_master_status 1\n')
})

test('answers even when a metric cannot be read', async () => {
  const registry = new Registry()
  registry.metrics = () => Promise.reject(new Error('boom'))
  const get = await listen({}, registry)
  expect(await get('/metrics')).toEqual([500, 'Error: boom\n'])
})
