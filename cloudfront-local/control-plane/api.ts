/** The control plane on the wire: REST-XML, API version 2020-05-31. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudFrontError, errorBody } from './cloudfront-error.ts'
import { configDocument, distributionDocument, listDocument } from './distribution-xml.ts'
import { readBody } from '../http/read-body.ts'
import { decodeSegment, parseTarget } from '../http/request-target.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuditLog, CallEntry } from '../audit-log.ts'
import type { Distributions } from './distributions.ts'
import type { FaultEffect, FaultTable } from './faults.ts'
import type { Status } from './distribution-xml.ts'

/** What the control plane works on. `maxPageSize` caps MaxItems of ListDistributions. */
export type ApiContext = {
  distributions: Distributions
  audit: AuditLog
  faults: FaultTable
  maxPageSize: number
}

const OPERATIONS = [
  'GetDistribution',
  'GetDistributionConfig',
  'UpdateDistribution',
  'ListDistributions',
] as const
type Operation = (typeof OPERATIONS)[number] | 'Unknown'
type Call = {
  operation: Operation
  id: string
  query: URLSearchParams
  ifMatch: string | undefined
  body: string
}
type Answer = { status: number; body: string; etag?: string; audit?: Partial<CallEntry> }

const MAX_BODY_BYTES = 1024 * 1024

const ROUTES: readonly { method: string; path: RegExp; operation: Operation }[] = [
  { method: 'GET', path: /^\/2020-05-31\/distribution$/, operation: 'ListDistributions' },
  { method: 'GET', path: /^\/2020-05-31\/distribution\/([^/]+)$/, operation: 'GetDistribution' },
  {
    method: 'GET',
    path: /^\/2020-05-31\/distribution\/([^/]+)\/config$/,
    operation: 'GetDistributionConfig',
  },
  { method: 'PUT', path: /^\/2020-05-31\/distribution\/([^/]+)\/config$/, operation: 'UpdateDistribution' },
]

/** Answer one request of the control plane; it never rejects. */
export async function answerApi(
  context: ApiContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = randomUUID()
  const call = await readCall(request)
  if (call === undefined) return
  const fault = context.faults.take(call.operation, call.id)
  if (fault?.type === 'Latency' && fault.phase === 'BeforeCommit') await sleep(fault.latencyMs)
  const answer = perform(context, call, fault, requestId)
  // Before the answer leaves: who reads the log knows of a commit no later than the client does.
  context.audit.append(auditEntry({ call, answer, fault, requestId }, request.headers['user-agent']))
  if (fault?.type === 'Latency' && fault.phase === 'AfterCommit') await sleep(fault.latencyMs)
  if (fault?.type === 'DropAfterCommit') {
    response.destroy()
    return
  }
  response.writeHead(answer.status, {
    'content-type': 'text/xml',
    'content-length': Buffer.byteLength(answer.body),
    'x-amzn-requestid': requestId,
    ...(answer.etag === undefined ? {} : { etag: answer.etag }),
  })
  response.end(answer.body)
}

/** Undefined when the client went away or sent too much; there is nobody to answer then. */
async function readCall(request: IncomingMessage): Promise<Call | undefined> {
  const target = parseTarget(request.url)
  // The SDK writes list calls without, other clients with a slash at the end.
  const path = target.path.replace(/\/$/, '')
  const body = await readBody(request, MAX_BODY_BYTES)
  if (body === undefined) return undefined
  const ifMatch = request.headers['if-match']
  for (const route of ROUTES) {
    const match = request.method === route.method ? route.path.exec(path) : null
    if (match === null) continue
    const id = decodeSegment(match[1] ?? '')
    return { operation: route.operation, id, query: target.query, ifMatch, body }
  }
  return { operation: 'Unknown', id: '', query: target.query, ifMatch, body }
}

function perform(context: ApiContext, call: Call, fault: FaultEffect | undefined, requestId: string): Answer {
  try {
    if (fault?.type === 'Error') throw new CloudFrontError(fault.code, fault.message, fault.status)
    return carryOut(context, call)
  } catch (error) {
    const known =
      error instanceof CloudFrontError
        ? error
        : new CloudFrontError('InternalError', error instanceof Error ? error.message : String(error))
    return { status: known.status, body: errorBody(known, requestId), audit: { code: known.code } }
  }
}

function carryOut({ distributions, maxPageSize }: ApiContext, call: Call): Answer {
  const statusOf = (id: string): Status => (distributions.isDeployed(id) ? 'Deployed' : 'InProgress')
  switch (call.operation) {
    case 'GetDistribution': {
      const version = distributions.get(call.id)
      return { status: 200, etag: version.etag, body: distributionDocument(version, statusOf(call.id)) }
    }
    case 'GetDistributionConfig': {
      const version = distributions.get(call.id)
      return { status: 200, etag: version.etag, body: configDocument(version) }
    }
    case 'UpdateDistribution': {
      const { version, targets } = distributions.update(call.id, call.ifMatch, call.body)
      return {
        status: 200,
        etag: version.etag,
        body: distributionDocument(version, statusOf(call.id)),
        audit: { etag: version.etag, version: version.number, targets },
      }
    }
    case 'ListDistributions':
      return { status: 200, body: listPage(distributions, call.query, maxPageSize) }
    case 'Unknown':
      throw new CloudFrontError('NotImplemented', `This stand-in has ${OPERATIONS.join(', ')}, and no more.`)
  }
}

function listPage(distributions: Distributions, query: URLSearchParams, maxPageSize: number): string {
  const marker = query.get('Marker') ?? ''
  const asked = Number(query.get('MaxItems') ?? '100')
  if (!Number.isInteger(asked) || asked < 1) {
    throw new CloudFrontError('InvalidArgument', 'MaxItems must be a positive integer.')
  }
  const maxItems = Math.min(asked, maxPageSize)
  const rest = distributions.list().filter(({ distribution }) => distribution > marker)
  const items = rest.slice(0, maxItems)
  return listDocument({
    marker,
    maxItems,
    nextMarker: rest.length > maxItems ? items.at(-1)?.distribution : undefined,
    items: items.map((version) => ({
      version,
      status: distributions.isDeployed(version.distribution) ? 'Deployed' : 'InProgress',
    })),
  })
}

type Handled = { call: Call; answer: Answer; fault: FaultEffect | undefined; requestId: string }

function auditEntry({ call, answer, fault, requestId }: Handled, userAgent: string | undefined): CallEntry {
  return {
    type: 'Call',
    via: 'Api',
    operation: call.operation,
    ...(call.id === '' ? {} : { distribution: call.id }),
    ...(call.ifMatch === undefined ? {} : { ifMatch: call.ifMatch }),
    status: answer.status,
    ...answer.audit,
    ...(fault === undefined ? {} : { fault: fault.type }),
    requestId,
    ...(userAgent === undefined ? {} : { userAgent }),
  }
}
