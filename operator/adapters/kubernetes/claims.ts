import { createHash } from 'node:crypto'
import { GROUP, LABEL, MANAGER } from '../../api/names.ts'
import { distributionField, distributionOf, keyValueStoreOf, type ModelRelease } from '../../api/release.ts'
import type { ClaimReading } from '../../planner/model/observation.ts'
import type { Manifest } from '../../planner/manifests/children.ts'
import type { Lease } from './objects.ts'
import { Requests, type Transport } from './requests.ts'
import { LEASES, RELEASES } from './resources.ts'
import { ConflictError, RefusedError } from '../../ports/errors.ts'
import type { Claims } from '../../ports/ports.ts'

/** What at most one release may move: a behavior of a distribution, or a key of a store. */
export type Part = { distributionId: string; pathPattern: string } | { keyValueStoreArn: string; key: string }

const PART_ANNOTATION = {
  distributionId: `${GROUP}/distribution`,
  pathPattern: `${GROUP}/behavior`,
  keyValueStoreArn: `${GROUP}/key-value-store`,
  key: `${GROUP}/key`,
} as const

/** Tells claims from the lease of the leader. */
const PREFIX = 'claim-'

/** Who a Lease says holds the claim. */
type Holder = { namespace: string; name: string; uid: string }

type State =
  { type: 'Held' } | { type: 'Absent' } | { type: 'Stale'; lease: Lease } | { type: 'Taken'; by: string }

/**
 * Claims are Leases in the operator's namespace, one per distribution and behavior and one per key, without times: a claim ends when its
 * holder is gone or names the behavior no more, and is then replaced by the next one who wants it, or swept away. A release keeps the parts it has while another part
 * is refused, and all releases take parts in the order of their names, so of two that want overlapping parts the one that
 * holds the last of them always gets all it wants. A Service pointer needs no claim: its name is unique in its namespace.
 */
export function createClaims(transport: Transport, operatorNamespace: string): Claims {
  const requests = new Requests(transport)

  /** The release of a claim; `Unreadable` outside of the namespaces that the operator may read, where it may serve users. */
  const releaseOf = async (holder: Holder): Promise<ModelRelease | 'Unreadable' | undefined> => {
    try {
      return await requests.get(RELEASES, holder)
    } catch (error) {
      if (error instanceof RefusedError && error.reason === 'AccessDenied') return 'Unreadable'
      throw error
    }
  }

  const stateOf = async (release: ModelRelease, part: Part): Promise<State> => {
    const lease = await requests.get(LEASES, { namespace: operatorNamespace, name: claimName(part) })
    if (!lease) return { type: 'Absent' }
    const text = lease.spec?.holderIdentity ?? ''
    if (text === holderText(release)) return { type: 'Held' }
    const holder = parseHolder(text)
    if (!holder) return { type: 'Stale', lease }
    const by = `${holder.namespace}/${holder.name}`
    const other = await releaseOf(holder)
    if (other === 'Unreadable') return { type: 'Taken', by: `${by} (${unreadableText(lease)})` }
    const holds = other?.metadata.uid === holder.uid && partsOf(other).some((one) => isSame(one, part))
    return holds ? { type: 'Taken', by } : { type: 'Stale', lease }
  }

  const take = async (release: ModelRelease, part: Part): Promise<void> => {
    const state = await stateOf(release, part)
    switch (state.type) {
      case 'Held':
        return
      case 'Absent':
        await requests.create(LEASES, leaseOf(release, part, operatorNamespace))
        return
      case 'Stale': {
        const { uid, resourceVersion } = state.lease.metadata
        const lease = leaseOf(release, part, operatorNamespace)
        const metadata = { ...lease.metadata, uid, resourceVersion }
        const replacement = { ...lease, metadata }
        await requests.replace(LEASES, replacement)
        return
      }
      case 'Taken':
        throw new RefusedError('BehaviorClaimed', claimedText(release.spec, part, state.by))
    }
  }

  /** Whether nobody has the claim any more: its holder is gone, or names the part no more. */
  const isOver = async ({ metadata, spec }: Lease): Promise<boolean> => {
    const holder = parseHolder(spec?.holderIdentity ?? '')
    const other = holder && (await releaseOf(holder))
    if (other === 'Unreadable') return false
    if (other?.metadata.uid !== holder?.uid || !other) return true
    return !partsOf(other).some((part) => claimName(part) === metadata.name)
  }

  const sweep = async (lease: Lease): Promise<void> => {
    const { name, uid, resourceVersion } = lease.metadata
    if (!name.startsWith(PREFIX) || !(await isOver(lease))) return
    try {
      await requests.remove(LEASES, { namespace: operatorNamespace, name }, { uid, resourceVersion })
    } catch (error) {
      // Somebody has just taken it.
      if (!(error instanceof ConflictError)) throw error
    }
  }

  return {
    sweep: async () => {
      const leases: Lease[] = []
      const ours = `${LABEL.managedBy}=${MANAGER}`
      await requests.list(LEASES, operatorNamespace, ours, (lease) => leases.push(lease))
      const refusals: RefusedError[] = []
      for (const lease of leases)
        await sweep(lease).catch((error: unknown) => {
          // Of one claim, which must not keep the others.
          if (!(error instanceof RefusedError)) throw error
          refusals.push(error)
        })
      if (refusals.length > 0)
        throw new AggregateError(
          refusals,
          `${refusals.length} of ${leases.length} claims could not be removed`,
        )
    },
    read: async (release) => {
      const parts = partsOf(release)
      const states = await Promise.all(parts.map((part) => stateOf(release, part)))
      return readingOf(parts, states)
    },
    take: async (release) => {
      // One after the other: the order is what keeps two releases from holding half each.
      for (const part of partsOf(release)) await take(release, part)
    },
  }
}

