/** What is remembered, brought up to date by what is seen and by what the last action brought back. */
import { COLORS, type Color } from '../../api/names.ts'
import type { GateReport } from '../../api/release.ts'
import {
  currentPods,
  fingerprintOf,
  readyPods,
  troubleText,
  unavailable,
  wantOfRoom,
} from '../model/color.ts'
import { configBooks } from '../model/config-maps.ts'
import type { ColorState, Instant, Observation, PodState } from '../model/observation.ts'
import { behindFallback, isOutdated, isPropagating, type PointerView } from '../model/pointer-view.ts'
import { meaningOf } from '../model/revision.ts'
import { LIVE_CALM_MS, LIVE_DOWN_MS, LIVE_FALLEN_MS } from '../model/timing.ts'
import {
  deadlineOf,
  instantText,
  isPast,
  without,
  type PersistedColor,
  type PersistedState,
} from './persisted-state.ts'

/** What a state is brought up to date with. */
interface Books {
  observation: Observation
  view: PointerView
  serving: readonly Color[]
  wantedAttempt: string
  now: Instant
}

/** Since when each color has been idle, and whether what we build may have served: facts that only time shows. */
export function updateState(state: PersistedState, books: Books): PersistedState {
  // What is read anew later will tell; until then nothing is known that was not known before.
  if (isOutdated(books.observation.pointer)) return withNumberOfNow(state, books)
  const colors: Partial<Record<Color, PersistedColor>> = {}
  for (const color of COLORS) {
    if (books.observation.colors[color].workload) colors[color] = colorBooks(state, books, color)
  }
  const known = withMeaning(
    withoutPastShare(withoutStaleProof(withoutServedBuild(state, books), books.view), books),
    books.observation,
  )
  return withLiveFailure({ ...withMoveTimed(withNumberOfNow(known, books), books), colors }, books)
}

/**
 * Somebody has scaled the release since the number came with the attempt: from now on every number is about what is live, also
 * when it is the same as that one again.
 */
function withNumberOfNow(state: PersistedState, { wantedAttempt, observation }: Books): PersistedState {
  const { attempt } = state
  const isScaled = attempt?.id === wantedAttempt && attempt.replicas !== observation.release.spec.replicas
  return isScaled ? { ...state, attempt: without(attempt, 'replicas') } : state
}

/** So often a pod has crashed, since the color was last seen to be well, that it will do so again. */
const LOOPING_RESTARTS = 3

/** Since when the live color has been failing, and whether that has lasted. A pod that comes and goes for a moment is nothing. */
function withLiveFailure(state: PersistedState, { view, observation, now }: Books): PersistedState {
  const color = view.type === 'Names' ? view.color : undefined
  const known = state.liveFailure?.color === color ? state.liveFailure : undefined
  const rest = without(state, 'liveFailure')
  if (!color || isCalm(state.colors[color], now)) return rest
  const failing = failureNow(state, observation, {
    color,
    since: instantText(Math.ceil(now / 1000) * 1000),
    ...known,
  })
  const noted = failing ?? known
  return noted ? { ...rest, liveFailure: noted } : rest
}

type LiveFailure = NonNullable<PersistedState['liveFailure']>

/** Undefined where nothing is wrong with the color at this moment. */
function failureNow(
  state: PersistedState,
  observation: Observation,
  failure: LiveFailure,
): LiveFailure | undefined {
  const patienceMs = livePatienceMs(state, observation, failure.color)
  if (patienceMs === undefined) return undefined
  const lasts = isPast(instantText(Date.parse(failure.since) + patienceMs), observation)
  return lasts ? { lasting: liveFailureText(observation, failure.color), ...failure } : failure
}

function isCalm({ readySince }: PersistedColor = {}, now: Instant): boolean {
  return readySince !== undefined && now - readySince >= LIVE_CALM_MS
}

/**
 * For how long what the color is like now may go on, in milliseconds; undefined where nothing is wrong with it. Pods that are
 * merely new, since a node was drained or somebody deleted them, have more time than what was ready and fell.
 */
