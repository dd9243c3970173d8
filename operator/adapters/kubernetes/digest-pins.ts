/** The ConfigMap that pins which model a revision was proven with, so that no later pod of it loads another. */
import { LABEL, pinName } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { digestPinOf, pinnedBy, pinReadBy } from '../../planner/manifests/children.ts'
import type { PinReading, Action } from '../../planner/model/observation.ts'
import { createOnce, ownersWith, versionOf, type OwnershipCheck } from './create-once.ts'
import type { ConfigMap, Deployment } from './objects.ts'
import { isOurs } from './reading.ts'
import type { Requests } from './requests.ts'
import { CONFIG_MAPS } from './resources.ts'
import { RefusedError } from '../../ports/errors.ts'

/**
 * What the pods of a Deployment may load, as far as an object of the cluster says it; undefined where they read none. That the
 * operator may not read it is no reason to stop looking after what serves.
 */
export async function readPin(
  requests: Requests,
  release: ModelRelease,
  { spec }: Deployment,
): Promise<PinReading | undefined> {
  const name = pinReadBy(spec.template ?? {})
  if (name === undefined) return undefined
  try {
    const found = await requests.get(CONFIG_MAPS, { namespace: release.metadata.namespace, name })
    return found ? { type: 'Pinned', digest: pinnedBy(found.data) } : { type: 'Open' }
  } catch (error) {
    if (error instanceof RefusedError) return { type: 'Unread' }
    throw error
  }
}

/**
 * Makes the pin of a revision; one that says the same is as good.
 * @throws ConflictError where one stands that says something else.
 */
export async function pinDigest(
  requests: Requests,
  release: ModelRelease,
  step: Extract<Action, { type: 'PinDigest' }>,
): Promise<void> {
  const likeness = (found: ConfigMap): OwnershipCheck => {
    if (!isPinOf(found, release, step.revision)) return 'Foreign'
    return pinnedBy(found.data) === step.digest ? 'Same' : 'Other'
  }
  await createOnce(requests, CONFIG_MAPS, digestPinOf(release, step), likeness)
}

/** Removes the pin of a revision that nothing is stored of any more. */
export async function removePin(requests: Requests, release: ModelRelease, revision: string): Promise<void> {
  const found = await pinOf(requests, release, revision)
  if (found) await requests.remove(CONFIG_MAPS, found.metadata, versionOf(found))
}

/** The pin outlives the release exactly when what is stored of its revision does. */
export async function setPinOwnership(
  requests: Requests,
  release: ModelRelease,
  { revision, ownership }: { revision: string; ownership: 'Owned' | 'Free' },
): Promise<void> {
  const found = await pinOf(requests, release, revision)
  if (!found) return
  const metadata = { ownerReferences: ownersWith(found, release, ownership) }
  await requests.patch(CONFIG_MAPS, found.metadata, versionOf(found), { metadata })
}

async function pinOf(
  requests: Requests,
  release: ModelRelease,
  revision: string,
): Promise<ConfigMap | undefined> {
  const { name, namespace } = release.metadata
  const found = await requests.get(CONFIG_MAPS, { namespace, name: pinName(name, revision) })
  return found && isPinOf(found, release, revision) ? found : undefined
}

function isPinOf(found: ConfigMap, { metadata }: ModelRelease, revision: string): boolean {
  return isOurs(found, metadata.name) && found.metadata.labels?.[LABEL.revision] === revision
}
