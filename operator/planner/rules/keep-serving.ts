/** Rules that keep what serves serving. They run in every pass, before anything advances, whatever is wrong with the spec. */
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
  smallness,
  storedOf,
  unanswering,
  wantedOwnership,
  wantedReplicas,
  type Finding,
  type Found,
  type Scene,
} from '../context.ts'
import { revisionKeptOtherwise } from './revisions.ts'

/** Somebody deleted the Deployment that serves: bring back exactly what stood there. */
function liveWorkloadGone(scene: Scene): Found {
  const { live, memory, world } = scene
  if (!live || world.colors[live].workload) return undefined
  const stored = storedOf(scene, memory.lastRevision[live])
  // What the pointer names without having been brought there by anyone we know was no color of ours.
  const served = memory.lastLive === live || memory.intent?.to === live
  if (!stored || !served) return undefined
  return {
    step: {
      type: 'CreateWorkload',
      color: live,
      stored,
      replicas: wantedReplicas(scene),
      ownership: wantedOwnership(scene, live),
    },
  }
}

/** The Service behind the live origin is gone or forwards to another port than its pods serve. */
function liveServiceBroken(scene: Scene): Found {
  const { live, world } = scene
  if (!live) return undefined
  const { workload, service } = world.colors[live]
  const stored = storedOf(scene, workload?.revision)
  if (!workload || !stored || service?.targetPort === stored.port) return undefined
  const origin = service?.origin ?? originMark(world.release.spec, live)
  return {
    step: {
      type: 'ApplyColorService',
      color: live,
      targetPort: stored.port,
      origin,
      ownership: serviceOwnership(scene),
    },
  }
}

/** Somebody deleted the pointer Service: name again what it named last. */
function pointerGone(scene: Scene): Found {
  const { memory, view, world } = scene
  const color = memory.lastLive
  // Without a key users are answered by what the behaviors name, so somebody may well have deleted it on purpose.
  if (view.type !== 'Nothing' || !color || keyValueStoreOf(world.release.spec)) return undefined
  const stored = storedOf(scene, world.colors[color].workload?.revision)
  if (!stored || unanswering(world.colors[color])) return undefined
  const token = world.pointer.type === 'Read' ? world.pointer.token : 'absent'
  return {
    step: {
      type: 'MovePointer',
      to: color,
      names: nameOf(world.release.spec, color, world.colors),
      token,
      targetPort: stored.port,
    },
  }
}

/**
 * The live color follows spec.replicas both ways, except downwards while the pointer is moving. While nobody knows which
 * color is live, both follow upwards.
 */
function liveSizeDiffers(scene: Scene): Found {
  if (scene.live) return scaleTo(scene, scene.live, liveReplicas(scene))
  for (const color of scene.serving) {
    const found = scaleTo(scene, color, Math.max(replicasOf(scene, color), wantedReplicas(scene)))
    if (found) return found
  }
  return undefined
}

function replicasOf({ world }: Scene, color: Color): number {
  return world.colors[color].workload?.replicas ?? 0
}

function scaleTo(scene: Scene, color: Color, wanted: number): Found {
  const { workload } = scene.world.colors[color]
  if (workload?.leaving !== 'No' || workload.replicas === wanted) return undefined
  return {
    step: { type: 'ScaleWorkload', color, replicas: wanted, resourceVersion: workload.resourceVersion },
  }
}

/** A color that may serve, or is warm, must outlive the release exactly when its deletion policy says so. */
function ownershipDiffers(scene: Scene): Found {
  const { pointer } = scene.world
  if (pointer.type === 'Read' && pointer.ownership && pointer.ownership !== serviceOwnership(scene))
    return { step: { type: 'SetOwnership', of: 'Pointer', ownership: serviceOwnership(scene) } }
  for (const color of COLORS) {
    const { workload, service } = scene.world.colors[color]
    const wanted = wantedOwnership(scene, color)
    if (workload?.leaving === 'No' && workload.ownership !== wanted)
      return { step: { type: 'SetOwnership', color, of: 'Deployment', ownership: wanted } }
    if (service && service.ownership !== serviceOwnership(scene))
      return { step: { type: 'SetOwnership', color, of: 'Service', ownership: serviceOwnership(scene) } }
  }
  return undefined
}

/**
 * Idle colors are held at the live color's size: whatever may take all traffic is never small. Where pods of the live color are
 * missing, the room is theirs first; a candidate is never small, since it is about to take all traffic.
 */
function idleSizeDiffers(scene: Scene): Found {
  if (!scene.live) return undefined
  const color = otherColor(scene.live)
  const isFirst = !runningAttempt(scene) && smallness(scene.world.colors[scene.live]) !== undefined
  if (isFirst && replicasOf(scene, color) < liveReplicas(scene)) return undefined
  // Until every edge has left it, it is not idle at all.
  const atLeast = scene.serving.includes(color) ? replicasOf(scene, color) : 0
  return scaleTo(scene, color, Math.max(liveReplicas(scene), atLeast))
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

export function keepServing(scene: Scene, rules: typeof KEEP_SERVING = KEEP_SERVING): Finding | undefined {
  return firstHit(rules, scene)
}
