/** Faults of the control plane, asked for by a test and used up by the calls that meet them. */
import { statusOf } from './cloudfront-error.ts'

/** What happens to a call. BeforeCommit: the change is not yet made; AfterCommit: it is made, the answer is late. */
export type FaultEffect =
  | { type: 'Error'; code: string; status: number; message: string }
  | { type: 'Latency'; latencyMs: number; phase: 'BeforeCommit' | 'AfterCommit' }
  | { type: 'DropAfterCommit' }

/** `operation` is an API operation or "*"; without `distribution` every distribution is meant. */
export type Fault = { operation: string; distribution?: string; times: number; effect: FaultEffect }

/** Read the body of a fault request; a list of problems when it makes no sense. */
export function parseFault(body: unknown): Fault | string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ['expected a JSON object']
  const { operation, distribution, times = 1, ...rest } = body as Record<string, unknown>
  const problems: string[] = []
  if (typeof operation !== 'string') problems.push('operation: name an API operation, or "*"')
  if (!['undefined', 'string'].includes(typeof distribution)) problems.push('distribution: expected an id')
  if (!Number.isInteger(times) || Number(times) < 1) problems.push('times: expected a positive integer')
  const effect = parseEffect(rest)
  if (Array.isArray(effect)) return [...problems, ...effect]
  if (problems.length > 0) return problems
  const fault = { operation: operation as string, times: times as number, effect }
  return distribution === undefined ? fault : { ...fault, distribution: distribution as string }
}

const EFFECT_MEMBERS = ['code', 'status', 'message', 'latencyMs', 'phase', 'dropAfterCommit']

function parseEffect(rest: Record<string, unknown>): FaultEffect | string[] {
  const unknown = Object.keys(rest).filter((name) => !EFFECT_MEMBERS.includes(name))
  if (unknown.length > 0) return [`unknown member: ${unknown.join(', ')}`]
  const kinds = ['code', 'latencyMs', 'dropAfterCommit'].filter((name) => rest[name] !== undefined)
  if (kinds.length !== 1) return ['expected exactly one of code, latencyMs, dropAfterCommit']
  if (rest.code !== undefined) return parseError(rest)
  if (rest.latencyMs !== undefined) return parseLatency(rest)
  return rest.dropAfterCommit === true ? { type: 'DropAfterCommit' } : ['dropAfterCommit: expected true']
}

function parseError({ code, status, message }: Record<string, unknown>): FaultEffect | string[] {
  if (typeof code !== 'string') return ['code: expected an error code such as Throttling']
  const known = status ?? statusOf(code)
  if (typeof known !== 'number') return [`status: expected a number; ${code} has no default`]
  const text = typeof message === 'string' ? message : 'injected by the admin API'
  return { type: 'Error', code, status: known, message: text }
}

function parseLatency({
  latencyMs,
  phase = 'BeforeCommit',
}: Record<string, unknown>): FaultEffect | string[] {
  if (typeof latencyMs !== 'number' || latencyMs < 0) return ['latencyMs: expected a number of milliseconds']
  if (phase !== 'BeforeCommit' && phase !== 'AfterCommit')
    return ['phase: expected BeforeCommit or AfterCommit']
  return { type: 'Latency', latencyMs, phase }
}

/** The faults that wait for a call. */
export class FaultTable {
  #faults: Fault[] = []

  add(fault: Fault): void {
    this.#faults.push({ ...fault })
  }

  list(): readonly Fault[] {
    return this.#faults
  }

  clear(): void {
    this.#faults = []
  }

  /** The effect for this call, if any; the oldest matching fault is used up by one. */
  take(operation: string, distribution: string | undefined): FaultEffect | undefined {
    const fault = this.#faults.find(
      (candidate) =>
        (candidate.operation === '*' || candidate.operation === operation) &&
        (candidate.distribution === undefined || candidate.distribution === distribution),
    )
    if (fault === undefined) return undefined
    fault.times -= 1
    if (fault.times === 0) this.#faults = this.#faults.filter((candidate) => candidate !== fault)
    return fault.effect
  }
}
