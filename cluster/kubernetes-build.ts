import { copyFile, mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exists, secondsSince, takeSteps, unpackPackages, type Step } from './build-steps.ts'
import { run, type RunOptions } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import type { ClusterConfig } from './config.ts'
import { installPackages, NODE_PACKAGES } from './debian.ts'
import { debianSourceSteps } from './debian-source.ts'
import { goClient, goModuleSteps, moduleProblem } from './go-modules.ts'
import { KUBERNETES, type Kubernetes } from './kubernetes.ts'
import { choiceByProxy, inWords, settledChoice, UNSETTLED, type Choice } from './kubernetes-choice.ts'
import { binariesDirOf, buildDirOf } from './layout.ts'
import { lock } from './lock.ts'

const GIB = 1024 ** 3
/** Sources, build cache and binaries were seen to take 4.9 GiB; a node with its images needs about one. */
const BUILD_BYTES = 6 * GIB
const RUN_BYTES = 2 * GIB

/**
 * Unpacked into the cache and not installed: containerd would start a service of the machine, and containerd and runc
 * would replace the ones that a Docker installation brought.
 */
const RUNTIME_PACKAGES = ['containerd', 'runc', 'containernetworking-plugins']
const RUNTIME_PROGRAMS = [
  ...['containerd', 'containerd-shim-runc-v2', 'ctr'].map((name) => `usr/bin/${name}`),
  'usr/sbin/runc',
]
const NETWORK_PLUGINS = ['ptp', 'host-local', 'loopback', 'portmap']

interface BuildOptions {
  readonly config: Pick<ClusterConfig, 'cacheDir' | 'kubernetes'>
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** Which Kubernetes a new node runs; says so and why before anything else is done. */
export async function chooseKubernetes(options: BuildOptions): Promise<Kubernetes> {
  const { config, report } = options
  const current = await exists(binariesDirOf(config.cacheDir, KUBERNETES['1.36']))
  const settled = settledChoice(config.kubernetes, current)
  if (settled === undefined) report(UNSETTLED)
  const choice = settled ?? (await chooseByProxy(options))
  report(inWords(choice))
  return choice.kubernetes
}

/**
 * Makes the programs of a node, once on a machine; later calls return their directory at once. A build that was stopped
 * goes on where it was. Throws a ClusterError where the disk is too small.
 */
export async function ensureBinaries(kubernetes: Kubernetes, options: BuildOptions): Promise<string> {
  const { cacheDir } = options.config
  const binariesDir = binariesDirOf(cacheDir, kubernetes)
  if (await exists(binariesDir)) {
    await refuseFullDisk(cacheDir, RUN_BYTES)
    return binariesDir
  }
  await alone(options, async () => {
    if (await exists(binariesDir)) return
    await refuseFullDisk(cacheDir, BUILD_BYTES)
    await build(kubernetes, options)
  })
  return binariesDir
}

async function chooseByProxy(options: BuildOptions): Promise<Choice> {
  const { config, report, signal } = options
  await installPackages(NODE_PACKAGES, report, signal)
  return alone(options, async () => {
    const client = await goClient(config.cacheDir, signal)
    return choiceByProxy(await moduleProblem(client, KUBERNETES['1.36'], signal))
  })
}

/** One build on a machine at a time: they share the processors and the directory. */
async function alone<T>({ config, report, signal }: BuildOptions, work: () => Promise<T>): Promise<T> {
  const waiting = (): void => report('waiting for another build of Kubernetes')
  const held = await lock(`${buildDirOf(config.cacheDir)}.lock`, waiting, signal)
  try {
    return await work()
  } finally {
    await held.release()
  }
}

async function build(kubernetes: Kubernetes, options: BuildOptions): Promise<void> {
  const { config, report } = options
  const { version, sourceInWords, takes } = kubernetes
  const started = Date.now()
  report(`building Kubernetes ${version} from ${sourceInWords}, once: ${takes}`)
  const buildDir = join(buildDirOf(config.cacheDir), version)
  await mkdir(buildDir, { recursive: true })
  await takeSteps(await buildSteps(kubernetes, buildDir, options), report)
  // Go's caches are ten times as large as what is kept.
  await rm(buildDir, { recursive: true })
  report(`built Kubernetes ${version} in ${secondsSince(started)}`)
}

async function buildSteps(
  kubernetes: Kubernetes,
  buildDir: string,
  { config, report, signal }: BuildOptions,
): Promise<Step[]> {
  const log: RunOptions = { cwd: buildDir, logFile: join(buildDir, 'build.log'), signal, contained: true }
  const packages = join(buildDir, 'packages')
  const compile =
    kubernetes.source === 'GoModules'
      ? goModuleSteps(kubernetes, { buildDir, client: await goClient(config.cacheDir, signal), log })
      : debianSourceSteps(kubernetes, { buildDir, log, report })
  return [
    {
      name: 'packages',
      result: packages,
      make: () => unpackPackages([...RUNTIME_PACKAGES, ...kubernetes.packages], packages, log),
    },
    ...compile,
    {
      name: 'install',
      result: binariesDirOf(config.cacheDir, kubernetes),
      make: () => install(kubernetes, buildDir, binariesDirOf(config.cacheDir, kubernetes)),
    },
  ]
}

async function install(kubernetes: Kubernetes, buildDir: string, target: string): Promise<void> {
  const partial = `${target}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(join(partial, 'cni'), { recursive: true })
  const compiled = (await readdir(join(buildDir, 'bin'))).map((name) => join(buildDir, 'bin', name))
  const packaged = [...RUNTIME_PROGRAMS, ...kubernetes.packagedPrograms].map((file) =>
    join(buildDir, 'packages', file),
  )
  for (const program of [...compiled, ...packaged]) await copyFile(program, join(partial, basename(program)))
  for (const plugin of NETWORK_PLUGINS) {
    await copyFile(join(buildDir, 'packages/usr/lib/cni', plugin), join(partial, 'cni', plugin))
  }
  // A program that lacks a library of this machine must be found here, not when the node starts.
  for (const program of ['runc', 'containerd', 'etcd']) await run(join(partial, program), ['--version'])
  await run(join(partial, 'kubectl'), ['version', '--client'])
  await rename(partial, target)
}

async function refuseFullDisk(directory: string, needed: number): Promise<void> {
  await mkdir(directory, { recursive: true })
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize >= needed) return
  const free = ((bavail * bsize) / GIB).toFixed(1)
  throw new ClusterError(
    `${directory} has ${free} GiB free and this needs ${needed / GIB} GiB; free some space or set XDG_CACHE_HOME to a larger disk`,
  )
}
