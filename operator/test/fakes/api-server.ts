import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'

type Json = Record<string, unknown>

interface Stored {
  metadata: {
    name: string
    namespace: string
    uid: string
    resourceVersion: string
    labels?: Record<string, string>
  }
  [member: string]: unknown
}

/** A request as it arrived. */
export interface Seen {
  method: string
  /** `/api/v1/namespaces/models/pods/one/log` */
  path: string
  query: URLSearchParams
  body: Json
  /** `create pods`, as RBAC would name it. */
  access: string
}

/** An answer in place of the server's own. */
export interface Refusal {
  status: number
  body: unknown
}

const VERBS: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/**
 * An API server that keeps objects in memory and does what the operator relies on: names that are taken, resource
 * versions, uids, merge patches, preconditions of deletes, dry runs, label selectors, pages of lists, watches, pod logs.
 */
export class FakeApiServer {
  readonly seen: Seen[] = []
  readonly logs = new Map<string, string>()
  /** Called before each request is served; what it returns is the answer. */
  refuse: (seen: Seen) => Refusal | undefined = () => undefined
  /** What admission, or an older server that does not know a field, makes of an object. */
  admit: (object: Json) => Json = (object) => object
  /** Objects per page of a list, whatever the client asks for. */
  pageSize = Infinity

  readonly #objects = new Map<string, Stored>()
  readonly #watches = new Set<Watch>()
  #version = 100
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response)
  })

  async listen(): Promise<KubeConfig> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const { port } = this.#server.address() as AddressInfo
    const kubeConfig = new KubeConfig()
    kubeConfig.loadFromClusterAndUser(
      { name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'operator' },
    )
    return kubeConfig
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Forgets everything. */
  reset(): void {
    this.#objects.clear()
    this.seen.length = 0
    this.logs.clear()
    this.refuse = () => undefined
    this.admit = (object) => object
    this.pageSize = Infinity
  }

  /** Puts an object there, as somebody else would; gives it a uid and a new version. */
  put(collection: string, object: Json): Stored {
    const stored = structuredClone(object) as unknown as Stored
    this.#version += 1
    stored.metadata.resourceVersion = String(this.#version)
    stored.metadata.uid = uidOf(object) ?? `uid-${this.#version}`
    const path = `${collection}/${stored.metadata.name}`
    this.#tell(this.#objects.has(path) ? 'MODIFIED' : 'ADDED', path, stored)
    this.#objects.set(path, stored)
    return structuredClone(stored)
  }

  /** The object at a path, undefined where there is none. */
  at(path: string): Stored | undefined {
    return this.#objects.get(path)
  }

  delete(path: string): void {
    const found = this.#objects.get(path)
    this.#objects.delete(path)
    if (found) this.#tell('DELETED', path, found)
  }

  #tell(type: string, path: string, object: Stored): void {
    for (const { collection, matches, response } of this.#watches)
      if (isIn(path, collection) && matches(object.metadata.labels ?? {}))
        response.write(`${JSON.stringify({ type, object })}\n`)
  }

  #watch(seen: Seen, response: ServerResponse): void {
    const matches = selectorOf(seen.query.get('labelSelector') ?? '')
    const watch = { collection: seen.path, matches, response }
    this.#watches.add(watch)
    response.once('close', () => this.#watches.delete(watch))
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
    const since = Number(seen.query.get('resourceVersion') ?? Infinity)
    for (const [path, object] of this.#objects)
      if (Number(object.metadata.resourceVersion) > since && isIn(path, seen.path))
        this.#tell('MODIFIED', path, object)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await read(request)
    this.seen.push(seen)
    const refusal = this.refuse(seen)
    if (!refusal && seen.query.get('watch') === 'true') {
      this.#watch(seen, response)
      return
    }
    const answer = refusal ?? this.#answer(seen)
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
  }

  #answer(seen: Seen): Refusal {
    const { method, path } = seen
    const log = /^(.*\/pods\/[^/]+)\/log$/.exec(path)
    if (log) return this.#log(log[1] ?? '', seen.query)
    const place = path.replace(/\/status$/, '')
    if (method === 'GET') return isCollection(place) ? this.#list(place, seen.query) : this.#get(place)
    if (method === 'POST') return this.#create(place, seen)
    const found = this.#objects.get(place)
    if (!found) return notFound(place)
    if (method === 'DELETE') return this.#remove(place, found, seen.body.preconditions as Json | undefined)
    return this.#change(place, found, seen)
  }

  #change(place: string, found: Stored, { method, path, body }: Seen): Refusal {
    const conflict = conflictOf(found, body.metadata as Json | undefined)
    if (conflict) return conflict
    if (path !== place) {
      const next = { ...found, status: body.status }
      return { status: 200, body: this.put(parentOf(place), next) }
    }
    const next = method === 'PATCH' ? merged(found, body) : body
    return { status: 200, body: this.put(parentOf(place), next as Json) }
  }

  #get(path: string): Refusal {
    const found = this.#objects.get(path)
    return found ? { status: 200, body: found } : notFound(path)
  }

  #list(collection: string, query: URLSearchParams): Refusal {
    const matches = selectorOf(query.get('labelSelector') ?? '')
    const all = [...this.#objects]
      .filter(([path, object]) => isIn(path, collection) && matches(object.metadata.labels ?? {}))
      .map(([, object]) => object)
    const from = Number(query.get('continue') ?? 0)
    const to = from + Math.min(this.pageSize, Number(query.get('limit') ?? Infinity))
    const metadata = {
      resourceVersion: String(this.#version),
      ...(to < all.length ? { continue: String(to) } : {}),
    }
    return { status: 200, body: { metadata, items: all.slice(from, to) } }
  }

  #create(collection: string, { body, query }: Seen): Refusal {
    const { name } = body.metadata as { name: string }
    if (this.#objects.has(`${collection}/${name}`)) {
      return status(409, 'AlreadyExists', `"${name}" already exists`)
    }
    const admitted = this.admit(body)
    if (query.get('dryRun') === 'All') return { status: 201, body: admitted }
    return { status: 201, body: this.put(collection, admitted) }
  }

  #remove(path: string, found: Stored, preconditions: Json | undefined): Refusal {
    const conflict = conflictOf(found, preconditions)
    if (conflict) return conflict
    this.delete(path)
    return { status: 200, body: { kind: 'Status', status: 'Success' } }
  }

  #log(pod: string, query: URLSearchParams): Refusal {
    const key = `${pod}/${query.get('container') ?? ''}${query.get('previous') === 'true' ? '/previous' : ''}`
    const text = this.logs.get(key)
    return text === undefined
      ? status(400, 'BadRequest', 'container is waiting to start')
      : { status: 200, body: text }
  }
}

