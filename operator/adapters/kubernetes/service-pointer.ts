import { COLORS, LABEL, SERVICE_PORT, colorSelector, selectorText } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { pointerServiceName, pointerServiceOf } from '../../planner/manifests/children.ts'
import type { FormerPointer, PointerReading, Action } from '../../planner/model/observation.ts'
import { takenText } from './create-once.ts'
import type { Service, ServicePort } from './objects.ts'
import { isOurs, ownershipOf, pointerDiffers, selectedBy, targetPortOf } from './reading.ts'
import { Requests, type Transport } from './requests.ts'
import { SERVICES } from './resources.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'
import type { Pointer } from '../../ports/ports.ts'

/** The token of a pointer that is not there yet: its first move is a create, which only one writer wins. */
export const ABSENT = 'absent'

/** Seconds that an answer may still be on its way through a Service after its selector moved. */
const DRAIN_SECONDS = 30

/**
 * The pointer of `traffic.type: Service`: the selector of a ClusterIP Service that users reach inside the cluster.
 * A Service that we did not make is never changed. Somebody who turns ours into a load balancer keeps that: `type` is
 * not ours to write back, and its node ports survive a move.
 */
export function createServicePointer(transport: Transport): Pointer {
  const requests = new Requests(transport)
  return {
    read: async (release) => {
      try {
        return readingOf(release, await requests.get(SERVICES, placeOf(release)))
      } catch (error) {
        return troubleReading(error)
      }
    },
    move: async (release, { to, token, targetPort }) => {
      if (to === 'adopted') throw new RefusedError('InvalidSpec', 'a Service pointer names colors only')
      if (token === ABSENT) {
        await requests.create(SERVICES, pointerServiceOf(release, to, targetPort))
        return
      }
      const service = await requests.get(SERVICES, placeOf(release))
      if (service?.metadata.resourceVersion !== token) {
        throw new ConflictError(`Service ${placeText(release)} was changed since the move was decided`)
      }
      const guard = { uid: service.metadata.uid, resourceVersion: token }
      const spec = leadingTo(service, colorSelector(release.metadata.name, to), targetPort)
      await requests.patch(SERVICES, placeOf(release), guard, { spec })
    },
  }
}

/** A Service as the pointer. */
export function readingOf(release: ModelRelease, service: Service | undefined): PointerReading {
  if (!service) return { type: 'Absent' }
  if (!isOurs(service, release.metadata.name)) return notOurs(release, service)
  if (service.metadata.deletionTimestamp) {
    return { type: 'Unreachable', message: `Service ${placeText(release)} is being deleted` }
  }
  const { name } = release.metadata
  const named = selectedBy(service, name)
  const color = COLORS.find((one) => one === named)
  const differs = color ? pointerDiffers(service, name, color) : []
  return {
    type: 'Read',
    token: service.metadata.resourceVersion,
    targetPort: targetPortOf(service),
    ...(differs.length > 0 ? { differs: differs.join(', ') } : {}),
    ...(!color && named !== '' ? { foreignSelector: named } : {}),
    targets: [{ part: 'selector', names: named }],
    origins: [...COLORS],
    propagated: 'Yes',
    timeoutSeconds: DRAIN_SECONDS,
    ownership: ownershipOf(service, release.metadata.uid),
  }
}

/** Services that were the pointer of this release under another name, or before another kind of pointer. */
export async function readFormerPointers(
  requests: Requests,
  release: ModelRelease,
): Promise<FormerPointer[]> {
  const { name: releaseName, namespace } = release.metadata
  const current = release.spec.traffic.type === 'Service' ? pointerServiceName(release) : undefined
  const former: FormerPointer[] = []
  await requests.list(SERVICES, namespace, selectorText({ [LABEL.name]: releaseName }), (service) => {
    const { deletionTimestamp, name, resourceVersion, uid } = service.metadata
    const color = COLORS.find((one) => one === selectedBy(service, releaseName))
    if (color && name !== current && !deletionTimestamp && isOurs(service, releaseName))
      former.push({ name, uid, resourceVersion, color })
  })
  return former
}

