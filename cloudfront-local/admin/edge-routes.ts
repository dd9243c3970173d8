/** The edges, the ways to them, their clock, and where origins live. */
import { parseAddress } from '../http/resolve-map.ts'
import { AdminError, membersOf, ok, partOf } from './admin-request.ts'
import type { Range } from '../propagation/propagation.ts'
import type { Propagations, World } from '../world.ts'
import type { AdminAnswer, AdminRequest, AdminRoute } from './admin-request.ts'

export const edgeAdminRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: /^\/resolve$/, handle: ({ world }) => ok(Object.fromEntries(world.resolve)) },
  { method: 'PUT', path: /^\/resolve\/([^/]+)$/, handle: putResolve },
  { method: 'DELETE', path: /^\/resolve\/([^/]+)$/, handle: deleteResolve },
  { method: 'GET', path: /^\/edges$/, handle: ({ world }) => ok(describeEdges(world)) },
  { method: 'POST', path: /^\/edges\/(\d+|all)\/(hold|release)$/, handle: holdOrRelease },
  { method: 'GET', path: /^\/propagation$/, handle: ({ world }) => ok(describePropagation(world)) },
  { method: 'PUT', path: /^\/propagation$/, handle: putPropagation },
  { method: 'POST', path: /^\/clock\/advance$/, handle: advanceClock },
]

function putResolve(request: AdminRequest): AdminAnswer {
  const name = partOf(request).toLowerCase()
  const { address: text } = membersOf(request)
  const address = typeof text === 'string' ? parseAddress(text) : undefined
  if (address === undefined)
    throw new AdminError(400, 'expected {"address": "ADDRESS[:PORT]"} with an IP address')
  request.world.resolve.set(name, address)
  return ok({ [name]: address })
}

function deleteResolve(request: AdminRequest): AdminAnswer {
  const name = partOf(request).toLowerCase()
  if (!request.world.resolve.delete(name)) throw new AdminError(404, `${name} is not mapped`)
  return { status: 204 }
}

function holdOrRelease({ world, parts }: AdminRequest): AdminAnswer {
  const [which, verb] = parts
  const chosen = world.edges.filter(({ number }) => which === 'all' || number === Number(which))
  if (chosen.length === 0) throw new AdminError(404, `there is no edge ${which ?? ''}`)
  const { stores, functions, distributions, invalidations } = world.propagations
  // What a distribution refers to comes before it.
  for (const propagation of [stores, functions, distributions, invalidations]) {
    for (const { number } of chosen) {
      if (verb === 'hold') propagation.hold(number)
      else propagation.release(number)
    }
  }
  return ok(describeEdges(world))
}

function describeEdges({ edges, distributions, stores, propagations }: World): unknown {
  const held = propagations.distributions.heldEdges()
  return edges.map(({ number, counters }) => ({
    edge: number,
    held: held.includes(number),
    versions: Object.fromEntries(
      distributions
        .list()
        .map(({ distribution }) => [
          distribution,
          propagations.distributions.appliedNumber(number, distribution),
        ]),
    ),
    stores: Object.fromEntries(
      stores.list().map(({ name, arn }) => [name, propagations.stores.appliedNumber(number, arn)]),
    ),
    counters,
  }))
}

function describePropagation({ propagations }: World): Record<string, Range> {
  return Object.fromEntries(Object.entries(propagations).map(([kind, { range }]) => [kind, range]))
}

/** `of` names one kind of change; without it all of them are meant. */
function putPropagation(request: AdminRequest): AdminAnswer {
  const { minMs, maxMs, of } = membersOf(request)
  const { propagations } = request.world
  const kinds = Object.keys(propagations) as (keyof Propagations)[]
  const chosen = kinds.filter((kind) => of === undefined || of === kind)
  if (chosen.length === 0) throw new AdminError(400, `of: expected one of ${kinds.join(', ')}`)
  const range = { minMs: Number(minMs), maxMs: Number(maxMs) }
  if (!(range.minMs >= 0 && range.maxMs >= range.minMs && Number.isFinite(range.maxMs))) {
    throw new AdminError(400, 'expected {"minMs": …, "maxMs": …} in milliseconds, in this order')
  }
  for (const kind of chosen) propagations[kind].range = range
  return ok(describePropagation(request.world))
}

function advanceClock(request: AdminRequest): AdminAnswer {
  const { ms } = membersOf(request)
  if (typeof ms !== 'number' || !(ms >= 0) || !Number.isFinite(ms)) {
    throw new AdminError(400, 'expected {"ms": …}, how far to move the clock forward')
  }
  request.world.clock.advance(ms)
  return ok({ now: request.world.clock.date().toISOString() })
}
