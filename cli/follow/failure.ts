/** What is told of a release that did not come about: why, the request that failed, the last words, what to do. Pure. */
import type { ModelRelease, Request, Spec, Status } from '../../operator/api/release.ts'
import { distributionField, distributionOf } from '../../operator/api/release.ts'
import { lines, oneLine, shorten } from '../../operator/api/text.ts'
import { withoutCredentials } from '../../operator/planner/output/redaction.ts'
import { isAboutOurs, type End, type Following } from './follower.ts'

const LONGEST_BODY = 400

/** Lines for people. `logs`: the last words of the candidate, where the status has none. */
export function failureReport(following: Following, end: End, logs: string | undefined): string[] {
  const { release } = following
  if (!release || end.result === 'Promoted') return []
  const status = isAboutOurs(following) ? (release.status ?? {}) : {}
  const said = status.attempt?.logs ?? logs
  return [
    ...section('gates', gateLines(release, status)),
    ...section('verify', verifyLines(release, status)),
    // This ends in the log of a CI job, which more people read than may read the pods' own.
    ...section('the candidate said last', said ? withoutCredentials(lines(said)).trimEnd().split('\n') : []),
    ...section('users', userLines(release.status ?? {})),
    ...section('what to do', adviceOf(following, end)),
  ]
}

function section(title: string, told: readonly string[]): string[] {
  return told.length === 0 ? [] : [`${title}:`, ...told.map((line) => `  ${line}`)]
}

function gateLines({ spec }: ModelRelease, { gates, attempt }: Status): string[] {
  const isOurs = attempt !== undefined && gates?.key.startsWith(attempt.id) === true
  const bad = isOurs ? (gates.results ?? []).filter(({ result }) => result !== 'Passed') : []
  return bad.flatMap(({ name, result, target, message }) => {
    const gate = spec.gates?.find((one) => one.name === name)
    return [
      `${name}: ${result === 'Failed' ? 'wrong answer' : 'no usable answer'}${target === undefined ? '' : ` of ${target}`}`,
      ...(gate ? [`  request:  ${requestText(gate.smoke.request)}`] : []),
      ...(gate ? [`  expected: ${expectedText(gate.smoke.expect)}`] : []),
      ...(message === undefined ? [] : [`  actual:   ${oneLine(message)}`]),
    ]
  })
}

/** The request that users' answers were asked for with, where that is what failed. */
function verifyLines({ spec }: ModelRelease, { attempt }: Status): string[] {
  const verify = distributionOf(spec)?.verify
  if (attempt?.reason !== 'VerifyFailed' || verify?.url === undefined) return []
  const { method, url, json, expect } = verify
  return [
    `${distributionField(spec)}.verify`,
    `  request:  ${method} ${url}${json === undefined ? '' : ` ${bodyText(json)}`}`,
    ...(expect ? [`  expected: ${expectedText(expect)}`] : []),
    ...(attempt.message === undefined ? [] : [`  actual:   ${oneLine(attempt.message)}`]),
  ]
}

function requestText({ method, path, json, body }: Request): string {
  const sent = json === undefined ? (body ?? '') : bodyText(json)
  return oneLine(`${method} ${path} ${shorten(sent, LONGEST_BODY)}`)
}

function bodyText(json: unknown): string {
  return shorten(JSON.stringify(json), LONGEST_BODY)
}

function expectedText(expect: NonNullable<Spec['gates']>[number]['smoke']['expect']): string {
  const { status, json = [], bodyContains, maxLatencyMilliseconds } = expect
  return [
    `status ${status}`,
    ...json.map(({ path, equals, absoluteTolerance }) => {
      const about = absoluteTolerance === undefined ? '' : ` ± ${absoluteTolerance}`
      return `${path} = ${shorten(JSON.stringify(equals), LONGEST_BODY)}${about}`
    }),
    ...(bodyContains === undefined
      ? []
      : [`a body with ${JSON.stringify(shorten(bodyContains, LONGEST_BODY))}`]),
    ...(maxLatencyMilliseconds === undefined ? [] : [`within ${maxLatencyMilliseconds} ms`]),
  ].join(', ')
}

function userLines({ liveColor, liveRevision, conditions }: Status): string[] {
  const serving = conditions?.find(({ type }) => type === 'Serving')
  if (!serving || serving.reason === 'NothingLive') return []
  const who = liveColor && liveRevision ? ` (${liveColor}, revision ${liveRevision})` : ''
  return [`${oneLine(serving.message)}${who}`]
}

/** The operator's own remedy stands at the end of what it says of the attempt. */
function adviceOf({ release }: Following, end: End): string[] {
  if (!release) return []
  const { name, namespace } = release.metadata
  const own = (line: string): string => `kubectl modelrelease ${line} -n ${namespace}`
  switch (end.result) {
    case 'TimedOut':
      return [
        `the release goes on by itself; wait again: ${own(`status ${name} --watch`)}`,
        `give it up: ${own(`abort ${name}`)}`,
      ]
    case 'Superseded':
      return [`see what was applied instead: ${own(`status ${name}`)}`]
    case 'Deleted':
    case 'Refused':
      return []
    default:
      return afterFailure(release.status ?? {}, end, own(`retry ${name}`))
  }
}

function afterFailure({ attempt, conditions }: Status, { message }: End, retry: string): string[] {
  const remedy = remedyIn(conditions?.find(({ type }) => type === 'Stalled')?.message, attempt?.message)
  const isTold = remedy === undefined || message.includes(remedy)
  return [...(isTold ? [] : [remedy]), ...(attempt?.outcome ? [`try the same spec again: ${retry}`] : [])]
}

function remedyIn(stalled: string | undefined, said: string | undefined): string | undefined {
  if (stalled === undefined) return undefined
  const rest =
    said !== undefined && stalled.startsWith(said) ? stalled.slice(said.length).replace(/^; /, '') : stalled
  // The command in its own form stands below, in one that is shorter to type.
  return rest.replace(/, or try it again: kubectl .*$/, '')
}
