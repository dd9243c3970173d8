import type { Status } from '../api/release.ts'
import { advance, ADVANCE } from './rules-in-order.ts'
import { mendedOf } from './rules/edited-children.ts'
import { untilRetryMs } from './state/failed-actions.ts'
import { happeningsOf, type Happening } from './output/events.ts'
import { keepServing, KEEP_SERVING } from './rules/keep-serving.ts'
import { heldUp } from './state/persisted-state.ts'
import {
  ASK_AGAIN_MS,
  ASKING_POLL_MS,
  CONFIG_POLL_MS,
  LEAST_POLL_MS,
  SETTLE_POLL_MS,
} from './model/timing.ts'
import { untilShortForLongMs } from './rules/capacity.ts'
import { runningAttempt, sceneOf, untilLiveJudgedMs, type Finding, type Scene } from './context.ts'
import { statusOf } from './output/status.ts'
import { stillFailing, unlessWithheld, withoutWithheld } from './state/withheld-actions.ts'
import type { Did, FailingStep, Step, World } from './model/observation.ts'

/** What one pass does and says. */
export interface Plan {
  /** Name of the rule that decided; absent when there is nothing to do. */
  rule?: string
  /** At most one thing to do to the world; ignored in a world that has `did`. */
  step?: Step
  status: Status
  happenings: Happening[]
  /** When to look again even if nothing changes, in milliseconds; absent: when something changes. */
  recheckMs?: number
  /** Of the steps that failed lately, those that are still to be done. */
  failing: readonly FailingStep[]
}

/** The rules, replaceable in tests that show what each is for. */
export interface Rules {
  keepServing: typeof KEEP_SERVING
  advance: typeof ADVANCE
}

export const RULES: Rules = { keepServing: KEEP_SERVING, advance: ADVANCE }

/**
 * Decides one pass. Keeps serving first, then advances; the first rule that has something to say wins. Called again with
 * what the step did, it reports: the step of that second plan is not carried out, the next pass looks anew.
 */
export function plan(world: World, rules: Rules = RULES): Plan {
  const seen = sceneOf(world)
  const found = keepServing(seen, withoutWithheld(rules.keepServing, world)) ?? advance(seen, rules.advance)
  const finding = unlessWithheld(seen, found)
  const failing = stillFailing(seen, rules.keepServing, found)
  const scene: Scene = {
    ...seen,
    memory: heldUp(finding?.memory ?? seen.memory, world.now, isHeld(seen, finding)),
    world: { ...world, failing },
  }
  const status = statusOf(scene, withRefusal(world, finding))
  const recheckMs = beforeJudgement(
    scene,
    beforeRetry(
      scene.world,
      beforeExpiry(world, whileUnsettled(world, beforeConfig(world, recheckOf(world.did, finding)))),
    ),
  )
  return {
    ...(finding ? { rule: finding.rule } : {}),
    ...(finding?.step && !finding.memory ? { step: finding.step } : {}),
    status,
    happenings: [...mendedOf(world), ...happeningsOf(world.release.status, status)],
    ...(recheckMs === undefined ? {} : { recheckMs }),
    failing,
  }
}

/** What was refused stands, whatever else the pass went on with: it is told in every pass, not in every other one. */
function withRefusal({ refused }: World, finding: Finding | undefined): Finding | undefined {
  if (!refused || finding?.stalled) return finding
  const { reason, message } = refused
  return { rule: 'refusedByTheWorld', ...finding, stalled: { reason, message } }
}

/** Nothing was moved yet, and what is waited for is not of the attempt's own making. What only reports decides nothing. */
function isHeld(scene: Scene, finding: Finding | undefined): boolean {
  const attempt = runningAttempt(scene)
  if (!attempt || attempt.direction === 'Back' || scene.memory.intent || finding?.memory) return false
  return finding?.stalled !== undefined || finding?.waiting?.reason === 'MakingRoom'
}

/** Whether the live color goes on failing or lacking room, or has recovered, is looked at when it is due. */
function beforeJudgement(scene: Scene, recheckMs: number | undefined): number | undefined {
  const dueMs = [recheckMs, untilLiveJudgedMs(scene), untilShortForLongMs(scene)]
  const soonest = Math.min(...dueMs.map((ms) => ms ?? Infinity))
  return soonest === Infinity ? undefined : soonest
}

/** What failed is tried again in its time, whatever else is waited for. */
function beforeRetry(world: World, recheckMs: number | undefined): number | undefined {
  const retryMs = untilRetryMs(world)
  return retryMs === undefined ? recheckMs : Math.min(recheckMs ?? Infinity, retryMs)
}

/** After a step or a decision the world is looked at at once, unless it was asked and gave no answer. */
function recheckOf(did: Did | undefined, finding: Finding | undefined): number | undefined {
  const pause = did && pauseAfter(did)
  if (pause) return finding?.recheckMs ?? pause
  if (finding?.memory) return 0
  return finding?.recheckMs ?? pause
}

/** What moves is looked at until it stands, be it that somebody else moved it and the rules have nothing to do. */
function whileUnsettled({ now, pointer }: World, recheckMs: number | undefined): number | undefined {
  if (pointer.type !== 'Read' || pointer.settled === 'Yes') return recheckMs
  // Somebody may move it once more meanwhile, even where it is known when it will stand.
  const leftMs = Math.max(LEAST_POLL_MS, (pointer.settlesAt ?? Infinity) - now)
  return Math.min(recheckMs ?? Infinity, SETTLE_POLL_MS, leftMs)
}

function beforeConfig({ config }: World, recheckMs: number | undefined): number | undefined {
  return config === undefined ? recheckMs : Math.min(recheckMs ?? Infinity, CONFIG_POLL_MS)
}

/** A pointer whose changes nobody watches is looked at again when the last look has become too old. */
function beforeExpiry({ now, pointer }: World, recheckMs: number | undefined): number | undefined {
  if (pointer.type !== 'Read' || pointer.expiresAt === undefined) return recheckMs
  return Math.min(recheckMs ?? Infinity, Math.max(1000, pointer.expiresAt - now))
}

/** How long to leave alone who gave no proof. */
function pauseAfter(did: Did): number {
  // A Secret is not watched; what it lacks is a person's to mend.
  if (did.type === 'GatesRan' && did.unasked) return ASK_AGAIN_MS
  if (did.type === 'GatesRan') return did.results.some((one) => one.result === 'Unknown') ? 300 : 0
  if (did.type === 'Asking') return ASKING_POLL_MS
  if (did.type === 'Verified') return did.result.type === 'Old' || did.result.type === 'Unknown' ? 1000 : 0
  return 0
}
