import { COLORS, otherColor, type Color } from '../api/names.ts'
import {
  deletionPolicyOf,
  keyValueStoreOf,
  minReadyMsOf,
  type Attempt,
  type GateReport,
} from '../api/release.ts'
import { counted } from '../api/text.ts'
import { configBooks } from './model/config-maps.ts'
import {
  deadlineOf,
  instantText,
  isPast,
  fromStatus,
  without,
  type PersistedColor,
  type PersistedState,
} from './state/persisted-state.ts'
import {
  behindFallback,
  canaryColor,
  colorOf,
  isMarkedElsewhere,
  isOutdated,
  isPropagating,
  partsElsewhere,
  servingColors,
  viewOf,
  type PointerView,
} from './model/pointer-view.ts'
import { finishingSeconds } from './model/draining.ts'
import { LIVE_CALM_MS, LIVE_DOWN_MS, LIVE_FALLEN_MS } from './model/timing.ts'
import { meaningOf, shortHash, wantedOf } from './model/revision.ts'
import { isWantOfRoom } from './output/remedy.ts'
import type {
  ColorState,
  Instant,
  Ownership,
  PodState,
  Action,
  StoredRevision,
  Trouble,
  Observation,
} from './model/observation.ts'

/** An observation with what follows from it; rules read it and nothing else. */
export interface PlanContext {
  observation: Observation
  state: PersistedState
  view: PointerView
  /** The color that the pointer names. */
  live?: Color
  /** Colors that some edge may be routing to. */
  serving: readonly Color[]
  /** Id of the attempt that the present spec asks for. */
  wantedAttempt: string
}

/** What a rule found: what to do, or to remember, or to wait for. First hit wins. */
export interface NamedDecision {
  /** Name of the rule, for logs and transcripts. */
  rule: string
  action?: Action
  /** What must stand in the status before anything else happens. */
  state?: PersistedState
  /** Why the spec cannot advance until a person acts. */
  stalled?: { reason: string; message: string }
  /** What is being waited for. */
  waiting?: { reason: string; message: string }
  /** When to look again even if nothing changes. */
  requeueAfterMs?: number
}

/** What a rule returns; undefined means that it is not its case. */
export type Decision = Omit<NamedDecision, 'rule'> | undefined

/** The revision that a color holds, or was last seen to hold. */
export function revisionIn({ state, observation }: PlanContext, color: Color): string | undefined {
  return observation.colors[color].workload?.revision ?? state.lastRevision[color]
}

/** The first rule that has something to say, in the order in which they stand. */
export function firstHit(
  rules: Record<string, (context: PlanContext) => Decision>,
  context: PlanContext,
): NamedDecision | undefined {
  for (const [rule, find] of Object.entries(rules)) {
    const found = find(context)
    if (found) return { rule, ...found }
  }
  return undefined
}

export function contextOf(observation: Observation): PlanContext {
  const { release, now } = observation
  const view = viewOf(release.spec, observation.pointer, observation.colors)
  const serving = colorsServing(observation, view)
  const wantedAttempt = wantedOf(observation).id
  const books = { observation, view, serving, now, wantedAttempt }
  const state = applyResult(updateState(fromStatus(release.status), books), observation, view)
  return {
    observation,
    state,
    view,
    ...(view.type === 'Names' ? { live: view.color } : {}),
    serving,
    wantedAttempt,
  }
}

/**
 * Colors that some edge may be routing to, be it for a part of the pointer that is not of this release, or an edge of a
 * pointer that the spec named before. Where the pointer cannot be read now, anybody may have moved it meanwhile.
 */
function colorsServing(observation: Observation, view: PointerView): readonly Color[] {
  const { pointer, release, colors } = observation
  if (isOutdated(pointer)) return COLORS
  const here = servingColors(view)
  const shared = canaryColor(release.spec, pointer, colors)
  return COLORS.filter(
    (color) =>
      here.includes(color) ||
      shared === color ||
      (observation.former ?? []).some((one) => one.color === color) ||
      partsElsewhere(release.spec, pointer, colors, color).length > 0 ||
      mayServeElsewhere(observation, view, color),
  )
}

/**
 * Whether a color may still be serving through the pointer that the spec named before. Nobody reads that one any more,
 * so the color is kept until the present pointer was brought to a color that has served behind the other.
 */
export function mayServeElsewhere(
  { colors, release }: Observation,
  view: PointerView,
  color: Color,
): boolean {
  const { spec, status } = release
  if (!colors[color].workload || status?.attempt?.builds === color) return false
  const arrived = view.type === 'Names' && colors[view.color].workload !== undefined
  if (arrived && !isMarkedElsewhere(spec, colors[view.color])) return false
  return isMarkedElsewhere(spec, colors[color])
}

