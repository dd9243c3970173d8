import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { exists, goBuild, unpackPackages, type GoPrograms, type Step } from './build-steps.ts'
import { attempt, run, type RunOptions } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import type { Kubernetes, KubernetesProgram } from './kubernetes.ts'

/** Debian 12 has no Go that builds a current Kubernetes; its own fetches one that does, checked like any module. */
const GO_PACKAGE = 'golang-1.19-go'
const GO_VERSION = '1.26.8'

/** Where the main packages are; `go.mod` beside this file says in which version. */
const MODULE = join(import.meta.dirname, 'kubernetes')

/** How the machine reaches modules, by the names of Go's settings. The rest of a user's settings is for other builds. */
const REACH = ['GOPROXY', 'GOSUMDB', 'GONOPROXY', 'GONOSUMDB', 'GOPRIVATE', 'GOINSECURE', 'GOVCS']

/** Go's own limit for a host that never answers is 30 s. */
const PROBE_MS = 60_000

export type GoSettings = Readonly<Record<string, string>>

/** Debian's `go` program, enough to fetch modules with; 10 MB that stay in the cache. */
export async function goClient(cacheDir: string, signal?: AbortSignal): Promise<string> {
  const client = join(cacheDir, 'go-client/go')
  if (await exists(client)) return client
  const work = join(cacheDir, 'go-client.build')
  await mkdir(work, { recursive: true })
  await unpackPackages([GO_PACKAGE], join(work, 'root'), { signal })
  await mkdir(join(cacheDir, 'go-client'), { recursive: true })
  await copyFile(join(work, 'root/usr/lib/go-1.19/bin/go'), `${client}.partial`)
  await rename(`${client}.partial`, client)
  await rm(work, { recursive: true })
  return client
}

/**
 * Why modules cannot be fetched, in Go's words; undefined where they can. It asks for the Go that comes first, and fetches
 * and checks a small module of Kubernetes.
 */
