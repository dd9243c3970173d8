import { afterEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Registry } from 'prom-client'
import { leaderMetric, queueMetrics } from './metrics.ts'
import { type Check, createMetricsServer, createProbeServer } from './health-server.ts'

let server: Server | undefined

afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  if (server) await once(server, 'close')
})

async function listen(problems: { live?: string; ready?: string }, role = 'standby') {
  const check = (name: string, problem: string | undefined): Check => ({ name, problem: () => problem })
  server = createProbeServer({
    live: [check('lease', problems.live), check('queue', undefined)],
    ready: [check('watches', problems.ready)],
    role: () => role,
  })
  return asking(server)
}

async function asking(server: Server) {
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
  const get = await listen({ live: 'the lease was not looked at for 65 s' }, 'leader')
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
  expect((await get('/metrics'))[0]).toBe(404)
})

test('tells the metrics of queue and election', async () => {
  const registry = new Registry()
  const queue = queueMetrics(registry, () => ({ runningMs: () => [1500, 500] }))
  let leads = false
  leaderMetric(registry, 'the-lease', () => leads)
  queue.added()
  queue.depth(3)
  queue.began(0.2)
  queue.ended(0.5, 'error')
  queue.ended(0.5, 'terminal')
  queue.ended(0.5, 'recheck')
  server = createMetricsServer(registry)
  const get = await asking(server)
  const [, before] = await get('/metrics')
  const ofQueue = 'name="modelrelease",controller="modelrelease"'
  for (const line of [
    `workqueue_adds_total{${ofQueue}} 1`,
    `workqueue_depth{${ofQueue}} 3`,
    `workqueue_retries_total{${ofQueue}} 1`,
    `workqueue_queue_duration_seconds_bucket{le="0.5",${ofQueue}} 1`,
    `workqueue_work_duration_seconds_count{${ofQueue}} 3`,
    `workqueue_unfinished_work_seconds{${ofQueue}} 2`,
    `workqueue_longest_running_processor_seconds{${ofQueue}} 1.5`,
    'controller_runtime_active_workers{controller="modelrelease"} 2',
    'controller_runtime_reconcile_time_seconds_sum{controller="modelrelease"} 1.5',
    'controller_runtime_reconcile_total{controller="modelrelease",result="success"} 0',
    'controller_runtime_reconcile_total{controller="modelrelease",result="error"} 2',
    'controller_runtime_reconcile_total{controller="modelrelease",result="requeue_after"} 1',
    'controller_runtime_reconcile_errors_total{controller="modelrelease"} 2',
    'controller_runtime_terminal_reconcile_errors_total{controller="modelrelease"} 1',
    'leader_election_master_status{name="the-lease"} 0',
  ])
    expect(before).toContain(`${line}\n`)
  leads = true
  expect((await get('/metrics'))[1]).toContain('leader_election_master_status{name="the-lease"} 1\n')
})

test('answers even when a metric cannot be read', async () => {
  const registry = new Registry()
  registry.metrics = () => Promise.reject(new Error('boom'))
  server = createMetricsServer(registry)
  const get = await asking(server)
  expect(await get('/metrics')).toEqual([500, 'Error: boom\n'])
})

describe('connections that say nothing', () => {
  const held: Socket[] = []
  afterEach(() => {
    for (const socket of held.splice(0)) socket.destroy()
  })

  async function hold(port: number, say = ''): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    held.push(socket)
    await once(socket, 'connect')
    socket.write(say)
    return socket
  }

  test.each([
    ['nothing at all', ''],
    ['half a request', 'GET /healthz HTTP/1.1\r\nHost: '],
    ['a request, and stay', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('keep no probe waiting, though 300 of them say %s', async (_name, say) => {
    const get = await listen({})
    const { port } = server?.address() as AddressInfo
    for (let n = 0; n < 300; n += 1) {
      await hold(port, say)
      if (n % 50 === 49) expect(await get('/healthz')).toEqual([200, 'ok\n'])
    }
    await expect(openConnections()).resolves.toBeLessThanOrEqual(64)
  })

  test('go in the order in which they came, and not while they are answered', async () => {
    const slow = Promise.withResolvers<string>()
    const registry = new Registry()
    registry.metrics = () => slow.promise
    server = createMetricsServer(registry)
    await asking(server)
    const { port } = server.address() as AddressInfo
    const asked = once(server, 'request')
    const scraper = await hold(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await asked
    const first = await hold(port)
    const isGone = once(first, 'close')
    for (let n = 0; n < 63; n += 1) await hold(port)
    await isGone
    slow.resolve('metrics of everybody')
    const [answer] = (await once(scraper.setEncoding('utf8'), 'data')) as [string]
    expect(answer).toContain('200 OK')
  })

  function openConnections(): Promise<number> {
    return new Promise((resolve) => server?.getConnections((_error, count) => resolve(count)))
  }
})
