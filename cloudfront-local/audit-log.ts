import { closeSync, openSync, writeSync } from 'node:fs'
import type { TargetChange } from './control-plane/distribution-config.ts'

/** One call of the control plane (or of the admin API, when it changed something), in the order of the commits. */
export type CallEntry = {
  type: 'Call'
  via: 'Api' | 'Admin'
  operation: string
  /** Left out for CloudFront itself. */
  service?: 'KeyValueStore'
  distribution?: string
  /** Name of a KeyValueStore; its ARN when there is none of that ARN. */
  store?: string
  function?: string
  policy?: string
  vpcOrigin?: string
  invalidation?: string
  /** Keys of a store that were put or deleted. */
  keys?: string[]
  /** What was put, by key. */
  puts?: Record<string, string>
  ifMatch?: string
  /** HTTP status that was decided; a dropped connection carries the status that was never sent. */
  status: number
  /** CloudFront's error code. */
  code?: string
  /** The new version identifier, when the call made one. */
  etag?: string
  version?: number
  targets?: TargetChange[]
  /** Where the new configuration differs from the one before, as paths of element names. */
  changed?: string[]
  /** The injected fault that the call met. */
  fault?: string
  requestId?: string
  userAgent?: string
  /** The access key id of the signature, which is not checked. */
  caller?: string
}

/** An edge began to serve a version of a distribution. */
export type EdgeEntry = {
  type: 'EdgeApplied'
  edge: number
  distribution: string
  version: number
  etag: string
  /** Status of the distribution from this moment on. */
  status: 'InProgress' | 'Deployed'
}

/** An edge began to use a change of something that is not a distribution: its number, or a purge of its cache. */
export type EdgeChangeEntry =
  | { type: 'EdgeStoreApplied'; edge: number; store: string; version: number; propagated: boolean }
  | { type: 'EdgeFunctionApplied'; edge: number; function: string; version: number; propagated: boolean }
  | { type: 'EdgeInvalidated'; edge: number; distribution: string; invalidation: string; propagated: boolean }

export type AuditEvent = CallEntry | EdgeEntry | EdgeChangeEntry
/** An event with its place in the log (1, 2, …) and its time (ISO 8601, UTC). */
export type AuditEntry = AuditEvent & { sequence: number; time: string }

type Waiter = { after: number; done: (entry: AuditEntry) => void; wanted: (entry: AuditEntry) => boolean }

// A day of polling fits; a forgotten emulator must not eat the machine's memory.
const KEPT_ENTRIES = 50_000

/** Everything that happened, in memory and, when asked for, in a file of JSON lines. */
export class AuditLog {
  readonly #entries: AuditEntry[] = []
  readonly #waiters = new Set<Waiter>()
  #file: number | undefined
  #sequence = 0

  /** Throws when the file cannot be opened for appending. */
  constructor(path?: string) {
    this.#file = path === undefined ? undefined : openSync(path, 'a')
  }

  /** Returns after the line stands in the file, so a reader never lags behind the answer that a client got. */
  append(event: AuditEvent): AuditEntry {
    this.#sequence += 1
    const entry = { sequence: this.#sequence, time: new Date().toISOString(), ...event }
    this.#entries.push(entry)
    if (this.#entries.length > KEPT_ENTRIES) this.#entries.shift()
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(entry)}\n`)
    for (const waiter of [...this.#waiters]) {
      if (entry.sequence <= waiter.after || !waiter.wanted(entry)) continue
      this.#waiters.delete(waiter)
      waiter.done(entry)
    }
    return entry
  }

  /** Entries with a greater sequence number, oldest first. */
  entries(after = 0): AuditEntry[] {
    return this.#entries.filter((entry) => entry.sequence > after)
  }

  /** The first entry after that sequence number that is wanted, now or later; rejects when the signal fires. */
  waitFor(wanted: (entry: AuditEntry) => boolean, after = 0, signal?: AbortSignal): Promise<AuditEntry> {
    const known = this.entries(after).find(wanted)
    if (known !== undefined) return Promise.resolve(known)
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { after, wanted, done: resolve }
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', () => {
        if (this.#waiters.delete(waiter)) reject(signal.reason as Error)
      })
    })
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
