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
  holderOf,
  liveReplicas,
  mayServeElsewhere,
  readyPods,
  runningAttempt,
  serviceOwnership,
  steadyInMs,
  storedOf,
  unavailable,
  wantedOwnership,
  wantedReplicas,
  type Found,
  type Scene,
} from '../context.ts'
import { invalidating, settling, verifying, verifyingAtOnce } from './verify.ts'
import type { StoredRevision } from '../model/observation.ts'

/** The idle color may still be answering somewhere until every edge follows the pointer. */
export function pointerMustSettle(scene: Scene): Found {
  return runningAttempt(scene) ? settling(scene) : undefined
}

/** Everything that can be checked of the new revision is checked before another one makes room for it. */
export function checkedFirst(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const goal = attempt && goalOf(scene, attempt)
  const { workload } = (goal && scene.world.colors[goal]) ?? {}
  if (!attempt || !workload || workload.revision === attempt.revision) return undefined
  return unstored(scene, attempt)
}

/** What the attempt renders, with its own gates, is stored after the API server has checked it. */
function unstored(scene: Scene, attempt: Attempt): Found {
  const { world } = scene
  const stored = storedOf(scene, attempt.revision)
  if (stored && world.revisions.some((one) => one.attempt === attempt.id)) return undefined
  return {
    step: { type: 'StoreRevision', stored: renderRevision(world.release, attempt, stored, world.defaults) },
  }
}

/** Another revision stands in the color that is to be built. */
export function colorTaken(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const goal = attempt && goalOf(scene, attempt)
  if (!goal) return undefined
  const { workload } = scene.world.colors[goal]
  const early = changedTooEarly(scene, attempt, goal)
  if (early) return early
  if (!workload) return undefined
  if (workload.leaving === 'Yes')
    return {
      waiting: { reason: 'MakingRoom', message: `the old ${goal} Deployment is leaving` },
      recheckMs: 1000,
    }
  if (workload.revision === attempt.revision) return undefined
  if (mayServeElsewhere(scene.world, scene.view, goal)) return pointerChanged(goal, workload.revision)
  const needed = neededToReturn(scene, goal)
  if (needed) return needed
  return removal(
    scene,
    goal,
    0,
    `waiting ${drainSeconds(scene, goal)} s for open requests of ${goal} (revision ${workload.revision}) to end before it is replaced`,
  )
}

/** What is live is named by the pointer before as well, and would go once the one of now has left it. */
function changedTooEarly(scene: Scene, attempt: Attempt, goal: Color): Found {
  const { live, memory, view, world } = scene
  const revision = live && live !== goal ? world.colors[live].workload?.revision : undefined
  if (!live || revision === undefined || !mayServeElsewhere(world, view, live)) return undefined
  const wasPromoted = (one: string): boolean =>
    memory.history.some((entry) => entry.revision === one && entry.outcome === 'Promoted')
  // Only the pointer was changed: what it is brought to is what everybody is answered by at the one before.
  const isThere = world.colors[goal].workload?.revision === attempt.revision
  if (isThere && (wasPromoted(attempt.revision) || !wasPromoted(revision))) return undefined
  return pointerChanged(live, revision)
}

/** Nobody reads the pointer that the spec named before, so what serves behind it is not taken away for something new. */
function pointerChanged(color: Color, revision: string): Found {
  return {
    stalled: {
      reason: 'PointerChanged',
      message: `spec.traffic names another pointer, and ${color} may still serve revision ${revision} through the one before: put spec.model or spec.template back until the release is Ready at the new pointer, then change it`,
    },
  }
}

/** One thing per pass until the candidate stands. */
export function building(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const goal = attempt && goalOf(scene, attempt)
  if (!goal) return undefined
  const { memory, world } = scene
  const { workload } = world.colors[goal]
  if (!workload && attempt.builds !== goal) return { memory: beginBuilding(memory, attempt, world, goal) }
  const missing = unstored(scene, attempt)
  if (missing) return missing
  const stored = storedOf(scene, attempt.revision)
  const service = serviceDiffers(scene, goal)
  if (service) return service
  if (workload || !stored) return undefined
  const replicas = scene.live ? liveReplicas(scene) : wantedReplicas(scene)
  return {
    step: { type: 'CreateWorkload', color: goal, stored, replicas, ownership: wantedOwnership(scene, goal) },
  }
}

function serviceDiffers(scene: Scene, goal: Color): Found {
  const { spec } = scene.world.release
  const { service, workload } = scene.world.colors[goal]
  // What may serve behind another pointer is known by that pointer's name until this one names it.
  const keepsMark = workload && isMarkedElsewhere(spec, scene.world.colors[goal])
  const origin = (keepsMark ? service?.origin : undefined) ?? originMark(spec, goal)
  if (service?.targetPort === spec.port && service.origin === origin) return undefined
  const ownership = serviceOwnership(scene)
  return { step: { type: 'ApplyColorService', color: goal, targetPort: spec.port, origin, ownership } }
}

/** The candidate is complete, proven, and the pointer is moved to it. */
export function switching(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const goal = attempt && goalOf(scene, attempt)
  if (!goal) return undefined
  const trouble = unavailable(scene.world.colors[goal])
  if (trouble) {
    const waiting = { reason: 'CandidateNotAvailable', message: `${goal}: ${trouble}` }
    return giveUp(scene, attempt, waiting.message) ?? { waiting, recheckMs: untilDeadlineMs(scene, attempt) }
  }
  const isLate = steadyInMs(scene, goal) > 0 && isPast(lastCallOf(scene, attempt), scene.world)
  if (isLate) return giveUp(scene, attempt, `pods of ${goal} become ready and do not stay so`)
  // The gates of this very attempt, even where the same revision was once tried with others.
  const stored = scene.world.revisions.find((one) => one.attempt === attempt.id)
  if (!stored) return undefined
  const ending = formerEnding(scene, { goal, stored })
  if (ending) return ending
  const weight = nextWeight(scene, 0)
  return proveAndMove(scene, {
    attempt,
    goal,
    stored,
    ...(weight === undefined ? {} : { weight }),
    failed: (message) => ({
      memory: endAttempt(scene.memory, scene.world.now, { outcome: 'Failed', reason: 'GateFailed', message }),
    }),
    unknown: (message) => giveUp(scene, attempt, message),
  })
}

