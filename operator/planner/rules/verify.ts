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
import { deadlineOf, instantText, isPast, turnBack, without, type Memory } from '../state/persisted-state.ts'
import { EARLY_ASK_MS, SETTLE_POLL_MS, SLOW_SETTLING_MS } from '../model/timing.ts'
import { isUnsettled } from '../model/pointer-view.ts'
import { adoptedTarget, smallness, storedOf, unanswering, type Found, type Scene } from '../context.ts'
import type { Step, StoredRevision, Target, VerifyResult } from '../model/observation.ts'

type Settling = { waiting: { reason: 'Settling' | 'SettlingSlowly'; message: string } }

/**
 * The pointer was moved and some edge may not follow it yet: both colors serve. Slow is told, and never a reason to go back.
 * Every plan looks again at a pointer that is not settled, whatever the rules find.
 */
export function settling({ memory, view, world }: Scene): Settling | undefined {
  if (!isUnsettled(view)) return undefined
  const { pointer } = world
  const settlesAt = pointer.type === 'Read' ? pointer.settlesAt : undefined
  // Where time alone tells, each step of a canary settles anew, and none of them is slow.
  const isSlow = world.now - (settlesAt ?? memory.unsettledSince ?? world.now) >= SLOW_SETTLING_MS
  if (!isSlow)
    return {
      waiting: { reason: 'Settling', message: 'the pointer was moved; not every edge follows it yet' },
    }
  const message =
    'the pointer was moved and edges have not followed for more than ten minutes; both colors are kept: nothing is to be done but to wait, or to ask AWS'
  return { waiting: { reason: 'SettlingSlowly', message } }
}

/**
 * Once every edge follows, what they had cached from the color before is removed: earlier, one that does not follow yet
 * would cache it again. The reference is the move's own, so that asking twice is asking once.
 */
export function invalidating({ memory, world }: Scene): Found {
  const { spec, metadata } = world.release
  const paths = distributionOf(spec)?.invalidationPaths ?? []
  const { intent } = memory
  if (paths.length === 0 || !intent) return undefined
  const reference = `modelrelease/${metadata.uid}/${intent.attempt}/${intent.token}`
  if (memory.invalidated === reference) return undefined
  return {
    step: { type: 'Invalidate', reference, paths },
    waiting: { reason: 'Verifying', message: 'removing from the caches what the color before had answered' },
  }
}

/** Users must be seen to be answered by the revision that is live now. */
export function verifying(scene: Scene, attempt: Attempt, color: Color): Found {
  const asking = unverified(scene, attempt, color)
  const seen = notNew(scene)
  if (!asking?.step || !seen || attempt.direction === 'Back') return asking
  const isLate = isOverTime(scene, attempt)
  if (seen.type === 'Wrong' || isLate) {
    const message = `after the switch: ${seen.message}`
    const nowhere = nowhereElse(scene, attempt, { color, message })
    if (!nowhere) return returning(scene, attempt, { color, message })
    // What has been wrong is not waited for, whatever is answered next, until it is right.
    return { ...asking, ...nowhere, ...(isLate ? {} : untilNow(scene, attempt)) }
  }
  // The time that it may take begins when every edge follows.
  if (attempt.verifyBy || isUnsettled(scene.view)) return asking
  return { ...asking, ...askedUntil(scene, attempt, deadlineOf(scene.world)) }
}

function returning(
  scene: Scene,
  attempt: Attempt,
  { color, message }: { color: Color; message: string },
): Found {
  const other = otherColor(color)
  const small = smallness(scene.world.colors[other])
  const told = small ? `${message}; ${other}, which is returned to, is ${small}` : message
  return { memory: turnBack(scene, attempt, { reason: 'VerifyFailed', message: told }) }
}

function untilNow(scene: Scene, attempt: Attempt): { memory: Memory } {
  return askedUntil(scene, attempt, instantText(scene.world.now))
}

function askedUntil({ memory }: Scene, attempt: Attempt, verifyBy: string): { memory: Memory } {
  return { memory: { ...memory, attempt: { ...attempt, verifyBy } } }
}

