/** Taking a color's Deployment away: the one thing that can hurt users, so there is one way to it. */
import type { Color } from '../api/names.ts'
import { SETTLE_POLL_MS } from './pacing.ts'
import { removableInMs, type Found, type Scene } from './scene.ts'

/** Removes the Deployment as soon as nothing can be routing to it, at the earliest `afterSeconds` since it went idle; waits until then. */
export function removal(scene: Scene, color: Color, afterSeconds: number, message: string): Found {
  const { workload } = scene.world.colors[color]
  if (!workload) return undefined
  const wait = removableInMs(scene, color, afterSeconds)
  if (wait === 0)
    return {
      step: { type: 'RemoveWorkload', color, uid: workload.uid, resourceVersion: workload.resourceVersion },
    }
  return { waiting: { reason: 'MakingRoom', message }, recheckMs: wait ?? SETTLE_POLL_MS }
}
