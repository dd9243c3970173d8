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
  turnBack,
  without,
} from '../state/persisted-state.ts'
import { BLOCKED_RECHECK_MS, LIVE_DOWN_MS, PODS_RECHECK_MS } from '../model/timing.ts'
import { isKeyAbsent } from '../model/pointer-view.ts'
import { proveAndMove } from './gates.ts'
import {
  adoptedTarget,
  goalOf,
  livePatienceMs,
  revisionIn,
  runningAttempt,
  staysWithoutKey,
  storedOf,
  unanswering,
  type Found,
  type Scene,
} from '../context.ts'
import { invalidating, settling, verifying } from './verify.ts'
import type { PointerReading } from '../model/observation.ts'

/**
 * Somebody is deleting the Deployment that serves, and it cannot be made again before its pods have ended, which may take for
 * ever: the color that served before is led to, for as long as it is there.
 */
export function liveLeaving(scene: Scene): Found {
  const { live, world } = scene
  const before = beforeNewSpec(scene)
  const attempt = attemptThatIsLive(before)
  if (!live || !attempt || world.colors[live].workload?.leaving !== 'Yes' || !isWarm(scene, otherColor(live)))
    return undefined
  const message = `somebody deleted the Deployment of ${live}, which served, and its pods are still ending; users are led to ${otherColor(live)}, which served before`
  return { memory: turnBack(before, attempt, { reason: 'LiveColorLeaving', message }) }
}

/**
 * Every pod of the live color has been crashing, or has not been ready, for a while, and the color that served before is warm:
 * users are led there, once. What cannot take over either leaves them where they are, and a person decides what comes next.
 */
export function liveFailed(scene: Scene): Found {
  const { live, memory, world } = scene
  const { liveFailure } = memory
  if (!live || liveFailure?.color !== live || !liveFailure.lasting || liveFailure.returned) return undefined
  const before = beforeNewSpec(scene)
  const attempt = attemptThatIsLive(before)
  const isNow = livePatienceMs(memory, world, live) !== undefined
  const mayReturn = world.release.spec.liveFailurePolicy !== 'Tell' && isWarm(scene, otherColor(live))
  if (!attempt || !isNow || !mayReturn) return undefined
  const message = `${liveFailure.lasting}; users are led back to ${otherColor(live)}, which served before (spec.liveFailurePolicy: ReturnWhileWarm)`
  const back = turnBack(before, attempt, { reason: 'LiveColorFailed', message })
  return { memory: { ...back, liveFailure: { ...liveFailure, returned: 'Yes' } } }
}

/** The attempt that brought what is live, as long as nothing goes back. */
function attemptThatIsLive({ live, memory: { attempt }, world }: Scene): Attempt | undefined {
  if (!live || attempt?.direction !== 'Forward') return undefined
  if (attempt.outcome && attempt.outcome !== 'Promoted') return undefined
  return world.colors[live].workload?.revision === attempt.revision ? attempt : undefined
}

/**
 * As it was before a spec that has been applied since and has moved nothing yet: the attempt is the one that brought what is
 * live. The newer one is begun anew when users are answered, since the generation of before is what the status is of again.
 */
function beforeNewSpec(scene: Scene): Scene {
  const { live, memory, world } = scene
  const newer = runningAttempt(scene)
  const revision = live && world.colors[live].workload?.revision
  const stored = storedOf(scene, revision)
  if (!stored || newer?.direction !== 'Forward' || newer.revision === revision) return scene
  if (memory.intent || canaryOf(scene)) return scene
  const { attempt: id, generation } = stored
  const { startedAt, deadline } = newer
  const attempt: Attempt = { id, revision: stored.revision, startedAt, deadline, direction: 'Forward' }
  return { ...scene, memory: { ...memory, attempt, observedGeneration: generation } }
}

/** It was proven to users once, was not led away from since, and could answer them now. */
function isWarm({ memory, world }: Scene, color: Color): boolean {
  const state = world.colors[color]
  const outcomes = memory.history
    .filter(({ revision }) => revision === state.workload?.revision)
    .map(({ outcome }) => outcome)
  const wasLeft = outcomes[0] === 'RolledBack' || outcomes[0] === 'Aborted'
  return outcomes.includes('Promoted') && !wasLeft && unanswering(state) === undefined
}

