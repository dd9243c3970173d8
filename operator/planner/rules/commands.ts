/** Verbs: an annotation that names the attempt and a nonce, so that it can be meant once and for one attempt only. */
import { ANNOTATION, type Color } from '../../api/names.ts'
import type { Attempt, Status } from '../../api/release.ts'
import { commandLine } from '../output/command-line.ts'
import { isReturnStuck } from './spec-change.ts'
import { canaryOf } from './canary.ts'
import { COMMAND_LENGTH, endAttempt, retryAttempt, turnBack, type Memory } from '../state/persisted-state.ts'
import {
  adoptedTarget,
  goalOf,
  holderOf,
  staysWithoutKey,
  smallness,
  unanswering,
  type Found,
  type Scene,
  isDrifted,
} from '../context.ts'

type CommandReport = NonNullable<Status['command']>
type Verdict = { result: CommandReport['result']; message: string; memory?: Memory }

const VERBS = {
  abort: (scene: Scene, attempt: Attempt): Verdict => abort(scene, attempt),
  retry: (scene: Scene, attempt: Attempt): Verdict => retry(scene, attempt),
  undo: (scene: Scene, attempt: Attempt): Verdict => undo(scene, attempt),
}

type Verb = keyof typeof VERBS

/** Every verb that a command may name. */
export const COMMAND_VERBS = Object.keys(VERBS) as readonly Verb[]

function isVerb(text: string | undefined): text is Verb {
  return text !== undefined && Object.hasOwn(VERBS, text)
}

