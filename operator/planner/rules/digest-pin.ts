/** Without a digest in the spec, the model that passed the gates is the only one that later pods of its revision load. */
import { COLORS, pinName, type Color } from '../../api/names.ts'
import { pinReadBy } from '../manifests/children.ts'
import type { MovePlan } from './move-plan.ts'
import { serviceOwnership, type Decision, type PlanContext } from '../context.ts'
import type { StoredRevision } from '../model/observation.ts'

/** Before the pointer is moved: from then on pods may start that no gate is asked of. */
export function unpinned(context: PlanContext, { attempt, failed, goal }: MovePlan): Decision {
  const { pin, revision = '' } = context.observation.colors[goal].workload ?? {}
  const digest = provenDigest(context, goal)
  // A way back waits for nothing but an answer, and what answered no gate with a digest cannot be told from another.
  if (!pin || digest === undefined || attempt.direction === 'Back') return undefined
  if (pin.type !== 'Pinned')
    return { action: { type: 'PinDigest', revision, digest, ownership: serviceOwnership(context) } }
  if (pin.digest === digest) return undefined
  const { name, namespace } = context.observation.release.metadata
  return failed(
    `the pods of ${goal} have loaded a model whose sha256 is ${digest}, and ConfigMap ${namespace}/${pinName(name, revision)} says "${pin.digest}" for revision ${revision}: release the model as another spec.model.version`,
  )
}

/** Somebody removed the pin of what was proven: pods that start meanwhile may load anything. */
export function pinGone(context: PlanContext): Decision {
  const { state, observation } = context
  for (const color of COLORS) {
    const { pin, revision = '' } = observation.colors[color].workload ?? {}
    const digest = provenDigest(context, color)
    if (pin?.type !== 'Open' || digest === undefined || state.attempt?.builds === color) continue
    return { action: { type: 'PinDigest', revision, digest, ownership: serviceOwnership(context) } }
  }
  return undefined
}

/** The digest that a color's pods gave the gates, as the model server takes it; undefined where they gave none of that form. */
function provenDigest({ state }: PlanContext, color: Color): string | undefined {
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(state.colors[color]?.digest ?? '') ?? []
  return hex
}

/** The revision whose pin goes with the last that is stored of it. */
export function lastPinOf(
  { attempt, revision, template }: StoredRevision,
  revisions: readonly StoredRevision[],
): string | undefined {
  const isLast = !revisions.some((one) => one.revision === revision && one.attempt !== attempt)
  return isLast && pinReadBy(template) !== undefined ? revision : undefined
}
