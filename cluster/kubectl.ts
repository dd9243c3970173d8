import { attempt, run } from './command.ts'
import { ClusterError } from './cluster-error.ts'
import type { ClusterConfig } from './config.ts'
import { onPath } from './debian.ts'
import { isReadyNode } from './node-health.ts'

/** The oldest that leaves the check of fields to a server that can do it, so that tests see what the server says. */
const OLDEST_MINOR = 25

interface List {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly namespace?: string } }[]
}

/** API servers from 1.25 on evaluate the CEL rules of a CRD, and check fields themselves where kubectl asks for it. */
const KNOWS_CEL_MINOR = 25

/** Whether the API server of a 1.N cluster evaluates the CEL rules of a CRD. */
export function knowsCel(serverMinor: number): boolean {
  return serverMinor >= KNOWS_CEL_MINOR
}

/**
 * The flags of `kubectl apply` by which a CRD with CEL rules is taken. An older API server refuses them server-side, and
 * kubectl's own check does so for it; without both it drops the rules, and the operator checks the same itself.
 */
export function applyCrdFlags(serverMinor: number): string[] {
  return knowsCel(serverMinor) ? ['--server-side', '--force-conflicts'] : ['--validate=false']
}

/** The machine's kubectl, for clusters that were not built here. Throws a ClusterError where it is missing. */
export async function findKubectl(config: Pick<ClusterConfig, 'kubectl'>): Promise<string> {
  const path = config.kubectl ?? (await onPath('kubectl'))
  if (path !== undefined) return path
  throw new ClusterError(
    `there is no kubectl on the PATH; install version 1.${OLDEST_MINOR} or newer, or name one with --kubectl PATH or MODELRELEASE_KUBECTL`,
  )
}

/** The N of the server's 1.N, asked by a kubectl. Throws a ClusterError where it is too old or nobody answers. */
export async function askServerMinor(path: string, kubeconfig: string): Promise<number> {
  const options = ['--kubeconfig', kubeconfig, '--request-timeout=10s', '--output=json']
  return serverMinorOf(path, await run(path, ['version', ...options]))
}

/** The N of the server's 1.N out of what `kubectl version --output=json` prints. */
export function serverMinorOf(path: string, printed: string): number {
  type Version = { readonly minor: string }
  const { clientVersion, serverVersion } = JSON.parse(printed) as Record<string, Version | undefined>
  // A provider may add a plus sign.
  const client = Number.parseInt(clientVersion?.minor ?? '', 10)
  const server = Number.parseInt(serverVersion?.minor ?? '', 10)
  if (!(client >= OLDEST_MINOR)) {
    throw new ClusterError(
      `${path} is version 1.${clientVersion?.minor ?? '?'}, and this needs 1.${OLDEST_MINOR} or newer; name another with --kubectl PATH or MODELRELEASE_KUBECTL`,
    )
  }
  if (Number.isNaN(server)) throw new ClusterError(`${path} does not say which Kubernetes the server is`)
  return server
}

/** What keeps a cluster's nodes from being ready, in words; none where they are. */
export async function kubectlProblems(kubectl: string, kubeconfig: string): Promise<string[]> {
  const nodes = await list(kubectl, kubeconfig, ['nodes'])
  if (nodes === undefined) return ['the API server does not answer']
  return nodes.items
    .filter((node) => !isReadyNode(node))
    .map(({ metadata }) => `node ${metadata.name} is not Ready`)
}

/** Every pod as `namespace/name`. */
export async function kubectlPods(kubectl: string, kubeconfig: string): Promise<string[]> {
  const pods = await list(kubectl, kubeconfig, ['pods', '--all-namespaces'])
  return (pods?.items ?? []).map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`)
}

async function list(kubectl: string, kubeconfig: string, what: readonly string[]): Promise<List | undefined> {
  const options = ['--kubeconfig', kubeconfig, '--request-timeout=5s', '--output=json']
  const { code, stdout } = await attempt(kubectl, ['get', ...what, ...options])
  return code === 0 ? (JSON.parse(stdout) as List) : undefined
}
