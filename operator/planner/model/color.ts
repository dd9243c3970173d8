/** What the pods of one color amount to: whether it could serve, and what to say where it could not. */
import { counted } from '../../api/text.ts'
import { isWantOfRoom } from '../output/remedy.ts'
import type { ColorState, PodState, Trouble } from './observation.ts'
import { shortHash } from './revision.ts'

/** Changes with every pod that comes, goes, or becomes ready anew. */
export function fingerprintOf(color: ColorState): string {
  const pods = readyPods(color).map(({ name, steadySince }) => `${name} ${steadySince ?? ''}`)
  return shortHash(pods.toSorted(), 10)
}

/** Pods of a color that count for the revision of its workload. */
export function currentPods(color: ColorState): PodState[] {
  return color.pods.filter(
    (pod) => pod.revision === color.workload?.revision && pod.ready !== 'Terminating' && !pod.former,
  )
}

export function readyPods(color: ColorState): PodState[] {
  return currentPods(color).filter((pod) => pod.ready === 'Yes')
}

/** Why the color could not take all traffic now; undefined when it could. Zero pods are never enough. */
export function unavailable(color: ColorState): string | undefined {
  const { workload } = color
  if (!workload || workload.leaving === 'Yes') return 'there is no Deployment'
  if (workload.observed === 'No') return 'the Deployment was changed a moment ago'
  const strangers = color.pods.filter(
    (pod) => (pod.revision !== workload.revision || pod.former) && pod.ready !== 'Terminating',
  )
  if (strangers.length > 0)
    return `the color still has ${counted(strangers.length, 'pod')} of the Deployment before`
  const ready = readyPods(color).length
  const missing = Math.max(workload.replicas, 1) - ready
  return missing > 0
    ? `${ready} of ${Math.max(workload.replicas, 1)} pods ready${troubleText(color)}`
    : undefined
}

/**
 * Why nobody could be answered by the color now; undefined when somebody could. All that a way back asks of a color that has
 * served: what it leads away from is worse than a color that is small, which is told and grows meanwhile.
 */
export function unanswering(color: ColorState): string | undefined {
  const { workload } = color
  if (!workload || workload.leaving === 'Yes') return 'there is no Deployment'
  const strangers = color.pods.filter((pod) => pod.revision !== workload.revision && pod.ready === 'Yes')
  if (strangers.length > 0)
    return `the color still answers with ${counted(strangers.length, 'pod')} of another revision`
  return readyPods(color).length > 0
    ? undefined
    : `0 of ${Math.max(workload.replicas, 1)} pods ready${troubleText(color)}`
}

/** What is to be said of a color that answers with fewer pods than it should have; undefined when it is whole, or does not answer. */
export function smallness(color: ColorState): string | undefined {
  const { replicas = 0 } = color.workload ?? {}
  const ready = readyPods(color).length
  if (ready === 0 || ready >= replicas) return undefined
  return `small: not all of its ${replicas} pods are ready${troubleText(color)}`
}

/** Whether the color answers with fewer pods than it should have for lack of room. What crashes has its room. */
export function lacksRoom(color: ColorState): boolean {
  return smallness(color) !== undefined && wantOfRoom(color) !== undefined
}

/** Why pods of the color are missing, where quota or nodes have no room for them; another pod that went would help. */
export function wantOfRoom(color: ColorState): Trouble | undefined {
  const { workload } = color
  if (workload?.leaving !== 'No' || readyPods(color).length >= workload.replicas) return undefined
  const troubles = [workload.trouble, ...currentPods(color).map(({ trouble }) => trouble)]
  return troubles.find((trouble) => trouble && isWantOfRoom(trouble))
}

/** The most telling trouble of a color, for messages: it must name what a person can act on. */
export function troubleText(color: ColorState): string {
  const trouble = color.workload?.trouble ?? currentPods(color).find((pod) => pod.trouble)?.trouble
  return trouble ? ` (${trouble.reason}: ${trouble.message})` : ''
}
