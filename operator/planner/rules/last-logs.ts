/** What the pods of a candidate said last is kept before its attempt fails, so that the first word of the failure has it. */
import type { Color } from '../../api/names.ts'
import { shorten } from '../../api/text.ts'
import { referringIn } from '../checks/credentials.ts'
import { colorRunning, type NamedDecision, type PlanContext } from '../context.ts'
import type { Action } from '../model/observation.ts'

/** Before a decision that fails the attempt, the logs of its pods; any other decision as it is. */
export function lastWordsFirst(
  context: PlanContext,
  decision: NamedDecision | undefined,
): NamedDecision | undefined {
  const action = decision?.state?.attempt?.outcome === 'Failed' ? collecting(context) : undefined
  return decision && action ? { rule: decision.rule, action, requeueAfterMs: 0 } : decision
}

/** Undefined where nothing is left to be collected. A failure waits for no log that cannot be had. */
function collecting(context: PlanContext): Action | undefined {
  const { live, state, observation } = context
  const { attempt } = state
  if (!attempt || attempt.outcome || attempt.logs !== undefined) return undefined
  const { revision } = attempt
  const color = colorRunning(context, revision)
  if (!color || color === live || !observation.colors[color].pods.some((pod) => pod.revision === revision))
    return undefined
  const isFailing = observation.failing?.some(({ action }) => action === 'CollectLogs')
  return isFailing ? undefined : collectLogs(context, color, revision)
}

/** With what the pods were asked with, which may stand in what they wrote. */
export function collectLogs({ observation }: PlanContext, color: Color, revision: string): Action {
  const gates = observation.revisions.filter((one) => one.revision === revision).flatMap((one) => one.gates)
  const credentials = referringIn(gates, observation.release.spec).flatMap(({ headers }) =>
    headers.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
  )
  return { type: 'CollectLogs', color, revision, ...(credentials.length > 0 ? { credentials } : {}) }
}

/** How a line begins that stands for a log that is not there. */
export const NO_LOG = '(no log'

const LONGEST_LAST_WORDS = 400

/** The last line of a log that says something, at most 400 characters; undefined where no container said anything. */
export function lastWordsOf(logs: string): string | undefined {
  const line = logs.split('\n').findLast(tellsSomething)
  return line === undefined ? undefined : shorten(reasonIn(line), LONGEST_LAST_WORDS)
}

/** Neither the heading of a log, nor that there is none. */
function tellsSomething(line: string): boolean {
  return (
    line.trim() !== '' &&
    !line.startsWith(NO_LOG) &&
    !/^[-a-z0-9.]+\/[-a-z0-9]+( ended with .*)?:$/.test(line)
  )
}

/** Of a line of the model server's log, which is JSON, the reason that it gives; any other line as it is. */
function reasonIn(line: string): string {
  try {
    const { reason } = JSON.parse(line) as { reason?: unknown }
    return typeof reason === 'string' ? reason : line
  } catch {
    return line
  }
}
