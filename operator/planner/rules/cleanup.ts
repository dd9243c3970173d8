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
  holderOf,
  lacksRoom,
  mayServeElsewhere,
  removableInMs,
  storedOf,
  unavailable,
  type Found,
  type Scene,
} from '../context.ts'
import { settling, unverified } from './verify.ts'
import type { ColorState } from '../model/observation.ts'

/** What a superseded attempt had begun to build and never served makes room at once. */
export function supersededCandidate(scene: Scene): Found {
  const { attempt } = scene.memory
  const color = attempt?.builds
  if (!attempt || !color) return undefined
  const { workload } = scene.world.colors[color]
  if (!workload || workload.leaving === 'Yes' || workload.revision === attempt.revision) return undefined
  return removal(scene, color, 0, `${color} may still be answering`)
}

/** The pointer went away and came back while nothing was asked of us: the proof is made again, but its failure moves nothing. */
export function provenAgain(scene: Scene): Found {
  const { live, memory, world } = scene
  const { attempt } = memory
  if (attempt?.outcome !== 'Promoted' || !live) return undefined
  if (world.colors[live].workload?.revision !== attempt.revision || settling(scene)) return undefined
  const found = unverified(scene, attempt, live)
  return found && world.did?.type === 'Verified' ? { ...found, recheckMs: BLOCKED_RECHECK_MS } : found
}

/** What was built for an attempt that failed is removed, after its last words were kept. */
export function failedCandidate(scene: Scene): Found {
  const { memory, world } = scene
  const { attempt } = memory
  const color = attempt && failedColor(scene, attempt)
  if (!color) return undefined
  if (attempt.logs === undefined && world.colors[color].pods.length > 0)
    return { step: collectLogs(scene, color, attempt.revision) }
  const { failedCandidateRetentionSeconds, retireAfterSeconds } = world.release.spec
  const endedAt = Date.parse(memory.history[0]?.endedAt ?? attempt.startedAt)
  const keepMs = endedAt + failedCandidateRetentionSeconds * 1000 - world.now
  // Whoever looks at it must not keep pods from users.
  if (keepMs > 0 && !shortForLong(scene)) return { recheckMs: keepMs }
  const hasNoUse = attempt.builds === color || attempt.reason === 'CanaryFailed'
  const afterSeconds = hasNoUse ? 0 : retireAfterSeconds
  return removal(scene, color, afterSeconds, `${color} may still be answering`)
}

function failedColor(scene: Scene, attempt: Attempt): Color | undefined {
  const isNoGood = attempt.outcome === 'Failed' || attempt.reason === 'CanaryFailed'
  if (!isNoGood && attempt.outcome !== 'Aborted') return undefined
  const color = holderOf(scene, attempt.revision)
  if (!color || color === scene.live) return undefined
  return mayServeElsewhere(scene.world, scene.view, color) ? undefined : color
}

/**
 * The color that served before has been warm for as long as the spec asks. It stays while the live color is not whole, unless
 * what that lacks is room.
 */
export function retiring(scene: Scene): Found {
  const { attempt } = scene.memory
  const { live, world } = scene
  if (!attempt?.outcome) return undefined
  if (!live) return retiringBesideAdopted(scene, attempt)
  const idle = otherColor(live)
  const { workload } = world.colors[idle]
  const liveRevision = world.colors[live].workload?.revision
  if (!workload || workload.leaving === 'Yes' || liveRevision === undefined) return undefined
  if (isShort(world.colors[live])) return { recheckMs: PODS_RECHECK_MS }
  // Somebody moved the pointer away from what was promoted, or back to what was undone: both colors are kept.
  if ((attempt.outcome === 'Promoted') !== (liveRevision === attempt.revision)) return undefined
  const wait = removableInMs(scene, idle, world.release.spec.retireAfterSeconds)
  if (wait !== 0) return { recheckMs: wait ?? answerSeconds(scene) * 1000 }
  return {
    step: {
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
function retiringBesideAdopted(scene: Scene, attempt: Attempt): Found {
  const color = holderOf(scene, attempt.revision)
  const isBeside = scene.view.type === 'Adopted' || (scene.view.type === 'Nothing' && 'settled' in scene.view)
  if (!isBeside || !color || attempt.outcome === 'Promoted') return undefined
  return removal(scene, color, scene.world.release.spec.retireAfterSeconds, `${color} may still be answering`)
}

/** Stored revisions that no color holds and that the history no longer names. */
export function revisionForgotten(scene: Scene): Found {
  const { memory, world } = scene
  if (!memory.attempt?.outcome) return undefined
  const held = [
    ...COLORS.map((color) => world.colors[color].workload?.revision),
    ...Object.values(memory.lastRevision),
  ]
  const kept = new Set([
    memory.attempt.id,
    ...memory.history.map((entry) => entry.attempt),
    ...held.map((revision) => storedOf(scene, revision)?.attempt),
  ])
  const forgotten = world.revisions.find((stored) => !kept.has(stored.attempt))
  if (!forgotten) return undefined
  const pinOf = lastPinOf(forgotten, world.revisions)
  return {
    step: {
      type: 'ForgetRevision',
      attempt: forgotten.attempt,
      ...(pinOf === undefined ? {} : { pinOf }),
    },
  }
}
