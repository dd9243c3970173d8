import { cp, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { goBuild, type Step } from './build-steps.ts'
import { run, type RunOptions } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import { debianSources, installPackages, type DebianPackage } from './debian.ts'
import type { Kubernetes, KubernetesProgram } from './kubernetes.ts'

/** What unpacks the source and what its own build scripts call. */
const BUILD_TOOLS: readonly DebianPackage[] = [
  { name: 'dpkg-dev', provides: '/usr/bin/dpkg-source' },
  { name: 'make', provides: '/usr/bin/make' },
  { name: 'rsync', provides: '/usr/bin/rsync' },
]

/**
 * The tree vendors reflect2 1.0.1, which calls a function of Go's runtime whose signature changed in Go 1.18: with
 * Go 1.19 the API server dies of a memory fault as soon as it encodes a map in order, as it does for every custom
 * resource. Debian packages the version that knows both.
 */
const REFLECT2 = { package: 'golang-github-modern-go-reflect2-dev', path: 'github.com/modern-go/reflect2' }

const API_SERVER: KubernetesProgram = 'kube-apiserver'

/** What is done to compile the programs of the version that Debian has the source of; its packages are unpacked before. */
export function debianSourceSteps(
  { version, commit, compiled }: Kubernetes,
  { buildDir, log, report }: { buildDir: string; log: RunOptions; report: (line: string) => void },
): Step[] {
  const at = (path: string): string => join(buildDir, path)
  const go: RunOptions = { ...log, cwd: at('gopath/src/k8s.io/kubernetes'), env: goEnvironment(buildDir) }
  const { file, ldflags } = versionStamps(version, commit)
  // What make has to compile comes first.
  const plain = compiled.filter((name) => name !== API_SERVER)
  const packages = Object.fromEntries(plain.map((name) => [name, `k8s.io/kubernetes/cmd/${name}`]))
  return [
    {
      name: 'source',
      result: at('source'),
      make: async () => {
        await installPackages(BUILD_TOOLS, report, log.signal)
        await fetchSource(version, buildDir, log)
      },
    },
    { name: 'reflect2', result: at('source/vendor/.reflect2'), make: () => replaceReflect2(buildDir) },
    {
      name: 'GOPATH',
      result: at('version'),
      make: async () => {
        await mkdir(at('gopath/src/k8s.io'), { recursive: true })
        await mkdir(at('bin'), { recursive: true })
        await rm(at('gopath/src/k8s.io/kubernetes'), { force: true })
        await symlink(at('source'), at('gopath/src/k8s.io/kubernetes'))
        await writeFile(at('version'), file)
      },
    },
    {
      name: API_SERVER,
      result: at(`bin/${API_SERVER}`),
      make: () => makeApiServer(at('source'), at(`bin/${API_SERVER}`), go),
    },
    {
      name: `${plain.length} programs`,
      result: at(`bin/${plain.at(-1) ?? ''}`),
      make: () => goBuild({ packages, ldflags, target: at('bin') }, go),
    },
  ]
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

/** Through make, which also generates the OpenAPI code that a plain `go build` lacks. */
async function makeApiServer(source: string, target: string, go: RunOptions): Promise<void> {
  await run('make', ['WHAT=cmd/kube-apiserver', 'GOLDFLAGS=-s -w'], go)
  await rename(join(source, '_output/local/bin/linux/amd64/kube-apiserver'), target)
}

/** Fetches and unpacks the source through a private apt directory: the machine's own sources stay as they are. */
async function fetchSource(version: string, buildDir: string, log: RunOptions): Promise<void> {
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
  if (description?.includes(version) !== true) {
    throw new ClusterError(
      `the mirror's source package is ${description ?? 'missing'}, not of Kubernetes ${version}; use a mirror of Debian 12`,
    )
  }
  const partial = join(buildDir, 'source.partial')
  await rm(partial, { recursive: true, force: true })
  await run('dpkg-source', ['--extract', description, partial], log)
  await rename(partial, join(buildDir, 'source'))
}

/** Puts Debian's reflect2 in the place of the vendored one. */
async function replaceReflect2(buildDir: string): Promise<void> {
  const vendored = join(buildDir, 'source/vendor', REFLECT2.path)
  await rm(vendored, { recursive: true, force: true })
  await cp(join(buildDir, 'packages/usr/share/gocode/src', REFLECT2.path), vendored, { recursive: true })
  await writeFile(join(buildDir, 'source/vendor/.reflect2'), `from ${REFLECT2.package}\n`)
}
