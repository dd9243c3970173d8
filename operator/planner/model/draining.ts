/** What pods answer of what they have begun, once their Deployment is removed. */
import { containersOf, DRAIN_DELAY } from '../manifests/children.ts'
import type { PodState, StoredRevision } from './observation.ts'

/** For so long the model server goes on with its answers after it has let in its last request (FINISH_MS of its drain). */
const SERVER_FINISH_SECONDS = 20

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination */
const USUAL_GRACE_SECONDS = 30

/**
 * Seconds for which pods of this revision surely go on with what they answer after they are told to end: while all their containers
 * sleep first (`preStop.sleep`), and then as long as the model server does. Of any other container nothing is known: many end
 * at once. A container that somebody injected into the pods, as a service mesh does, may cut off what goes through it.
 */
export function finishingSeconds(stored: StoredRevision | undefined, pods: readonly PodState[]): number {
  const containers = stored ? containersOf(stored.template) : []
  if (!stored || containers.length === 0) return 0
  if (pods.some(({ containers: number = containers.length }) => number > containers.length)) return 0
  const asleep = Math.min(...containers.map(sleepSeconds))
  const finishing = stored.identity === 'Headers' ? asleep + serverSeconds(containers) : asleep
  return Math.min(finishing, graceSeconds(stored))
}

type Container = ReturnType<typeof containersOf>[number]

/** https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/ */
function sleepSeconds({ lifecycle }: Container): number {
  const { preStop } = (lifecycle ?? {}) as { preStop?: { sleep?: { seconds?: unknown } } }
  return numberOr(0, preStop?.sleep?.seconds)
}

function serverSeconds(containers: readonly Container[]): number {
  const delay = containers.flatMap(({ env }) => env ?? []).findLast(({ name }) => name === DRAIN_DELAY)
  return SERVER_FINISH_SECONDS + Math.floor(numberOr(0, delay?.value) / 1000)
}

function graceSeconds({ template }: StoredRevision): number {
  const { terminationGracePeriodSeconds } = (template.spec ?? {}) as Record<string, unknown>
  return numberOr(USUAL_GRACE_SECONDS, terminationGracePeriodSeconds)
}

function numberOr(otherwise: number, value: unknown): number {
  const number = Number(value)
  return value !== undefined && Number.isFinite(number) && number > 0 ? number : otherwise
}
