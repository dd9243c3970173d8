import { COLORS } from '../../api/names.ts'
import type { Status } from '../../api/release.ts'

/** Something that happened, to be told once as a Kubernetes Event. */
export interface EventRecord {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

/** What happened between two statuses, each told once as an Event. */
export function eventsOf(before: Status | undefined, after: Status): EventRecord[] {
  const tales = [
    attemptStarted,
    attemptEnded,
    pointerDecided,
    turnedBack,
    propagatingSlowly,
    drifted,
    warned,
    commandTaken,
    warmColorGone,
    servingChanged,
    stalled,
  ]
  return tales.flatMap((tell) => tell(before ?? {}, after) ?? [])
}

type Tell = (before: Status, after: Status) => EventRecord | undefined

const attemptStarted: Tell = (before, after) => {
  const { attempt } = after
  if (!attempt || attempt.startedAt === before.attempt?.startedAt) return undefined
  const replaced =
    before.attempt && !before.attempt.outcome
      ? `; it takes the place of attempt ${before.attempt.id}, which had not ended`
      : ''
  return {
    type: 'Normal',
    reason: 'AttemptStarted',
    message: `attempt ${attempt.id} at revision ${attempt.revision} started${replaced}`,
  }
}

const attemptEnded: Tell = (before, after) => {
  const { attempt } = after
  if (!attempt?.outcome || before.attempt?.outcome === attempt.outcome) return undefined
  const stalled = after.conditions?.find(({ type }) => type === 'Stalled')
  // With the last words and the remedy, where that is what stalls it.
  const said = stalled?.reason === attempt.reason ? stalled?.message : attempt.message
  const why = said ? `: ${said}` : ''
  const type = attempt.outcome === 'Promoted' ? 'Normal' : 'Warning'
  return { type, reason: attempt.outcome, message: `attempt ${attempt.id} ended as ${attempt.outcome}${why}` }
}

const pointerDecided: Tell = (before, after) => {
  const intent = after.traffic?.intent
  if (!intent || intent.token === before.traffic?.intent?.token) return undefined
  const { to, weight } = intent
  const message =
    weight === undefined
      ? `the pointer will be moved to ${to}`
      : `${weight} % of the clients will be sent to ${to}`
  return { type: 'Normal', reason: 'SwitchDecided', message }
}

const turnedBack: Tell = (before, after) => {
  const { attempt } = after
  if (attempt?.direction !== 'Back' || attempt.outcome || before.attempt?.direction === 'Back')
    return undefined
  return { type: 'Warning', reason: 'RollingBack', message: attempt.message ?? 'the pointer goes back' }
}

const propagatingSlowly: Tell = (before, after) => {
  const find = ({ conditions }: Status): { reason: string; message: string } | undefined =>
    conditions?.find((one) => one.type === 'TrafficSwitched')
  const now = find(after)
  if (now?.reason !== 'PropagatingSlowly' || find(before)?.reason === now.reason) return undefined
  return { type: 'Warning', reason: now.reason, message: now.message }
}

const drifted: Tell = (before, after) => {
  const { drift } = after.traffic ?? {}
  if (!drift || drift.at === before.traffic?.drift?.at) return undefined
  return {
    type: 'Warning',
    reason: 'DriftRepaired',
    message: `somebody else had moved the pointer (${drift.pointer}): it is brought back`,
  }
}

const warned: Tell = (before, after) => {
  const find = ({ conditions }: Status): { reason: string; message: string } | undefined =>
    conditions?.find((one) => one.type === 'Warned')
  const now = find(after)
  if (!now || find(before)?.message === now.message) return undefined
  return { type: 'Warning', reason: now.reason, message: now.message }
}

const commandTaken: Tell = (before, after) => {
  const { command } = after
  if (!command || (command.value === before.command?.value && command.result === before.command.result))
    return undefined
  const type = command.result === 'Refused' ? 'Warning' : 'Normal'
  return { type, reason: `Command${command.result}`, message: `${command.value}: ${command.message}` }
}

/** Undo ends with the color that it would return to. */
const warmColorGone: Tell = (before, after) => {
  const color = COLORS.find((one) => before.colors?.[one]?.idleSince && !after.colors?.[one])
  const revision = color && before.colors?.[color]?.revision
  const hasServed = before.attempt?.builds !== color
  if (!revision || !hasServed || revision === after.attempt?.revision) return undefined
  const isSmall = before.conditions?.some(({ reason }) => reason === 'LiveColorSmall')
  const why = isSmall ? ' to make room for the live color, which lacks pods' : ''
  return {
    type: 'Normal',
    reason: 'WarmColorRemoved',
    message: `${color} at revision ${revision} was removed${why}: undo cannot return to it any more`,
  }
}

/** Users get no answers, or get them again. Before the first release nobody is served, which is nothing lost. */
const servingChanged: Tell = (before, after) => {
  const find = ({ conditions }: Status): { status: string; reason: string; message: string } | undefined =>
    conditions?.find((one) => one.type === 'Serving')
  const was = find(before)
  const now = find(after)
  if (!was || !now || was.status === now.status || was.reason === 'NothingLive') return undefined
  if (now.status === 'False') return { type: 'Warning', reason: 'ServingLost', message: now.message }
  const hasServed = before.history?.some(({ outcome }) => outcome === 'Promoted') === true
  const isBack = hasServed && was.status === 'False' && now.status === 'True'
  return isBack ? { type: 'Normal', reason: 'ServingAgain', message: now.message } : undefined
}

const stalled: Tell = (before, after) => {
  const find = (status: Status): { reason: string; message: string } | undefined =>
    status.conditions?.find((one) => one.type === 'Stalled')
  const now = find(after)
  const toldAsOutcome = after.attempt?.outcome !== undefined && after.attempt.reason === now?.reason
  if (!now || toldAsOutcome || find(before)?.reason === now.reason) return undefined
  return { type: 'Warning', reason: now.reason, message: now.message }
}
