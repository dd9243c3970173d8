import { nameOf } from '../cluster/releases.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import type { Io } from '../io.ts'
import { formatOf, objectText, tableText } from '../print.ts'
import { openSession, type SessionFlags } from '../session.ts'

export type HistoryFlags = SessionFlags & { output?: string }

/** The attempts of a release, newest first. */
export async function history(argument: string, flags: HistoryFlags, io: Io): Promise<ExitCode> {
  const format = formatOf(flags.output, ['json', 'yaml'])
  const { releases, namespace } = openSession(flags, io)
  const { status = {} } = await releases.get({ namespace, name: nameOf(argument) })
  const { attempt, history: ended = [] } = status
  if (format === 'json' || format === 'yaml') {
    io.stdout.write(objectText({ attempt, history: ended }, format))
    return EXIT.done
  }
  // What has ended stands at the head of the history as well.
  const running = attempt && !attempt.outcome ? [attempt] : []
  io.stdout.write(
    tableText([
      ['ATTEMPT', 'REVISION', 'OUTCOME', 'REASON', 'STARTED/ENDED'],
      ...running.map(({ id, revision, direction, startedAt }) => [
        id,
        revision,
        direction === 'Back' ? 'going back' : 'running',
        status.conditions?.find(({ type }) => type === 'Reconciling' || type === 'Stalled')?.reason ?? '',
        startedAt,
      ]),
      ...ended.map((one) => [one.attempt, one.revision, one.outcome, one.reason ?? '', one.endedAt]),
    ]),
  )
  return EXIT.done
}
