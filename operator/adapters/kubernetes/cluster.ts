import {
  API_VERSION,
  COLORS,
  KIND,
  LABEL,
  colorName,
  colorSelector,
  selectorText,
  type Color,
} from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { referringIn } from '../../planner/checks/credentials.ts'
import { deploymentOf, storedRevisionOf } from '../../planner/manifests/children.ts'
import { shortHash } from '../../planner/model/revision.ts'
import type {
  ColorState,
  ConfigReading,
  KeptRevision,
  PinReading,
  PodState,
  StoredRevision,
} from '../../planner/model/observation.ts'
import {
  applyColorService,
  checkChildren,
  keptOf,
  likenessOf,
  mendWorkload,
  renewRevision,
  setOwnership,
  storeOnce,
} from './children.ts'
import { createOnce, versionOf } from './create-once.ts'
import { Budgets } from './disruption-budgets.ts'
import { tell } from './events.ts'
import { lastWords } from './logs.ts'
import type { Deployment, Pod, Service } from './objects.ts'
import { pinDigest, readPin, removePin } from './digest-pins.ts'
import { countsAll, keptIn, podOf, serviceOf, workloadOf } from './reading.ts'
import { Requests, type Transport } from './requests.ts'
import {
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  DEPLOYMENTS,
  PODS,
  RELEASES,
  RELEASE_STATUS,
  SERVICES,
} from './resources.ts'
import { secretsIn } from './secrets.ts'
import { mendPointer, moveFormer, readFormerPointers } from './service-pointer.ts'
import { credentialProblem, hiding } from '../http/credentials.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'
import type { Cluster } from '../../ports/ports.ts'

export interface ClusterOptions {
  /** Guarded by the lease: what is not a GET must not leave while the lease is not held. */
  transport: Transport
  log: { warn(data: object, message: string): void }
  /** Unix milliseconds, for the times of Events. */
  now: () => number
}

/** The Kubernetes API behind the port `Cluster`. */
export function createCluster({ transport, log, now }: ClusterOptions): Cluster {
  const requests = new Requests(transport)
  const budgets = new Budgets(transport, now)
  return {
    release: (key) => requests.get(RELEASES, key),
    colors: (release) => readColors(requests, budgets, release),
    config: (release, names) => readConfig(requests, release, names),
    formerPointers: (release) => readFormerPointers(requests, release),
    mendPointer: (release, step) => mendPointer(requests, release, step),
    moveFormer: (release, step) => moveFormer(requests, release, step),
    revisions: (release) => readRevisions(requests, release),
    storeRevision: async (release, { stored }) => {
      await checkChildren(requests, release, stored)
      await checkCredentials(requests, release, stored)
      await storeOnce(requests, release, storedRevisionOf(release, stored))
    },
    pinDigest: (release, step) => pinDigest(requests, release, step),
    forgetRevision: async (release, { attempt, pinOf }) => {
      if (pinOf !== undefined) await removePin(requests, release, pinOf)
      for (const found of await keptOf(requests, release, attempt))
        await requests.remove(CONTROLLER_REVISIONS, found.metadata, versionOf(found))
    },
    renewRevision: (release, step) => renewRevision(requests, release, step),
    createWorkload: async (release, { color, stored, replicas, ownership }) => {
      const manifest = deploymentOf({ release, color, stored, replicas, ownership })
      await createOnce(requests, DEPLOYMENTS, manifest, (found) =>
        likenessOf(found, release.metadata.name, stored.revision, color),
      )
    },
    scaleWorkload: async (release, { color, replicas, resourceVersion }) => {
      const place = placeOf(release, colorName(release.metadata.name, color))
      await requests.patch(DEPLOYMENTS, place, { resourceVersion }, { spec: { replicas } })
    },
    mendWorkload: (release, step) => mendWorkload(requests, release, step),
    removeWorkload: async (release, { color, uid, resourceVersion }) => {
      const place = placeOf(release, colorName(release.metadata.name, color))
      await requests.remove(DEPLOYMENTS, place, { uid, resourceVersion })
    },
    applyColorService: (release, step) => applyColorService(requests, release, step),
    applyBudget: (release, step) => budgets.apply(release, step),
    removeBudget: (release, { color }) => budgets.remove(release, color),
    setOwnership: (release, step) => setOwnership(requests, release, step),
    logs: async (release, { color, revision, credentials = [] }) => {
      const { name, namespace } = release.metadata
      const pods: Pod[] = []
      const selector = selectorText({ ...colorSelector(name, color), [LABEL.revision]: revision })
      await requests.list(PODS, namespace, selector, (pod) => {
        // What is being deleted may be of an attempt before, at the same revision.
        if (!pod.metadata.deletionTimestamp) pods.push(pod)
      })
      const troubled = pods.filter((pod) => podOf(pod)?.pod.ready === 'No')
      // Where a gate failed every pod is ready, and any of them may say why its answer was wrong.
      const hide = await hiding(secretsIn(requests, namespace), credentials)
      return lastWords(requests, { namespace, pods: troubled.length > 0 ? troubled : pods, hide })
    },
    writeStatus: async (release, status) => {
      const { name, namespace, uid, resourceVersion } = release.metadata
      const metadata = { name, namespace, uid, resourceVersion }
      const written = { apiVersion: API_VERSION, kind: KIND, metadata, spec: release.spec, status }
      const stored = (await requests.replace(RELEASE_STATUS, written)) as Pick<ModelRelease, 'metadata'>
      return stored.metadata.resourceVersion
    },
    record: async (release, happening) => {
      try {
        await tell(requests, release, happening, new Date(now()).toISOString())
      } catch (err) {
        const { name, namespace } = release.metadata
        log.warn(
          { modelrelease: `${namespace}/${name}`, reason: happening.reason, err },
          'Event not recorded',
        )
      }
    },
  }
}

