/** The whole status, derived in every reconcile from what is seen, what is remembered, and what the rules found. */
import { conditionsFrom, type ReasonOf, type Statement } from '../../api/conditions.ts'
import { colorSelector, selectorText, type Color } from '../../api/names.ts'
import type { Condition, ModelRelease, Phase, Status } from '../../api/release.ts'
import { instantText, present } from '../state/persisted-state.ts'
import { describeTargets } from '../model/pointer-view.ts'
import { revisionIn, type NamedDecision, type PlanContext } from '../context.ts'
import { readyPods } from '../model/color.ts'
import type { Instant } from '../model/observation.ts'
import { progressOf, statementsOf } from './conditions.ts'

type ColorStatus = NonNullable<Status['colors']>[Color]

export function statusOf(context: PlanContext, decision: NamedDecision | undefined): Status {
  const { state, observation } = context
  const { release, now } = observation
  const statements = statementsOf(context, decision)
  const generation = state.observedGeneration ?? release.metadata.generation
  const conditions = conditionsFrom(release.status?.conditions ?? [], statements, {
    generation,
    now: instantText(now),
  })
  const { attempt, gates, command } = state
  const { view } = context
  // Without a key users are where the behaviors lead; a pointer Service that is gone is about to be made again.
  const isElsewhere = view.type !== 'Split' && 'propagated' in view
  const liveColor = context.live ?? (isElsewhere ? undefined : state.lastLive)
  return {
    conditions,
    ...present({ observedGeneration: state.observedGeneration, liveColor, attempt, gates, command }),
    ...present({ liveRevision: liveColor && revisionIn(context, liveColor) }),
    phase: phaseOf(context, statements),
    message: worstOf(conditions),
    ...scaleStatus(context, liveColor),
    colors: present({
      blue: colorStatus(context, 'blue', liveColor),
      green: colorStatus(context, 'green', liveColor),
    }),
    traffic: trafficStatus(context),
    ...present({ liveFailure: state.liveFailure }),
    history: state.history,
  }
}

/**
 * The last status with why nothing could be decided this time: what was known before is not lost by a fault of the operator. Each
 * condition names the generation that it was observed at: what is kept keeps its own. What is said now is about the spec that was
 * read now, since `kubectl wait` passes over conditions of an earlier one; `status.observedGeneration` stays, as no attempt was
 * made for it.
 */
export function statusAfter(
  { metadata: { generation }, status = {} }: ModelRelease,
  now: Instant,
  { reason, message }: { reason: string; message: string },
): Status {
  const told = conditionsFrom(
    status.conditions ?? [],
    thrownStatements(status, generation, { reason, message }),
    {
      generation,
      now: instantText(now),
    },
  )
  const replaced = new Set(['Reconciling', ...told.map(({ type }) => type)])
  const kept = (status.conditions ?? []).filter(({ type }) => !replaced.has(type))
  const conditions = [...kept, ...told]
  return { ...status, conditions, phase: status.phase ?? 'Stalled', message: worstOf(conditions) }
}

function thrownStatements(
  { conditions = [], observedGeneration }: Status,
  generation: number,
  { reason, message }: { reason: string; message: string },
): Statement[] {
  const isOwn = reason === 'InternalError'
  const text = `nothing could be decided, so everything is left as it is: ${message}${isOwn ? ' (a fault of the operator: its log has the whole error)' : ''}`
  const stalled: Statement = {
    type: 'Stalled',
    status: 'True',
    reason: reason as ReasonOf<'Stalled'>,
    message: text,
  }
  const isKnown = conditions.some(({ type }) => type === 'Ready') && observedGeneration === generation
  return isKnown ? [stalled] : [{ type: 'Ready', status: 'False', reason: 'Stalled', message: text }, stalled]
}

/** What somebody who is woken wants to read first. */
function worstOf(conditions: readonly Condition[]): string {
  const find = (type: Statement['type']): Condition | undefined => conditions.find((one) => one.type === type)
  const serving = find('Serving')
  // Before the first release nobody is served, and how far it is says more.
  const isDown = serving?.status === 'False' && serving.reason !== 'NothingLive'
  const told = [isDown ? serving : undefined, find('Stalled'), find('Ready')].filter(
    (one) => one !== undefined,
  )
  // Ready repeats what stalls or what is waited for.
  return [...new Set(told.map(({ message }) => message))].slice(0, isDown ? 2 : 1).join('; ')
}

