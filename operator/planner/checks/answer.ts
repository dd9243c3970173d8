/** Whether one answer is what was asked for. Unknown is never a pass: it means that nothing was proven either way. */
import { IDENTITY_HEADER } from '../../api/names.ts'
import type { Expectation } from '../../api/release.ts'
import { holds, oneLine, shorten } from '../../api/text.ts'
import { redacted, type Hidden } from '../output/redaction.ts'
import type { ProbeAnswer, VerifyResult } from '../model/observation.ts'

export type Verdict = { type: 'Passed' } | { type: 'Failed'; message: string } | Unknown
type Unknown = { type: 'Unknown'; message: string }

/** What an answer is held against besides the expectation. */
export type EvaluateOptions = {
  /** The revision that must have given the answer; an answer without a name or of another revision proves nothing. */
  revision?: string | undefined
  /** Whether a load balancer may have answered in the place of the pods. */
  through?: 'LoadBalancer' | undefined
  /**
   * Whether the answer came from the candidate's own address or by a name that the spec chose, where anybody may be: unless
   * that one names the revision, nothing of what it said is told, or a release could be used to read what only the
   * operator reaches.
   */
  from?: 'Candidate' | 'Named' | undefined
  /** What was sent in request headers, in all its forms; a server may echo it, and messages end up in the status. */
  secrets?: Hidden
}

/** Longest message in characters: results stand in the status, which every reader of the release gets. */
export const MAX_MESSAGE = 300
const MAX_EXCERPT = 120
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** Deeper than any prediction; whoever walks through JSON.parse's endless answers runs out of stack. */
const MAX_DEPTH = 500

type Answered = Extract<ProbeAnswer, { type: 'Answered' }>
type Case = {
  answer: Answered
  expect: Expectation
  revision: string | undefined
  secrets: Hidden
  through: EvaluateOptions['through']
  /** Whether what it says may be told. */
  isOurs: boolean
}
type Finding = (subject: Case) => Verdict | undefined

// The first hit decides: what proves nothing comes before what is wrong, so that no third party's answer is held
// against the candidate.
const FINDINGS: readonly Finding[] = [
  cached,
  unavailable,
  gatewayAnswered,
  notIdentified,
  redirected,
  statusDiffers,
  textMissing,
  jsonDiffers,
  tooSlow,
]

/** Header names of the answer must be in lower case. */
export function evaluate(
  answer: ProbeAnswer,
  expect: Expectation,
  { revision, secrets = [], through, from }: EvaluateOptions = {},
): Verdict {
  if (answer.type === 'NoAnswer') return silent(answer, secrets)
  // A revision that was wanted was named, or it comes to no excerpt.
  const isOurs = from !== 'Named' || revision !== undefined
  const subject = { answer, expect, revision, secrets, through, isOurs }
  for (const decision of FINDINGS) {
    const verdict = decision(subject)
    if (verdict) return verdict
  }
  return { type: 'Passed' }
}

/** What a verification wants to see. */
export type Wanted = {
  revision: string
  expect?: Expectation | undefined
  /** Headers: the revision names itself in every answer, so an answer without its name is somebody else's. */
  identity?: 'Headers' | 'None'
}

/**
 * Whether an answer that came through the edges was given by the wanted revision, and rightly.
 *
 * With an identity header the header says who answered, and `expect`, where given, whether the answer is right. Without
 * `expect` any status below 500 will do: a verification URL may well be one that the model answers with 405.
 *
 * Without an identity header only content can tell revisions apart, so an `expect` that checks nothing but the status
 * proves nothing. An answer that misses the content is Old and not Wrong: most likely an edge still asks the previous
 * revision, and if it is the new one that errs, Old is as little a pass. A status that was not expected stays Unknown
 * there, because an edge may have made it (403, 502, 504). With the identity header of the wanted revision it is that
 * revision's own, so a 500 is Wrong; 503 is the one status that always asks to try again.
 */
