/** Verbs: an annotation that names the attempt and a nonce, so that it can be meant once and for one attempt only. */
import { ANNOTATION, type Color } from '../../api/names.ts'
import type { Attempt, Status } from '../../api/release.ts'
import { commandLine } from '../output/command-line.ts'
import { isReturnStuck } from './spec-change.ts'
import { canaryOf } from './canary.ts'
import {
  COMMAND_LENGTH,
  endAttempt,
  retryAttempt,
  rollBack,
  type PersistedState,
} from '../state/persisted-state.ts'
import {
  adoptedTarget,
  goalOf,
  colorRunning,
  staysWithoutKey,
  type Decision,
  type PlanContext,
  isDrifted,
} from '../context.ts'
import { smallness, unanswering } from '../model/color.ts'

type CommandReport = NonNullable<Status['command']>
type Verdict = { result: CommandReport['result']; message: string; state?: PersistedState }

const VERBS = {
  abort: (context: PlanContext, attempt: Attempt): Verdict => abort(context, attempt),
  retry: (context: PlanContext, attempt: Attempt): Verdict => retry(context, attempt),
  undo: (context: PlanContext, attempt: Attempt): Verdict => undo(context, attempt),
}

type Verb = keyof typeof VERBS

/** Every verb that a command may name. */
export const COMMAND_VERBS = Object.keys(VERBS) as readonly Verb[]

function isVerb(text: string | undefined): text is Verb {
  return text !== undefined && Object.hasOwn(VERBS, text)
}

/** A command that was not taken yet is taken now, whatever it leads to; it is never taken twice. */
export function commandGiven(context: PlanContext): Decision {
  const { state, observation } = context
  const value = observation.release.metadata.annotations?.[ANNOTATION.command]?.slice(0, COMMAND_LENGTH)
  const { attempt } = state
  if (value === undefined || value === state.command?.value || !attempt) return undefined
  const before = takenBefore(state.command)
  const verdict = before.includes(value) ? repeated(context, attempt, value) : judge(context, attempt, value)
  const { message, result } = verdict
  const isTaken = isTakenAs(result)
  const taken = isTaken ? [value, ...before].slice(0, TAKEN_LENGTH) : before
  const command: CommandReport = {
    value,
    result,
    message: isTaken ? `${message} (this very value is not taken again: another nonce repeats it)` : message,
    ...(taken.length > 0 ? { taken } : {}),
  }
  return { state: { ...(verdict.state ?? state), command } }
}

/** What writes an old command once more does so for long; people give few between two looks. */
const TAKEN_LENGTH = 20

function isTakenAs(result: CommandReport['result']): boolean {
  return result === 'Accepted' || result === 'Pending'
}

/** An earlier version kept the last one only. */
function takenBefore(command: CommandReport | undefined): string[] {
  if (!command) return []
  return command.taken ?? (isTakenAs(command.result) ? [command.value] : [])
}

/**
 * Whatever writes an old value over a newer one (a GitOps tool, a script that is run again) means nothing by it: an undo that was
 * followed by a retry must not come back. What was refused, or had nothing to do, was not taken.
 */
function repeated({ observation }: PlanContext, attempt: Attempt, value: string): Verdict {
  const [verb] = value.split('/')
  return refused(
    `it was taken before, and no value is taken twice, so that whatever wrote it again repeats nothing: nothing was done; whoever means it gives another nonce: ${commandLine(observation.release, isVerb(verb) ? verb : 'retry', attempt)}`,
  )
}

function judge(context: PlanContext, attempt: Attempt, value: string): Verdict {
  const [verb, id, nonce] = value.split('/')
  if (!isVerb(verb) || !id || !nonce)
    return refused(
      `"${value}" is not <verb>/<attempt id>/<nonce> with one of the verbs ${Object.keys(VERBS).join(', ')}`,
    )
  if (id !== attempt.id) return refused(`it names attempt ${id}, but the attempt is ${attempt.id} now`)
  return VERBS[verb](context, attempt)
}

function refused(message: string): Verdict {
  return { result: 'Refused', message }
}

function nothingToDo(message: string): Verdict {
  return { result: 'NothingToDo', message }
}