export function livePatienceMs(
  { colors, gates }: PersistedState,
  observation: Observation,
  color: Color,
): number | undefined {
  const state = observation.colors[color]
  const { workload } = state
  if (workload?.leaving !== 'No' || workload.replicas === 0) return undefined
  const pods = currentPods(state)
  const hasFallen = ({ name, restarts = 0 }: PodState): boolean =>
    restarts > 0 || gates?.pods.includes(name) === true
  if (readyPods(state).length === 0) return pods.some(hasFallen) ? LIVE_FALLEN_MS : LIVE_DOWN_MS
  const before = colors[color]?.restarts ?? {}
  const isLooping = pods.every(({ name, restarts = 0 }) => restarts - (before[name] ?? 0) >= LOOPING_RESTARTS)
  return isLooping ? LIVE_DOWN_MS : undefined
}

/** What is to be said of a live color that fails. */
function liveFailureText(observation: Observation, color: Color): string {
  const state = observation.colors[color]
  const revision = state.workload?.revision ?? ''
  const how =
    readyPods(state).length === 0
      ? 'none of its pods is ready, so users get no answers'
      : 'all of its pods crash again and again, so users lose answers'
  return `${color}, which users are sent to, fails at revision ${revision}: ${how}${troubleText(state)}`
}

/** A schema may have filled in what nobody wrote: from now on that is what the attempt's spec means. */
function withMeaning(state: PersistedState, { release: { metadata, spec } }: Observation): PersistedState {
  const { attempt, observedGeneration } = state
  if (!attempt || observedGeneration !== metadata.generation) return state
  return { ...state, attempt: { ...attempt, meaning: meaningOf(spec) } }
}

/** Since when edges have been disagreeing about the pointer. */
function withMoveTimed(state: PersistedState, { view, now }: Books): PersistedState {
  if (!('propagated' in view)) return state
  if (view.propagated === 'Yes') return without(state, 'propagatingSince')
  return { ...state, propagatingSince: state.propagatingSince ?? now }
}

function colorBooks(state: PersistedState, books: Books, color: Color): PersistedColor {
  const { serving, now, observation } = books
  const { workload } = observation.colors[color]
  const isOther = state.lastRevision[color] !== undefined && state.lastRevision[color] !== workload?.revision
  const before = state.colors[color] ?? {}
  const known: PersistedColor = isOther ? without(before, 'config') : before
  const idle = !serving.includes(color) && state.intent?.to !== color
  const readiness = readinessBooks(known, observation.colors[color], now)
  return {
    ...without(known, 'idleSince', 'readySince', 'fingerprint', 'shortSince', 'restarts'),
    ...(idle ? { idleSince: known.idleSince ?? now } : {}),
    ...(!idle && wantOfRoom(observation.colors[color])
      ? { shortSince: known.shortSince ?? Math.ceil(now / 1000) * 1000 }
      : {}),
    ...readiness,
    ...restartBooks(state, books, { color, readiness }),
    ...configBooks(known, observation, color),
  }
}

/**
 * How often the pods of the live color had been started again when it was last well, or came to serve: what they have been
 * through before says nothing of how they are now.
 */
function restartBooks(
  state: PersistedState,
  { view, now, observation }: Books,
  { color, readiness }: { color: Color; readiness: PersistedColor },
): Pick<PersistedColor, 'restarts'> {
  const isLive = view.type === 'Names' && view.color === color
  const isKept = isLive ? state.lastLive === color && !isCalm(readiness, now) : view.type !== 'Names'
  const { restarts } = isKept
    ? (state.colors[color] ?? {})
    : isLive
      ? restartsIn(observation.colors[color])
      : {}
  return restarts ? { restarts } : {}
}

/** Undefined where no pod was started again, as is usual. */
function restartsIn(color: ColorState): Pick<PersistedColor, 'restarts'> {
  const again = currentPods(color).filter(({ restarts = 0 }) => restarts > 0)
  if (again.length === 0) return {}
  return { restarts: Object.fromEntries(again.map(({ name, restarts = 0 }) => [name, restarts])) }
}

/**
 * The time is our own, of when the color was first seen like this, so that no clock of any node matters. What nobody saw
 * between two looks shows in the fingerprint. A second is all that the status can tell, so it is the next one.
 */
function readinessBooks(known: PersistedColor, color: ColorState, now: Instant): PersistedColor {
  if (unavailable(color) !== undefined) return {}
  const fingerprint = fingerprintOf(color)
  const before = fingerprint === known.fingerprint ? known.readySince : undefined
  return { fingerprint, readySince: before ?? Math.ceil(now / 1000) * 1000 }
}

