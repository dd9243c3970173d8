/** A child is made once, by its name, and every later write names the version that was read. */
import { LABEL } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { ownerOf, type Manifest } from '../../planner/manifests/children.ts'
import type { Ownership } from '../../planner/model/observation.ts'
import { ConflictError, RefusedError } from '../../ports/errors.ts'
import type { ApiObject, OwnerReference } from './objects.ts'
import type { Requests } from './requests.ts'
import { resourceText, type Resource } from './resources.ts'

/** What stands under the name of something that is to be created. */
export type OwnershipCheck = 'Same' | 'Other' | 'Foreign'

/** Creates the object; where it stands already because a crash came between the write and its report, that is as good. */
export async function createOnce<T extends ApiObject>(
  requests: Requests,
  resource: Resource<T>,
  manifest: Manifest,
  likeness: (found: T) => OwnershipCheck,
): Promise<void> {
  try {
    await requests.create(resource, manifest)
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
    const found = await requests.get(resource, manifest.metadata)
    if (!found) throw error
    const like = likeness(found)
    if (like === 'Foreign')
      throw new RefusedError('InvalidSpec', takenText('metadata.name', resource, manifest, found), {
        cause: error,
      })
    if (like === 'Other' || found.metadata.deletionTimestamp) throw error
  }
}

/** The precondition of a write to the object as it was read. */
export function versionOf({ metadata }: ApiObject): { uid: string; resourceVersion: string } {
  return { uid: metadata.uid, resourceVersion: metadata.resourceVersion }
}

/** The owners of a child with the release among them, or without; others stay. */
export function ownersWith(
  { metadata }: ApiObject,
  release: ModelRelease,
  ownership: Ownership,
): OwnerReference[] {
  const others = (metadata.ownerReferences ?? []).filter((owner) => owner.uid !== release.metadata.uid)
  return ownership === 'Owned' ? [...others, ownerOf(release) as OwnerReference] : others
}

/** What stands there may serve somebody, so nobody is told to take it away. */
export function takenText(
  field: string,
  resource: Resource,
  { metadata }: Manifest,
  found: ApiObject,
): string {
  const { namespace, name, labels } = metadata
  const missing = Object.entries(labels)
    .filter(([key, value]) => found.metadata.labels?.[key] !== value)
    .map(([key, value]) => `${key}=${value}`)
  const [owner] = found.metadata.ownerReferences ?? []
  const by = found.metadata.labels?.[LABEL.managedBy] ?? (owner && `${owner.kind} ${owner.name}`)
  return (
    `${field}: ${resourceText(resource)} ${namespace}/${name} stands already${by === undefined ? '' : `, managed by ${by},`} and is not ` +
    `known to be of this release${missing.length > 0 ? ` (it lacks the labels ${missing.join(', ')})` : ''}; it is left as it is. ` +
    `${field === 'metadata.name' ? 'The release goes on by itself when its owner has freed the name' : 'Set another name'}; if it is of this release, put these labels back`
  )
}
