import http from 'node:http'
import type { Registry } from 'prom-client'

/** One thing that may be wrong; `problem` says what, or nothing. */
export type Check = { readonly name: string; readonly problem: () => string | undefined }

/** What the probes ask. */
export type ProbeServerOptions = {
  readonly registry: Registry
  /** Problems that only a restart cures: the kubelet restarts the container. */
  readonly live: readonly Check[]
  /** Problems that keep this replica from taking over now. A standby has none: it is healthy. */
  readonly ready: readonly Check[]
  /** `leader`, `standby`, …; told by /readyz. */
  readonly role: () => string
}

/** A server for /healthz, /readyz and /metrics. It does not listen yet. */
export function createProbeServer(options: ProbeServerOptions): http.Server {
  const server = http.createServer((request, response) => {
    answer(options, request).then(
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
  // Probes and scrapes are short; nobody may hold our sockets.
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  server.maxConnections = 64
  return server
}

type Answer = { status: number; type: string; body: string }

async function answer(options: ProbeServerOptions, request: http.IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET and HEAD')
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      return verdict(options.live, 'ok')
    case '/readyz':
      return verdict(options.ready, `ok ${options.role()}`)
    case '/metrics':
      return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() }
    default:
      return plain(404, 'there are /healthz, /readyz and /metrics')
  }
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