/**
 * A newer spec wants the color that users are to be led back to, or could be: while what is live fails, that one is not taken.
 * Where users were to be led back once already, a person has decided since.
 */
export function neededToReturn(scene: Scene, color: Color): Found {
  const { live, memory, world } = scene
  if (!live || live === color || !isWarm(scene, color) || memory.liveFailure?.returned) return undefined
  const fails = isFailing(scene, live)
  const calmInMs = untilCalmMs(scene, live)
  if (!fails && calmInMs <= 0) return undefined
  const what = `${color} at revision ${revisionIn(scene, color) ?? ''} is not replaced while ${live}, which users are sent to, fails or has failed within a minute, since ${color} can answer them`
  if (fails && world.release.spec.liveFailurePolicy === 'Tell') {
    const remedy = `set spec.liveFailurePolicy to ReturnWhileWarm to have users led back to ${color} first, or make the pods of ${live} ready again`
    return {
      stalled: { reason: 'LiveColorFailed', message: `${what}: ${remedy}` },
      recheckMs: BLOCKED_RECHECK_MS,
    }
  }
  return {
    waiting: { reason: 'MakingRoom', message: what },
    recheckMs: calmInMs > 0 ? Math.min(calmInMs, PODS_RECHECK_MS) : PODS_RECHECK_MS,
  }
}

/** Milliseconds until a minute has passed since it was first seen to fail; not above 0 where that is over, or nothing is wrong. */
function untilCalmMs({ memory: { liveFailure }, world }: Scene, live: Color): number {
  if (liveFailure?.color !== live) return 0
  return Date.parse(liveFailure.since) + LIVE_DOWN_MS - world.now
}

/** It answers nobody now, or only between crashes; a Deployment that is gone may be refused when it is to be brought back. */
function isFailing({ memory, world }: Scene, live: Color): boolean {
  return world.colors[live].workload?.leaving !== 'No' || livePatienceMs(memory, world, live) !== undefined
}

/** The pointer returns: after a wrong answer, an undo, or an abort after the switch. */
export function goingBack(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  if (attempt?.direction !== 'Back') return undefined
  const withdrawn = canaryOf(scene) && withdrawal(scene, attempt)
  if (withdrawn) return withdrawn
  const adopted = adoptedTarget(scene, attempt)
  if (adopted !== undefined) return backToAdopted(scene, attempt, adopted)
  const goal = goalOf(scene, attempt)
  if (!goal)
    return {
      waiting: { reason: 'Returning', message: 'no color is known to return to' },
      recheckMs: PODS_RECHECK_MS,
    }
  return backTo(scene, attempt, goal)
}

function backTo(scene: Scene, attempt: Attempt, goal: Color): Found {
  const trouble = goal === scene.live ? undefined : unanswering(scene.world.colors[goal])
  if (trouble) return cannotReturnYet(scene, attempt, `${goal} cannot take over: ${trouble}`)
  const { command } = scene.memory
  if (command?.result === 'Pending')
    return { memory: { ...scene.memory, command: { ...command, ...returnReport(scene, goal) } } }
  if (goal === scene.live) return arrivedBack(scene, attempt, goal)
  const stored = storedOf(scene, scene.world.colors[goal].workload?.revision)
  if (!stored) return cannotReturn(scene, attempt, `what ${goal} rendered is not stored any more`)
  return proveAndMove(scene, {
    attempt,
    goal,
    stored,
    failed: (message) => notProven(scene, attempt, `${goal} does not pass its gates: ${message}`),
    unknown: (message) =>
      isOverdue(attempt, scene.world)
        ? notProven(scene, attempt, `${goal} does not answer its gates: ${message}`)
        : undefined,
  })
}

