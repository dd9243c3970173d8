/** The KeyValueStores: what they hold, and the limits of what they may hold. No sockets, no files. */
import { randomUUID } from 'node:crypto'
import { CloudFrontError } from '../control-plane/cloudfront-error.ts'
import { arnOf } from '../control-plane/documents.ts'
import { judgeIfMatch, newIdentifier } from '../control-plane/etag.ts'
import { KeyValueStoreError } from './key-value-store-error.ts'
import type { StoreSnapshot } from '../functions/event.ts'
import type { Clock } from '../propagation/clock.ts'
import type { Propagation } from '../propagation/propagation.ts'
import type { Shelf } from '../state/shelf.ts'

/**
 * `etag` is the data plane's: it versions all keys at once. `controlEtag` is the control plane's, which versions the
 * comment. Neither stands for the other.
 */
export type Store = {
  name: string
  id: string
  arn: string
  comment: string
  /** Counts the changes to the keys from 1. */
  number: number
  etag: string
  controlEtag: string
  items: Readonly<Record<string, string>>
  /** ISO 8601. */
  created: string
  modified: string
}

/** Puts and deletes that are done together or not at all. */
export type KeyChanges = { puts: readonly { key: string; value: string }[]; deletes: readonly string[] }

export type StoresOptions = {
  propagation: Propagation<StoreSnapshot>
  shelf: Shelf<Store>
  clock: Clock
  pick: (choices: number) => number
}

/** CloudFront's quotas, in bytes of UTF-8 where they are sizes. */
const LIMITS = {
  stores: 200,
  storeBytes: 5 * 1024 * 1024,
  keyBytes: 512,
  valueBytes: 1024,
  keysPerUpdate: 50,
  bytesPerUpdate: 3 * 1024 * 1024,
} as const

export class Stores {
  readonly #options: StoresOptions
  readonly #byName = new Map<string, Store>()

  /** Begins with what the shelf holds, as if it had been on every edge for long. */
  constructor(options: StoresOptions) {
    this.#options = options
    for (const store of options.shelf.all()) {
      this.#byName.set(store.name, store)
      options.propagation.seed(changeOf(store))
    }
  }

  /** By name. */
  list(): Store[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Throws the control plane's EntityNotFound. */
  get(name: string): Store {
    const store = this.#byName.get(name)
    if (store === undefined)
      throw new CloudFrontError('EntityNotFound', `There is no key value store ${name}.`)
    return store
  }

  /** Throws the data plane's ResourceNotFoundException. */
  byArn(arn: string): Store {
    const store = this.list().find((one) => one.arn === arn)
    if (store !== undefined) return store
    throw new KeyValueStoreError('ResourceNotFoundException', `There is no key value store ${arn}.`)
  }

  /** READY once every edge has had it. */
  statusOf({ arn, number }: Store): 'READY' | 'PROVISIONING' {
    return number > 1 || this.#options.propagation.isPropagated(arn) ? 'READY' : 'PROVISIONING'
  }

  /** CreateKeyValueStore; `items` only from a seed, and then it is on all edges at once. Throws CloudFrontError. */
  create(name: string, comment: string, items?: Record<string, string>): Store {
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw new CloudFrontError('InvalidArgument', 'A name has 1 to 64 letters, digits, "-" and "_".')
    }
    if (this.#byName.has(name)) {
      throw new CloudFrontError('EntityAlreadyExists', `The key value store ${name} exists already.`)
    }
    if (this.#byName.size >= LIMITS.stores) {
      throw new CloudFrontError('EntityLimitExceeded', `More than ${LIMITS.stores} key value stores.`)
    }
    const { clock, pick, propagation } = this.#options
    const id = randomUUID()
    const now = clock.date().toISOString()
    const store: Store = {
      name,
      id,
      arn: arnOf('key-value-store', id),
      comment,
      number: 1,
      etag: `KV${newIdentifier(pick).slice(1)}`,
      controlEtag: newIdentifier(pick),
      items: items ?? {},
      created: now,
      modified: now,
    }
    this.#keep(store)
    if (items === undefined) propagation.publish(changeOf(store))
    else propagation.seed(changeOf(store))
    return store
  }

