import type { Status } from '../api/release.ts'
import { advance, ADVANCE } from './rules-in-order.ts'
import { mendedOf } from './rules/edited-children.ts'
import { untilRetryMs } from './state/failed-actions.ts'
import { eventsOf, type EventRecord } from './output/events.ts'
import { keepServing, KEEP_SERVING } from './rules/keep-serving.ts'
import { heldUp } from './state/persisted-state.ts'
import {
  ASK_AGAIN_MS,
  ASKING_POLL_MS,
  CONFIG_POLL_MS,
  LEAST_POLL_MS,
  PROPAGATION_POLL_MS,
} from './model/timing.ts'
import { untilShortForLongMs } from './rules/capacity.ts'
import {
  runningAttempt,
  contextOf,
  untilLiveJudgedMs,
  type NamedDecision,
  type PlanContext,
} from './context.ts'
import { statusOf } from './output/status.ts'
import { stillFailing, unlessWithheld, withoutWithheld } from './state/withheld-actions.ts'
import type { ActionResult, FailingAction, Action, Observation } from './model/observation.ts'

/** What one reconcile does and says. */
export interface Plan {
  /** Name of the rule that decided; absent when there is nothing to do. */
  rule?: string
  /** At most one thing to do to the world; ignored in a world that has `result`. */
  action?: Action
  status: Status
  events: EventRecord[]
  /** When to look again even if nothing changes, in milliseconds; absent: when something changes. */
  requeueAfterMs?: number
  /** Of the steps that failed lately, those that are still to be done. */
  failing: readonly FailingAction[]
}

/** The rules, replaceable in tests that show what each is for. */
export interface Rules {
  keepServing: typeof KEEP_SERVING
  advance: typeof ADVANCE
}

export const RULES: Rules = { keepServing: KEEP_SERVING, advance: ADVANCE }

/**
 * Decides one reconcile. Keeps serving first, then advances; the first rule that has something to say wins. Called again with
 * what the action did, it reports: the action of that second plan is not carried out, the next reconcile looks anew.
 */
export function plan(observation: Observation, rules: Rules = RULES): Plan {
  const seen = contextOf(observation)
  const found =
    keepServing(seen, withoutWithheld(rules.keepServing, observation)) ?? advance(seen, rules.advance)
  const decision = unlessWithheld(seen, found)
  const failing = stillFailing(seen, rules.keepServing, found)
  const context: PlanContext = {
    ...seen,
    state: heldUp(decision?.state ?? seen.state, observation.now, isHeld(seen, decision)),
    observation: { ...observation, failing },
  }
  const status = statusOf(context, withRefusal(observation, decision))
  const requeueAfterMs = beforeJudgement(
    context,
    beforeRetry(
      context.observation,
      beforeExpiry(
        observation,
        whilePropagating(observation, beforeConfig(observation, recheckOf(observation.result, decision))),
      ),
    ),
  )
  return {
    ...(decision ? { rule: decision.rule } : {}),
    ...(decision?.action && !decision.state ? { action: decision.action } : {}),
    status,
    events: [...mendedOf(observation), ...eventsOf(observation.release.status, status)],
    ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
    failing,
  }
}

/** What was refused stands, whatever else the reconcile went on with: it is told in every reconcile, not in every other one. */
function withRefusal(
  { refused }: Observation,
  decision: NamedDecision | undefined,
): NamedDecision | undefined {
  if (!refused || decision?.stalled) return decision
  const { reason, message } = refused
  return { rule: 'refusedByTheWorld', ...decision, stalled: { reason, message } }
}

/** Nothing was moved yet, and what is waited for is not of the attempt's own making. What only reports decides nothing. */
function isHeld(context: PlanContext, decision: NamedDecision | undefined): boolean {
  const attempt = runningAttempt(context)
  if (!attempt || attempt.direction === 'Back' || context.state.intent || decision?.state) return false
  return decision?.stalled !== undefined || decision?.waiting?.reason === 'MakingRoom'
}

/** Whether the live color goes on failing or lacking room, or has recovered, is looked at when it is due. */
function beforeJudgement(context: PlanContext, requeueAfterMs: number | undefined): number | undefined {
  const dueMs = [requeueAfterMs, untilLiveJudgedMs(context), untilShortForLongMs(context)]
  const soonest = Math.min(...dueMs.map((ms) => ms ?? Infinity))
  return soonest === Infinity ? undefined : soonest
}

/** What failed is tried again in its time, whatever else is waited for. */
function beforeRetry(observation: Observation, requeueAfterMs: number | undefined): number | undefined {
  const retryMs = untilRetryMs(observation)
  return retryMs === undefined ? requeueAfterMs : Math.min(requeueAfterMs ?? Infinity, retryMs)
}

/** After an action or a decision the world is looked at at once, unless it was asked and gave no answer. */
function recheckOf(did: ActionResult | undefined, decision: NamedDecision | undefined): number | undefined {
  const pause = did && pauseAfter(did)
  if (pause) return decision?.requeueAfterMs ?? pause
  if (decision?.state) return 0
  return decision?.requeueAfterMs ?? pause
}

/** What moves is looked at until it stands, be it that somebody else moved it and the rules have nothing to do. */
function whilePropagating(
  { now, pointer }: Observation,
  requeueAfterMs: number | undefined,
): number | undefined {
  if (pointer.type !== 'Read' || pointer.propagated === 'Yes') return requeueAfterMs
  // Somebody may move it once more meanwhile, even where it is known when it will stand.
  const leftMs = Math.max(LEAST_POLL_MS, (pointer.propagatesAt ?? Infinity) - now)
  return Math.min(requeueAfterMs ?? Infinity, PROPAGATION_POLL_MS, leftMs)
}

function beforeConfig({ config }: Observation, requeueAfterMs: number | undefined): number | undefined {
  return config === undefined ? requeueAfterMs : Math.min(requeueAfterMs ?? Infinity, CONFIG_POLL_MS)
}

/** A pointer whose changes nobody watches is looked at again when the last look has become too old. */
function beforeExpiry({ now, pointer }: Observation, requeueAfterMs: number | undefined): number | undefined {
  if (pointer.type !== 'Read' || pointer.expiresAt === undefined) return requeueAfterMs
  return Math.min(requeueAfterMs ?? Infinity, Math.max(1000, pointer.expiresAt - now))
}

/** How long to leave alone who gave no proof. */
function pauseAfter(did: ActionResult): number {
  // A Secret is not watched; what it lacks is a person's to mend.
  if (did.type === 'GatesRan' && did.unasked) return ASK_AGAIN_MS
  if (did.type === 'GatesRan') return did.results.some((one) => one.result === 'Unknown') ? 300 : 0
  if (did.type === 'Asking') return ASKING_POLL_MS
  if (did.type === 'Verified') return did.result.type === 'Old' || did.result.type === 'Unknown' ? 1000 : 0
  return 0
}
