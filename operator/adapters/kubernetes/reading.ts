/** What stands in a color, read from its Kubernetes objects. */
import {
  ANNOTATION,
  COLORS,
  LABEL,
  MANAGER,
  SERVICE_PORT,
  colorName,
  colorSelector,
  selectorText,
  type Color,
} from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { oneLine, shortenMiddle } from '../../api/text.ts'
import { instantOf } from '../../planner/state/persisted-state.ts'
import { isSameJson } from '../../planner/model/revision.ts'
import type {
  ColorState,
  KeptRevision,
  Ownership,
  PodState,
  StoredRevision,
  Trouble,
} from '../../planner/model/observation.ts'
import { probeOf, probeText } from '../http/pod-probe.ts'
import type {
  ApiCondition,
  ApiObject,
  ContainerStatus,
  ControllerRevision,
  Deployment,
  Pod,
  PodContainer,
  Service,
  Termination,
} from './objects.ts'

/** Waiting reasons that do not pass by themselves while a container merely starts. */
const STUCK = new Set([
  'CrashLoopBackOff',
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'ImageInspectError',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreStartHookError',
  'PostStartHookError',
])

/** Longest part of somebody else's text that goes into a message. */
const EXCERPT = 600

/**
 * Whether the object that stands under our name was made for this release, for this color or (undefined) as the release's
 * pointer or revision. A Deployment is known by its selector, which nobody can change and nobody else has; a Service by its
 * labels or, where these are gone, by its selector. The label managed-by proves nothing: policies and packaging tools write it.
 */
export function isOurs(object: ApiObject, release: string, color?: Color): boolean {
  const { labels = {} } = object.metadata
  const selector = selectorIn(object)
  const isNamed = labels[LABEL.name] === release && labels[LABEL.color] === color
  if (!selector) return isNamed
  const isSelecting = COLORS.some(
    (one) => (color ?? one) === one && isSame(selector, colorSelector(release, one)),
  )
  if (color === undefined) return isPointer(object, release, isSelecting)
  return isSelecting || (isNamed && !isDeployment(object))
}

/**
 * A pointer or an earlier one: by its label and its selector, or by the label managed-by and one of them, even where somebody put more
 * into the selector. A Service of a color is none.
 */
function isPointer(object: ApiObject, release: string, isSelecting: boolean): boolean {
  const { labels = {}, name } = object.metadata
  const isOfColor = COLORS.some((color) => colorName(release, color) === name)
  if (labels[LABEL.color] !== undefined || isOfColor) return false
  const isManaged = labels[LABEL.managedBy] === MANAGER
  if (labels[LABEL.name] !== undefined) return labels[LABEL.name] === release && (isSelecting || isManaged)
  const named = selectedBy(object as Service, release)
  return isManaged && COLORS.some((color) => color === named)
}

function selectorIn(object: ApiObject): Record<string, string> | undefined {
  const { selector } = (object as Partial<Deployment | Service>).spec ?? {}
  return (isDeployment(object) ? selector?.matchLabels : selector) as Record<string, string> | undefined
}

function isDeployment(object: ApiObject): object is Deployment {
  return (object as Partial<Deployment>).spec?.selector?.matchLabels !== undefined
}

function isSame(one: Record<string, string>, other: Record<string, string>): boolean {
  return isSameJson(one, other)
}

/** Labels that are not as we write them. Whatever a policy has set managed-by to stays: it only tells people. */
export function labelsDiffering(
  { metadata: { labels = {} } }: ApiObject,
  wanted: Record<string, string>,
): string[] {
  return [...Object.entries(wanted), [LABEL.managedBy, labels[LABEL.managedBy] ?? MANAGER] as const]
    .filter(([key, value]) => labels[key] !== value)
    .map(([key, value]) => `label ${key} is ${labels[key] ?? 'missing'} instead of ${value}`)
}

/** A Deployment as the color's workload; one that is not ours leaves the color empty. */
export function workloadOf(
  { metadata: { name, uid } }: ModelRelease,
  color: Color,
  deployment: Deployment | undefined,
): ColorState['workload'] {
  if (!deployment || !isOurs(deployment, name, color)) return undefined
  const { metadata, spec, status } = deployment
  const createdAt = instantOf(metadata.creationTimestamp)
  const revision = revisionOf(deployment)
  const differs = workloadDiffers(deployment, name, color, revision)
  return {
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    revision,
    replicas: spec.replicas ?? 1,
    observed: isObserved(deployment) ? 'Yes' : 'No',
    ownership: ownershipOf(deployment, uid),
    leaving: metadata.deletionTimestamp ? 'Yes' : 'No',
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(differs.length > 0 ? { differs: differs.join(', ') } : {}),
    ...foundIn(deployment),
    ...replicaTrouble(status?.conditions),
  }
}