/** A command that was not taken yet is taken now, whatever it leads to; it is never taken twice. */
export function commandGiven(scene: Scene): Found {
  const { memory, world } = scene
  const value = world.release.metadata.annotations?.[ANNOTATION.command]?.slice(0, COMMAND_LENGTH)
  const { attempt } = memory
  if (value === undefined || value === memory.command?.value || !attempt) return undefined
  const before = takenBefore(memory.command)
  const verdict = before.includes(value) ? repeated(scene, attempt, value) : judge(scene, attempt, value)
  const { message, result } = verdict
  const isTaken = isTakenAs(result)
  const taken = isTaken ? [value, ...before].slice(0, TAKEN_LENGTH) : before
  const command: CommandReport = {
    value,
    result,
    message: isTaken ? `${message} (this very value is not taken again: another nonce repeats it)` : message,
    ...(taken.length > 0 ? { taken } : {}),
  }
  return { memory: { ...(verdict.memory ?? memory), command } }
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
function repeated({ world }: Scene, attempt: Attempt, value: string): Verdict {
  const [verb] = value.split('/')
  return refused(
    `it was taken before, and no value is taken twice, so that whatever wrote it again repeats nothing: nothing was done; whoever means it gives another nonce: ${commandLine(world.release, isVerb(verb) ? verb : 'retry', attempt)}`,
  )
}

function judge(scene: Scene, attempt: Attempt, value: string): Verdict {
  const [verb, id, nonce] = value.split('/')
  if (!isVerb(verb) || !id || !nonce)
    return refused(
      `"${value}" is not <verb>/<attempt id>/<nonce> with one of the verbs ${Object.keys(VERBS).join(', ')}`,
    )
  if (id !== attempt.id) return refused(`it names attempt ${id}, but the attempt is ${attempt.id} now`)
  return VERBS[verb](scene, attempt)
}

function refused(message: string): Verdict {
  return { result: 'Refused', message }
}

function nothingToDo(message: string): Verdict {
  return { result: 'NothingToDo', message }
}

function abort(scene: Scene, attempt: Attempt): Verdict {
  const { memory, world } = scene
  if (attempt.outcome) return nothingToDo(`the attempt has ended already (${attempt.outcome})`)
  if (attempt.direction === 'Back') return nothingToDo('the pointer is on its way back already')
  if (mayBeLive(scene, attempt)) {
    const unseen = unseenBehind(scene, attempt)
    if (unseen !== undefined)
      return refused(
        `what would take over, revision ${unseen}, was never seen to answer users: apply the spec that you want instead`,
      )
    const message = `aborted ${canaryOf(scene) ? 'with a share of the clients there' : 'after the switch'} by a command`
    return goBack(scene, attempt, { reason: 'Aborted', message })
  }
  const ending = {
    outcome: 'Aborted',
    reason: 'Aborted',
    message: 'aborted by a command before the switch',
  } as const
  return {
    result: 'Accepted',
    message: 'the candidate is removed',
    memory: endAttempt(memory, world.now, ending),
  }
}

/**
 * The revision in the other color, where its attempts ended before it was proven to users. Of one that no attempt is
 * remembered of, nothing bad is known. A share of the clients goes back to the many, who are answered already.
 */
function unseenBehind(scene: Scene, attempt: Attempt): string | undefined {
  const { memory, world } = scene
  if (canaryOf(scene)) return undefined
  const target = goalOf(scene, { ...attempt, direction: 'Back' })
  const revision = target && world.colors[target].workload?.revision
  const outcomes = memory.history.filter((entry) => entry.revision === revision).map(({ outcome }) => outcome)
  return outcomes.length > 0 && !outcomes.includes('Promoted') ? revision : undefined
}

/** Whether users may be answered by what the attempt brought; a pointer that cannot be read may name it. */
function mayBeLive(scene: Scene, attempt: Attempt): boolean {
  // What another release holds was never moved by this attempt.
  if (scene.world.claim.type === 'Taken') return false
  const holder = holderOf(scene, attempt.revision)
  if (holder === undefined || attempt.builds === holder) return false
  if (canaryOf(scene)) return scene.serving.includes(holder)
  return scene.serving.includes(holder) && (scene.live === undefined || scene.live === holder)
}

function retry(scene: Scene, attempt: Attempt): Verdict {
  // A return that cannot be made must not hold what is live for ever: it may have recovered.
  if (!attempt.outcome && !isReturnStuck(scene, attempt)) return nothingToDo('the attempt is running')
  if (attempt.outcome === 'Promoted' && !isDrifted(scene)) return nothingToDo('the attempt was promoted')
  return {
    result: 'Accepted',
    message: 'the attempt starts again',
    memory: retryAttempt(scene.memory, attempt, scene.world),
  }
}

function undo(scene: Scene, attempt: Attempt): Verdict {
  if (attempt.direction === 'Back') return nothingToDo('the pointer is on its way back, or there already')
  if (attempt.outcome !== 'Promoted')
    return refused(
      `undo takes back a promoted attempt, and this one ${attempt.outcome ? `ended as ${attempt.outcome}` : 'is running: abort it'}`,
    )
  const adopted = adoptedTarget(scene, attempt)
  const stays = adopted === '' ? staysWithoutKey(scene, attempt) : undefined
  if (stays !== undefined) return refused(`${stays}: apply the spec that you want instead`)
  const target = goalOf(scene, { ...attempt, direction: 'Back' })
  if (adopted === undefined && (!target || scene.world.colors[target].workload?.leaving !== 'No'))
    return refused(
      'the color that served before cannot take over (there is no Deployment): apply the spec that you want instead',
    )
  return goBack(scene, attempt, { reason: 'Undone', message: 'undone by a command' })
}

function goBack(scene: Scene, attempt: Attempt, why: { reason: string; message: string }): Verdict {
  return { ...reportOf(scene, attempt), memory: turnBack(scene, attempt, why) }
}

function reportOf(scene: Scene, attempt: Attempt): Pick<Verdict, 'result' | 'message'> {
  const adopted = adoptedTarget(scene, attempt)
  const target = goalOf(scene, { ...attempt, direction: 'Back' })
  // All clients go where most of them are, which nothing is asked of.
  if (canaryOf(scene) || adopted !== undefined || target === undefined)
    return {
      result: 'Accepted',
      message: `the pointer goes back to ${adopted === '' ? 'what the behaviors name, without a key' : (adopted ?? 'what served before')}`,
    }
  return returnReport(scene, target)
}

/** What is said of a command that leads back to a color: it waits there for one ready pod, and never for all. */
export function returnReport(
  { live, world }: Scene,
  target: Color,
): Pick<CommandReport, 'result' | 'message'> {
  const trouble = live === target ? undefined : unanswering(world.colors[target])
  if (trouble !== undefined)
    return {
      result: 'Pending',
      message: `${target} cannot take over yet (${trouble}): the pointer goes back to it as soon as a pod is ready`,
    }
  const small = smallness(world.colors[target])
  return {
    result: 'Accepted',
    message: `the pointer goes back to ${target}${small ? `, which is ${small}` : ''}`,
  }
}
