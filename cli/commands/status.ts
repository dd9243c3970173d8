import type { ModelRelease, Status } from '../../operator/api/release.ts'
import { COLORS } from '../../operator/api/names.ts'
import { oneLine } from '../../operator/api/text.ts'
import { nameOf } from '../cluster/releases.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { beginFollowing } from '../follow/follower.ts'
import { followToEnd } from '../follow/run.ts'
import { durationMs } from '../follow/time.ts'
import { say, type Io } from '../io.ts'
import { formatOf, objectText } from '../print.ts'
import { openSession, type SessionFlags } from '../session.ts'

export type StatusFlags = SessionFlags & { output?: string; watch?: boolean; timeout?: string }

/** How a release is; with --watch until it is decided what becomes of it. */
export async function status(argument: string, flags: StatusFlags, io: Io): Promise<ExitCode> {
  const format = formatOf(flags.output, ['json', 'yaml'])
  if (flags.watch && format) throw new CliError('--watch tells what happens in words: leave out --output')
  const timeoutMs = durationMs(flags.timeout ?? '0')
  const session = openSession(flags, io)
  const place = { namespace: session.namespace, name: nameOf(argument) }
  const release = await session.releases.get(place)
  if (flags.watch) {
    const options = { at: io.now(), timeoutMs: timeoutMs || undefined, unchanged: true }
    return followToEnd(beginFollowing(release, options), { session, place, io, live: isLive(io) })
  }
  if (format === 'json' || format === 'yaml') io.stdout.write(objectText(release.status ?? {}, format))
  else for (const line of summaryOf(release)) say(io, line)
  return EXIT.done
}

/** Whether a person looks at a terminal that can be drawn on. */
export function isLive({ stdout, environment }: Io): boolean {
  return stdout.isTTY === true && !environment.dumbTerminal
}

function summaryOf({ metadata, spec, status: known = {} }: ModelRelease): string[] {
  const { phase = 'Pending', message = 'the operator has not looked at it yet' } = known
  return [
    `${metadata.namespace}/${metadata.name}: ${phase}`,
    ...(isOld(metadata, known)
      ? [
          `  the operator has not looked at generation ${metadata.generation} yet; this is about the one before`,
        ]
      : []),
    `  ${oneLine(message)}`,
    ...attemptLines(known),
    ...COLORS.map((color) => `  ${color.padEnd(8)} ${colorText(known, color)}`),
    `  traffic  ${spec.traffic.type} → ${known.traffic?.pointer ?? 'not read yet'}${known.traffic?.propagated === 'No' ? ', not every edge follows yet' : ''}`,
    ...(known.conditions ?? []).map(
      (one) => `  ${`${one.type}=${one.status}`.padEnd(26)} ${one.reason}: ${oneLine(one.message)}`,
    ),
  ]
}

function isOld({ generation }: ModelRelease['metadata'], { observedGeneration = 0 }: Status): boolean {
  return observedGeneration < generation
}

function attemptLines({ attempt }: Status): string[] {
  if (!attempt) return []
  const { id, revision, outcome = 'running', startedAt } = attempt
  return [`  attempt  ${id} (revision ${revision}), started ${startedAt}: ${outcome}`]
}

function colorText({ colors, liveColor, attempt }: Status, color: (typeof COLORS)[number]): string {
  const state = colors?.[color]
  if (!state) return 'empty'
  const role = liveColor === color ? ', live' : attempt?.builds === color ? ', candidate' : ', warm'
  return `revision ${state.revision}, ${state.ready} of ${state.replicas} pods ready${role}`
}
