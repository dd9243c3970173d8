/** What moves of a pointer took, read from the audit log of the emulator and the log of the operator; both have one clock. */
import { isAcceptedUpdate, type AuditEntry } from '../demo/cloudfront.ts'

/** A line of the operator's log, as far as it is looked at. */
export type LogLine = { time: number; msg: string; modelrelease?: string; step?: string }

/** One accepted update; times in milliseconds, undefined where the logs do not tell. */
export type Move = {
  /** From every gate having passed to the update being accepted; the intent is written to the status in between. */
  decisionToWrite: number | undefined
  /** From the last edge that began to follow to the operator having seen enough answers of the new revision. */
  edgeToPropagated: number | undefined
  /** How long it took to ask for those answers. */
  answers: number | undefined
}

/** Calls of API clients about a distribution, by operation; those that were refused count too. */
export type Calls = Readonly<Record<string, number>>

/** The lines of a log that are JSON; whatever else a process prints is left out. */
export function logLines(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []))
}

/** The moves of one release, which has a distribution of its own, oldest first. */
export function movesOf(release: string, log: readonly LogLine[], audit: readonly AuditEntry[]): Move[] {
  const own = log.filter(({ modelrelease }) => modelrelease === release).toSorted((a, b) => a.time - b.time)
  const updates = audit.filter(isAcceptedUpdate)
  return updates.map((update, index) => {
    const writtenAt = Date.parse(update.time)
    const before = index === 0 ? -Infinity : timeOf(updates[index - 1])
    const after = index + 1 < updates.length ? timeOf(updates[index + 1]) : Infinity
    const proven = own.findLast(
      ({ time, msg, step }) => ended(msg, step, 'RunGates') && time > before && time <= writtenAt,
    )
    const edge = audit.find(
      (entry) =>
        entry.type === 'EdgeApplied' && entry.version === update.version && entry.status === 'Deployed',
    )
    const isIn = ({ time }: LogLine): boolean => time >= writtenAt && time < after
    const propagated = own.findLast((line) => ended(line.msg, line.step, 'Verify') && isIn(line))
    const asked = own.findLast(
      (line) =>
        line.msg === 'Acting' && line.step === 'Verify' && isIn(line) && line.time <= (propagated?.time ?? 0),
    )
    return {
      decisionToWrite: difference(proven?.time, writtenAt),
      edgeToPropagated: difference(edge && timeOf(edge), propagated?.time),
      answers: difference(asked?.time, propagated?.time),
    }
  })
}

/** Counts the calls of API clients, and no change by the admin API. */
export function callsOf(audit: readonly AuditEntry[]): Calls {
  const calls: Record<string, number> = {}
  for (const entry of audit) {
    if (entry.type !== 'Call' || entry.via !== 'Api') continue
    calls[entry.operation] = (calls[entry.operation] ?? 0) + 1
  }
  return calls
}

function ended(msg: string, step: string | undefined, wanted: string): boolean {
  return msg === 'Reconciled' && step === wanted
}

function timeOf(entry: AuditEntry | undefined): number {
  return Date.parse(entry?.time ?? '')
}

function difference(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from
}