/**
 * Nothing is given up for a candidate that could not be asked. What is not there may be applied a moment later, so this is
 * tried again, and said meanwhile.
 */
async function checkCredentials(
  requests: Requests,
  { metadata, spec }: ModelRelease,
  { gates }: StoredRevision,
): Promise<void> {
  const problem = await credentialProblem(secretsIn(requests, metadata.namespace), referringIn(gates, spec))
  if (problem !== undefined) throw new TransientError(problem)
}

async function readConfig(
  requests: Requests,
  { metadata: { namespace } }: ModelRelease,
  names: readonly string[],
): Promise<ConfigReading> {
  const read = async (name: string): Promise<[string, ConfigReading[string]][]> => {
    try {
      const found = await requests.get(CONFIG_MAPS, { namespace, name })
      const keys = found && Object.entries({ ...found.data, ...found.binaryData })
      return [
        [name, keys ? Object.fromEntries(keys.map(([key, value]) => [key, shortHash(value, 10)])) : 'Absent'],
      ]
    } catch (error) {
      // It is only told of: a right that is missing, or an API server that is busy, must not stop anything for it.
      if (error instanceof RefusedError || error instanceof TransientError || error instanceof ConflictError)
        return []
      throw error
    }
  }
  return Object.fromEntries((await Promise.all(names.map(read))).flat())
}

interface ColorObjects {
  deployment: Deployment | undefined
  service: Service | undefined
  pin: PinReading | undefined
}

type ReadPod = { pod: PodState; createdAt: string; labels: Record<string, string> }

async function readPods(requests: Requests, release: ModelRelease): Promise<Record<Color, ReadPod[]>> {
  const pods: Record<Color, ReadPod[]> = { blue: [], green: [] }
  const { name, namespace } = release.metadata
  const selector = `${LABEL.name}=${name},${LABEL.color} in (${COLORS.join(',')})`
  await requests.list(PODS, namespace, selector, (item) => {
    const { creationTimestamp: createdAt = '', labels = {} } = item.metadata
    const found = podOf(item)
    if (found) pods[found.color].push({ pod: found.pod, createdAt, labels })
  })
  return pods
}

async function readColors(
  requests: Requests,
  budgets: Budgets,
  release: ModelRelease,
): Promise<Record<Color, ColorState>> {
  const { name } = release.metadata
  const readObjects = async (color: Color): Promise<ColorObjects> => {
    const place = placeOf(release, colorName(name, color))
    const [deployment, service] = await Promise.all([
      requests.get(DEPLOYMENTS, place),
      requests.get(SERVICES, place),
    ])
    const pin = deployment && (await readPin(requests, release, deployment))
    return { deployment, service, pin }
  }
  const [blue, green, read] = await Promise.all([
    readObjects('blue'),
    readObjects('green'),
    readPods(requests, release),
  ])
  const isOlder = (color: Color, { deployment }: ColorObjects): boolean =>
    read[color].some((one) => isOlderThan(deployment, one))
  // Pods that are older than their Deployment are counted after it was read: only then does its own count tell whose they are.
  const pods = isOlder('blue', blue) || isOlder('green', green) ? await readPods(requests, release) : read
  const stateOf = async (color: Color, { deployment, service, pin }: ColorObjects): Promise<ColorState> => {
    const workload = workloadOf(release, color, deployment)
    const front = serviceOf(release, color, service)
    const pinned = pin ? { pin } : {}
    const podLabels = pods[color].map(({ labels }) => labels)
    return {
      ...(workload ? { workload: { ...workload, ...pinned } } : {}),
      pods: podsOf(deployment, pods[color]),
      ...(front ? { service: front } : {}),
      ...(await budgets.of(release, color, podLabels)),
    }
  }
  const [blueState, greenState] = await Promise.all([stateOf('blue', blue), stateOf('green', green)])
  return { blue: blueState, green: greenState }
}

/** The garbage collector may take a while over the pods of a Deployment that was removed a moment ago. */
function podsOf(deployment: Deployment | undefined, read: readonly ReadPod[]): PodState[] {
  const pods = read.map(({ pod }) => pod)
  if (!deployment || countsAll(deployment, pods)) return pods
  return read.map((one) => (isOlderThan(deployment, one) ? { ...one.pod, former: 'Yes' as const } : one.pod))
}

function isOlderThan(deployment: Deployment | undefined, { createdAt }: ReadPod): boolean {
  return createdAt < (deployment?.metadata.creationTimestamp ?? '')
}

async function readRevisions(requests: Requests, release: ModelRelease): Promise<KeptRevision[]> {
  const { name, namespace } = release.metadata
  const revisions: KeptRevision[] = []
  await requests.list(CONTROLLER_REVISIONS, namespace, selectorText({ [LABEL.name]: name }), (item) => {
    const stored = keptIn(release, item)
    if (stored && !item.metadata.deletionTimestamp) revisions.push(stored)
  })
  return revisions
}

function placeOf(release: ModelRelease, name: string): { namespace: string; name: string } {
  return { namespace: release.metadata.namespace, name }
}
