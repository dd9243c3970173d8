/** Which attempt it is: rules that follow the spec. */
import type { Attempt } from '../../api/release.ts'
import { isOnlyHealthyColor, isShared } from './canary.ts'
import { isOverdue, keyOf, startAttempt } from '../state/persisted-state.ts'
import { isPropagating } from '../model/pointer-view.ts'
import { adoptedTarget, goalOf, type Decision, type PlanContext } from '../context.ts'
import { unanswering } from '../model/color.ts'

/** A move that is under way is seen through before another spec is looked at, unless it cannot be. */
function mustFinishFirst(context: PlanContext, attempt: Attempt): boolean {
  if (attempt.outcome) return false
  const { view } = context
  if (isPropagating(view) || isShared(context)) return true
  if (attempt.direction === 'Forward') return false
  const goal = goalOf(context, attempt)
  return goal !== undefined && goal !== context.live && !isReturnStuck(context, attempt)
}

/** The color to return to cannot take over, or was asked and is not right either: only a person can help. */
export function isReturnStuck(context: PlanContext, attempt: Attempt): boolean {
  const { observation, live } = context
  if (attempt.direction === 'Forward' || attempt.outcome) return false
  if (isOnlyHealthyColor(context)) return true
  if (adoptedTarget(context, attempt) !== undefined) return false
  const goal = goalOf(context, attempt)
  if (goal === undefined || goal === live) return goal === undefined
  return unanswering(observation.colors[goal]) !== undefined || isUnproven(context, attempt)
}

function isUnproven({ state: { gates }, observation }: PlanContext, attempt: Attempt): boolean {
  if (gates?.key !== keyOf(attempt)) return false
  return gates.result === 'Failed' || (gates.result === 'Unknown' && isOverdue(attempt, observation))
}

/** The spec asks for another attempt than the one that stands in the status. */
export function specChanged(context: PlanContext): Decision {
  const { state, wantedAttempt, observation } = context
  const { attempt } = state
  if (attempt?.id === wantedAttempt) {
    if (state.observedGeneration === observation.release.metadata.generation) return undefined
    return { state: { ...state, observedGeneration: observation.release.metadata.generation } }
  }
  if (attempt && mustFinishFirst(context, attempt)) return undefined
  return { state: startAttempt(state, observation) }
}
