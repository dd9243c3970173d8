/**
 * What becomes of the attempt that one apply started: a pure fold over what was seen of the release. It has no clock and
 * no network, so that every interleaving can be played.
 *
 * What makes a success ours is the generation that the apply brought about: the operator writes observedGeneration, the
 * attempt and `Reconciling` in one write, so a status of an earlier generation is about another spec, whatever it says.
 */
import { ANNOTATION } from '../../operator/api/names.ts'
import type { Attempt, Condition, ModelRelease, Outcome, Spec, Status } from '../../operator/api/release.ts'
import { COMMAND_LENGTH, without } from '../../operator/planner/state/persisted-state.ts'
import { meaningOf } from '../../operator/planner/model/revision.ts'
import { EXIT, type ExitCode } from '../errors.ts'

/** Milliseconds since the epoch. */
export type Instant = number

/** One thing that was seen of the release, or of the way to it. */
export type Sighting =
  | { type: 'Release'; at: Instant; release: ModelRelease }
  /** The API server says that there is no such release. */
  | { type: 'Gone'; at: Instant }
  /** The API server did not answer, or not as itself. */
  | { type: 'Unreachable'; at: Instant; message: string }
  /** The API server refuses to show the release. */
  | { type: 'Refused'; at: Instant; message: string }
  /** Time passes. */
  | { type: 'Tick'; at: Instant }

export type Result =
  Exclude<Outcome, 'Promoted'> | 'Promoted' | 'Stalled' | 'TimedOut' | 'Deleted' | 'Refused'

/** What came of it. */
export type End = { result: Result; exitCode: ExitCode; message: string }

/** What is followed, as it was when the following began. */
export type Followed = {
  uid: string
  /** Generation that the spec got by the apply, or had already. */
  generation: number
  spec: Spec
  /** The apply changed nothing, so it started no attempt by itself. */
  unchanged: boolean
  /** Attempts that had ended before. */
  history: NonNullable<NonNullable<ModelRelease['status']>['history']>
}

export type Following = {
  followed: Followed
  startedAt: Instant
  /** When waiting ends; absent: never. */
  endsAt?: Instant
  /** Id of the attempt at the followed spec, once the operator has looked at that. */
  attempt?: string
  /** The release as last seen. */
  release?: ModelRelease
  /** Another spec was applied meanwhile; its generation. */
  overtakenBy?: number
  /** Since when the API server has not answered, and what is said of it. */
  away?: { since: Instant; message: string; refused: boolean }
  /** Since when the release has been stalled. */
  stalledSince?: Instant
  end?: End
}

/** A refusal that others mend at this moment, such as a right that is just being granted, is given this long. */
export const STALLED_AFTER_MS = 10_000

/** An API server that starts refuses what it allows a moment later, while it reads its roles. */
export const REFUSED_AFTER_MS = 60_000

export function beginFollowing(
  release: ModelRelease,
  { at, timeoutMs, unchanged }: { at: Instant; timeoutMs: number | undefined; unchanged: boolean },
): Following {
  const { metadata, spec, status } = release
  const following: Following = {
    followed: {
      uid: metadata.uid,
      generation: metadata.generation,
      spec,
      unchanged,
      history: status?.history ?? [],
    },
    startedAt: at,
    ...(timeoutMs === undefined ? {} : { endsAt: at + timeoutMs }),
  }
  return see(following, { type: 'Release', at, release })
}

/** What is known after one more sighting. What has ended stays as it ended. */
export function see(following: Following, sighting: Sighting): Following {
  if (following.end) return following
  return orTimedOut(taken(following, sighting), sighting.at)
}

/** When something is decided though nothing is seen; undefined: never. */
export function decidesAt({ endsAt, stalledSince, away }: Following): Instant | undefined {
  const instants = [
    endsAt,
    stalledSince === undefined || away ? undefined : stalledSince + STALLED_AFTER_MS,
    away?.refused ? away.since + REFUSED_AFTER_MS : undefined,
  ].filter((one) => one !== undefined)
  return instants.length === 0 ? undefined : Math.min(...instants)
}