function uidOf(object: Json): string | undefined {
  return (object.metadata as { uid?: string }).uid
}

/** A refusal as the API server words it. */
export function status(code: number, reason: string, message: string, causes: Json[] = []): Refusal {
  return { status: code, body: { kind: 'Status', reason, message, details: { causes } } }
}

async function read(request: IncomingMessage): Promise<Seen> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string
  const url = new URL(request.url ?? '/', 'http://fake')
  const method = request.method ?? 'GET'
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    body: text === '' ? {} : (JSON.parse(text) as Json),
    access: accessOf(method, url.pathname),
  }
}

function accessOf(method: string, path: string): string {
  const verb = VERBS[method] ?? (isCollection(path) ? 'list' : 'get')
  const match = /^\/apis?\/(?:([^/]+)\/)?v[^/]+\/namespaces\/[^/]+\/([^/]+)(?:\/[^/]+(?:\/([^/]+))?)?$/.exec(
    path,
  )
  const [, group, plural, subresource] = match ?? []
  return `${verb} ${plural ?? path}${group ? `.${group}` : ''}${subresource ? `/${subresource}` : ''}`
}

type Watch = {
  collection: string
  matches: (labels: Record<string, string>) => boolean
  response: ServerResponse
}

/** `/api/v1/pods` and `/api/v1/namespaces/models/pods`, and not `/api/v1/namespaces/models/pods/one`. */
function isCollection(path: string): boolean {
  return !path.includes('/namespaces/') || /\/namespaces\/[^/]+\/[^/]+$/.test(path)
}

/** Whether the object at `path` is of a collection, be it that of its namespace or of all of them. */
function isIn(path: string, collection: string): boolean {
  const parent = parentOf(path)
  return parent === collection || parent.replace(/\/namespaces\/[^/]+/, '') === collection
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function conflictOf({ metadata }: Stored, expected: Json | undefined): Refusal | undefined {
  for (const key of ['uid', 'resourceVersion'] as const) {
    const value = expected?.[key]
    if (value !== undefined && value !== metadata[key]) {
      return status(409, 'Conflict', `${key} is ${metadata[key]}, not ${JSON.stringify(value)}`)
    }
  }
  return undefined
}

function notFound(path: string): Refusal {
  return status(404, 'NotFound', `${path} not found`)
}

/** RFC 7386. */
function merged(target: unknown, change: unknown): unknown {
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return change
  const result: Json = typeof target === 'object' && target !== null ? { ...target } : {}
  for (const [key, value] of Object.entries(change)) {
    if (value === null) Reflect.deleteProperty(result, key)
    else result[key] = merged(result[key], value)
  }
  return result
}

function selectorOf(text: string): (labels: Record<string, string>) => boolean {
  const requirements = text.split(/,(?![^(]*\))/).filter(Boolean)
  return (labels) =>
    requirements.every((one) => {
      const within = /^(\S+) in \((.*)\)$/.exec(one)
      if (within) return (within[2] ?? '').split(',').includes(labels[within[1] ?? ''] ?? '')
      const [key = '', value] = one.split('=')
      return value === undefined ? key in labels : labels[key] === value
    })
}
