/** One edge location: its own listeners, configurations, functions, cache and connections to the origins. */
import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { isIP } from 'node:net'
import { FunctionRunner } from '../functions/function-runner.ts'
import { closeServers, listenOn } from '../http/listen.ts'
import { EdgeCache } from './edge-cache.ts'
import { forward } from './forward.ts'
import { OriginPool } from './origin-pool.ts'
import { originRequestHeaders, viewerResponseHeaders } from './proxy-headers.ts'
import { bodyOf, methodRefusal, servedFrom, targetOf } from './served.ts'
import { eventOf, headersFrom, originFrom, pathFrom } from './viewer-function.ts'
import { createViewerServer, MAX_REQUEST_BYTES, MAX_URL_BYTES, tooLong } from './viewer-server.ts'
import { answerFromFunction, errorPage, refuse } from './visit.ts'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Origin } from '../control-plane/distribution-config.ts'
import type { Version } from '../control-plane/distributions.ts'
import type { FunctionCode, StoreSnapshot } from '../functions/event.ts'
import type { Address } from '../http/resolve-map.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../propagation/clock.ts'
import type { EdgeStamp } from './proxy-headers.ts'
import type { Served, Target } from './served.ts'
import type { Unreadable } from './viewer-server.ts'
import type { Visit } from './visit.ts'

/** Counters since the start; `byOrigin` counts requests sent to each origin id. */
export type EdgeCounters = {
  requests: number
  inFlight: number
  retries: number
  badGateway: number
  gatewayTimeout: number
  cacheHits: number
  functionErrors: number
  byOrigin: Record<string, number>
}

/** `resolve` is shared by all edges and may change at any time. */
export type EdgeOptions = {
  number: number
  resolve: ReadonlyMap<string, Address>
  log: Log
  clock: Clock
  unknownOrigin: UnknownOrigin
}

/** What a function meets that selects an origin by an id that none has: AWS does not say. */
export type UnknownOrigin = 'Throws' | 'FailsRequest'

// From CloudFront's developer guide, as is the status 413.
const TOO_LONG = `A request has ${MAX_REQUEST_BYTES} bytes without its body at most, a URL ${MAX_URL_BYTES}.`

export class Edge {
  readonly number: number
  readonly counters: EdgeCounters = {
    requests: 0,
    inFlight: 0,
    retries: 0,
    badGateway: 0,
    gatewayTimeout: 0,
    cacheHits: 0,
    functionErrors: 0,
    byOrigin: {},
  }
  readonly #resolve: ReadonlyMap<string, Address>
  readonly #log: Log
  readonly #pool = new OriginPool()
  readonly #cache: EdgeCache
  readonly #functions = new FunctionRunner()
  readonly #unknownOrigin: UnknownOrigin
  readonly #served = new Map<string, Served>()
  readonly #pop: string
  readonly #via: string
  #byHost = new Map<string, Served>()
  #servers: Server[] = []

  constructor({ number, resolve, log, clock, unknownOrigin }: EdgeOptions) {
    this.number = number
    this.#unknownOrigin = unknownOrigin
    this.#resolve = resolve
    this.#log = log
    this.#cache = new EdgeCache(clock)
    this.#pop = `LOCAL50-P${number}`
    this.#via = `1.1 ${randomBytes(16).toString('hex')}.cloudfront.net (CloudFront)`
  }

  /** Listen on every address, all on one port; resolves to the port. */
  async listen(hosts: readonly string[], port: number): Promise<number> {
    const listening = await listenOn(hosts, port, () =>
      createViewerServer(
        (request, response) => {
          this.answer(request, response)
        },
        (unreadable) => {
          this.answerUnreadable(unreadable)
        },
      ),
    )
    this.#servers = listening.servers
    return listening.port
  }

  /** From the next request on, serve this version. */
  apply(version: Version): void {
    const served = servedFrom(version)
    this.#served.set(version.distribution, served)
    this.#indexHosts()
    if (functionsOf(served).length > 0) this.#functions.warmUp()
  }

