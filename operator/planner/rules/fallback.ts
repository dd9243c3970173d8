/** What users get where a key cannot be read must always answer: what the behaviors themselves name follows the key. */
import { canaryOf } from './canary.ts'
import { claimTaken } from './blocked.ts'
import { FALLBACK_RETRY_MS } from '../model/timing.ts'
import { behindFallback, isUnsettled, nameOf } from '../model/pointer-view.ts'
import { holderOf, runningAttempt, type Found, type Scene } from '../context.ts'

/** The behaviors still name the other color, though what the key names is settled and proven. */
export function fallbackBehind(scene: Scene): Found {
  const { live, view, world } = scene
  const { pointer } = world
  const fallback = pointer.type === 'Read' ? pointer.fallback : undefined
  if (!fallback || !live) return undefined
  const parts = behindFallback(world, live)
  if (parts.length === 0) return undefined
  if (isUnsettled(view) || fallback.settled === 'No') return undefined
  if (!isArrived(scene) || isHeldOff(scene)) return undefined
  const waitMs = (fallback.writableAt ?? world.now) - world.now
  if (waitMs > 0) return { recheckMs: waitMs }
  const names = nameOf(world.release.spec, live, world.colors)
  return claimTaken(scene) ?? { step: { type: 'MoveFallback', parts, names, token: fallback.token } }
}

/** Users are proven to be answered by the color, or an attempt is about to take the other one: nobody wants to go back there. */
function isArrived(scene: Scene): boolean {
  const { live, memory, world } = scene
  if (!live || memory.intent || canaryOf(scene)) return false
  const revision = world.colors[live].workload?.revision
  if (revision === undefined) return false
  const attempt = runningAttempt(scene)
  const isWanted = attempt?.direction === 'Forward' && holderOf(scene, attempt.revision) !== live
  return memory.verified === revision || isWanted
}

/** It was refused lately, or the behaviors are not of this release: then it is told, and nothing waits for it. */
function isHeldOff({ memory: { fallback }, world: { claim, now } }: Scene): boolean {
  const wasRefused = fallback !== undefined && now - Date.parse(fallback.refusedAt) < FALLBACK_RETRY_MS
  return wasRefused || claim.type === 'Taken'
}
