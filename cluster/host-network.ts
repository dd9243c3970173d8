import { attempt, run } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import { onPath } from './debian.ts'
import type { Layout } from './layout.ts'
import { freeRange, overlappingRoute, type NodeRanges, type Route } from './ranges.ts'

/** Routes behind these are only taken where the wire to the node is gone; the number is lower than any other route's rank. */
const LAST_RESORT_METRIC = '4278198272'

/**
 * Refuses a range that the machine already has addresses or routes in: the node would take its traffic.
 * Throws a ClusterError that names a free range.
 */
export async function refuseOverlap(range: string): Promise<void> {
  const routes = await machineRoutes()
  const taken = overlappingRoute(range, routes)
  if (taken === undefined) return
  const through = taken.device === undefined ? '' : ` through ${taken.device}`
  const free = freeRange(routes) ?? 'another /16'
  throw new ClusterError(
    `the range ${range} overlaps ${taken.destination}, which this machine routes${through}; choose another, for example --range ${free} or MODELRELEASE_CLUSTER_RANGE=${free}`,
  )
}

/** Puts the wire between the machine and the node's network namespace, and the routes over it. */
export async function connectNode(init: number, layout: Layout, ranges: NodeRanges): Promise<void> {
  const { hostDevice, nodeDevice } = layout
  const peer = ['peer', 'name', nodeDevice, 'netns', String(init)]
  await ip(['link', 'add', 'name', hostDevice, 'type', 'veth', ...peer])
  await Promise.all([
    ip(['address', 'add', `${ranges.hostAddress}/30`, 'dev', hostDevice]),
    ipInside(init, ['address', 'add', `${ranges.nodeAddress}/30`, 'dev', nodeDevice]),
    // While nobody listens there, a lookup is refused at once; without an owner it would wait for ten seconds.
    ipInside(init, ['address', 'add', `${ranges.dnsAddress}/32`, 'dev', 'lo']),
  ])
  await Promise.all([
    ip(['link', 'set', hostDevice, 'up']),
    ipInside(init, ['link', 'set', nodeDevice, 'up']),
  ])
  for (const destination of [ranges.serviceCidr, ranges.podCidr]) {
    // Where the node dies, its wire and routes die with it. What still talks to it must not take the default route.
    await ip(['route', 'replace', 'unreachable', destination, 'metric', LAST_RESORT_METRIC])
    await ip(['route', 'replace', destination, 'via', ranges.nodeAddress, 'dev', hostDevice])
  }
}

/** Takes back what connectNode did; it may be called where nothing or only a part is there. */
export async function disconnectNode(layout: Layout, ranges: NodeRanges | undefined): Promise<void> {
  // Where that program never came, no node ever did.
  if ((await onPath('ip')) === undefined) return
  await attempt('ip', ['link', 'delete', 'dev', layout.hostDevice])
  if (ranges === undefined) return
  for (const destination of [ranges.serviceCidr, ranges.podCidr]) {
    await attempt('ip', ['route', 'delete', 'unreachable', destination, 'metric', LAST_RESORT_METRIC])
  }
}

/** Every destination that the machine routes or owns, over all its tables. */
async function machineRoutes(): Promise<Route[]> {
  const listed = JSON.parse(await run('ip', ['-json', '-4', 'route', 'show', 'table', 'all'])) as {
    dst: string
    dev?: string
  }[]
  return listed.map(({ dst, dev }) => ({ destination: dst, device: dev }))
}

function ip(args: readonly string[]): Promise<string> {
  return run('ip', args)
}

function ipInside(init: number, args: readonly string[]): Promise<string> {
  return run('nsenter', ['--target', String(init), '--net', 'ip', ...args])
}
