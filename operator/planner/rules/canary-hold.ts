/** While a share of the clients is at the candidate its gates are asked again and again: a model may go wrong long after its first answers. */
import type { Color } from '../../api/names.ts'
import type { Attempt, Intent } from '../../api/release.ts'
import {
  DURING,
  instantText,
  isAbout,
  isPast,
  keyOf,
  without,
  type Memory,
} from '../state/persisted-state.ts'
import { ASK_AGAIN_MS, HOLD_ASK_MS, UNANSWERED_MS } from '../model/timing.ts'
import { asking, gatesText } from './gates.ts'
import { readyPods, type Found, type Scene } from '../context.ts'
import type { Instant, StoredRevision } from '../model/observation.ts'

/** A step of a canary that is held. */
export interface Hold {
  attempt: Attempt
  goal: Color
  stored: StoredRevision
  weight: NonNullable<Intent['weight']>
  /** What is said while nothing is wrong. */
  message: string
  /** What brings all clients back, with why. */
  failed: (why: string) => Found
}

type Share = NonNullable<Memory['canary']>

/** One ask at a time, each a while after the one before; between them the step is only held. */
export function holding(scene: Scene, share: Share, hold: Hold): Found {
  return answered(scene, share, hold) ?? askedAgain(scene, share, hold) ?? held(scene, share, hold)
}

/** What the gates said last: wrong is not waited for, silence only for a moment. */
function answered(scene: Scene, share: Share, { attempt, failed }: Hold): Found {
  const { gates } = scene.memory
  if (!gates || !isAbout(gates, attempt)) return undefined
  if (gates.result === 'Failed') return failed(gatesText(scene))
  if (gates.result === 'Unknown') return silent(scene, { failed, why: gatesText(scene) })
  if (scene.world.did?.type !== 'GatesRan') return undefined
  const canary = { ...without(share, 'unansweredSince'), askedAt: secondOf(scene.world.now) }
  return { memory: { ...scene.memory, canary } }
}

/**
 * Users are at a candidate that gives no usable answer: it has a moment to give one, then they are brought back.
 * Undefined while it is to be asked once more.
 */
export function silent(
  scene: Scene,
  { failed, why }: { failed: (why: string) => Found; why: string },
): Found {
  const { memory, world } = scene
  const { canary } = memory
  if (!canary) return undefined
  const { unansweredSince } = canary
  if (unansweredSince !== undefined && isPast(later(unansweredSince, UNANSWERED_MS), world))
    return failed(why)
  if (world.did?.type !== 'GatesRan') return undefined
  const now = secondOf(world.now)
  const asked = { ...canary, askedAt: now, unansweredSince: unansweredSince ?? now }
  return { memory: { ...memory, canary: asked }, recheckMs: ASK_AGAIN_MS }
}

function askedAgain(scene: Scene, share: Share, hold: Hold): Found {
  const { attempt, goal, message, stored, weight } = hold
  // Where nothing is asked, the readiness of the pods is all that there is to see.
  if (stored.gates.length === 0 || scene.world.now < askAt(scene, share, goal)) return undefined
  const gatesKey = `${keyOf(attempt)}${DURING}${weight}`
  const plan = { attempt, goal, stored, gatesKey, failed: hold.failed, unknown: () => undefined }
  return asking(scene, plan, message)
}

/** Pods that have come meanwhile answer users already, so they are asked as soon as they are seen. */
function askAt({ memory: { gates }, world }: Scene, share: Share, goal: Color): Instant {
  const isNew = readyPods(world.colors[goal]).some(({ name }) => !gates?.pods.includes(name))
  if (isNew) return world.now
  return Date.parse(share.askedAt ?? share.since) + (share.unansweredSince ? ASK_AGAIN_MS : HOLD_ASK_MS)
}

function held(scene: Scene, share: Share, { goal, message, stored }: Hold): Found {
  const { now } = scene.world
  const until = Date.parse(share.until)
  const next = stored.gates.length === 0 ? until : Math.min(until, askAt(scene, share, goal))
  return { waiting: { reason: 'Canary', message }, recheckMs: Math.max(1000, next - now) }
}

/** A second is all that the text can tell; the earlier one would cut short what is waited for. */
export function secondOf(instant: Instant): string {
  return instantText(Math.ceil(instant / 1000) * 1000)
}

export function later(instant: string, ms: number): string {
  return instantText(Date.parse(instant) + ms)
}