/** Selector and target port in one write, as in a move of the pointer; whether it outlives the release as well. */
export async function moveFormer(
  requests: Requests,
  release: ModelRelease,
  { name, uid, resourceVersion, to, targetPort }: Extract<Action, { type: 'MoveFormer' }>,
): Promise<void> {
  const place = { namespace: release.metadata.namespace, name }
  const service = await requests.get(SERVICES, place)
  if (!service) throw new ConflictError(`Service ${place.namespace}/${name} is gone`)
  const spec = leadingTo(service, colorSelector(release.metadata.name, to), targetPort)
  await requests.patch(SERVICES, place, { uid, resourceVersion }, { spec })
}

/**
 * What somebody changed of the pointer Service, put back in one write.
 * @throws TransientError where something (an admission policy) undoes that, so that it is not done without end.
 */
export async function mendPointer(
  requests: Requests,
  release: ModelRelease,
  { token, to, targetPort }: Extract<Action, { type: 'MendPointer' }>,
): Promise<void> {
  const service = await requests.get(SERVICES, placeOf(release))
  if (service?.metadata.resourceVersion !== token)
    throw new ConflictError(`Service ${placeText(release)} was changed since it was read`)
  const { labels } = pointerServiceOf(release, to, targetPort).metadata
  const managedBy = service.metadata.labels?.[LABEL.managedBy] ?? labels[LABEL.managedBy]
  const guard = { uid: service.metadata.uid, resourceVersion: token }
  const kept = (await requests.patch(SERVICES, placeOf(release), guard, {
    metadata: { labels: { ...labels, [LABEL.managedBy]: managedBy } },
    spec: leadingTo(service, colorSelector(release.metadata.name, to), targetPort),
  })) as Service
  const left = pointerDiffers(kept, release.metadata.name, to)
  if (left.length > 0)
    throw new TransientError(
      `Service ${placeText(release)} was put back and changed again at once (${left.join(', ')}): have the policy that does so leave it alone`,
    )
}

/**
 * Selector and target port in one write: between two writes users would be sent to a port that nobody serves. What keeps users
 * from ready pods, or sends them to others, goes with it; other ports, and a type that a person chose, stay.
 */
export function leadingTo(
  { spec }: Service,
  selector: Record<string, string>,
  targetPort: number,
): Record<string, unknown> {
  return {
    selector: onlySelector(spec.selector ?? {}, selector),
    ports: withTargetPort(spec.ports ?? [], targetPort),
    ...(spec.publishNotReadyAddresses ? { publishNotReadyAddresses: null } : {}),
    ...(spec.type === 'ExternalName' ? { type: 'ClusterIP', externalName: null } : {}),
  }
}

/** A merge patch of the ports: only the target of ours changes; what others set on the entry stays. */
function withTargetPort(
  ports: NonNullable<Service['spec']['ports']>,
  targetPort: number,
): NonNullable<Service['spec']['ports']> {
  if (!ports.some((one) => one.port === SERVICE_PORT)) {
    return [...ports, { name: 'http', port: SERVICE_PORT, targetPort, protocol: 'TCP' }]
  }
  const ours = (port: ServicePort): ServicePort => ({
    ...port,
    targetPort,
    ...((port.protocol ?? 'TCP') === 'TCP' ? {} : { protocol: 'TCP' }),
  })
  return ports.map((one) => (one.port === SERVICE_PORT ? ours(one) : one))
}

/** A merge patch keeps the keys that it does not name, so the ones that must go are named with null. */
export function onlySelector(
  present: Record<string, string>,
  wanted: Record<string, string>,
): Record<string, string | null> {
  return { ...Object.fromEntries(Object.keys(present).map((key) => [key, null])), ...wanted }
}

function notOurs(release: ModelRelease, service: Service): PointerReading {
  const manifest = pointerServiceOf(release, 'blue', SERVICE_PORT)
  const color = service.metadata.labels?.[LABEL.color]
  const message =
    color === undefined
      ? takenText('spec.traffic.service.name', SERVICES, manifest, service)
      : `spec.traffic.service.name: Service ${placeText(release)} is that of color ${color}: set another name`
  return { type: 'Unusable', reason: 'ServiceNotOurs', message }
}

function troubleReading(error: unknown): PointerReading {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof RefusedError) return { type: 'Unusable', reason: 'AccessDenied', message }
  return { type: 'Unreachable', message }
}

function placeOf(release: ModelRelease): { namespace: string; name: string } {
  return { namespace: release.metadata.namespace, name: pointerServiceName(release) }
}

function placeText(release: ModelRelease): string {
  return `${release.metadata.namespace}/${pointerServiceName(release)}`
}
