/** Writing the children of a release: checked before, made once, mended in place. */
import {
  ANNOTATION,
  LABEL,
  MANAGER,
  colorName,
  colorSelector,
  revisionName,
  type Color,
} from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { droppedFields } from '../../planner/checks/dropped-fields.ts'
import {
  GENTLE_STRATEGY,
  colorServiceOf,
  deploymentOf,
  pinReadBy,
  pointerServiceName,
  storedRevisionOf,
  type Manifest,
} from '../../planner/manifests/children.ts'
import { originMark } from '../../planner/model/pointer-view.ts'
import type { Action, StoredRevision } from '../../planner/model/observation.ts'
import { createOnce, ownersWith, takenText, versionOf, type OwnershipCheck } from './create-once.ts'
import { setPinOwnership } from './digest-pins.ts'
import type { NameField } from './errors.ts'
import { deploymentField, serviceField } from './fields.ts'
import type { ApiObject, ControllerRevision, Deployment } from './objects.ts'
import { isOurs, keptIn, revisionOf, storedIn, workloadDiffers } from './reading.ts'
import type { Requests } from './requests.ts'
import { CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES, type Resource } from './resources.ts'
import { leadingTo } from './service-pointer.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'

/**
 * Has the API server check Deployment and color Service of a revision as if they were created, storing nothing. One
 * color is enough: they differ by a word. Under names that are free: where one is taken, nothing comes back to compare.
 * A Service's name is at most 63 characters, which a release may come close to: it is checked under one that is as long as its own.
 * @throws RefusedError InvalidSpec, naming the field of the spec.
 */
export async function checkChildren(
  requests: Requests,
  release: ModelRelease,
  stored: StoredRevision,
): Promise<void> {
  const color: Color = 'blue'
  const { replicas = 1 } = release.spec
  const nameField = deploymentField(release.spec, stored)
  const deployment = deploymentOf({ release, color, stored, replicas, ownership: 'Owned' })
  const name = revisionName(release.metadata.name, stored.attempt)
  const kept = await dryRun(requests, DEPLOYMENTS, deployment, { name, nameField })
  if (kept) refuseDropped(deployment, kept, nameField)
  const origin = originMark(release.spec, color)
  const service = colorServiceOf({ release, color, targetPort: stored.port, origin, ownership: 'Owned' })
  const serviceName = `${release.metadata.name}-check`
  await dryRun(requests, SERVICES, service, { name: serviceName, nameField: serviceField })
}

/** Stores a revision; where it stands already because a crash came between the write and its report, that is as good. */
export async function storeOnce(
  requests: Requests,
  { metadata: { name } }: ModelRelease,
  manifest: ReturnType<typeof storedRevisionOf>,
): Promise<void> {
  await createOnce(requests, CONTROLLER_REVISIONS, manifest, (found) =>
    likenessOf(found, name, manifest.data.revision),
  )
}

/** The objects that keep what this attempt stored: two after a crash in the middle of a renewal. */
export async function keptOf(
  requests: Requests,
  { metadata: { name: release, namespace } }: ModelRelease,
  attempt: string,
): Promise<ControllerRevision[]> {
  const own = revisionName(release, attempt)
  const found = [own, renewedName(own)].map((name) => requests.get(CONTROLLER_REVISIONS, { namespace, name }))
  return (await Promise.all(found)).filter((one) => one !== undefined).filter((one) => isOurs(one, release))
}

/**
 * The data of a ControllerRevision never changes, so what an earlier version wrote in a form that the API server cannot
 * patch is stored once more, beside it, before it goes.
 */
export async function renewRevision(
  requests: Requests,
  release: ModelRelease,
  { attempt, ownership }: Extract<Action, { type: 'RenewRevision' }>,
): Promise<void> {
  for (const found of await keptOf(requests, release, attempt)) {
    const stored = storedIn(found)
    if (!stored || keptIn(release, found)?.kept?.form !== 'Old') continue
    const manifest = storedRevisionOf(release, stored, ownership)
    const metadata = { ...manifest.metadata, name: renewedName(manifest.metadata.name) }
    await storeOnce(requests, release, { ...manifest, metadata })
    await requests.remove(CONTROLLER_REVISIONS, found.metadata, versionOf(found))
  }
}

function renewedName(name: string): string {
  return `${name}-renewed`
}

/** Whether an object that we find under our name is the one that we would have made. */
export function likenessOf(
  found: ApiObject,
  release: string,
  revision: string,
  color?: Color,
): OwnershipCheck {
  if (!isOurs(found, release, color)) return 'Foreign'
  return revisionOf(found) === revision ? 'Same' : 'Other'
}

/**
 * Puts labels and strategy of a color's Deployment back.
 * @throws TransientError where something (an admission policy) undoes that, so that it is not done without end.
 */
