/** Who a request is: its id, its place in a trace, and what the access log will say of it. */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Protocol } from './model-metrics.ts'

/** A request's place in a distributed trace (W3C Trace Context, level 2). All ids are lower-case hex. */
export type Trace = {
  traceId: string
  /** The caller's. */
  parentSpanId: string
  /** Ours: what we call further is its child. */
  spanId: string
  /** Two hex digits; the last bit says that the caller records the trace. */
  flags: string
  /** Of the caller's vendors, passed on as it came. */
  state: string | undefined
}

/** `call` knows the rows once they are decoded. */
export type Asked = {
  protocol: Protocol
  model: { name: string; version: string }
  call: { rows: number | undefined }
}

/** One request. The route fills in what it learns. */
export class RequestContext {
  readonly id: string
  /** Only where the caller sent a trace: this server takes part in traces and starts none. */
  readonly trace: Trace | undefined
  /** On the clock of `performance.now()`. */
  readonly startedMs = performance.now()
  /** Which model it wants an answer of; undefined until its route knows, and where it wants none. */
  asked: Asked | undefined

  constructor(headers: IncomingHttpHeaders) {
    this.id = requestId(headers['x-request-id'])
    const { traceparent, tracestate } = headers
    this.trace = typeof traceparent === 'string' ? parseTrace(traceparent, tracestate) : undefined
  }

  /** What to send with the answer. `traceresponse` is the header of W3C's drafts: who called learns our span. */
  get answerHeaders(): Record<string, string> {
    const { id, trace } = this
    return trace ? { 'x-request-id': id, traceresponse: traceparentOf(trace) } : { 'x-request-id': id }
  }

  /** What to send with a request that is made on behalf of this one. */
  get outgoingHeaders(): Record<string, string> {
    const { id, trace } = this
    if (!trace) return { 'x-request-id': id }
    return {
      'x-request-id': id,
      traceparent: traceparentOf(trace),
      ...(trace.state === undefined ? {} : { tracestate: trace.state }),
    }
  }
}

/** Ours, as the `traceparent` of whom we call and as the `traceresponse` to who called. */
export function traceparentOf({ traceId, spanId, flags }: Trace): string {
  return `00-${traceId}-${spanId}-${flags}`
}

const CONTEXT = Symbol('context')

type Known = ServerResponse & { [CONTEXT]?: RequestContext }

/** Give a request its context. */
export function beginContext(headers: IncomingHttpHeaders, response: ServerResponse): RequestContext {
  const context = new RequestContext(headers)
  const known: Known = response
  known[CONTEXT] = context
  for (const [name, value] of Object.entries(context.answerHeaders)) response.setHeader(name, value)
  return context
}

/** The context that `beginContext` gave. */
export function contextOf(response: ServerResponse): RequestContext {
  const context = (response as Known)[CONTEXT]
  if (!context) throw new Error('the response has no context; beginContext comes first')
  return context
}

/** Of this process, so that counting is enough to make ids that are unique everywhere. */
const PROCESS_ID = randomBytes(9).toString('base64url')
let counted = 0

/** The caller's id where it is fit for a header and a log line; otherwise a new one. */
function requestId(given: string | string[] | undefined): string {
  if (typeof given === 'string' && /^[A-Za-z0-9._~:/+=@-]{1,128}$/.test(given)) return given
  counted += 1
  return `${PROCESS_ID}-${counted.toString(36)}`
}

/** No version is ff, and no id all zeros. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
/** What the specification wants passed on at least. */
const MAX_STATE = 512

/** https://www.w3.org/TR/trace-context/#traceparent-header: a version that is not known yet is read as far as it is the known one. */
function parseTrace(traceparent: string, tracestate: string | string[] | undefined): Trace | undefined {
  const parts = TRACEPARENT.exec(traceparent)
  if (!parts) return undefined
  const [, version, traceId = '', parentSpanId = '', flags = '', more] = parts
  if (version === '00' && more !== undefined) return undefined
  const state = Array.isArray(tracestate) ? tracestate.join(',') : tracestate
  return {
    traceId,
    parentSpanId,
    spanId: newSpanId(),
    // Of the flags of another version only the one of ours has a meaning that we know.
    flags: version === '00' ? flags : (Number.parseInt(flags, 16) & 1).toString().padStart(2, '0'),
    state: state !== undefined && state.length <= MAX_STATE ? state : undefined,
  }
}

const POOL = Buffer.alloc(4096)
let taken = POOL.length

/** Eight random bytes; never all zeros, which would mean none. */
function newSpanId(): string {
  if (taken === POOL.length) {
    POOL.set(randomBytes(POOL.length))
    taken = 0
  }
  const id = POOL.toString('hex', taken, (taken += 8))
  return id === '0000000000000000' ? newSpanId() : id
}
