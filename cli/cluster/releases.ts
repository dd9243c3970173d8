/** What this program asks of the API server. Plain JSON over the operator's own transport. */
import { GROUP, LABEL, PLURAL, VERSION } from '../../operator/api/names.ts'
import type { ModelRelease } from '../../operator/api/release.ts'
import type { Pod } from '../../operator/adapters/kubernetes/objects.ts'
import {
  ApiClient,
  apiError,
  ApiError,
  text,
  type ApiAnswer,
  type ApiCall,
} from '../../operator/controller/api-client.ts'
import { CliError } from '../errors.ts'

/** A ModelRelease as the API server sends it, with the members that only printing needs. */
export type ReleaseObject = ModelRelease & { apiVersion: string; kind: string }

export type Place = { namespace: string; name: string }

export type EventObject = {
  type: string
  reason: string
  message: string
  count?: number
  firstTimestamp?: string | null
  lastTimestamp?: string | null
  eventTime?: string | null
  metadata: { uid: string; creationTimestamp?: string }
}

/** What `kubectl get` shows: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
export type Table = {
  columnDefinitions: { name: string; priority: number; type: string }[]
  rows: { cells: unknown[]; object: { metadata: { name: string; namespace: string } } }[]
}

const ROOT = `/apis/${GROUP}/${VERSION}`
const AS_TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

export class Releases {
  readonly access: ApiClient

  constructor(access: ApiClient) {
    this.access = access
  }

  /** @throws CliError where it is not there or may not be read. */
  async get(place: Place): Promise<ReleaseObject> {
    return (await this.#json({ path: pathOf(place) })) as ReleaseObject
  }

  /** Undefined where there is none. @throws as `get` for anything else. */
  async find(place: Place): Promise<ReleaseObject | undefined> {
    const answer = await this.access.request({ path: pathOf(place) })
    if (answer.status === 404 && isAboutObject(answer)) return undefined
    return parsed(answer) as ReleaseObject
  }

  async list(namespace: string | undefined, selector = ''): Promise<{ items: ReleaseObject[] }> {
    return (await this.#json({ path: collectionOf(namespace, selector) })) as { items: ReleaseObject[] }
  }

  async table(namespace: string | undefined, selector = ''): Promise<Table> {
    return (await this.#json({ path: collectionOf(namespace, selector), accept: AS_TABLE })) as Table
  }

  async tableOf(place: Place): Promise<Table> {
    return (await this.#json({ path: pathOf(place), accept: AS_TABLE })) as Table
  }

  /** Server-side apply; `dryRun` stores nothing. Refuses fields that the schema does not know, from Kubernetes 1.25 on. */
  async apply(
    place: Place,
    manifest: object,
    { manager, force, dryRun }: { manager: string; force: boolean; dryRun: boolean },
  ): Promise<ReleaseObject> {
    const query = new URLSearchParams({
      fieldManager: manager,
      fieldValidation: 'Strict',
      ...(force ? { force: 'true' } : {}),
      ...(dryRun ? { dryRun: 'All' } : {}),
    })
    return (await this.#json({
      method: 'PATCH',
      path: `${pathOf(place)}?${query.toString()}`,
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify(manifest),
      timeoutMs: 30_000,
    })) as ReleaseObject
  }

  /** Merges into the object. */
  async merge(place: Place, change: object): Promise<ReleaseObject> {
    return (await this.#json({
      method: 'PATCH',
      path: pathOf(place),
      contentType: 'application/merge-patch+json',
      body: JSON.stringify(change),
    })) as ReleaseObject
  }

  async events({ namespace, name }: Place): Promise<EventObject[]> {
    const query = new URLSearchParams({
      fieldSelector: `involvedObject.kind=ModelRelease,involvedObject.name=${name}`,
    })
    const path = `/api/v1/namespaces/${namespace}/events?${query.toString()}`
    return ((await this.#json({ path })) as { items: EventObject[] }).items
  }

  /** Pods of the release, of both colors. */
  async pods({ namespace, name }: Place): Promise<Pod[]> {
    const query = new URLSearchParams({ labelSelector: `${LABEL.name}=${name}` })
    const path = `/api/v1/namespaces/${namespace}/pods?${query.toString()}`
    return ((await this.#json({ path })) as { items: Pod[] }).items
  }

  /** Any object of the API server. */
  json(call: ApiCall): Promise<unknown> {
    return this.#json(call)
  }

  async #json(call: ApiCall): Promise<unknown> {
    return parsed(await this.access.request(call))
  }
}

export function pathOf({ namespace, name }: Place): string {
  return `${ROOT}/namespaces/${encodeURIComponent(namespace)}/${PLURAL}/${encodeURIComponent(name)}`
}

export function collectionOf(namespace: string | undefined, selector = ''): string {
  const where = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  const query = selector === '' ? '' : `?${new URLSearchParams({ labelSelector: selector }).toString()}`
  return `${ROOT}${where}/${PLURAL}${query}`
}

/** Whether a 404 says that the object is not there; otherwise the server does not know the resource. */
export function isAboutObject({ body }: Pick<ApiAnswer, 'body'>): boolean {
  try {
    const { message } = JSON.parse(body) as { message?: string }
    return message !== undefined && message !== 'the server could not find the requested resource'
  } catch {
    return false
  }
}

function parsed({ status, body }: ApiAnswer): unknown {
  if (status < 200 || status > 299) throw refusal(status, body)
  return JSON.parse(body)
}

/** What a refusal means for whoever typed the command. */
function refusal(status: number, body: string): ApiError {
  if (status === 404 && !isAboutObject({ body }))
    return new ApiError(
      404,
      'the cluster does not know ModelReleases: install the operator and its CRD (kubectl apply --server-side -k manifests)',
      'NotFound',
    )
  return apiError(status, body)
}

/** A stream of lines, for logs. @throws CliError for a refusal. */
export async function openText(
  access: ApiClient,
  path: string,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const response = await access.stream({ path, signal })
  if (response.statusCode === 200) return response
  throw apiError(response.statusCode ?? 0, await text(response))
}

/** `housing`, `mr/housing`, `modelrelease/housing`, `modelreleases.modelrelease.io/housing`. */
export function nameOf(argument: string): string {
  const match =
    /^(?:(?:mr|modelreleases?(?:\.modelrelease\.io)?)\/)?([a-z0-9](?:[-.a-z0-9]*[a-z0-9])?)$/.exec(argument)
  if (!match?.[1])
    throw new CliError(`"${argument}" is no name of a ModelRelease: write it like housing, or mr/housing`)
  return match[1]
}
