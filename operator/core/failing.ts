/** Steps that failed for a reason that may pass: each is left alone for a while. */
import { ASIDE_RETRY_MS } from './pacing.ts'
import type { FailingStep, Instant, Step, World } from './world.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
/** One conflict, or one answer that was lost, is nothing to tell anybody of. */
const WORTH_TELLING = 2

/** Steps that nothing ever waits for, refused or not: what they are for is told, and tried again. */
export function isAside(step: Step['type']): boolean {
  return step === 'ApplyBudget' || step === 'RemoveBudget'
}

/** The step failed once more: its pause doubles. What was said first is kept, so that what is told does not change all the time. */
export function failedAgain(
  before: FailingStep | undefined,
  { message, ...failed }: Pick<FailingStep, 'rule' | 'step' | 'color' | 'message'>,
  now: Instant,
): FailingStep {
  const failures = (before?.failures ?? 0) + 1
  const longestMs = isAside(failed.step) ? ASIDE_RETRY_MS : LONGEST_PAUSE_MS
  const pauseMs = Math.min(longestMs, FIRST_PAUSE_MS * 2 ** (failures - 1))
  return { ...failed, message: before?.message ?? message, failures, retryAt: now + pauseMs }
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