/**
 * The Service of pods that are still ending is the candidate's, and without identity headers a wrong answer of theirs would be
 * taken for its own. They leave the Service as they begin to end; after the time that answers and proxies take, what still
 * hangs (a long grace, a node that is lost, a finalizer) answers nobody and is not waited for.
 */
function formerEnding(scene: Scene, { goal, stored }: { goal: Color; stored: StoredRevision }): Found {
  const { pods } = scene.world.colors[goal]
  if (stored.identity === 'Headers' || !pods.some(({ ready }) => ready === 'Terminating')) return undefined
  // Since the candidate is whole, in case its own pods have become ready while others were already ending.
  const since = scene.memory.colors[goal]?.readySince ?? scene.world.now
  const leftMs = since + answerSeconds(scene) * 1000 - scene.world.now
  if (leftMs <= 0) return undefined
  const message = `pods of the ${goal} Deployment before are still ending`
  return { waiting: { reason: 'MakingRoom', message }, recheckMs: leftMs }
}

/** What is whole at the deadline has as long again as it must stay so. */
function lastCallOf({ world }: Scene, { deadline }: Attempt): string {
  return instantText(Date.parse(deadline) + minReadyMsOf(world.release.spec))
}

/** The revision that the spec asks for is what the pointer names: by our move, or because nothing else was asked. */
export function alreadyLive(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const { live, memory, world } = scene
  if (!attempt || !live || holderOf(scene, attempt.revision) !== live) return undefined
  const unsettled = settling(scene)
  if (unsettled) return verifyingAtOnce(scene, attempt, live) ?? unsettled
  const unverified = invalidating(scene) ?? verifying(scene, attempt, live)
  if (unverified) return unverified
  const unfinished = arrivedAtNewPointer(scene, live) ?? pointerUnfit(scene) ?? unasked(scene, attempt, live)
  if (unfinished) return unfinished
  return { memory: endAttempt(memory, world.now, { outcome: 'Promoted', reason: 'Promoted' }) }
}

/**
 * The spec names other gates than what is live was asked, or somebody else led users there: it is asked before it is called
 * promoted. Where it does not pass, it is told, and nothing is moved or removed: nobody said that what was live before is better.
 */
function unasked(scene: Scene, attempt: Attempt, live: Color): Found {
  const { gates } = scene.memory
  if (gates?.result === 'Passed' && isAbout(gates, attempt)) return undefined
  const missing = unstored(scene, attempt)
  const stored = scene.world.revisions.find((one) => one.attempt === attempt.id)
  if (missing || !stored) return missing
  if (scene.world.did?.type === 'GatesRan' && gates?.result === 'Failed')
    return keptThough(scene, 'GateFailed', `${live} is live and stays so, and ${gatesText(scene)}`)
  return askingLive(scene, { attempt, goal: live, stored, failed: () => undefined, unknown: () => undefined })
}

function askingLive(scene: Scene, plan: MovePlan): Found {
  const { attempt, goal } = plan
  const isSilent = readyPods(scene.world.colors[goal]).length === 0
  const what = isSilent
    ? `${goal}, which is live, has no ready pod`
    : `asking the gates of ${goal}, which is live`
  const message = gatesText(scene) || what
  if (isOverdue(attempt, scene.world)) {
    const why = `its gates were not answered within spec.progressDeadlineSeconds (${scene.world.release.spec.progressDeadlineSeconds} s): ${message}`
    return keptThough(scene, 'ProgressDeadlineExceeded', `${goal} is live and stays so, and ${why}`)
  }
  if (!isSilent) return asking(scene, plan, message)
  return { waiting: { reason: 'Gating', message }, recheckMs: untilDeadlineMs(scene, attempt) }
}

function keptThough(scene: Scene, reason: string, message: string): Found {
  return { memory: endAttempt(scene.memory, scene.world.now, { outcome: 'Failed', reason, message }) }
}

/** From now on the color is known by the name that this pointer has for it. */
function arrivedAtNewPointer(scene: Scene, live: Color): Found {
  const { spec } = scene.world.release
  const { service } = scene.world.colors[live]
  if (!service || !isMarkedElsewhere(spec, scene.world.colors[live])) return undefined
  return {
    step: {
      type: 'ApplyColorService',
      color: live,
      targetPort: service.targetPort,
      origin: originMark(spec, live),
      ownership: serviceOwnership(scene),
    },
  }
}

/** Ends an attempt whose time is over; undefined while it may go on. */
export function giveUp(scene: Scene, attempt: Attempt, why: string): Found {
  const { memory, world } = scene
  if (!isOverdue(attempt, world)) return undefined
  const message = `not ready to switch within spec.progressDeadlineSeconds (${world.release.spec.progressDeadlineSeconds} s): ${why}`
  return {
    memory: endAttempt(memory, world.now, { outcome: 'Failed', reason: 'ProgressDeadlineExceeded', message }),
  }
}

function untilDeadlineMs({ world }: Scene, attempt: Attempt): number {
  const leftMs = Date.parse(attempt.deadline) - world.now
  return leftMs > 1000 ? Math.min(leftMs, PODS_RECHECK_MS) : 1000
}
