/** What becomes of a plan while a step of it fails: whatever does not depend on that step goes on. */
import { failureText, isAside, untilRetryMs, withheldIn } from './failed-actions.ts'
import { giveUp } from '../rules/build-and-switch.ts'
import type { KEEP_SERVING } from '../rules/keep-serving.ts'
import { holderOf, runningAttempt, type Finding, type Found, type Scene } from '../context.ts'
import { progressOf } from '../output/conditions.ts'
import type { FailingStep, Step, World } from '../model/observation.ts'

type KeepServing = typeof KEEP_SERVING

/** The rules that keep something serving, without those whose step is left alone now. */
export function withoutWithheld(rules: KeepServing, world: World): KeepServing {
  const withheld = new Set(withheldIn(world).map(({ rule }) => rule))
  const left = Object.entries(rules).map(([rule, find]) => [
    rule,
    withheld.has(rule) ? () => undefined : find,
  ])
  return Object.fromEntries(left) as KeepServing
}

/** What a rule wants to do, or why it is not done now. */
export function unlessWithheld(scene: Scene, finding: Finding | undefined): Finding | undefined {
  const { step } = finding ?? {}
  if (!finding || !step || finding.memory) return finding
  const withheld = withheldIn(scene.world).filter((one) => !isAside(one.step))
  const own = withheld.find(({ rule }) => rule === finding.rule)
  const inTheWay = own ?? withheld.find((failing) => forbids(scene, failing, step))
  if (!inTheWay) return finding
  const message = failureText(inTheWay)
  const reason = (finding.waiting ?? progressOf(scene)).reason
  const recheckMs = untilRetryMs({ ...scene.world, failing: [inTheWay] }) ?? 0
  return { rule: finding.rule, waiting: { reason, message }, recheckMs, ...outOfTime(scene, message) }
}

/** Steps without which what serves may not answer. */
const BRINGS_BACK: ReadonlySet<Step['type']> = new Set([
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
function forbids({ memory }: Scene, failing: FailingStep, step: Step): boolean {
  if (step.type !== 'RemoveWorkload' || memory.attempt?.builds === step.color) return false
  return BRINGS_BACK.has(failing.step) && failing.color !== step.color
}

/** Nothing was moved yet, and the time that the attempt has is over. */
function outOfTime(scene: Scene, message: string): Partial<Finding> {
  const attempt = runningAttempt(scene)
  if (!attempt || scene.memory.intent !== undefined || attempt.direction === 'Back') return {}
  const holder = holderOf(scene, attempt.revision)
  if (holder && scene.serving.includes(holder)) return {}
  return giveUp(scene, attempt, message) ?? {}
}

/**
 * Those that are still to be done: the rule wants the step as ever, or had no say in this pass, as something else came first.
 * `found` is what decided it.
 */
export function stillFailing(scene: Scene, rules: KeepServing, found: Finding | undefined): FailingStep[] {
  const { failing = [], now } = scene.world
  const keeping: Record<string, (scene: Scene) => Found> = rules
  return failing.filter(({ rule, step, retryAt }) => {
    const find = keeping[rule]
    if (find) return find(scene)?.step?.type === step
    return retryAt > now || (rule === found?.rule && step === found.step?.type)
  })
}
