/** The control plane of KeyValueStores: they are made and named here, and filled through the data plane. */
import { CloudFrontError } from './cloudfront-error.ts'
import { document, locationOf, pageOf, plainList, readDocument, required } from './documents.ts'
import { child, contentOf, element, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { Store, Stores } from '../key-value-store/stores.ts'
import type { Tags } from './tags.ts'
import type { XmlElement } from './xml.ts'

/** `isInUse` tells whether a function is associated with the store of that ARN. */
export type StoreServices = {
  stores: Stores
  isInUse: (arn: string) => boolean
  tags: Tags
  maxPageSize: number
}

export function storeRoutes(services: StoreServices): Handler[] {
  const subject = 'store'
  const bind = (handle: (services: StoreServices, call: Call) => Answer) => (call: Call) =>
    handle(services, call)
  return [
    { operation: 'ListKeyValueStores', handle: bind(listStores) },
    { operation: 'CreateKeyValueStore', handle: bind(create) },
    { operation: 'DescribeKeyValueStore', subject, handle: bind(describe) },
    { operation: 'UpdateKeyValueStore', subject, handle: bind(update) },
    { operation: 'DeleteKeyValueStore', subject, handle: bind(remove) },
  ]
}

function nameIn({ parts: [name = ''] }: Call): string {
  return name
}

function told({ stores }: StoreServices, store: Store): XmlElement {
  return element(
    'KeyValueStore',
    element('Name', store.name),
    element('Id', store.id),
    element('Comment', store.comment),
    element('ARN', store.arn),
    element('Status', stores.statusOf(store)),
    element('LastModifiedTime', store.modified),
  )
}

function answer(services: StoreServices, store: Store, status = 200): Answer {
  return { status, headers: { etag: store.controlEtag }, body: document(told(services, store)) }
}

function listStores(services: StoreServices, { query }: Call): Answer {
  const status = query.get('Status')
  const all = services.stores
    .list()
    .filter((one) => status === null || services.stores.statusOf(one) === status)
  const page = pageOf(all, ({ name }) => name, { query, cap: services.maxPageSize })
  const items = page.items.map((store) => told(services, store))
  return { status: 200, body: plainList('KeyValueStoreList', page, items) }
}

function create(services: StoreServices, call: Call): Answer {
  const body = readDocument(call.body, 'CreateKeyValueStoreRequest')
  if (child(body, 'ImportSource') !== undefined) {
    throw new CloudFrontError('InvalidArgument', 'This emulator has no S3 to import from.')
  }
  const tags = services.tags.readFrom(body)
  const store = services.stores.create(contentOf(required(body, 'Name')), textOf(body, 'Comment') ?? '')
  services.tags.put(store.arn, tags)
  const told201 = answer(services, store, 201)
  const location = locationOf(`key-value-store/${store.name}`)
  return {
    ...told201,
    headers: { ...told201.headers, location },
    audit: { store: store.name, etag: store.controlEtag },
  }
}

function describe(services: StoreServices, call: Call): Answer {
  return answer(services, services.stores.get(nameIn(call)))
}

function update(services: StoreServices, call: Call): Answer {
  const comment = contentOf(required(readDocument(call.body, 'UpdateKeyValueStoreRequest'), 'Comment'))
  const store = services.stores.describe(nameIn(call), call.ifMatch, comment)
  return { ...answer(services, store), audit: { etag: store.controlEtag } }
}

function remove({ stores, isInUse, tags }: StoreServices, call: Call): Answer {
  const { arn } = stores.get(nameIn(call))
  if (isInUse(arn)) {
    throw new CloudFrontError(
      'CannotDeleteEntityWhileInUse',
      'A function is associated with the key value store.',
    )
  }
  stores.delete(nameIn(call), call.ifMatch)
  tags.forget(arn)
  return { status: 204, body: '' }
}
