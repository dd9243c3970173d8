/** What every part of the benchmark works with. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Measure } from './measure.ts'
import { freePort } from '../../scripts/free-port.ts'
import { PinnedProcess } from './pinned-process.ts'
import type { Command, Cores } from './pinned-process.ts'
import type { Shipped } from './shipped.ts'

/** Where, how long and how often. */
export type Context = {
  rounds: number
  /** Of each measurement of a round. */
  seconds: number
  cores: Cores
  /** The server as in its image. */
  shipped: Shipped
  /** For bodies, models and logs. */
  scratch: string
  say: (line: string) => void
}

/** A part: some measures that belong together. */
export type Part = { title: string; run: (context: Context) => Promise<Measure[]> }

/** A server that runs and is ready. */
export type Running = {
  process: PinnedProcess
  port: number
  origin: string
  /** Of the model server: where its metrics are. */
  opsOrigin: string
  logFile: string
}

/** What to start on ports that whoever starts it has found to be free. */
export type ServerCommand = (
  port: number,
  opsPort: number,
) => Pick<Command, 'argv' | 'env' | 'cwd'> & { readyPath?: string }

/** Start a server on the server's core and wait until it answers. */
export async function startServer(context: Context, name: string, command: ServerCommand): Promise<Running> {
  const [port, opsPort] = [await freePort(), await freePort()]
  const { readyPath = '/', ...what } = command(port, opsPort)
  mkdirSync(context.scratch, { recursive: true })
  const logFile = join(context.scratch, `${name}.log`)
  const process = new PinnedProcess({ core: context.cores.server, logFile, ...what })
  const origin = `http://127.0.0.1:${port}`
  try {
    await process.ready(origin + readyPath)
  } catch (error) {
    await process.stop()
    throw error
  }
  return { process, port, origin, opsOrigin: `http://127.0.0.1:${opsPort}`, logFile }
}

/** The model server as it is shipped: logging and metrics on, every setting that is not given at its default. */
export function modelServer(
  { shipped }: Context,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): ServerCommand {
  return (port, opsPort) => ({
    argv: [process.execPath, ...flags, ...shipped.nodeFlags, shipped.main],
    cwd: shipped.folder,
    env: { ...shipped.env, PORT: String(port), OPS_PORT: String(opsPort), DRAIN_DELAY_MS: '0', ...env },
    readyPath: '/v2/health/ready',
  })
}

/** Run something with servers, and stop them whatever becomes of it. */
export async function withServers<T>(
  starts: Readonly<Record<string, () => Promise<Running>>>,
  work: (servers: Readonly<Record<string, Running>>) => Promise<T>,
): Promise<T> {
  const servers: Record<string, Running> = {}
  try {
    for (const [name, start] of Object.entries(starts)) servers[name] = await start()
    return await work(servers)
  } finally {
    await Promise.all(Object.values(servers).map((server) => server.process.stop()))
  }
}

/**
 * A, B, C, then B, C, A, and so on: whatever else the machine does meets all of them alike, and none is always first.
 * Returns the samples of each in the order of the rounds.
 */
export async function interleaved<T>(
  context: Pick<Context, 'rounds' | 'say'>,
  contenders: Readonly<Record<string, () => Promise<T>>>,
): Promise<Record<string, T[]>> {
  const entries = Object.entries(contenders)
  const samples = Object.fromEntries(entries.map(([name]) => [name, [] as T[]]))
  for (let round = 0; round < context.rounds; round += 1) {
    const first = round % entries.length
    for (const [name, measure] of [...entries.slice(first), ...entries.slice(0, first)]) {
      const sample = await measure()
      samples[name]?.push(sample)
      context.say(`  round ${round + 1} of ${context.rounds}, ${name}: ${JSON.stringify(sample)}`)
    }
  }
  return samples
}

/** The samples of one contender, as numbers. */
export function column<T>(
  samples: Readonly<Record<string, readonly T[]>>,
  name: string,
  pick: (sample: T) => number,
): number[] {
  const own = samples[name]
  if (!own) throw new Error(`nothing was measured of ${name}`)
  return own.map(pick)
}
