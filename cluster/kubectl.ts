import { attempt } from './command.ts'
import { isReadyNode } from './node-health.ts'

interface List {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly namespace?: string } }[]
}

/** What keeps a cluster's nodes from being ready, in words; none where they are. */
export async function kubectlProblems(kubeconfig: string): Promise<string[]> {
  const nodes = await list(kubeconfig, ['nodes'])
  if (nodes === undefined) return ['the API server does not answer']
  return nodes.items
    .filter((node) => !isReadyNode(node))
    .map(({ metadata }) => `node ${metadata.name} is not Ready`)
}

/** Every pod as `namespace/name`. */
export async function kubectlPods(kubeconfig: string): Promise<string[]> {
  const pods = await list(kubeconfig, ['pods', '--all-namespaces'])
  return (pods?.items ?? []).map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`)
}

async function list(kubeconfig: string, what: readonly string[]): Promise<List | undefined> {
  const options = ['--kubeconfig', kubeconfig, '--request-timeout=5s', '--output=json']
  const { code, stdout } = await attempt('kubectl', ['get', ...what, ...options])
  return code === 0 ? (JSON.parse(stdout) as List) : undefined
}