export function judgeIdentity(answer: ProbeAnswer, wanted: Wanted, secrets: Hidden = []): VerifyResult {
  if (answer.type === 'NoAnswer') return silent(answer, secrets)
  const nothingProven = cached({ answer }) ?? unavailable({ answer })
  if (nothingProven) return nothingProven
  const named = answer.headers[IDENTITY_HEADER.revision]
  if (named === undefined) return judgeUnnamed(answer, wanted, secrets)
  if (named !== wanted.revision)
    return { type: 'Old', message: otherAnswered(redacted(named, secrets), wanted.revision) }
  if (!wanted.expect) return answer.status < 500 ? { type: 'New' } : unknown(`status ${answer.status}`)
  const verdict = evaluate(answer, wanted.expect, { secrets })
  if (verdict.type === 'Passed') return { type: 'New' }
  return verdict.type === 'Failed' ? { type: 'Wrong', message: verdict.message } : verdict
}

function judgeUnnamed(answer: Answered, wanted: Wanted, secrets: Hidden): VerifyResult {
  const { expect, identity } = wanted
  if (identity === 'Headers')
    return unknown(
      `status ${answer.status} without a ${IDENTITY_HEADER.revision} header: it cannot be told who answered`,
    )
  if (!expect?.json?.length && !expect?.bodyContains)
    return unknown(
      `the answer has no ${IDENTITY_HEADER.revision} header, and expect holds neither json nor bodyContains that could tell the revisions apart`,
    )
  if (answer.status !== expect.status)
    return unknown(
      `status ${answer.status} without a ${IDENTITY_HEADER.revision} header, which an edge may have answered itself`,
    )
  const verdict = evaluate(answer, expect, { secrets, from: 'Named' })
  if (verdict.type === 'Passed') return { type: 'New' }
  if (verdict.type === 'Unknown') return verdict
  return { type: 'Old', message: shorten(`not yet the expected answer: ${verdict.message}`, MAX_MESSAGE) }
}

/** The client says why, with what it was told by the other side. */
function silent({ message }: Extract<ProbeAnswer, { type: 'NoAnswer' }>, secrets: Hidden): Unknown {
  return unknown(oneLine(redacted(message, secrets)))
}

function otherAnswered(named: string, revision: string): string {
  return `revision ${shorten(oneLine(named), 40)} answered, not ${revision}`
}

function cached({ answer }: Pick<Case, 'answer'>): Unknown | undefined {
  // RFC 9111 5.1: Age says that this request was answered from a cache. CloudFront adds X-Cache: "Hit from cloudfront"
  // and "RefreshHit from cloudfront", whose body and headers are as old as a hit's.
  const { age, 'x-cache': xCache } = answer.headers
  if (age === undefined && !/hit/i.test(xCache ?? '')) return undefined
  return unknown(
    'a cached answer proves nothing about who serves: ask a path that is not cached, or use POST',
  )
}

function unavailable({ answer }: Pick<Case, 'answer'>): Unknown | undefined {
  return answer.status === 503 ? unknown('status 503, which asks to try again') : undefined
}

function gatewayAnswered({ answer, through }: Case): Verdict | undefined {
  if (through !== 'LoadBalancer' || (answer.status !== 502 && answer.status !== 504)) return undefined
  if (answer.headers[IDENTITY_HEADER.revision] !== undefined) return undefined
  return unknown(`status ${answer.status}, which a load balancer answers that reaches no pod`)
}

function notIdentified({ answer, revision, secrets }: Case): Verdict | undefined {
  if (revision === undefined) return undefined
  const named = answer.headers[IDENTITY_HEADER.revision]
  if (named === revision) return undefined
  if (named === undefined)
    return unknown(
      `status ${answer.status} without a ${IDENTITY_HEADER.revision} header: it cannot be told who answered`,
    )
  return unknown(otherAnswered(redacted(named, secrets), revision))
}

function redirected({ answer, expect }: Case): Verdict | undefined {
  if (!REDIRECTS.has(answer.status) || answer.status === expect.status) return undefined
  return failed(`expected status ${expect.status}, got redirect ${answer.status}: redirects are not followed`)
}

function statusDiffers({ answer, expect, secrets, isOurs }: Case): Verdict | undefined {
  if (answer.status === expect.status) return undefined
  const body = isOurs ? `: ${excerpt(answer.body, secrets)}` : ''
  return failed(`expected status ${expect.status}, got ${answer.status}${body}`)
}

function textMissing({ answer, expect, secrets, isOurs }: Case): Verdict | undefined {
  if (expect.bodyContains === undefined || holds(answer.body, expect.bodyContains)) return undefined
  const got = isOurs ? excerpt(answer.body, secrets) : 'another one'
  return failed(`expected a body that contains ${excerpt(expect.bodyContains, secrets)}, got ${got}`)
}

