/** What the conditions say, each from what is seen and remembered. */
import { MESSAGE_LENGTH, type ConditionType, type ReasonOf, type Statement } from '../../api/conditions.ts'
import { COLORS, otherColor, type Color } from '../../api/names.ts'
import type { Attempt } from '../../api/release.ts'
import { counted, shorten } from '../../api/text.ts'
import { budgetTexts } from '../rules/disruption-budget.ts'
import { warningsOf } from '../checks/distribution.ts'
import { configTexts } from '../rules/config-maps.ts'
import { driftPolicyOf, isFight } from '../rules/drift.ts'
import { additionTexts, editText, editTexts, foreignSelectorText } from '../rules/edited-children.ts'
import { failureTexts } from '../state/failed-actions.ts'
import { formerTexts } from '../model/former-pointer.ts'
import { isAbout } from '../state/persisted-state.ts'
import { gatesText, movingTo } from '../rules/gates.ts'
import { canaryColor, describeTargets } from '../model/pointer-view.ts'
import { commandLine } from './command-line.ts'
import { lastWordsOf } from '../rules/last-logs.ts'
import { remedyOf } from './remedy.ts'
import { specWarnings } from '../checks/spec-warnings.ts'
import { unstoredTexts } from '../rules/revisions.ts'
import { propagating } from '../rules/verify.ts'
import { type NamedDecision, goalOf, isDrifted, type PlanContext } from '../context.ts'
import { readyPods, smallness, unavailable } from '../model/color.ts'

/** All of them, in the order in which they are written. */
export function statementsOf(context: PlanContext, decision: NamedDecision | undefined): Statement[] {
  const stalled = stalledOf(context, decision)
  const reconciling = stalled ? undefined : reconcilingOf(context, decision)
  return [
    servingOf(context),
    readyOf(context, stalled, reconciling),
    ...(reconciling ? [reconciling] : []),
    ...(stalled ? [stalled] : []),
    candidateOf(context),
    gatesOf(context),
    switchedOf(context),
    driftOf(context),
    ...warnedOf(context),
  ]
}

/** Statements of one type: only reasons of that type fit. */
function saying<T extends ConditionType>(
  type: T,
): (status: Statement['status'], reason: ReasonOf<T>, message: string) => Statement<T> {
  return (status, reason, message) => ({ type, status, reason, message })
}

function servingOf(context: PlanContext): Statement<'Serving'> {
  const { view, observation } = context
  const ready = (color: Color): boolean => readyPods(observation.colors[color]).length > 0
  const say = saying('Serving')
  if (view.type === 'Nothing') return say('False', 'NothingLive', 'the pointer names no color yet')
  if (view.type === 'Adopted')
    return say('Unknown', 'AdoptedOrigin', `the pointer names ${view.origin}, which is not of this release`)
  if (view.type === 'Names') {
    if (!ready(view.color))
      return say(
        'False',
        'NoReadyPods',
        `users are sent to ${view.color}, and it has no ready pod: nobody is answered`,
      )
    const { color: shared, weight } = canaryShare(observation) ?? {}
    if (shared && !ready(shared))
      return say(
        'False',
        'NoReadyPods',
        `${view.color} answers users, but for ${weight} % of the clients, who are sent to ${shared}, and it has no ready pod: they are not answered`,
      )
    const small = smallness(observation.colors[view.color])
    if (small !== undefined)
      return say('True', 'LiveColorSmall', `${view.color} answers users, and is ${small}`)
    return say('True', 'LiveColorReady', `${view.color} answers users`)
  }
  const foreign = foreignSelectorText(context)
  if (foreign !== undefined) return say('Unknown', 'PointerUnknown', foreign)
  if (COLORS.every(ready)) return say('True', 'BothColorsReady', `both colors are ready; ${view.message}`)
  return say('Unknown', 'PointerUnknown', view.message)
}

/** The color that a share of the clients is sent to, with the share in percent. */
function canaryShare({
  colors,
  pointer,
  release,
}: PlanContext['observation']): { color: Color; weight: number } | undefined {
  const color = canaryColor(release.spec, pointer, colors)
  const canary = pointer.type === 'Read' ? pointer.canary : undefined
  return color && canary && { color, weight: canary.weight }
}

function stalledOf(
  context: PlanContext,
  decision: NamedDecision | undefined,
): Statement<'Stalled'> | undefined {
  if (decision?.stalled) {
    const { reason, message } = decision.stalled
    return { type: 'Stalled', status: 'True', reason: reason as ReasonOf<'Stalled'>, message }
  }
  const { attempt } = context.state
  if (isDrifted(context) && driftPolicyOf(context) === 'Warn')
    return { type: 'Stalled', status: 'True', reason: 'PointerMoved', message: driftOf(context).message }
  if (attempt?.outcome === 'Promoted') return editedOf(context)
  if (!attempt?.outcome) return undefined
  const said = `${attempt.message ?? attempt.outcome}${lastWords(attempt)}`
  const { release } = context.observation
  const remedy = remedyOf(release.spec, said, USUAL_REMEDY[attempt.reason ?? ''])
  const help = `; ${remedy}, or try it again: ${commandLine(release, 'retry', attempt)}`
  return {
    type: 'Stalled',
    status: 'True',
    reason: (attempt.reason ?? 'Aborted') as ReasonOf<'Stalled'>,
    // What to do is the last to be cut.
    message: `${shorten(said, MESSAGE_LENGTH - help.length)}${help}`,
  }
}

