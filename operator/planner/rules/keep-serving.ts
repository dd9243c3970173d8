/** Rules that keep what serves serving. They run in every reconcile, before anything advances, whatever is wrong with the spec. */
import { COLORS, otherColor, type Color } from '../../api/names.ts'
import { keyValueStoreOf } from '../../api/release.ts'
import { refusedByTheWorld } from './blocked.ts'
import { budgetDiffers } from './disruption-budget.ts'
import { pinGone } from './digest-pin.ts'
import { pointerEdited, serviceEdited, workloadEdited } from './edited-children.ts'
import { formerPointerBehind } from '../model/former-pointer.ts'
import { nameOf, originMark } from '../model/pointer-view.ts'
import {
  firstHit,
  liveReplicas,
  runningAttempt,
  serviceOwnership,
  storedOf,
  wantedOwnership,
  wantedReplicas,
  type NamedDecision,
  type Decision,
  type PlanContext,
} from '../context.ts'
import { smallness, unanswering } from '../model/color.ts'
import { revisionKeptOtherwise } from './revisions.ts'

/** Somebody deleted the Deployment that serves: bring back exactly what stood there. */
function liveWorkloadGone(context: PlanContext): Decision {
  const { live, state, observation } = context
  if (!live || observation.colors[live].workload) return undefined
  const stored = storedOf(context, state.lastRevision[live])
  // What the pointer names without having been brought there by anyone we know was no color of ours.
  const served = state.lastLive === live || state.intent?.to === live
  if (!stored || !served) return undefined
  return {
    action: {
      type: 'CreateWorkload',
      color: live,
      stored,
      replicas: wantedReplicas(context),
      ownership: wantedOwnership(context, live),
    },
  }
}

/** The Service behind the live origin is gone or forwards to another port than its pods serve. */
function liveServiceBroken(context: PlanContext): Decision {
  const { live, observation } = context
  if (!live) return undefined
  const { workload, service } = observation.colors[live]
  const stored = storedOf(context, workload?.revision)
  if (!workload || !stored || service?.targetPort === stored.port) return undefined
  const origin = service?.origin ?? originMark(observation.release.spec, live)
  return {
    action: {
      type: 'ApplyColorService',
      color: live,
      targetPort: stored.port,
      origin,
      ownership: serviceOwnership(context),
    },
  }
}

/** Somebody deleted the pointer Service: name again what it named last. */
function pointerGone(context: PlanContext): Decision {
  const { state, view, observation } = context
  const color = state.lastLive
  // Without a key users are answered by what the behaviors name, so somebody may well have deleted it on purpose.
  if (view.type !== 'Nothing' || !color || keyValueStoreOf(observation.release.spec)) return undefined
  const stored = storedOf(context, observation.colors[color].workload?.revision)
  if (!stored || unanswering(observation.colors[color])) return undefined
  const token = observation.pointer.type === 'Read' ? observation.pointer.token : 'absent'
  return {
    action: {
      type: 'MovePointer',
      to: color,
      names: nameOf(observation.release.spec, color, observation.colors),
      token,
      targetPort: stored.port,
    },
  }
}

/**
 * The live color follows spec.replicas both ways, except downwards while the pointer is moving. While nobody knows which
 * color is live, both follow upwards.
 */
function liveSizeDiffers(context: PlanContext): Decision {
  if (context.live) return scaleTo(context, context.live, liveReplicas(context))
  for (const color of context.serving) {
    const found = scaleTo(context, color, Math.max(replicasOf(context, color), wantedReplicas(context)))
    if (found) return found
  }
  return undefined
}

function replicasOf({ observation }: PlanContext, color: Color): number {
  return observation.colors[color].workload?.replicas ?? 0
}

function scaleTo(context: PlanContext, color: Color, wanted: number): Decision {
  const { workload } = context.observation.colors[color]
  if (workload?.leaving !== 'No' || workload.replicas === wanted) return undefined
  return {
    action: { type: 'ScaleWorkload', color, replicas: wanted, resourceVersion: workload.resourceVersion },
  }
}

/** A color that may serve, or is warm, must outlive the release exactly when its deletion policy says so. */
function ownershipDiffers(context: PlanContext): Decision {
  const { pointer } = context.observation
  if (pointer.type === 'Read' && pointer.ownership && pointer.ownership !== serviceOwnership(context))
    return { action: { type: 'SetOwnership', of: 'Pointer', ownership: serviceOwnership(context) } }
  for (const color of COLORS) {
    const { workload, service } = context.observation.colors[color]
    const wanted = wantedOwnership(context, color)
    if (workload?.leaving === 'No' && workload.ownership !== wanted)
      return { action: { type: 'SetOwnership', color, of: 'Deployment', ownership: wanted } }
    if (service && service.ownership !== serviceOwnership(context))
      return { action: { type: 'SetOwnership', color, of: 'Service', ownership: serviceOwnership(context) } }
  }
  return undefined
}

/**
 * Idle colors are held at the live color's size: whatever may take all traffic is never small. Where pods of the live color are
 * missing, the room is theirs first; a candidate is never small, since it is about to take all traffic.
 */
function idleSizeDiffers(context: PlanContext): Decision {
  if (!context.live) return undefined
  const color = otherColor(context.live)
  const isFirst =
    !runningAttempt(context) && smallness(context.observation.colors[context.live]) !== undefined
  if (isFirst && replicasOf(context, color) < liveReplicas(context)) return undefined
  // Until every edge has left it, it is not idle at all.
  const atLeast = context.serving.includes(color) ? replicasOf(context, color) : 0
  return scaleTo(context, color, Math.max(liveReplicas(context), atLeast))
}

export const KEEP_SERVING = {
  refusedByTheWorld,
  liveWorkloadGone,
  liveServiceBroken,
  serviceEdited,
  pointerEdited,
  pointerGone,
  liveSizeDiffers,
  ownershipDiffers,
  idleSizeDiffers,
  formerPointerBehind,
  workloadEdited,
  revisionKeptOtherwise,
  pinGone,
  budgetDiffers,
}

export function keepServing(
  context: PlanContext,
  rules: typeof KEEP_SERVING = KEEP_SERVING,
): NamedDecision | undefined {
  return firstHit(rules, context)
}
