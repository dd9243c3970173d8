/** After a move: every edge follows, and users are seen to be answered by the new revision. */
import { otherColor, type Color } from '../../api/names.ts'
import {
  distributionField,
  distributionOf,
  keyValueStoreOf,
  type Attempt,
  type Gate,
  type Request,
  type Spec,
  type Verify,
} from '../../api/release.ts'
import {
  deadlineOf,
  instantText,
  isPast,
  rollBack,
  without,
  type PersistedState,
} from '../state/persisted-state.ts'
import { EARLY_ASK_MS, PROPAGATION_POLL_MS, SLOW_PROPAGATION_MS } from '../model/timing.ts'
import { isPropagating } from '../model/pointer-view.ts'
import { adoptedTarget, storedOf, type Decision, type PlanContext } from '../context.ts'
import { smallness, unanswering } from '../model/color.ts'
import type { Action, StoredRevision, Target, VerifyResult } from '../model/observation.ts'

type Propagating = { waiting: { reason: 'Propagating' | 'PropagatingSlowly'; message: string } }

/**
 * The pointer was moved and some edge may not follow it yet: both colors serve. Slow is told, and never a reason to go back.
 * Every plan looks again at a pointer that is not propagated, whatever the rules find.
 */
export function propagating({ state, view, observation }: PlanContext): Propagating | undefined {
  if (!isPropagating(view)) return undefined
  const { pointer } = observation
  const propagatesAt = pointer.type === 'Read' ? pointer.propagatesAt : undefined
  // Where time alone tells, each step of a canary propagates anew, and none of them is slow.
  const isSlow =
    observation.now - (propagatesAt ?? state.propagatingSince ?? observation.now) >= SLOW_PROPAGATION_MS
  if (!isSlow)
    return {
      waiting: { reason: 'Propagating', message: 'the pointer was moved; not every edge follows it yet' },
    }
  const message =
    'the pointer was moved and edges have not followed for more than ten minutes; both colors are kept: nothing is to be done but to wait, or to ask AWS'
  return { waiting: { reason: 'PropagatingSlowly', message } }
}

/**
 * Once every edge follows, what they had cached from the color before is removed: earlier, one that does not follow yet
 * would cache it again. The reference is the move's own, so that asking twice is asking once.
 */
export function invalidating({ state, observation }: PlanContext): Decision {
  const { spec, metadata } = observation.release
  const paths = distributionOf(spec)?.invalidationPaths ?? []
  const { intent } = state
  if (paths.length === 0 || !intent) return undefined
  const reference = `modelrelease/${metadata.uid}/${intent.attempt}/${intent.token}`
  if (state.invalidated === reference) return undefined
  return {
    action: { type: 'Invalidate', reference, paths },
    waiting: { reason: 'Verifying', message: 'removing from the caches what the color before had answered' },
  }
}

/** Users must be seen to be answered by the revision that is live now. */
export function verifying(context: PlanContext, attempt: Attempt, color: Color): Decision {
  const asking = unverified(context, attempt, color)
  const seen = notNew(context)
  if (!asking?.action || !seen || attempt.direction === 'Back') return asking
  const isLate = isOverTime(context, attempt)
  if (seen.type === 'Wrong' || isLate) {
    const message = `after the switch: ${seen.message}`
    const nowhere = nowhereElse(context, attempt, { color, message })
    if (!nowhere) return returning(context, attempt, { color, message })
    // What has been wrong is not waited for, whatever is answered next, until it is right.
    return { ...asking, ...nowhere, ...(isLate ? {} : untilNow(context, attempt)) }
  }
  // The time that it may take begins when every edge follows.
  if (attempt.verifyBy || isPropagating(context.view)) return asking
  return { ...asking, ...askedUntil(context, attempt, deadlineOf(context.observation)) }
}

function returning(
  context: PlanContext,
  attempt: Attempt,
  { color, message }: { color: Color; message: string },
): Decision {
  const other = otherColor(color)
  const small = smallness(context.observation.colors[other])
  const told = small ? `${message}; ${other}, which is returned to, is ${small}` : message
  return { state: rollBack(context, attempt, { reason: 'VerifyFailed', message: told }) }
}

function untilNow(context: PlanContext, attempt: Attempt): { state: PersistedState } {
  return askedUntil(context, attempt, instantText(context.observation.now))
}

function askedUntil({ state }: PlanContext, attempt: Attempt, verifyBy: string): { state: PersistedState } {
  return { state: { ...state, attempt: { ...attempt, verifyBy } } }
}

/**
 * Edges follow a key within seconds, long before it is sure that all of them do, so a wrong answer is not waited for. What
 * else comes meanwhile proves nothing: a right answer may have come by an edge, or a way, that does not depend on the key.
 */
export function verifyingAtOnce(context: PlanContext, attempt: Attempt, color: Color): Decision {
  const revision = context.observation.colors[color].workload?.revision
  if (!keyValueStoreOf(context.observation.release.spec) || !revision || !isPropagating(context.view))
    return undefined
  if (!verificationOf(context, attempt, revision)) return undefined
  const asking = verifying(context, attempt, color)
  if (!asking || asking.state) return asking
  return { ...asking, ...earlyAnswer(context), requeueAfterMs: EARLY_ASK_MS }
}