/** What is live is not what was promoted, until a person sets it back or has it proven. */
function editedOf(context: PlanContext): Statement<'Stalled'> | undefined {
  const message = context.live && editText(context, context.live)
  return message === undefined
    ? undefined
    : { type: 'Stalled', status: 'True', reason: 'DeploymentEdited', message }
}

/** A container that runs and is never ready knows why, and nobody else does: a probe tells no reason. */
function lastWords({ reason, logs }: Attempt): string {
  const words = reason === 'ProgressDeadlineExceeded' && logs ? lastWordsOf(logs) : undefined
  return words === undefined ? '' : `; the last it said: ${words}`
}

/** What to do where nothing that is known was said of pods. */
const USUAL_REMEDY: Partial<Record<string, string>> = {
  Aborted: 'apply the spec that you want',
  Undone: 'apply the spec that you want',
  UnknownAttempt: 'apply the spec that you want',
  GateFailed: 'correct what answers, or the gate in spec.gates',
  CanaryFailed: 'correct what answers, or the gate in spec.gates',
  VerifyFailed: 'correct what answers, or verify in spec.traffic',
}

function reconcilingOf(
  context: PlanContext,
  decision: NamedDecision | undefined,
): Statement<'Reconciling'> | undefined {
  if (context.state.attempt?.outcome) return undefined
  const { reason, message } = decision?.waiting ?? progressOf(context)
  return { type: 'Reconciling', status: 'True', reason: reason as ReasonOf<'Reconciling'>, message }
}

type Progress = { reason: ReasonOf<'Reconciling'>; message: string }

/** How far the attempt is where the rule that decided says nothing of it: a phase never goes backwards in between. */
export function progressOf({ live, state, observation }: PlanContext): Progress {
  const { attempt, gates, intent } = state
  if (!attempt) return { reason: 'Starting', message: 'the release was seen' }
  if (attempt.direction === 'Back') return { reason: 'RollingBack', message: attempt.message ?? 'going back' }
  const isLive = live && observation.colors[live].workload?.revision === attempt.revision
  if (isLive) return { reason: 'Verifying', message: 'asking through the pointer' }
  if (intent) return movingTo(intent.to, intent.weight)
  if (gates && isAbout(gates, attempt)) return { reason: 'Gating', message: 'the gates were asked' }
  return { reason: 'Building', message: `building revision ${attempt.revision}` }
}

function readyOf(
  context: PlanContext,
  stalled: Statement<'Stalled'> | undefined,
  reconciling: Statement<'Reconciling'> | undefined,
): Statement<'Ready'> {
  const { attempt } = context.state
  const say = saying('Ready')
  if (reconciling) return say('False', 'Progressing', reconciling.message)
  if (attempt?.outcome === 'Promoted') return promotedReady(context, attempt)
  const ended: Partial<Record<string, ReasonOf<'Ready'>>> = {
    Failed: 'Failed',
    Aborted: 'Aborted',
    RolledBack: 'RolledBack',
  }
  return say('False', ended[attempt?.outcome ?? ''] ?? 'Stalled', stalled?.message ?? 'the spec is not live')
}

function promotedReady(context: PlanContext, { revision }: Attempt): Statement<'Ready'> {
  const say = saying('Ready')
  if (isDrifted(context) && driftPolicyOf(context) !== 'Ignore')
    return say('False', 'Drifted', driftOf(context).message)
  const edited = context.live && editText(context, context.live)
  if (edited !== undefined) return say('False', 'Drifted', edited)
  const unled = unledUsers(context)
  if (unled !== undefined)
    return say('False', 'Stalled', `revision ${revision} was promoted, and no user is led by it: ${unled}`)
  // What else a bad environment stops is the next advance; what was promoted is still live.
  return say('True', 'Promoted', `revision ${revision} is live`)
}

const UNLED: ReadonlySet<string> = new Set(['FunctionNotAssociated', 'FunctionFails', 'StoreNotFound'])

/** Why the pointer decides nothing for anybody, whatever it names: a key that no function reads, or that is nowhere. */
function unledUsers({ observation: { pointer } }: PlanContext): string | undefined {
  const trouble = pointer.type === 'Read' ? pointer.unfit : pointer.type === 'Unusable' ? pointer : undefined
  return trouble && UNLED.has(trouble.reason) ? trouble.message : undefined
}

