/** What becomes of a plan while a step of it fails: whatever does not depend on that step goes on. */
import { failureText, isAside, untilRetryMs, withheldIn } from './failing.ts'
import { giveUp } from './forward.ts'
import type { KEEP_SERVING } from './keep-serving.ts'
import { runningAttempt, type Finding, type Found, type Scene } from './scene.ts'
import { progressOf } from './statements.ts'
import type { FailingStep, Step, World } from './world.ts'

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
  const inTheWay = own ?? (takesAway(scene, step) ? withheld[0] : undefined)
  if (!inTheWay) return finding
  const message = failureText(inTheWay)
  const reason = (finding.waiting ?? progressOf(scene)).reason
  const recheckMs = untilRetryMs({ ...scene.world, failing: [inTheWay] }) ?? 0
  return { rule: finding.rule, waiting: { reason, message }, recheckMs, ...outOfTime(scene, message) }
}

/** What could not be done for something that serves may be what the color that is to go is needed for. */
function takesAway({ memory }: Scene, step: Step): boolean {
  return step.type === 'RemoveWorkload' && memory.attempt?.builds !== step.color
}

/** Nothing was moved yet, and the time that the attempt has is over. */
function outOfTime(scene: Scene, message: string): Partial<Finding> {
  const attempt = runningAttempt(scene)
  const isMoving = scene.memory.intent !== undefined || attempt?.direction === 'Back'
  if (!attempt?.builds || isMoving) return {}
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
