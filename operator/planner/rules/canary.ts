/** A share of the clients first: rules of a pointer that can send some of them to the candidate. */
import { commandLine } from '../output/command-line.ts'
import { keyValueStoreOf, type Attempt, type CanaryStep } from '../../api/release.ts'
import type { Color } from '../../api/names.ts'
import { claimTaken, distributionUnfit, originMissing } from './blocked.ts'
import { holding, later, secondOf, silent } from './canary-hold.ts'
import {
  AFTER,
  instantText,
  isBroken,
  isDecided,
  isPast,
  keyOf,
  rollBack,
  without,
  type PersistedState,
} from '../state/persisted-state.ts'
import { LOST_MS, PODS_RECHECK_MS } from '../model/timing.ts'
import { canaryColor, nameOf, pointerId } from '../model/pointer-view.ts'
import { proveAndMove } from './gates.ts'
import { goalOf, runningAttempt, type Decision, type PlanContext } from '../context.ts'
import { readyPods, unavailable } from '../model/color.ts'
import type { CanaryReading, StoredRevision } from '../model/observation.ts'

/** The share as it stands in the pointer. */
export function canaryOf({
  observation: { pointer },
}: Pick<PlanContext, 'observation'>): CanaryReading | undefined {
  return pointer.type === 'Read' ? pointer.canary : undefined
}

/** All clients must be back before another spec is looked at. */
export function isShared(context: PlanContext): boolean {
  return canaryOf(context) !== undefined || isLeftBehind(context)
}

/** The spec names another pointer, and at the one before, which nobody reads any more, a share of the clients is at the candidate. */
function isLeftBehind({ state, observation }: PlanContext): boolean {
  const pointer = state.canary ? state.canary.pointer : state.intent?.pointer
  return pointer !== undefined && pointer !== pointerId(observation.release.spec)
}

/** The next share after a weight; undefined when it is everybody's turn. Where nobody answers there is nothing to share. */
export function nextWeight(context: PlanContext, weight: number): number | undefined {
  if (restIsLost(context)) return undefined
  return stepsOf(context.observation.release.spec).find((step) => step.weight > weight)?.weight
}

/** Whoever is not sent to the candidate gets no answer: for a while, where some are there already. */
function restIsLost(context: PlanContext): boolean {
  const { canary } = context.state
  if (!canary) return restIsDown(context)
  return (
    canary.othersLostSince !== undefined &&
    isPast(later(canary.othersLostSince, LOST_MS), context.observation)
  )
}

function restIsDown({ live, view, observation }: PlanContext): boolean {
  if (!live) return view.type !== 'Adopted'
  return readyPods(observation.colors[live]).length === 0
}

function stepsOf(spec: PlanContext['observation']['release']['spec']): readonly CanaryStep[] {
  return keyValueStoreOf(spec)?.canary ?? []
}

/** The share is what this attempt decided, and not what somebody else wrote. */
function isOurs(context: PlanContext, attempt: Attempt, canary: CanaryReading): boolean {
  const { state, observation } = context
  const goal = goalOf(context, attempt)
  const { spec } = observation.release
  if (!goal || canary.names !== nameOf(spec, goal, observation.colors)) return false
  // The same share of other clients would move those who are there already.
  if (canary.salt !== attempt.id || canary.header !== keyValueStoreOf(spec)?.canaryClientHeader) return false
  const { canary: step, intent } = state
  const held = step?.color === goal ? step.weight : undefined
  const decided = intent?.to === goal && intent.attempt === keyOf(attempt) ? intent.weight : undefined
  return canary.weight === held || canary.weight === decided
}

/** A share that the present spec does not ask for goes back before anything else. */
export function canaryWithdrawn(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  if (!attempt || attempt.direction === 'Back') return undefined
  if (isLeftBehind(context)) return leftBehind(context, attempt)
  const { observation } = context
  const canary = canaryOf(context)
  if (!canary || (attempt.id === context.wantedAttempt && isOurs(context, attempt, canary))) return undefined
  // All clients follow before another spec is looked at: the gates are asked as for any step.
  if (
    isOnlyHealthyColor(context) &&
    holds(context, attempt, canaryColor(observation.release.spec, observation.pointer, observation.colors))
  )
    return undefined
  return withdrawal(context, attempt)
}

/** Nobody but the color that a share of the clients is sent to answers users. */
export function isOnlyHealthyColor({ live, observation }: PlanContext): boolean {
  const color = canaryColor(observation.release.spec, observation.pointer, observation.colors)
  if (!live || !color || color === live) return false
  return readyPods(observation.colors[live]).length === 0 && readyPods(observation.colors[color]).length > 0
}

