import type { Status } from '../api/release.ts'

/** Something that happened, to be told once as a Kubernetes Event. */
export interface Happening {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

/** What happened between two statuses, each told once as an Event. */
export function happeningsOf(before: Status | undefined, after: Status): Happening[] {
  return [attemptStarted, attemptEnded, pointerDecided, turnedBack, commandTaken, stalled].flatMap((tell) => {
    const happening = tell(before ?? {}, after)
    return happening ? [happening] : []
  })
}

type Tell = (before: Status, after: Status) => Happening | undefined

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
  const why = attempt.message ? `: ${attempt.message}` : ''
  const type = attempt.outcome === 'Promoted' ? 'Normal' : 'Warning'
  return { type, reason: attempt.outcome, message: `attempt ${attempt.id} ended as ${attempt.outcome}${why}` }
}

const pointerDecided: Tell = (before, after) => {
  const intent = after.traffic?.intent
  if (!intent || intent.token === before.traffic?.intent?.token) return undefined
  return { type: 'Normal', reason: 'SwitchDecided', message: `the pointer will be moved to ${intent.to}` }
}

const turnedBack: Tell = (before, after) => {
  const { attempt } = after
  if (attempt?.direction !== 'Back' || attempt.outcome || before.attempt?.direction === 'Back')
    return undefined
  return { type: 'Warning', reason: 'Returning', message: attempt.message ?? 'the pointer goes back' }
}

const commandTaken: Tell = (before, after) => {
  const { command } = after
  if (!command || (command.value === before.command?.value && command.result === before.command.result))
    return undefined
  const type = command.result === 'Refused' ? 'Warning' : 'Normal'
  return { type, reason: `Command${command.result}`, message: `${command.value}: ${command.message}` }
}

const stalled: Tell = (before, after) => {
  const find = (status: Status): { reason: string; message: string } | undefined =>
    status.conditions?.find((one) => one.type === 'Stalled')
  const now = find(after)
  if (!now || find(before)?.reason === now.reason || after.attempt?.outcome) return undefined
  return { type: 'Warning', reason: now.reason, message: now.message }
}
