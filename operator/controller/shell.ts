import dotI, { type OperatorLogger, type ResourceEvent } from '@dot-i/k8s-operator'
import type { KubernetesObject } from '@kubernetes/client-node'
import { ApiClient, type AccessOptions } from './api-client.ts'
import { type Clock, systemClock } from './clock.ts'
import {
  listWatch,
  type ListWatchTimes,
  type ObjectMeta,
  type Resource,
  type WatchEvent,
} from './list-watch.ts'
import { type Log } from './log.ts'

/** What an operator shell needs besides a log; everything has a default. */
export type OperatorShellOptions = {
  readonly clock?: Clock
  readonly access?: AccessOptions
  readonly times?: ListWatchTimes
}

/** Arguments of the inherited verb: group, version, plural, what to do, namespace. */
type WatchArguments = [
  group: string,
  version: string,
  plural: string,
  onEvent: (event: ResourceEvent) => Promise<void>,
  namespace?: string,
]

// A watch lists again about every five minutes; one that has not for twice as long is in trouble.
const OVERDUE_MS = 600_000

/**
 * The life of an operator: @dot-i/k8s-operator loads the kubeconfig, takes the log, and goes start → init → stop. Its
 * watch is replaced by ours, and its helpers that do not work with client-node ≥ 1 say what to use instead; see
 * docs/adr/0001-dot-i-lifecycle-shell.md.
 */
export abstract class OperatorShell extends dotI.default {
  /** The way to the API server, with the kubeconfig that was loaded. Whoever elects a leader guards its writes. */
  readonly access: ApiClient
  readonly #log: Log
  readonly #clock: Clock
  readonly #times: ListWatchTimes | undefined
  readonly #stopping = new AbortController()
  /** When each watch last had listed everything; undefined: not yet. */
  readonly #synced = new Map<string, number | undefined>()

  constructor(log: Log, options: OperatorShellOptions = {}) {
    super(textLogger(log))
    this.#log = log
    this.#clock = options.clock ?? systemClock
    this.#times = options.times
    this.access = new ApiClient(this.kubeConfig, options.access)
  }

  /** Ends the watches and closes the idle connections; final. Requests under way go on. */
  override stop(): void {
    super.stop()
    this.#stopping.abort()
    this.access.close()
  }

  /**
   * Watches `resource` until stop(): `onSeen` is told for which key there is something to look at. See list-watch.ts
   * for `keyOf` and for what is told.
   */
  protected watch(
    resource: Resource,
    onSeen: (seen: WatchEvent) => void,
    keyOf?: (meta: ObjectMeta) => string | undefined,
  ): void {
    const id = `${idOf(resource)}#${this.#synced.size}`
    this.#synced.set(id, undefined)
    void listWatch({
      access: this.access,
      resource,
      signal: this.#stopping.signal,
      clock: this.#clock,
      log: this.#log,
      ...(keyOf ? { keyOf } : {}),
      ...(this.#times ? { times: this.#times } : {}),
      onSeen: (seen) => {
        onSeen(seen)
        if (seen.type === 'Synced') this.#synced.set(id, this.#clock.monotonicMs())
      },
    })
  }

  /** Why this replica does not know what there is, if so: a watch has not listed yet, or not for long. */
  watchProblem(): string | undefined {
    const now = this.#clock.monotonicMs()
    const late = [...this.#synced].flatMap(([id, at]) => {
      if (at === undefined) return [`${nameOfId(id)} not listed yet`]
      return now - at > OVERDUE_MS
        ? [`${nameOfId(id)} not listed for ${Math.round((now - at) / 1000)} s`]
        : []
    })
    return late.length === 0 ? undefined : late.join(', ')
  }

  /**
   * The inherited verb on our list-watch. Its events carry metadata only, of objects that vanished unwatched there are
   * none, and a handler that rejects is logged and told again at the next list; prefer `watch`.
   */
  protected override watchResource(
    ...[group, version, plural, onEvent, namespace]: WatchArguments
  ): Promise<void> {
    const apiVersion = group ? `${group}/${version}` : version
    const resource = { group, version, plural, ...(namespace === undefined ? {} : { namespace }) }
    this.watch(resource, (seen) => {
      if (seen.type === 'Synced' || seen.type === 'Gone') return
      onEvent(resourceEvent(seen.type, seen.meta, { plural, apiVersion })).catch((err: unknown) => {
        this.#log.error({ err, resource: plural, key: seen.key }, 'The handler of an event failed')
      })
    })
    return Promise.resolve()
  }

  protected override registerCustomResourceDefinition(): never {
    throw unsupported(
      'registerCustomResourceDefinition',
      'install the definition with kubectl apply or a chart',
    )
  }

  protected override getCustomResourceApiUri(): never {
    throw unsupported('getCustomResourceApiUri', 'use collectionPath of list-watch.ts, with Access')
  }

  protected override setResourceStatus(): never {
    throw unsupported('setResourceStatus', 'write the status subresource with Access and its resourceVersion')
  }

  protected override patchResourceStatus(): never {
    throw unsupported(
      'patchResourceStatus',
      'write the status subresource with Access and its resourceVersion',
    )
  }

  protected override handleResourceFinalizer(): never {
    throw unsupported('handleResourceFinalizer', 'use ownerReferences; nothing here may need a finalizer')
  }

  protected override setResourceFinalizers(): never {
    throw unsupported('setResourceFinalizers', 'use ownerReferences; nothing here may need a finalizer')
  }

  protected override applyAxiosKubeConfigAuth(): never {
    throw unsupported('applyAxiosKubeConfigAuth', 'use Access, which authenticates each request')
  }

  protected override applyGaxiosKubeConfigAuth(): never {
    throw unsupported('applyGaxiosKubeConfigAuth', 'use Access, which authenticates each request')
  }
}

function unsupported(helper: string, instead: string): Error {
  return new Error(
    `${helper} of @dot-i/k8s-operator does not work with @kubernetes/client-node ≥ 1 (docs/adr/0001-dot-i-lifecycle-shell.md); ${instead}`,
  )
}

function textLogger(log: Log): OperatorLogger {
  return {
    debug: (message) => log.debug({}, message),
    info: (message) => log.info({}, message),
    warn: (message) => log.warn({}, message),
    error: (message) => log.error({}, message),
  }
}

function resourceEvent(
  type: 'Listed' | 'Added' | 'Modified' | 'Deleted',
  meta: ObjectMeta,
  { plural, apiVersion }: { plural: string; apiVersion: string },
): ResourceEvent {
  const { Added, Modified, Deleted } = dotI.ResourceEventType
  return {
    type: { Listed: Added, Added, Modified, Deleted }[type],
    // The metadata of an object does not say its kind.
    meta: { ...meta, id: `${plural}.${apiVersion}`, apiVersion, kind: '' },
    object: { apiVersion, metadata: plain(meta) },
  }
}

// client-node's objects are plain too, whatever their types say.
function plain(meta: ObjectMeta): NonNullable<KubernetesObject['metadata']> {
  return structuredClone(meta) as unknown as NonNullable<KubernetesObject['metadata']>
}

function idOf({ group, plural, namespace }: Resource): string {
  return [group ? `${plural}.${group}` : plural, ...(namespace ? [`in ${namespace}`] : [])].join(' ')
}

function nameOfId(id: string): string {
  return id.slice(0, id.lastIndexOf('#'))
}