function holds({ observation }: PlanContext, { revision }: Attempt, color: Color | undefined): boolean {
  return color !== undefined && observation.colors[color].workload?.revision === revision
}

function leftBehind({ state, observation }: PlanContext, attempt: Attempt): Decision {
  const message = `spec.traffic names another pointer, and the one before sends a share of the clients to ${state.canary?.color ?? state.intent?.to ?? ''}: restore the previous spec.traffic until this attempt ends; if the previous pointer is no longer used, move the new pointer to the live color and run ${commandLine(observation.release, 'abort', attempt)}`
  return { stalled: { reason: 'PointerChanged', message } }
}

/** All clients go to where most of them are: what is live, or the origin that was taken over from. */
export function withdrawal(context: PlanContext, attempt: Attempt): Decision {
  const { live, state, view, observation } = context
  const { pointer } = observation
  if (pointer.type !== 'Read' || (!live && view.type !== 'Adopted')) return undefined
  const blocked = claimTaken(context) ?? worseThere(context, attempt)
  if (blocked) return blocked
  const to = live ?? 'adopted'
  const intent = { to, token: pointer.token, attempt: keyOf(attempt) } as const
  const names = pointer.targets[0]?.names ?? ''
  const waiting = { reason: 'RollingBack', message: `bringing all clients back to ${live ?? names}` }
  if (!isDecided(state.intent, intent)) return { state: { ...without(state, 'canary'), intent }, waiting }
  return {
    action: { type: 'MovePointer', to, names, token: pointer.token, targetPort: 0, direction: 'Back' },
    waiting,
  }
}

/** Nobody there could answer those who are answered now; another spec is a way out of what is known to be no good. */
function worseThere(context: PlanContext, attempt: Attempt): Decision {
  const { live = '', wantedAttempt, observation } = context
  if (!isOnlyHealthyColor(context) || (attempt.id !== wantedAttempt && isBroken(attempt))) return undefined
  const color = canaryColor(observation.release.spec, observation.pointer, observation.colors) ?? ''
  const asked = `have all clients follow to ${color}, if it passes its gates: ${commandLine(observation.release, 'retry', attempt)}`
  const waysOut = [
    `wait until ${live} has recovered`,
    attempt.direction === 'Back' ? asked : `point the key at ${color} by hand`,
    ...(isBroken(attempt) ? ['apply another spec'] : []),
  ]
  const message = `${attempt.message ?? `a share of the clients goes to ${color}`}, and ${live}, to which all should go, has no ready pod; nothing is moved or removed: ${waysOut.join(', or ')}`
  return { stalled: { reason: 'BothColorsBroken', message }, requeueAfterMs: PODS_RECHECK_MS }
}

/** What a share of the clients is sent to fell ill, or somebody else took the share away: all go back in seconds. */
export function canaryFailed(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const { canary: step } = context.state
  if (!attempt || attempt.direction === 'Back' || !step) return undefined
  const canary = canaryOf(context)
  if (!canary || !isOurs(context, attempt, canary)) {
    const message = `somebody else changed the share of the clients that ${step.color} was to have (${step.weight} %)`
    return { state: rollBack(context, attempt, { reason: 'PointerMoved', message }) }
  }
  const gone = goneCandidate(context, step.color)
  if (gone !== undefined) return failed(context, attempt, gone)
  return lossesNoted(context, step) ?? podsMissed(context, attempt, step)
}

/** Nothing is left there that could answer. */
function goneCandidate({ observation }: PlanContext, color: Color): string | undefined {
  const state = observation.colors[color]
  if (!state.workload || state.workload.leaving === 'Yes') return `there is no Deployment in ${color}`
  return readyPods(state).length === 0 ? `no pod of ${color} is ready any more` : undefined
}

/** Pods that had passed the gates and are not ready any more; more pods that are still to come are no trouble. */
function lostPods({ state, observation }: PlanContext, color: Color): string[] {
  const ready = new Set(readyPods(observation.colors[color]).map((pod) => pod.name))
  return (state.gates?.pods ?? []).filter((name) => !ready.has(name))
}

type Share = NonNullable<PersistedState['canary']>

/** Since when something has been lost, on either side; what has come back is forgotten. */
function lossesNoted(context: PlanContext, step: Share): Decision {
  const { state, observation } = context
  const now = secondOf(observation.now)
  const { podsLostSince, othersLostSince } = step
  const canary: Share = {
    ...without(step, 'podsLostSince', 'othersLostSince'),
    ...(lostPods(context, step.color).length > 0 ? { podsLostSince: podsLostSince ?? now } : {}),
    ...(restIsDown(context) ? { othersLostSince: othersLostSince ?? now } : {}),
  }
  const isKnown = canary.podsLostSince === podsLostSince && canary.othersLostSince === othersLostSince
  return isKnown ? undefined : { state: { ...state, canary } }
}

