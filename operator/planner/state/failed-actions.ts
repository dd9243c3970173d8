/** Actions that failed for a reason that may pass: each is left alone for a while. */
import { ASIDE_RETRY_MS } from '../model/timing.ts'
import { isSameJson } from '../model/revision.ts'
import type { FailingAction, Instant, Action, Observation } from '../model/observation.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
/** One conflict, or one answer that was lost, is nothing to tell anybody of. */
const WORTH_TELLING = 2

/** Steps that nothing ever waits for, refused or not: what they are for is told, and tried again. */
export function isAside(action: Action['type']): boolean {
  return action === 'ApplyBudget' || action === 'RemoveBudget'
}

type Failed = Pick<FailingAction, 'rule' | 'action' | 'color' | 'message' | 'undone'>

/** The action failed once more: its pause doubles. What was said first is kept, so that what is told does not change all the time. */
export function failedAgain(before: FailingAction | undefined, failed: Failed, now: Instant): FailingAction {
  const failures = (before?.failures ?? 0) + 1
  const longestMs = isAside(failed.action) ? ASIDE_RETRY_MS : LONGEST_PAUSE_MS
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
 * What is remembered of an action that keeps something serving once it was done. It is not withheld, and forgotten as soon
 * as it is seen to hold; how often it was undone before is not, or each time would be the first.
 */
export function doneLast(
  before: FailingAction | undefined,
  rule: string,
  action: Action,
  now: Instant,
): FailingAction {
  const { failures = 0 } = before?.undone ? before : {}
  return {
    ...aboutAction(rule, action),
    message: undoneText(action),
    failures,
    retryAt: now,
    undone: 'Yes',
    done: action,
  }
}

/** What a failure is about. */
export function aboutAction(rule: string, action: Action): Pick<FailingAction, 'rule' | 'action' | 'color'> {
  return { rule, action: action.type, ...('color' in action ? { color: action.color } : {}) }
}

/** Whether the action was done by the last reconcile that tried it, and is wanted just the same again. */
export function isUndone({ failing = [] }: Observation, rule: string, action: Action): boolean {
  const last = failing.find((one) => one.rule === rule)?.done
  return last !== undefined && isSameJson(contentOf(last), contentOf(action))
}

/** What the action is to bring about, whichever version of the object it was decided on. */
function contentOf(action: Action): Record<string, unknown> {
  return { ...action, resourceVersion: undefined, uid: undefined, token: undefined }
}

export function undoneText(action: Action): string {
  const what = 'differs' in action ? `: ${action.differs}` : ''
  return `it was done, and somebody else undid it at once${what}; find the admission policy or controller that does so, and have it leave the objects of this release alone`
}

/** Steps that are left alone now. */
export function withheldIn({ failing = [], now }: Observation): FailingAction[] {
  return failing.filter(({ retryAt }) => retryAt > now)
}

/** When the first of the steps that failed is to be tried again, in milliseconds from now. */
export function untilRetryMs(observation: Observation): number | undefined {
  // What is due already was decided on in this reconcile: whoever looks again for it at once would do so for ever.
  const withheld = withheldIn(observation)
  return withheld.length === 0
    ? undefined
    : Math.min(...withheld.map(({ retryAt }) => retryAt)) - observation.now
}

/** What is told of them. */
export function failureTexts({ failing = [] }: Observation): string[] {
  return failing.filter(({ failures }) => failures >= WORTH_TELLING).map(failureText)
}

export function failureText({ action, message }: FailingAction): string {
  return `${action} fails and is tried again (${message})`
}
