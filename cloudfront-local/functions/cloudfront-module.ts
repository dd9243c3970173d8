/** The `cloudfront` module of the functions' runtime: KeyValueStores and the choice of the origin. */
import type { OriginChoice, OriginUpdate, StoreSnapshot } from './event.ts'

/** One run of a function. `originIds` are those of its distribution; a test of a function has none. */
export type Run = { logs: string[]; originIds?: readonly string[]; origin?: OriginChoice }

type Format = 'string' | 'json' | 'bytes'

/** What `cf.kvs()` gives. */
type Store = {
  get: (key: string, options?: { format?: Format }) => Promise<unknown>
  exists: (key: string) => Promise<boolean>
  count: () => Promise<number>
  meta: () => Promise<{ creationDateTime: string; lastUpdatedDateTime: string; keyCount: number }>
}

type CloudFrontModule = {
  kvs: () => Store
  selectRequestOriginById: (originId: string) => void
  updateRequestOrigin: (update: OriginUpdate) => void
}

/** `run` gives the run that asks; `store` the newest snapshot of the function's store at this edge. */
export function cloudFrontModule(of: {
  run: () => Run
  store: () => StoreSnapshot | undefined
}): CloudFrontModule {
  return {
    kvs: () => {
      const store = of.store()
      if (store === undefined) throw new Error('no KeyValueStore is associated with this function')
      return storeOf(store)
    },
    selectRequestOriginById: (originId) => {
      const run = of.run()
      if (run.originIds?.includes(originId) === false) {
        throw new Error(`the distribution has no origin "${originId}"`)
      }
      run.origin = { type: 'ById', originId }
    },
    updateRequestOrigin: (update) => {
      refuse(update)
      of.run().origin = { type: 'Update', update: JSON.parse(JSON.stringify(update)) as OriginUpdate }
    },
  }
}

function storeOf({ items, created, modified }: StoreSnapshot): Store {
  return {
    // Async, so that a missing key is a rejection, as at CloudFront, and not an exception before the promise.
    // eslint-disable-next-line @typescript-eslint/require-await
    get: async (key, { format = 'string' } = {}) => {
      const value = Object.hasOwn(items, key) ? items[key] : undefined
      if (value === undefined) throw new Error(`KeyNotFound: the key "${key}" does not exist`)
      switch (format) {
        case 'string':
          return value
        case 'json':
          return JSON.parse(value) as unknown
        case 'bytes':
          return Buffer.from(value)
      }
    },
    exists: (key) => Promise.resolve(Object.hasOwn(items, key)),
    count: () => Promise.resolve(Object.keys(items).length),
    meta: () =>
      Promise.resolve({
        creationDateTime: created,
        lastUpdatedDateTime: modified,
        keyCount: Object.keys(items).length,
      }),
  }
}

function refuse(update: OriginUpdate): void {
  const { domainName, originPath, connectionAttempts } = update
  if (domainName !== undefined && !/^[\w.-]{1,253}$/.test(domainName)) {
    throw new Error(`updateRequestOrigin: "${domainName}" is not a domain name`)
  }
  if (originPath !== undefined && originPath !== '' && !/^\/.*[^/]$/.test(originPath)) {
    throw new Error('updateRequestOrigin: originPath must begin with "/" and not end with one')
  }
  if (connectionAttempts !== undefined && ![1, 2, 3].includes(connectionAttempts)) {
    throw new Error('updateRequestOrigin: connectionAttempts must be 1, 2 or 3')
  }
}
