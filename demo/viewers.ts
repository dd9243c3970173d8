/** Constant load through all edges, by demo/load.ts in a process of its own, and its recount by demo/recount.ts in another. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { attempt } from '../cluster/command.ts'
import { identify, type ProcessIdentity } from '../cluster/process-identity.ts'
import { SAMPLES_FILE } from './housing.ts'
import { parseLog, type Entry, type Summary, type Window } from './load.ts'
import { ROOT } from './program.ts'

export type ViewersOptions = {
  edges: readonly string[]
  host: string
  /** Versions that may answer, as the load generator's flag wants them. */
  versions: readonly string[]
  ratePerSecond: number
  logDir: string
}

export type Viewers = {
  identity: ProcessIdentity
  /** Resolves once so many requests have ended, however they did. @throws Error where the generator ends before */
  completed: (count: number) => Promise<void>
  /** No further request is sent; resolves with the generator's own summary once the last one has ended. */
  leave: () => Promise<Summary>
  /** What happened so far, from the raw log. */
  entries: () => Entry[]
}

/** How much of it is left to the generator: it ends by itself, whatever becomes of us. */
const MAX_SECONDS = 3600

const LOG = 'load.jsonl'
const SUMMARY = 'load-summary.json'
const STALLS = 'stalls.json'

/** Starts the load; returns once the process runs. */
export async function sendViewers({
  edges,
  host,
  versions,
  ratePerSecond,
  logDir,
}: ViewersOptions): Promise<Viewers> {
  const stderr = openSync(join(logDir, 'load.log'), 'a')
  const log = join(logDir, LOG)
  // It is watched from now on, and the generator opens it later.
  writeFileSync(log, '')
  const flags = [
    ...edges.flatMap((edge) => ['--edge', edge]),
    ...versions.flatMap((version) => ['--version', version]),
    ...['--host', host, '--samples', SAMPLES_FILE, '--log', log],
    ...['--rate', String(ratePerSecond), '--max-seconds', String(MAX_SECONDS), '--max-requests', '1000000'],
  ]
  const child = spawn(process.execPath, ['demo/load.ts', ...flags], {
    cwd: ROOT,
    detached: true,
    stdio: ['pipe', 'pipe', stderr],
  })
  closeSync(stderr)
  const { stdin, stdout } = child
  const identity = await identify(child.pid ?? 0)
  if (!identity || !stdin || !stdout)
    throw new Error(`the load generator did not start; see ${join(logDir, 'load.log')}`)
  const output = text(stdout)
  const ended = once(child, 'close')
  const leave = async (): Promise<Summary> => {
    if (stdin.writable) stdin.end('stop\n')
    await ended
    const summary = await output
    if (summary === '') throw new Error(`the load generator gave no summary; see ${join(logDir, 'load.log')}`)
    writeFileSync(join(logDir, SUMMARY), summary)
    return JSON.parse(summary) as Summary
  }
  const entries = (): Entry[] => parseLog(completeLines(readFileSync(log, 'utf8')))
  const gone = ended.then(() => {
    throw new Error(`the load generator ended; see ${join(logDir, 'load.log')}`)
  })
  gone.catch(() => undefined)
  return {
    identity,
    completed: (count) => grown(log, () => entries().length >= count, gone),
    leave,
    entries,
  }
}

/** Resolves once a file that goes on growing holds enough; rejects with `gone`, of whoever writes it. */
async function grown(file: string, isEnough: () => boolean, gone: Promise<never>): Promise<void> {
  const watcher = watch(file, { persistent: false })
  try {
    while (!isEnough()) await Promise.race([once(watcher, 'change'), gone])
  } finally {
    watcher.close()
  }
}

/** The last line may still be being written. */
function completeLines(log: string): string {
  return log.slice(0, log.lastIndexOf('\n') + 1)
}

export type RecountOptions = Pick<ViewersOptions, 'versions' | 'logDir'> & {
  atLeast: number
  /** When the machine stood still, and how many timeouts are said to be not judged for it. */
  machine: { stalls: readonly Window[]; notJudged: number }
}

/** Counts the raw log again, in a program that shares no code with the generator; `agrees` only if all is well. */
export async function recountViewers({
  versions,
  logDir,
  atLeast,
  machine,
}: RecountOptions): Promise<{ result: 'Agrees' | 'Differs'; report: string }> {
  const stalls = join(logDir, STALLS)
  writeFileSync(stalls, JSON.stringify(machine))
  const files = [
    ...['--machine', stalls],
    '--log',
    join(logDir, LOG),
    '--summary',
    join(logDir, SUMMARY),
    '--samples',
    join(ROOT, SAMPLES_FILE),
  ]
  const rest = [...versions.flatMap((version) => ['--version', version]), '--at-least', String(atLeast)]
  const { code, stdout, stderr } = await attempt(process.execPath, [
    join(ROOT, 'demo/recount.ts'),
    ...files,
    ...rest,
  ])
  return { result: code === 0 ? 'Agrees' : 'Differs', report: (stdout || stderr).trim() }
}