/** What has a Deployment may have a ready pod soon; a command waits for that as what is known to be wrong does. */
function cannotReturnYet(scene: Scene, attempt: Attempt, message: string): Found {
  const goal = goalOf(scene, attempt)
  const stands = goal !== undefined && scene.world.colors[goal].workload?.leaving === 'No'
  if (!stands || isBroken(attempt)) return cannotReturn(scene, attempt, message)
  const told = `${message}; the pointer goes back as soon as one is ready, unless another spec is applied before, or: ${commandLine(scene.world.release, 'retry', attempt)}`
  return { waiting: { reason: 'Returning', message: told }, recheckMs: PODS_RECHECK_MS }
}

/** Where the return must be kept in mind, the gates are asked again in every pass: the color may recover. */
function notProven(scene: Scene, attempt: Attempt, message: string): Found {
  if (isBroken(attempt) && scene.world.did?.type !== 'GatesRan') return undefined
  return cannotReturn(scene, attempt, message)
}

/** A command is given up; a return from a wrong answer is kept in mind, and no pointer is written meanwhile. */
function cannotReturn(scene: Scene, attempt: Attempt, message: string): Found {
  if (isBroken(attempt))
    return {
      stalled: {
        reason: 'BothColorsBroken',
        message: `${attempt.message ?? ''}, and ${message}; nothing is moved or removed: apply another spec, or have the new color asked again: ${commandLine(scene.world.release, 'retry', attempt)}`,
      },
      recheckMs: PODS_RECHECK_MS,
    }
  // What is live is asked once more before it is called promoted again, and has the time for it.
  const deadline = deadlineOf(scene.world)
  const forward: Attempt = { ...without(attempt, 'reason', 'message'), direction: 'Forward', deadline }
  const { command, ...rest } = without(scene.memory, 'gates', 'intent')
  // What nobody commanded is not told as a command that was refused.
  const isCommanded = attempt.reason === 'Undone' || attempt.reason === 'Aborted'
  const result = isCommanded ? { result: 'Refused' as const, message } : {}
  return { memory: { ...rest, ...(command ? { command: { ...command, ...result } } : {}), attempt: forward } }
}

/** Nobody can prove an origin that is not of this release; it has served before, and that is all that is known of it. */
function backToAdopted(scene: Scene, attempt: Attempt, origin: string): Found {
  const { pointer } = scene.world
  if (isAt(scene, origin)) return settling(scene) ?? invalidating(scene) ?? ended(scene, attempt)
  const stays = origin === '' ? staysWithoutKey(scene, attempt) : undefined
  if (stays !== undefined) return cannotReturn(scene, attempt, stays)
  if (pointer.type !== 'Read') return undefined
  if (!exists(origin, pointer)) {
    const message = `"${origin}", which served before, is not an origin of the distribution any more`
    return cannotReturn(scene, attempt, message)
  }
  return claimTaken(scene) ?? moveToAdopted(scene, { attempt, origin, token: pointer.token })
}

/** Without a key users are left to what the behaviors name, whatever that is. */
function isAt({ view, world }: Scene, origin: string): boolean {
  if (origin === '') return view.type === 'Nothing' || isKeyAbsent(world.release.spec, world.pointer)
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

function moveToAdopted({ memory }: Scene, { attempt, origin, token }: AdoptedReturn): Found {
  const to = 'adopted'
  const { intent } = memory
  if (intent?.to !== to || intent.token !== token)
    return { memory: { ...memory, intent: { to, token, attempt: keyOf(attempt) } } }
  return {
    step: { type: 'MovePointer', to, names: origin, token, targetPort: 0, direction: 'Back' },
    waiting: {
      reason: 'Returning',
      message: `moving the pointer back to ${origin || 'what the behaviors name'}`,
    },
  }
}

function arrivedBack(scene: Scene, attempt: Attempt, goal: Color): Found {
  const unsettled = settling(scene)
  if (unsettled) return unsettled
  return invalidating(scene) ?? verifying(scene, attempt, goal) ?? ended(scene, attempt)
}

function ended(scene: Scene, attempt: Attempt): Found {
  const outcome = attempt.reason === 'Aborted' ? 'Aborted' : 'RolledBack'
  const ending = {
    outcome,
    reason: attempt.reason ?? 'Undone',
    ...(attempt.message ? { message: attempt.message } : {}),
  } as const
  return { memory: endAttempt(scene.memory, scene.world.now, ending) }
}
