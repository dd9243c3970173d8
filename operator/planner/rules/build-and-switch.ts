/** Rules that build the candidate and bring the pointer to it. */
import type { Color } from '../../api/names.ts'
import { minReadyMsOf, type Attempt } from '../../api/release.ts'
import { neededToReturn } from './rollback.ts'
import { pointerUnfit } from './blocked.ts'
import { nextWeight } from './canary.ts'
import { renderRevision } from '../manifests/children.ts'
import {
  beginBuilding,
  endAttempt,
  instantText,
  isAbout,
  isOverdue,
  isPast,
} from '../state/persisted-state.ts'
import { PODS_RECHECK_MS } from '../model/timing.ts'
import { isMarkedElsewhere, originMark } from '../model/pointer-view.ts'
import { asking, gatesText, proveAndMove } from './gates.ts'
import type { MovePlan } from './move-plan.ts'
import { removal } from './removal.ts'
import {
  answerSeconds,
  drainSeconds,
  goalOf,
  colorRunning,
  liveReplicas,
  mayServeElsewhere,
  runningAttempt,
  serviceOwnership,
  steadyInMs,
  storedOf,
  wantedOwnership,
  wantedReplicas,
  type Decision,
  type PlanContext,
} from '../context.ts'
import { readyPods, unavailable } from '../model/color.ts'
import { invalidating, propagating, verifying, verifyingAtOnce } from './verify.ts'
import type { StoredRevision } from '../model/observation.ts'

/** The idle color may still be answering somewhere until every edge follows the pointer. */
export function pointerMustPropagate(context: PlanContext): Decision {
  return runningAttempt(context) ? propagating(context) : undefined
}

/** Everything that can be checked of the new revision is checked before another one makes room for it. */
export function checkedFirst(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const goal = attempt && goalOf(context, attempt)
  const { workload } = (goal && context.observation.colors[goal]) ?? {}
  if (!attempt || !workload || workload.revision === attempt.revision) return undefined
  return unstored(context, attempt)
}

/** What the attempt renders, with its own gates, is stored after the API server has checked it. */
function unstored(context: PlanContext, attempt: Attempt): Decision {
  const { observation } = context
  const stored = storedOf(context, attempt.revision)
  if (stored && observation.revisions.some((one) => one.attempt === attempt.id)) return undefined
  return {
    action: {
      type: 'StoreRevision',
      stored: renderRevision(observation.release, attempt, stored, observation.defaults),
    },
  }
}

/** Another revision stands in the color that is to be built. */
export function colorTaken(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const goal = attempt && goalOf(context, attempt)
  if (!goal) return undefined
  const { workload } = context.observation.colors[goal]
  const early = changedTooEarly(context, attempt, goal)
  if (early) return early
  if (!workload) return undefined
  if (workload.leaving === 'Yes')
    return {
      waiting: { reason: 'MakingRoom', message: `the old ${goal} Deployment is leaving` },
      requeueAfterMs: 1000,
    }
  if (workload.revision === attempt.revision) return undefined
  if (mayServeElsewhere(context.observation, context.view, goal))
    return pointerChanged(goal, workload.revision)
  const needed = neededToReturn(context, goal)
  if (needed) return needed
  return removal(
    context,
    goal,
    0,
    `waiting ${drainSeconds(context, goal)} s for open requests of ${goal} (revision ${workload.revision}) to end before it is replaced`,
  )
}

/** What is live is named by the pointer before as well, and would go once the one of now has left it. */
function changedTooEarly(context: PlanContext, attempt: Attempt, goal: Color): Decision {
  const { live, state, view, observation } = context
  const revision = live && live !== goal ? observation.colors[live].workload?.revision : undefined
  if (!live || revision === undefined || !mayServeElsewhere(observation, view, live)) return undefined
  const wasPromoted = (one: string): boolean =>
    state.history.some((entry) => entry.revision === one && entry.outcome === 'Promoted')
  // Only the pointer was changed: what it is brought to is what everybody is answered by at the one before.
  const isThere = observation.colors[goal].workload?.revision === attempt.revision
  if (isThere && (wasPromoted(attempt.revision) || !wasPromoted(revision))) return undefined
  return pointerChanged(live, revision)
}

