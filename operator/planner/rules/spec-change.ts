/** Which attempt it is: rules that follow the spec. */
import type { Attempt } from '../../api/release.ts'
import { isLifeline, isShared } from './canary.ts'
import { isOverdue, keyOf, startAttempt } from '../state/persisted-state.ts'
import { isUnsettled } from '../model/pointer-view.ts'
import { adoptedTarget, goalOf, unanswering, type Found, type Scene } from '../context.ts'

/** A move that is under way is seen through before another spec is looked at, unless it cannot be. */
function mustFinishFirst(scene: Scene, attempt: Attempt): boolean {
  if (attempt.outcome) return false
  const { view } = scene
  if (isUnsettled(view) || isShared(scene)) return true
  if (attempt.direction === 'Forward') return false
  const goal = goalOf(scene, attempt)
  return goal !== undefined && goal !== scene.live && !isReturnStuck(scene, attempt)
}

/** The color to return to cannot take over, or was asked and is not right either: only a person can help. */
export function isReturnStuck(scene: Scene, attempt: Attempt): boolean {
  const { world, live } = scene
  if (attempt.direction === 'Forward' || attempt.outcome) return false
  if (isLifeline(scene)) return true
  if (adoptedTarget(scene, attempt) !== undefined) return false
  const goal = goalOf(scene, attempt)
  if (goal === undefined || goal === live) return goal === undefined
  return unanswering(world.colors[goal]) !== undefined || isUnproven(scene, attempt)
}

function isUnproven({ memory: { gates }, world }: Scene, attempt: Attempt): boolean {
  if (gates?.key !== keyOf(attempt)) return false
  return gates.result === 'Failed' || (gates.result === 'Unknown' && isOverdue(attempt, world))
}

/** The spec asks for another attempt than the one that stands in the status. */
export function specChanged(scene: Scene): Found {
  const { memory, wantedAttempt, world } = scene
  const { attempt } = memory
  if (attempt?.id === wantedAttempt) {
    if (memory.observedGeneration === world.release.metadata.generation) return undefined
    return { memory: { ...memory, observedGeneration: world.release.metadata.generation } }
  }
  if (attempt && mustFinishFirst(scene, attempt)) return undefined
  return { memory: startAttempt(memory, world) }
}
