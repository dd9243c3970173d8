/** Taking a color's Deployment away: the one thing that can hurt users, so there is one way to it. */
import type { Color } from '../../api/names.ts'
import { distributionField, distributionOf } from '../../api/release.ts'
import { BLOCKED_RECHECK_MS, SETTLE_POLL_MS } from '../model/timing.ts'
import { partsElsewhere } from '../model/pointer-view.ts'
import { removableInMs, type Found, type Scene } from '../context.ts'

/** Removes the Deployment as soon as nothing can be routing to it, at the earliest `afterSeconds` since it went idle; waits until then. */
export function removal(scene: Scene, color: Color, afterSeconds: number, message: string): Found {
  const { workload } = scene.world.colors[color]
  if (!workload) return undefined
  const wait = removableInMs(scene, color, afterSeconds)
  if (wait === 0)
    return {
      step: { type: 'RemoveWorkload', color, uid: workload.uid, resourceVersion: workload.resourceVersion },
    }
  const former = scene.world.former?.find((one) => one.color === color)
  if (former)
    return {
      waiting: { reason: 'MakingRoom', message: `Service ${former.name} still leads to ${color}` },
      recheckMs: SETTLE_POLL_MS,
    }
  const parts = partsElsewhere(scene.world.release.spec, scene.world.pointer, scene.world.colors, color)
  const own = distributionOf(scene.world.release.spec)?.behaviors.map(({ pathPattern }) => pathPattern) ?? []
  const foreign = parts.filter((part) => !own.includes(part))
  if (foreign.length > 0) return routedElsewhere(scene, color, foreign)
  if (parts.length > 0) return stillFallback(scene, color, parts)
  return { waiting: { reason: 'MakingRoom', message }, recheckMs: wait ?? SETTLE_POLL_MS }
}

/** Nobody but their owner can say that these may go. */
function routedElsewhere({ world }: Scene, color: Color, parts: readonly string[]): Found {
  return {
    stalled: {
      reason: 'RoutedElsewhere',
      message: `${color} is to be replaced, and the distribution still routes ${parts.join(', ')} to it: name these behaviors in ${distributionField(world.release.spec)}.behaviors, or point them at another origin`,
    },
    recheckMs: BLOCKED_RECHECK_MS,
  }
}

/** What the declared behaviors name themselves is about to follow the key, unless that was refused. */
function stillFallback({ memory }: Scene, color: Color, parts: readonly string[]): Found {
  const what = `${color} is to be replaced, and ${parts.join(', ')} of the distribution leads to it where the key cannot be read`
  if (!memory.fallback) return { waiting: { reason: 'MakingRoom', message: what }, recheckMs: SETTLE_POLL_MS }
  const message = `${what}, which could not be changed: ${memory.fallback.message}; or point it at another origin`
  return { stalled: { reason: 'RoutedElsewhere', message }, recheckMs: BLOCKED_RECHECK_MS }
}