/** Nobody reads the pointer that the spec named before, so what serves behind it is not taken away for something new. */
function pointerChanged(color: Color, revision: string): Decision {
  return {
    stalled: {
      reason: 'PointerChanged',
      message: `spec.traffic names another pointer, and ${color} may still serve revision ${revision} through the one before: put spec.model or spec.template back until the release is Ready at the new pointer, then change it`,
    },
  }
}

/** One thing per reconcile until the candidate stands. */
export function building(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const goal = attempt && goalOf(context, attempt)
  if (!goal) return undefined
  const { state, observation } = context
  const { workload } = observation.colors[goal]
  if (!workload && attempt.builds !== goal) return { state: beginBuilding(state, attempt, observation, goal) }
  const missing = unstored(context, attempt)
  if (missing) return missing
  const stored = storedOf(context, attempt.revision)
  const service = serviceDiffers(context, goal)
  if (service) return service
  if (workload || !stored) return undefined
  const replicas = context.live ? liveReplicas(context) : wantedReplicas(context)
  return {
    action: {
      type: 'CreateWorkload',
      color: goal,
      stored,
      replicas,
      ownership: wantedOwnership(context, goal),
    },
  }
}

function serviceDiffers(context: PlanContext, goal: Color): Decision {
  const { spec } = context.observation.release
  const { service, workload } = context.observation.colors[goal]
  // What may serve behind another pointer is known by that pointer's name until this one names it.
  const keepsMark = workload && isMarkedElsewhere(spec, context.observation.colors[goal])
  const origin = (keepsMark ? service?.origin : undefined) ?? originMark(spec, goal)
  if (service?.targetPort === spec.port && service.origin === origin) return undefined
  const ownership = serviceOwnership(context)
  return { action: { type: 'ApplyColorService', color: goal, targetPort: spec.port, origin, ownership } }
}

/** The candidate is complete, proven, and the pointer is moved to it. */
export function switching(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const goal = attempt && goalOf(context, attempt)
  if (!goal) return undefined
  const trouble = unavailable(context.observation.colors[goal])
  if (trouble) {
    const waiting = { reason: 'CandidateNotAvailable', message: `${goal}: ${trouble}` }
    return (
      giveUp(context, attempt, waiting.message) ?? {
        waiting,
        requeueAfterMs: untilDeadlineMs(context, attempt),
      }
    )
  }
  const isLate = steadyInMs(context, goal) > 0 && isPast(lastCallOf(context, attempt), context.observation)
  if (isLate) return giveUp(context, attempt, `pods of ${goal} become ready and do not stay so`)
  // The gates of this very attempt, even where the same revision was once tried with others.
  const stored = context.observation.revisions.find((one) => one.attempt === attempt.id)
  if (!stored) return undefined
  const ending = formerEnding(context, { goal, stored })
  if (ending) return ending
  const weight = nextWeight(context, 0)
  return proveAndMove(context, {
    attempt,
    goal,
    stored,
    ...(weight === undefined ? {} : { weight }),
    failed: (message) => ({
      state: endAttempt(context.state, context.observation.now, {
        outcome: 'Failed',
        reason: 'GateFailed',
        message,
      }),
    }),
    unknown: (message) => giveUp(context, attempt, message),
  })
}

/**
 * The Service of pods that are still ending is the candidate's, and without identity headers a wrong answer of theirs would be
 * taken for its own. They leave the Service as they begin to end; after the time that answers and proxies take, what still
 * hangs (a long grace, a node that is lost, a finalizer) answers nobody and is not waited for.
 */
function formerEnding(
  context: PlanContext,
  { goal, stored }: { goal: Color; stored: StoredRevision },
): Decision {
  const { pods } = context.observation.colors[goal]
  if (stored.identity === 'Headers' || !pods.some(({ ready }) => ready === 'Terminating')) return undefined
  // Since the candidate is whole, in case its own pods have become ready while others were already ending.
  const since = context.state.colors[goal]?.readySince ?? context.observation.now
  const leftMs = since + answerSeconds(context) * 1000 - context.observation.now
  if (leftMs <= 0) return undefined
  const message = `pods of the ${goal} Deployment before are still ending`
  return { waiting: { reason: 'MakingRoom', message }, requeueAfterMs: leftMs }
}

