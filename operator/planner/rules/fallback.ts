/** What users get where a key cannot be read must always answer: what the behaviors themselves name follows the key. */
import { canaryOf } from './canary.ts'
import { claimTaken } from './blocked.ts'
import { FALLBACK_RETRY_MS } from '../model/timing.ts'
import { behindFallback, isPropagating, nameOf } from '../model/pointer-view.ts'
import { colorRunning, runningAttempt, type Decision, type PlanContext } from '../context.ts'

/** The behaviors still name the other color, though what the key names is propagated and proven. */
export function fallbackBehind(context: PlanContext): Decision {
  const { live, view, observation } = context
  const { pointer } = observation
  const fallback = pointer.type === 'Read' ? pointer.fallback : undefined
  if (!fallback || !live) return undefined
  const parts = behindFallback(observation, live)
  if (parts.length === 0) return undefined
  if (isPropagating(view) || fallback.propagated === 'No') return undefined
  if (!isArrived(context) || isHeldOff(context)) return undefined
  const waitMs = (fallback.writableAt ?? observation.now) - observation.now
  if (waitMs > 0) return { requeueAfterMs: waitMs }
  const names = nameOf(observation.release.spec, live, observation.colors)
  return claimTaken(context) ?? { action: { type: 'MoveFallback', parts, names, token: fallback.token } }
}

/** Users are proven to be answered by the color, or an attempt is about to take the other one: nobody wants to go back there. */
function isArrived(context: PlanContext): boolean {
  const { live, state, observation } = context
  if (!live || state.intent || canaryOf(context)) return false
  const revision = observation.colors[live].workload?.revision
  if (revision === undefined) return false
  const attempt = runningAttempt(context)
  const isWanted = attempt?.direction === 'Forward' && colorRunning(context, attempt.revision) !== live
  return state.verified === revision || isWanted
}

/** It was refused lately, or the behaviors are not of this release: then it is told, and nothing waits for it. */
function isHeldOff({ state: { fallback }, observation: { claim, now } }: PlanContext): boolean {
  const wasRefused = fallback !== undefined && now - Date.parse(fallback.refusedAt) < FALLBACK_RETRY_MS
  return wasRefused || claim.type === 'Taken'
}
