/** Rules that build the candidate and bring the pointer to it. */
import type { Attempt } from '../api/release.ts'
import { renderRevision } from './manifests.ts'
import { beginBuilding, endAttempt } from './memory.ts'
import { PODS_RECHECK_MS } from './pacing.ts'
import { originMark } from './pointer.ts'
import { proveAndMove } from './proving.ts'
import { removal } from './removal.ts'
import {
  goalOf,
  holderOf,
  liveReplicas,
  runningAttempt,
  serviceOwnership,
  storedOf,
  unavailable,
  wantedOwnership,
  type Found,
  type Scene,
} from './scene.ts'
import { settling, verifying } from './verifying.ts'

/** The idle color may still be answering somewhere until every edge follows the pointer. */
export function pointerMustSettle(scene: Scene): Found {
  return runningAttempt(scene) ? settling(scene) : undefined
}

/** Another revision stands in the color that is to be built. */
export function colorTaken(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const goal = attempt && goalOf(scene, attempt)
  if (!goal) return undefined
  const { workload } = scene.world.colors[goal]
  if (!workload) return undefined
  if (workload.leaving === 'Yes')
    return {
      waiting: { reason: 'MakingRoom', message: `the old ${goal} Deployment is leaving` },
      recheckMs: 1000,
    }
  if (workload.revision === attempt.revision) return undefined
  return removal(scene, goal, 0, `${goal} holds revision ${workload.revision}, which may still be answering`)
}

/** One thing per pass until the candidate stands. */
export function building(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const goal = attempt && goalOf(scene, attempt)
  if (!goal) return undefined
  const { memory, world } = scene
  const { workload, service } = world.colors[goal]
  if (!workload && attempt.builds !== goal) return { memory: beginBuilding(memory, attempt, world, goal) }
  const stored = storedOf(scene, attempt.revision)
  if (!stored || !world.revisions.some((one) => one.attempt === attempt.id))
    return { step: { type: 'StoreRevision', stored: renderRevision(world.release, stored, world.defaults) } }
  const origin = originMark(world.release.spec, goal)
  if (service?.targetPort !== world.release.spec.port || service.origin !== origin)
    return {
      step: {
        type: 'ApplyColorService',
        color: goal,
        targetPort: world.release.spec.port,
        origin,
        ownership: serviceOwnership(scene),
      },
    }
  if (workload) return undefined
  const replicas = scene.live ? liveReplicas(scene) : world.release.spec.replicas
  return {
    step: { type: 'CreateWorkload', color: goal, stored, replicas, ownership: wantedOwnership(scene, goal) },
  }
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
  const stored = storedOf(scene, attempt.revision)
  if (!stored) return undefined
  return proveAndMove(scene, {
    attempt,
    goal,
    stored,
    failed: (message) => ({
      memory: endAttempt(scene.memory, scene.world.now, { outcome: 'Failed', reason: 'GateFailed', message }),
    }),
    unknown: (message) => giveUp(scene, attempt, message),
  })
}

/** The revision that the spec asks for is what the pointer names: by our move, or because nothing else was asked. */
export function alreadyLive(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  const { live, memory, world } = scene
  if (!attempt || !live || holderOf(scene, attempt.revision) !== live) return undefined
  const unsettled = settling(scene)
  if (unsettled) return unsettled
  const unverified = verifying(scene, attempt, live)
  if (unverified) return unverified
  return { memory: endAttempt(memory, world.now, { outcome: 'Promoted', reason: 'Promoted' }) }
}

/** Ends an attempt whose time is over; undefined while it may go on. */
function giveUp(scene: Scene, attempt: Attempt, why: string): Found {
  const { memory, world } = scene
  // After a stop of the operator the world is looked at once before time that nobody watched counts against it.
  if (world.now < Date.parse(attempt.deadline) || world.firstLook === 'Yes') return undefined
  const message = `not ready to switch within spec.progressDeadlineSeconds (${world.release.spec.progressDeadlineSeconds} s): ${why}`
  return {
    memory: endAttempt(memory, world.now, { outcome: 'Failed', reason: 'ProgressDeadlineExceeded', message }),
  }
}

function untilDeadlineMs({ world }: Scene, attempt: Attempt): number {
  return Math.min(Math.max(Date.parse(attempt.deadline) - world.now, 1000), PODS_RECHECK_MS)
}
