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
  turnBack,
  without,
  type Memory,
} from '../state/persisted-state.ts'
import { LOST_MS, PODS_RECHECK_MS } from '../model/timing.ts'
import { canaryColor, nameOf, pointerId } from '../model/pointer-view.ts'
import { proveAndMove } from './gates.ts'
import { goalOf, readyPods, runningAttempt, unavailable, type Found, type Scene } from '../context.ts'
import type { CanaryReading, StoredRevision } from '../model/observation.ts'

/** The share as it stands in the pointer. */
export function canaryOf({ world: { pointer } }: Pick<Scene, 'world'>): CanaryReading | undefined {
  return pointer.type === 'Read' ? pointer.canary : undefined
}

/** All clients must be back before another spec is looked at. */
export function isShared(scene: Scene): boolean {
  return canaryOf(scene) !== undefined || isLeftBehind(scene)
}

/** The spec names another pointer, and at the one before, which nobody reads any more, a share of the clients is at the candidate. */
function isLeftBehind({ memory, world }: Scene): boolean {
  const pointer = memory.canary ? memory.canary.pointer : memory.intent?.pointer
  return pointer !== undefined && pointer !== pointerId(world.release.spec)
}

/** The next share after a weight; undefined when it is everybody's turn. Where nobody answers there is nothing to share. */
export function nextWeight(scene: Scene, weight: number): number | undefined {
  if (restIsLost(scene)) return undefined
  return stepsOf(scene.world.release.spec).find((step) => step.weight > weight)?.weight
}

/** Whoever is not sent to the candidate gets no answer: for a while, where some are there already. */
function restIsLost(scene: Scene): boolean {
  const { canary } = scene.memory
  if (!canary) return restIsDown(scene)
  return canary.othersLostSince !== undefined && isPast(later(canary.othersLostSince, LOST_MS), scene.world)
}

function restIsDown({ live, view, world }: Scene): boolean {
  if (!live) return view.type !== 'Adopted'
  return readyPods(world.colors[live]).length === 0
}

function stepsOf(spec: Scene['world']['release']['spec']): readonly CanaryStep[] {
  return keyValueStoreOf(spec)?.canary ?? []
}

/** The share is what this attempt decided, and not what somebody else wrote. */
function isOurs(scene: Scene, attempt: Attempt, canary: CanaryReading): boolean {
  const { memory, world } = scene
  const goal = goalOf(scene, attempt)
  const { spec } = world.release
  if (!goal || canary.names !== nameOf(spec, goal, world.colors)) return false
  // The same share of other clients would move those who are there already.
  if (canary.salt !== attempt.id || canary.header !== keyValueStoreOf(spec)?.canaryClientHeader) return false
  const { canary: step, intent } = memory
  const held = step?.color === goal ? step.weight : undefined
  const decided = intent?.to === goal && intent.attempt === keyOf(attempt) ? intent.weight : undefined
  return canary.weight === held || canary.weight === decided
}

/** A share that the present spec does not ask for goes back before anything else. */
export function canaryWithdrawn(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  if (!attempt || attempt.direction === 'Back') return undefined
  if (isLeftBehind(scene)) return leftBehind(scene, attempt)
  const { world } = scene
  const canary = canaryOf(scene)
  if (!canary || (attempt.id === scene.wantedAttempt && isOurs(scene, attempt, canary))) return undefined
  // All clients follow before another spec is looked at: the gates are asked as for any step.
  if (
    isLifeline(scene) &&
    holds(scene, attempt, canaryColor(world.release.spec, world.pointer, world.colors))
  )
    return undefined
  return withdrawal(scene, attempt)
}

/** Nobody but the color that a share of the clients is sent to answers users. */
export function isLifeline({ live, world }: Scene): boolean {
  const color = canaryColor(world.release.spec, world.pointer, world.colors)
  if (!live || !color || color === live) return false
  return readyPods(world.colors[live]).length === 0 && readyPods(world.colors[color]).length > 0
}

function holds({ world }: Scene, { revision }: Attempt, color: Color | undefined): boolean {
  return color !== undefined && world.colors[color].workload?.revision === revision
}

function leftBehind({ memory, world }: Scene, attempt: Attempt): Found {
  const message = `spec.traffic names another pointer, and the one before sends a share of the clients to ${memory.canary?.color ?? memory.intent?.to ?? ''}: restore the previous spec.traffic until this attempt ends; if the previous pointer is no longer used, move the new pointer to the live color and run ${commandLine(world.release, 'abort', attempt)}`
  return { stalled: { reason: 'PointerChanged', message } }
}