function earlyAnswer({ observation: { result } }: PlanContext): Pick<NonNullable<Decision>, 'waiting'> {
  if (result?.type !== 'Verified' || result.result.type !== 'New') return {}
  const message =
    'users are answered by the revision; until it is sure that every edge follows the key, both colors are kept, and they are asked again'
  return { waiting: { reason: 'Verifying', message } }
}

function isOverTime({ observation }: PlanContext, { verifyBy }: Attempt): boolean {
  return verifyBy !== undefined && isPast(verifyBy, observation)
}

/**
 * Where nothing can take over, going back helps nobody: a person must see to it, and what recovers by itself is still
 * promoted. Undefined where something can.
 */
function nowhereElse(
  context: PlanContext,
  attempt: Attempt,
  { color, message }: { color: Color; message: string },
): Pick<NonNullable<Decision>, 'stalled' | 'requeueAfterMs'> | undefined {
  const other = otherColor(color)
  const state = context.observation.colors[other]
  const trouble = unanswering(state)
  if (trouble === undefined || adoptedTarget(context, attempt) !== undefined) return undefined
  const reason = state.workload ? 'BothColorsBroken' : 'VerifyFailed'
  const why = state.workload
    ? `${other} cannot take over (${trouble})`
    : 'there is no other color to go back to'
  const remedy =
    'correct the model, the way from the pointer to the pods, or what spec.traffic says of it, or apply another spec'
  const told = `${message}; ${why}, so nothing is moved or removed, and users' answers are asked for on and on: ${remedy}`
  return { stalled: { reason, message: told }, requeueAfterMs: PROPAGATION_POLL_MS }
}

/** Asks for the proof, whatever it shows; undefined once it stands. */
export function unverified(context: PlanContext, attempt: Attempt, color: Color): Decision {
  const { state, observation } = context
  const revision = observation.colors[color].workload?.revision
  if (!revision || state.verified === revision) return undefined
  const verify = verificationOf(context, attempt, revision)
  if (!verify) return { state: { ...state, verified: revision } }
  const seen = notNew(context)
  const message = seen
    ? `users are not seen to be answered by revision ${revision}: ${seen.message}`
    : 'asking through the pointer'
  const field = `${distributionField(observation.release.spec)}.verify`
  return { action: { ...verifyStep(verify, revision), field }, waiting: { reason: 'Verifying', message } }
}

function notNew({
  observation: { result },
}: PlanContext): Exclude<VerifyResult, { type: 'New' }> | undefined {
  return result?.type === 'Verified' && result.result.type !== 'New' ? result.result : undefined
}

type Question = Verify & { url: string; identity: StoredRevision['identity'] }

/** What to ask; undefined where the propagated pointer is all the proof that there can be or was asked for. */
function verificationOf(
  { observation, ...context }: PlanContext,
  attempt: Attempt,
  revision: string,
): Question | undefined {
  const verify = distributionOf(observation.release.spec)?.verify
  if (!verify?.url || verify.type === 'DeployedOnly' || !URL.canParse(verify.url)) return undefined
  const identity = storedOf({ observation, ...context }, revision)?.identity ?? 'None'
  if (attempt.direction === 'Forward' && attempt.id === context.wantedAttempt)
    return { ...verify, url: verify.url, identity }
  // What the spec expects of another revision means nothing on the way back, so only identity can prove the arrival.
  return identity === 'None' ? undefined : { ...without(verify, 'expect'), url: verify.url, identity }
}

/**
 * What will be asked through the edges, to be asked of the candidate first: an expectation that was left at the version before
 * is known to be wrong before users are led anywhere. Undefined where nothing is said of the content of an answer.
 */
export function expectationOf(spec: Spec): Gate | undefined {
  const verify = distributionOf(spec)?.verify
  const { expect, url } = verify ?? {}
  if (!verify || verify.type === 'DeployedOnly' || !url || !URL.canParse(url)) return undefined
  if (!expect?.json?.length && !expect?.bodyContains) return undefined
  const smoke = { request: requestOf({ ...verify, url }), expect, consecutive: 1, timeoutSeconds: 5 }
  return { name: `${distributionField(spec)}.verify`, smoke }
}

function requestOf(verify: Verify & { url: string }): Request {
  const { pathname, search } = new URL(verify.url)
  return {
    method: verify.method,
    path: `${pathname}${search}`,
    ...(verify.headers ? { headers: verify.headers } : {}),
    ...(verify.json === undefined ? {} : { json: verify.json }),
  }
}

function verifyStep(verify: Question, revision: string): Omit<Extract<Action, { type: 'Verify' }>, 'field'> {
  const target: Target = { name: verify.url, origin: new URL(verify.url).origin }
  return {
    type: 'Verify',
    target,
    request: requestOf(verify),
    consecutive: verify.consecutive,
    revision,
    identity: verify.identity,
    ...(verify.expect ? { expect: verify.expect } : {}),
  }
}
