/** Taking a color's Deployment away: the one thing that can hurt users, so there is one way to it. */
import type { Color } from '../../api/names.ts'
import { distributionField, distributionOf } from '../../api/release.ts'
import { BLOCKED_RECHECK_MS, PROPAGATION_POLL_MS } from '../model/timing.ts'
import { partsElsewhere } from '../model/pointer-view.ts'
import { removableInMs, type Decision, type PlanContext } from '../context.ts'

/** Removes the Deployment as soon as nothing can be routing to it, at the earliest `afterSeconds` since it went idle; waits until then. */
export function removal(context: PlanContext, color: Color, afterSeconds: number, message: string): Decision {
  const { workload } = context.observation.colors[color]
  if (!workload) return undefined
  const wait = removableInMs(context, color, afterSeconds)
  if (wait === 0)
    return {
      action: { type: 'RemoveWorkload', color, uid: workload.uid, resourceVersion: workload.resourceVersion },
    }
  const former = context.observation.former?.find((one) => one.color === color)
  if (former)
    return {
      waiting: { reason: 'MakingRoom', message: `Service ${former.name} still leads to ${color}` },
      requeueAfterMs: PROPAGATION_POLL_MS,
    }
  const parts = partsElsewhere(
    context.observation.release.spec,
    context.observation.pointer,
    context.observation.colors,
    color,
  )
  const own =
    distributionOf(context.observation.release.spec)?.behaviors.map(({ pathPattern }) => pathPattern) ?? []
  const foreign = parts.filter((part) => !own.includes(part))
  if (foreign.length > 0) return routedElsewhere(context, color, foreign)
  if (parts.length > 0) return stillFallback(context, color, parts)
  return { waiting: { reason: 'MakingRoom', message }, requeueAfterMs: wait ?? PROPAGATION_POLL_MS }
}

/** Nobody but their owner can say that these may go. */
function routedElsewhere({ observation }: PlanContext, color: Color, parts: readonly string[]): Decision {
  return {
    stalled: {
      reason: 'RoutedElsewhere',
      message: `${color} is to be replaced, and the distribution still routes ${parts.join(', ')} to it: name these behaviors in ${distributionField(observation.release.spec)}.behaviors, or point them at another origin`,
    },
    requeueAfterMs: BLOCKED_RECHECK_MS,
  }
}

/** What the declared behaviors name themselves is about to follow the key, unless that was refused. */
function stillFallback({ state }: PlanContext, color: Color, parts: readonly string[]): Decision {
  const what = `${color} is to be replaced, and ${parts.join(', ')} of the distribution leads to it where the key cannot be read`
  if (!state.fallback)
    return { waiting: { reason: 'MakingRoom', message: what }, requeueAfterMs: PROPAGATION_POLL_MS }
  const message = `${what}, which could not be changed: ${state.fallback.message}; or point it at another origin`
  return { stalled: { reason: 'RoutedElsewhere', message }, requeueAfterMs: BLOCKED_RECHECK_MS }
}
