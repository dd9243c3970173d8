/** What an environment started, written down so that a later run or `make clean` can stop it whatever became of us. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig, type ClusterConfig } from '../cluster/config.ts'
import { lock } from '../cluster/lock.ts'
import { identify, isRunning, type ProcessIdentity } from '../cluster/process-identity.ts'
import { providerFor } from '../cluster/provider.ts'
import type { ClusterProvider } from '../cluster/handle.ts'
import { ROOT, stopProgram } from './program.ts'

/** Logs; git ignores it. */
export const DEMO_DIR = join(ROOT, '.demo')

export type Running = {
  /** Of its cluster, whose name is the environment's; whoever stops it need not have the same settings. */
  config: ClusterConfig
  /** The process that set it up. */
  owner: ProcessIdentity | undefined
  /** How to look at it, where KEEP=1 left it running. */
  kept?: string
  programs: ProcessIdentity[]
  logDir: string
}

/** Somebody else's environment of that name stands, and was left as it is. */
export class TakenError extends Error {
  override readonly name = 'TakenError'
}

const SUFFIX = '.json'

/** Of the machine and not of a checkout: a cluster of one name is the same one for all of them. */
function recordsDir({ cacheDir }: Pick<ClusterConfig, 'cacheDir'>): string {
  return join(cacheDir, 'environments')
}

function fileOf(config: ClusterConfig): string {
  return join(recordsDir(config), `${config.name}${SUFFIX}`)
}

/** Written before and after each thing is started. */
export function writeRunning(running: Running): void {
  const file = fileOf(running.config)
  mkdirSync(recordsDir(running.config), { recursive: true })
  writeFileSync(`${file}.partial`, JSON.stringify(running))
  renameSync(`${file}.partial`, file)
}

/** Every environment that was begun and not taken down, by this or an earlier run, from whatever checkout. */
export function allRunning(config: Pick<ClusterConfig, 'cacheDir'> = readConfig()): Running[] {
  const folder = recordsDir(config)
  try {
    const files = readdirSync(folder).filter((file) => file.endsWith(SUFFIX))
    return files.map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Running)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** The part of a cluster's provider that is needed here. */
type Cluster = Pick<ClusterProvider, 'state' | 'down'>
type ClusterOf = (options: { config: ClusterConfig; report: (line: string) => void }) => Promise<Cluster>

export type ClaimOptions = {
  config: ClusterConfig
  logDir: string
  report: (line: string) => void
  clusterOf?: ClusterOf
}

/**
 * Takes the name of an environment for this process. What a run that crashed left under it is removed first; throws a
 * TakenError, and changes nothing, where one stands that a run uses, that KEEP=1 left, or that no run made.
 */
export async function claimRunning(options: ClaimOptions): Promise<Running> {
  const { config, logDir, report, clusterOf = providerFor } = options
  const { name } = config
  // Of two that begin at once, one sees the other's record.
  const wait = (): void => report(`waiting for another run that looks at cluster ${name}`)
  const held = await lock(join(recordsDir(config), `${name}.lock`), wait)
  try {
    const earlier = allRunning(config).find((one) => isSameCluster(one.config, config))
    const taken = await whyTaken(config, earlier, clusterOf)
    if (taken !== undefined) throw new TakenError(`${taken}\nNothing was changed.`)
    if (earlier !== undefined) {
      report(`removing what an earlier run left: cluster ${earlier.config.name}`)
      await stopRunning(earlier, report, clusterOf)
    }
    const running: Running = { config, owner: await identify(process.pid), programs: [], logDir }
    writeRunning(running)
    return running
  } finally {
    await held.release()
  }
}

/** Under one name there is one cluster, and a context of the user's is the same one under every name. */
function isSameCluster(one: ClusterConfig, other: ClusterConfig): boolean {
  return one.name === other.name || (one.context !== undefined && one.context === other.context)
}

/** Why nothing may be set up under this name now, and how to go on. */
async function whyTaken(
  config: ClusterConfig,
  earlier: Running | undefined,
  clusterOf: ClusterOf,
): Promise<string | undefined> {
  const { name } = earlier?.config ?? config
  if (earlier?.kept !== undefined && (await stands(earlier, clusterOf)))
    return `cluster ${name} is the one that KEEP=1 left running.\n${earlier.kept}\nAfter that, start anew.`
  if (earlier?.owner !== undefined && earlier.kept === undefined && (await isRunning(earlier.owner)))
    return `process ${earlier.owner.pid} uses cluster ${name} right now: wait for its end, or stop it with Ctrl-C where it runs.`
  if (earlier !== undefined || !(await clusterStands(config, clusterOf))) return undefined
  return `cluster ${name} is up, and none of our runs made it. If nobody needs it: npm run cluster -- down --name ${name}`
}

/** Whether the run that began it is over without having taken it down, and did not leave it on purpose. */
export async function isAbandoned({ owner, kept }: Running): Promise<boolean> {
  return kept === undefined && !(owner && (await isRunning(owner)))
}

/** Whether anything of it is left to be lost; after a restart of the machine nothing is. */
async function stands({ config, programs }: Running, clusterOf: ClusterOf): Promise<boolean> {
  const running = await Promise.all(programs.map(isRunning))
  return running.includes(true) || (await clusterStands(config, clusterOf))
}

/** A cluster of the user's is always up; what is made in it is looked at where it is made. */
async function clusterStands(config: ClusterConfig, clusterOf: ClusterOf): Promise<boolean> {
  if (config.provider === 'context') return false
  const cluster = await clusterOf({ config, report: () => undefined })
  return (await cluster.state()).type === 'Up'
}

/** Where kubectl keeps what the API server serves: outside the home of whoever runs this. */
export function kubectlCache(cluster: string): string {
  return join(tmpdir(), `modelrelease-kubectl-${cluster}`)
}

/** Stops the programs and the cluster of an environment, and forgets it. */
export async function stopRunning(
  running: Running,
  report: (line: string) => void,
  clusterOf: ClusterOf = providerFor,
): Promise<void> {
  const cluster = await clusterOf({ config: running.config, report })
  // Pods first: a model server that loses its bucket would only fill the logs.
  await cluster.down()
  for (const program of running.programs) await stopProgram(program)
  rmSync(kubectlCache(running.config.name), { recursive: true, force: true })
  rmSync(fileOf(running.config), { force: true })
}