type Books = Pick<PlanContext, 'observation' | 'view' | 'serving' | 'wantedAttempt'> & { now: Instant }

/** Since when each color has been idle, and whether what we build may have served: facts that only time shows. */
function updateState(state: PersistedState, books: Books): PersistedState {
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

/** Milliseconds until it is decided whether the failure of the live color lasts; undefined where nothing is to be decided. */
export function untilLiveJudgedMs({ state, live, observation }: PlanContext): number | undefined {
  const { liveFailure } = state
  // While the pointer cannot be read it is not known who is live, and nothing is judged.
  if (!live || liveFailure?.color !== live || isOutdated(observation.pointer)) return undefined
  const { readySince } = state.colors[live] ?? {}
  if (readySince !== undefined) return Math.max(1, readySince + LIVE_CALM_MS - observation.now)
  const patienceMs = livePatienceMs(state, observation, live)
  if (liveFailure.lasting || patienceMs === undefined) return undefined
  return Math.max(1, Date.parse(liveFailure.since) + patienceMs - observation.now)
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
function applyResult(state: PersistedState, observation: Observation, view: PointerView): PersistedState {
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

/** Changes with every pod that comes, goes, or becomes ready anew. */
export function fingerprintOf(color: ColorState): string {
  const pods = readyPods(color).map(({ name, steadySince }) => `${name} ${steadySince ?? ''}`)
  return shortHash(pods.toSorted(), 10)
}

/** Pods of a color that count for the revision of its workload. */
function currentPods(color: ColorState): PodState[] {
  return color.pods.filter(
    (pod) => pod.revision === color.workload?.revision && pod.ready !== 'Terminating' && !pod.former,
  )
}

export function readyPods(color: ColorState): PodState[] {
  return currentPods(color).filter((pod) => pod.ready === 'Yes')
}

/** Why the color could not take all traffic now; undefined when it could. Zero pods are never enough. */
export function unavailable(color: ColorState): string | undefined {
  const { workload } = color
  if (!workload || workload.leaving === 'Yes') return 'there is no Deployment'
  if (workload.observed === 'No') return 'the Deployment was changed a moment ago'
  const strangers = color.pods.filter(
    (pod) => (pod.revision !== workload.revision || pod.former) && pod.ready !== 'Terminating',
  )
  if (strangers.length > 0)
    return `the color still has ${counted(strangers.length, 'pod')} of the Deployment before`
  const ready = readyPods(color).length
  const missing = Math.max(workload.replicas, 1) - ready
  return missing > 0
    ? `${ready} of ${Math.max(workload.replicas, 1)} pods ready${troubleText(color)}`
    : undefined
}

/** A container that has ended in a pod must last longer than it did, as far as that can be waited for. */
const LONGEST_LASTING_MS = 60_000

/** Milliseconds until the color has been whole for as long as the spec asks, with none of its pods restarted; 0 when it has. */
export function steadyInMs({ state, observation }: PlanContext, color: Color): number {
  const leastMs = minReadyMsOf(observation.release.spec)
  if (leastMs === 0) return 0
  const { readySince = observation.now } = state.colors[color] ?? {}
  const lasted = readyPods(observation.colors[color]).map(({ lastedMs = 0 }) => lastedMs)
  const longest = Math.min(LONGEST_LASTING_MS, Math.max(0, ...lasted))
  return Math.max(0, readySince + leastMs + longest - observation.now)
}

/**
 * Why nobody could be answered by the color now; undefined when somebody could. All that a way back asks of a color that has
 * served: what it leads away from is worse than a color that is small, which is told and grows meanwhile.
 */
export function unanswering(color: ColorState): string | undefined {
  const { workload } = color
  if (!workload || workload.leaving === 'Yes') return 'there is no Deployment'
  const strangers = color.pods.filter((pod) => pod.revision !== workload.revision && pod.ready === 'Yes')
  if (strangers.length > 0)
    return `the color still answers with ${counted(strangers.length, 'pod')} of another revision`
  return readyPods(color).length > 0
    ? undefined
    : `0 of ${Math.max(workload.replicas, 1)} pods ready${troubleText(color)}`
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

/** What is to be said of a color that answers with fewer pods than it should have; undefined when it is whole, or does not answer. */
export function smallness(color: ColorState): string | undefined {
  const { replicas = 0 } = color.workload ?? {}
  const ready = readyPods(color).length
  if (ready === 0 || ready >= replicas) return undefined
  return `small: not all of its ${replicas} pods are ready${troubleText(color)}`
}

/** Whether the color answers with fewer pods than it should have for lack of room. What crashes has its room. */
export function lacksRoom(color: ColorState): boolean {
  return smallness(color) !== undefined && wantOfRoom(color) !== undefined
}

/** Why pods of the color are missing, where quota or nodes have no room for them; another pod that went would help. */
export function wantOfRoom(color: ColorState): Trouble | undefined {
  const { workload } = color
  if (workload?.leaving !== 'No' || readyPods(color).length >= workload.replicas) return undefined
  const troubles = [workload.trouble, ...currentPods(color).map(({ trouble }) => trouble)]
  return troubles.find((trouble) => trouble && isWantOfRoom(trouble))
}

/** The most telling trouble of a color, for messages: it must name what a person can act on. */
function troubleText(color: ColorState): string {
  const trouble = color.workload?.trouble ?? currentPods(color).find((pod) => pod.trouble)?.trouble
  return trouble ? ` (${trouble.reason}: ${trouble.message})` : ''
}

/** The longest that an answer takes where the pointer does not say how long it waits for one. */
const USUAL_ANSWER_SECONDS = 30

/** Seconds that an answer may still be on its way after an edge stopped routing to a color. */
export function answerSeconds({ observation: { pointer } }: PlanContext): number {
  return Math.max(USUAL_ANSWER_SECONDS, pointer.type === 'Read' ? pointer.timeoutSeconds : 0)
}

/** Seconds that a color stands after it went idle: what is left of the longest answer when its pods have finished what they can. */
export function drainSeconds(context: PlanContext, color: Color): number {
  const stored = storedOf(context, context.observation.colors[color].workload?.revision)
  return Math.max(
    0,
    answerSeconds(context) - finishingSeconds(stored, context.observation.colors[color].pods),
  )
}

/**
 * Milliseconds until a color may be removed, 0 when it may be now, undefined while nothing says when.
 * `afterSeconds` is what the spec asks for; never less than the drain, and never while any edge may route to it.
 */
export function removableInMs(context: PlanContext, color: Color, afterSeconds: number): number | undefined {
  const { state, serving, view, observation } = context
  if (state.intent?.to === color || serving.includes(color)) return undefined
  if (state.attempt?.builds === color) return 0
  if (!('propagated' in view)) return undefined
  const since = state.colors[color]?.idleSince
  if (since === undefined) return undefined
  const wait = Math.max(afterSeconds, drainSeconds(context, color)) * 1000
  return Math.max(0, since + wait - observation.now)
}

/** What a revision rendered, with the gates that it passed last, or else the newest that were stored for it. */
export function storedOf(
  { state, observation }: Pick<PlanContext, 'state' | 'observation'>,
  revision: string | undefined,
): StoredRevision | undefined {
  const stored = observation.revisions.filter((one) => one.revision === revision)
  const passed = state.history
    .filter((entry) => entry.outcome === 'Promoted')
    .flatMap((entry) => stored.find((one) => one.attempt === entry.attempt) ?? [])
  return passed[0] ?? stored.toSorted((a, b) => b.generation - a.generation)[0]
}

/** The colors that hold this revision, the live one first. */
export function colorRunning(context: PlanContext, revision: string): Color | undefined {
  const order = context.live ? [context.live, otherColor(context.live)] : COLORS
  return order.find((color) => {
    const { workload } = context.observation.colors[color]
    return workload?.revision === revision && workload.leaving === 'No'
  })
}

/** Where the attempt wants the pointer; undefined while the pointer cannot tell which color is free. */
export function goalOf(context: PlanContext, attempt: Attempt): Color | undefined {
  if (attempt.direction === 'Back') return goalOfReturn(context, attempt)
  const { live, state, view, observation } = context
  const holder = colorRunning(context, attempt.revision)
  if (live) return holder === live ? live : otherColor(live)
  const empty = COLORS.find((color) => !observation.colors[color].workload)
  if (view.type !== 'Nothing' && view.type !== 'Adopted') return undefined
  // Of two that stand, what was promoted last is the better one to keep.
  const promoted = state.history.find((entry) => entry.outcome === 'Promoted')?.revision
  const lesser = COLORS.find((color) => observation.colors[color].workload?.revision !== promoted)
  return holder ?? empty ?? lesser ?? 'blue'
}

/** The origin that the pointer was taken over from, where a return can go nowhere else: no color stands there any more, or yet. */
export function adoptedTarget(context: PlanContext, attempt: Attempt): string | undefined {
  const color = goalOf(context, { ...attempt, direction: 'Back' })
  return color && context.observation.colors[color].workload ? undefined : context.state.adopted
}

/** Why it changes nothing to delete the key: the behaviors themselves lead to what the attempt brought. */
export function staysWithoutKey({ observation }: PlanContext, attempt: Attempt): string | undefined {
  const { colors, pointer, release } = observation
  const left = COLORS.find((color) => colors[color].workload?.revision === attempt.revision)
  const parts = pointer.type === 'Read' ? (pointer.fallback?.targets ?? []) : []
  const stays = parts.find(({ names }) => left && colorOf(release.spec, names, colors) === left)
  return stays && `without a key ${stays.part} leads to ${left ?? ''} all the same`
}

/** The color that does not hold what the attempt brought, even where that is just being deleted. */
function goalOfReturn({ live, observation }: PlanContext, attempt: Attempt): Color | undefined {
  const held = (color: Color): boolean => observation.colors[color].workload?.revision === attempt.revision
  if (live && held(live)) return otherColor(live)
  const holder = COLORS.find(held)
  if (holder) return otherColor(holder)
  return live && observation.colors[live].workload ? live : undefined
}

/** A move of the pointer has been decided or may still be under way. */
export function isMoving(context: PlanContext): boolean {
  const { state, view } = context
  return state.intent !== undefined || isPropagating(view) || runningAttempt(context)?.direction === 'Back'
}

/** What the spec asks for; left out, the number stays what it is. */
export function wantedReplicas({ live, state, observation }: PlanContext): number {
  const standing = COLORS.map((color) => observation.colors[color].workload?.replicas ?? 0)
  const isNow = (live && observation.colors[live].workload?.replicas) ?? state.size ?? Math.max(...standing)
  return observation.release.spec.replicas ?? Math.max(isNow, 1)
}

/** The number came with a revision that is not live yet, so it is not about what is. */
function isOfNewRevision({ live, state: { attempt }, wantedAttempt, observation }: PlanContext): boolean {
  if (attempt?.id !== wantedAttempt) return true
  const isLive = live !== undefined && observation.colors[live].workload?.revision === attempt.revision
  return !isLive && attempt.replicas === observation.release.spec.replicas
}

/**
 * Pods that the live color should have: it follows the spec both ways, except downwards while the pointer is moving, or where
 * a smaller number came with a revision that is not live yet.
 */
export function liveReplicas(context: PlanContext): number {
  const { live, observation } = context
  const wanted = wantedReplicas(context)
  const current = live ? (observation.colors[live].workload?.replicas ?? 0) : 0
  const attempt = runningAttempt(context)
  const unverified =
    live !== undefined && attempt !== undefined && colorRunning(context, attempt.revision) === live
  return isMoving(context) || unverified || isOfNewRevision(context) ? Math.max(wanted, current) : wanted
}

/** Who should own a color's Deployment: with Retain, whatever serves or has served outlives the release. */
export function wantedOwnership(context: PlanContext, color: Color): Ownership {
  const { release } = context.observation
  if (deletionPolicyOf(release.spec) === 'Delete') return 'Owned'
  return context.state.attempt?.builds === color ? 'Owned' : 'Free'
}

/** A color Service has no pods to lose and holds the origin's address: with Retain it is never owned. */
export function serviceOwnership(context: PlanContext): Ownership {
  return deletionPolicyOf(context.observation.release.spec) === 'Delete' ? 'Owned' : 'Free'
}

/** The attempt, while it is not over. */
export function runningAttempt(context: PlanContext): Attempt | undefined {
  const { attempt } = context.state
  return attempt && !attempt.outcome ? attempt : undefined
}

/**
 * The pointer is not where the promoted attempt left it, and nothing of ours is moving it. A color whose Deployment is being
 * brought back counts as what stood there.
 */
export function isDrifted({ live, state, view, observation }: PlanContext): boolean {
  if (state.attempt?.outcome !== 'Promoted') return false
  if (view.type === 'Split' || view.type === 'Adopted') return true
  if (observation.pointer.type === 'Read' && observation.pointer.canary) return true
  // A key that is gone leaves users to what the behaviors name; a Service that is gone is made again.
  if (!live) return view.type === 'Nothing' && keyValueStoreOf(observation.release.spec) !== undefined
  return (observation.colors[live].workload?.revision ?? state.lastRevision[live]) !== state.attempt.revision
}