/**
 * Whether the Deployment counts all of these pods as its own, those that it did not make itself included: it takes over what
 * was left by one that was deleted without its pods (`--cascade=orphan`), or was restored before it. While pods are still
 * ending with the Deployment before, it counts fewer. The pods must have been read after it.
 */
export function countsAll(deployment: Deployment, pods: readonly PodState[]): boolean {
  const { replicas = 0 } = deployment.status ?? {}
  return isObserved(deployment) && replicas >= pods.filter(({ ready }) => ready !== 'Terminating').length
}

/** What of a Deployment can be put back without a pod noticing, and is not as we made it. */
export function workloadDiffers(
  deployment: Deployment,
  release: string,
  color: Color,
  revision: string,
): string[] {
  const { type, rollingUpdate } = deployment.spec.strategy ?? {}
  const isGentle = type === undefined || (type === 'RollingUpdate' && rollingUpdate?.maxUnavailable === 0)
  return [
    ...labelsDiffering(deployment, { ...colorSelector(release, color), [LABEL.revision]: revision }),
    ...(isGentle ? [] : ['spec.strategy may take pods away before their successors are ready']),
  ]
}

/** What of a color Service is not as we made it, but for the target port, which may be about to follow. */
export function serviceDiffers(service: Service, release: string, color: Color): string[] {
  const selector = colorSelector(release, color)
  return [...labelsDiffering(service, selector), ...frontDiffers(service, selector)]
}

/** The same of a pointer Service, which has no color of its own, while it leads to this one. */
export function pointerDiffers(service: Service, release: string, color: Color): string[] {
  return [
    ...labelsDiffering(service, { [LABEL.name]: release }),
    ...frontDiffers(service, colorSelector(release, color)),
  ]
}

/** What of a Service may keep users from the pods that it is there for. */
function frontDiffers({ spec }: Service, wanted: Record<string, string>): string[] {
  const { selector = {}, ports = [], publishNotReadyAddresses, type } = spec
  const port = ports.find((one) => one.port === SERVICE_PORT)
  return [
    ...(isSame(selector, wanted)
      ? []
      : [`spec.selector is ${selectorText(selector) || 'empty'} instead of ${selectorText(wanted)}`]),
    ...(port ? [] : [`spec.ports has no port ${SERVICE_PORT}`]),
    ...(port && (port.protocol ?? 'TCP') !== 'TCP'
      ? [`spec.ports has port ${SERVICE_PORT} for ${String(port.protocol)}`]
      : []),
    ...(publishNotReadyAddresses
      ? ['spec.publishNotReadyAddresses sends users to pods that are not ready']
      : []),
    ...(type === 'ExternalName' ? ['spec.type is ExternalName'] : []),
  ]
}

/** What runs is told by the pods' own labels; those of the Deployment are anybody's to change. */
export function revisionOf({ metadata, spec }: ApiObject & { spec?: Partial<Deployment['spec']> }): string {
  const labels = { ...metadata.labels, ...spec?.template?.metadata?.labels }
  return labels[LABEL.revision] ?? ''
}

/**
 * Who wrote fields of the pod template besides us: only whoever made the Deployment wrote its selector. What an admission policy
 * made of our own write is ours too.
 */
function foundIn({ metadata, spec }: Deployment): Pick<NonNullable<ColorState['workload']>, 'found'> {
  const writers = (metadata.managedFields ?? []).flatMap(({ manager = 'somebody', fieldsV1 }) => {
    const fields = fieldsV1?.['f:spec'] as Record<string, unknown> | undefined
    const isOwn = fields !== undefined && 'f:selector' in fields
    return fields?.['f:template'] === undefined || isOwn
      ? []
      : [{ name: manager, fields: fields['f:template'] }]
  })
  // The Deployment controller counts the templates that it has had.
  const replaced = Number(metadata.annotations?.[TEMPLATE_COUNT] ?? 1) > 1 ? 'Yes' : 'No'
  if (writers.length === 0 && replaced === 'No') return {}
  return { found: { template: spec.template, writers, replaced } }
}

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#deployment-kubernetes-io-revision */
const TEMPLATE_COUNT = 'deployment.kubernetes.io/revision'

function isObserved({ metadata, status }: Deployment): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
}

function replicaTrouble(conditions: ApiCondition[] | undefined): { trouble?: Trouble } {
  const failure = conditionOf(conditions, 'ReplicaFailure')
  return failure?.status === 'True' ? { trouble: troubleOfCondition(failure, 'FailedCreate') } : {}
}

