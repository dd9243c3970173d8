import {
  access,
  copyFile,
  cp,
  mkdir,
  readdir,
  rename,
  rm,
  statfs,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run, type RunOptions } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import { debianSources, withFreshLists } from './debian.ts'
import { KUBERNETES_VERSION, type Layout } from './layout.ts'
import { lock } from './lock.ts'

const GIB = 1024 ** 3
/** The tree, its build cache and the binaries were seen to take 4.9 GiB; a node with its images needs about one. */
const BUILD_BYTES = 6 * GIB
const RUN_BYTES = 2 * GIB

/**
 * Unpacked into the cache and not installed: etcd-server and containerd would start services of the machine,
 * containerd and runc would replace the ones that a Docker installation brought, and Go is needed once.
 */
const UNPACKED = ['etcd-server', 'containerd', 'runc', 'containernetworking-plugins']
const TOOLCHAIN = ['golang-1.19-go', 'golang-1.19-src']

/**
 * The tree vendors reflect2 1.0.1, which calls a function of Go's runtime whose signature changed in Go 1.18: with
 * Go 1.19 the API server dies of a memory fault as soon as it encodes a map in order, as it does for every custom
 * resource. Debian packages the version that knows both.
 */
const REFLECT2 = { package: 'golang-github-modern-go-reflect2-dev', path: 'github.com/modern-go/reflect2' }

const RUNTIME_FILES = ['etcd', 'containerd', 'containerd-shim-runc-v2', 'ctr'].map(
  (name) => `usr/bin/${name}`,
)
const NETWORK_PLUGINS = ['ptp', 'host-local', 'loopback', 'portmap']

/** The commit of the release tag, for `kubectl version` and the user agent. */
const COMMIT = 'faecb196815e248d3ecfb03c680a4507229c2a56'

interface BuildOptions {
  readonly layout: Layout
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

interface Step {
  readonly name: string
  /** What the step leaves behind when it is complete; a later run skips the step where it exists. */
  readonly result: string
  readonly make: () => Promise<void>
}

/**
 * Makes the node's binaries from Debian's source and packages, once on a machine; later calls return at once.
 * A build that was stopped goes on where it was. Throws a ClusterError where the disk is too small.
 */
export async function ensureBinaries(options: BuildOptions): Promise<void> {
  const { layout, report, signal } = options
  if (await exists(layout.binariesDir)) return refuseFullDisk(layout.cacheDir, RUN_BYTES)
  const held = await lock(
    `${layout.buildDir}.lock`,
    () => report('waiting for another build of Kubernetes'),
    signal,
  )
  try {
    if (await exists(layout.binariesDir)) return
    await refuseFullDisk(layout.cacheDir, BUILD_BYTES)
    await build(options)
  } finally {
    await held.release()
  }
}

/** Every variable of the build: GOPATH mode, because the tree's vendored modules are not what `go.mod` asks for. */
export function goEnvironment(buildDir: string): Record<string, string> {
  const goRoot = join(buildDir, 'packages/usr/lib/go-1.19')
  return {
    // Debian's Go comes first: the sources do not build with every newer one that a machine may have.
    PATH: `${goRoot}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    GOROOT: goRoot,
    GOPATH: join(buildDir, 'gopath'),
    GOCACHE: join(buildDir, 'gocache'),
    GOENV: 'off',
    GOFLAGS: '',
    GOBIN: '',
    GO111MODULE: 'off',
    CGO_ENABLED: '0',
    KUBE_GIT_VERSION_FILE: join(buildDir, 'version'),
  }
}

/** The file by which the tree's own build scripts learn its version, and the same for a plain `go build`. */
export function versionStamps(version: string, commit: string): { file: string; ldflags: string } {
  const [major = '', minor = ''] = version.split('.')
  const file = [
    `KUBE_GIT_COMMIT='${commit}'`,
    "KUBE_GIT_TREE_STATE='archive'",
    `KUBE_GIT_VERSION='v${version}'`,
    `KUBE_GIT_MAJOR='${major}'`,
    `KUBE_GIT_MINOR='${minor}'`,
  ]
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitCommit: commit }
  const packages = ['component-base/version', 'client-go/pkg/version']
  const settings = packages.flatMap((path) =>
    Object.entries({ ...values, gitTreeState: 'archive' }).map(
      ([key, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/${path}.${key}=${value}`,
    ),
  )
  return { file: `${file.join('\n')}\n`, ldflags: ['-s', '-w', ...settings].join(' ') }
}

async function build(options: BuildOptions): Promise<void> {
  const { layout, report } = options
  const started = Date.now()
  report(`building Kubernetes ${KUBERNETES_VERSION} from Debian's source, once: about 6 minutes on 2 cores`)
  await mkdir(layout.buildDir, { recursive: true })
  const steps = buildSteps(options)
  for (const [index, step] of steps.entries()) {
    const label = `[${index + 1}/${steps.length}] ${step.name}`
    if (await exists(step.result)) {
      report(`${label}: kept from an earlier run`)
      continue
    }
    await tell(label, step, report)
  }
  await rm(layout.buildDir, { recursive: true })
  report(`built Kubernetes ${KUBERNETES_VERSION} in ${seconds(started)}`)
}

/** Says every half minute that a long step still runs. */
async function tell(label: string, step: Step, report: (line: string) => void): Promise<void> {
  const started = Date.now()
  const progress = setInterval(() => report(`${label}: ${seconds(started)} so far`), 30_000)
  try {
    await step.make()
  } finally {
    clearInterval(progress)
  }
  report(`${label}: ${seconds(started)}`)
}