function abort(context: PlanContext, attempt: Attempt): Verdict {
  const { state, observation } = context
  if (attempt.outcome) return nothingToDo(`the attempt has ended already (${attempt.outcome})`)
  if (attempt.direction === 'Back') return nothingToDo('the pointer is on its way back already')
  if (mayBeLive(context, attempt)) {
    const unseen = unseenBehind(context, attempt)
    if (unseen !== undefined)
      return refused(
        `what would take over, revision ${unseen}, was never seen to answer users: apply the spec that you want instead`,
      )
    const message = `aborted ${canaryOf(context) ? 'with a share of the clients there' : 'after the switch'} by a command`
    return goBack(context, attempt, { reason: 'Aborted', message })
  }
  const ending = {
    outcome: 'Aborted',
    reason: 'Aborted',
    message: 'aborted by a command before the switch',
  } as const
  return {
    result: 'Accepted',
    message: 'the candidate is removed',
    state: endAttempt(state, observation.now, ending),
  }
}

/**
 * The revision in the other color, where its attempts ended before it was proven to users. Of one that no attempt is
 * remembered of, nothing bad is known. A share of the clients goes back to the many, who are answered already.
 */
function unseenBehind(context: PlanContext, attempt: Attempt): string | undefined {
  const { state, observation } = context
  if (canaryOf(context)) return undefined
  const target = goalOf(context, { ...attempt, direction: 'Back' })
  const revision = target && observation.colors[target].workload?.revision
  const outcomes = state.history.filter((entry) => entry.revision === revision).map(({ outcome }) => outcome)
  return outcomes.length > 0 && !outcomes.includes('Promoted') ? revision : undefined
}

/** Whether users may be answered by what the attempt brought; a pointer that cannot be read may name it. */
function mayBeLive(context: PlanContext, attempt: Attempt): boolean {
  // What another release holds was never moved by this attempt.
  if (context.observation.claim.type === 'Taken') return false
  const holder = colorRunning(context, attempt.revision)
  if (holder === undefined || attempt.builds === holder) return false
  if (canaryOf(context)) return context.serving.includes(holder)
  return context.serving.includes(holder) && (context.live === undefined || context.live === holder)
}

function retry(context: PlanContext, attempt: Attempt): Verdict {
  // A return that cannot be made must not hold what is live for ever: it may have recovered.
  if (!attempt.outcome && !isReturnStuck(context, attempt)) return nothingToDo('the attempt is running')
  if (attempt.outcome === 'Promoted' && !isDrifted(context)) return nothingToDo('the attempt was promoted')
  return {
    result: 'Accepted',
    message: 'the attempt starts again',
    state: retryAttempt(context.state, attempt, context.observation),
  }
}

function undo(context: PlanContext, attempt: Attempt): Verdict {
  if (attempt.direction === 'Back') return nothingToDo('the pointer is on its way back, or there already')
  if (attempt.outcome !== 'Promoted')
    return refused(
      `undo takes back a promoted attempt, and this one ${attempt.outcome ? `ended as ${attempt.outcome}` : 'is running: abort it'}`,
    )
  const adopted = adoptedTarget(context, attempt)
  const stays = adopted === '' ? staysWithoutKey(context, attempt) : undefined
  if (stays !== undefined) return refused(`${stays}: apply the spec that you want instead`)
  const target = goalOf(context, { ...attempt, direction: 'Back' })
  if (adopted === undefined && (!target || context.observation.colors[target].workload?.leaving !== 'No'))
    return refused(
      'the color that served before cannot take over (there is no Deployment): apply the spec that you want instead',
    )
  return goBack(context, attempt, { reason: 'Undone', message: 'undone by a command' })
}

function goBack(context: PlanContext, attempt: Attempt, why: { reason: string; message: string }): Verdict {
  return { ...reportOf(context, attempt), state: rollBack(context, attempt, why) }
}

function reportOf(context: PlanContext, attempt: Attempt): Pick<Verdict, 'result' | 'message'> {
  const adopted = adoptedTarget(context, attempt)
  const target = goalOf(context, { ...attempt, direction: 'Back' })
  // All clients go where most of them are, which nothing is asked of.
  if (canaryOf(context) || adopted !== undefined || target === undefined)
    return {
      result: 'Accepted',
      message: `the pointer goes back to ${adopted === '' ? 'what the behaviors name, without a key' : (adopted ?? 'what served before')}`,
    }
  return returnReport(context, target)
}

/** What is said of a command that leads back to a color: it waits there for one ready pod, and never for all. */
export function returnReport(
  { live, observation }: PlanContext,
  target: Color,
): Pick<CommandReport, 'result' | 'message'> {
  const trouble = live === target ? undefined : unanswering(observation.colors[target])
  if (trouble !== undefined)
    return {
      result: 'Pending',
      message: `${target} cannot take over yet (${trouble}): the pointer goes back to it as soon as a pod is ready`,
    }
  const small = smallness(observation.colors[target])
  return {
    result: 'Accepted',
    message: `the pointer goes back to ${target}${small ? `, which is ${small}` : ''}`,
  }
}
