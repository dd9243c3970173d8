import http from 'node:http'
import type { Socket } from 'node:net'
import type { Registry } from 'prom-client'

/** One thing that may be wrong; `problem` says what, or nothing. */
export type Check = { readonly name: string; readonly problem: () => string | undefined }

/** What the kubelet asks. */
export type ProbeServerOptions = {
  /** Problems that only a restart cures: the kubelet restarts the container. */
  readonly live: readonly Check[]
  /** Problems that keep this replica from taking over now. A standby has none: it is healthy. */
  readonly ready: readonly Check[]
  /** `leader`, `standby`, …; told by /readyz. */
  readonly role: () => string
}

/**
 * A server for /healthz and /readyz, which is asked by nobody else than the kubelet: on the port of the metrics, whoever
 * may scrape could have the container restarted. It does not listen yet.
 */
export function createProbeServer({ live, ready, role }: ProbeServerOptions): http.Server {
  return createShortServer((path) => {
    if (path === '/healthz') return verdict(live, 'ok')
    if (path === '/readyz') return verdict(ready, `ok ${role()}`)
    return plain(404, 'there are /healthz and /readyz')
  })
}

/** A server for /metrics. It does not listen yet. */
export function createMetricsServer(registry: Registry): http.Server {
  return createShortServer(async (path) => {
    if (path !== '/metrics') return plain(404, 'there is /metrics')
    return { status: 200, type: registry.contentType, body: await registry.metrics() }
  })
}

/** More than a kubelet and a few scrapers have open. */
const MOST_CONNECTIONS = 64

/** Probes and scrapes are short; nobody may hold our sockets. */
function createShortServer(answer: (path: string) => Answer | Promise<Answer>): http.Server {
  // The default looks only every 30 s whether a request is overdue.
  const server = http.createServer({ connectionsCheckingInterval: 1_000 }, (request, response) => {
    answered(request, answer).then(
      ({ status, type, body }) => {
        response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' })
        response.end(request.method === 'HEAD' ? undefined : body)
      },
      (error: unknown) => {
        response.writeHead(500, { 'Content-Type': 'text/plain' })
        response.end(`${String(error)}\n`)
      },
    )
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  server.timeout = 10_000
  dropOldestIdle(server)
  return server
}

/**
 * Makes room for a new connection where there are many. Not `maxConnections`, which turns the new one away: a pod that
 * opens as many and says nothing would keep the kubelet out, which restarts who does not answer.
 */
function dropOldestIdle(server: http.Server): void {
  /** In the order in which they were opened, with the number of requests that are being answered. */
  const open = new Map<Socket, number>()
  server.on('connection', (socket) => {
    if (open.size >= MOST_CONNECTIONS) {
      const all = [...open]
      const [leaves] = all.find(([, requests]) => requests === 0) ?? all[0] ?? []
      // At once: its end is told later than the next connection of a burst.
      if (leaves && open.delete(leaves)) leaves.destroy()
    }
    open.set(socket, 0)
    socket.once('close', () => open.delete(socket))
  })
  server.on('request', ({ socket }, response) => {
    const count = (change: 1 | -1): void => {
      const requests = open.get(socket)
      if (requests !== undefined) open.set(socket, requests + change)
    }
    count(1)
    response.once('close', () => count(-1))
  })
}

type Answer = { status: number; type: string; body: string }

async function answered(
  { method, url }: http.IncomingMessage,
  answer: (path: string) => Answer | Promise<Answer>,
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD')
  return answer(url?.split('?', 1)[0] ?? '')
}

function verdict(checks: readonly Check[], ok: string): Answer {
  const problems = checks.flatMap(({ name, problem }) => {
    const found = problem()
    return found === undefined ? [] : [`${name}: ${found}`]
  })
  return problems.length === 0 ? plain(200, ok) : plain(503, problems.join('\n'))
}

function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}
