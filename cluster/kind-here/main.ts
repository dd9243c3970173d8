/**
 * kind where nothing can be pulled and no Docker engine is installed: runs a command with both there, and afterwards the machine is
 * as before. The cluster's README says more.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secondsSince } from '../build-steps.ts'
import { ClusterError } from '../cluster-error.ts'
import { ConfigError, readConfig, type ClusterConfig } from '../config.ts'
import { installPackages, NODE_PACKAGES, onPath, osRelease, refuseOtherSystems } from '../debian.ts'
import { ensureBinaries } from '../kubernetes-build.ts'
import { refuseOverlap } from '../host-network.ts'
import { KUBERNETES } from '../kubernetes.ts'
import { lock } from '../lock.ts'
import { refuseOtherUsers } from '../machine-checks.ts'
import { provideBase } from './base.ts'
import { startEngine, type Engine } from './engine.ts'
import { ensureNodeImage } from './node-image.ts'
import { placesIn, type Places } from './places.ts'
import { ensurePrograms, PROGRAMS } from './programs.ts'

const USAGE = `usage: npm run -s kind-here -- COMMAND [ARGUMENTS]

Runs the command with a Docker engine and kind, of which neither need be installed, and removes both afterwards with all that
they started. The command's settings are those for --provider kind.`

/** A client whose builds are on the machine's network: the engine has none that leads anywhere. */
const CLIENT = `#!/bin/sh
[ "$1" = build ] || exec 'DOCKER' "$@"
shift
exec 'DOCKER' build --network host "$@"
`

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interrupted.abort(new ClusterError('stopped; nothing is left half-done')))
}

const report = (line: string): void => console.error(line)

try {
  process.exitCode = await perform(process.argv.slice(2))
} catch (cause) {
  if (!(cause instanceof ClusterError || cause instanceof ConfigError)) throw cause
  console.error(`error: ${cause.message}`)
  process.exitCode = 1
}

async function perform(command: readonly string[]): Promise<number> {
  if (command.length === 0) {
    console.error(USAGE)
    return 2
  }
  const config = readConfig({ provider: 'kind' })
  await refuseUnknown(command[0] ?? '')
  refuseOtherUsers()
  refuseOtherSystems(await osRelease())
  const { signal } = interrupted
  const places = placesIn(config.cacheDir)
  const held = await lock(places.lockFile, () => report('waiting for another engine of this machine'), signal)
  try {
    return await withEngine(config, places, command)
  } finally {
    await held.release()
  }
}

/** Before minutes are spent on an engine for it. */
async function refuseUnknown(program: string): Promise<void> {
  const path = program.includes('/') ? program : await onPath(program)
  if (path === undefined ? PROGRAMS.includes(program) : await isExecutable(path)) return
  const why =
    path === undefined ? 'there is no such program on the PATH' : `${path} is no program that can be run`
  throw new ClusterError(`cannot run ${program}: ${why}; nothing was started`)
}

async function isExecutable(path: string): Promise<boolean> {
  const file = await stat(path).catch(() => undefined)
  return (
    file?.isFile() === true &&
    (await access(path, constants.X_OK).then(
      () => true,
      () => false,
    ))
  )
}

async function withEngine(
  config: ClusterConfig,
  places: Places,
  command: readonly string[],
): Promise<number> {
  const { signal } = interrupted
  const started = Date.now()
  await installPackages(NODE_PACKAGES, report, signal)
  await mkdir(places.cache, { recursive: true })
  const binaries = await ensureBinaries(KUBERNETES['1.36'], { config, report, signal })
  const programs = await ensurePrograms(binaries, places, { cacheDir: config.cacheDir, report, signal })
  const engine = await startEngine(programs.directory, places, signal)
  try {
    await refuseOverlap(networkIn(config))
    const image = await ensureNodeImage({ places, programs, engine, report, signal })
    await provideBase(engine, places, { cacheDir: config.cacheDir, report, signal })
    await makeNetwork(engine, places, config)
    const environment = {
      ...engine.environment,
      PATH: `${await clientFolder(places, programs.directory)}:${engine.environment.PATH ?? ''}`,
      MODELRELEASE_CLUSTER_PROVIDER: 'kind',
      MODELRELEASE_KIND_IMAGE: image,
      MODELRELEASE_KUBECTL: join(programs.directory, 'kubectl'),
    }
    report(`a Docker engine and kind are here (${secondsSince(started)})`)
    return await runCommand(command, environment)
  } finally {
    await engine.stop()
    report('the Docker engine and what it ran are gone')
  }
}

/** On a network of the range of the settings, where kind would take one of its own choice. */
async function makeNetwork({ docker }: Engine, { bridge }: Places, config: ClusterConfig): Promise<void> {
  const device = `com.docker.network.bridge.name=${bridge}`
  await docker([
    'network',
    'create',
    '--driver',
    'bridge',
    '--subnet',
    networkIn(config),
    '--opt',
    device,
    'kind',
  ])
}

function networkIn({ range }: ClusterConfig): string {
  return range.replace(/\/16$/, '/24')
}

/** The directory of that client, to stand first on the PATH. */
async function clientFolder({ run: directory }: Places, programs: string): Promise<string> {
  const folder = join(directory, 'bin')
  await mkdir(folder)
  await writeFile(join(folder, 'docker'), CLIENT.replaceAll('DOCKER', join(programs, 'docker')), {
    mode: 0o755,
  })
  return folder
}

/** Runs a command with this terminal, and hands on what is to end us; its exit code is ours. */
async function runCommand(
  [program = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment } })
  // A terminal gives Ctrl-C to the command itself.
  for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name))
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code ?? 1
  } catch (cause) {
    throw new ClusterError(`cannot run ${program}: ${(cause as Error).message}`, { cause })
  }
}
