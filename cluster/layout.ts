import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ClusterConfig } from './config.ts'
import type { Kubernetes } from './kubernetes.ts'

/** Every path and name that one cluster uses on the machine. */
export interface Layout {
  /** Holds images, binaries and logs of failed starts; survives `down`. */
  readonly cacheDir: string
  /** State on disk; its `var` is the node's /var. */
  readonly stateDir: string
  readonly varDir: string
  readonly logDir: string
  readonly pkiDir: string
  readonly kubeconfig: string
  /** Sockets and the record of what runs; its `run` is the node's /run. */
  readonly runDir: string
  readonly record: string
  readonly lockFile: string
  readonly containerdSocket: string
  /** Which registries may be without a certificate; containerd looks at each pull. */
  readonly registriesDir: string
  /** Where the logs of a start that failed are kept. */
  readonly failedLogsDir: string
  /** The machine's end of the wire to the node; a kernel allows 15 characters. */
  readonly hostDevice: string
  readonly nodeDevice: string
  /** The parent of every cgroup of the node, below each hierarchy's root. */
  readonly cgroup: string
  readonly nodeName: string
}

/** Where things are, from the settings alone. */
export function layoutOf({ name, cacheDir }: Pick<ClusterConfig, 'name' | 'cacheDir'>): Layout {
  const stateDir = `/var/lib/modelrelease/${name}`
  const runDir = `/run/modelrelease/${name}`
  const tag = createHash('sha256').update(name).digest('hex').slice(0, 8)
  return {
    cacheDir,
    stateDir,
    varDir: join(stateDir, 'var'),
    logDir: join(stateDir, 'var/log'),
    pkiDir: join(stateDir, 'var/lib/pki'),
    kubeconfig: join(stateDir, 'kubeconfig'),
    runDir,
    record: join(runDir, 'record.json'),
    lockFile: `/run/modelrelease/${name}.lock`,
    containerdSocket: join(runDir, 'run/containerd/containerd.sock'),
    registriesDir: join(runDir, 'run/registries'),
    failedLogsDir: join(cacheDir, 'failed', name),
    hostDevice: `mrh-${tag}`,
    nodeDevice: `mrn-${tag}`,
    cgroup: `modelrelease-${name}`,
    nodeName: name,
  }
}

/** The programs of a node of that version, complete or absent. */
export function binariesDirOf(cacheDir: string, { version, build }: Kubernetes): string {
  return join(cacheDir, `kubernetes-${version}-${build}`)
}

/** Where a build is under way, whatever its version; gone when it is complete. */
export function buildDirOf(cacheDir: string): string {
  return join(cacheDir, 'kubernetes.build')
}