/** The parts that a release moves, in the order in which every release takes them. */
export function partsOf({ spec }: ModelRelease): Part[] {
  const distribution = spec.traffic.type === 'Service' ? undefined : distributionOf(spec)
  if (!distribution) return []
  const { distributionId, behaviors } = distribution
  const store = keyValueStoreOf(spec)
  const key = store ? [{ keyValueStoreArn: store.keyValueStoreArn, key: store.key }] : []
  const parts: Part[] = [...behaviors.map(({ pathPattern }) => ({ distributionId, pathPattern })), ...key]
  return parts.toSorted((a, b) => (claimName(a) < claimName(b) ? -1 : 1))
}

/** A pattern may hold any character, an object's name may not. */
export function claimName(part: Part): string {
  const names = 'key' in part ? [part.keyValueStoreArn, part.key] : [part.distributionId, part.pathPattern]
  const hash = createHash('sha256').update(names.join('\n')).digest('hex')
  return `${PREFIX}${hash.slice(0, 32)}`
}

function readingOf(parts: readonly Part[], states: readonly State[]): ClaimReading {
  for (const [index, state] of states.entries()) {
    const part = parts[index]
    if (state.type === 'Taken' && part) return { type: 'Taken', part: nameOf(part), by: state.by }
  }
  return { type: states.every((state) => state.type === 'Held') ? 'Held' : 'Free' }
}

/** Short, for a message that says what to do about it. */
function nameOf(part: Part): string {
  return 'key' in part ? `key ${part.key}` : part.pathPattern
}

function annotationsOf(part: Part): Record<string, string> {
  const entries = Object.entries(part) as [keyof typeof PART_ANNOTATION, string][]
  return Object.fromEntries(entries.map(([field, value]) => [PART_ANNOTATION[field], value]))
}

function leaseOf(
  release: ModelRelease,
  part: Part,
  namespace: string,
): Manifest & { spec: { holderIdentity: string } } {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: claimName(part),
      namespace,
      labels: { [LABEL.managedBy]: MANAGER },
      annotations: annotationsOf(part),
    },
    spec: { holderIdentity: holderText(release) },
  }
}

function holderText({ metadata: { namespace, name, uid } }: ModelRelease): string {
  return `${namespace}/${name}/${uid}`
}

function parseHolder(text: string): Holder | undefined {
  const [namespace, name, uid] = text.split('/')
  return namespace && name && uid ? { namespace, name, uid } : undefined
}

function unreadableText({ metadata: { namespace, name } }: Lease): string {
  return `in a namespace that the operator may not read: name it in WATCH_NAMESPACES; if that release is gone for good, its claim may end: Lease ${namespace}/${name}`
}

function isSame(a: Part, b: Part): boolean {
  return claimName(a) === claimName(b)
}

function claimedText(spec: ModelRelease['spec'], part: Part, by: string): string {
  const what =
    'key' in part
      ? `spec.traffic.cloudFrontKeyValueStore.key: "${part.key}" of ${part.keyValueStoreArn}`
      : `${distributionField(spec)}.behaviors: "${part.pathPattern}" of distribution ${part.distributionId}`
  return `${what} follows release ${by}: take it out of spec.traffic of one of the two releases`
}
