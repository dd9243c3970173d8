/** Rules of an attempt that is over: what failed is removed, what served before retires. */
import { COLORS, otherColor, type Color } from '../../api/names.ts'
import type { Attempt } from '../../api/release.ts'
import { lastPinOf } from './digest-pin.ts'
import { collectLogs } from './last-logs.ts'
import { shortForLong } from './capacity.ts'
import { removal } from './removal.ts'
import { PODS_RECHECK_MS, BLOCKED_RECHECK_MS } from '../model/timing.ts'
import {
  answerSeconds,
  colorRunning,
  mayServeElsewhere,
  removableInMs,
  storedOf,
  type Decision,
  type PlanContext,
} from '../context.ts'
import { lacksRoom, unavailable } from '../model/color.ts'
import { propagating, unverified } from './verify.ts'
import type { ColorState } from '../model/observation.ts'

/** What a superseded attempt had begun to build and never served makes room at once. */
export function supersededCandidate(context: PlanContext): Decision {
  const { attempt } = context.state
  const color = attempt?.builds
  if (!attempt || !color) return undefined
  const { workload } = context.observation.colors[color]
  if (!workload || workload.leaving === 'Yes' || workload.revision === attempt.revision) return undefined
  return removal(context, color, 0, `${color} may still be answering`)
}

/** The pointer went away and came back while nothing was asked of us: the proof is made again, but its failure moves nothing. */
export function provenAgain(context: PlanContext): Decision {
  const { live, state, observation } = context
  const { attempt } = state
  if (attempt?.outcome !== 'Promoted' || !live) return undefined
  if (observation.colors[live].workload?.revision !== attempt.revision || propagating(context))
    return undefined
  const found = unverified(context, attempt, live)
  return found && observation.result?.type === 'Verified'
    ? { ...found, requeueAfterMs: BLOCKED_RECHECK_MS }
    : found
}

/** What was built for an attempt that failed is removed, after its last words were kept. */
export function failedCandidate(context: PlanContext): Decision {
  const { state, observation } = context
  const { attempt } = state
  const color = attempt && failedColor(context, attempt)
  if (!color) return undefined
  if (attempt.logs === undefined && observation.colors[color].pods.length > 0)
    return { action: collectLogs(context, color, attempt.revision) }
  const { failedCandidateRetentionSeconds, retireAfterSeconds } = observation.release.spec
  const endedAt = Date.parse(state.history[0]?.endedAt ?? attempt.startedAt)
  const keepMs = endedAt + failedCandidateRetentionSeconds * 1000 - observation.now
  // Whoever looks at it must not keep pods from users.
  if (keepMs > 0 && !shortForLong(context)) return { requeueAfterMs: keepMs }
  const hasNoUse = attempt.builds === color || attempt.reason === 'CanaryFailed'
  const afterSeconds = hasNoUse ? 0 : retireAfterSeconds
  return removal(context, color, afterSeconds, `${color} may still be answering`)
}

function failedColor(context: PlanContext, attempt: Attempt): Color | undefined {
  const isNoGood = attempt.outcome === 'Failed' || attempt.reason === 'CanaryFailed'
  if (!isNoGood && attempt.outcome !== 'Aborted') return undefined
  const color = colorRunning(context, attempt.revision)
  if (!color || color === context.live) return undefined
  return mayServeElsewhere(context.observation, context.view, color) ? undefined : color
}

/**
 * The color that served before has been warm for as long as the spec asks. It stays while the live color is not whole, unless
 * what that lacks is room.
 */
export function retiring(context: PlanContext): Decision {
  const { attempt } = context.state
  const { live, observation } = context
  if (!attempt?.outcome) return undefined
  if (!live) return retiringBesideAdopted(context, attempt)
  const idle = otherColor(live)
  const { workload } = observation.colors[idle]
  const liveRevision = observation.colors[live].workload?.revision
  if (!workload || workload.leaving === 'Yes' || liveRevision === undefined) return undefined
  if (isShort(observation.colors[live])) return { requeueAfterMs: PODS_RECHECK_MS }
  // Somebody moved the pointer away from what was promoted, or back to what was undone: both colors are kept.
  if ((attempt.outcome === 'Promoted') !== (liveRevision === attempt.revision)) return undefined
  const wait = removableInMs(context, idle, observation.release.spec.retireAfterSeconds)
  if (wait !== 0) return { requeueAfterMs: wait ?? answerSeconds(context) * 1000 }
  return {
    action: {
      type: 'RemoveWorkload',
      color: idle,
      uid: workload.uid,
      resourceVersion: workload.resourceVersion,
    },
  }
}

/** It lacks pods, and not for want of room. */
function isShort(color: ColorState): boolean {
  return unavailable(color) !== undefined && !lacksRoom(color)
}

/** What was taken back to an adopted origin stays warm for a retry as long as a color does beside another. */
function retiringBesideAdopted(context: PlanContext, attempt: Attempt): Decision {
  const color = colorRunning(context, attempt.revision)
  const isBeside =
    context.view.type === 'Adopted' || (context.view.type === 'Nothing' && 'propagated' in context.view)
  if (!isBeside || !color || attempt.outcome === 'Promoted') return undefined
  return removal(
    context,
    color,
    context.observation.release.spec.retireAfterSeconds,
    `${color} may still be answering`,
  )
}

/** Stored revisions that no color holds and that the history no longer names. */
export function revisionForgotten(context: PlanContext): Decision {
  const { state, observation } = context
  if (!state.attempt?.outcome) return undefined
  const held = [
    ...COLORS.map((color) => observation.colors[color].workload?.revision),
    ...Object.values(state.lastRevision),
  ]
  const kept = new Set([
    state.attempt.id,
    ...state.history.map((entry) => entry.attempt),
    ...held.map((revision) => storedOf(context, revision)?.attempt),
  ])
  const forgotten = observation.revisions.find((stored) => !kept.has(stored.attempt))
  if (!forgotten) return undefined
  const pinOf = lastPinOf(forgotten, observation.revisions)
  return {
    action: {
      type: 'ForgetRevision',
      attempt: forgotten.attempt,
      ...(pinOf === undefined ? {} : { pinOf }),
    },
  }
}