function buildSteps({ layout, signal }: BuildOptions): Step[] {
  const { buildDir } = layout
  const at = (path: string): string => join(buildDir, path)
  const log: RunOptions = { cwd: buildDir, logFile: at('build.log'), signal, contained: true }
  const go: RunOptions = { ...log, cwd: at('gopath/src/k8s.io/kubernetes'), env: goEnvironment(buildDir) }
  const { file, ldflags } = versionStamps(KUBERNETES_VERSION, COMMIT)
  const plain = (name: string): Step => ({
    name,
    result: at(`bin/${name}`),
    // go build writes its result in place, so a killed one would look complete.
    make: async () => {
      const partial = at(`${name}.partial`)
      await run(
        'go',
        ['build', '-trimpath', '-ldflags', ldflags, '-o', partial, `k8s.io/kubernetes/cmd/${name}`],
        go,
      )
      await rename(partial, at(`bin/${name}`))
    },
  })
  return [
    { name: 'source', result: at('source'), make: () => fetchSource(buildDir, log) },
    { name: 'packages', result: at('packages'), make: () => fetchPackages(buildDir, log) },
    { name: 'reflect2', result: at('source/vendor/.reflect2'), make: () => replaceReflect2(buildDir) },
    {
      name: 'kube-apiserver',
      result: at('bin/kube-apiserver'),
      make: async () => {
        await mkdir(at('gopath/src/k8s.io'), { recursive: true })
        await mkdir(at('bin'), { recursive: true })
        await rm(at('gopath/src/k8s.io/kubernetes'), { force: true })
        await symlink(at('source'), at('gopath/src/k8s.io/kubernetes'))
        await writeFile(at('version'), file)
        // Through make, which also generates the OpenAPI code that a plain `go build` lacks.
        await run('make', ['WHAT=cmd/kube-apiserver', 'GOLDFLAGS=-s -w'], go)
        await rename(at('source/_output/local/bin/linux/amd64/kube-apiserver'), at('bin/kube-apiserver'))
      },
    },
    ...['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'].map(plain),
    { name: 'install', result: layout.binariesDir, make: () => install(layout) },
  ]
}

/** Fetches and unpacks the source through a private apt directory: the machine's own sources stay as they are. */
async function fetchSource(buildDir: string, log: RunOptions): Promise<void> {
  const apt = join(buildDir, 'apt')
  await mkdir(join(apt, 'lists/partial'), { recursive: true })
  const { sourceLines } = await debianSources()
  await writeFile(join(apt, 'sources.list'), `${sourceLines.join('\n')}\n`)
  const settings = [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    // apt's own user cannot write below root's home; the signatures are checked all the same.
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting])
  await mkdir(join(apt, 'cache/archives/partial'), { recursive: true })
  await run('apt-get', [...settings, '-q', 'update'], log)
  await run('apt-get', [...settings, '-q', 'source', '--download-only', 'kubernetes'], log)
  const description = (await readdir(buildDir)).find((file) => /^kubernetes_.*\.dsc$/.test(file))
  if (description?.includes(KUBERNETES_VERSION) !== true) {
    throw new ClusterError(
      `the mirror's source package is ${description ?? 'missing'}, not of Kubernetes ${KUBERNETES_VERSION}; use a mirror of Debian 12`,
    )
  }
  const partial = join(buildDir, 'source.partial')
  await rm(partial, { recursive: true, force: true })
  await run('dpkg-source', ['--extract', description, partial], log)
  await rename(partial, join(buildDir, 'source'))
}

async function fetchPackages(buildDir: string, log: RunOptions): Promise<void> {
  const downloads = join(buildDir, 'debs')
  const partial = join(buildDir, 'packages.partial')
  await rm(downloads, { recursive: true, force: true })
  await rm(partial, { recursive: true, force: true })
  await mkdir(downloads)
  await withFreshLists(
    ['-o', 'APT::Sandbox::User=root', 'download', ...UNPACKED, ...TOOLCHAIN, REFLECT2.package],
    {
      ...log,
      cwd: downloads,
    },
  )
  for (const file of await readdir(downloads))
    await run('dpkg', ['--extract', join(downloads, file), partial], log)
  await rename(partial, join(buildDir, 'packages'))
}

/** Puts Debian's reflect2 in the place of the vendored one. */
async function replaceReflect2(buildDir: string): Promise<void> {
  const vendored = join(buildDir, 'source/vendor', REFLECT2.path)
  await rm(vendored, { recursive: true, force: true })
  await cp(join(buildDir, 'packages/usr/share/gocode/src', REFLECT2.path), vendored, { recursive: true })
  await writeFile(join(buildDir, 'source/vendor/.reflect2'), `from ${REFLECT2.package}\n`)
}

async function install(layout: Layout): Promise<void> {
  const partial = `${layout.binariesDir}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(join(partial, 'cni'), { recursive: true })
  const packages = join(layout.buildDir, 'packages')
  const built = (await readdir(join(layout.buildDir, 'bin'))).map((name) =>
    join(layout.buildDir, 'bin', name),
  )
  const programs = [...built, ...[...RUNTIME_FILES, 'usr/sbin/runc'].map((file) => join(packages, file))]
  for (const program of programs) await copyFile(program, join(partial, basename(program)))
  for (const plugin of NETWORK_PLUGINS) {
    await copyFile(join(packages, 'usr/lib/cni', plugin), join(partial, 'cni', plugin))
  }
  // A program that lacks a library of this machine must be found here, not when the node starts.
  await run(join(partial, 'runc'), ['--version'])
  await run(join(partial, 'containerd'), ['--version'])
  await rename(partial, layout.binariesDir)
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

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function seconds(started: number): string {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