export async function mendWorkload(
  requests: Requests,
  release: ModelRelease,
  { color, revision, resourceVersion }: Extract<Action, { type: 'MendWorkload' }>,
): Promise<void> {
  const { name, namespace } = release.metadata
  const place = { namespace, name: colorName(name, color) }
  const labels = { ...colorSelector(name, color), [LABEL.revision]: revision }
  const found = await requests.get(DEPLOYMENTS, place)
  const manager = found?.metadata.labels?.[LABEL.managedBy] ?? MANAGER
  const change = {
    metadata: { labels: { ...labels, [LABEL.managedBy]: manager } },
    spec: { strategy: GENTLE_STRATEGY },
  }
  const kept = (await requests.patch(DEPLOYMENTS, place, { resourceVersion }, change)) as Deployment
  const left = workloadDiffers(kept, name, color, revision)
  if (left.length > 0)
    throw new TransientError(
      `Deployment ${namespace}/${place.name} was put back and changed again at once (${left.join(', ')}): have the policy that does so leave it alone`,
    )
}

/** Creates the color Service, or mends target port, origin mark and ownership of ours. */
export async function applyColorService(
  requests: Requests,
  release: ModelRelease,
  step: Extract<Action, { type: 'ApplyColorService' }>,
): Promise<void> {
  const { color, targetPort, origin, ownership } = step
  const manifest = colorServiceOf({ release, color, targetPort, origin, ownership })
  const found = await requests.get(SERVICES, manifest.metadata)
  if (!found) {
    await requests.create(SERVICES, manifest)
    return
  }
  if (!isOurs(found, release.metadata.name, color)) {
    throw new RefusedError('InvalidSpec', takenText('metadata.name', SERVICES, manifest, found))
  }
  const labels = {
    ...manifest.metadata.labels,
    [LABEL.managedBy]: found.metadata.labels?.[LABEL.managedBy] ?? MANAGER,
  }
  const metadata = {
    labels,
    annotations: { [ANNOTATION.origin]: origin },
    ownerReferences: ownersWith(found, release, ownership),
  }
  const spec = leadingTo(found, colorSelector(release.metadata.name, color), targetPort)
  await requests.patch(SERVICES, manifest.metadata, versionOf(found), { metadata, spec })
}

/** Adds or removes the release among the owners of a child; other owners stay. */
export async function setOwnership(
  requests: Requests,
  release: ModelRelease,
  step: Extract<Action, { type: 'SetOwnership' }>,
): Promise<void> {
  const { name: releaseName, namespace } = release.metadata
  if (step.of === 'Revision') {
    for (const found of await keptOf(requests, release, step.attempt)) {
      const stored = storedIn(found)
      // First, since what is stored tells whether this is still to be done.
      if (stored && pinReadBy(stored.template) !== undefined)
        await setPinOwnership(requests, release, { revision: stored.revision, ownership: step.ownership })
      await requests.patch(CONTROLLER_REVISIONS, found.metadata, versionOf(found), {
        metadata: { ownerReferences: ownersWith(found, release, step.ownership) },
      })
    }
    return
  }
  const resource: Resource<ApiObject> = step.of === 'Deployment' ? DEPLOYMENTS : SERVICES
  const color = step.of === 'Pointer' ? undefined : step.color
  const name = color ? colorName(releaseName, color) : pointerServiceName(release)
  const place = { namespace, name }
  const found = await requests.get(resource, place)
  if (!found || !isOurs(found, releaseName, color)) {
    throw new ConflictError(`${step.of} ${namespace}/${name} is gone, its ownership cannot be set`)
  }
  const ownerReferences = ownersWith(found, release, step.ownership)
  await requests.patch(resource, place, versionOf(found), { metadata: { ownerReferences } })
}

/** The object as the API server would keep it; undefined where it cannot tell. */
async function dryRun(
  requests: Requests,
  resource: Resource,
  manifest: Manifest,
  { name, nameField }: { name: string; nameField: NameField },
): Promise<unknown> {
  const { metadata } = manifest
  try {
    const object = { ...manifest, metadata: { ...metadata, name } }
    return await requests.create(resource, object, { mode: 'DryRun', nameField, shownName: metadata.name })
  } catch (error) {
    // 409 comes last: decoding, validation and admission have had their say by then.
    if (error instanceof ConflictError) return undefined
    // What it is to take the place of still counts: whether there is room is told where it is really made.
    if (error instanceof RefusedError && error.message.includes('exceeded quota')) return undefined
    throw error
  }
}

function refuseDropped(sent: { spec: Record<string, unknown> }, kept: unknown, nameField: NameField): void {
  const asSent = sent.spec as { template?: unknown }
  const asKept = (kept as { spec?: { template?: unknown } }).spec
  const dropped = droppedFields(asSent.template, asKept?.template, 'spec.template')
  if (dropped.length === 0) return
  const fields = dropped.map(nameField).join(', ')
  throw new RefusedError(
    'InvalidSpec',
    `${fields}: the API server does not know this field and would drop it: correct its spelling or remove it`,
  )
}
