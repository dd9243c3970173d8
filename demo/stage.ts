/** What the chapters of the story share: the environment, who watches, what was found wrong. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome } from '../operator/api/release.ts'
import { isAcceptedUpdate, type AuditEntry } from './cloudfront.ts'
import type { Environment } from './environment.ts'
import type { WrittenRelease } from './housing.ts'
import { phasesOf, type PhaseName } from './phases.ts'
import type { ReleaseFollower, SeenRelease } from './release-follower.ts'

/** One release, undo or retry, told from `from` to `to` (epoch milliseconds). */
export type Chapter = {
  title: string
  outcome: string
  from: number
  to: number
  phases: Partial<Record<PhaseName, number>>
}

export type Stage = {
  environment: Environment
  say: (line: string) => void
  chapters: Chapter[]
  /** Why the demo fails; empty while it does not. */
  problems: string[]
}

export type ChapterOptions = {
  title: string
  follower: ReleaseFollower
  /** Applies the spec or the command. */
  act: () => Promise<Applied>
  expected: Outcome
  timeoutMs: number
  /** What else must come true before the next chapter. */
  until?: { what: string; isWanted: (release: SeenRelease) => boolean }
}

/** Tells whether a status is about what was applied. */
export type Applied = (release: SeenRelease) => boolean

/** Plays one chapter; an outcome other than the expected one is a problem, and the story goes on. */
export async function play(stage: Stage, options: ChapterOptions): Promise<SeenRelease> {
  const { title, follower, act, expected, timeoutMs, until } = options
  stage.say(title)
  const from = Date.now()
  const since = await lastSequence(stage)
  const isAbout = await act()
  const ended = (release: SeenRelease): boolean =>
    isAbout(release) && release.status?.attempt?.outcome !== undefined
  const release = await follower.until(`the end of "${title}"`, ended, timeoutMs)
  const endedAt = Date.now()
  const outcome = release.status?.attempt?.outcome ?? 'none'
  if (outcome !== expected) stage.problems.push(`${title}: ended as ${outcome}, not ${expected}`)
  const audit = await stage.environment.cloudFront.audit(since)
  const phases = phasesOf({
    applied: from,
    ...milestones(follower, release, from),
    ...movesIn(audit),
    ended: endedAt,
  })
  if (until) await follower.until(until.what, until.isWanted, timeoutMs)
  stage.chapters.push({ title, outcome, from, to: Date.now(), phases })
  stage.say(`  ${outcome} after ${((endedAt - from) / 1000).toFixed(1)} s`)
  return release
}

export async function lastSequence({ environment }: Stage): Promise<number> {
  return (await environment.cloudFront.audit()).at(-1)?.sequence ?? 0
}

function milestones(
  follower: ReleaseFollower,
  { status }: SeenRelease,
  from: number,
): { available: number | undefined } {
  const ready = follower.moments.filter(
    (one) => one.type === 'PodReady' && one.at >= from && one.revision === status?.attempt?.revision,
  )
  return { available: ready.at(-1)?.at }
}

function movesIn(audit: readonly AuditEntry[]): {
  accepted: number | undefined
  propagated: number | undefined
} {
  const update = audit.find(isAcceptedUpdate)
  const propagated = audit.findLast((entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed')
  return {
    accepted: update && Date.parse(update.time),
    propagated: propagated && Date.parse(propagated.time),
  }
}

/** Applies a release as a user does; true for a status that was made for that very spec. */
export async function apply(
  { environment, say }: Pick<Stage, 'environment' | 'say'>,
  release: WrittenRelease,
): Promise<Applied> {
  const { name, namespace } = release.metadata
  const answer = await environment.kubectl(['apply', '-o', 'json', '-f', '-'], JSON.stringify(release))
  const { generation } = (JSON.parse(answer) as SeenRelease).metadata
  say(`  $ kubectl -n ${namespace} apply -f ${name}.yaml    # generation ${generation}`)
  return ({ status }) => (status?.observedGeneration ?? 0) >= generation
}

let nonce = 0

/** Gives a command to the attempt that stands in the status. */
export async function command(
  { environment, say }: Pick<Stage, 'environment' | 'say'>,
  verb: 'undo' | 'retry' | 'abort',
  { metadata, status }: SeenRelease,
): Promise<Applied> {
  const value = `${verb}/${status?.attempt?.id ?? ''}/${++nonce}`
  const { namespace, name } = metadata
  const args = ['-n', namespace, 'annotate', '--overwrite', `mr/${name}`, `modelrelease.io/command=${value}`]
  say(`  $ kubectl ${args.join(' ')}`)
  await environment.kubectl(args)
  return (release) => release.status?.command?.value === value
}

/** Waits without anything to wait for but viewers who come. */
export function watchFor(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal })
}
