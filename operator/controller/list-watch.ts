import type { IncomingMessage } from 'node:http'
import { type ApiClient, ApiError, apiError, expectOk, text } from './api-client.ts'
import { type BackoffOptions, backoffMs, type Clock, sleep, systemClock } from './clock.ts'
import { type Log, silent } from './log.ts'

/** Which objects to watch. */
export type Resource = {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  /** All namespaces when absent. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/** The part of an object's metadata that says whom a change of it concerns. */
export type ObjectMeta = {
  readonly namespace?: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly ownerReferences: readonly OwnerReference[]
}

/** A metav1.OwnerReference. */
export type OwnerReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
}

/** A reason to look again at what `key` names; never the truth about it. */
export type WatchEvent =
  | {
      readonly type: 'Listed' | 'Added' | 'Modified' | 'Deleted'
      readonly key: string
      readonly meta: ObjectMeta
    }
  /** An object of this key vanished while nobody watched, or belongs to another key now. */
  | { readonly type: 'Gone'; readonly key: string }
  /** Everything there is has been listed; comes again after each relist. */
  | { readonly type: 'Synced'; readonly objects: number }

/** How long things may take, in milliseconds. */
export type ListWatchTimes = {
  /** A watch is asked to end after about this long, and everything is listed again. Default 5 minutes. */
  readonly roundMs: number
  /**
   * How long a watch may take to begin, and to end once it should have. Default 45 s. In between it may be silent: of a resource
   * that nothing happens to, an API server sends no bookmarks. A peer that is gone is found by TCP's keep-alive (api-client.ts).
   */
  readonly answerMs: number
  /** What is listed anew is reported although nothing of it has changed once so much time has passed. Default 10 minutes. */
  readonly resyncMs: number
  /** Before the next try after something went wrong. Default 200 ms to 30 s. */
  readonly backoff: BackoffOptions
}

const DEFAULT_TIMES: ListWatchTimes = {
  roundMs: 300_000,
  answerMs: 45_000,
  resyncMs: 600_000,
  backoff: { baseMs: 200, maxMs: 30_000 },
}

/** What a list-watch needs. */
export type ListWatchOptions = {
  readonly access: ApiClient
  readonly resource: Resource
  /** Which key an object concerns; undefined: none of ours. Default: its own `namespace/name`. */
  readonly keyOf?: (meta: ObjectMeta) => string | undefined
  /** Must not throw; when it does, everything is listed again, so nothing is lost. */
  readonly onSeen: (seen: WatchEvent) => void
  readonly signal: AbortSignal
  readonly clock?: Clock
  readonly times?: ListWatchTimes
  readonly log?: Log
}

/** How a watch ended that did not fail. */
type Ending = 'Closed' | 'Expired' | 'Overdue'

/**
 * Lists and watches until `signal` aborts, then resolves; it never rejects. Whatever ends a watch (the server's time
 * limit, an ERROR event in the stream, a lost connection) everything is listed again, so the worst that a
 * fault can do is delay. Of what is listed again, only what differs is reported, and everything from time to time. In memory
 * it keeps a name, a key and a version for each object, and no object.
 */
export async function listWatch(options: ListWatchOptions): Promise<void> {
  await new ListWatch(options).run()
}

/** Where the objects of a resource are: a path without a query. */
export function collectionPath({ group, version, plural, namespace }: Resource): string {
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`
  return namespace ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`
}