/** What is whole at the deadline has as long again as it must stay so. */
function lastCallOf({ observation }: PlanContext, { deadline }: Attempt): string {
  return instantText(Date.parse(deadline) + minReadyMsOf(observation.release.spec))
}

/** The revision that the spec asks for is what the pointer names: by our move, or because nothing else was asked. */
export function alreadyLive(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const { live, state, observation } = context
  if (!attempt || !live || colorRunning(context, attempt.revision) !== live) return undefined
  const unfollowed = propagating(context)
  if (unfollowed) return verifyingAtOnce(context, attempt, live) ?? unfollowed
  const unverified = invalidating(context) ?? verifying(context, attempt, live)
  if (unverified) return unverified
  const unfinished =
    arrivedAtNewPointer(context, live) ?? pointerUnfit(context) ?? unasked(context, attempt, live)
  if (unfinished) return unfinished
  return { state: endAttempt(state, observation.now, { outcome: 'Promoted', reason: 'Promoted' }) }
}

/**
 * The spec names other gates than what is live was asked, or somebody else led users there: it is asked before it is called
 * promoted. Where it does not pass, it is told, and nothing is moved or removed: nobody said that what was live before is better.
 */
function unasked(context: PlanContext, attempt: Attempt, live: Color): Decision {
  const { gates } = context.state
  if (gates?.result === 'Passed' && isAbout(gates, attempt)) return undefined
  const missing = unstored(context, attempt)
  const stored = context.observation.revisions.find((one) => one.attempt === attempt.id)
  if (missing || !stored) return missing
  if (context.observation.result?.type === 'GatesRan' && gates?.result === 'Failed')
    return keptThough(context, 'GateFailed', `${live} is live and stays so, and ${gatesText(context)}`)
  return askingLive(context, {
    attempt,
    goal: live,
    stored,
    failed: () => undefined,
    unknown: () => undefined,
  })
}

function askingLive(context: PlanContext, plan: MovePlan): Decision {
  const { attempt, goal } = plan
  const isSilent = readyPods(context.observation.colors[goal]).length === 0
  const what = isSilent
    ? `${goal}, which is live, has no ready pod`
    : `asking the gates of ${goal}, which is live`
  const message = gatesText(context) || what
  if (isOverdue(attempt, context.observation)) {
    const why = `its gates were not answered within spec.progressDeadlineSeconds (${context.observation.release.spec.progressDeadlineSeconds} s): ${message}`
    return keptThough(context, 'ProgressDeadlineExceeded', `${goal} is live and stays so, and ${why}`)
  }
  if (!isSilent) return asking(context, plan, message)
  return { waiting: { reason: 'Gating', message }, requeueAfterMs: untilDeadlineMs(context, attempt) }
}

function keptThough(context: PlanContext, reason: string, message: string): Decision {
  return { state: endAttempt(context.state, context.observation.now, { outcome: 'Failed', reason, message }) }
}

/** From now on the color is known by the name that this pointer has for it. */
function arrivedAtNewPointer(context: PlanContext, live: Color): Decision {
  const { spec } = context.observation.release
  const { service } = context.observation.colors[live]
  if (!service || !isMarkedElsewhere(spec, context.observation.colors[live])) return undefined
  return {
    action: {
      type: 'ApplyColorService',
      color: live,
      targetPort: service.targetPort,
      origin: originMark(spec, live),
      ownership: serviceOwnership(context),
    },
  }
}

/** Ends an attempt whose time is over; undefined while it may go on. */
export function giveUp(context: PlanContext, attempt: Attempt, why: string): Decision {
  const { state, observation } = context
  if (!isOverdue(attempt, observation)) return undefined
  const message = `not ready to switch within spec.progressDeadlineSeconds (${observation.release.spec.progressDeadlineSeconds} s): ${why}`
  return {
    state: endAttempt(state, observation.now, {
      outcome: 'Failed',
      reason: 'ProgressDeadlineExceeded',
      message,
    }),
  }
}

function untilDeadlineMs({ observation }: PlanContext, attempt: Attempt): number {
  const leftMs = Date.parse(attempt.deadline) - observation.now
  return leftMs > 1000 ? Math.min(leftMs, PODS_RECHECK_MS) : 1000
}
