/** The stand-in as a module: tests start one in their own process. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:http'
import { ADMIN_PREFIX, answerAdmin } from './admin/admin.ts'
import { answerApi } from './control-plane/api.ts'
import { AuditLog } from './audit-log.ts'
import { Distributions } from './control-plane/distributions.ts'
import { Edge } from './edge/edge.ts'
import { FaultTable } from './control-plane/faults.ts'
import { closeServers, listenOn } from './http/listen.ts'
import { logToStderr } from './log.ts'
import { Propagation } from './propagation/propagation.ts'
import { seededRandom } from './propagation/random.ts'
import { parseResolveEntry } from './http/resolve-map.ts'
import { DEFAULT_SEED, expandSeed, parseSeed } from './seed.ts'
import type { Server } from 'node:http'
import type { AuditEntry } from './audit-log.ts'
import type { IdenticalPut } from './control-plane/distributions.ts'
import type { Log } from './log.ts'
import type { Version } from './propagation/propagation.ts'
import type { Address } from './http/resolve-map.ts'
import type { SeedDistribution } from './seed.ts'

/** Every member has a default that suits a test: ports chosen by the system, three edges, the default seed. */
export type CloudFrontLocalOptions = {
  /** Addresses to listen on; URLs name the first. Default 127.0.0.1. */
  hosts?: readonly string[]
  /** Port of the control plane and the admin API; 0 lets the system choose. */
  port?: number
  /** One port per edge; missing ones are chosen by the system. */
  edgePorts?: readonly number[]
  edges?: number
  /** Text of a seed file (JSON or XML), or distributions in the short form. */
  seed?: string | readonly SeedDistribution[]
  /** `HOST=ADDRESS[:PORT]`: where the DNS name of an origin lives. */
  resolve?: readonly string[]
  propagation?: { minMs: number; maxMs: number }
  /** Same seed, same propagation delays. */
  randomSeed?: number
  /** Append the audit log to this file as JSON lines. */
  auditFile?: string
  identicalPut?: IdenticalPut
  /** Cap of ListDistributions' MaxItems; CloudFront's is 100. */
  maxPageSize?: number
  log?: Log
}

export type CloudFrontLocal = {
  apiUrl: string
  adminUrl: string
  edgeUrls: string[]
  ports: { api: number; edges: number[] }
  /** Entries of the audit log, oldest first, optionally only those after a sequence number. */
  audit(after?: number): AuditEntry[]
  /** The first wanted entry after a sequence number (default 0), now or when it comes; rejects when the signal fires. */
  waitFor(wanted: (entry: AuditEntry) => boolean, after?: number, signal?: AbortSignal): Promise<AuditEntry>
  /** Stop; requests in flight get `graceMs` (default 1000) to finish. */
  close(graceMs?: number): Promise<void>
}

const DEFAULT_PROPAGATION = { minMs: 50, maxMs: 500 }
const DEFAULT_GRACE_MS = 1000

/**
 * Start a control plane and its edges. Rejects with SeedError when the seed is not usable, with a system error when a
 * port or the audit file is not to be had.
 */
export async function startCloudFrontLocal(options: CloudFrontLocalOptions = {}): Promise<CloudFrontLocal> {
  const { hosts = ['127.0.0.1'], port = 0, edgePorts = [] } = options
  const { audit, edges, propagation, createApi } = build(options)
  let apiServers: Server[] = []
  const close = async (graceMs = DEFAULT_GRACE_MS): Promise<void> => {
    propagation.close()
    await Promise.all([closeServers(apiServers, graceMs), ...edges.map((edge) => edge.close(graceMs))])
    audit.close()
  }
  try {
    const api = await listenOn(hosts, port, createApi)
    apiServers = api.servers
    const ports = await Promise.all(edges.map((edge, index) => edge.listen(hosts, edgePorts[index] ?? 0)))
    const url = (at: number): string => `http://${bracketed(hosts[0] ?? '')}:${at}`
    return {
      apiUrl: url(api.port),
      adminUrl: `${url(api.port)}${ADMIN_PREFIX}`,
      edgeUrls: ports.map(url),
      ports: { api: api.port, edges: ports },
      audit: (after) => audit.entries(after),
      waitFor: (wanted, after, signal) => audit.waitFor(wanted, after, signal),
      close,
    }
  } catch (error) {
    await close(0)
    throw error
  }
}

type Parts = { audit: AuditLog; edges: readonly Edge[]; propagation: Propagation; createApi: () => Server }

/** Everything in its place, nothing listening yet. */
function build(options: CloudFrontLocalOptions): Parts {
  const { edges: edgeCount = 3, log = logToStderr, identicalPut = 'NewEtag', maxPageSize = 100 } = options
  const seed = readSeed(options.seed)
  const resolve = readResolve(options.resolve ?? [])
  const audit = new AuditLog(options.auditFile)
  const edges = Array.from({ length: edgeCount }, (_, index) => new Edge({ number: index + 1, resolve, log }))
  const random = seededRandom(options.randomSeed ?? randomInt(2 ** 32))
  const delays = { ...(options.propagation ?? DEFAULT_PROPAGATION), random }
  const propagation = new Propagation(edges, delays, (edge, version) => {
    audit.append(appliedEntry(edge, version, propagation.isDeployed(version.distribution)))
  })
  const distributions = new Distributions(propagation, identicalPut, pick)
  for (const distribution of seed) distributions.create(distribution)

  const faults = new FaultTable()
  const apiContext = { distributions, audit, faults, maxPageSize }
  const adminContext = { distributions, audit, faults, propagation, edges, resolve, pick }
  const createApi = (): Server =>
    createServer((request, response) => {
      const isAdmin = request.url?.startsWith(`${ADMIN_PREFIX}/`) === true
      void (isAdmin ? answerAdmin(adminContext, request, response) : answerApi(apiContext, request, response))
    })
  return { audit, edges, propagation, createApi }
}

// Identifiers are new in every run, seed or not: a client that keeps an ETag over a restart must be found out.
function pick(choices: number): number {
  return randomInt(choices)
}

function readSeed(seed: CloudFrontLocalOptions['seed'] = DEFAULT_SEED): ReturnType<typeof expandSeed> {
  return typeof seed === 'string' ? parseSeed(seed, pick) : expandSeed(seed, pick)
}

function readResolve(entries: readonly string[]): Map<string, Address> {
  return new Map(
    entries.map((text) => {
      const entry = parseResolveEntry(text)
      if (entry === undefined) throw new Error(`resolve: expected HOST=ADDRESS[:PORT], not ${text}`)
      return entry
    }),
  )
}

function appliedEntry(edge: number, version: Version, deployed: boolean): Parameters<AuditLog['append']>[0] {
  return {
    type: 'EdgeApplied',
    edge,
    distribution: version.distribution,
    version: version.number,
    etag: version.etag,
    status: deployed ? 'Deployed' : 'InProgress',
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
