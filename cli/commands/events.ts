import { nameOf, type EventObject } from '../cluster/releases.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { ageText } from '../follow/time.ts'
import { warn, type Io } from '../io.ts'
import { cellText, formatOf, objectText, tableText } from '../print.ts'
import { openSession, type SessionFlags } from '../session.ts'

export type EventsFlags = SessionFlags & { output?: string }

/** What the operator told of a release, oldest first. */
export async function events(argument: string, flags: EventsFlags, io: Io): Promise<ExitCode> {
  const format = formatOf(flags.output, ['json', 'yaml'])
  const { releases, namespace } = openSession(flags, io)
  const place = { namespace, name: nameOf(argument) }
  const all = (await releases.events(place)).toSorted((a, b) => lastOf(a) - lastOf(b))
  if (format === 'json' || format === 'yaml') {
    io.stdout.write(objectText({ apiVersion: 'v1', kind: 'List', items: all }, format))
    return EXIT.done
  }
  if (all.length === 0) {
    // A name that is wrong has no events either.
    await releases.get(place)
    warn(io, 'No events found; the API server forgets them after an hour, as a rule.')
    return EXIT.done
  }
  const rows = all.map((one) => [
    `${ageText(io.now() - lastOf(one))}${(one.count ?? 1) > 1 ? ` (x${one.count ?? 1})` : ''}`,
    one.type,
    one.reason,
    cellText(one.message),
  ])
  io.stdout.write(tableText([['LAST SEEN', 'TYPE', 'REASON', 'MESSAGE'], ...rows]))
  return EXIT.done
}

function lastOf({ lastTimestamp, eventTime, firstTimestamp, metadata }: EventObject): number {
  const at = Date.parse(lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata.creationTimestamp ?? '')
  return Number.isNaN(at) ? 0 : at
}