export async function moduleProblem(
  client: string,
  { version }: Kubernetes,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const work = join(client, '../probe')
  const late = AbortSignal.timeout(PROBE_MS)
  const options = {
    cwd: join(client, '..'),
    env: await clientEnvironment(client, work),
    signal: AbortSignal.any([late, ...(signal === undefined ? [] : [signal])]),
  }
  const questions = [
    ['list', '-m', `golang.org/${toolchain()}`],
    ['mod', 'download', `k8s.io/cri-api@v${version.replace(/^1\./, '0.')}`],
  ]
  try {
    for (const question of questions) {
      const { code, stderr } = await attempt(client, question, options)
      if (code !== 0) return stderr.trim().split('\n')[0] ?? `exit code ${code}`
    }
    return undefined
  } catch (cause) {
    if (!late.aborted || signal?.aborted === true) throw cause
    return `no answer after ${PROBE_MS / 1000} s`
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Where Go programs are compiled, and the client that fetches modules. */
export interface GoBuild {
  readonly buildDir: string
  readonly client: string
  readonly log: RunOptions
}

/** What is done to compile the programs of a version that is published as Go modules. */
export function goModuleSteps(kubernetes: Kubernetes, build: GoBuild): Step[] {
  return [toolchainStep(build), kubernetesStep(kubernetes.compiled, kubernetes, build)]
}

/** Fetches the Go that compiles, before anything else. */
export function toolchainStep({ buildDir, client, log }: GoBuild): Step {
  return {
    name: `Go ${GO_VERSION}`,
    result: join(buildDir, 'toolchain'),
    make: () => fetchToolchain(client, join(buildDir, 'toolchain'), log),
  }
}

/** Compiles programs of Kubernetes. */
export function kubernetesStep(
  names: readonly (KubernetesProgram | 'kubeadm')[],
  kubernetes: Kubernetes,
  build: GoBuild,
): Step {
  const packages = Object.fromEntries(names.map((name) => [name, packageOf(name)]))
  return programsStep({ packages, module: MODULE, ldflags: stampFlags(kubernetes) }, build)
}

/** Compiles programs of a module, or of those that it requires, into `bin` of the build. */
export function programsStep(
  { module, ...programs }: Omit<GoPrograms, 'target'> & { readonly module: string },
  { buildDir, client, log }: GoBuild,
): Step {
  const names = Object.keys(programs.packages)
  const target = join(buildDir, 'bin')
  return {
    name: names.length > 2 ? `${names.length} programs` : names.join(', '),
    result: join(target, names.at(-1) ?? ''),
    make: async () => {
      const goRoot = join(buildDir, 'toolchain/golang.org', toolchain())
      const env = moduleEnvironment({ goRoot, buildDir, reach: await reachSettings(client) })
      await goBuild({ ...programs, target }, { ...log, cwd: module, env })
    },
  }
}

/** Every variable of the build; of the machine's only those that say how modules are reached. */
export function moduleEnvironment({
  goRoot,
  buildDir,
  reach,
}: {
  goRoot: string
  buildDir: string
  reach: GoSettings
}): Record<string, string> {
  return {
    ...reach,
    PATH: `${goRoot}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    GOROOT: goRoot,
    GOPATH: join(buildDir, 'gopath'),
    GOMODCACHE: join(buildDir, 'modules'),
    GOCACHE: join(buildDir, 'gocache'),
    // What is fetched and not listed in go.sum ends the build.
    GOFLAGS: '-mod=readonly',
    GO111MODULE: 'on',
    GOWORK: 'off',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    // Empty is as if unset: a user who compiles for other machines is not meant here.
    ...Object.fromEntries(
      ['GOOS', 'GOARCH', 'GOAMD64', 'GOARM64', 'GOBIN', 'GOEXPERIMENT'].map((name) => [name, '']),
    ),
    GOENV: 'off',
  }
}

/** For `kubectl version` and the user agent. */
export function stampFlags({ version, minor, commit }: Kubernetes): string {
  const release = { gitVersion: `v${version}`, gitMajor: '1', gitMinor: `${minor}` }
  const values = { ...release, gitCommit: commit, gitTreeState: 'archive' }
  const settings = ['component-base/version', 'client-go/pkg/version'].flatMap((path) =>
    Object.entries(values).map(([key, value]) => `-X k8s.io/${path}.${key}=${value}`),
  )
  return ['-s', '-w', ...settings].join(' ')
}

function packageOf(name: KubernetesProgram | 'kubeadm'): string {
  return name === 'etcd' ? 'go.etcd.io/etcd/server/v3' : `k8s.io/kubernetes/cmd/${name}`
}

/** The root of the Go that compiles Kubernetes, for programs of others; some 250 MB that stay in the cache. */
export async function goRoot(cacheDir: string): Promise<string> {
  const target = join(cacheDir, `toolchain-${GO_VERSION}`)
  if (!(await exists(target))) await fetchToolchain(await goClient(cacheDir), target, {})
  return join(target, 'golang.org', toolchain())
}

async function fetchToolchain(client: string, target: string, log: RunOptions): Promise<void> {
  const partial = `${target}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const env = await clientEnvironment(client, partial)
  await run(client, ['mod', 'download', `golang.org/${toolchain()}`], { ...log, cwd: partial, env })
  const goRoot = join(partial, 'golang.org', toolchain())
  // The zip of a module carries no execute bits.
  await run('chmod', ['-R', 'u+w,a+x', join(goRoot, 'bin'), join(goRoot, 'pkg/tool')], log)
  await rename(partial, target)
}

function toolchain(): string {
  const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' }
  const architecture = architectures[process.arch]
  if (architecture === undefined)
    throw new ClusterError(`there is no Go for ${process.arch}; use a machine with amd64 or arm64`)
  return `toolchain@v0.0.1-go${GO_VERSION}.linux-${architecture}`
}

/** For fetching with Debian's Go, whose standard library is not there and not needed for it. */
async function clientEnvironment(client: string, modules: string): Promise<Record<string, string>> {
  const directory = join(client, '..')
  return {
    ...moduleEnvironment({ goRoot: directory, buildDir: directory, reach: await reachSettings(client) }),
    GOMODCACHE: modules,
    GOFLAGS: '-mod=mod',
  }
}

/** The machine's settings, from its environment and its user's file of Go's settings. */
async function reachSettings(client: string): Promise<GoSettings> {
  const printed = await run(client, ['env', '-json', ...REACH], { env: { GOROOT: join(client, '..') } })
  return JSON.parse(printed) as GoSettings
}
