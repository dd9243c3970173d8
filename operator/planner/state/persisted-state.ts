/** The part of the status that cannot be seen in the world and is carried from reconcile to reconcile. Losing it harms nothing that serves. */
import { ANNOTATION, type Color } from '../../api/names.ts'
import type { Attempt, GateReport, Intent, Outcome, Status } from '../../api/release.ts'
import { meaningOf, wantedOf } from '../model/revision.ts'
import type { Instant, Observation } from '../model/observation.ts'

export interface PersistedColor {
  idleSince?: Instant
  digest?: string
  /** Since when it has been seen whole with these very pods, none of them restarted. */
  readySince?: Instant
  fingerprint?: string
  /** Hash of what each ConfigMap gave its pods when it was built. */
  config?: Record<string, string>
  /** Since when pods of it have been missing for lack of room, while it serves. */
  shortSince?: Instant
  /** Of the live color: how often its pods had been started again when it was last well, by their names. */
  restarts?: Readonly<Record<string, number>>
}

export interface PersistedState {
  attempt?: Attempt
  gates?: GateReport
  intent?: Intent
  /** The step of the running attempt that a share of the clients is in. */
  canary?: NonNullable<NonNullable<Status['traffic']>['canary']>
  /** Why the behaviors could not follow the key. */
  fallback?: NonNullable<NonNullable<Status['traffic']>['fallback']>
  /** Revision proven to answer users since the pointer last moved. */
  verified?: string
  /** The foreign origin that the pointer was taken over from. */
  adopted?: string
  /** How often the pointer was brought back from where somebody else had moved it. */
  drift?: NonNullable<NonNullable<Status['traffic']>['drift']>
  /** Reference of the last invalidation that was asked for. */
  invalidated?: string
  /** Since when edges have been disagreeing about the pointer. */
  propagatingSince?: Instant
  /** The color that the pointer was last seen to name. */
  lastLive?: Color
  /** Revision that was last seen in each color. */
  lastRevision: Partial<Record<Color, string>>
  colors: Partial<Record<Color, PersistedColor>>
  command?: NonNullable<Status['command']>
  history: NonNullable<Status['history']>
  /** The live color fails, or has not been whole for a while since it did. */
  liveFailure?: NonNullable<Status['liveFailure']>
  /** Pods that the live color was last seen to be given, for bringing it back where the spec does not say. */
  size?: number
  /** Generation of the spec that the attempt was made for. */
  observedGeneration?: number
}

const HISTORY_LENGTH = 10
/** A longer annotation is no command, but it must be known again as what was refused before. */
export const COMMAND_LENGTH = 200

type ColorStatus = NonNullable<Status['colors']>[Color]

function colorMemory(known: ColorStatus): PersistedColor | undefined {
  if (!known) return undefined
  const { idleSince, digest, readySince, fingerprint, config, shortSince, restarts } = known
  return present({
    idleSince: instantOf(idleSince),
    digest,
    readySince: instantOf(readySince),
    fingerprint,
    config,
    shortSince: instantOf(shortSince),
    restarts,
  })
}

/** A time of the API; undefined where it is none. */
export function instantOf(text: string | undefined): Instant | undefined {
  const instant = Date.parse(text ?? '')
  return Number.isNaN(instant) ? undefined : instant
}

/** The object without the fields that are undefined. */
export function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined | ''> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

/** What the last status says; an empty or foreign status gives an empty state. */
export function fromStatus(status: Status = {}): PersistedState {
  const { blue, green } = status.colors ?? {}
  const { attempt, gates, command, observedGeneration, liveColor, liveFailure, size } = status
  const { intent, verified, propagatingSince, invalidated, adopted, drift, canary, fallback } =
    status.traffic ?? {}
  return {
    ...present({
      attempt,
      gates,
      intent,
      verified,
      lastLive: liveColor,
      command,
      observedGeneration,
      size,
      liveFailure,
    }),
    ...present({
      propagatingSince: instantOf(propagatingSince),
      invalidated,
      adopted,
      drift,
      canary,
      fallback,
    }),
    colors: present({ blue: colorMemory(blue), green: colorMemory(green) }),
    lastRevision: present({ blue: blue?.revision, green: green?.revision }),
    history: status.history ?? [],
  }
}

