/** Rules that bring the pointer back to the color that served before. */
import { otherColor, type Color } from '../../api/names.ts'
import type { Attempt } from '../../api/release.ts'
import { commandLine } from '../output/command-line.ts'
import { claimTaken } from './blocked.ts'
import { canaryOf, withdrawal } from './canary.ts'
import { returnReport } from './commands.ts'
import {
  deadlineOf,
  endAttempt,
  isBroken,
  isOverdue,
  keyOf,
  rollBack,
  without,
} from '../state/persisted-state.ts'
import { BLOCKED_RECHECK_MS, LIVE_DOWN_MS, PODS_RECHECK_MS } from '../model/timing.ts'
import { isKeyAbsent } from '../model/pointer-view.ts'
import { proveAndMove } from './gates.ts'
import {
  adoptedTarget,
  goalOf,
  revisionIn,
  runningAttempt,
  staysWithoutKey,
  storedOf,
  type Decision,
  type PlanContext,
} from '../context.ts'
import { unanswering } from '../model/color.ts'
import { livePatienceMs } from '../state/fold.ts'
import { invalidating, propagating, verifying } from './verify.ts'
import type { PointerReading } from '../model/observation.ts'

/**
 * Somebody is deleting the Deployment that serves, and it cannot be made again before its pods have ended, which may take for
 * ever: the color that served before is led to, for as long as it is there.
 */
export function liveLeaving(context: PlanContext): Decision {
  const { live, observation } = context
  const before = beforeNewSpec(context)
  const attempt = attemptThatIsLive(before)
  if (
    !live ||
    !attempt ||
    observation.colors[live].workload?.leaving !== 'Yes' ||
    !isWarm(context, otherColor(live))
  )
    return undefined
  const message = `somebody deleted the Deployment of ${live}, which served, and its pods are still ending; users are led to ${otherColor(live)}, which served before`
  return { state: rollBack(before, attempt, { reason: 'LiveColorLeaving', message }) }
}

/**
 * Every pod of the live color has been crashing, or has not been ready, for a while, and the color that served before is warm:
 * users are led there, once. What cannot take over either leaves them where they are, and a person decides what comes next.
 */
export function liveFailed(context: PlanContext): Decision {
  const { live, state, observation } = context
  const { liveFailure } = state
  if (!live || liveFailure?.color !== live || !liveFailure.lasting || liveFailure.returned) return undefined
  const before = beforeNewSpec(context)
  const attempt = attemptThatIsLive(before)
  const isNow = livePatienceMs(state, observation, live) !== undefined
  const mayReturn = observation.release.spec.liveFailurePolicy !== 'Tell' && isWarm(context, otherColor(live))
  if (!attempt || !isNow || !mayReturn) return undefined
  const message = `${liveFailure.lasting}; users are led back to ${otherColor(live)}, which served before (spec.liveFailurePolicy: ReturnWhileWarm)`
  const back = rollBack(before, attempt, { reason: 'LiveColorFailed', message })
  return { state: { ...back, liveFailure: { ...liveFailure, returned: 'Yes' } } }
}

/** The attempt that brought what is live, as long as nothing goes back. */
function attemptThatIsLive({ live, state: { attempt }, observation }: PlanContext): Attempt | undefined {
  if (!live || attempt?.direction !== 'Forward') return undefined
  if (attempt.outcome && attempt.outcome !== 'Promoted') return undefined
  return observation.colors[live].workload?.revision === attempt.revision ? attempt : undefined
}

/**
 * As it was before a spec that has been applied since and has moved nothing yet: the attempt is the one that brought what is
 * live. The newer one is begun anew when users are answered, since the generation of before is what the status is of again.
 */
function beforeNewSpec(context: PlanContext): PlanContext {
  const { live, state, observation } = context
  const newer = runningAttempt(context)
  const revision = live && observation.colors[live].workload?.revision
  const stored = storedOf(context, revision)
  if (!stored || newer?.direction !== 'Forward' || newer.revision === revision) return context
  if (state.intent || canaryOf(context)) return context
  const { attempt: id, generation } = stored
  const { startedAt, deadline } = newer
  const attempt: Attempt = { id, revision: stored.revision, startedAt, deadline, direction: 'Forward' }
  return { ...context, state: { ...state, attempt, observedGeneration: generation } }
}

