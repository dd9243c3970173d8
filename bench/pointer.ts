/**
 * `npm run bench:pointer -- [--moves 40] [--sites 4] [--idle-minutes 10]`: what a move of the pointer takes from the
 * decision to the accepted update and from the last edge to propagated, how many calls of CloudFront's API it costs, and how
 * many are made at rest. The operator runs as shipped in a cluster of its own, without the distance between updates;
 * CloudFront is the emulator. Between the moves the same machine times what no driver can be faster than: a bare
 * GetDistribution and UpdateDistribution of the SDK. Prints a table; fails where a move took more than one update.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  CloudFrontClient,
  GetDistributionCommand,
  UpdateDistributionCommand,
} from '@aws-sdk/client-cloudfront'
import { distributionFor, isAcceptedUpdate, ORIGINS, type AuditEntry } from '../demo/cloudfront.ts'
import { openEnvironment, type Environment } from '../demo/environment.ts'
import { keepOperatorLogs } from '../demo/operator-pods.ts'
import { DEMO_DIR } from '../demo/running.ts'
import { command } from '../demo/stage.ts'
import { openSite, type Site } from '../operator/test/e2e/site.ts'
import { percentileOf } from './model-server/statistics.ts'
import { callsOf, logLines, movesOf, type Move } from './pointer-moves.ts'

const { moves, sites, idleMinutes } = settings()
const LOG_DIR = join(DEMO_DIR, 'pointer')
/** How often the propagated pointer is looked for, of operator/planner/model/timing.ts. */
const POLL_MS = 5000
/** Bare calls that are not counted; the operator has made its first ones by then as well. */
const WARM_UP = 5

type Row = { what: string; values: readonly number[]; unit: string; note?: string }

function settings(): { moves: number; sites: number; idleMinutes: number } {
  const { values } = parseArgs({
    options: {
      moves: { type: 'string', default: '40' },
      sites: { type: 'string', default: '4' },
      'idle-minutes': { type: 'string', default: '10' },
    },
  })
  const number = (name: keyof typeof values, least: number): number => {
    const value = Number(values[name])
    if (!(value >= least)) throw new Error(`--${name} "${values[name]}": expected a number from ${least}`)
    return value
  }
  return { moves: number('moves', 2), sites: number('sites', 1), idleMinutes: number('idle-minutes', 0) }
}

/** One site's share: there and back again, with the bare calls in between. Returns the milliseconds of those. */
async function moveAbout(environment: Environment, site: Site, count: number): Promise<number[]> {
  const say = (): void => undefined
  const bare: number[] = []
  const spare = await spareDistribution(environment, site)
  for (let round = 0; round < WARM_UP; round += 1) await bareRoundTrip(environment, spare)
  let last = await site.play(site.write('2', { retireAfterSeconds: 3600 }))
  for (let done = 1; done < count; done += 1) {
    bare.push(await bareRoundTrip(environment, spare))
    const verb = last.status?.attempt?.outcome === 'Promoted' ? 'undo' : 'retry'
    last = await site.ended(`${verb} ${done}`, await command({ environment, say }, verb, last))
    const { outcome } = last.status?.attempt ?? {}
    if (outcome !== (verb === 'undo' ? 'RolledBack' : 'Promoted'))
      throw new Error(`${verb} ended as ${outcome ?? 'nothing'}`)
  }
  return bare
}

/** A distribution that the operator knows nothing of, for the bare calls. */
async function spareDistribution({ cloudFront }: Environment, { place }: Site): Promise<string> {
  const distributionId = place.distributionId.replace(/^E0/, 'EB')
  await cloudFront.createDistribution(
    distributionFor({ ...place, distributionId, host: `spare.${place.host}` }),
  )
  return distributionId
}

/** Reads a distribution and moves its default behavior to the other origin, as a program of ten lines would. */
async function bareRoundTrip({ cloudFront }: Environment, id: string): Promise<number> {
  const client = bareClients.get(id) ?? bareClient(cloudFront.endpoint)
  bareClients.set(id, client)
  const startedAt = performance.now()
  const { Distribution, ETag } = await client.send(new GetDistributionCommand({ Id: id }))
  const config = Distribution?.DistributionConfig
  if (!config?.DefaultCacheBehavior || ETag === undefined) throw new Error(`${id} was not read`)
  const { DefaultCacheBehavior: behavior } = config
  behavior.TargetOriginId = behavior.TargetOriginId === ORIGINS.blue ? ORIGINS.green : ORIGINS.blue
  await client.send(new UpdateDistributionCommand({ Id: id, IfMatch: ETag, DistributionConfig: config }))
  return performance.now() - startedAt
}

const bareClients = new Map<string, CloudFrontClient>()

function bareClient(endpoint: string): CloudFrontClient {
  const credentials = { accessKeyId: 'bare', secretAccessKey: 'bare' }
  return new CloudFrontClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 })
}

