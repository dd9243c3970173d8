/** Disruption budgets: draining nodes never takes all pods of a color that serves. */
import { COLORS, colorName, type Color } from '../../api/names.ts'
import {
  goalOf,
  isDrifted,
  runningAttempt,
  serviceOwnership,
  unanswering,
  unavailable,
  type Found,
  type Scene,
} from '../context.ts'
import type { OtherBudget } from '../model/observation.ts'

/**
 * One budget for each color that serves, made before users are led to it. What merely stands there holds up no drain. Where
 * somebody has a budget of his own for the same pods, ours goes: with two the API server refuses every eviction.
 */
export function budgetDiffers(scene: Scene): Found {
  for (const color of COLORS) {
    const { budget, budgetsUnknown } = scene.world.colors[color]
    if (budgetsUnknown !== undefined) continue
    const found = isBudgeted(scene, color) ? budgetMissing(scene, color) : undefined
    if (found) return found
    if (budget && !mayStay(scene, color)) return { step: { type: 'RemoveBudget', color } }
  }
  return undefined
}

function budgetMissing(scene: Scene, color: Color): Found {
  const { budget } = scene.world.colors[color]
  const ownership = serviceOwnership(scene)
  if (!budget) return { step: { type: 'ApplyBudget', color, ownership } }
  if (budget.differs === undefined)
    return budget.ownership === ownership ? undefined : { step: { type: 'ApplyBudget', color, ownership } }
  const { name, namespace } = scene.world.release.metadata
  const differs = `PodDisruptionBudget ${namespace}/${colorName(name, color)}: ${budget.differs}`
  return { step: { type: 'ApplyBudget', color, ownership, differs } }
}

function isBudgeted(scene: Scene, color: Color): boolean {
  if (scene.world.colors[color].workload?.leaving !== 'No' || !mayHaveBudget(scene, color)) return false
  return scene.serving.includes(color) || isWhereUsersGoNext(scene, color)
}

/** Neither the spec nor a budget of somebody else speaks against one of ours. */
function mayHaveBudget({ world }: Scene, color: Color): boolean {
  const { otherBudgets = [] } = world.colors[color]
  return otherBudgets.length === 0 && world.release.spec.disruptionBudget !== 'None'
}

/** The candidate is whole, or what served before could take over: from the next pass on users may be led there. */
function isWhereUsersGoNext(scene: Scene, color: Color): boolean {
  const attempt = runningAttempt(scene)
  const goal = attempt ? goalOf(scene, attempt) : scene.memory.intent?.to
  const state = scene.world.colors[color]
  if (goal !== color) return false
  if (attempt?.direction !== 'Back') return unavailable(state) === undefined
  // A way back waits for no budget that could not be made before: that follows it.
  const hasFailed = scene.world.failing?.some(({ step }) => step === 'ApplyBudget') === true
  return !hasFailed && unanswering(state) === undefined
}

/**
 * Until an attempt is over, or while the pointer is not where it was left, users may be led to either color at any moment. What
 * has no pods for now hinders nobody.
 */
function mayStay(scene: Scene, color: Color): boolean {
  const isOpen = runningAttempt(scene) !== undefined || isDrifted(scene)
  return mayHaveBudget(scene, color) && (isOpen || scene.serving.includes(color))
}

/** Why a drain may take every pod that serves, or cannot take any. */
export function budgetTexts(scene: Scene): string[] {
  const { colors, release } = scene.world
  if (release.spec.disruptionBudget === 'None') return []
  const serving = scene.serving.filter((color) => colors[color].workload?.leaving === 'No')
  const unknown = serving.map((color) => colors[color].budgetsUnknown ?? '').filter((why) => why !== '')
  const texts = serving.flatMap((color) => otherBudgetText(scene, color) ?? [])
  return [
    ...unknown
      .slice(0, 1)
      .map(
        (why) => `no PodDisruptionBudget is made, so a drain of nodes may take every pod that serves: ${why}`,
      ),
    ...new Set(texts),
  ]
}

function otherBudgetText({ world }: Scene, color: Color): string | undefined {
  const { otherBudgets = [] } = world.colors[color]
  const { namespace } = world.release.metadata
  const named = (budgets: readonly OtherBudget[]): string =>
    budgets.map(({ name }) => `${namespace}/${name}`).join(' and ')
  if (otherBudgets.length > 1)
    return `PodDisruptionBudgets ${named(otherBudgets)} select the same pods of ${color}, so the API server refuses every eviction of them: leave one of them, or none, and the operator makes one for each color that serves`
  const both = otherBudgets.filter(({ counts }) => counts === 'Both')
  if (both.length === 0) return undefined
  return `PodDisruptionBudget ${named(both)} counts the pods of both colors, idle ones too, so a drain of nodes may take every pod that serves: take it away, and the operator makes one for each color that serves, or narrow its selector to one color`
}
