import { createHash } from 'node:crypto'
import { copyFile, cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exists, takeSteps, unpackPackages, type Step } from '../build-steps.ts'
import type { RunOptions } from '../command.ts'
import { goClient, kubernetesStep, moduleProblem, programsStep, toolchainStep } from '../go-modules.ts'
import { compileHelpers } from '../helpers.ts'
import { KUBERNETES } from '../kubernetes.ts'
import { binariesDirOf } from '../layout.ts'
import type { Places } from './places.ts'

const MODULE = join(import.meta.dirname, 'programs')
/** Unpacked and not installed: no service starts, and no other engine is replaced. */
const PACKAGES = ['docker.io', 'libdevmapper1.02.1']
const PACKAGED = ['usr/bin/docker', 'usr/sbin/dockerd', 'usr/sbin/docker-proxy']
const COMPILED = { kind: 'sigs.k8s.io/kind', coredns: './coredns' }
const FROM_NODE = [
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'runc',
  'kubectl',
  'kubelet',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
]
/** What a command finds on its PATH beside the machine's programs. */
export const PROGRAMS: readonly string[] = [
  ...PACKAGED.map((path) => basename(path)),
  ...Object.keys(COMPILED),
  'kubeadm',
  ...FROM_NODE,
]

/** Raised when the same sources are built in another way. */
const RECIPE = 1

interface ProgramOptions {
  readonly cacheDir: string
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** Programs that were made, and the key of what they were made from. */
export interface Programs {
  readonly directory: string
  readonly key: string
}

/**
 * The engine, kind, and every program of its node, with the files that kind's module has for a node image (`kind-files`); made once
 * on a machine. `binaries` holds the programs of the Debian node.
 */
export async function ensurePrograms(
  binaries: string,
  places: Places,
  options: ProgramOptions,
): Promise<Programs> {
  const kubernetes = KUBERNETES['1.36']
  const { directory, key } = await programsFor(binaries, places)
  if (await exists(directory)) return { directory, key }
  const build = join(places.build, key)
  await mkdir(build, { recursive: true })
  const log: RunOptions = {
    cwd: build,
    logFile: join(build, 'build.log'),
    signal: options.signal,
    contained: true,
  }
  const go = { buildDir: build, client: await goClient(options.cacheDir, options.signal), log }
  const ldflags = '-s -w'
  await takeSteps(
    [
      {
        name: 'packages',
        result: join(build, 'packages'),
        make: () => unpackPackages(PACKAGES, join(build, 'packages'), log),
      },
      toolchainStep(go),
      programsStep({ packages: COMPILED, module: MODULE, ldflags }, go),
      kubernetesStep(['kubeadm'], kubernetes, go),
      install({ build, binaries, directory }, options),
    ],
    options.report,
  )
  await rm(places.build, { recursive: true })
  return { directory, key }
}

/** Why they cannot be made, in Go's words; undefined where they were, or their modules can be fetched. */
export async function programsProblem(
  cacheDir: string,
  places: Places,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const kubernetes = KUBERNETES['1.36']
  const { directory } = await programsFor(binariesDirOf(cacheDir, kubernetes), places)
  if (await exists(directory)) return undefined
  return moduleProblem(await goClient(cacheDir, signal), kubernetes, signal)
}

async function programsFor(binaries: string, places: Places): Promise<Programs> {
  const sums = await readFile(join(MODULE, 'go.sum'))
  const key = createHash('sha256')
    .update(sums)
    .update(`${RECIPE} ${basename(binaries)}`)
    .digest('hex')
    .slice(0, 12)
  return { directory: join(places.cache, `programs-${key}`), key }
}

function install(
  { build, binaries, directory }: { build: string; binaries: string; directory: string },
  options: ProgramOptions,
): Step {
  const make = async (): Promise<void> => {
    const partial = `${directory}.partial`
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    const { pauseContext } = await compileHelpers(options.cacheDir, options.signal)
    const programs = [
      ...PACKAGED.map((path) => join(build, 'packages', path)),
      ...[...Object.keys(COMPILED), 'kubeadm'].map((name) => join(build, 'bin', name)),
      ...FROM_NODE.map((name) => join(binaries, name)),
      join(pauseContext, 'pause'),
    ]
    for (const program of programs) await copyFile(program, join(partial, basename(program)))
    await cp(join(binaries, 'cni'), join(partial, 'cni'), { recursive: true })
    const libraries = join(build, 'packages/lib')
    await mkdir(join(partial, 'lib'))
    for (const file of await readdir(libraries, { recursive: true })) {
      if (/\.so\.[0-9.]+$/.test(file))
        await copyFile(join(libraries, file), join(partial, 'lib', basename(file)))
    }
    const kind = /sigs\.k8s\.io\/kind (v\S+)/.exec(await readFile(join(MODULE, 'go.mod'), 'utf8'))?.[1] ?? ''
    const files = join(build, `modules/sigs.k8s.io/kind@${kind}/images/base/files`)
    await cp(files, join(partial, 'kind-files'), { recursive: true })
    await rename(partial, directory)
  }
  return { name: 'install', result: directory, make }
}
