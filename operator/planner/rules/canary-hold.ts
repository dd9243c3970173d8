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
  type PersistedState,
} from '../state/persisted-state.ts'
import { ASK_AGAIN_MS, HOLD_ASK_MS, UNANSWERED_MS } from '../model/timing.ts'
import { asking, gatesText } from './gates.ts'
import { type Decision, type PlanContext } from '../context.ts'
import { readyPods } from '../model/color.ts'
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
  failed: (why: string) => Decision
}

type Share = NonNullable<PersistedState['canary']>

/** One ask at a time, each a while after the one before; between them the step is only held. */
export function holding(context: PlanContext, share: Share, hold: Hold): Decision {
  return answered(context, share, hold) ?? askedAgain(context, share, hold) ?? held(context, share, hold)
}

/** What the gates said last: wrong is not waited for, silence only for a moment. */
function answered(context: PlanContext, share: Share, { attempt, failed }: Hold): Decision {
  const { gates } = context.state
  if (!gates || !isAbout(gates, attempt)) return undefined
  if (gates.result === 'Failed') return failed(gatesText(context))
  if (gates.result === 'Unknown') return silent(context, { failed, why: gatesText(context) })
  if (context.observation.result?.type !== 'GatesRan') return undefined
  const canary = { ...without(share, 'unansweredSince'), askedAt: secondOf(context.observation.now) }
  return { state: { ...context.state, canary } }
}

/**
 * Users are at a candidate that gives no usable answer: it has a moment to give one, then they are brought back.
 * Undefined while it is to be asked once more.
 */
export function silent(
  context: PlanContext,
  { failed, why }: { failed: (why: string) => Decision; why: string },
): Decision {
  const { state, observation } = context
  const { canary } = state
  if (!canary) return undefined
  const { unansweredSince } = canary
  if (unansweredSince !== undefined && isPast(later(unansweredSince, UNANSWERED_MS), observation))
    return failed(why)
  if (observation.result?.type !== 'GatesRan') return undefined
  const now = secondOf(observation.now)
  const asked = { ...canary, askedAt: now, unansweredSince: unansweredSince ?? now }
  return { state: { ...state, canary: asked }, requeueAfterMs: ASK_AGAIN_MS }
}

function askedAgain(context: PlanContext, share: Share, hold: Hold): Decision {
  const { attempt, goal, message, stored, weight } = hold
  // Where nothing is asked, the readiness of the pods is all that there is to see.
  if (stored.gates.length === 0 || context.observation.now < askAt(context, share, goal)) return undefined
  const gatesKey = `${keyOf(attempt)}${DURING}${weight}`
  const plan = { attempt, goal, stored, gatesKey, failed: hold.failed, unknown: () => undefined }
  return asking(context, plan, message)
}

/** Pods that have come meanwhile answer users already, so they are asked as soon as they are seen. */
function askAt({ state: { gates }, observation }: PlanContext, share: Share, goal: Color): Instant {
  const isNew = readyPods(observation.colors[goal]).some(({ name }) => !gates?.pods.includes(name))
  if (isNew) return observation.now
  return Date.parse(share.askedAt ?? share.since) + (share.unansweredSince ? ASK_AGAIN_MS : HOLD_ASK_MS)
}

function held(context: PlanContext, share: Share, { goal, message, stored }: Hold): Decision {
  const { now } = context.observation
  const until = Date.parse(share.until)
  const next = stored.gates.length === 0 ? until : Math.min(until, askAt(context, share, goal))
  return { waiting: { reason: 'Canary', message }, requeueAfterMs: Math.max(1000, next - now) }
}

/** A second is all that the text can tell; the earlier one would cut short what is waited for. */
export function secondOf(instant: Instant): string {
  return instantText(Math.ceil(instant / 1000) * 1000)
}

export function later(instant: string, ms: number): string {
  return instantText(Date.parse(instant) + ms)
}
