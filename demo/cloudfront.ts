/** cloudfront-local as the demo runs it: a program, and its admin API. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditEntry, CallEntry } from '../cloudfront-local/audit-log.ts'
import type { SeedDistribution } from '../cloudfront-local/seed-content.ts'
import { COLORS, colorName } from '../operator/api/names.ts'
import { DEMO_PLACE, type Place } from './place.ts'
import { startProgram, type Program } from './program.ts'

export type { AuditEntry } from '../cloudfront-local/audit-log.ts'
export type UpdateEntry = CallEntry & { sequence: number; time: string }

export type CloudFront = {
  program: Program
  /** The control plane as pods reach it. */
  endpoint: string
  /** The edges as viewers on this machine reach them. */
  edges: readonly string[]
  /** The first edge as pods reach it. */
  edgeForPods: string
  /** Entries after a sequence number, oldest first. */
  audit: (after?: number) => Promise<AuditEntry[]>
  /** The first wanted entry after a sequence number, now or when it comes; throws when the signal aborts. */
  waitFor: (wanted: (entry: AuditEntry) => boolean, after: number, signal: AbortSignal) => Promise<AuditEntry>
  /** Maps the DNS name of an origin to an address. */
  resolve: (host: string, address: string) => Promise<void>
  addFault: (fault: object) => Promise<void>
  createDistribution: (distribution: SeedDistribution) => Promise<void>
  /** No edge applies anything until `release`. */
  hold: () => Promise<void>
  release: () => Promise<void>
  /** Writes to the distribution as somebody else would. */
  foreignWrite: (distribution: string, change: object) => Promise<void>
}

/** Ids of the two permanent origins of every distribution. */
export const ORIGINS = { blue: 'housing-blue', green: 'housing-green' } as const

/** Short, because it is also how long a color must drain before it may be removed. */
const ORIGIN_TIMEOUT_SECONDS = 5

/** The DNS name of a Service inside the cluster; in a real setup it would be the name of a load balancer. */
export function hostOf(service: string, namespace: string): string {
  return `${service}.${namespace}.svc.cluster.local`
}

/** A distribution whose origins are the two color Services, by the DNS names that they get as soon as the operator made them. */
export function distributionFor({ distributionId: id, host, namespace }: Place): SeedDistribution {
  return {
    id,
    domainName: `d${id.toLowerCase()}.cloudfront.net`,
    comment: 'housing models',
    aliases: [host],
    origins: COLORS.map((color) => ({
      id: ORIGINS[color],
      domainName: hostOf(colorName('housing', color), namespace),
      readTimeoutSeconds: ORIGIN_TIMEOUT_SECONDS,
    })),
    behaviors: [
      { pathPattern: '/v2/*', targetOriginId: ORIGINS.blue },
      { pathPattern: '*', targetOriginId: ORIGINS.blue },
    ],
  }
}

/** Each edge follows a change after a delay drawn from this range, in milliseconds. */
const PROPAGATION = { min: 1000, max: 4000 }
const EDGES = 3

/** Starts the control plane and its edges for this machine and for pods, which reach it at `hostAddress`. */
export async function startCloudFront(hostAddress: string, logDir: string): Promise<CloudFront> {
  const seed = join(logDir, 'distributions.json')
  const first = distributionFor(DEMO_PLACE)
  writeFileSync(seed, JSON.stringify({ distributions: [first] }, undefined, 2))
  const flags = {
    port: '0',
    edges: String(EDGES),
    'edge-ports': '0',
    seed,
    'propagation-min': String(PROPAGATION.min),
    'propagation-max': String(PROPAGATION.max),
    audit: join(logDir, 'audit.jsonl'),
  }
  const hosts = ['--host', '127.0.0.1', '--host', hostAddress]
  const rest = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const program = await startProgram({
    command: ['cloudfront-local/main.ts', ...hosts, ...rest],
    logFile: join(logDir, 'cloudfront-local.log'),
  })
  const { adminUrl, edgeUrls, ports } = JSON.parse(program.ready) as {
    adminUrl: string
    edgeUrls: string[]
    ports: { api: number; edges: number[] }
  }
  return {
    program,
    endpoint: `http://${hostAddress}:${ports.api}`,
    edges: edgeUrls,
    edgeForPods: `http://${hostAddress}:${ports.edges[0] ?? 0}`,
    ...adminOf(adminUrl),
  }
}

type Admin = Omit<CloudFront, 'program' | 'endpoint' | 'edges' | 'edgeForPods'>

const POLL_SECONDS = 20

function adminOf(adminUrl: string): Admin {
  const send = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await fetch(`${adminUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    await answer.body?.cancel()
  }
  const audit = async (after = 0, waitSeconds = 0, signal?: AbortSignal): Promise<AuditEntry[]> => {
    const path = `/audit?after=${after}&waitSeconds=${waitSeconds}`
    const answer = await fetch(`${adminUrl}${path}`, signal ? { signal } : {})
    return (await answer.json()) as AuditEntry[]
  }
  return {
    audit: (after) => audit(after),
    waitFor: async (wanted, after, signal) => {
      for (let seen = after; ;) {
        const entries = await audit(seen, POLL_SECONDS, signal)
        const found = entries.find(wanted)
        if (found) return found
        seen = entries.at(-1)?.sequence ?? seen
      }
    },
    resolve: (host, address) => send('PUT', `/resolve/${host}`, { address }),
    createDistribution: (distribution) => send('POST', '/distributions', distribution),
    hold: () => send('POST', '/edges/all/hold'),
    release: () => send('POST', '/edges/all/release'),
    addFault: (fault) => send('POST', '/faults', fault),
    foreignWrite: (distribution, change) =>
      send('POST', `/distributions/${distribution}/foreign-write`, change),
  }
}

/** An update that CloudFront accepted from an API client, in other words a pointer that was moved. */
export function isAcceptedUpdate(entry: AuditEntry): entry is AuditEntry & UpdateEntry {
  return (
    entry.type === 'Call' &&
    entry.via === 'Api' &&
    entry.operation === 'UpdateDistribution' &&
    entry.status === 200
  )
}
