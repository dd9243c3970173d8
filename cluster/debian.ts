import { access, constants, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, run, type RunOptions } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import { searchPath } from './config.ts'

/** A package, and a file by which is seen whether it is there. */
export interface DebianPackage {
  readonly name: string
  readonly provides: string
}

/** Packages that a node needs, whatever it runs; none of them starts a service or replaces another package. */
export const NODE_PACKAGES: readonly DebianPackage[] = [
  // For the Go module proxy and npm's registry, and their certificates.
  { name: 'ca-certificates', provides: '/etc/ssl/certs/ca-certificates.crt' },
  { name: 'iproute2', provides: '/usr/sbin/ip' },
  { name: 'iptables', provides: '/usr/sbin/iptables' },
  { name: 'conntrack', provides: '/usr/sbin/conntrack' },
  { name: 'openssl', provides: '/usr/bin/openssl' },
  { name: 'gcc', provides: '/usr/bin/gcc' },
  { name: 'libc6-dev', provides: '/usr/include/stdlib.h' },
  { name: 'buildah', provides: '/usr/bin/buildah' },
  { name: 'mmdebstrap', provides: '/usr/bin/mmdebstrap' },
]

/** Whatever mirror a machine uses, what it carries of Debian is signed with these keys. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** A package index that apt knows, from its own listing. */
export interface PackageIndex {
  readonly uri: string
  readonly codename: string
  readonly component: string
}

/** Throws a ClusterError unless this is Debian 12, by the text of its /etc/os-release. */
export function refuseOtherSystems(osRelease: string): void {
  const field = (name: string): string =>
    new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? ''
  if (field('ID') === 'debian' && field('VERSION_ID') === '12') return
  const name = field('PRETTY_NAME') || 'this system'
  throw new ClusterError(
    `the node is built from the packages of Debian 12, and this is ${name}; install kind and Docker (--provider kind) or name an existing cluster (--context NAME)`,
  )
}

/** Installs what is missing of the packages; the lists are updated only where apt cannot install without. */
export async function installPackages(
  packages: readonly DebianPackage[],
  report: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const missing: string[] = []
  for (const { name, provides } of packages) if (!(await exists(provides))) missing.push(name)
  if (missing.length === 0) return
  report(`installing ${missing.join(' ')}`)
  await withFreshLists(['install', '--yes', '--no-install-recommends', ...missing], { signal })
}

/** Runs apt-get, and once more after an update where it fails: lists may be missing or older than the mirror. */
export async function withFreshLists(args: readonly string[], options: RunOptions): Promise<void> {
  const apt = ['-o', 'DPkg::Lock::Timeout=300', '-q']
  const quiet = { ...options, env: { DEBIAN_FRONTEND: 'noninteractive' } }
  const first = await attempt('apt-get', [...apt, ...args], quiet)
  if (first.code === 0) return
  await run('apt-get', [...apt, 'update'], quiet)
  await run('apt-get', [...apt, ...args], quiet)
}

/** What apt's own listing of its package indexes says; one index a line, fields separated by `|`. */
export function parseIndexes(listing: string): PackageIndex[] {
  return listing
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [uri = '', codename = '', component = ''] = line.split('|')
      return { uri, codename, component }
    })
}

/** The line of a sources.list for an index. */
export function sourceLine(type: 'deb' | 'deb-src', index: PackageIndex): string {
  return `${type} [signed-by=${KEYRING}] ${index.uri} ${index.codename} ${index.component}`
}

/** The machine's own mirrors of Debian 12, and the settings by which it reaches them. */
export async function debianSources(): Promise<{
  readonly lines: string[]
  readonly sourceLines: string[]
  readonly aptOptions: string[]
}> {
  const format = '$(REPO_URI)|$(CODENAME)|$(COMPONENT)'
  const listing = await run('apt-get', ['indextargets', '--format', format, 'Identifier: Packages'])
  const indexes = parseIndexes(listing).filter(
    ({ codename, component }) => /^bookworm(-updates|-security)?$/.test(codename) && component === 'main',
  )
  const release = indexes.filter(({ codename }) => codename === 'bookworm')
  if (release.length === 0) {
    throw new ClusterError(
      'no apt source of this machine has "bookworm main"; add one, for example the one of deb.debian.org',
    )
  }
  return {
    lines: unique(indexes.map((index) => sourceLine('deb', index))),
    sourceLines: unique(release.map((index) => sourceLine('deb-src', index))),
    aptOptions: reachOptions(await run('apt-config', ['dump'])),
  }
}

/** apt's settings about proxies and dates, as options; a mirror may be unreachable or refused without them. */
export function reachOptions(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) => /^Acquire::(https?::(Proxy|CAInfo|Verify)[^ ]*|Check-(Date|Valid-Until)) /i.test(line))
    .map((line) => line.replace(/;$/, ''))
}

/** Where a program of that name is found on the PATH; undefined where it is not. */
export async function onPath(program: string): Promise<string | undefined> {
  for (const directory of searchPath()) {
    const path = join(directory, program)
    if (await exists(path)) return path
  }
  return undefined
}

/** The text of /etc/os-release; empty where there is none. */
export async function osRelease(): Promise<string> {
  return readFile('/etc/os-release', 'utf8').catch(() => '')
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)]
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}