/** A copy of an object without some of its optional fields. */
export function without<T extends object, K extends keyof T>(object: T, ...keys: K[]): Omit<T, K> {
  const copy = { ...object }
  for (const key of keys) Reflect.deleteProperty(copy, key)
  return copy
}

export function instantText(instant: Instant): string {
  return new Date(instant).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** What gates and intents belong to: a result for another attempt or direction says nothing about this one. */
export function keyOf(attempt: Attempt): string {
  return attempt.direction === 'Forward' ? attempt.id : `${attempt.id}/${attempt.direction}`
}

/** Whether the move that is to be made is the one that was decided, on the very observation that it was decided on. */
export function isDecided(known: Intent | undefined, { to, token, attempt, weight }: Intent): boolean {
  return known?.to === to && known.token === token && known.attempt === attempt && known.weight === weight
}

/** In the key of a gate report: asked again after the step of this weight. */
export const AFTER = '/after-'
/** In the key of a gate report: asked while the step of this weight was held. */
export const DURING = '/during-'

/** Whether gates were asked for this attempt and direction, be it once more in or after a step of a canary. */
export function isAbout({ key }: GateReport, attempt: Attempt): boolean {
  return key === keyOf(attempt) || [AFTER, DURING].some((when) => key.startsWith(`${keyOf(attempt)}${when}`))
}

/** From now on, as long as the spec gives an attempt. */
export function deadlineOf({ now, release }: Observation): string {
  return instantText(now + release.spec.progressDeadlineSeconds * 1000)
}

/** The attempt that the present spec asks for, started anew. An attempt that was still running has been superseded. */
export function startAttempt(state: PersistedState, observation: Observation): PersistedState {
  const { release, now } = observation
  const previous = state.attempt
  const ended =
    previous && !previous.outcome
      ? endAttempt(state, now, { outcome: 'Superseded', reason: 'SpecChanged' })
      : state
  const attempt: Attempt = {
    ...wantedOf(observation),
    meaning: meaningOf(release.spec),
    ...(release.spec.replicas === undefined ? {} : { replicas: release.spec.replicas }),
    startedAt: instantText(now),
    deadline: deadlineOf(observation),
    direction: 'Forward',
    // What the superseded attempt had begun to build has still never served.
    ...(previous?.builds ? { builds: previous.builds } : {}),
  }
  const known = previous ? overtakenCommand(state) : foundCommand(observation)
  return {
    ...without(ended, 'gates', 'intent', 'canary', 'drift'),
    ...known,
    attempt,
    observedGeneration: release.metadata.generation,
  }
}

/** What a command was waiting for is of no use to the attempt that another spec starts. */
function overtakenCommand({ command }: PersistedState): Pick<PersistedState, 'command'> {
  if (command?.result !== 'Pending') return {}
  const message = `${command.message}; another spec was applied before`
  return { command: { ...command, result: 'NothingToDo', message } }
}

/** A command that stands on a release without a status was taken before the status was lost, or meant another release. */
function foundCommand({ release }: Observation): Pick<PersistedState, 'command'> {
  const value = release.metadata.annotations?.[ANNOTATION.command]?.slice(0, COMMAND_LENGTH)
  if (value === undefined) return {}
  const message = 'found on a release without a status, so it was not taken; give it again with another nonce'
  return { command: { value, result: 'NothingToDo', message, taken: [value] } }
}

/** The same attempt once more, from its beginning. */
export function retryAttempt(
  state: PersistedState,
  attempt: Attempt,
  observation: Observation,
): PersistedState {
  const fresh: Attempt = {
    ...without(attempt, 'outcome', 'reason', 'message', 'logs', 'verifyBy', 'heldSince'),
    direction: 'Forward',
    startedAt: instantText(observation.now),
    deadline: deadlineOf(observation),
  }
  return { ...without(state, 'gates', 'intent', 'canary', 'drift'), attempt: fresh }
}

/** The color was empty when this was decided: whatever stands in it from now on was built by this attempt and has never served. */
export function beginBuilding(
  state: PersistedState,
  attempt: Attempt,
  observation: Observation,
  color: Color,
): PersistedState {
  return {
    ...state,
    attempt: { ...without(attempt, 'heldSince'), builds: color, deadline: deadlineOf(observation) },
  }
}

export interface Ending {
  outcome: Outcome
  reason: string
  message?: string
}

/** The attempt is over; it stands at the head of the history. */
export function endAttempt(state: PersistedState, now: Instant, ending: Ending): PersistedState {
  const { attempt } = state
  if (!attempt) return state
  const entry = {
    attempt: attempt.id,
    revision: attempt.revision,
    outcome: ending.outcome,
    reason: ending.reason,
    endedAt: instantText(now),
  }
  return {
    ...without(state, 'intent', 'canary'),
    attempt: {
      ...without(attempt, 'message', 'heldSince'),
      outcome: ending.outcome,
      reason: ending.reason,
      ...(ending.message ? { message: ending.message } : {}),
    },
    history: boundedHistory([entry, ...state.history], Object.values(state.lastRevision)),
  }
}

type History = NonNullable<Status['history']>

/**
 * The newest attempts. What says that a revision that still stands was proven to users is never among those that go, however
 * many have failed since: without it nobody would be led back there.
 */
function boundedHistory(history: History, standing: readonly string[]): History {
  const newest = (revision: string): History[number] | undefined =>
    history.find((one) => one.revision === revision && one.outcome === 'Promoted')
  const proofs = new Set(standing.flatMap((revision) => newest(revision) ?? []))
  const others = history.filter((entry) => !proofs.has(entry)).slice(0, HISTORY_LENGTH - proofs.size)
  return history.filter((entry) => proofs.has(entry) || others.includes(entry))
}

/** Whether a time is over. After a stop of the operator the world is looked at once before time that nobody watched counts. */
export function isPast(deadline: string, { now, firstReconcile }: Observation): boolean {
  return firstReconcile === 'No' && now >= Date.parse(deadline)
}

/** Whether the attempt should have been ready to switch by now. */
export function isOverdue({ deadline, heldSince }: Attempt, observation: Observation): boolean {
  return heldSince === undefined && isPast(deadline, observation)
}

/**
 * The deadline counts only what the attempt itself takes. It stands still while the attempt is held up by something else, and
 * goes on as soon as it is not.
 */
export function heldUp(state: PersistedState, now: Instant, isHeld: boolean): PersistedState {
  const { attempt } = state
  if (!attempt || isHeld === (attempt.heldSince !== undefined)) return state
  if (isHeld) return { ...state, attempt: { ...attempt, heldSince: instantText(now) } }
  const { heldSince = '', ...rest } = attempt
  const deadline = instantText(Date.parse(attempt.deadline) + now - Date.parse(heldSince))
  return { ...state, attempt: { ...rest, deadline } }
}

/** What the attempt brought is known to be no good, so it is not gone on with where there is no way back. */
export function isBroken({ reason }: Attempt): boolean {
  return reason === 'VerifyFailed' || reason === 'CanaryFailed'
}

/** From now on the attempt moves the pointer back to the color that served before. */
export function rollBack(
  { state, observation }: { state: PersistedState; observation: Observation },
  attempt: Attempt,
  why: { reason: string; message: string },
): PersistedState {
  const deadline = deadlineOf(observation)
  const back: Attempt = {
    ...without(attempt, 'outcome', 'builds', 'heldSince'),
    direction: 'Back',
    deadline,
    ...why,
  }
  return { ...without(state, 'gates', 'intent', 'canary', 'verified'), attempt: back }
}
