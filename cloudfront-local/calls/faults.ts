/** Faults of the APIs, asked for by a test and used up by the calls that meet them. */
import { statusOf } from './status-codes.ts'

/** What happens to a call. BeforeCommit: the change is not yet made; AfterCommit: it is made, the answer is late. */
export type FaultEffect =
  | { type: 'Error'; code: string; status: number; message: string }
  | { type: 'Latency'; latencyMs: number; phase: 'BeforeCommit' | 'AfterCommit' }
  | { type: 'DropAfterCommit' }

/** Members by which a fault may name the calls that it meets; a call must agree with all that are given. */
export const FAULT_SUBJECTS = ['service', 'distribution', 'store', 'function'] as const

/** What a fault can know of a call. */
export type FaultScope = Partial<Record<(typeof FAULT_SUBJECTS)[number], string>>

/** `operation` is an API operation or "*". */
export type Fault = FaultScope & { operation: string; times: number; effect: FaultEffect }

/** Read the body of a fault request; a list of problems when it makes no sense. */
export function parseFault(body: unknown): Fault | string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ['expected a JSON object']
  const { operation, times = 1, ...members } = body as Record<string, unknown>
  const named = Object.entries(members).filter(([name]) => isSubject(name))
  const rest = Object.fromEntries(Object.entries(members).filter(([name]) => !isSubject(name)))
  const problems = named
    .filter(([, value]) => typeof value !== 'string')
    .map(([name]) => `${name}: expected text`)
  if (typeof operation !== 'string') problems.push('operation: name an API operation, or "*"')
  if (!Number.isInteger(times) || Number(times) < 1) problems.push('times: expected a positive integer')
  const effect = parseEffect(rest)
  if (Array.isArray(effect)) return [...problems, ...effect]
  if (problems.length > 0) return problems
  return { operation: operation as string, ...Object.fromEntries(named), times: times as number, effect }
}

function isSubject(name: string): boolean {
  return (FAULT_SUBJECTS as readonly string[]).includes(name)
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

  /** Forgets those that name exactly what is given; all of them where nothing is. */
  clear(about: FaultScope & { operation?: string } = {}): void {
    const named = Object.entries(about) as [keyof typeof about, string][]
    this.#faults = this.#faults.filter((fault) => !named.every(([name, value]) => fault[name] === value))
  }

  /** The effect for this call, if any; the oldest matching fault is used up by one. */
  take(operation: string, call: FaultScope): FaultEffect | undefined {
    // Calls of the main service do not name it.
    const scope: FaultScope = { service: 'CloudFront', ...call }
    const fault = this.#faults.find(
      (candidate) =>
        (candidate.operation === '*' || candidate.operation === operation) &&
        FAULT_SUBJECTS.every((name) => candidate[name] === undefined || candidate[name] === scope[name]),
    )
    if (fault === undefined) return undefined
    fault.times -= 1
    if (fault.times === 0) this.#faults = this.#faults.filter((candidate) => candidate !== fault)
    return fault.effect
  }
}