/** What the operator's pods logged; one of them led all the time. */
async function operatorLog({ kubectl, logDir }: Environment): Promise<string> {
  await keepOperatorLogs(kubectl, logDir)
  const logs = readdirSync(logDir).filter((file) => /^modelrelease-operator-.*\.log$/.test(file))
  return logs.map((file) => readFileSync(join(logDir, file), 'utf8')).join('\n')
}

function rowsOf(found: readonly Move[], bare: readonly number[]): Row[] {
  const of = (pick: (move: Move) => number | undefined): number[] =>
    found.map(pick).filter((value) => value !== undefined)
  const [decision, propagated] = [of((one) => one.decisionToWrite), of((one) => one.edgeToPropagated)]
  const limit = of(({ edgeToPropagated, answers }) =>
    edgeToPropagated === undefined || answers === undefined
      ? undefined
      : edgeToPropagated / (POLL_MS + answers),
  )
  const bareMedian = percentileOf(ascending(bare), 50)
  return [
    {
      what: 'decision to write',
      values: decision,
      unit: 'ms',
      note: 'gates passed → update accepted; at most 300',
    },
    { what: 'bare GetDistribution + UpdateDistribution', values: bare, unit: 'ms' },
    {
      what: 'decision to write, of the median of the bare calls',
      values: decision.map((value) => value / bareMedian),
      unit: '',
    },
    { what: 'last edge to propagated', values: propagated, unit: 'ms', note: 'verified by 5 answers' },
    {
      what: 'last edge to propagated, of one poll and its answers',
      values: limit,
      unit: '',
      note: 'at most 1',
    },
  ]
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

function table(rows: readonly Row[]): string {
  const text = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(2))
  const lines = rows.map(({ what, values, unit, note = '' }) => {
    const cells = [50, 95, 100].map((percent) =>
      `${text(percentileOf(ascending(values), percent))} ${unit}`.trim(),
    )
    return `| ${[what, ...cells, String(values.length), note].join(' | ')} |`
  })
  return ['| | p50 | p95 | max | of | |', '| --- | --- | --- | --- | --- | --- |', ...lines].join('\n')
}

function told(calls: Readonly<Record<string, number>>, by: number): string {
  const counts = Object.entries(calls).map(([operation, count]) => `${operation} ${(count / by).toFixed(2)}`)
  return counts.length === 0 ? 'none' : counts.join(', ')
}

/** The entries about the sites' own distributions. */
function ofSites(audit: readonly AuditEntry[], all: readonly Site[]): AuditEntry[] {
  const ids = new Set(all.map(({ place }) => place.distributionId))
  return audit.filter((entry) => 'distribution' in entry && ids.has(entry.distribution ?? ''))
}

async function measure(environment: Environment, say: (line: string) => void): Promise<void> {
  const { cloudFront, signal } = environment
  const all = await Promise.all(Array.from({ length: sites }, () => openSite(environment)))
  // The first release is a move as well, to a color that nothing was verified against: it is not counted.
  await Promise.all(all.map((site) => site.play(site.write('1'))))
  const before = (await cloudFront.audit()).at(-1)?.sequence ?? 0
  say(`${sites} releases stand; ${moves} moves follow`)
  const each = Math.ceil(moves / sites)
  const bare = (await Promise.all(all.map((site) => moveAbout(environment, site, each)))).flat()
  const audit = ofSites(await cloudFront.audit(before), all)
  const atRest = (await cloudFront.audit()).at(-1)?.sequence ?? 0
  const log = logLines(await operatorLog(environment))
  const found = all.flatMap(({ place: { namespace, distributionId } }) =>
    movesOf(
      `${namespace}/housing`,
      log,
      audit.filter((entry) => 'distribution' in entry && entry.distribution === distributionId),
    ),
  )
  say(`\n${table(rowsOf(found, bare))}\n`)
  const updates = audit.filter(isAcceptedUpdate).length
  say(
    `accepted updates a move: ${(updates / (each * sites)).toFixed(2)} (of ${each * sites} moves; must be 1)`,
  )
  say(`calls a move: ${told(callsOf(audit), each * sites)}`)
  if (updates !== each * sites) process.exitCode = 1
  if (idleMinutes === 0) return
  say(`waiting ${idleMinutes} minutes at rest`)
  await wait(idleMinutes * 60_000, undefined, { signal })
  const idle = callsOf(ofSites(await cloudFront.audit(atRest), all))
  const fifths = (idleMinutes / 5) * sites
  say(`calls at rest, a distribution in five minutes: ${told(idle, fifths)} (GetDistribution at most 1)`)
}

rmSync(LOG_DIR, { recursive: true, force: true })
mkdirSync(LOG_DIR, { recursive: true })
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort(new Error('interrupted')))
const say = (line: string): void => console.log(line)
const environment = await openEnvironment({
  name: 'bench-pointer',
  range: '10.235.0.0/16',
  logDir: LOG_DIR,
  report: say,
  operator: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '0' },
  signal: interrupted.signal,
})
try {
  await measure(environment, say)
} finally {
  await environment.close()
}