  /** UpdateKeyValueStore: the comment and nothing else. Throws CloudFrontError. */
  describe(name: string, ifMatch: string | undefined, comment: string): Store {
    const { clock, pick } = this.#options
    const modified = clock.date().toISOString()
    const store = { ...this.#guarded(name, ifMatch), comment, controlEtag: newIdentifier(pick), modified }
    this.#keep(store)
    return store
  }

  /** DeleteKeyValueStore. Throws CloudFrontError. */
  delete(name: string, ifMatch: string | undefined): void {
    const { arn } = this.#guarded(name, ifMatch)
    this.#byName.delete(name)
    this.#options.shelf.delete(name)
    this.#options.propagation.remove(arn)
  }

  /** PutKey, DeleteKey and UpdateKeys, guarded by If-Match. Throws KeyValueStoreError. */
  change(arn: string, ifMatch: string | undefined, changes: KeyChanges): Store {
    const store = this.byArn(arn)
    refuseIfMatch(ifMatch, store.etag)
    return this.rewrite(store.name, changes)
  }

  /** A write by somebody else: it needs no ETag and obeys every other rule. */
  rewrite(name: string, changes: KeyChanges): Store {
    const { clock, pick, propagation } = this.#options
    const current = this.get(name)
    const store: Store = {
      ...current,
      items: changed(current, changes),
      number: current.number + 1,
      etag: `KV${newIdentifier(pick).slice(1)}`,
      modified: clock.date().toISOString(),
    }
    this.#keep(store)
    propagation.publish(changeOf(store))
    return store
  }

  #guarded(name: string, ifMatch: string | undefined): Store {
    const store = this.get(name)
    const stale = judgeIfMatch(ifMatch, store.controlEtag)
    if (stale !== undefined) throw stale
    return store
  }

  #keep(store: Store): void {
    this.#byName.set(store.name, store)
    this.#options.shelf.put(store.name, store)
  }
}

/** Bytes of all keys and values. */
export function sizeOf(items: Readonly<Record<string, string>>): number {
  return Object.entries(items).reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0)
}

function changeOf(store: Store): { resource: string; number: number; value: StoreSnapshot } {
  const { arn, number, items, created, modified } = store
  return { resource: arn, number, value: { arn, number, items, created, modified } }
}

// Which error a stale ETag raises is not documented; of those that are modelled only the conflict fits.
function refuseIfMatch(ifMatch: string | undefined, current: string): void {
  if (ifMatch === undefined || !/^KV[A-Z0-9]{13}$/.test(ifMatch)) {
    throw new KeyValueStoreError(
      'ValidationException',
      'If-Match is missing or no version of a key value store.',
    )
  }
  if (ifMatch !== current) {
    throw new KeyValueStoreError('ConflictException', 'The key value store was changed since this version.')
  }
}

function changed(store: Store, { puts, deletes }: KeyChanges): Record<string, string> {
  refuseShape(puts, deletes)
  const gone = deletes.find((key) => !Object.hasOwn(store.items, key))
  if (gone !== undefined) {
    throw new KeyValueStoreError('ResourceNotFoundException', `There is no key "${gone}".`)
  }
  const kept = Object.entries(store.items).filter(([key]) => !deletes.includes(key))
  const items = Object.fromEntries([...kept, ...puts.map(({ key, value }) => [key, value] as const)])
  if (sizeOf(items) > LIMITS.storeBytes) {
    throw new KeyValueStoreError('ServiceQuotaExceededException', 'A key value store holds 5 MB at most.')
  }
  return items
}

function refuseShape(puts: KeyChanges['puts'], deletes: readonly string[]): void {
  const keys = [...puts.map(({ key }) => key), ...deletes]
  const total = puts.reduce((sum, { key, value }) => sum + bytes(key) + bytes(value), 0)
  const problem = [
    keys.length === 0 && 'nothing to put and nothing to delete',
    keys.length > LIMITS.keysPerUpdate && `more than ${LIMITS.keysPerUpdate} keys in one update`,
    total > LIMITS.bytesPerUpdate && 'more than 3 MB in one update',
    new Set(keys).size < keys.length && 'the same key twice',
    keys.some((key) => key === '' || bytes(key) > LIMITS.keyBytes) &&
      `a key has 1 to ${LIMITS.keyBytes} bytes`,
    puts.some(({ value }) => bytes(value) > LIMITS.valueBytes) &&
      `a value has at most ${LIMITS.valueBytes} bytes`,
  ].find((found) => found !== false)
  if (problem !== undefined) throw new KeyValueStoreError('ValidationException', `Not valid: ${problem}.`)
}

function bytes(text: string): number {
  return Buffer.byteLength(text)
}
