/** Disruption budgets: draining nodes never takes all pods of a color that serves. */
import { COLORS, colorName, type Color } from '../../api/names.ts'
import {
  goalOf,
  isDrifted,
  runningAttempt,
  serviceOwnership,
  type Decision,
  type PlanContext,
} from '../context.ts'
import { unanswering, unavailable } from '../model/color.ts'
import type { OtherBudget } from '../model/observation.ts'

/**
 * One budget for each color that serves, made before users are led to it. What merely stands there holds up no drain. Where
 * somebody has a budget of his own for the same pods, ours goes: with two the API server refuses every eviction.
 */
export function budgetDiffers(context: PlanContext): Decision {
  for (const color of COLORS) {
    const { budget, budgetsUnknown } = context.observation.colors[color]
    if (budgetsUnknown !== undefined) continue
    const found = isBudgeted(context, color) ? budgetMissing(context, color) : undefined
    if (found) return found
    if (budget && !mayStay(context, color)) return { action: { type: 'RemoveBudget', color } }
  }
  return undefined
}

function budgetMissing(context: PlanContext, color: Color): Decision {
  const { budget } = context.observation.colors[color]
  const ownership = serviceOwnership(context)
  if (!budget) return { action: { type: 'ApplyBudget', color, ownership } }
  if (budget.differs === undefined)
    return budget.ownership === ownership ? undefined : { action: { type: 'ApplyBudget', color, ownership } }
  const { name, namespace } = context.observation.release.metadata
  const differs = `PodDisruptionBudget ${namespace}/${colorName(name, color)}: ${budget.differs}`
  return { action: { type: 'ApplyBudget', color, ownership, differs } }
}

function isBudgeted(context: PlanContext, color: Color): boolean {
  if (context.observation.colors[color].workload?.leaving !== 'No' || !mayHaveBudget(context, color))
    return false
  return context.serving.includes(color) || isWhereUsersGoNext(context, color)
}

/** Neither the spec nor a budget of somebody else speaks against one of ours. */
function mayHaveBudget({ observation }: PlanContext, color: Color): boolean {
  const { otherBudgets = [] } = observation.colors[color]
  return otherBudgets.length === 0 && observation.release.spec.disruptionBudget !== 'None'
}

/** The candidate is whole, or what served before could take over: from the next reconcile on users may be led there. */
function isWhereUsersGoNext(context: PlanContext, color: Color): boolean {
  const attempt = runningAttempt(context)
  const goal = attempt ? goalOf(context, attempt) : context.state.intent?.to
  const state = context.observation.colors[color]
  if (goal !== color) return false
  if (attempt?.direction !== 'Back') return unavailable(state) === undefined
  // A way back waits for no budget that could not be made before: that follows it.
  const hasFailed = context.observation.failing?.some(({ action }) => action === 'ApplyBudget') === true
  return !hasFailed && unanswering(state) === undefined
}

/**
 * Until an attempt is over, or while the pointer is not where it was left, users may be led to either color at any moment. What
 * has no pods for now hinders nobody.
 */
function mayStay(context: PlanContext, color: Color): boolean {
  const isOpen = runningAttempt(context) !== undefined || isDrifted(context)
  return mayHaveBudget(context, color) && (isOpen || context.serving.includes(color))
}

/** Why a drain may take every pod that serves, or cannot take any. */
export function budgetTexts(context: PlanContext): string[] {
  const { colors, release } = context.observation
  if (release.spec.disruptionBudget === 'None') return []
  const serving = context.serving.filter((color) => colors[color].workload?.leaving === 'No')
  const unknown = serving.map((color) => colors[color].budgetsUnknown ?? '').filter((why) => why !== '')
  const texts = serving.flatMap((color) => otherBudgetText(context, color) ?? [])
  return [
    ...unknown
      .slice(0, 1)
      .map(
        (why) => `no PodDisruptionBudget is made, so a drain of nodes may take every pod that serves: ${why}`,
      ),
    ...new Set(texts),
  ]
}

function otherBudgetText({ observation }: PlanContext, color: Color): string | undefined {
  const { otherBudgets = [] } = observation.colors[color]
  const { namespace } = observation.release.metadata
  const named = (budgets: readonly OtherBudget[]): string =>
    budgets.map(({ name }) => `${namespace}/${name}`).join(' and ')
  if (otherBudgets.length > 1)
    return `PodDisruptionBudgets ${named(otherBudgets)} select the same pods of ${color}, so the API server refuses every eviction of them: leave one of them, or none, and the operator makes one for each color that serves`
  const both = otherBudgets.filter(({ counts }) => counts === 'Both')
  if (both.length === 0) return undefined
  return `PodDisruptionBudget ${named(both)} counts the pods of both colors, idle ones too, so a drain of nodes may take every pod that serves: take it away, and the operator makes one for each color that serves, or narrow its selector to one color`
}
