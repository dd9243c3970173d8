/** What a CI job's log says of a release: one line for each thing that changed. Pure. */
import type { Status } from '../../operator/api/release.ts'
import { lines as cleaned, oneLine } from '../../operator/api/text.ts'
import { isAboutOurs, waitingText, type Following } from './follower.ts'

/** Things that are told whenever they become something else. */
type Facts = Record<string, string | undefined>

/** The lines that `after` adds to what was told of `before`. */
export function linesOf(before: Following | undefined, after: Following): string[] {
  const known = before ? factsOf(before) : {}
  return Object.entries(factsOf(after)).flatMap(([fact, text]) =>
    text === undefined || text === known[fact] ? [] : [oneLine(cleaned(text))],
  )
}

function factsOf(following: Following): Facts {
  const { away, release } = following
  if (away) return { state: `the API server does not answer, trying again: ${away.message}` }
  const status = release?.status ?? {}
  return {
    live: liveText(status),
    canary: canaryText(status),
    gates: isAboutOurs(following) ? gatesText(status) : undefined,
    serving: servingText(status),
    warned: conditionText(status, 'Warned'),
    command:
      status.command &&
      `command ${status.command.value}: ${status.command.result}: ${status.command.message}`,
    state: stateText(following),
  }
}

/** Where it is, in one line. */
export function stateText(following: Following): string {
  const { attempt } = following.release?.status ?? {}
  const phase = isAboutOurs(following) ? (following.release?.status?.phase ?? 'Pending') : 'Waiting'
  if (isAboutOurs(following) && attempt?.outcome)
    return `${phase}: attempt ${attempt.id} ended as ${attempt.outcome}`
  return `${phase}: ${waitingText(following)}`
}

function liveText({ liveColor, liveRevision }: Status): string | undefined {
  return liveColor && `users are led to ${liveColor}, revision ${liveRevision ?? 'unknown'}`
}

function canaryText({ traffic }: Status): string | undefined {
  return traffic?.canary && `${traffic.canary.weight} % of the clients are led to ${traffic.canary.color}`
}

function gatesText({ gates }: Status): string | undefined {
  if (!gates?.results?.length) return undefined
  const told = gates.results.map(({ name, result, target, message }) => {
    if (result === 'Passed') return `${name} passed`
    const where = target === undefined ? '' : ` at ${target}`
    return `${name} ${result === 'Failed' ? 'failed' : 'has no answer'}${where}${message === undefined ? '' : `: ${message}`}`
  })
  return `gates: ${told.join('; ')}`
}

function servingText(status: Status): string | undefined {
  const serving = status.conditions?.find(({ type }) => type === 'Serving')
  if (serving?.status !== 'False' || serving.reason === 'NothingLive') return undefined
  return `USERS GET NO ANSWERS: ${serving.message}`
}

function conditionText({ conditions }: Status, type: string): string | undefined {
  const found = conditions?.find((one) => one.type === type)
  return found && `warning (${found.reason}): ${found.message}`
}
