/** The data plane of KeyValueStores on the wire: REST-JSON, another service than the control plane. */
import { KeyValueStoreError } from './key-value-store-error.ts'
import { sizeOf } from './stores.ts'
import type { CallEntry } from '../audit-log.ts'
import type { Answer, Call, Route, Service } from '../calls/call.ts'
import type { KeyChanges, Store, Stores } from './stores.ts'

/** Every path of the data plane begins with this, and none of the control plane does. */
export const DATA_PLANE_PREFIX = '/key-value-stores/'

const STORE = /^\/key-value-stores\/([^/]+)$/
const KEYS = /^\/key-value-stores\/([^/]+)\/keys$/
const KEY = /^\/key-value-stores\/([^/]+)\/keys\/([^/]+)$/
const DEFAULT_RESULTS = 10
const MAX_RESULTS = 50

/** The service; it takes calls for any host, since the SDK puts the account's number before the name it is given. */
export function dataPlane(stores: Stores): Service {
  const subject = 'store'
  const bind = (handle: (stores: Stores, call: Call) => Answer) => (call: Call) => handle(stores, call)
  const routes: Route[] = [
    { method: 'GET', path: STORE, operation: 'DescribeKeyValueStore', subject, handle: bind(describe) },
    { method: 'GET', path: KEYS, operation: 'ListKeys', subject, handle: bind(listKeys) },
    { method: 'POST', path: KEYS, operation: 'UpdateKeys', subject, handle: bind(updateKeys) },
    { method: 'GET', path: KEY, operation: 'GetKey', subject, handle: bind(getKey) },
    { method: 'PUT', path: KEY, operation: 'PutKey', subject, handle: bind(putKey) },
    { method: 'DELETE', path: KEY, operation: 'DeleteKey', subject, handle: bind(deleteKey) },
  ]
  return {
    name: 'KeyValueStore',
    routes,
    contentType: 'application/json',
    nameOf: (arn) => stores.list().find((store) => store.arn === arn)?.name ?? arn,
    describeError: ({ code, message }) => ({
      body: JSON.stringify({ Message: message }),
      headers: { 'x-amzn-errortype': code },
    }),
    unknownCall: () => new KeyValueStoreError('ResourceNotFoundException', 'There is no such operation.'),
  }
}

function json(body: object, { etag }: Store): Answer {
  return { status: 200, body: JSON.stringify(body), headers: { etag } }
}

function storeOf(stores: Stores, { parts: [arn = ''] }: Call): Store {
  return stores.byArn(arn)
}

function describe(stores: Stores, call: Call): Answer {
  const store = storeOf(stores, call)
  return json(
    {
      ...totals(store),
      KvsARN: store.arn,
      Created: Date.parse(store.created) / 1000,
      LastModified: Date.parse(store.modified) / 1000,
      Status: stores.statusOf(store),
    },
    store,
  )
}

function getKey(stores: Stores, call: Call): Answer {
  const store = storeOf(stores, call)
  const [, key = ''] = call.parts
  const value = Object.hasOwn(store.items, key) ? store.items[key] : undefined
  if (value === undefined)
    throw new KeyValueStoreError('ResourceNotFoundException', `There is no key "${key}".`)
  return json({ Key: key, Value: value, ...totals(store) }, store)
}

function listKeys(stores: Stores, call: Call): Answer {
  const store = storeOf(stores, call)
  const after = call.query.get('NextToken') ?? ''
  const asked = Number(call.query.get('MaxResults') ?? DEFAULT_RESULTS)
  if (!Number.isInteger(asked) || asked < 1 || asked > MAX_RESULTS) {
    throw new KeyValueStoreError('ValidationException', `MaxResults is from 1 to ${MAX_RESULTS}.`)
  }
  const keys = Object.keys(store.items)
    .sort()
    .filter((key) => key > after)
  const page = keys.slice(0, asked)
  return json(
    {
      Items: page.map((key) => ({ Key: key, Value: store.items[key] })),
      ...(keys.length > asked ? { NextToken: page.at(-1) } : {}),
    },
    store,
  )
}

function putKey(stores: Stores, call: Call): Answer {
  const [, key = ''] = call.parts
  const { Value: value } = parse(call.body) as { Value?: unknown }
  if (typeof value !== 'string') throw new KeyValueStoreError('ValidationException', 'Value is missing.')
  return changed(stores, call, { puts: [{ key, value }], deletes: [] })
}

function deleteKey(stores: Stores, call: Call): Answer {
  const [, key = ''] = call.parts
  return changed(stores, call, { puts: [], deletes: [key] })
}

function updateKeys(stores: Stores, call: Call): Answer {
  const { Puts = [], Deletes = [] } = parse(call.body) as Partial<Record<'Puts' | 'Deletes', unknown>>
  return changed(stores, call, {
    puts: members(Puts, ['Key', 'Value']).map(([key = '', value = '']) => ({ key, value })),
    deletes: members(Deletes, ['Key']).map(([key = '']) => key),
  })
}

function changed(stores: Stores, call: Call, changes: KeyChanges): Answer {
  const store = stores.change(call.parts[0] ?? '', call.ifMatch, changes)
  return { ...json(totals(store), store), audit: entryOf(store, changes) }
}

/** What the audit log says of a change that made this of the store. */
export function entryOf(
  { etag, number: version }: Store,
  { puts, deletes }: KeyChanges,
): Pick<CallEntry, 'etag' | 'version' | 'keys' | 'puts'> {
  const keys = [...puts.map(({ key }) => key), ...deletes]
  return { etag, version, keys, puts: Object.fromEntries(puts.map(({ key, value }) => [key, value])) }
}

function totals({ items }: Store): { ItemCount: number; TotalSizeInBytes: number } {
  return { ItemCount: Object.keys(items).length, TotalSizeInBytes: sizeOf(items) }
}

function parse(body: string): object {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null) return parsed
  } catch {
    // Said below, like everything else that is no object.
  }
  throw new KeyValueStoreError('ValidationException', 'The body is not a JSON object.')
}

/** The texts of the named members of each object in a list. */
function members(value: unknown, names: readonly string[]): string[][] {
  const items = Array.isArray(value) ? (value as unknown[]) : [undefined]
  return items.map((item) =>
    names.map((name) => {
      const text = (item as Record<string, unknown> | undefined)?.[name]
      if (typeof text === 'string') return text
      throw new KeyValueStoreError('ValidationException', `${names.join(' and ')} must be given as text.`)
    }),
  )
}
