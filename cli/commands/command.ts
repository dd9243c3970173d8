import { randomBytes } from 'node:crypto'
import { ANNOTATION } from '../../operator/api/names.ts'
import type { ModelRelease, Status } from '../../operator/api/release.ts'
import { nameOf } from '../cluster/releases.ts'
import { watchRelease } from '../cluster/watch.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { durationMs } from '../follow/time.ts'
import { say, type Io } from '../io.ts'
import { openSession, type SessionFlags } from '../session.ts'

export type CommandFlags = SessionFlags & { timeout?: string }
export type CommandVerb = 'abort' | 'retry' | 'undo'

/** Gives the operator a command for the present attempt, once, and tells what it answers. */
export async function command(
  verb: CommandVerb,
  argument: string,
  flags: CommandFlags,
  io: Io,
): Promise<ExitCode> {
  const timeoutMs = durationMs(flags.timeout ?? '1m') || undefined
  const { access, releases, namespace } = openSession(flags, io)
  const place = { namespace, name: nameOf(argument) }
  const { status } = await releases.get(place)
  if (!status?.attempt)
    throw new CliError(
      `${place.name} has no attempt yet, so there is nothing to ${verb}: ${unseenText(status)}`,
    )
  const value = `${verb}/${status.attempt.id}/${randomBytes(4).toString('hex')}`
  await releases.merge(place, { metadata: { annotations: { [ANNOTATION.command]: value } } })
  const stop = new AbortController()
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop.abort(), timeoutMs)
  try {
    const signal = AbortSignal.any([io.signal, stop.signal])
    for await (const sighting of watchRelease({ access, place, io, signal })) {
      if (sighting.type === 'Gone') throw new CliError(`${place.name} was deleted`)
      const answer = sighting.type === 'Release' ? answerTo(value, sighting.release) : undefined
      if (answer) return tellAnswer(answer, { verb, name: place.name, io })
    }
  } finally {
    clearTimeout(timer)
  }
  if (io.signal.aborted) return EXIT.interrupted
  say(
    io,
    `${place.name}: the operator has not taken ${value} within ${flags.timeout ?? '1m'}; it does as soon as it runs: kubectl -n modelrelease-system get pods`,
  )
  return EXIT.timedOut
}

type Answer = NonNullable<Status['command']> | 'Replaced'

/** Undefined while the command stands and was not taken. */
export function answerTo(value: string, { metadata, status }: ModelRelease): Answer | undefined {
  if (status?.command?.value === value) return status.command
  return metadata.annotations?.[ANNOTATION.command] === value ? undefined : 'Replaced'
}

function tellAnswer(
  answer: Answer,
  { verb, name, io }: { verb: CommandVerb; name: string; io: Io },
): ExitCode {
  if (answer === 'Replaced') {
    say(io, `${name}: ${verb} was replaced by another command before the operator took it`)
    return EXIT.failed
  }
  say(io, `${name}: ${verb} ${WORDS[answer.result]}: ${answer.message}`)
  return answer.result === 'Refused' ? EXIT.failed : EXIT.done
}

const WORDS: Record<NonNullable<Status['command']>['result'], string> = {
  Accepted: 'accepted',
  Pending: 'recorded, and carried out as soon as it can be',
  Refused: 'refused',
  NothingToDo: 'has nothing to do',
}

function unseenText(status: Status | undefined): string {
  return status?.message ?? 'the operator has not looked at it yet'
}
