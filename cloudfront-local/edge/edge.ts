/** One edge location: its own listeners, its own applied configurations, its own connections to the origins. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { isIP } from 'node:net'
import { readSettings } from '../control-plane/distribution-config.ts'
import { forward } from './forward.ts'
import { closeServers, listenOn } from '../http/listen.ts'
import { OriginPool } from './origin-pool.ts'
import { pathPatternExpression } from './path-pattern.ts'
import { originRequestHeaders, viewerResponseHeaders } from './proxy-headers.ts'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Behavior, DistributionSettings, Origin } from '../control-plane/distribution-config.ts'
import type { Log } from '../log.ts'
import type { EdgeTarget, Version } from '../propagation/propagation.ts'
import type { Address } from '../http/resolve-map.ts'

/** Counters since the start; `byOrigin` counts requests sent to each origin id. */
export type EdgeCounters = {
  requests: number
  inFlight: number
  retries: number
  badGateway: number
  gatewayTimeout: number
  byOrigin: Record<string, number>
}

/** `resolve` is shared by all edges and may change at any time. */
export type EdgeOptions = { number: number; resolve: ReadonlyMap<string, Address>; log: Log }

type Served = {
  distribution: string
  hostNames: readonly string[]
  settings: DistributionSettings
  routes: readonly { expression: RegExp; behavior: Behavior; origin: Origin | undefined }[]
}
type Visit = { request: IncomingMessage; response: ServerResponse; requestId: string }
type Route = { behavior: Behavior; origin: Origin | undefined; path: string }

// Longer than any client keeps a connection idle: the edge must never be the one that closes under a request.
const VIEWER_KEEP_ALIVE_MS = 600_000
const METHODS_WITHOUT_BODY = new Set(['GET', 'HEAD'])

export class Edge implements EdgeTarget {
  readonly number: number
  readonly counters: EdgeCounters = {
    requests: 0,
    inFlight: 0,
    retries: 0,
    badGateway: 0,
    gatewayTimeout: 0,
    byOrigin: {},
  }
  readonly #resolve: ReadonlyMap<string, Address>
  readonly #log: Log
  readonly #pool = new OriginPool()
  readonly #served = new Map<string, Served>()
  readonly #pop: string
  readonly #via: string
  #byHost = new Map<string, Served>()
  #servers: Server[] = []

  constructor({ number, resolve, log }: EdgeOptions) {
    this.number = number
    this.#resolve = resolve
    this.#log = log
    this.#pop = `LOCAL50-P${number}`
    this.#via = `1.1 ${randomBytes(16).toString('hex')}.cloudfront.net (CloudFront)`
  }

  /** Listen on every address, all on one port; resolves to the port. */
  async listen(hosts: readonly string[], port: number): Promise<number> {
    const listening = await listenOn(hosts, port, () =>
      createServer({ keepAliveTimeout: VIEWER_KEEP_ALIVE_MS, noDelay: true }, (request, response) =>
        this.#visit({ request, response, requestId: randomBytes(42).toString('base64url') }),
      ),
    )
    this.#servers = listening.servers
    return listening.port
  }

  /** From the next request on, serve this version. */
  apply({ distribution, domainName, config }: Version): void {
    const settings = readSettings(config)
    const routes = settings.behaviors.map((behavior) => {
      const { targetOriginId } = behavior
      const origin = settings.origins.get(settings.originGroups.get(targetOriginId) ?? targetOriginId)
      return { expression: pathPatternExpression(behavior.pathPattern), behavior, origin }
    })
    const hostNames = [domainName.toLowerCase(), ...settings.aliases]
    this.#served.set(distribution, { distribution, hostNames, settings, routes })
    this.#indexHosts()
  }

  remove(distribution: string): void {
    this.#served.delete(distribution)
    this.#indexHosts()
  }

