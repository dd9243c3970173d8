import { translateFailure, translateStatus, type NameField, type Request } from './errors.ts'
import { goJson } from './go-json.ts'
import { pathOf, resourceText, type Place, type Query, type Resource } from './resources.ts'

/** Milliseconds that a read may take. Writes keep the transport's own limit, which is bound to the leader's lease. */
const READ_TIMEOUT_MS = 10_000

/** Objects per page of a list: a page is parsed, reduced and forgotten before the next one comes. */
const PAGE = 100

const CONTENT_TYPE = { json: 'application/json', mergePatch: 'application/merge-patch+json' }

/**
 * What brings a request to the API server: controller/api-client.ts, guarded by the lease. That guard is the one place where a
 * replica that is not the leader is stopped from writing: it throws before anything but a GET leaves.
 */
export interface Transport {
  request(call: {
    method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
    path: string
    contentType?: string
    body?: string
    timeoutMs?: number
  }): Promise<{ status: number; body: string }>
}

type Call = Parameters<Transport['request']>[0]

/** What a write must still find: the very object that the decision was made on. */
export interface Precondition {
  uid?: string
  resourceVersion: string
}

/** How a create is to be treated. */
export interface CreateOptions {
  /** Let the API server check it and store nothing. */
  mode?: 'Store' | 'DryRun'
  nameField?: NameField
  /** How messages call the object, where it is checked under another name. */
  shownName?: string
}

/**
 * Plain JSON to and from the API server. Not the typed client: its serializer drops the fields that it does not know, and
 * a pod template may use fields newer than our copy of it.
 */
export class Requests {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** The object, or undefined where there is none. */
  async get<T>(resource: Resource<T>, place: Required<Place>): Promise<T | undefined> {
    const answer = await this.#ask({ verb: 'get', resource, place }, { path: pathOf(resource, place) })
    if (answer.status === 404) return undefined
    return accepted({ verb: 'get', resource, place }, answer) as T
  }

  /** The text of a subresource, for example a pod's log. */
  async text(resource: Resource, place: Required<Place>, query: Query): Promise<string> {
    const request: Request = { verb: 'get', resource, place }
    const answer = await this.#ask(request, { path: pathOf(resource, place, query) })
    if (answer.status !== 200) throw translateStatus(request, answer)
    return answer.body
  }

  /** Shows every object of a namespace with these labels to `visit`, page by page; nothing is kept here. */
  async list<T>(
    resource: Resource<T>,
    namespace: string,
    selector: string,
    visit: (item: T) => void,
  ): Promise<void> {
    const request: Request = { verb: 'list', resource, place: { namespace } }
    let token: string | undefined
    do {
      const query = { labelSelector: selector, limit: String(PAGE), ...(token ? { continue: token } : {}) }
      const answer = await this.#ask(request, { path: pathOf(resource, { namespace }, query) })
      const page = accepted(request, answer) as { metadata?: { continue?: string }; items?: T[] }
      page.items?.forEach(visit)
      token = page.metadata?.continue
    } while (token)
  }

  /** The object as it was stored, or would have been. */
  async create(resource: Resource, object: Named, options: CreateOptions = {}): Promise<unknown> {
    const { namespace } = object.metadata
    const name = options.shownName ?? object.metadata.name
    const request: Request = { verb: 'create', resource, place: { namespace, name } }
    // Strict only where nothing is stored: a misspelt field is an error then (from 1.25 on; 1.20 ignores the wish).
    const query: Query = options.mode === 'DryRun' ? { dryRun: 'All', fieldValidation: 'Strict' } : {}
    const path = pathOf(resource, { namespace }, query)
    const answer = await this.#ask(request, sent('POST', path, object))
    return accepted(request, answer, options.nameField)
  }

  /** Merges `change` into the object if it is still the one of the precondition; gives it as it was stored. */
  async patch(
    resource: Resource,
    place: Required<Place>,
    guard: Precondition,
    change: Change,
  ): Promise<unknown> {
    const request: Request = { verb: 'patch', resource, place }
    const body = { ...change, metadata: { ...change.metadata, ...guard } }
    const call = { ...sent('PATCH', pathOf(resource, place), body), contentType: CONTENT_TYPE.mergePatch }
    return accepted(request, await this.#ask(request, call))
  }

  /** Replaces the object; its own metadata.resourceVersion is the precondition. Gives it as it was stored. */
  async replace(resource: Resource, object: Named): Promise<unknown> {
    const { namespace, name } = object.metadata
    const request: Request = { verb: 'update', resource, place: { namespace, name } }
    return accepted(
      request,
      await this.#ask(request, sent('PUT', pathOf(resource, { namespace, name }), object)),
    )
  }

  /** Deletes the object if it is still the one of the precondition; one that is gone already is as good. */
  async remove(resource: Resource, place: Required<Place>, preconditions: Precondition): Promise<void> {
    const request: Request = { verb: 'delete', resource, place }
    const options = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      preconditions,
    }
    const answer = await this.#ask(request, sent('DELETE', pathOf(resource, place), options))
    if (answer.status !== 404) accepted(request, answer)
  }

  async #ask(request: Request, call: Call): Promise<{ status: number; body: string }> {
    if (!request.resource.verbs.includes(request.verb)) {
      throw new Error(
        `${request.verb} ${resourceText(request.resource)} is not declared in cluster-resources.ts`,
      )
    }
    try {
      return await this.#transport.request(call.method ? call : { ...call, timeoutMs: READ_TIMEOUT_MS })
    } catch (error) {
      // Not sent because we do not lead: nothing that looking again could mend.
      if (error instanceof Error && error.name === 'NotHeldError') throw error
      throw translateFailure(request, error)
    }
  }
}

/** A merge patch; the precondition is added to its metadata. */
export type Change = { metadata?: Record<string, unknown>; [member: string]: unknown }

/** An object with all that it is sent with. */
interface Named {
  metadata: { namespace: string; name: string }
}

function sent(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown): Call {
  return { method, path, contentType: CONTENT_TYPE.json, body: goJson(body) }
}

function accepted(
  request: Request,
  answer: { status: number; body: string },
  nameField?: NameField,
): unknown {
  if (answer.status < 200 || answer.status > 299) throw translateStatus(request, answer, nameField)
  try {
    return JSON.parse(answer.body)
  } catch {
    // What the parser says holds a piece of the text, which may be of a Secret.
    throw translateFailure(request, new Error('its answer is no JSON'))
  }
}
