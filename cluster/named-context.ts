import { mkdir, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { ClusterError } from './cluster-error.ts'
import { run } from './command.ts'
import type { ClusterHandle, ClusterOptions, ClusterProvider } from './handle.ts'
import { askServerMinor, findKubectl, kubectlPods, kubectlProblems } from './kubectl.ts'

/** A cluster of the user's, reached by the one context that was named; nothing is started, stopped or loaded. */
export function namedContext(options: ClusterOptions, context: string): ClusterProvider {
  const { config, report } = options
  // A copy that holds this context alone: no command can end up at another of the user's clusters.
  const kubeconfig = join(config.cacheDir, 'contexts', `${config.name}.kubeconfig`)
  const attach = async (): Promise<ClusterHandle> => {
    const kubectl = await findKubectl(config)
    const only = await run(kubectl, [
      'config',
      'view',
      '--raw',
      '--flatten',
      '--minify',
      '--context',
      context,
    ])
    await mkdir(join(config.cacheDir, 'contexts'), { recursive: true, mode: 0o700 })
    await writeFile(kubeconfig, `${only}\n`, { mode: 0o600 })
    const problems = await kubectlProblems(kubectl, kubeconfig)
    if (problems.length > 0)
      throw new ClusterError(`context ${context} cannot be used: ${problems.join(', ')}`)
    return handleFor(options, context, { kubectl, kubeconfig })
  }
  return {
    up: async () => {
      const handle = await attach()
      report(`Kubernetes 1.${handle.kubernetesMinor} (context ${context} runs it)`)
      return handle
    },
    prepare: () => Promise.resolve(),
    down: async () => {
      await rm(kubeconfig, { force: true })
      report(`context ${context} is left as it is`)
    },
    state: async () => {
      const { kubectl } = await attach()
      return { type: 'Up', problems: [], pods: await kubectlPods(kubectl, kubeconfig) }
    },
    attach,
    enter: () =>
      Promise.reject(new ClusterError(`exec cannot enter the nodes of context ${context}; use kubectl`)),
  }
}

async function handleFor(
  options: ClusterOptions,
  context: string,
  { kubectl, kubeconfig }: { readonly kubectl: string; readonly kubeconfig: string },
): Promise<ClusterHandle> {
  const noImages = (): Promise<never> =>
    Promise.reject(
      new ClusterError(
        `images cannot be built into context ${context}; push them where its nodes pull from, then name them`,
      ),
    )
  const query = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
  const nodes = ['get', 'nodes', '--kubeconfig', kubeconfig, '--output', `jsonpath=${query}`]
  return {
    name: options.config.name,
    kubeconfigPath: kubeconfig,
    kubectl,
    kubernetesMinor: await askServerMinor(kubectl, kubeconfig),
    hostAddress: await localAddress(kubectl, kubeconfig),
    nodeAddress: await run(kubectl, nodes),
    serviceCidr: undefined,
    podCidr: undefined,
    build: noImages,
    load: noImages,
    down: () => namedContext(options, context).down(),
  }
}

/** The address under which this machine talks to the API server: the best guess at where its pods find us. */
async function localAddress(kubectl: string, kubeconfig: string): Promise<string> {
  const query = 'jsonpath={.clusters[0].cluster.server}'
  const server = new URL(
    await run(kubectl, ['config', 'view', '--kubeconfig', kubeconfig, '--output', query]),
  )
  const socket = connect({ host: server.hostname, port: Number(server.port) || 443, timeout: 5000 })
  try {
    await once(socket, 'connect')
    return socket.localAddress ?? ''
  } finally {
    socket.destroy()
  }
}
