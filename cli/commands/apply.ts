import type { ModelRelease } from '../../operator/api/release.ts'
import { ApiError, ApiTimeoutError } from '../../operator/controller/api-client.ts'
import type { Place, ReleaseObject, Releases } from '../cluster/releases.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { beginFollowing } from '../follow/follower.ts'
import { followToEnd } from '../follow/run.ts'
import { durationMs } from '../follow/time.ts'
import { say, warn, type Io } from '../io.ts'
import { readManifests, type Manifest } from '../manifest.ts'
import { openSession, type Session, type SessionFlags } from '../session.ts'
import { isLive } from './status.ts'

export type ApplyFlags = SessionFlags & {
  filename: string[]
  wait?: boolean
  timeout?: string
  forceConflicts?: boolean
  fieldManager: string
  dryRun?: string
}

/** Applies releases; with --wait, follows the attempts that this starts. */
export async function apply(flags: ApplyFlags, io: Io): Promise<ExitCode> {
  const timeoutMs = durationMs(flags.timeout ?? '0') || undefined
  const isDry = dryRunOf(flags)
  const sources = await readManifests(flags.filename, io)
  const session = openSession(flags, io)
  const placed = sources.map(({ manifest }) => ({ manifest, place: placeOf(manifest, session, flags) }))
  // What is refused is refused before the first is applied.
  for (const one of placed) await applySurely({ session, ...one, flags, isDry: true, io })
  const startedAt = io.now()
  const applied: Applied[] = []
  for (const { manifest, place } of placed) {
    const one = await applySurely({ session, place, manifest, flags, isDry, io })
    say(io, `modelrelease.modelrelease.io/${place.name} ${one.did}${isDry ? ' (server dry run)' : ''}`)
    applied.push(one)
  }
  if (!flags.wait || isDry) return EXIT.done
  const codes = await Promise.all(
    applied.map(({ release, place, sameSpec }) =>
      followToEnd(beginFollowing(release, { at: startedAt, timeoutMs, unchanged: sameSpec }), {
        session,
        place,
        io,
        live: isLive(io) && applied.length === 1,
        ...(applied.length > 1 ? { prefix: `${place.name}: ` } : {}),
      }),
    ),
  )
  return worstOf(codes)
}

type Applied = {
  release: ReleaseObject
  place: Place
  did: 'created' | 'configured' | 'unchanged'
  /** The spec was that before, so no attempt is started by it. */
  sameSpec: boolean
}

function dryRunOf({ dryRun }: ApplyFlags): boolean {
  if (dryRun === undefined || dryRun === 'none') return false
  if (dryRun === 'server') return true
  throw new CliError(
    `--dry-run "${dryRun}" is not known: none or server; what needs no cluster is the verb lint`,
  )
}

export function placeOf({ metadata }: Manifest, { namespace }: Session, flags: SessionFlags): Place {
  if (
    flags.namespace !== undefined &&
    metadata.namespace !== undefined &&
    flags.namespace !== metadata.namespace
  )
    throw new CliError(
      `${metadata.name}: the file names the namespace "${metadata.namespace}", and --namespace is "${flags.namespace}": make them the same`,
    )
  return { namespace: metadata.namespace ?? namespace, name: metadata.name }
}

type ApplyArguments = {
  session: Session
  place: Place
  manifest: Manifest
  flags: ApplyFlags
  isDry: boolean
  io: Io
}

const RETRY_MS = 1_000
/** An API server that went away comes back within this, or nothing was applied. */
const AWAY_MS = 90_000

/** An apply may be repeated: where its answer was lost it is sent once more, and what it changed is told from what was there before. */
async function applySurely({ session, place, manifest, flags, isDry, io }: ApplyArguments): Promise<Applied> {
  const givenUpAt = io.now() + AWAY_MS
  let before: ReleaseObject | undefined
  let isRead = false
  for (;;) {
    try {
      if (!isRead) before = await session.releases.find(place)
      isRead = true
      const release = await applyOnce(session.releases, place, manifest, { ...flags, isDry })
      const sameSpec =
        before?.metadata.generation === release.metadata.generation && isSameObject(before, release)
      return { release, place, did: didOf(before, release), sameSpec }
    } catch (error) {
      if (!mayPass(error) || io.now() >= givenUpAt || io.signal.aborted) throw error
      warn(io, `the API server does not answer, trying again: ${(error as Error).message}`)
      await io.sleep(RETRY_MS, io.signal)
    }
  }
}

/** What the API server answers, with 500, to a field that no schema has: asking again cannot help. */
const NO_SUCH_FIELD = 'failed to create typed patch object'

/** The server cannot be reached, or is not itself at this moment. What a certificate or a kubeconfig lacks does not pass. */
function mayPass(error: unknown): boolean {
  if (error instanceof ApiError)
    return (error.status >= 500 && !error.message.startsWith(NO_SUCH_FIELD)) || error.status === 429
  if (error instanceof ApiTimeoutError) return true
  const { code = '' } = error as NodeJS.ErrnoException
  return /^E(?:CONN|HOST|NET|AI_|PIPE|TIMEDOUT)/.test(code)
}

function isSameObject(before: ModelRelease, after: ModelRelease): boolean {
  return before.metadata.uid === after.metadata.uid
}

function didOf(before: ModelRelease | undefined, after: ModelRelease): Applied['did'] {
  if (!before || !isSameObject(before, after)) return 'created'
  const isSame =
    before.metadata.generation === after.metadata.generation &&
    JSON.stringify([before.metadata.annotations]) === JSON.stringify([after.metadata.annotations])
  return isSame ? 'unchanged' : 'configured'
}

async function applyOnce(
  releases: Releases,
  place: Place,
  manifest: Manifest,
  { fieldManager, forceConflicts, isDry }: ApplyFlags & { isDry: boolean },
): Promise<ReleaseObject> {
  // Only the operator writes a status.
  const { apiVersion, kind, metadata, spec } = manifest
  const object = { apiVersion, kind, metadata: { ...metadata, namespace: place.namespace }, spec }
  try {
    return await releases.apply(place, object, {
      manager: fieldManager,
      force: forceConflicts === true,
      dryRun: isDry,
    })
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error
    throw new ApiError(
      409,
      `${error.message}\nSomebody else set these fields. Leave them out of the file (replicas, where something scales the release), or take them over with --force-conflicts`,
      error.reason,
    )
  }
}

/** Of several releases, what CI must know first. */
function worstOf(codes: readonly ExitCode[]): ExitCode {
  const order: readonly ExitCode[] = [EXIT.interrupted, EXIT.notDone, EXIT.failed, EXIT.timedOut]
  return order.find((code) => codes.includes(code)) ?? EXIT.done
}
