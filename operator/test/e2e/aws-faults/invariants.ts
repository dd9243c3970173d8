/** The five promises that hold under every fault, checked on what was seen. Pure: unit tests show that each can be broken. */
import { isAcceptedUpdate, ORIGINS, type AuditEntry } from '../../../../demo/cloudfront.ts'
import { viewerProblems } from '../../../../demo/judge-viewers.ts'
import { COLORS } from '../../../api/names.ts'
import type { Status } from '../../../api/release.ts'
import { attemptIdOf } from '../../../planner/model/revision.ts'
import { readValue } from '../../../adapters/aws/key-value-store/value.ts'
import { edgeRoutes } from './edge-routes.ts'
import type { Observed, SeenDeployment, SeenRevision } from './observed.ts'

/** Fewer viewers prove too little. */
export const LEAST_REQUESTS = 150
const LIMITS = { requests: LEAST_REQUESTS, failureShare: 1e-4, gapMs: 2000 }
/** Answers may still be on their way for so long after an edge left a color: the response timeout of the origins. */
const DRAIN_MS = 5000
/**
 * How much later than the API server's own answer its watch may tell: a reconcile moves as soon as its intent is written, which
 * may be before we are told. That nothing is ever written the other way round is shown to the millisecond where a
 * story is stopped at each of its writes (faults-at-pointer-writes.test.ts), and by the rows F4 and F5.
 */
const WATCH_LAG_MS = 500

/** What is wrong, each line with the invariant that is broken; empty if nothing is. */
export function violationsOf(observed: Observed): string[] {
  return [
    ...viewerProblems(observed.viewers, LIMITS).map((what) => `I1 viewers: ${what}`),
    ...servingKept(observed).map((what) => `I2 serving color: ${what}`),
    ...statusHonest(observed).map((what) => `I3 status: ${what}`),
    ...nothingLeftOver(observed).map((what) => `I4 left over: ${what}`),
    ...movesRecorded(observed).map((what) => `I5 record: ${what}`),
  ]
}

/** The Deployment of a color that an edge leads to, or led to a moment ago, is never made smaller by anybody. */
function servingKept({ deployments, audit, edges, key }: Observed): string[] {
  const routes = edgeRoutes(audit, { edges, key })
  return pairs(deployments).flatMap(([before, after]) => {
    if (after.replicas >= before.replicas) return []
    if (!routes.between(after.at - DRAIN_MS, after.at).has(after.color)) return []
    return [`${after.color} went from ${before.replicas} to ${after.replicas} replicas`]
  })
}

/** Each Deployment with what was told of it next. */
function pairs(deployments: readonly SeenDeployment[]): [SeenDeployment, SeenDeployment][] {
  return deployments.flatMap((before, index): [SeenDeployment, SeenDeployment][] => {
    const after = deployments.slice(index + 1).find(({ name }) => name === before.name)
    return after ? [[before, after]] : []
  })
}

/** Whatever a status says, it says of a generation that exists, of the attempt that this generation asks for, and of nothing else. */
function statusHonest({ revisions }: Observed): string[] {
  const specs = new Map(revisions.map(({ generation, spec }) => [generation, spec]))
  const problems = revisions.flatMap((revision) => claimsOf(revision, specs))
  if (!revisions.some(({ status }) => status)) problems.push('no status was seen')
  return [...new Set(problems)]
}

type Specs = ReadonlyMap<number, SeenRevision['spec']>

function claimsOf({ generation, status }: SeenRevision, specs: Specs): string[] {
  return status
    ? [...wrongGeneration(generation, status), ...wrongAttempt(status, specs), ...tooEarly(status)]
    : []
}

function wrongGeneration(newest: number, { observedGeneration, conditions = [], phase }: Status): string[] {
  const problems = conditions
    .filter((one) => one.observedGeneration !== (observedGeneration ?? newest))
    .map(({ type }) => `${type} speaks of another generation than the status`)
  if (observedGeneration !== undefined && observedGeneration > newest)
    problems.push(`speaks of generation ${observedGeneration} while ${newest} is the newest`)
  const isClaim = phase !== undefined && phase !== 'Pending' && phase !== 'Stalled'
  if (observedGeneration === undefined && isClaim) problems.push(`claims phase ${phase} for no generation`)
  return problems
}

function wrongAttempt({ attempt, observedGeneration }: Status, specs: Specs): string[] {
  if (!attempt) return []
  const spec = specs.get(observedGeneration ?? 0)
  if (spec && attemptIdOf(spec) === attempt.id) return []
  return [`claims attempt ${attempt.id} for generation ${observedGeneration ?? 'none'}`]
}