/** A Service as the color's; one that is not ours counts as none. */
export function serviceOf(
  { metadata: { name, uid } }: ModelRelease,
  color: Color,
  service: Service | undefined,
): ColorState['service'] {
  if (!service || !isOurs(service, name, color)) return undefined
  const { metadata, spec } = service
  const origin = metadata.annotations?.[ANNOTATION.origin]
  const differs = serviceDiffers(service, name, color)
  return {
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    address: spec.clusterIP ?? '',
    targetPort: targetPortOf(service),
    ownership: ownershipOf(service, uid),
    ...(differs.length > 0 ? { differs: differs.join(', ') } : {}),
    ...(origin === undefined ? {} : { origin }),
  }
}

/** The port of the pods that a Service of ours leads to; 0 where it leads to none, or to one by a name. */
export function targetPortOf({ spec }: Service): number {
  return Number(spec.ports?.find((one) => one.port === SERVICE_PORT)?.targetPort ?? 0) || 0
}

/**
 * A pod with its color; undefined for a pod that is not of a color, or that has ended for good (evicted, rejected by its
 * node): such a pod stays until it is swept, and no Service routes to it and no Deployment counts it.
 */
export function podOf({ metadata, spec, status }: Pod): { color: Color; pod: PodState } | undefined {
  const color = COLORS.find((one) => one === metadata.labels?.[LABEL.color])
  if (!color || hasEnded(status)) return undefined
  const ready = readinessOf(metadata.deletionTimestamp, status)
  const startedAt = instantOf(status?.startTime ?? metadata.creationTimestamp)
  return {
    color,
    pod: {
      name: metadata.name,
      ...(status?.podIP ? { ip: status.podIP } : {}),
      revision: metadata.labels?.[LABEL.revision] ?? '',
      ready,
      containers: spec.containers.length,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...restartsOf(status),
      ...(ready === 'Yes' ? steadiness(status) : {}),
      ...(ready === 'No' ? unreadiness(spec.containers, status) : {}),
    },
  }
}

function restartsOf(status: Pod['status']): Pick<PodState, 'restarts'> {
  const restarts = (status?.containerStatuses ?? []).reduce((sum, one) => sum + one.restartCount, 0)
  return restarts > 0 ? { restarts } : {}
}

function steadiness(status: Pod['status']): Pick<PodState, 'steadySince' | 'lastedMs'> {
  const steadySince = steadySinceOf(status)
  const lastedMs = lastedMsOf(status)
  return {
    ...(steadySince === undefined ? {} : { steadySince }),
    ...(lastedMs === undefined ? {} : { lastedMs }),
  }
}

function hasEnded(status: Pod['status']): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded'
}

/** Why it is not ready, and what can be asked about it. */
function unreadiness(
  containers: readonly PodContainer[],
  status: Pod['status'],
): Pick<PodState, 'trouble' | 'probe'> {
  const trouble = podTrouble(containers, status)
  const probe = trouble?.reason === NOT_READY ? probeOf(containers, status) : undefined
  return { ...(trouble ? { trouble } : {}), ...(probe ? { probe } : {}) }
}

/** The color that a Service's selector leads to; '' where it leads nowhere, other text where it may lead to any pod. */
export function selectedBy(service: Service, release: string): string {
  const selector = service.spec.selector ?? {}
  if (Object.keys(selector).length === 0) return ''
  const color = COLORS.find((one) =>
    Object.entries(colorSelector(release, one)).every(([key, value]) => selector[key] === value),
  )
  if (color) return color
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

/** What a ControllerRevision keeps; undefined for one that somebody else made. */
export function storedIn({ data }: ControllerRevision): StoredRevision | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const stored = data as Partial<StoredRevision>
  const isComplete =
    typeof stored.attempt === 'string' &&
    typeof stored.revision === 'string' &&
    typeof stored.generation === 'number' &&
    typeof stored.template === 'object' &&
    typeof stored.port === 'number' &&
    Array.isArray(stored.gates) &&
    (stored.identity === 'Headers' || stored.identity === 'None')
  return isComplete ? (stored as StoredRevision) : undefined
}

/**
 * The same with the object that keeps it. Earlier versions stored it in the order in which it was made, which never was
 * the alphabet's.
 */
export function keptIn(
  { metadata: { uid } }: ModelRelease,
  object: ControllerRevision,
): KeptRevision | undefined {
  const stored = storedIn(object)
  if (!stored) return undefined
  const { metadata } = object
  const keys = Object.keys(stored)
  const form = keys.toSorted().every((key, index) => key === keys[index]) ? 'Canonical' : 'Old'
  const { name, resourceVersion } = metadata
  const createdAt = instantOf(metadata.creationTimestamp)
  return {
    ...stored,
    kept: {
      name,
      uid: metadata.uid,
      resourceVersion,
      form,
      ownership: ownershipOf(object, uid),
      ...(createdAt === undefined ? {} : { createdAt }),
    },
  }
}

/** Whether the release with this uid is among the owners. */
export function ownershipOf({ metadata }: ApiObject, uid: string): Ownership {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid) ? 'Owned' : 'Free'
}

