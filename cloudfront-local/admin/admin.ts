/** The stand-in's own API under /_admin: what AWS does not offer and a test needs. JSON both ways. */
import { CloudFrontError } from '../control-plane/cloudfront-error.ts'
import { withTargetOriginId } from '../control-plane/distribution-config.ts'
import { parseFault } from '../control-plane/faults.ts'
import { readBody } from '../http/read-body.ts'
import { decodeSegment, parseTarget } from '../http/request-target.ts'
import { parseAddress } from '../http/resolve-map.ts'
import { expandSeed, SeedError } from '../seed.ts'
import { element, withChild } from '../control-plane/xml.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuditEntry, AuditLog, CallEntry } from '../audit-log.ts'
import type { Distributions } from '../control-plane/distributions.ts'
import type { Edge } from '../edge/edge.ts'
import type { FaultTable } from '../control-plane/faults.ts'
import type { Propagation, Version } from '../propagation/propagation.ts'
import type { Address } from '../http/resolve-map.ts'
import type { SeedDistribution } from '../seed.ts'
import type { XmlElement } from '../control-plane/xml.ts'

/** Path under which the admin API lies on the port of the control plane. */
export const ADMIN_PREFIX = '/_admin'

export type AdminContext = {
  distributions: Distributions
  audit: AuditLog
  faults: FaultTable
  propagation: Propagation
  edges: readonly Edge[]
  resolve: Map<string, Address>
  pick: (choices: number) => number
}

type AdminRequest = {
  context: AdminContext
  /** Decoded parts of the path that the route captured. */
  parts: string[]
  query: URLSearchParams
  body: unknown
}
type AdminAnswer = { status: number; body?: unknown }
type Handler = (request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>
type Route = { method: string; path: RegExp; handle: Handler }

/** A request that the admin API cannot carry out; the message says what it expected. */
class AdminError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const MAX_BODY_BYTES = 1024 * 1024
const MAX_WAIT_SECONDS = 60

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/audit$/, handle: getAudit },
  { method: 'GET', path: /^\/resolve$/, handle: ({ context }) => ok(Object.fromEntries(context.resolve)) },
  { method: 'PUT', path: /^\/resolve\/([^/]+)$/, handle: putResolve },
  { method: 'DELETE', path: /^\/resolve\/([^/]+)$/, handle: deleteResolve },
  { method: 'GET', path: /^\/faults$/, handle: ({ context }) => ok(context.faults.list()) },
  { method: 'POST', path: /^\/faults$/, handle: postFault },
  { method: 'DELETE', path: /^\/faults$/, handle: deleteFaults },
  { method: 'GET', path: /^\/edges$/, handle: ({ context }) => ok(describeEdges(context)) },
  { method: 'POST', path: /^\/edges\/(\d+|all)\/(hold|release)$/, handle: holdOrRelease },
  { method: 'GET', path: /^\/distributions$/, handle: getDistributions },
  { method: 'POST', path: /^\/distributions$/, handle: postDistribution },
  { method: 'DELETE', path: /^\/distributions\/([^/]+)$/, handle: deleteDistribution },
  { method: 'POST', path: /^\/distributions\/([^/]+)\/foreign-write$/, handle: foreignWrite },
]

/** Answer one request under /_admin; it never rejects. */
export async function answerAdmin(
  context: AdminContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await perform(context, request)
  if (answer === undefined) return
  const text = answer.body === undefined ? '' : `${JSON.stringify(answer.body)}\n`
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

async function perform(context: AdminContext, request: IncomingMessage): Promise<AdminAnswer | undefined> {
  const target = parseTarget(request.url)
  const path = target.path.slice(ADMIN_PREFIX.length)
  const text = await readBody(request, MAX_BODY_BYTES)
  if (text === undefined) return undefined
  try {
    for (const route of ROUTES) {
      const match = request.method === route.method ? route.path.exec(path) : null
      if (match === null) continue
      const parts = match.slice(1).map(decodeSegment)
      return await route.handle({ context, parts, query: target.query, body: parseJson(text) })
    }
    const known = ROUTES.map(({ method, path: { source } }) => `${method} ${readable(source)}`)
    return { status: 404, body: { error: `no such thing; there are: ${known.join(', ')}` } }
  } catch (error) {
    return refusal(error)
  }
}

function readable(source: string): string {
  return `${ADMIN_PREFIX}${source.replaceAll(/[\\^$]/g, '').replaceAll('([/]+)', '…')}`
}

function refusal(error: unknown): AdminAnswer {
  if (error instanceof AdminError) return { status: error.status, body: { error: error.message } }
  if (error instanceof SeedError) return { status: 400, body: { error: error.message } }
  if (error instanceof CloudFrontError) {
    return { status: error.status, body: { error: error.message, code: error.code } }
  }
  return { status: 500, body: { error: String(error) } }
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new AdminError(400, 'the body is not JSON')
  }
}

function ok(body: unknown): AdminAnswer {
  return { status: 200, body }
}

/** `?after=SEQUENCE` gives what came later; with `&waitSeconds=N` it waits for the first such entry. */
async function getAudit({ context, query }: AdminRequest): Promise<AdminAnswer> {
  const after = numberOf(query, 'after')
  const waitSeconds = Math.min(numberOf(query, 'waitSeconds'), MAX_WAIT_SECONDS)
  if (context.audit.entries(after).length === 0 && waitSeconds > 0)
    await nextEntry(context.audit, after, waitSeconds)
  const tail = numberOf(query, 'tail')
  const entries: AuditEntry[] = context.audit.entries(after)
  return ok(tail > 0 ? entries.slice(-tail) : entries)
}

