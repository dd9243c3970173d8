/** KeyValueStores seen and changed without the manners of the API. */
import { entryOf } from '../key-value-store/data-plane.ts'
import { membersOf, ok, partOf, record } from './admin-request.ts'
import type { Store } from '../key-value-store/stores.ts'
import type { World } from '../world.ts'
import type { AdminAnswer, AdminRequest, AdminRoute } from './admin-request.ts'

export const storeAdminRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: /^\/key-value-stores$/,
    handle: ({ world }) => ok(world.stores.list().map((store) => describe(world, store))),
  },
  { method: 'POST', path: /^\/key-value-stores\/([^/]+)\/foreign-write$/, handle: foreignWrite },
]

function describe({ propagations }: World, { name, arn, etag, number, items }: Store): object {
  return { name, arn, etag, version: number, items, propagated: propagations.stores.isPropagated(arn) }
}

/** `puts` is an object of keys and values, `deletes` a list of keys; either may be left out. */
function foreignWrite(request: AdminRequest): AdminAnswer {
  const { puts = {}, deletes = [] } = membersOf(request)
  const changes = {
    puts: Object.entries(puts as Record<string, unknown>).map(([key, value]) => ({
      key,
      value: String(value),
    })),
    deletes: (deletes as unknown[]).map(String),
  }
  const store = request.world.stores.rewrite(partOf(request), changes)
  record(request.world, 'ForeignWrite', { store: store.name, status: 200, ...entryOf(store, changes) })
  return ok(describe(request.world, store))
}