function taken(following: Following, sighting: Sighting): Following {
  switch (sighting.type) {
    case 'Release':
      return withRelease(following, sighting.release, sighting.at)
    case 'Gone':
      return ended(following, 'Deleted', 'the release was deleted')
    case 'Refused':
    case 'Unreachable':
      return withAway(following, sighting)
    case 'Tick':
      return afterWaiting(following, sighting.at)
  }
}

function withAway(
  following: Following,
  { type, at, message }: Extract<Sighting, { type: 'Refused' | 'Unreachable' }>,
): Following {
  const refused = type === 'Refused'
  const since = following.away?.refused === refused ? following.away.since : at
  return afterWaiting({ ...following, away: { since, message, refused } }, at)
}

function withRelease(before: Following, release: ModelRelease, at: Instant): Following {
  const here = without(before, 'away')
  const { metadata } = release
  const { uid } = before.followed
  if (metadata.uid !== uid)
    return ended(
      { ...here, release },
      'Deleted',
      'the release was deleted, and one of the same name was created',
    )
  if (metadata.deletionTimestamp)
    return ended({ ...here, release }, 'Deleted', 'the release is being deleted')
  const following = carried({ ...here, release })
  const attempt = attemptOf(following, release)
  if (attempt === 'Superseded') return superseded(following, release)
  return judged(attempt ? { ...following, attempt: attempt.id } : following, attempt, at)
}

/** A spec that asks for the same attempt, say with other replicas, or that the operator takes for the same, is as good as ours. */
function carried(following: Following): Following {
  const { followed, release, attempt } = following
  if (!release || release.metadata.generation === followed.generation) return following
  const { generation } = release.metadata
  const isSame =
    meaningOf(release.spec) === meaningOf(followed.spec) ||
    (release.status?.observedGeneration === generation &&
      attempt !== undefined &&
      release.status.attempt?.id === attempt)
  if (isSame) return { ...without(following, 'overtakenBy'), followed: { ...followed, generation } }
  return { ...following, overtakenBy: generation }
}

/** The attempt at the followed spec; undefined before the operator looked at that. */
function attemptOf({ followed }: Following, { status }: ModelRelease): Attempt | 'Superseded' | undefined {
  const seen = status?.observedGeneration
  if (seen === undefined || seen < followed.generation) return undefined
  return seen > followed.generation ? 'Superseded' : status?.attempt
}

/** Another attempt stands in the status; how ours ended is in the history, unless nobody ever began it. */
function superseded(following: Following, { metadata, status }: ModelRelease): Following {
  const { followed, attempt } = following
  const by = `generation ${metadata.generation}`
  if (attempt === undefined)
    return ended(
      following,
      'Superseded',
      `another spec (${by}) was applied before the operator looked at generation ${followed.generation}`,
    )
  const ending = endedSince(followed.history, status?.history ?? []).find((one) => one.attempt === attempt)
  if (ending && ending.outcome !== 'Superseded')
    return ended(
      following,
      ending.outcome,
      `attempt ${attempt} ended as ${ending.outcome} (${ending.reason ?? ''}); then another spec (${by}) was applied`,
    )
  return ended(following, 'Superseded', `attempt ${attempt} was superseded: another spec (${by}) was applied`)
}

/** Entries that were not there before, newest first. */
function endedSince(before: Followed['history'], now: Followed['history']): Followed['history'] {
  const [newest] = before
  if (!newest) return now
  const at = now.findIndex((one) => one.attempt === newest.attempt && one.endedAt === newest.endedAt)
  return at === -1 ? now : now.slice(0, at)
}

function judged(following: Following, attempt: Attempt | undefined, at: Instant): Following {
  const calm = without(following, 'stalledSince')
  const { outcome } = attempt ?? {}
  if (attempt && outcome) {
    if (isCommanded(calm)) return calm
    if (outcome !== 'Promoted') return ended(calm, outcome, endText(calm, attempt, outcome))
    if (conditionOf(calm, 'Ready')?.status === 'True')
      return ended(calm, 'Promoted', promotedText(calm, attempt))
  }
  const stalled = conditionOf(calm, 'Stalled')
  if (stalled?.status !== 'True') return calm
  // The spec does not become valid by waiting.
  const since = following.stalledSince ?? (stalled.reason === 'InvalidSpec' ? -Infinity : at)
  return afterWaiting({ ...calm, stalledSince: since }, at)
}

