import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { borrowed, kubectlIn, type Borrowed } from './borrowed.ts'
import { ClusterError } from './cluster-error.ts'
import { run } from './command.ts'
import type { ClusterConfig, Registry } from './config.ts'
import { installPackages, NODE_PACKAGES, osRelease, refuseOtherSystems } from './debian.ts'
import type { ClusterHandle, ClusterOptions, ClusterProvider } from './handle.ts'
import { buildImage } from './images.ts'
import { askServerMinor, findKubectl, kubectlPods, kubectlProblems } from './kubectl.ts'
import { pushImage } from './registry.ts'

const NODE_ACCESS = 'modelrelease-node-access'

/**
 * A cluster of the user's, reached by the one context that was named. Nothing is started or stopped; what is made in it is
 * claimed first, and `down` removes that and nothing else.
 */
export function namedContext(options: ClusterOptions, context: string): ClusterProvider {
  const { config, report } = options
  // A copy that holds this context alone: no command can end up at another of the user's clusters.
  const kubeconfig = fileFor(config, context, 'kubeconfig')
  const attach = async (): Promise<ClusterHandle> => {
    const kubectl = await findKubectl(config)
    const view = ['config', 'view', '--raw', '--flatten', '--minify', '--context', context]
    const only = await run(kubectl, view)
    await mkdir(dirname(kubeconfig), { recursive: true, mode: 0o700 })
    await writeFile(kubeconfig, `${only}\n`, { mode: 0o600 })
    const problems = await kubectlProblems(kubectl, kubeconfig)
    if (problems.length > 0)
      throw new ClusterError(`context ${context} cannot be used: ${problems.join(', ')}`)
    return handleFor(options, context, { kubectl, kubeconfig })
  }
  const up = async (): Promise<ClusterHandle> => {
    const handle = await attach()
    report(`Kubernetes 1.${handle.kubernetesMinor} (context ${context} runs it)`)
    return handle
  }
  return {
    up,
    prepare: async () => {
      await up()
    },
    down: async () => {
      const known = await access(kubeconfig).then(
        () => true,
        () => false,
      )
      if (known) await borrowedFrom(config, context, await findKubectl(config)).giveBack()
      await rm(kubeconfig, { force: true })
      await rm(fileFor(config, context, 'image'), { force: true })
      report(`context ${context} is left as it was`)
    },
    state: async () => {
      const { kubectl } = await attach()
      return { type: 'Up', problems: [], pods: await kubectlPods(kubectl, kubeconfig) }
    },
    attach,
    enter: (command, node) => enter(options, context, { command, node }),
  }
}

/** Files of a context, whatever name the cluster has in our settings: it is one and the same. */
function fileFor({ cacheDir }: ClusterConfig, context: string, kind: string): string {
  const tag = createHash('sha256').update(context).digest('hex').slice(0, 12)
  return join(cacheDir, 'contexts', `${tag}.${kind}`)
}

function borrowedFrom(config: ClusterConfig, context: string, kubectl: string): Borrowed {
  const run = kubectlIn(kubectl, fileFor(config, context, 'kubeconfig'))
  return borrowed({ context, file: fileFor(config, context, 'claimed.json'), kubectl: run })
}

async function handleFor(
  options: ClusterOptions,
  context: string,
  { kubectl, kubeconfig }: { readonly kubectl: string; readonly kubeconfig: string },
): Promise<ClusterHandle> {
  const { config, report, signal } = options
  const { cacheDir } = config
  const registry = (): Registry => {
    if (config.registry !== undefined) return config.registry
    throw new ClusterError(
      `images cannot be brought into context ${context}; name a registry that its nodes pull from with --registry or MODELRELEASE_REGISTRY`,
    )
  }
  const query = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
  const nodes = ['get', 'nodes', '--kubeconfig', kubeconfig, '--output', `jsonpath=${query}`]
  return {
    name: config.name,
    kubeconfigPath: kubeconfig,
    kubectl,
    kubernetesMinor: await askServerMinor(kubectl, kubeconfig),
    hostAddress: await localAddress(kubectl, kubeconfig),
    nodeAddress: await run(kubectl, nodes),
    serviceCidr: undefined,
    podCidr: undefined,
    build: async (spec) => {
      registry()
      refuseOtherSystems(await osRelease())
      await installPackages(NODE_PACKAGES, report, signal)
      await buildImage(spec, { cacheDir, report, signal })
    },
    load: async (tag) => {
      const name = await pushImage(tag, { cacheDir, registry: registry(), signal })
      await writeFile(fileFor(config, context, 'image'), name)
      return name
    },
    claim: (objects) => borrowedFrom(config, context, kubectl).claim(objects),
    down: () => namedContext(options, context).down(),
  }
}

/** Through a pod that sees the node's processes, in a namespace that is removed with everything else. */
async function enter(
  { config }: ClusterOptions,
  context: string,
  { command, node }: { readonly command: readonly string[]; readonly node: string | undefined },
): Promise<string[]> {
  const program = await findKubectl(config)
  const kubeconfig = fileFor(config, context, 'kubeconfig')
  const kubectl = kubectlIn(program, kubeconfig)
  const image = await readFile(fileFor(config, context, 'image'), 'utf8').catch(() => undefined)
  if (image === undefined)
    throw new ClusterError(`the nodes of context ${context} are entered by a pod; load an image first`)
  const target = node ?? (await kubectl(['get', 'nodes', '--output=jsonpath={.items[0].metadata.name}']))
  const namespace = ['--namespace', NODE_ACCESS]
  const pod = `on-${target}`
  if ((await kubectl(['get', `namespace/${NODE_ACCESS}`, '--ignore-not-found', '--output=name'])) === '') {
    await borrowedFrom(config, context, program).claim([`namespace/${NODE_ACCESS}`])
    await kubectl(['create', 'namespace', NODE_ACCESS])
    await kubectl(['label', 'namespace', NODE_ACCESS, 'pod-security.kubernetes.io/enforce=privileged'])
  }
  if ((await kubectl([...namespace, 'get', 'pod', pod, '--ignore-not-found', '--output=name'])) === '') {
    const overrides = JSON.stringify({ spec: accessPod(target, image) })
    await kubectl([
      ...namespace,
      'run',
      pod,
      `--image=${image}`,
      '--restart=Never',
      `--overrides=${overrides}`,
    ])
  }
  await kubectl([...namespace, 'wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=120s'])
  return [program, '--kubeconfig', kubeconfig, ...namespace, 'exec', pod, '--', ...command]
}

function accessPod(nodeName: string, image: string): object {
  const container = {
    name: 'access',
    image,
    command: ['sleep', 'infinity'],
    securityContext: { privileged: true, runAsUser: 0 },
  }
  return { nodeName, hostPID: true, terminationGracePeriodSeconds: 0, containers: [container] }
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
