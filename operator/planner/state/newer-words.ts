/** What stands in the status of a newer operator, after a downgrade, and this one has no word for. */
import type { Attempt, GateReport, Outcome, Status } from '../../api/release.ts'
import { endAttempt, without, type PersistedState } from './persisted-state.ts'
import type { Instant } from '../model/observation.ts'

type Command = NonNullable<Status['command']>

const DIRECTIONS: Words<Attempt['direction']> = { Forward: true, Back: true }
const OUTCOMES: Words<Outcome> = {
  Promoted: true,
  Aborted: true,
  RolledBack: true,
  Superseded: true,
  Failed: true,
}
const GATE_RESULTS: Words<GateReport['result']> = {
  Passed: true,
  Failed: true,
  Unknown: true,
  NotAsked: true,
}
const COMMAND_RESULTS: Words<Command['result']> = {
  Accepted: true,
  Pending: true,
  Refused: true,
  NothingToDo: true,
}

/** Every word that the schema of this version knows. */
type Words<T extends string> = Record<T, true>

function isKnown(words: Words<string>, word: string): boolean {
  return Object.hasOwn(words, word)
}

/**
 * The state in words of this version only, since an API server with its CRD would refuse the others, and no status could be written
 * any more. An attempt that is not understood ends: nobody can tell what is left of it to do, so users stay where they are until a
 * person says what they want. A command keeps its value, or it would be taken once more.
 */
export function inKnownWords(state: PersistedState, now: Instant): PersistedState {
  const { gates, command } = state
  const known: PersistedState = {
    ...(gates && !isGateReportKnown(gates) ? without(state, 'gates') : state),
    history: state.history.filter(({ outcome }) => isKnown(OUTCOMES, outcome)),
    ...(command && !isKnown(COMMAND_RESULTS, command.result)
      ? { command: { ...command, result: 'NothingToDo' } }
      : {}),
  }
  return endUnknown(known, now)
}

function isGateReportKnown({ result, results = [] }: GateReport): boolean {
  return [result, ...results.map((one) => one.result)].every((word) => isKnown(GATE_RESULTS, word))
}

function endUnknown(state: PersistedState, now: Instant): PersistedState {
  const { attempt } = state
  if (!attempt) return state
  const { direction, outcome } = attempt
  if (outcome !== undefined && isKnown(OUTCOMES, outcome))
    return { ...state, attempt: withDirection(attempt) }
  if (outcome === undefined && isKnown(DIRECTIONS, direction)) return state
  const found = outcome === undefined ? `direction is "${direction}"` : `outcome is "${outcome}"`
  const message = `status.attempt.${found}, which a newer version of the operator wrote and this one does not know; the pointer stays where it is`
  const ending = { outcome: 'Aborted', reason: 'UnknownAttempt', message } as const
  return endAttempt({ ...state, attempt: withDirection(attempt) }, now, ending)
}

/** Only an attempt that went back ends as RolledBack. */
function withDirection(attempt: Attempt): Attempt {
  if (isKnown(DIRECTIONS, attempt.direction)) return attempt
  return { ...attempt, direction: attempt.outcome === 'RolledBack' ? 'Back' : 'Forward' }
}
