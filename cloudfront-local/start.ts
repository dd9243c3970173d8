/** The emulator as a module: tests start one in their own process. */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { resolve as resolvePath } from 'node:path'
import { ADMIN_PREFIX, answerAdmin } from './admin/admin.ts'
import { closeServers, listenOn } from './http/listen.ts'
import { parseResolveEntry } from './http/resolve-map.ts'
import { logToStderr } from './log.ts'
import { seededRandom } from './propagation/random.ts'
import { DEFAULT_SEED, parseSeed, readSeed } from './seed.ts'
import { StateFolder } from './state/state-folder.ts'
import { apiOf, buildWorld, sow } from './world.ts'
import { createViewerServer, KEEP_ALIVE_MS } from './edge/viewer-server.ts'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AuditEntry } from './audit-log.ts'
import type { Outcome } from './control-plane/control-plane.ts'
import type { IdenticalPut } from './control-plane/distributions.ts'
import type { Edge, UnknownOrigin } from './edge/edge.ts'
import type { Address } from './http/resolve-map.ts'
import type { Log } from './log.ts'
import type { Range } from './propagation/propagation.ts'
import type { Seed } from './seed.ts'
import type { SeedContent, SeedDistribution } from './seed-content.ts'
import type { World } from './world.ts'

/** Every member has a default that suits a test: ports chosen by the system, three edges, the default seed. */
export type CloudFrontLocalOptions = {
  /** Addresses to listen on; URLs name the first. Default 127.0.0.1. */
  hosts?: readonly string[]
  /** Port of the control plane, the data plane of KeyValueStores and the admin API; 0 lets the system choose. */
  port?: number
  /** One port per edge; missing ones are chosen by the system. */
  edgePorts?: readonly number[]
  /** A port behind which every edge answers in turn; 0 lets the system choose. Without it there is none. */
  viewerPort?: number
  edges?: number
  /** Text of a seed file (JSON or XML), or the short form itself; a list means distributions only. */
  seed?: string | readonly SeedDistribution[] | SeedContent
  /** Where the files lie that a seed names. Default: the working directory. */
  seedFolder?: string
  /** Keep the state in this folder over a restart; the seed is for a new one only. */
  stateFolder?: string
  /** `HOST=ADDRESS[:PORT]`: where the DNS name of an origin lives. */
  resolve?: readonly string[]
  /** Of distributions, functions and invalidations. */
  propagation?: Range
  /** Of the keys of KeyValueStores. */
  storePropagation?: Range
  /** Same seed, same propagation delays. */
  randomSeed?: number
  /** Append the audit log to this file as JSON lines. */
  auditFile?: string
  identicalPut?: IdenticalPut
  /** What `selectRequestOriginById` does with an id that is no origin's, which is not documented. Default: Throws. */
  unknownOrigin?: UnknownOrigin
  /** Cap of the list operations' MaxItems; CloudFront's is 100. */
  maxPageSize?: number
  log?: Log
  /** Sees every outcome of the control plane before its caller does: our tests compare all of them with the model. */
  inspect?: (outcome: Outcome) => void
  /**
   * What the clock shows before anything was skipped, in milliseconds since 1970. Default: the machine's time. With a
   * time that stands still, a delay that has not passed by `clock/advance` is still waited for by a timer of the machine.
   */
  now?: () => number
}

export type CloudFrontLocal = {
  apiUrl: string
  adminUrl: string
  edgeUrls: string[]
  /** Undefined without `viewerPort`. */
  viewerUrl: string | undefined
  ports: { api: number; edges: number[]; viewer?: number }
  /** Entries of the audit log, oldest first, optionally only those after a sequence number. */
  audit: (after?: number) => AuditEntry[]
  /** The first wanted entry after a sequence number (default 0), now or when it comes; rejects when the signal fires. */
  waitFor: (
    wanted: (entry: AuditEntry) => boolean,
    after?: number,
    signal?: AbortSignal,
  ) => Promise<AuditEntry>
  /** Stop; requests in flight get `graceMs` (default 1000) to finish. */
  close: (graceMs?: number) => Promise<void>
}