function jsonDiffers({ answer: { body }, expect, secrets, isOurs }: Case): Verdict | undefined {
  if (!expect.json?.length) return undefined
  if (body.trim() === '') return failed('expected a JSON body, got an empty body')
  if (depthOf(body) > MAX_DEPTH)
    return failed(`expected a JSON body, got one that is nested more than ${MAX_DEPTH} levels deep`)
  const document = parse(body)
  if (!document)
    return failed(
      `expected a JSON body, got ${isOurs ? `${excerpt(body, secrets)}, which` : 'what'} is not JSON`,
    )
  for (const wanted of expect.json) {
    const difference = compare(document, wanted, { secrets, isOurs })
    if (difference !== undefined) return failed(`${wanted.path}: ${difference}`)
  }
  return undefined
}

function tooSlow({ answer, expect }: Case): Verdict | undefined {
  const most = expect.maxLatencyMilliseconds
  // Written so that a latency that is not a number is too slow as well.
  if (most === undefined || answer.latencyMs <= most) return undefined
  return failed(
    `expected an answer within ${most} ms (expect.maxLatencyMilliseconds), got it after ${Math.ceil(answer.latencyMs)} ms`,
  )
}

type WantedValue = NonNullable<Expectation['json']>[number]

function compare(
  document: Place,
  { path, equals: wanted, absoluteTolerance }: WantedValue,
  { secrets, isOurs }: Pick<Case, 'secrets' | 'isOurs'>,
): string | undefined {
  const tolerance = absoluteTolerance === undefined ? '' : ` ± ${absoluteTolerance}`
  const expected = `expected ${excerpt(textOf(wanted), secrets)}${tolerance}`
  if (absoluteTolerance !== undefined && typeof wanted !== 'number')
    return `${expected}, but absoluteTolerance is for numbers only: remove it or make equals a number`
  const place = locate(document, path)
  if (!place) return `${expected}, but the body holds no such value`
  const matches =
    absoluteTolerance === undefined
      ? isDeepEqual(place.value, wanted)
      : isNear(place.value, wanted, absoluteTolerance)
  if (matches) return undefined
  return `${expected}, got ${isOurs ? excerpt(textOf(place.value), secrets) : 'another value'}`
}

/** A value that is there, even where it is null. */
type Place = { value: unknown }

function parse(body: string): Place | undefined {
  try {
    return { value: JSON.parse(body) as unknown }
  } catch {
    return undefined
  }
}

/** How many lists and objects stand in one another, whether or not it is JSON. */
function depthOf(text: string): number {
  let depth = 0
  let most = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const mark = text[at]
    if (mark === '"') inString = !inString
    else if (inString) at += mark === '\\' ? 1 : 0
    else if (mark === '[' || mark === '{') most = Math.max(most, (depth += 1))
    else if (mark === ']' || mark === '}') depth -= 1
  }
  return most
}

/** The subset of JSONPath that the CRD's pattern admits: `$`, `.name` and `[0]`. */
function locate(document: Place, path: string): Place | undefined {
  let value = document.value
  for (const [, name, index] of path.matchAll(/\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]+)\]/g)) {
    if (typeof value !== 'object' || value === null) return undefined
    const key = name ?? index ?? ''
    // A list has elements and no members, an object members and no elements; own ones only, or $.constructor would be there.
    if (Array.isArray(value) !== (index !== undefined) || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[index === undefined ? key : Number(key)]
  }
  return { value }
}

function isNear(actual: unknown, expected: unknown, tolerance: number): boolean {
  if (typeof actual !== 'number' || typeof expected !== 'number') return false
  // JSON has no NaN, but 1e999 is read as Infinity, and Infinity - Infinity is NaN: no comparison with it holds.
  return Math.abs(actual - expected) <= tolerance
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      isDeepEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

function textOf(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

function excerpt(text: string, secrets: Hidden): string {
  if (text === '') return 'an empty body'
  return shorten(oneLine(redacted(text, secrets)), MAX_EXCERPT)
}

function failed(message: string): Extract<Verdict, { type: 'Failed' }> {
  return { type: 'Failed', message: shorten(message, MAX_MESSAGE) }
}

function unknown(message: string): Unknown {
  return { type: 'Unknown', message: shorten(message, MAX_MESSAGE) }
}
