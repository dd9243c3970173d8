/** Steps that failed for a reason that may pass: each is left alone for a while. */
import { ASIDE_RETRY_MS } from '../model/timing.ts'
import { isSameJson } from '../model/revision.ts'
import type { FailingStep, Instant, Step, World } from '../model/observation.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
/** One conflict, or one answer that was lost, is nothing to tell anybody of. */
const WORTH_TELLING = 2

/** Steps that nothing ever waits for, refused or not: what they are for is told, and tried again. */
export function isAside(step: Step['type']): boolean {
  return step === 'ApplyBudget' || step === 'RemoveBudget'
}

type Failed = Pick<FailingStep, 'rule' | 'step' | 'color' | 'message' | 'undone'>

/** The step failed once more: its pause doubles. What was said first is kept, so that what is told does not change all the time. */
export function failedAgain(before: FailingStep | undefined, failed: Failed, now: Instant): FailingStep {
  const failures = (before?.failures ?? 0) + 1
  const longestMs = isAside(failed.step) ? ASIDE_RETRY_MS : LONGEST_PAUSE_MS
  const pauseMs = Math.min(longestMs, FIRST_PAUSE_MS * 2 ** (failures - 1))
  const isSame = before !== undefined && before.done === undefined && before.undone === failed.undone
  return {
    ...failed,
    message: isSame ? before.message : failed.message,
    failures,
    retryAt: now + pauseMs,
  }
}

/**
 * What is remembered of a step that keeps something serving once it was done. It is not withheld, and forgotten as soon
 * as it is seen to hold; how often it was undone before is not, or each time would be the first.
 */
export function doneLast(
  before: FailingStep | undefined,
  rule: string,
  step: Step,
  now: Instant,
): FailingStep {
  const { failures = 0 } = before?.undone ? before : {}
  return {
    ...aboutStep(rule, step),
    message: undoneText(step),
    failures,
    retryAt: now,
    undone: 'Yes',
    done: step,
  }
}

/** What a failure is about. */
export function aboutStep(rule: string, step: Step): Pick<FailingStep, 'rule' | 'step' | 'color'> {
  return { rule, step: step.type, ...('color' in step ? { color: step.color } : {}) }
}

/** Whether the step was done by the last pass that tried it, and is wanted just the same again. */
export function isUndone({ failing = [] }: World, rule: string, step: Step): boolean {
  const last = failing.find((one) => one.rule === rule)?.done
  return last !== undefined && isSameJson(contentOf(last), contentOf(step))
}

/** What the step is to bring about, whichever version of the object it was decided on. */
function contentOf(step: Step): Record<string, unknown> {
  return { ...step, resourceVersion: undefined, uid: undefined, token: undefined }
}

export function undoneText(step: Step): string {
  const what = 'differs' in step ? `: ${step.differs}` : ''
  return `it was done, and somebody else undid it at once${what}; find the admission policy or controller that does so, and have it leave the objects of this release alone`
}

/** Steps that are left alone now. */
export function withheldIn({ failing = [], now }: World): FailingStep[] {
  return failing.filter(({ retryAt }) => retryAt > now)
}

/** When the first of the steps that failed is to be tried again, in milliseconds from now. */
export function untilRetryMs(world: World): number | undefined {
  // What is due already was decided on in this pass: whoever looks again for it at once would do so for ever.
  const withheld = withheldIn(world)
  return withheld.length === 0 ? undefined : Math.min(...withheld.map(({ retryAt }) => retryAt)) - world.now
}

/** What is told of them. */
export function failureTexts({ failing = [] }: World): string[] {
  return failing.filter(({ failures }) => failures >= WORTH_TELLING).map(failureText)
}

export function failureText({ step, message }: FailingStep): string {
  return `${step} fails and is tried again (${message})`
}