function driftOf(context: PlanContext): Statement<'Drifted'> {
  const { state, view, observation } = context
  if (!isDrifted(context))
    return {
      type: 'Drifted',
      status: 'False',
      reason: 'AsPromoted',
      message: 'the pointer is where the last attempt left it',
    }
  const { pointer } = observation
  const where =
    pointer.type === 'Read'
      ? `the pointer names ${describeTargets(pointer)}`
      : 'message' in view
        ? view.message
        : 'the pointer names nothing'
  const message =
    foreignSelectorText(context) ??
    `revision ${state.attempt?.revision ?? ''} was promoted, but ${where}: somebody moved it; move it back, apply another spec, or bring it back: ${commandLine(observation.release, 'retry', state.attempt)}`
  const reason = driftPolicyOf(context) === 'Repair' && !isFight(context) ? 'Repairing' : 'PointerMoved'
  return { type: 'Drifted', status: 'True', reason, message }
}

/** One condition says everything that works in spite of something; its reason is that of the first. */
function warnedOf(context: PlanContext): Statement<'Warned'>[] {
  const { fallback } = context.state
  const { pointer, release } = context.observation
  const facts = pointer.type === 'Read' ? pointer.distribution : undefined
  const untested = pointer.type === 'Read' && pointer.untested ? [pointer.untested] : []
  const warnings = {
    LiveColorFailing: liveFailing(context),
    StepFailing: failureTexts(context.observation),
    DrainsUnlimited: budgetTexts(context),
    FallbackBehind: fallback ? [`${leftBehind(context)}: ${fallback.message}`] : [],
    DeploymentEdited: editTexts(context),
    DeploymentExtended: additionTexts(context),
    ConfigChanged: configTexts(context),
    FormerPointer: formerTexts(context),
    RevisionNotStored: unstoredTexts(context),
    DistributionRisky: [...(facts ? warningsOf(release.spec, facts) : []), ...untested],
    SpecRisky: specWarnings(release.spec),
  } satisfies Record<ReasonOf<'Warned'>, string[]>
  const reasons = Object.keys(warnings) as ReasonOf<'Warned'>[]
  const reason = reasons.find((one) => warnings[one].length > 0)
  if (!reason) return []
  return [{ type: 'Warned', status: 'True', reason, message: Object.values(warnings).flat().join('; ') }]
}

/** It has lasted, and the color has not been whole for a minute since; pods that come and go change nothing of what is told. */
function liveFailing({ live, state: { liveFailure } }: PlanContext): string[] {
  if (!live || liveFailure?.color !== live || liveFailure.lasting === undefined) return []
  return [
    `${liveFailure.lasting}; it has not been whole for a minute since: undo leads users back to ${otherColor(live)} while that is warm, or apply a spec that is right`,
  ]
}

/** What users get where the key cannot be read, while the behaviors name the other color. */
function leftBehind({ live, observation }: PlanContext): string {
  const before = live && otherColor(live)
  if (before && !observation.colors[before].workload)
    return `where the key cannot be read, users are led to ${before}, which is empty, so they get no answer there`
  return 'where the key cannot be read, users still get the color before, which is kept'
}

function candidateOf(context: PlanContext): Statement<'CandidateAvailable'> {
  const { attempt } = context.state
  const goal = attempt && (attempt.outcome ? context.live : goalOf(context, attempt))
  const holds = goal && context.observation.colors[goal].workload?.revision === attempt.revision
  if (!goal || !holds)
    return {
      type: 'CandidateAvailable',
      status: 'False',
      reason: 'NoCandidate',
      message: 'no color holds the revision',
    }
  const trouble = unavailable(context.observation.colors[goal])
  return trouble
    ? { type: 'CandidateAvailable', status: 'False', reason: 'PodsNotReady', message: `${goal}: ${trouble}` }
    : {
        type: 'CandidateAvailable',
        status: 'True',
        reason: 'AllPodsReady',
        message: `every pod of ${goal} is ready`,
      }
}

function gatesOf(context: PlanContext): Statement<'GatesPassed'> {
  const { attempt, gates } = context.state
  const say = saying('GatesPassed')
  if (!attempt || !gates || !isAbout(gates, attempt))
    return say('Unknown', 'NotAsked', 'the gates of this attempt were not asked')
  if (gates.result === 'Failed') return say('False', 'GateFailed', gatesText(context))
  if (gates.result === 'Unknown') return say('Unknown', 'NotAnswered', gatesText(context))
  if (gates.result === 'NotAsked') return say('Unknown', 'NotAsked', gatesText(context))
  if (!gates.results?.length)
    return say('True', 'NoGates', 'the release names no gates: only readiness was proven')
  return say(
    'True',
    'AllPassed',
    `${counted(gates.results.length, 'gate')} passed at ${counted(gates.pods.length, 'pod')} and through the Service`,
  )
}

function switchedOf(context: PlanContext): Statement<'TrafficSwitched'> {
  const { live, state, observation } = context
  const { attempt } = state
  const say = saying('TrafficSwitched')
  const named = attempt && live && observation.colors[live].workload?.revision === attempt.revision
  if (!named) return say('False', 'NotSwitched', 'the pointer does not name the revision')
  const waiting = propagating(context)?.waiting
  if (waiting) return say('Unknown', waiting.reason, waiting.message)
  if (state.verified !== attempt.revision)
    return say('Unknown', 'Verifying', 'users were not yet seen to be answered by the revision')
  return say('True', 'Verified', `users are answered by revision ${attempt.revision}`)
}