/** What the scale subresource publishes is about one color, the live one; an autoscaler must not count the candidate. */
function scaleStatus(
  { state, observation }: PlanContext,
  liveColor: Color | undefined,
): Pick<Status, 'selector' | 'replicas' | 'size'> {
  const { name } = observation.release.metadata
  const size = (liveColor && observation.colors[liveColor].workload?.replicas) ?? state.size
  const sized = size === undefined ? {} : { size }
  if (!liveColor) return { replicas: 0, ...sized }
  return {
    ...sized,
    replicas: observation.colors[liveColor].pods.filter((pod) => pod.ready !== 'Terminating').length,
    selector: selectorText(colorSelector(name, liveColor)),
  }
}

function colorStatus(
  { state, observation }: PlanContext,
  color: Color,
  live: Color | undefined,
): ColorStatus {
  const { workload } = observation.colors[color]
  const mayServe = color === live || color === state.intent?.to
  if (!workload) return mayServe ? goneStatus(state.lastRevision[color]) : undefined
  const { idleSince, digest, readySince, fingerprint, config, shortSince, restarts } =
    state.colors[color] ?? {}
  return {
    revision: workload.revision,
    replicas: workload.replicas,
    ready: readyPods(observation.colors[color]).length,
    ...present({
      idleSince: secondAfter(idleSince),
      digest,
      readySince: secondAfter(readySince),
      fingerprint,
      config,
      shortSince: secondAfter(shortSince),
      restarts,
    }),
  }
}

/** A second is all that the text can tell; the earlier one would cut short what is waited for. */
function secondAfter(instant: Instant | undefined): string | undefined {
  return instant === undefined ? undefined : instantText(Math.ceil(instant / 1000) * 1000)
}

/** What a color held that may serve is not forgotten when its Deployment is gone: it is to be brought back. */
function goneStatus(revision: string | undefined): ColorStatus {
  return revision === undefined ? undefined : { revision, replicas: 0, ready: 0 }
}

function trafficStatus({ state, view, observation }: PlanContext): NonNullable<Status['traffic']> {
  const { pointer } = observation
  return {
    ...present({
      adopted: state.adopted,
      drift: state.drift,
      verified: state.verified,
      intent: state.intent,
      invalidated: state.invalidated,
      canary: state.canary,
      fallback: state.fallback,
    }),
    ...(state.propagatingSince === undefined
      ? {}
      : { propagatingSince: instantText(state.propagatingSince) }),
    ...(pointer.type === 'Read' ? { pointer: describeTargets(pointer) } : {}),
    propagated: 'propagated' in view ? view.propagated : 'No',
  }
}

const PHASE_OF_REASON: Partial<Record<string, Phase>> = {
  Starting: 'Pending',
  Building: 'Building',
  CandidateNotAvailable: 'Building',
  MakingRoom: 'Building',
  Gating: 'Gating',
  Canary: 'Canary',
  Switching: 'Switching',
  Propagating: 'Switching',
  PropagatingSlowly: 'Switching',
  Verifying: 'Verifying',
  RollingBack: 'RollingBack',
}

/** One word for people, in the column that they look at first. */
function phaseOf(context: PlanContext, statements: readonly Statement[]): Phase {
  const reasonOf = (type: Statement['type']): string | undefined =>
    statements.find((one) => one.type === type)?.reason
  const { outcome, direction, reason } = context.state.attempt ?? {}
  if (outcome === 'Aborted') return 'Aborted'
  // A person's will is no failure.
  if (outcome === 'RolledBack' && reason === 'Undone') return 'RolledBack'
  if (outcome === 'Failed' || outcome === 'RolledBack') return 'Failed'
  if (reasonOf('Ready') === 'Promoted') return 'Live'
  if (reasonOf('Stalled')) return 'Stalled'
  if (direction === 'Back' && !outcome) return 'RollingBack'
  return reasonOf('Drifted') === 'Repairing' ? 'Switching' : phaseOfWaiting(context, reasonOf('Reconciling'))
}

function phaseOfWaiting(context: PlanContext, reason = ''): Phase {
  // How far it is does not change by not being able to look at the pointer for a while.
  const isBlind = reason === 'PointerUnreachable' && context.view.type === 'Names'
  return PHASE_OF_REASON[isBlind ? progressOf(context).reason : reason] ?? 'Pending'
}
