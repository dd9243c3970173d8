import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { ApiClient, type AccessOptions, type Credentials, text } from '../api-client.ts'

/** An object as the API server keeps it. */
export type Stored = {
  metadata: {
    namespace?: string
    name: string
    uid?: string
    resourceVersion?: string
    labels?: Record<string, string>
  }
  spec?: unknown
}

/** A request that arrived. */
export type Received = {
  readonly method: string
  readonly url: URL
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  /** Local to the connection that it came over. */
  readonly connection: number
}

type Handler = (received: Received, response: http.ServerResponse) => void

/**
 * An API server on a real socket, for one collection: list with pages, watch, get, create, and replace guarded by
 * resourceVersion. Its faults are methods and fields.
 */
export class FakeApiServer {
  readonly received: Received[] = []
  readonly #server: http.Server
  readonly #objects = new Map<string, Stored>()
  readonly #watches = new Set<http.ServerResponse>()
  readonly #connections = new Map<object, number>()
  #version = 100
  #waiters: (() => void)[] = []
  /** Takes the next requests instead of the server, one each. */
  readonly instead: Handler[] = []
  /** A page may not be continued: every continue token is answered with 410. */
  continueExpired = false
  /** Requests are taken and never answered. */
  silent = false

  constructor(port = 0) {
    this.#server = http.createServer((request, response) => void this.#handle(request, response))
    this.#server.on('connection', (socket) => this.#connections.set(socket, this.#connections.size))
    this.#server.listen(port, '127.0.0.1')
  }

  static async start(port = 0): Promise<FakeApiServer> {
    const server = new FakeApiServer(port)
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get credentials(): Credentials {
    return {
      getCurrentCluster: () => ({ name: 'fake', server: this.url, skipTLSVerify: true }),
      applyToHTTPSOptions: (options) => {
        Object.assign(options as object, { headers: { Authorization: 'Bearer secret' } })
        return Promise.resolve()
      },
    }
  }

  access(options?: AccessOptions): ApiClient {
    return new ApiClient(this.credentials, options)
  }

  get connections(): number {
    return this.#connections.size
  }

  get openWatches(): number {
    return this.#watches.size
  }

  object(name: string): Stored | undefined {
    return this.#objects.get(name)
  }

  /** Creates or changes an object; watches are told. */
  put(name: string, labels: Record<string, string> = {}, namespace = 'models'): void {
    const id = `${namespace}/${name}`
    const type = this.#objects.has(id) ? 'MODIFIED' : 'ADDED'
    const object = {
      metadata: { namespace, name, uid: `uid-${name}`, resourceVersion: this.#next(), labels },
    }
    this.#objects.set(id, object)
    this.send({ type, object })
  }

  /** Deletes an object; watches are told. */
  delete(name: string, namespace = 'models'): void {
    const object = this.#objects.get(`${namespace}/${name}`)
    this.#objects.delete(`${namespace}/${name}`)
    this.#next()
    this.send({ type: 'DELETED', object })
  }

  /** Sends a line to every open watch. */
  send(event: object): void {
    this.sendLine(JSON.stringify(event))
  }

  /** Sends any text, as a line, to every open watch. */
  sendLine(line: string): void {
    for (const watch of this.#watches) watch.write(`${line}\n`)
  }

  /** Ends every watch as the server does at its time limit. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end()
    this.#watches.clear()
  }

  /** Cuts the connection of every watch. */
  dropWatches(): void {
    for (const watch of this.#watches) watch.destroy()
    this.#watches.clear()
  }

  /** Goes on holding the connections of the watches, and forgets about them: they will never hear anything. */
  abandonWatches(): void {
    this.#watches.clear()
  }

  /** Resolves as soon as `condition` is true, looked at after each request and whenever one ends. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  /** Makes until() look again. */
  nudge(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  #next(): string {
    this.#version += 1
    return String(this.#version)
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const received = {
      method: request.method ?? '',
      url: new URL(request.url ?? '', this.url),
      headers: request.headers,
      connection: this.#connections.get(request.socket) ?? -1,
      body: await text(request).catch(() => ''),
    }
    this.received.push(received)
    response.on('close', () => {
      this.#watches.delete(response)
      this.nudge()
    })
    const handler = this.instead.shift() ?? (this.silent ? () => undefined : this.#answer.bind(this))
    handler(received, response)
    this.nudge()
  }

  #answer(received: Received, response: http.ServerResponse): void {
    const { method, url } = received
    if (method === 'POST' || method === 'PUT') this.#write(received, response)
    else if (url.searchParams.get('watch') === 'true') this.#watch(response)
    else if (method === 'GET' && this.#isObject(url)) this.#read(url, response)
    else this.#list(url, response)
  }

  #isObject(url: URL): boolean {
    // …/namespaces/<namespace>/<plural>/<name>
    return /\/namespaces\/[^/]+\/[^/]+\/[^/]+$/.test(url.pathname)
  }

  #read(url: URL, response: http.ServerResponse): void {
    const object = this.#objects.get(idOf(url))
    if (object) reply(response, 200, object)
    else reply(response, 404, { reason: 'NotFound', message: 'not found' })
  }

  #write({ method, url, body }: Received, response: http.ServerResponse): void {
    const object = JSON.parse(body) as Stored
    const id = method === 'PUT' ? idOf(url) : `${object.metadata.namespace ?? ''}/${object.metadata.name}`
    const before = this.#objects.get(id)
    if (method === 'PUT' && !before) {
      reply(response, 404, { reason: 'NotFound', message: 'not found' })
      return
    }
    const stale = before?.metadata.resourceVersion !== object.metadata.resourceVersion
    if (stale || (method === 'POST' && before)) {
      reply(response, 409, { reason: 'Conflict', message: 'the object has been modified' })
      return
    }
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: this.#next() } }
    this.#objects.set(id, written)
    reply(response, method === 'POST' ? 201 : 200, written)
  }

  #watch(response: http.ServerResponse): void {
    this.#watches.add(response)
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.flushHeaders()
  }

  #list(url: URL, response: http.ServerResponse): void {
    const from = Number(url.searchParams.get('continue') ?? 0)
    if (from > 0 && this.continueExpired) {
      reply(response, 410, { reason: 'Expired', message: 'the continue token is too old' })
      return
    }
    const limit = Number(url.searchParams.get('limit') ?? Infinity)
    const items = [...this.#objects.values()]
    const more = from + limit < items.length ? String(from + limit) : ''
    const metadata = { resourceVersion: String(this.#version), continue: more }
    const page = items.slice(from, from + limit)
    // As Go writes an empty list of metadata.
    reply(response, 200, { metadata, items: page.length > 0 ? page : null })
  }
}

function idOf(url: URL): string {
  const [namespace, , name] = url.pathname.split('/').slice(-3)
  return `${namespace ?? ''}/${name ?? ''}`
}

function reply(response: http.ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(body))
}