  remove(distribution: string): void {
    this.#served.delete(distribution)
    this.#cache.purge(distribution, ['*'])
    this.#indexHosts()
  }

  /** From the next request on, run this code. */
  applyFunction(code: FunctionCode): void {
    this.#functions.provideFunction(code)
  }

  /** From the next request on, functions read this snapshot. */
  applyStore(store: StoreSnapshot): void {
    this.#functions.provideStore(store)
  }

  /** Forget cached answers that an invalidation names. */
  invalidate(distribution: string, paths: readonly string[]): void {
    this.#cache.purge(distribution, paths)
  }

  /** Take no more connections, let requests in flight finish for `graceMs`, then cut what is left. */
  async close(graceMs: number): Promise<void> {
    await closeServers(this.#servers, graceMs)
    await this.#functions.close()
    this.#pool.close()
  }

  /** Answer one request of a viewer, whichever listener it came in by. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const visit = { request, response, stamp: this.#stamp(), headers: request.rawHeaders }
    this.counters.requests += 1
    this.counters.inFlight += 1
    response.on('close', () => (this.counters.inFlight -= 1))
    this.#guard(visit, () => {
      this.#serve(visit)
    })
  }

  /** Answer what node:http could not make a request of. */
  answerUnreadable({ isTooLong, socket, message }: Unreadable): void {
    this.counters.requests += 1
    this.#log('A request cannot be read', { edge: this.number, err: message })
    const status = isTooLong ? 413 : 400
    const reason = isTooLong ? TOO_LONG : 'Bad request.'
    const { headers, page } = errorPage(this.#stamp(), { status, reason, cause: 'Error' })
    const lines = Object.entries({ ...headers, connection: 'close' }).map(
      ([name, text]) => `${name}: ${text}\r\n`,
    )
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${page}`)
  }

  #stamp(): EdgeStamp {
    return { via: this.#via, pop: this.#pop, requestId: randomBytes(42).toString('base64url') }
  }

  #indexHosts(): void {
    const all = [...this.#served.values()]
    this.#byHost = new Map(all.flatMap((served) => served.hostNames.map((name) => [name, served])))
  }

  #guard(visit: Visit, work: () => void): void {
    try {
      work()
    } catch (error) {
      // node:http throws for what it will not write, such as a custom origin header with a blank in its name.
      this.counters.badGateway += 1
      const path = visit.request.url
      this.#log('The request cannot be sent', { edge: this.number, path, err: String(error) })
      refuse(visit, { status: 502, reason: 'The request cannot be sent to the origin.' })
    }
  }

  #serve(visit: Visit): void {
    const { request } = visit
    const long = tooLong(request)
    if (long !== undefined) {
      this.#log('A request is longer than CloudFront takes', { edge: this.number, ...long })
      // CloudFront ends the connection after this answer.
      visit.response.shouldKeepAlive = false
      refuse(visit, { status: 413, reason: TOO_LONG })
      return
    }
    const served = this.#distributionFor(request.headers.host ?? '')
    if (served === undefined) {
      const reason = 'No distribution has this host name among its domain name and aliases.'
      refuse(visit, { status: 403, reason })
      return
    }
    if (!served.settings.enabled) {
      refuse(visit, { status: 403, reason: 'The distribution is disabled.' })
      return
    }
    const target = targetOf(served, request.url ?? '/')
    const reason = methodRefusal(target.behavior, request)
    if (reason !== undefined) refuse(visit, { status: 403, reason })
    else if (target.behavior.viewerRequestFunction === undefined) this.#answerFrom(visit, target)
    else void this.#runFunction(visit, target, target.behavior.viewerRequestFunction)
  }

  #distributionFor(hostHeader: string): Served | undefined {
    const host = hostHeader.replace(/:\d+$/, '').toLowerCase()
    const known = this.#byHost.get(host) ?? this.#byHost.get(host.replace(/^[^.]+/, '*'))
    if (known !== undefined) return known
    // Not so at CloudFront, which has no listener per edge: a request to the bare address means the only one there is.
    const bare = host === '' || host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0
    return bare && this.#served.size === 1 ? this.#served.values().next().value : undefined
  }

  /** Never rejects. */
  async #runFunction(visit: Visit, target: Target, arn: string): Promise<void> {
    const { served } = target
    const event = eventOf(visit.request, target, visit.stamp.requestId)
    const known = this.#unknownOrigin === 'Throws' ? served.originIds : undefined
    const outcome = await this.#functions.run(arn, event, known)
    for (const line of outcome.logs) this.#log('A function says', { edge: this.number, function: arn, line })
    this.#guard(visit, () => {
      switch (outcome.type) {
        case 'Error':
          this.counters.functionErrors += 1
          this.#log('A function failed', { edge: this.number, function: arn, err: outcome.message })
          refuse(visit, {
            status: 503,
            reason:
              'The CloudFront function associated with the CloudFront distribution is invalid or could not run.',
            cause: 'FunctionExecutionError',
          })
          return
        case 'Response':
          answerFromFunction(visit, outcome.response)
          return
        case 'Request': {
          const headers = headersFrom(event.request, outcome.request, visit.headers)
          const path = pathFrom(event.request, outcome.request, target.path)
          const chosen = originFrom(outcome.origin, target, served)
          this.#answerFrom({ ...visit, headers }, { ...target, ...chosen, path })
        }
      }
    })
  }

  /** From the cache, else from the origin. */
  #answerFrom(visit: Visit, target: Target): void {
    const lookup = this.#cache.lookUp(visit, target)
    if (lookup.type === 'Answered') this.counters.cacheHits += 1
    else this.#send(lookup.visit, target, lookup.onAnswer)
  }

  #send(visit: Visit, target: Target, onAnswer?: (answer: IncomingMessage) => void): void {
    const { request, response, stamp } = visit
    const { behavior, origin, path } = target
    const address = origin === undefined ? undefined : this.#addressOf(origin)
    if (origin === undefined || address === undefined) {
      this.counters.badGateway += 1
      refuse(visit, { status: 502, reason: 'The origin has no address here.' })
      return
    }
    const body = bodyOf(request)
    const viewerHost = behavior.hostHeader === 'Viewer' ? (request.headers.host ?? '') : origin.domainName
    this.counters.byOrigin[origin.id] = (this.counters.byOrigin[origin.id] ?? 0) + 1
    forward({
      viewerRequest: request,
      viewerResponse: response,
      origin,
      address,
      agents: this.#pool.agents(origin.keepaliveMs),
      path: origin.originPath + path,
      headers: originRequestHeaders(visit.headers, {
        host: target.hostHeader ?? viewerHost,
        viewerAddress: request.socket.remoteAddress ?? '',
        via: stamp.via,
        requestId: stamp.requestId,
        customHeaders: origin.customHeaders,
        body,
        method: request.method ?? 'GET',
      }),
      hasBody: body !== 'None',
      responseHeaders: (headers, status) => viewerResponseHeaders(headers, status, stamp),
      ...(onAnswer === undefined ? {} : { onAnswer }),
      onRetry: () => (this.counters.retries += 1),
      onFailure: (status, kind, cause) => {
        this.counters[status === 502 ? 'badGateway' : 'gatewayTimeout'] += 1
        const at = `${address.host}:${address.port}`
        const { number: edge } = this
        const what = { edge, origin: origin.id, at, kind, method: request.method, path, err: cause?.message }
        this.#log('The origin gave no answer', what)
        refuse(visit, { status, reason: `The origin gave no answer (${kind}).` })
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

/** ARNs of the functions that a distribution runs. */
export function functionsOf({ settings }: Pick<Served, 'settings'>): string[] {
  const arns = settings.behaviors.map(({ viewerRequestFunction }) => viewerRequestFunction)
  return [...new Set(arns.filter((arn) => arn !== undefined))]
}
