import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { exists } from '../build-steps.ts'
import { removeCgroups } from '../cgroups.ts'
import { ClusterError } from '../cluster-error.ts'
import { attempt, CONTAINED, run, type RunOptions } from '../command.ts'
import { missingCapabilities, runtimeWithout } from './capabilities.ts'
import type { Places } from './places.ts'

/** Its containerd was once seen to take longer than 15 s. */
const START_MS = 120_000
const ASK_MS = 250

/** Mounted into every kind node; the engine makes it on the machine where it is not there. */
const MODULES = '/lib/modules'

/** A Docker engine that runs. */
export interface Engine {
  /** What a program needs to find it and its client. */
  readonly environment: Readonly<Record<string, string>>
  /** Runs its client; throws a ClusterError where that fails. */
  readonly docker: (args: readonly string[], options?: RunOptions) => Promise<string>
  /** Whether it has an image of that name. */
  readonly has: (tag: string) => Promise<boolean>
  /** Removes its containers and networks, ends it, and undoes what it changed on the machine. */
  readonly stop: () => Promise<void>
}

/**
 * Starts Debian's Docker engine beside whatever engine the machine may have, off its network: no rules, no forwarding, no bridge
 * but the one that is asked for. Everything that it starts is in its own process and mount namespaces, and ends with this process.
 * Throws a ClusterError that names its log.
 */
export async function startEngine(programs: string, places: Places, signal?: AbortSignal): Promise<Engine> {
  await clear(places)
  await mkdir(places.run, { recursive: true, mode: 0o700 })
  const hadModules = await exists(MODULES)
  const environment = {
    PATH: `${programs}:${process.env.PATH ?? ''}`,
    DOCKER_HOST: `unix://${places.socket}`,
    DOCKER_CONFIG: await clientSettings(places),
  }
  const log = await open(places.log, 'w')
  const [program, ...args] = [...CONTAINED, 'dockerd', ...(await daemonFlags(programs, places))]
  // A group of its own: Ctrl-C reaches us alone, and we end it last.
  const daemon = spawn(program, args, {
    detached: true,
    env: { ...process.env, ...environment, LD_LIBRARY_PATH: join(programs, 'lib') },
    stdio: ['ignore', log.fd, log.fd],
  })
  await log.close()
  const docker: Engine['docker'] = (words, options = {}) =>
    run(join(programs, 'docker'), words, { ...options, env: { ...environment, ...options.env } })
  const stop = async (): Promise<void> => {
    await removeContainers(docker).catch(() => undefined)
    await end(daemon)
    await clear(places)
    if (!hadModules) await rmdir(MODULES).catch(() => undefined)
  }
  try {
    await answering(daemon, docker, places, signal)
    await removeContainers(docker)
  } catch (cause) {
    await stop()
    throw cause
  }
  const has = (tag: string): Promise<boolean> => docker(['image', 'inspect', tag]).then(Boolean, () => false)
  return { environment, docker, has, stop }
}

/** The folder of a client without logins. The file stands there because buildah refuses to push where the folder named has none. */
async function clientSettings({ run: directory }: Places): Promise<string> {
  const folder = join(directory, 'client')
  await mkdir(folder)
  await writeFile(join(folder, 'config.json'), '{}')
  return folder
}

async function daemonFlags(programs: string, places: Places): Promise<string[]> {
  return [
    `--data-root=${places.data}`,
    `--exec-root=${join(places.run, 'exec')}`,
    `--pidfile=${join(places.run, 'pid')}`,
    `--host=unix://${places.socket}`,
    `--cgroup-parent=/${places.cgroup}`,
    ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
    `--userland-proxy-path=${join(programs, 'docker-proxy')}`,
    ...(await runtimeFlags(programs, places)),
  ]
}

/** A runtime of our own only where the machine has lost a capability that a privileged container is given. */
async function runtimeFlags(programs: string, places: Places): Promise<string[]> {
  const status = await readFile('/proc/self/status', 'utf8')
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? ''
  const known = (await run('setpriv', ['--list-caps'])).split(/\s+/)
  const missing = missingCapabilities(bounding, known)
  if (missing.length === 0) return []
  const runtime = join(places.run, 'runtime')
  await writeFile(runtime, runtimeWithout(missing, join(programs, 'runc')), { mode: 0o755 })
  return [`--add-runtime=here=${runtime}`, '--default-runtime=here']
}

async function answering(
  daemon: ChildProcess,
  docker: Engine['docker'],
  { log }: Places,
  signal: AbortSignal | undefined,
): Promise<void> {
  const late = Date.now() + START_MS
  while (daemon.exitCode === null && Date.now() < late) {
    signal?.throwIfAborted()
    if (await docker(['info']).then(Boolean, () => false)) return
    await wait(ASK_MS)
  }
  throw new ClusterError(
    `the Docker engine ${daemon.exitCode === null ? 'does not answer' : 'ended'}, see ${log}`,
  )
}

async function removeContainers(docker: Engine['docker']): Promise<void> {
  const containers = (await docker(['ps', '--all', '--quiet'])).split('\n').filter((id) => id !== '')
  if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers])
  await docker(['network', 'prune', '--force'])
  await docker(['volume', 'prune', '--force'])
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return
  const ended = once(daemon, 'close')
  // The kernel ends everything in its process namespace with it.
  daemon.kill('SIGKILL')
  await ended
}

/** What an engine that was killed leaves. */
async function clear({ run: directory, bridge, cgroup }: Places): Promise<void> {
  await attempt('ip', ['link', 'delete', 'dev', bridge])
  await removeCgroups(cgroup)
  await rm(directory, { recursive: true, force: true })
}
