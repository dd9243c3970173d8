import { COLORS, otherColor, type Color } from '../api/names.ts'
import { deletionPolicyOf, keyValueStoreOf, minReadyMsOf, type Attempt } from '../api/release.ts'
import { readyPods } from './model/color.ts'
import { finishingSeconds } from './model/draining.ts'
import type { Ownership, Action, StoredRevision, Observation } from './model/observation.ts'
import {
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
import { wantedOf } from './model/revision.ts'
import { LIVE_CALM_MS } from './model/timing.ts'
import { applyResult, livePatienceMs, updateState } from './state/fold.ts'
import { inKnownWords } from './state/newer-words.ts'
import { fromStatus, type PersistedState } from './state/persisted-state.ts'

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
  const state = applyResult(
    updateState(inKnownWords(fromStatus(release.status), now), books),
    observation,
    view,
  )
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