  /** Take no more connections, let requests in flight finish for `graceMs`, then cut what is left. */
  async close(graceMs: number): Promise<void> {
    await closeServers(this.#servers, graceMs)
    this.#pool.close()
  }

  #indexHosts(): void {
    const all = [...this.#served.values()]
    this.#byHost = new Map(all.flatMap((served) => served.hostNames.map((name) => [name, served])))
  }

  #visit(visit: Visit): void {
    const { request, response } = visit
    this.counters.requests += 1
    this.counters.inFlight += 1
    response.on('close', () => (this.counters.inFlight -= 1))
    try {
      this.#serve(visit)
    } catch (error) {
      // node:http throws for what it will not write, such as a custom origin header with a blank in its name.
      this.counters.badGateway += 1
      this.#log('The request cannot be sent', { edge: this.number, path: request.url, err: String(error) })
      refuse(visit, this.#pop, 502, 'The request cannot be sent to the origin.')
    }
  }

  #serve(visit: Visit): void {
    const { request } = visit
    const served = this.#distributionFor(request.headers.host ?? '')
    if (served === undefined) {
      refuse(visit, this.#pop, 403, 'No distribution has this host name among its domain name and aliases.')
      return
    }
    if (!served.settings.enabled) {
      refuse(visit, this.#pop, 403, 'The distribution is disabled.')
      return
    }
    const route = routeOf(served, request.url ?? '/')
    const refusal = methodRefusal(route.behavior, request)
    if (refusal !== undefined) refuse(visit, this.#pop, 403, refusal)
    else this.#send(visit, route)
  }

  #distributionFor(hostHeader: string): Served | undefined {
    const host = hostHeader.replace(/:\d+$/, '').toLowerCase()
    const known = this.#byHost.get(host) ?? this.#byHost.get(host.replace(/^[^.]+/, '*'))
    if (known !== undefined) return known
    // Not so at CloudFront, which has no listener per edge: a request to the bare address means the only one there is.
    const bare = host === '' || host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0
    return bare && this.#served.size === 1 ? this.#served.values().next().value : undefined
  }

  #send(visit: Visit, { behavior, origin, path }: Route): void {
    const { request, response, requestId } = visit
    const address = origin === undefined ? undefined : this.#addressOf(origin)
    if (origin === undefined || address === undefined) {
      this.counters.badGateway += 1
      refuse(visit, this.#pop, 502, 'The origin has no address here.')
      return
    }
    const body = bodyOf(request)
    this.counters.byOrigin[origin.id] = (this.counters.byOrigin[origin.id] ?? 0) + 1
    forward({
      viewerRequest: request,
      viewerResponse: response,
      origin,
      address,
      agents: this.#pool.agents(origin.keepaliveMs),
      path: origin.originPath + path,
      headers: originRequestHeaders(request.rawHeaders, {
        host: behavior.hostHeader === 'Viewer' ? (request.headers.host ?? '') : origin.domainName,
        viewerAddress: request.socket.remoteAddress ?? '',
        via: this.#via,
        requestId,
        customHeaders: origin.customHeaders,
        body,
        method: request.method ?? 'GET',
      }),
      hasBody: body !== 'None',
      responseHeaders: (headers, status) =>
        viewerResponseHeaders(headers, status, { via: this.#via, pop: this.#pop, requestId }),
      onRetry: () => (this.counters.retries += 1),
      onFailure: (status, kind, cause) => {
        this.counters[status === 502 ? 'badGateway' : 'gatewayTimeout'] += 1
        const at = `${address.host}:${address.port}`
        this.#log('The origin gave no answer', {
          edge: this.number,
          origin: origin.id,
          at,
          kind,
          method: request.method,
          path,
          err: cause?.message,
        })
        refuse(visit, this.#pop, status, `The origin gave no answer (${kind}).`)
      },
    })
  }

  #addressOf(origin: Origin): { host: string; port: number } | undefined {
    if (origin.protocol === 'https-only') {
      this.#log('Edges speak only HTTP to origins; set OriginProtocolPolicy to http-only', {
        origin: origin.id,
      })
      return undefined
    }
    const address = this.#resolve.get(origin.domainName)
    if (address !== undefined) return { host: address.host, port: address.port ?? origin.httpPort }
    this.#log('No address for an origin; add --resolve HOST=ADDRESS[:PORT] or PUT /_admin/resolve/HOST', {
      edge: this.number,
      origin: origin.id,
      host: origin.domainName,
    })
    return undefined
  }
}

function routeOf({ routes, settings }: Served, url: string): Route {
  const path = url === '/' && settings.defaultRootObject !== '' ? `/${settings.defaultRootObject}` : url
  const query = path.indexOf('?')
  const matched = query < 0 ? path : path.slice(0, query)
  const route = routes.find(({ expression }) => expression.test(matched)) ?? routes.at(-1)
  // A valid configuration always has a default behavior, and validation lets no other through.
  if (route === undefined) throw new Error('a distribution without behaviors was applied')
  return { behavior: route.behavior, origin: route.origin, path }
}

function methodRefusal(behavior: Behavior, request: IncomingMessage): string | undefined {
  const method = request.method ?? 'GET'
  if (!behavior.allowedMethods.has(method)) {
    return `This distribution is not configured to allow the HTTP request method ${method}.`
  }
  if (METHODS_WITHOUT_BODY.has(method) && bodyOf(request) !== 'None') {
    return `A ${method} request must not have a body.`
  }
  return undefined
}

function bodyOf({ headers }: IncomingMessage): 'None' | 'Sized' | 'Chunked' {
  if (headers['transfer-encoding'] !== undefined) return 'Chunked'
  return Number(headers['content-length'] ?? '0') > 0 ? 'Sized' : 'None'
}

/** Answer in the edge's own name, in the form of CloudFront's error page. */
function refuse({ request, response, requestId }: Visit, pop: string, status: number, reason: string): void {
  if (response.destroyed || response.headersSent) return
  request.resume()
  const page =
    '<!DOCTYPE HTML><HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY>' +
    `<H1>${status} ERROR</H1><H2>The request could not be satisfied.</H2><P>${reason}</P>` +
    `<PRE>Generated by cloudfront (CloudFront)\nRequest ID: ${requestId}</PRE></BODY></HTML>`
  response.writeHead(status, {
    server: 'CloudFront',
    'content-type': 'text/html',
    'content-length': Buffer.byteLength(page),
    'x-cache': 'Error from cloudfront',
    'x-amz-cf-pop': pop,
    'x-amz-cf-id': requestId,
  })
  response.end(page)
}