/** All clients go to where most of them are: what is live, or the origin that was taken over from. */
export function withdrawal(scene: Scene, attempt: Attempt): Found {
  const { live, memory, view, world } = scene
  const { pointer } = world
  if (pointer.type !== 'Read' || (!live && view.type !== 'Adopted')) return undefined
  const blocked = claimTaken(scene) ?? worseThere(scene, attempt)
  if (blocked) return blocked
  const to = live ?? 'adopted'
  const intent = { to, token: pointer.token, attempt: keyOf(attempt) } as const
  const names = pointer.targets[0]?.names ?? ''
  const waiting = { reason: 'Returning', message: `bringing all clients back to ${live ?? names}` }
  if (!isDecided(memory.intent, intent)) return { memory: { ...without(memory, 'canary'), intent }, waiting }
  return {
    step: { type: 'MovePointer', to, names, token: pointer.token, targetPort: 0, direction: 'Back' },
    waiting,
  }
}

/** Nobody there could answer those who are answered now; another spec is a way out of what is known to be no good. */
function worseThere(scene: Scene, attempt: Attempt): Found {
  const { live = '', wantedAttempt, world } = scene
  if (!isLifeline(scene) || (attempt.id !== wantedAttempt && isBroken(attempt))) return undefined
  const color = canaryColor(world.release.spec, world.pointer, world.colors) ?? ''
  const asked = `have all clients follow to ${color}, if it passes its gates: ${commandLine(world.release, 'retry', attempt)}`
  const waysOut = [
    `wait until ${live} has recovered`,
    attempt.direction === 'Back' ? asked : `point the key at ${color} by hand`,
    ...(isBroken(attempt) ? ['apply another spec'] : []),
  ]
  const message = `${attempt.message ?? `a share of the clients goes to ${color}`}, and ${live}, to which all should go, has no ready pod; nothing is moved or removed: ${waysOut.join(', or ')}`
  return { stalled: { reason: 'BothColorsBroken', message }, recheckMs: PODS_RECHECK_MS }
}

/** What a share of the clients is sent to fell ill, or somebody else took the share away: all go back in seconds. */
export function canaryFailed(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const { canary: step } = scene.memory
  if (!attempt || attempt.direction === 'Back' || !step) return undefined
  const canary = canaryOf(scene)
  if (!canary || !isOurs(scene, attempt, canary)) {
    const message = `somebody else changed the share of the clients that ${step.color} was to have (${step.weight} %)`
    return { memory: turnBack(scene, attempt, { reason: 'PointerMoved', message }) }
  }
  const gone = goneCandidate(scene, step.color)
  if (gone !== undefined) return failed(scene, attempt, gone)
  return lossesNoted(scene, step) ?? podsMissed(scene, attempt, step)
}

/** Nothing is left there that could answer. */
function goneCandidate({ world }: Scene, color: Color): string | undefined {
  const state = world.colors[color]
  if (!state.workload || state.workload.leaving === 'Yes') return `there is no Deployment in ${color}`
  return readyPods(state).length === 0 ? `no pod of ${color} is ready any more` : undefined
}

/** Pods that had passed the gates and are not ready any more; more pods that are still to come are no trouble. */
function lostPods({ memory, world }: Scene, color: Color): string[] {
  const ready = new Set(readyPods(world.colors[color]).map((pod) => pod.name))
  return (memory.gates?.pods ?? []).filter((name) => !ready.has(name))
}

type Share = NonNullable<Memory['canary']>

/** Since when something has been lost, on either side; what has come back is forgotten. */
function lossesNoted(scene: Scene, step: Share): Found {
  const { memory, world } = scene
  const now = secondOf(world.now)
  const { podsLostSince, othersLostSince } = step
  const canary: Share = {
    ...without(step, 'podsLostSince', 'othersLostSince'),
    ...(lostPods(scene, step.color).length > 0 ? { podsLostSince: podsLostSince ?? now } : {}),
    ...(restIsDown(scene) ? { othersLostSince: othersLostSince ?? now } : {}),
  }
  const isKnown = canary.podsLostSince === podsLostSince && canary.othersLostSince === othersLostSince
  return isKnown ? undefined : { memory: { ...memory, canary } }
}