function readinessOf(deletionTimestamp: string | undefined, status: Pod['status']): PodState['ready'] {
  if (deletionTimestamp) return 'Terminating'
  const isReady = conditionOf(status?.conditions, 'Ready')?.status === 'True'
  // A sidecar without a probe is down between two of its lives, and the pod's own word may be a moment behind.
  return isReady && (status?.containerStatuses ?? []).every(isUp) ? 'Yes' : 'No'
}

function isUp({ state }: ContainerStatus): boolean {
  return state?.waiting === undefined && state?.terminated === undefined
}

/** When the pod became ready, or the last of its containers started: one may end and start again without anybody seeing the pod not ready. */
function steadySinceOf(status: Pod['status']): number | undefined {
  const started = allContainers(status).map(({ state }) => state?.running?.startedAt)
  const times = [conditionOf(status?.conditions, 'Ready')?.lastTransitionTime, ...started]
    .map((time) => Date.parse(time ?? ''))
    .filter(Number.isFinite)
  return times.length > 0 ? Math.max(...times) : undefined
}

/** The longest that a container lasted before it ended the last time. Init containers are meant to end. */
function lastedMsOf(status: Pod['status']): number | undefined {
  const lives = (status?.containerStatuses ?? [])
    .flatMap(({ lastState }) => lastState?.terminated ?? [])
    .map(({ startedAt = '', finishedAt = '' }) => Date.parse(finishedAt) - Date.parse(startedAt))
    .filter((ms) => ms >= 0)
  return lives.length > 0 ? Math.max(...lives) : undefined
}

/** Of the init containers, those that run on are sidecars. */
function allContainers({
  initContainerStatuses = [],
  containerStatuses = [],
}: Pod['status'] = {}): ContainerStatus[] {
  return [...initContainerStatuses, ...containerStatuses]
}

/** The most telling of a pod's troubles; undefined while it is only starting. */
function podTrouble(
  containersOfSpec: readonly PodContainer[],
  status: Pod['status'] = {},
): Trouble | undefined {
  const { containerStatuses = [], conditions } = status
  const containers = allContainers(status)
  const scheduled = conditionOf(conditions, 'PodScheduled')
  if (scheduled?.status === 'False') return troubleOfCondition(scheduled, 'Unschedulable')
  return (
    firstOf(containers, stuckTrouble) ??
    firstOf(containers, terminationTrouble) ??
    firstOf(containerStatuses, (one) => readinessTrouble(one, containersOfSpec)) ??
    gateTrouble(conditions)
  )
}

/** Its containers are ready, and something that the pod waits for (spec.readinessGates) is not: a load balancer's target. */
function gateTrouble(conditions: ApiCondition[] | undefined): Trouble | undefined {
  const isWaiting = conditionOf(conditions, 'ContainersReady')?.status === 'True'
  const ready = conditionOf(conditions, 'Ready')
  return isWaiting && ready ? troubleOfCondition(ready, 'ReadinessGatesNotReady') : undefined
}

function stuckTrouble({ name, state, lastState }: ContainerStatus): Trouble | undefined {
  const reason = state?.waiting?.reason
  if (!reason || !STUCK.has(reason)) return undefined
  const ended = lastState?.terminated
  const details = [ended ? endText(ended) : '', state.waiting?.message ?? ''].filter(Boolean)
  return { reason, message: excerpt(`container "${name}": ${details.join('; ') || reason}`) }
}

function terminationTrouble({ name, state, lastState }: ContainerStatus): Trouble | undefined {
  const ended = state?.terminated ?? lastState?.terminated
  if (!ended || (ended.exitCode === 0 && state?.terminated)) return undefined
  return { reason: ended.reason ?? 'Error', message: excerpt(`container "${name}": ${endText(ended)}`) }
}

const NOT_READY = 'NotReady'

function readinessTrouble(
  { name, ready, state }: ContainerStatus,
  containers: readonly PodContainer[],
): Trouble | undefined {
  if (ready || !state?.running) return undefined
  const what = probeText(containers.find((one) => one.name === name))
  return {
    reason: NOT_READY,
    message: `container "${name}" runs, but its readiness probe${what} has not succeeded`,
  }
}

function endText({ exitCode, signal, reason, message }: Termination): string {
  const how = signal ? `signal ${signal}` : `exit code ${exitCode}`
  return `ended with ${how}${reason ? ` (${reason})` : ''}${message ? `: ${message.trim()}` : ''}`
}

function conditionOf(conditions: ApiCondition[] | undefined, type: string): ApiCondition | undefined {
  return conditions?.find((one) => one.type === type)
}

function troubleOfCondition({ reason, message }: ApiCondition, otherwise: string): Trouble {
  return { reason: reason ?? otherwise, message: excerpt(message ?? '') }
}

function excerpt(text: string): string {
  return shortenMiddle(oneLine(text), EXCERPT)
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}
