/** Without a digest in the spec, the model that passed the gates is the only one that later pods of its revision load. */
import { COLORS, pinName, type Color } from '../../api/names.ts'
import { pinReadBy } from '../manifests/children.ts'
import type { MovePlan } from './move-plan.ts'
import { serviceOwnership, type Found, type Scene } from '../context.ts'
import type { StoredRevision } from '../model/observation.ts'

/** Before the pointer is moved: from then on pods may start that no gate is asked of. */
export function unpinned(scene: Scene, { attempt, failed, goal }: MovePlan): Found {
  const { pin, revision = '' } = scene.world.colors[goal].workload ?? {}
  const digest = provenDigest(scene, goal)
  // A way back waits for nothing but an answer, and what answered no gate with a digest cannot be told from another.
  if (!pin || digest === undefined || attempt.direction === 'Back') return undefined
  if (pin.type !== 'Pinned')
    return { step: { type: 'PinDigest', revision, digest, ownership: serviceOwnership(scene) } }
  if (pin.digest === digest) return undefined
  const { name, namespace } = scene.world.release.metadata
  return failed(
    `the pods of ${goal} have loaded a model whose sha256 is ${digest}, and ConfigMap ${namespace}/${pinName(name, revision)} says "${pin.digest}" for revision ${revision}: release the model as another spec.model.version`,
  )
}

/** Somebody removed the pin of what was proven: pods that start meanwhile may load anything. */
export function pinGone(scene: Scene): Found {
  const { memory, world } = scene
  for (const color of COLORS) {
    const { pin, revision = '' } = world.colors[color].workload ?? {}
    const digest = provenDigest(scene, color)
    if (pin?.type !== 'Open' || digest === undefined || memory.attempt?.builds === color) continue
    return { step: { type: 'PinDigest', revision, digest, ownership: serviceOwnership(scene) } }
  }
  return undefined
}

/** The digest that a color's pods gave the gates, as the model server takes it; undefined where they gave none of that form. */
function provenDigest({ memory }: Scene, color: Color): string | undefined {
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(memory.colors[color]?.digest ?? '') ?? []
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
