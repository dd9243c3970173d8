/** What happens to every call: find its operation, meet a fault, decide, write the audit log, answer. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { readBody } from '../http/read-body.ts'
import { decodeSegment, parseTarget } from '../http/request-target.ts'
import { ApiError } from './api-error.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuditLog, CallEntry } from '../audit-log.ts'
import type { Answer, Call, Route, Service } from './call.ts'
import type { FaultEffect, FaultTable } from './faults.ts'

export type CallContext = { audit: AuditLog; faults: FaultTable }

type Received = { route: Route | undefined; call: Call; operation: string; about: Partial<CallEntry> }

// A store takes up to 3 MB in one request, and a distribution of a hundred origins is far smaller.
const MAX_BODY_BYTES = 4 * 1024 * 1024

/** Answer one call; it never rejects. */
export async function answerCall(
  { audit, faults, ...service }: Service & CallContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = randomUUID()
  const received = await receive(service, request)
  if (received === undefined) return
  const fault = faults.take(received.operation, received.about)
  if (fault?.type === 'Latency' && fault.phase === 'BeforeCommit') await sleep(fault.latencyMs)
  const answer = await perform(service, received, fault, requestId)
  // Before the answer leaves: who reads the log knows of a commit no later than the client does.
  audit.append({ ...entryOf(received, answer, fault), requestId, ...senderOf(request) })
  if (fault?.type === 'Latency' && fault.phase === 'AfterCommit') await sleep(fault.latencyMs)
  if (fault?.type === 'DropAfterCommit') {
    response.destroy()
    return
  }
  send(response, answer, service.contentType, requestId)
}

function entryOf(
  { operation, about, call }: Received,
  answer: Answer,
  fault: FaultEffect | undefined,
): CallEntry {
  return {
    type: 'Call',
    via: 'Api',
    operation,
    ...about,
    ...(call.ifMatch === undefined ? {} : { ifMatch: call.ifMatch }),
    status: answer.status,
    ...answer.audit,
    ...(fault === undefined ? {} : { fault: fault.type }),
  }
}

function senderOf({ headers }: IncomingMessage): Pick<CallEntry, 'userAgent' | 'caller'> {
  const { 'user-agent': userAgent, authorization = '' } = headers
  const caller = /\bCredential=([^/,]+)/.exec(authorization)?.[1]
  return {
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(caller === undefined ? {} : { caller }),
  }
}

function send(response: ServerResponse, answer: Answer, contentType: string, requestId: string): void {
  response.writeHead(answer.status, {
    ...(answer.status === 204
      ? {}
      : { 'content-type': contentType, 'content-length': Buffer.byteLength(answer.body) }),
    'x-amzn-requestid': requestId,
    ...answer.headers,
  })
  response.end(answer.body)
}

/** Undefined when the client went away or sent too much; there is nobody to answer then. */
async function receive(service: Service, request: IncomingMessage): Promise<Received | undefined> {
  const { path, query } = parseTarget(request.url)
  const body = await readBody(request, MAX_BODY_BYTES)
  if (body === undefined) return undefined
  const { headers } = request
  const call = { query, headers, ifMatch: headers['if-match'], body, parts: [] }
  const origin: Partial<CallEntry> = service.name === 'CloudFront' ? {} : { service: service.name }
  for (const route of service.routes) {
    // The SDK writes list calls without, other clients with a slash at the end.
    const match = request.method === route.method ? route.path.exec(path.replace(/\/$/, '')) : null
    if (match === null || route.when?.(query) === false) continue
    const parts = match.slice(1).map(decodeSegment)
    const [first] = parts
    const { subject } = route
    const about =
      subject === undefined || first === undefined ? {} : { [subject]: service.nameOf?.(first) ?? first }
    return { route, call: { ...call, parts }, operation: route.operation, about: { ...origin, ...about } }
  }
  return { route: undefined, call, operation: 'Unknown', about: origin }
}

async function perform(
  service: Service,
  { route, call }: Received,
  fault: FaultEffect | undefined,
  requestId: string,
): Promise<Answer> {
  try {
    if (fault?.type === 'Error') throw new ApiError(fault.code, fault.message, fault.status)
    if (route === undefined) throw service.unknownCall()
    return await route.handle(call)
  } catch (error) {
    const known =
      error instanceof ApiError
        ? error
        : new ApiError('InternalError', error instanceof Error ? error.message : String(error), 500)
    return { status: known.status, ...service.describeError(known, requestId), audit: { code: known.code } }
  }
}