/** A foreign writer may have pointed users at what we build. */
function withoutServedBuild(state: PersistedState, { view, serving, observation }: Books): PersistedState {
  const { attempt } = state
  const builds = attempt?.builds
  const mayHaveServed =
    builds && observation.colors[builds].workload && view.type !== 'Unknown' && serving.includes(builds)
  return mayHaveServed ? { ...state, attempt: without(attempt, 'builds') } : state
}

/** Another color answers users now than the one that was proven: the proof is about nothing any more. */
function withoutStaleProof(state: PersistedState, view: PointerView): PersistedState {
  const isGone = view.type === 'Nothing' && 'propagated' in view
  const moved =
    isGone ||
    view.type === 'Adopted' ||
    (view.type === 'Names' && state.lastLive && state.lastLive !== view.color)
  return moved ? without(state, 'verified') : state
}

/** The candidate has all the clients, and the behaviors name what is live: nothing is left to tell of the way there. */
function withoutPastShare(state: PersistedState, { view, observation }: Books): PersistedState {
  if (view.type !== 'Names') return state
  const arrived = state.canary?.color === view.color ? without(state, 'canary') : state
  return behindFallback(observation, view.color).length === 0 ? without(arrived, 'fallback') : arrived
}

/** What the action of this reconcile brought back becomes part of what is known. */
export function applyResult(
  state: PersistedState,
  observation: Observation,
  view: PointerView,
): PersistedState {
  const { result } = observation
  const { attempt } = state
  if (result?.type === 'GatesRan') return withGates(state, observation, result)
  if (result?.type === 'LogsCollected' && attempt)
    return { ...state, attempt: { ...attempt, logs: result.logs } }
  if (result?.type === 'Invalidated') return { ...state, invalidated: result.reference }
  if (result?.type === 'Verified' && result.result.type === 'New') return withProof(state, observation, view)
  return withRefusal(state, observation)
}

/** What held up the making of it, be it a taken name or a quota, takes nothing from the time that the attempt has to be ready. */
function withBuilt(state: PersistedState, observation: Observation): PersistedState {
  const { attempt } = state
  const builds = attempt?.outcome ? undefined : attempt?.builds
  if (!attempt || !builds || observation.colors[builds].workload) return state
  return { ...state, attempt: { ...attempt, deadline: deadlineOf(observation) } }
}

function withRefusal(state: PersistedState, observation: Observation): PersistedState {
  const { result, now } = observation
  if (result?.type === 'Done' && result.action === 'CreateWorkload') return withBuilt(state, observation)
  if (result?.type === 'Done' && result.action === 'MoveFallback') return without(state, 'fallback')
  if (result?.type !== 'Refused' || result.action !== 'MoveFallback') return state
  return { ...state, fallback: { message: result.message, refusedAt: instantText(now) } }
}

/** An answer proves what users get only once every edge follows: before, it may have come by one that does not. */
function withProof(state: PersistedState, observation: Observation, view: PointerView): PersistedState {
  if (isPropagating(view)) return state
  const revision = view.type === 'Names' ? observation.colors[view.color].workload?.revision : undefined
  return revision ? { ...state, verified: revision } : state
}

function withGates(
  state: PersistedState,
  observation: Observation,
  did: Extract<Observation['result'], { type: 'GatesRan' }>,
): PersistedState {
  const found = new Set(did.results.map((one) => one.result))
  const result = (['Failed', 'Unknown', 'NotAsked'] as const).find((one) => found.has(one)) ?? 'Passed'
  const report: GateReport = { key: did.key, result, pods: did.pods, results: did.results }
  const color = COLORS.find((one) => observation.colors[one].pods.some((pod) => did.pods.includes(pod.name)))
  if (!color) return { ...state, gates: report }
  const { fingerprint } = state.colors[color] ?? {}
  const gates = { ...report, ...(fingerprint === undefined ? {} : { fingerprint }) }
  if (!did.digest) return { ...state, gates }
  return {
    ...state,
    gates,
    colors: { ...state.colors, [color]: { ...state.colors[color], digest: did.digest } },
  }
}