/** It was proven to users once, was not led away from since, and could answer them now. */
function isWarm({ state, observation }: PlanContext, color: Color): boolean {
  const colorState = observation.colors[color]
  const outcomes = state.history
    .filter(({ revision }) => revision === colorState.workload?.revision)
    .map(({ outcome }) => outcome)
  const wasLeft = outcomes[0] === 'RolledBack' || outcomes[0] === 'Aborted'
  return outcomes.includes('Promoted') && !wasLeft && unanswering(colorState) === undefined
}

/**
 * A newer spec wants the color that users are to be led back to, or could be: while what is live fails, that one is not taken.
 * Where users were to be led back once already, a person has decided since.
 */
export function neededToReturn(context: PlanContext, color: Color): Decision {
  const { live, state, observation } = context
  if (!live || live === color || !isWarm(context, color) || state.liveFailure?.returned) return undefined
  const fails = isFailing(context, live)
  const calmInMs = untilCalmMs(context, live)
  if (!fails && calmInMs <= 0) return undefined
  const what = `${color} at revision ${revisionIn(context, color) ?? ''} is not replaced while ${live}, which users are sent to, fails or has failed within a minute, since ${color} can answer them`
  if (fails && observation.release.spec.liveFailurePolicy === 'Tell') {
    const remedy = `set spec.liveFailurePolicy to ReturnWhileWarm to have users led back to ${color} first, or make the pods of ${live} ready again`
    return {
      stalled: { reason: 'LiveColorFailed', message: `${what}: ${remedy}` },
      requeueAfterMs: BLOCKED_RECHECK_MS,
    }
  }
  return {
    waiting: { reason: 'MakingRoom', message: what },
    requeueAfterMs: calmInMs > 0 ? Math.min(calmInMs, PODS_RECHECK_MS) : PODS_RECHECK_MS,
  }
}

/** Milliseconds until a minute has passed since it was first seen to fail; not above 0 where that is over, or nothing is wrong. */
function untilCalmMs({ state: { liveFailure }, observation }: PlanContext, live: Color): number {
  if (liveFailure?.color !== live) return 0
  return Date.parse(liveFailure.since) + LIVE_DOWN_MS - observation.now
}

/** It answers nobody now, or only between crashes; a Deployment that is gone may be refused when it is to be brought back. */
function isFailing({ state, observation }: PlanContext, live: Color): boolean {
  return (
    observation.colors[live].workload?.leaving !== 'No' ||
    livePatienceMs(state, observation, live) !== undefined
  )
}

/** The pointer returns: after a wrong answer, an undo, or an abort after the switch. */
export function rollingBack(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  if (attempt?.direction !== 'Back') return undefined
  const withdrawn = canaryOf(context) && withdrawal(context, attempt)
  if (withdrawn) return withdrawn
  const adopted = adoptedTarget(context, attempt)
  if (adopted !== undefined) return backToAdopted(context, attempt, adopted)
  const goal = goalOf(context, attempt)
  if (!goal)
    return {
      waiting: { reason: 'RollingBack', message: 'no color is known to return to' },
      requeueAfterMs: PODS_RECHECK_MS,
    }
  return backTo(context, attempt, goal)
}

function backTo(context: PlanContext, attempt: Attempt, goal: Color): Decision {
  const trouble = goal === context.live ? undefined : unanswering(context.observation.colors[goal])
  if (trouble) return cannotReturnYet(context, attempt, `${goal} cannot take over: ${trouble}`)
  const { command } = context.state
  if (command?.result === 'Pending')
    return { state: { ...context.state, command: { ...command, ...returnReport(context, goal) } } }
  if (goal === context.live) return arrivedBack(context, attempt, goal)
  const stored = storedOf(context, context.observation.colors[goal].workload?.revision)
  if (!stored) return cannotReturn(context, attempt, `what ${goal} rendered is not stored any more`)
  return proveAndMove(context, {
    attempt,
    goal,
    stored,
    failed: (message) => notProven(context, attempt, `${goal} does not pass its gates: ${message}`),
    unknown: (message) =>
      isOverdue(attempt, context.observation)
        ? notProven(context, attempt, `${goal} does not answer its gates: ${message}`)
        : undefined,
  })
}

/** What has a Deployment may have a ready pod soon; a command waits for that as what is known to be wrong does. */
function cannotReturnYet(context: PlanContext, attempt: Attempt, message: string): Decision {
  const goal = goalOf(context, attempt)
  const stands = goal !== undefined && context.observation.colors[goal].workload?.leaving === 'No'
  if (!stands || isBroken(attempt)) return cannotReturn(context, attempt, message)
  const told = `${message}; the pointer goes back as soon as one is ready, unless another spec is applied before, or: ${commandLine(context.observation.release, 'retry', attempt)}`
  return { waiting: { reason: 'RollingBack', message: told }, requeueAfterMs: PODS_RECHECK_MS }
}

