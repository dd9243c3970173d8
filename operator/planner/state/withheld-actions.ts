/** What becomes of a plan while an action of it fails: whatever does not depend on that action goes on. */
import { failureText, isAside, untilRetryMs, withheldIn } from './failed-actions.ts'
import { giveUp } from '../rules/build-and-switch.ts'
import type { KEEP_SERVING } from '../rules/keep-serving.ts'
import {
  colorRunning,
  runningAttempt,
  type NamedDecision,
  type Decision,
  type PlanContext,
} from '../context.ts'
import { progressOf } from '../output/conditions.ts'
import type { FailingAction, Action, Observation } from '../model/observation.ts'

type KeepServing = typeof KEEP_SERVING

/** The rules that keep something serving, without those whose action is left alone now. */
export function withoutWithheld(rules: KeepServing, observation: Observation): KeepServing {
  const withheld = new Set(withheldIn(observation).map(({ rule }) => rule))
  const left = Object.entries(rules).map(([rule, find]) => [
    rule,
    withheld.has(rule) ? () => undefined : find,
  ])
  return Object.fromEntries(left) as KeepServing
}

/** What a rule wants to do, or why it is not done now. */
export function unlessWithheld(
  context: PlanContext,
  decision: NamedDecision | undefined,
): NamedDecision | undefined {
  const { action } = decision ?? {}
  if (!decision || !action || decision.state) return decision
  const withheld = withheldIn(context.observation).filter((one) => !isAside(one.action))
  const own = withheld.find(({ rule }) => rule === decision.rule)
  const inTheWay = own ?? withheld.find((failing) => forbids(context, failing, action))
  if (!inTheWay) return decision
  const message = failureText(inTheWay)
  const reason = (decision.waiting ?? progressOf(context)).reason
  const requeueAfterMs = untilRetryMs({ ...context.observation, failing: [inTheWay] }) ?? 0
  return { rule: decision.rule, waiting: { reason, message }, requeueAfterMs, ...outOfTime(context, message) }
}

/** Steps without which what serves may not answer. */
const BRINGS_BACK: ReadonlySet<Action['type']> = new Set([
  'CreateWorkload',
  'ScaleWorkload',
  'ApplyColorService',
  'MovePointer',
  'MendPointer',
])

/**
 * What could not be done for something that serves may be what the color that is to go is needed for. Labels, owners and the
 * like take nothing from anybody, and what is wrong with the color itself goes with it.
 */
function forbids({ state }: PlanContext, failing: FailingAction, action: Action): boolean {
  if (action.type !== 'RemoveWorkload' || state.attempt?.builds === action.color) return false
  return BRINGS_BACK.has(failing.action) && failing.color !== action.color
}

/** Nothing was moved yet, and the time that the attempt has is over. */
function outOfTime(context: PlanContext, message: string): Partial<NamedDecision> {
  const attempt = runningAttempt(context)
  if (!attempt || context.state.intent !== undefined || attempt.direction === 'Back') return {}
  const holder = colorRunning(context, attempt.revision)
  if (holder && context.serving.includes(holder)) return {}
  return giveUp(context, attempt, message) ?? {}
}

/**
 * Those that are still to be done: the rule wants the action as ever, or had no say in this reconcile, as something else came first.
 * `found` is what decided it.
 */
export function stillFailing(
  context: PlanContext,
  rules: KeepServing,
  found: NamedDecision | undefined,
): FailingAction[] {
  const { failing = [], now } = context.observation
  const keeping: Record<string, (context: PlanContext) => Decision> = rules
  return failing.filter(({ rule, action, retryAt }) => {
    const find = keeping[rule]
    if (find) return find(context)?.action?.type === action
    return retryAt > now || (rule === found?.rule && action === found.action?.type)
  })
}