function tooEarly(status: Status): string[] {
  const { attempt, phase = 'none' } = status
  if (attempt?.outcome === 'Promoted' || (phase !== 'Live' && !isReady(status))) return []
  return [`claims to be ready, in phase ${phase}, before it was promoted`]
}

function isReady({ conditions }: Status): boolean {
  return conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true
}

/** Once every edge follows, at most one color stands that nobody is led to. */
function nothingLeftOver({ deployments, audit, edges, key }: Observed): string[] {
  const routes = edgeRoutes(audit, { edges, key })
  if (!routes.propagated) return ['not every edge follows yet']
  const serving = routes.between(Infinity, Infinity)
  const standing = new Map(deployments.map((one) => [one.name, one]))
  const idle = [...standing.values()].filter((one) => one.replicas > 0 && !serving.has(one.color))
  if (idle.length <= 1) return []
  return [`${idle.map(({ name }) => name).join(' and ')} stand and nobody is led to them`]
}

/** Each accepted move of the operator was announced in a status before it, and its outcome told in one after it. */
function movesRecorded({ audit, revisions, operator, key, viewers }: Observed): string[] {
  const lagMs = WATCH_LAG_MS + viewers.stalledMs
  return audit
    .filter((entry) => entry.type === 'Call' && entry.caller === operator)
    .flatMap((entry) => moveIn(entry, key) ?? [])
    .flatMap((move) => recordOf(move, { revisions, lagMs }))
}

/** A pointer that was moved: to which origins, and guarded by which ETag. */
type Move = { sequence: number; at: number; token: string | undefined; origins: readonly string[] }

/** Where a key decides, behaviors that follow it are no move: they change nothing while the key can be read. */
function moveIn(entry: AuditEntry, key: string | undefined): Move | undefined {
  const origins = key ? originsByKey(entry, key) : originsByUpdate(entry)
  if (entry.type !== 'Call' || !origins) return undefined
  return { sequence: entry.sequence, at: Date.parse(entry.time), token: entry.ifMatch, origins }
}

function originsByUpdate(entry: AuditEntry): string[] | undefined {
  return isAcceptedUpdate(entry) ? (entry.targets ?? []).map(({ to = '' }) => to) : undefined
}

/** To the share of the clients that a write gives to another color; else to everybody's. */
function originsByKey(entry: AuditEntry, key: string): string[] | undefined {
  if (entry.type !== 'Call' || entry.status !== 200 || !entry.keys?.includes(key)) return undefined
  const { live, canary } = readValue(entry.puts?.[key]) ?? {}
  return [canary?.origin ?? live ?? '']
}

/** `lagMs`: how much later than it was written each revision may have been told. */
function recordOf(
  move: Move,
  { revisions, lagMs }: { revisions: readonly SeenRevision[]; lagMs: number },
): string[] {
  const name = `update ${move.sequence}`
  const before = revisions.filter((revision) => revision.at <= move.at + lagMs)
  const announced = before.findLast(({ status }) => announces(status, move))
  if (!announced) return [`${name} has no intent before it`]
  const attempt = announced.status?.traffic?.intent?.attempt.replace(/\/.*$/, '')
  const after = revisions.filter((revision) => revision.at > move.at)
  return after.some(({ status }) => concludes(status, { move, attempt }))
    ? []
    : [`${name} has no outcome after it`]
}

function announces(status: Status | undefined, { token, origins }: Move): boolean {
  const intent = status?.traffic?.intent
  const color = COLORS.find((one) => one === intent?.to)
  if (!intent || !color || intent.token !== token) return false
  return origins.length > 0 && origins.every((origin) => origin === ORIGINS[color])
}

type Announced = { move: Move; attempt: string | undefined }

function concludes(status: Status | undefined, { move, attempt }: Announced): boolean {
  if (!status || status.traffic?.intent?.token === move.token) return false
  return hasEnded(status, { move, attempt }) || isBackLive(status, { move, attempt })
}

function hasEnded({ history = [] }: Status, { move, attempt }: Announced): boolean {
  // Statuses tell whole seconds.
  const since = Math.floor(move.at / 1000) * 1000
  return history.some((one) => one.attempt === attempt && Date.parse(one.endedAt) >= since)
}

/** What was promoted before, and was brought back. */
function isBackLive(status: Status, { move, attempt }: Announced): boolean {
  const [origin = ''] = move.origins
  const names = status.traffic?.pointer ?? ''
  return isReady(status) && status.attempt?.id === attempt && names.includes(`${origin} for`)
}