/** A readiness probe may miss once; others answer meanwhile. */
function podsMissed(context: PlanContext, attempt: Attempt, { color, podsLostSince }: Share): Decision {
  if (podsLostSince === undefined) return undefined
  const message = `${lostPods(context, color).join(', ')} of ${color} is not ready any more`
  const end = later(podsLostSince, LOST_MS)
  if (isPast(end, context.observation)) return failed(context, attempt, message)
  return { waiting: { reason: 'Canary', message }, requeueAfterMs: untilMs(end, context) }
}

function untilMs(instant: string, { observation }: PlanContext): number {
  return Math.max(1000, Date.parse(instant) - observation.now)
}

function failed(context: PlanContext, attempt: Attempt, why: string): Decision {
  const weight = canaryOf(context)?.weight ?? 0
  const message = `with ${weight} % of the clients at the candidate: ${why}`
  return { state: rollBack(context, attempt, { reason: 'CanaryFailed', message }) }
}

/**
 * The advance is stopped by what the distribution has become, and a share of the clients is at the candidate all the same:
 * its gates are asked on, and it goes back where they fail.
 */
export function canaryBlocked(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const { canary: step } = context.state
  const goal = attempt && goalOf(context, attempt)
  const stalled = (originMissing(context) ?? distributionUnfit(context))?.stalled
  if (!goal || !stalled || !step || step.weight !== canaryOf(context)?.weight) return undefined
  const stored = storedFor(context, attempt)
  const failing = (why: string): Decision => failed(context, attempt, why)
  const message = stalled.message
  const found =
    stored && holding(context, step, { attempt, goal, stored, weight: step.weight, message, failed: failing })
  return found && { ...found, stalled }
}

/** A share of the clients is at the candidate: the step is held, the gates are asked all the while and once more, the next share follows. */
export function canarying(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const canary = canaryOf(context)
  const goal = attempt && goalOf(context, attempt)
  if (!goal || !canary || attempt.direction === 'Back') return undefined
  const { state, observation } = context
  const { canary: step } = state
  if (step?.weight !== canary.weight) return { state: { ...state, canary: begun(context, goal, canary) } }
  const message = `${step.weight} % of the clients go to ${goal}`
  if (isPast(step.until, observation) || restIsLost(context))
    return advanced(context, attempt, { goal, weight: step.weight, message })
  if (step.othersLostSince !== undefined) {
    const waiting = { reason: 'Canary', message: `${message}; nobody answers the others` }
    return { waiting, requeueAfterMs: untilMs(later(step.othersLostSince, LOST_MS), context) }
  }
  const stored = storedFor(context, attempt)
  const back = (why: string): Decision => failed(context, attempt, why)
  return (
    stored && holding(context, step, { attempt, goal, stored, weight: step.weight, message, failed: back })
  )
}

/** The gates of this very attempt, even where the same revision was once tried with others. */
function storedFor({ observation }: PlanContext, attempt: Attempt): StoredRevision | undefined {
  return observation.revisions.find((one) => one.attempt === attempt.id)
}

function begun({ observation }: PlanContext, color: Color, { weight }: CanaryReading): Share {
  const { now, release } = observation
  const step = stepsOf(release.spec).find((one) => one.weight === weight)
  const since = secondOf(now)
  const until = Date.parse(since) + (step?.holdSeconds ?? 0) * 1000
  return { color, weight, pointer: pointerId(release.spec), since, until: instantText(until) }
}

type Held = { goal: Color; weight: number; message: string }

function advanced(context: PlanContext, attempt: Attempt, { goal, weight, message }: Held): Decision {
  const { state, observation } = context
  const stored = storedFor(context, attempt)
  if (!stored) return undefined
  const missing = unavailable(observation.colors[goal])
  const back = (why: string): Decision => failed(context, attempt, why)
  if (missing !== undefined) {
    const waiting = { reason: 'Canary', message: `${message}; ${goal}: ${missing}` }
    return isLate(state, observation) ? back(missing) : { waiting, requeueAfterMs: PODS_RECHECK_MS }
  }
  const next = nextWeight(context, weight)
  return proveAndMove(context, {
    attempt,
    goal,
    stored,
    gatesKey: `${keyOf(attempt)}${AFTER}${weight}`,
    ...(next === undefined ? {} : { weight: next }),
    failed: back,
    unknown: (why) => silent(context, { failed: back, why }),
  })
}

/** The step should have been over for as long as a candidate may take to become ready. */
function isLate({ canary }: PersistedState, observation: PlanContext['observation']): boolean {
  const until = Date.parse(canary?.until ?? '') + observation.release.spec.progressDeadlineSeconds * 1000
  return isPast(instantText(until), observation)
}
