/**
 * `npm run bench:abuse [seconds]`: what one bad neighbour does to the operator and to another tenant. The real operator
 * beside an API server and models on this machine's loopback; each neighbour for some seconds (default 15), and none.
 * Needs root, for port 80 of 127.77.0.1 to 127.77.0.3.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../scripts/free-port.ts'
import { behindDistribution, Cluster, gate, podLabels } from './cluster.ts'

type Site = { cluster: Cluster; ports: { health: number; metrics: number }; signal: AbortSignal }
type Measured = { probeMs: number; releaseMs: number; residentMiB: number }

const LONGEST_RELEASE_MS = 120_000

/** Each runs until the signal, or leaves behind what does harm. */
const NEIGHBOURS: Record<string, (site: Site) => Promise<void> | void> = {
  none: () => undefined,
  '60 releases whose models never answer': ({ cluster }) => {
    const silent = gate({ consecutive: 10, timeoutSeconds: 60 })
    for (let n = 0; n < 60; n += 1) cluster.apply('silent', `silent-${n}`, [silent])
  },
  '20 releases whose answers take long to compare': ({ cluster }) => {
    const bodyContains = `${'a'.repeat(2048)}b${'a'.repeat(2047)}`
    const alike = gate({ expect: { status: 200, bodyContains } })
    const request = { method: 'GET', path: '/deep' } as const
    const deep = gate({ request, expect: { status: 200, json: [{ path: '$', equals: 1 }] } })
    for (let n = 0; n < 20; n += 1)
      cluster.apply('hostile', `hostile-${n}`, [
        { ...alike, name: 'alike' },
        { ...deep, name: 'deep' },
      ])
  },
  '20 releases with many stars in a pattern and names that lead nowhere': ({ cluster }) => {
    for (let n = 0; n < 20; n += 1) cluster.apply('hostile', `behind-${n}`, [gate()], behindDistribution(n))
  },
  '300 idle connections to each port': async ({ ports, signal }) => {
    const open: Socket[] = []
    while (!signal.aborted) {
      for (const port of Object.values(ports))
        open.push(connect(port, '127.0.0.1').on('error', () => undefined))
      for (const socket of open.splice(0, open.length - 600)) socket.destroy()
      await pause(5)
    }
    for (const socket of open) socket.destroy()
  },
  '200 commands a second': async ({ cluster, signal }) => {
    cluster.apply('silent', 'busy', [])
    for (let n = 0; !signal.aborted; n += 1) {
      cluster.annotate('silent', 'busy', `retry/no-such-attempt/${n}`)
      await pause(5)
    }
  },
  '1,000 pods that change all the time': async ({ cluster, signal }) => {
    cluster.apply('silent', 'crowd', [])
    for (let n = 0; !signal.aborted; n += 1) {
      cluster.pod('silent', podLabels('crowd'), `crowd-${n % 1000}`)
      if (n % 5 === 0) await pause(1)
    }
  },
}

async function probe(port: number, path: string): Promise<{ ms: number; text: string }> {
  const started = performance.now()
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) })
    return { text: await response.text(), ms: performance.now() - started }
  } catch {
    return { text: '', ms: performance.now() - started }
  }
}

async function startOperator(folder: string, cluster: Cluster, ports: Site['ports']): Promise<ChildProcess> {
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, await cluster.open())
  const operator = spawn(process.execPath, ['--max-semi-space-size=2', 'operator/main.ts'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      KUBECONFIG: file,
      POD_NAME: 'bench',
      OPERATOR_NAMESPACE: 'modelrelease-system',
      MODEL_SERVER_IMAGE: 'model-server:1',
      PROBE_ALLOWED_RANGES: '127.77.0.0/24',
      CLOUDFRONT_ALLOW_ALL: 'true',
      HEALTH_PORT: String(ports.health),
      METRICS_PORT: String(ports.metrics),
      LOG_LEVEL: 'error',
      AWS_ENDPOINT_URL_CLOUDFRONT: cluster.cloudFront,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    },
  })
  for (let n = 0; n < 600; n += 1) {
    if ((await probe(ports.health, '/readyz')).text === 'ok leader\n') return operator
    if (operator.exitCode !== null) throw new Error(`the operator ended with ${operator.exitCode}`)
    await pause(100)
  }
  operator.kill('SIGKILL')
  throw new Error('the operator does not lead after a minute')
}

/** How long a release of another tenant takes from its apply until it is promoted. */
async function releaseMs(cluster: Cluster, name: string): Promise<number> {
  const started = performance.now()
  cluster.apply('good', name, [gate()])
  while (performance.now() - started < LONGEST_RELEASE_MS) {
    if (cluster.statusOf('good', name)?.attempt?.outcome === 'Promoted') return performance.now() - started
    await pause(20)
  }
  return Infinity
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

async function measure(neighbour: (site: Site) => Promise<void> | void, seconds: number): Promise<Measured> {
  const cluster = new Cluster()
  const folder = mkdtempSync(join(tmpdir(), 'bench-abuse-'))
  const ports = { health: await freePort(), metrics: await freePort() }
  const operator = await startOperator(folder, cluster, ports)
  const over = new AbortController()
  try {
    const harm = Promise.resolve(neighbour({ cluster, ports, signal: over.signal }))
    const latencies: number[] = []
    const until = performance.now() + seconds * 1000
    const probing = (async () => {
      while (performance.now() < until) {
        latencies.push((await probe(ports.health, '/healthz')).ms)
        await pause(20)
      }
    })()
    await pause(1_000)
    const releases: number[] = []
    for (let n = 0; performance.now() < until - 1_000; n += 1)
      releases.push(await releaseMs(cluster, `good-${n}`))
    await probing
    over.abort()
    await harm
    const at = Math.ceil(latencies.length * 0.99) - 1
    return {
      probeMs: latencies.toSorted((a, b) => a - b)[at] ?? Infinity,
      releaseMs: Math.max(...releases),
      residentMiB: operator.exitCode === null ? residentMiB(operator.pid ?? 0) : 0,
    }
  } finally {
    over.abort()
    operator.kill('SIGKILL')
    await cluster.close()
    rmSync(folder, { recursive: true })
  }
}

const seconds = Number(process.argv[2] ?? 15)
if (!(seconds >= 3 && seconds <= 600)) {
  console.error(`"${process.argv[2] ?? ''}" is not a number of seconds from 3 to 600`)
  process.exit(2)
}
console.log('| neighbour | probe p99 | slowest release of another tenant | resident memory |')
console.log('| --- | --- | --- | --- |')
for (const [name, neighbour] of Object.entries(NEIGHBOURS)) {
  const { probeMs, releaseMs: slowest, residentMiB: held } = await measure(neighbour, seconds)
  console.log(
    `| ${name} | ${probeMs.toFixed(0)} ms | ${(slowest / 1000).toFixed(1)} s | ${held.toFixed(0)} MiB |`,
  )
}
