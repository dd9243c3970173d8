/**
 * `node bench/edge-proxy.ts [rounds] [seconds]`: what one edge of cloudfront-local carries, against a bare proxy of
 * node:http in front of the same origin. Rounds of both are interleaved, so that whatever else the machine does meets
 * both; each program is a process of its own. Prints a table of the rounds and the median ratio with its spread.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import type { AddressInfo } from 'node:net'

const CONNECTIONS = 32
const WARM_UP_SECONDS = 2
const HOST = 'models.example.com'
const BODY = JSON.stringify({ instances: [Array.from({ length: 13 }, (_, index) => index / 7)] })
const ANSWER = JSON.stringify({ predictions: [26.928] })
const REQUEST = `POST /v2/infer HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`

/** Both proxies and the origin run this file with a role; without one it is the bench. */
const [role = '20', detail = '3'] = process.argv.slice(2)
if (role === 'origin') serve(() => originServer())
else if (role === 'bare') serve(() => bareProxy(Number(detail)))
else await bench(Number(role), Number(detail))

function serve(create: () => ReturnType<typeof createServer>): void {
  const server = create()
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }))
  })
}

function originServer(): ReturnType<typeof createServer> {
  return createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
      response.end(ANSWER)
    })
  })
}

/** What anybody would write who needs a reverse proxy in ten lines. */
function bareProxy(origin: number): ReturnType<typeof createServer> {
  const agent = new Agent({ keepAlive: true })
  return createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const { method, url: path, headers } = request
    const onward = httpRequest(
      { host: '127.0.0.1', port: origin, method, path, headers, agent },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
}

type Proxy = { name: string; process: ChildProcess; port: number }

async function bench(rounds: number, seconds: number): Promise<void> {
  if (!(rounds >= 1 && seconds > 0)) {
    console.error(
      `"${process.argv.slice(2).join(' ')}": expected the number of rounds and the seconds of each`,
    )
    process.exitCode = 2
    return
  }
  const origin = await start('origin', [import.meta.filename, 'origin'], (line) => line.port ?? 0)
  const bare = await start(
    'bare',
    [import.meta.filename, 'bare', String(origin.port)],
    (line) => line.port ?? 0,
  )
  const resolve = ['blue', 'green'].map((color) => [
    '--resolve',
    `${color}.housing.models.example=127.0.0.1:${origin.port}`,
  ])
  const edge = await start(
    'edge',
    ['cloudfront-local/main.ts', '--port', '0', '--edges', '1', '--edge-ports', '0', ...resolve.flat()],
    (line) => line.ports?.edges[0] ?? 0,
  )
  try {
    for (const proxy of [bare, edge]) await measure(proxy, WARM_UP_SECONDS)
    const ratios = { throughput: [] as number[], cpu: [] as number[] }
    console.log('round  bare req/s  edge req/s  ratio  bare µs/req  edge µs/req')
    for (let round = 1; round <= rounds; round += 1) {
      // The one that goes first changes, so that a trend of the machine favors neither.
      const order = round % 2 === 0 ? [bare, edge] : [edge, bare]
      const found = new Map<Proxy, Measured>()
      for (const proxy of order) found.set(proxy, await measure(proxy, seconds))
      const [ofBare, ofEdge] = [found.get(bare), found.get(edge)]
      if (ofBare === undefined || ofEdge === undefined) throw new Error('nothing was measured')
      ratios.throughput.push(ofEdge.perSecond / ofBare.perSecond)
      ratios.cpu.push(ofBare.cpuMicros / ofEdge.cpuMicros)
      console.log(row(round, ofBare, ofEdge))
    }
    console.log(`throughput, edge to bare: ${summary(ratios.throughput)}`)
    console.log(`processor time of the proxy per request, bare to edge: ${summary(ratios.cpu)}`)
  } finally {
    for (const { process: child } of [edge, bare, origin]) child.kill()
  }
}

function row(round: number, bare: Measured, edge: Measured): string {
  const cells = [
    [String(round), 5],
    [bare.perSecond.toFixed(0), 10],
    [edge.perSecond.toFixed(0), 10],
    [(edge.perSecond / bare.perSecond).toFixed(2), 5],
    [bare.cpuMicros.toFixed(1), 11],
    [edge.cpuMicros.toFixed(1), 11],
  ] as const
  return cells.map(([text, width]) => text.padStart(width)).join('  ')
}

type Ready = { port?: number; ports?: { edges: number[] } }

async function start(name: string, args: readonly string[], portOf: (line: Ready) => number): Promise<Proxy> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { name, process: child, port: portOf(JSON.parse(line) as Ready) }
}

type Measured = { perSecond: number; cpuMicros: number }

/** Keep every connection busy with one request after the other. Throws when one is not answered with 200. */
async function measure({ name, process: child, port }: Proxy, seconds: number): Promise<Measured> {
  const cpuBefore = cpuMicros(child.pid ?? 0)
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, () => busy(port, endsAt)))
  const elapsed = (performance.now() - startedAt) / 1000
  const requests = counts.reduce((sum, count) => sum + count, 0)
  if (requests === 0) throw new Error(`${name} answered nothing`)
  return { perSecond: requests / elapsed, cpuMicros: (cpuMicros(child.pid ?? 0) - cpuBefore) / requests }
}

/** One connection, spoken to in bytes: a client library would cost as much as the proxies that are compared. */
function busy(port: number, endsAt: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let requests = 0
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST))
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('close', () => {
      reject(new Error('the connection was closed'))
    })
    socket.on('data', (chunk: string) => {
      received += chunk
      if (!received.endsWith(ANSWER)) return
      if (!received.startsWith('HTTP/1.1 200 ')) reject(new Error(received))
      received = ''
      requests += 1
      if (performance.now() < endsAt) {
        socket.write(REQUEST)
        return
      }
      resolve(requests)
      socket.destroy()
    })
  })
}

/** User and system time of a process so far, in microseconds: fields 14 and 15 of proc(5)'s stat, in ticks of 10 ms. */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function summary(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.round(share * (sorted.length - 1))] ?? 0).toFixed(2)
  return `median ${at(0.5)}, half of the rounds from ${at(0.25)} to ${at(0.75)}, all from ${at(0)} to ${at(1)}`
}