/** Somebody gave a command that the operator has not taken: a retry or an undo may be about to change what has ended. */
function isCommanded({ release }: Following): boolean {
  const given = release?.metadata.annotations?.[ANNOTATION.command]?.slice(0, COMMAND_LENGTH)
  return given !== undefined && given !== release?.status?.command?.value
}

/** A condition that speaks of the followed generation. */
function conditionOf({ followed, release }: Following, type: string): Condition | undefined {
  const found = release?.status?.conditions?.find((one) => one.type === type)
  return (found?.observedGeneration ?? 0) >= followed.generation ? found : undefined
}

function afterWaiting(following: Following, at: Instant): Following {
  const { stalledSince, away } = following
  if (away?.refused && at >= away.since + REFUSED_AFTER_MS) return ended(following, 'Refused', away.message)
  // What was stalled when the API server went away may have been mended meanwhile.
  if (away || stalledSince === undefined || at < stalledSince + STALLED_AFTER_MS) return following
  const stalled = conditionOf(following, 'Stalled')
  return ended(
    following,
    'Stalled',
    `the release is stalled (${stalled?.reason ?? ''}): ${stalled?.message ?? ''}`,
  )
}

function orTimedOut(following: Following, at: Instant): Following {
  const { end, endsAt, startedAt } = following
  if (end || endsAt === undefined || at < endsAt) return following
  return ended(
    following,
    'TimedOut',
    `nothing was decided within ${Math.round((endsAt - startedAt) / 1000)} s: ${waitingText(following)}`,
  )
}

function endText({ followed }: Following, { id, reason, message }: Attempt, outcome: Outcome): string {
  const before = followed.unchanged ? 'this apply changed nothing, and ' : ''
  const why = [reason, message].filter(Boolean).join(': ')
  return `${before}attempt ${id} ended as ${outcome}${why === '' ? '' : ` (${why})`}`
}

function promotedText({ followed }: Following, { id, revision }: Attempt): string {
  return followed.unchanged && followed.history.some(({ attempt }) => attempt === id)
    ? `nothing had changed: revision ${revision} is live (attempt ${id})`
    : `revision ${revision} is live (attempt ${id})`
}

/** Whether the status speaks of the spec that is followed. */
export function isAboutOurs({ followed, release }: Following): boolean {
  return (release?.status?.observedGeneration ?? 0) >= followed.generation
}

/** What is being waited for, in one line. */
export function waitingText(following: Following): string {
  const { away, overtakenBy, release } = following
  if (away) return `the API server does not answer: ${away.message}`
  if (isCommanded(following)) return 'the operator has not taken the last command yet'
  const said = conditionOf(following, 'Stalled') ?? conditionOf(following, 'Reconciling')
  if (said) return `${said.reason}: ${said.message}`
  if (isAboutOurs(following))
    return conditionOf(following, 'Ready')?.message ?? 'the operator says nothing yet'
  if (overtakenBy !== undefined)
    return `another spec (generation ${overtakenBy}) was applied, and the operator has looked at neither`
  return unobservedText(release?.status)
}

function unobservedText({ attempt, message = '' }: Status = {}): string {
  return attempt && !attempt.outcome
    ? `the operator sees attempt ${attempt.id} of the spec before through first (${message})`
    : 'the operator has not looked at this spec yet; if that lasts, check that it runs: kubectl -n modelrelease-system get pods'
}

const EXIT_OF: Record<Result, ExitCode> = {
  Promoted: EXIT.done,
  Failed: EXIT.failed,
  Aborted: EXIT.failed,
  RolledBack: EXIT.failed,
  Superseded: EXIT.failed,
  Stalled: EXIT.failed,
  TimedOut: EXIT.timedOut,
  Deleted: EXIT.notDone,
  Refused: EXIT.notDone,
}

function ended(following: Following, result: Result, message: string): Following {
  return { ...following, end: { result, exitCode: EXIT_OF[result], message } }
}