const DEFAULTS = {
  edges: 3,
  propagation: { minMs: 50, maxMs: 500 },
  storePropagation: { minMs: 10, maxMs: 100 },
  identicalPut: 'NewEtag',
  unknownOrigin: 'Throws',
  maxPageSize: 100,
  log: logToStderr,
  now: Date.now,
} as const satisfies Partial<CloudFrontLocalOptions>
const DEFAULT_GRACE_MS = 1000

/**
 * Start a control plane and its edges. Rejects with SeedError when the seed is not usable, with StateError when the
 * state folder is not, with a system error when a port or the audit file is not to be had.
 */
export async function startCloudFrontLocal(options: CloudFrontLocalOptions = {}): Promise<CloudFrontLocal> {
  const { hosts = ['127.0.0.1'], port = 0, edgePorts = [] } = options
  const world = furnish(options)
  const { audit, edges, propagations, tester } = world
  const servers: Server[] = []
  const close = async (graceMs = DEFAULT_GRACE_MS): Promise<void> => {
    for (const propagation of Object.values(propagations)) propagation.close()
    await Promise.all([closeServers(servers, graceMs), ...edges.map((edge) => edge.close(graceMs))])
    await tester.close()
    audit.close()
  }
  const listen = async (at: number, create: () => Server): Promise<number> => {
    const listening = await listenOn(hosts, at, create)
    servers.push(...listening.servers)
    return listening.port
  }
  try {
    const api = await listen(port, apiServer(world))
    const ports = await Promise.all(edges.map((edge, index) => edge.listen(hosts, edgePorts[index] ?? 0)))
    const { viewerPort } = options
    const viewer = viewerPort === undefined ? undefined : await listen(viewerPort, viewerServer(edges))
    const url = (at: number): string => `http://${bracketed(hosts[0] ?? '')}:${at}`
    return {
      apiUrl: url(api),
      adminUrl: `${url(api)}${ADMIN_PREFIX}`,
      edgeUrls: ports.map(url),
      viewerUrl: viewer === undefined ? undefined : url(viewer),
      ports: { api, edges: ports, ...(viewer === undefined ? {} : { viewer }) },
      audit: (after) => audit.entries(after),
      waitFor: (wanted, after, signal) => audit.waitFor(wanted, after, signal),
      close,
    }
  } catch (error) {
    await close(0)
    throw error
  }
}

/** A world with its state or its seed in it. */
function furnish(options: CloudFrontLocalOptions): World {
  const { stateFolder, auditFile, resolve = [], ...wanted } = options
  const seed = seedOf(options)
  const state = stateFolder === undefined ? undefined : new StateFolder(stateFolder)
  const world = buildWorld({
    ...DEFAULTS,
    ...wanted,
    ...{ state, auditFile },
    resolve: readResolve(resolve),
    random: seededRandom(options.randomSeed ?? randomInt(2 ** 32)),
  })
  if (state?.isNew !== false) sow(world, seed)
  state?.settle()
  return world
}

function seedOf({ seed = DEFAULT_SEED, seedFolder = '.' }: CloudFrontLocalOptions): Seed {
  const tools = {
    pick: (choices: number) => randomInt(choices),
    readCode: (file: string) => readFileSync(resolvePath(seedFolder, file), 'utf8'),
  }
  if (typeof seed === 'string') return parseSeed(seed, tools)
  return readSeed('distributions' in seed ? seed : { distributions: seed }, tools)
}

function apiServer(world: World): () => Server {
  const answerApi = apiOf(world)
  return () =>
    createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      const isAdmin = request.url?.startsWith(`${ADMIN_PREFIX}/`) === true
      void (isAdmin ? answerAdmin(world, request, response) : answerApi(request, response))
    })
}

/** Viewers who do not care get the edges in turn; `X-Edge: 2` asks for one. */
function viewerServer(edges: readonly Edge[]): () => Server {
  let turn = 0
  const next = (): Edge | undefined => edges[turn++ % edges.length]
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const asked = Number(request.headers['x-edge'])
    const edge = edges.find(({ number }) => number === asked) ?? next()
    edge?.answer(request, response)
  }
  return () => createViewerServer(answer, (unreadable) => next()?.answerUnreadable(unreadable))
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

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