/** A readiness probe may miss once; others answer meanwhile. */
function podsMissed(scene: Scene, attempt: Attempt, { color, podsLostSince }: Share): Found {
  if (podsLostSince === undefined) return undefined
  const message = `${lostPods(scene, color).join(', ')} of ${color} is not ready any more`
  const end = later(podsLostSince, LOST_MS)
  if (isPast(end, scene.world)) return failed(scene, attempt, message)
  return { waiting: { reason: 'Canary', message }, recheckMs: untilMs(end, scene) }
}

function untilMs(instant: string, { world }: Scene): number {
  return Math.max(1000, Date.parse(instant) - world.now)
}

function failed(scene: Scene, attempt: Attempt, why: string): Found {
  const weight = canaryOf(scene)?.weight ?? 0
  const message = `with ${weight} % of the clients at the candidate: ${why}`
  return { memory: turnBack(scene, attempt, { reason: 'CanaryFailed', message }) }
}

/**
 * The advance is stopped by what the distribution has become, and a share of the clients is at the candidate all the same:
 * its gates are asked on, and it goes back where they fail.
 */
export function canaryBlocked(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const { canary: step } = scene.memory
  const goal = attempt && goalOf(scene, attempt)
  const stalled = (originMissing(scene) ?? distributionUnfit(scene))?.stalled
  if (!goal || !stalled || !step || step.weight !== canaryOf(scene)?.weight) return undefined
  const stored = storedFor(scene, attempt)
  const failing = (why: string): Found => failed(scene, attempt, why)
  const message = stalled.message
  const found =
    stored && holding(scene, step, { attempt, goal, stored, weight: step.weight, message, failed: failing })
  return found && { ...found, stalled }
}

/** A share of the clients is at the candidate: the step is held, the gates are asked all the while and once more, the next share follows. */
export function canarying(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const canary = canaryOf(scene)
  const goal = attempt && goalOf(scene, attempt)
  if (!goal || !canary || attempt.direction === 'Back') return undefined
  const { memory, world } = scene
  const { canary: step } = memory
  if (step?.weight !== canary.weight) return { memory: { ...memory, canary: begun(scene, goal, canary) } }
  const message = `${step.weight} % of the clients go to ${goal}`
  if (isPast(step.until, world) || restIsLost(scene))
    return advanced(scene, attempt, { goal, weight: step.weight, message })
  if (step.othersLostSince !== undefined) {
    const waiting = { reason: 'Canary', message: `${message}; nobody answers the others` }
    return { waiting, recheckMs: untilMs(later(step.othersLostSince, LOST_MS), scene) }
  }
  const stored = storedFor(scene, attempt)
  const back = (why: string): Found => failed(scene, attempt, why)
  return stored && holding(scene, step, { attempt, goal, stored, weight: step.weight, message, failed: back })
}

/** The gates of this very attempt, even where the same revision was once tried with others. */
function storedFor({ world }: Scene, attempt: Attempt): StoredRevision | undefined {
  return world.revisions.find((one) => one.attempt === attempt.id)
}

function begun({ world }: Scene, color: Color, { weight }: CanaryReading): Share {
  const { now, release } = world
  const step = stepsOf(release.spec).find((one) => one.weight === weight)
  const since = secondOf(now)
  const until = Date.parse(since) + (step?.holdSeconds ?? 0) * 1000
  return { color, weight, pointer: pointerId(release.spec), since, until: instantText(until) }
}

type Held = { goal: Color; weight: number; message: string }

function advanced(scene: Scene, attempt: Attempt, { goal, weight, message }: Held): Found {
  const { memory, world } = scene
  const stored = storedFor(scene, attempt)
  if (!stored) return undefined
  const missing = unavailable(world.colors[goal])
  const back = (why: string): Found => failed(scene, attempt, why)
  if (missing !== undefined) {
    const waiting = { reason: 'Canary', message: `${message}; ${goal}: ${missing}` }
    return isLate(memory, world) ? back(missing) : { waiting, recheckMs: PODS_RECHECK_MS }
  }
  const next = nextWeight(scene, weight)
  return proveAndMove(scene, {
    attempt,
    goal,
    stored,
    gatesKey: `${keyOf(attempt)}${AFTER}${weight}`,
    ...(next === undefined ? {} : { weight: next }),
    failed: back,
    unknown: (why) => silent(scene, { failed: back, why }),
  })
}

/** The step should have been over for as long as a candidate may take to become ready. */
function isLate({ canary }: Memory, world: Scene['world']): boolean {
  const until = Date.parse(canary?.until ?? '') + world.release.spec.progressDeadlineSeconds * 1000
  return isPast(instantText(until), world)
}