/** Where the return must be kept in mind, the gates are asked again in every reconcile: the color may recover. */
function notProven(context: PlanContext, attempt: Attempt, message: string): Decision {
  if (isBroken(attempt) && context.observation.result?.type !== 'GatesRan') return undefined
  return cannotReturn(context, attempt, message)
}

/** A command is given up; a return from a wrong answer is kept in mind, and no pointer is written meanwhile. */
function cannotReturn(context: PlanContext, attempt: Attempt, message: string): Decision {
  if (isBroken(attempt))
    return {
      stalled: {
        reason: 'BothColorsBroken',
        message: `${attempt.message ?? ''}, and ${message}; nothing is moved or removed: apply another spec, or have the new color asked again: ${commandLine(context.observation.release, 'retry', attempt)}`,
      },
      requeueAfterMs: PODS_RECHECK_MS,
    }
  // What is live is asked once more before it is called promoted again, and has the time for it.
  const deadline = deadlineOf(context.observation)
  const forward: Attempt = { ...without(attempt, 'reason', 'message'), direction: 'Forward', deadline }
  const { command, ...rest } = without(context.state, 'gates', 'intent')
  // What nobody commanded is not told as a command that was refused.
  const isCommanded = attempt.reason === 'Undone' || attempt.reason === 'Aborted'
  const result = isCommanded ? { result: 'Refused' as const, message } : {}
  return { state: { ...rest, ...(command ? { command: { ...command, ...result } } : {}), attempt: forward } }
}

/** Nobody can prove an origin that is not of this release; it has served before, and that is all that is known of it. */
function backToAdopted(context: PlanContext, attempt: Attempt, origin: string): Decision {
  const { pointer } = context.observation
  if (isAt(context, origin)) return propagating(context) ?? invalidating(context) ?? ended(context, attempt)
  const stays = origin === '' ? staysWithoutKey(context, attempt) : undefined
  if (stays !== undefined) return cannotReturn(context, attempt, stays)
  if (pointer.type !== 'Read') return undefined
  if (!exists(origin, pointer)) {
    const message = `"${origin}", which served before, is not an origin of the distribution any more`
    return cannotReturn(context, attempt, message)
  }
  return claimTaken(context) ?? moveToAdopted(context, { attempt, origin, token: pointer.token })
}

/** Without a key users are left to what the behaviors name, whatever that is. */
function isAt({ view, observation }: PlanContext, origin: string): boolean {
  if (origin === '')
    return view.type === 'Nothing' || isKeyAbsent(observation.release.spec, observation.pointer)
  return view.type === 'Adopted' && view.origin === origin
}

/** Whether it can be named at all; nothing always can. */
function exists(
  origin: string,
  { origins, distribution }: Extract<PointerReading, { type: 'Read' }>,
): boolean {
  const groups = distribution?.groups ?? []
  return origin === '' || origins.includes(origin) || groups.some(({ id }) => id === origin)
}

type AdoptedReturn = { attempt: Attempt; origin: string; token: string }

function moveToAdopted({ state }: PlanContext, { attempt, origin, token }: AdoptedReturn): Decision {
  const to = 'adopted'
  const { intent } = state
  if (intent?.to !== to || intent.token !== token)
    return { state: { ...state, intent: { to, token, attempt: keyOf(attempt) } } }
  return {
    action: { type: 'MovePointer', to, names: origin, token, targetPort: 0, direction: 'Back' },
    waiting: {
      reason: 'RollingBack',
      message: `moving the pointer back to ${origin || 'what the behaviors name'}`,
    },
  }
}

function arrivedBack(context: PlanContext, attempt: Attempt, goal: Color): Decision {
  const unfollowed = propagating(context)
  if (unfollowed) return unfollowed
  return invalidating(context) ?? verifying(context, attempt, goal) ?? ended(context, attempt)
}

function ended(context: PlanContext, attempt: Attempt): Decision {
  const outcome = attempt.reason === 'Aborted' ? 'Aborted' : 'RolledBack'
  const ending = {
    outcome,
    reason: attempt.reason ?? 'Undone',
    ...(attempt.message ? { message: attempt.message } : {}),
  } as const
  return { state: endAttempt(context.state, context.observation.now, ending) }
}