async function nextEntry(audit: AuditLog, after: number, waitSeconds: number): Promise<void> {
  try {
    await audit.waitFor(() => true, after, AbortSignal.timeout(waitSeconds * 1000))
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') throw error
  }
}

function numberOf(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? '0')
  if (!Number.isInteger(value) || value < 0) throw new AdminError(400, `${name}: expected a whole number`)
  return value
}

function putResolve({ context, parts, body }: AdminRequest): AdminAnswer {
  const name = (parts[0] ?? '').toLowerCase()
  const text = (body as { address?: unknown } | undefined)?.address
  const address = typeof text === 'string' ? parseAddress(text) : undefined
  if (address === undefined)
    throw new AdminError(400, 'expected {"address": "ADDRESS[:PORT]"} with an IP address')
  context.resolve.set(name, address)
  return ok({ [name]: address })
}

function deleteResolve({ context, parts }: AdminRequest): AdminAnswer {
  const name = (parts[0] ?? '').toLowerCase()
  if (!context.resolve.delete(name)) throw new AdminError(404, `${name} is not mapped`)
  return { status: 204 }
}

function postFault({ context, body }: AdminRequest): AdminAnswer {
  const fault = parseFault(body)
  if (Array.isArray(fault)) throw new AdminError(400, fault.join('; '))
  context.faults.add(fault)
  return { status: 201, body: fault }
}

function deleteFaults({ context }: AdminRequest): AdminAnswer {
  context.faults.clear()
  return { status: 204 }
}

function holdOrRelease({ context, parts }: AdminRequest): AdminAnswer {
  const [which, verb] = parts
  const chosen = context.edges.filter(({ number }) => which === 'all' || number === Number(which))
  if (chosen.length === 0) throw new AdminError(404, `there is no edge ${which ?? ''}`)
  for (const { number } of chosen) {
    if (verb === 'hold') context.propagation.hold(number)
    else context.propagation.release(number)
  }
  return ok(describeEdges(context))
}

function describeEdges({ edges, distributions, propagation }: AdminContext): unknown {
  const held = propagation.heldEdges()
  return edges.map(({ number, counters }) => ({
    edge: number,
    held: held.includes(number),
    versions: Object.fromEntries(
      distributions
        .list()
        .map(({ distribution }) => [distribution, propagation.appliedVersion(number, distribution)]),
    ),
    counters,
  }))
}

function getDistributions({ context }: AdminRequest): AdminAnswer {
  return ok(context.distributions.list().map((version) => describe(context, version)))
}

function describe({ distributions }: AdminContext, version: Version): Record<string, unknown> {
  const { distribution, domainName, etag, number } = version
  const status = distributions.isDeployed(distribution) ? 'Deployed' : 'InProgress'
  return { id: distribution, domainName, etag, version: number, status }
}

function postDistribution({ context, body }: AdminRequest): AdminAnswer {
  const [distribution] = expandSeed([body as SeedDistribution], context.pick)
  if (distribution === undefined) throw new AdminError(400, 'expected a distribution in the form of the seed')
  const version = context.distributions.create(distribution)
  record(context, 'CreateDistribution', {
    distribution: version.distribution,
    status: 201,
    etag: version.etag,
  })
  return { status: 201, body: describe(context, version) }
}

function deleteDistribution({ context, parts }: AdminRequest): AdminAnswer {
  const id = parts[0] ?? ''
  context.distributions.remove(id)
  record(context, 'DeleteDistribution', { distribution: id, status: 204 })
  return { status: 204 }
}

/** Change the distribution as another writer would; any of the members may be given. */
type ForeignWrite = { pathPattern?: string; targetOriginId?: string; comment?: string; enabled?: boolean }

function foreignWrite({ context, parts, body }: AdminRequest): AdminAnswer {
  const id = parts[0] ?? ''
  const wanted = (body ?? {}) as ForeignWrite
  const { version, targets } = context.distributions.rewrite(id, (config) => edited(config, wanted))
  const { etag, number } = version
  record(context, 'ForeignWrite', { distribution: id, status: 200, etag, version: number, targets })
  return ok(describe(context, version))
}

function edited(config: XmlElement, wanted: ForeignWrite): XmlElement {
  const { pathPattern = '*', targetOriginId, comment, enabled } = wanted
  if (targetOriginId === undefined && comment === undefined && enabled === undefined) {
    throw new AdminError(400, 'expected targetOriginId (with pathPattern, default "*"), comment or enabled')
  }
  const moved =
    targetOriginId === undefined ? config : withTargetOriginId(config, pathPattern, targetOriginId)
  if (moved === undefined)
    throw new AdminError(400, `there is no behavior with the path pattern ${pathPattern}`)
  const commented = comment === undefined ? moved : withChild(moved, element('Comment', comment))
  return enabled === undefined ? commented : withChild(commented, element('Enabled', String(enabled)))
}

function record(
  { audit }: AdminContext,
  operation: string,
  entry: Omit<CallEntry, 'type' | 'via' | 'operation'>,
): void {
  audit.append({ type: 'Call', via: 'Admin', operation, ...entry })
}