/**
 * Edges follow a key within seconds, long before it is sure that all of them do, so a wrong answer is not waited for. What
 * else comes meanwhile proves nothing: a right answer may have come by an edge, or a way, that does not depend on the key.
 */
export function verifyingAtOnce(scene: Scene, attempt: Attempt, color: Color): Found {
  const revision = scene.world.colors[color].workload?.revision
  if (!keyValueStoreOf(scene.world.release.spec) || !revision || !isUnsettled(scene.view)) return undefined
  if (!verificationOf(scene, attempt, revision)) return undefined
  const asking = verifying(scene, attempt, color)
  if (!asking || asking.memory) return asking
  return { ...asking, ...earlyAnswer(scene), recheckMs: EARLY_ASK_MS }
}

function earlyAnswer({ world: { did } }: Scene): Pick<NonNullable<Found>, 'waiting'> {
  if (did?.type !== 'Verified' || did.result.type !== 'New') return {}
  const message =
    'users are answered by the revision; until it is sure that every edge follows the key, both colors are kept, and they are asked again'
  return { waiting: { reason: 'Verifying', message } }
}

function isOverTime({ world }: Scene, { verifyBy }: Attempt): boolean {
  return verifyBy !== undefined && isPast(verifyBy, world)
}

/**
 * Where nothing can take over, going back helps nobody: a person must see to it, and what recovers by itself is still
 * promoted. Undefined where something can.
 */
function nowhereElse(
  scene: Scene,
  attempt: Attempt,
  { color, message }: { color: Color; message: string },
): Pick<NonNullable<Found>, 'stalled' | 'recheckMs'> | undefined {
  const other = otherColor(color)
  const state = scene.world.colors[other]
  const trouble = unanswering(state)
  if (trouble === undefined || adoptedTarget(scene, attempt) !== undefined) return undefined
  const reason = state.workload ? 'BothColorsBroken' : 'VerifyFailed'
  const why = state.workload
    ? `${other} cannot take over (${trouble})`
    : 'there is no other color to go back to'
  const remedy =
    'correct the model, the way from the pointer to the pods, or what spec.traffic says of it, or apply another spec'
  const told = `${message}; ${why}, so nothing is moved or removed, and users' answers are asked for on and on: ${remedy}`
  return { stalled: { reason, message: told }, recheckMs: SETTLE_POLL_MS }
}

/** Asks for the proof, whatever it shows; undefined once it stands. */
export function unverified(scene: Scene, attempt: Attempt, color: Color): Found {
  const { memory, world } = scene
  const revision = world.colors[color].workload?.revision
  if (!revision || memory.verified === revision) return undefined
  const verify = verificationOf(scene, attempt, revision)
  if (!verify) return { memory: { ...memory, verified: revision } }
  const seen = notNew(scene)
  const message = seen
    ? `users are not seen to be answered by revision ${revision}: ${seen.message}`
    : 'asking through the pointer'
  const field = `${distributionField(world.release.spec)}.verify`
  return { step: { ...verifyStep(verify, revision), field }, waiting: { reason: 'Verifying', message } }
}

function notNew({ world: { did } }: Scene): Exclude<VerifyResult, { type: 'New' }> | undefined {
  return did?.type === 'Verified' && did.result.type !== 'New' ? did.result : undefined
}

type Question = Verify & { url: string; identity: StoredRevision['identity'] }

/** What to ask; undefined where the settled pointer is all the proof that there can be or was asked for. */
function verificationOf(
  { world, ...scene }: Scene,
  attempt: Attempt,
  revision: string,
): Question | undefined {
  const verify = distributionOf(world.release.spec)?.verify
  if (!verify?.url || verify.type === 'DeployedOnly' || !URL.canParse(verify.url)) return undefined
  const identity = storedOf({ world, ...scene }, revision)?.identity ?? 'None'
  if (attempt.direction === 'Forward' && attempt.id === scene.wantedAttempt)
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

function verifyStep(verify: Question, revision: string): Omit<Extract<Step, { type: 'Verify' }>, 'field'> {
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