// Metadata is all we look at; a server that cannot send it alone sends the whole objects.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
const ONLY_METADATA = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`
const PAGE = 500
/** A list and its watch that lasted this long were no failure, however they ended. */
const STEADY_MS = 5_000

/** The key of an object, and its state when it was last reported. */
type Known = { readonly key: string; readonly version: string }
type WireObject = { metadata?: Partial<ObjectMeta> }
type WireList = { metadata?: { resourceVersion?: string; continue?: string }; items?: WireObject[] | null }
type WireEvent = { type?: string; object?: WireObject & { code?: number; message?: string; reason?: string } }

class ListWatch {
  readonly #options: ListWatchOptions
  readonly #keyOf: (meta: ObjectMeta) => string | undefined
  readonly #clock: Clock
  readonly #times: ListWatchTimes
  readonly #log: Log
  /** Each object that is there, by `namespace/name`. */
  #known = new Map<string, Known>()
  /** When everything was reported last. */
  #resyncedAt = -Infinity
  /** False after a list was too old to be continued: the next one comes in one piece. */
  #paged = true

  constructor(options: ListWatchOptions) {
    this.#options = options
    this.#keyOf = options.keyOf ?? nameOf
    this.#clock = options.clock ?? systemClock
    this.#times = options.times ?? DEFAULT_TIMES
    this.#log = options.log ?? silent
  }

  async run(): Promise<void> {
    const { signal, resource } = this.#options
    for (let failures = 0; !signal.aborted;) {
      const began = this.#clock.monotonicMs()
      try {
        const ending = await this.#watch(await this.#list())
        this.#log.debug({ resource: resource.plural, ending }, 'A watch ended; listing again')
      } catch (err) {
        if (isAborted(signal)) return
        this.#log.warn({ resource: resource.plural, err }, 'A watch failed; listing again')
      }
      // What worked for a while is tried again at once; what fails or ends at once is not, however it ends.
      const worked = this.#clock.monotonicMs() - began > STEADY_MS
      failures = worked ? 0 : failures + 1
      if (failures > 0)
        await sleep(this.#clock, backoffMs(this.#times.backoff, failures, this.#clock.random()), signal)
    }
  }

  /** Reports all there is, and what is there no more; returns the version to watch from. */
  async #list(): Promise<string> {
    const listed = new Set<string>()
    const began = this.#clock.monotonicMs()
    const isResync = began - this.#resyncedAt >= this.#times.resyncMs
    let version = ''
    for await (const { items, metadata } of this.#pages()) {
      for (const meta of (items ?? []).flatMap((item) => metaOf(item) ?? [])) {
        listed.add(nameOf(meta))
        if (isResync || !this.#isKnown(meta)) this.#report('Listed', meta)
      }
      version = metadata?.resourceVersion ?? ''
    }
    this.#paged = true
    if (isResync) this.#resyncedAt = began
    this.#forgetAllBut(listed)
    this.#options.onSeen({ type: 'Synced', objects: listed.size })
    return version
  }

  async *#pages(): AsyncGenerator<WireList> {
    const query = this.#query(this.#paged ? { limit: String(PAGE) } : {})
    for (let token: string | undefined; token !== '';) {
      if (token) query.set('continue', token)
      const page = await this.#page(query, token)
      yield page
      token = page.metadata?.continue ?? ''
    }
  }

  async #page(query: URLSearchParams, token: string | undefined): Promise<WireList> {
    const answer = await this.#options.access.request({
      path: `${collectionPath(this.#options.resource)}?${query.toString()}`,
      accept: ONLY_METADATA('PartialObjectMetadataList'),
      signal: this.#options.signal,
    })
    // The server forgot the version that the pages before were of; only a list in one piece is sure to end.
    if (answer.status === 410 && token) this.#paged = false
    return JSON.parse(expectOk(answer)) as WireList
  }

  #forgetAllBut(listed: ReadonlySet<string>): void {
    for (const [name, { key }] of this.#known) {
      if (listed.has(name)) continue
      this.#options.onSeen({ type: 'Gone', key })
      this.#known.delete(name)
    }
  }

  async #watch(version: string): Promise<Ending> {
    const round = new Round(this.#options.signal, this.#clock, this.#times)
    try {
      // Of several watches that began together not all should end together.
      const seconds = Math.ceil((this.#times.roundMs / 1000) * (0.8 + this.#clock.random() * 0.2))
      const query = this.#query({
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: version,
        timeoutSeconds: String(seconds),
      })
      const stream = await this.#options.access.stream({
        path: `${collectionPath(this.#options.resource)}?${query.toString()}`,
        accept: ONLY_METADATA('PartialObjectMetadata'),
        signal: round.signal,
      })
      round.begun()
      if (stream.statusCode !== 200) throw apiError(stream.statusCode ?? 0, await text(stream))
      return await this.#follow(stream)
    } catch (error) {
      if (round.overdue) return 'Overdue'
      if (error instanceof ApiError && error.status === 410) return 'Expired'
      throw error
    } finally {
      round.end()
    }
  }

  async #follow(stream: IncomingMessage): Promise<Ending> {
    stream.setEncoding('utf8')
    let rest = ''
    for await (const chunk of stream) {
      const lines = (rest + (chunk as string)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line !== '') this.#event(JSON.parse(line) as WireEvent)
      }
    }
    return 'Closed'
  }

  #event({ type, object }: WireEvent): void {
    switch (type) {
      case 'ADDED':
        this.#report('Added', metaOf(object))
        return
      case 'MODIFIED':
        this.#report('Modified', metaOf(object))
        return
      case 'DELETED':
        this.#report('Deleted', metaOf(object))
        return
      case 'ERROR':
        // An expired version comes as an event of a stream that began with 200.
        throw new ApiError(
          object?.code ?? 0,
          object?.message ?? 'the watch ended with an error',
          object?.reason,
        )
      default:
        // BOOKMARK only says that the stream is alive; that is enough, since we never continue from a version.
        return
    }
  }

  #report(type: 'Listed' | 'Added' | 'Modified' | 'Deleted', meta: ObjectMeta | undefined): void {
    if (!meta) return
    const name = nameOf(meta)
    const before = this.#known.get(name)?.key
    const key = this.#keyOf(meta)
    if (before !== undefined && before !== key) this.#options.onSeen({ type: 'Gone', key: before })
    if (key !== undefined) this.#options.onSeen({ type, key, meta })
    // Kept only after it was told, so that a receiver that failed is told again.
    if (key === undefined || type === 'Deleted') this.#known.delete(name)
    else this.#known.set(name, { key, version: versionOf(meta) })
  }

  #isKnown(meta: ObjectMeta): boolean {
    return this.#known.get(nameOf(meta))?.version === versionOf(meta)
  }

  #query(parameters: Record<string, string>): URLSearchParams {
    const { labelSelector, fieldSelector } = this.#options.resource
    const query = new URLSearchParams(parameters)
    if (labelSelector) query.set('labelSelector', labelSelector)
    if (fieldSelector) query.set('fieldSelector', fieldSelector)
    return query
  }
}

/** The life of one watch: it ends with the operator, or when the server neither begins nor ends it in time. */
class Round {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal
  readonly #stop = () => {
    this.#controller.abort()
  }
  readonly #cancelBegin: () => void
  readonly #cancelEnd: () => void
  overdue = false

  constructor(outer: AbortSignal, clock: Clock, { answerMs, roundMs }: ListWatchTimes) {
    this.#outer = outer
    outer.addEventListener('abort', this.#stop, { once: true })
    const giveUp = (): void => {
      this.overdue = true
      this.#controller.abort()
    }
    this.#cancelBegin = clock.after(answerMs, giveUp)
    this.#cancelEnd = clock.after(roundMs + answerMs, giveUp)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  begun(): void {
    this.#cancelBegin()
  }

  /** Also closes the connection, which a throwing receiver would leave open. */
  end(): void {
    this.#cancelBegin()
    this.#cancelEnd()
    this.#outer.removeEventListener('abort', this.#stop)
    this.#controller.abort()
  }
}

/** Hides from the compiler that it looked before: an await in between can change the answer. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

function nameOf({ namespace, name }: ObjectMeta): string {
  return namespace ? `${namespace}/${name}` : name
}

/** Differs also where an object was made anew under its name. */
function versionOf({ uid, resourceVersion }: ObjectMeta): string {
  return `${uid} ${resourceVersion}`
}

function metaOf(object: WireObject | undefined): ObjectMeta | undefined {
  const { namespace, name, uid, resourceVersion, labels, annotations, ownerReferences } =
    object?.metadata ?? {}
  if (!name) return undefined
  return {
    ...(namespace ? { namespace } : {}),
    name,
    uid: uid ?? '',
    resourceVersion: resourceVersion ?? '',
    labels: labels ?? {},
    annotations: annotations ?? {},
    ownerReferences: ownerReferences ?? [],
  }
}
