import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterError } from './cluster-error.ts'
import { attempt, run } from './command.ts'
import { onPath } from './debian.ts'
import { refuseOverlap } from './host-network.ts'
import type { ClusterHandle, ClusterOptions, ClusterProvider } from './handle.ts'
import type { ImageSpec } from './image-inputs.ts'
import { askServerMinor, findKubectl, kubectlPods, kubectlProblems } from './kubectl.ts'
import { nodeRanges, type NodeRanges } from './ranges.ts'

/** Whether both a kind binary and a Docker engine that answers are there. */
export async function kindIsUsable(): Promise<boolean> {
  if ((await onPath('kind')) === undefined || (await onPath('docker')) === undefined) return false
  return (await attempt('docker', ['info'])).code === 0
}

/** Who made a route, as the kernel keeps it for whoever asks: those of another program have another number. */
const ROUTE_MARK = '86'

/** The commands that this provider runs, as pure functions of their inputs. */
export const kindCommands = {
  create: (name: string, kubeconfig: string): string[] => [
    ...['kind', 'create', 'cluster', '--name', name, '--kubeconfig', kubeconfig],
    ...['--config', '-', '--wait', '180s'],
  ],
  configuration: ({ podCidr, serviceCidr }: NodeRanges, image: string | undefined): string =>
    JSON.stringify({
      kind: 'Cluster',
      apiVersion: 'kind.x-k8s.io/v1alpha4',
      networking: { podSubnet: podCidr, serviceSubnet: serviceCidr },
      ...(image === undefined ? {} : { nodes: [{ role: 'control-plane', image }] }),
    }),
  remove: (name: string, kubeconfig: string): string[] => [
    ...['kind', 'delete', 'cluster', '--name', name, '--kubeconfig', kubeconfig],
  ],
  build: ({ dockerfile, tag, context, buildArgs }: ImageSpec): string[] => [
    ...['docker', 'build', '--file', dockerfile, '--tag', tag],
    ...Object.entries(buildArgs ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    context,
  ],
  load: (name: string, tag: string): string[] => ['kind', 'load', 'docker-image', tag, '--name', name],
  nodeAddress: (name: string): string[] => [
    ...['docker', 'inspect', '--format', '{{.NetworkSettings.Networks.kind.IPAddress}}'],
    `${name}-control-plane`,
  ],
  hostAddress: (name: string): string[] => [
    ...[
      'docker',
      'inspect',
      '--format',
      '{{.NetworkSettings.Networks.kind.Gateway}}',
      `${name}-control-plane`,
    ],
  ],
  route: (destination: string, via: string): string[] => [
    ...['ip', 'route', 'replace', destination, 'via', via, 'proto', ROUTE_MARK],
  ],
  unroute: (destination: string): string[] => ['ip', 'route', 'delete', destination, 'proto', ROUTE_MARK],
}

/** A cluster made by kind, with a kubeconfig of its own; the user's is not touched. */
export function kindCluster(options: ClusterOptions): ClusterProvider {
  const { config, report } = options
  const { name } = config
  const kubeconfig = join(config.cacheDir, 'kind', `${name}.kubeconfig`)
  const exists = async (): Promise<boolean> =>
    (await run('kind', ['get', 'clusters'])).split('\n').includes(name)
  const attach = async (): Promise<ClusterHandle> => {
    if (!(await exists())) throw new ClusterError(`there is no kind cluster ${name}; run up first`)
    return handleFor(options, kubeconfig)
  }
  return {
    up: async () => {
      await mkdir(join(config.cacheDir, 'kind'), { recursive: true })
      if (await exists()) report(`kind cluster ${name} is already up`)
      else await create(options, kubeconfig)
      const handle = await attach()
      // kind takes a node that is late for good.
      const problems = await kubectlProblems(handle.kubectl, kubeconfig)
      if (problems.length > 0) {
        throw new ClusterError(
          `kind cluster ${name} is not usable: ${problems.join(', ')}; docker logs ${name}-control-plane says more, down removes it`,
        )
      }
      report(`Kubernetes 1.${handle.kubernetesMinor} (kind cluster ${name} runs it)`)
      await routeToServices(handle, report)
      return handle
    },
    prepare: () => {
      report('Kubernetes: the one that kind makes (a kind binary and a Docker engine are here)')
      return Promise.resolve()
    },
    down: async () => {
      const known = await exists()
      await unroute(nodeRanges(config.range))
      if (known) await perform(kindCommands.remove(name, kubeconfig), { report })
      await rm(kubeconfig, { force: true })
      report(`kind cluster ${name} ${known ? 'is down' : 'was not up'}`)
    },
    state: async () => {
      if (!(await exists())) return { type: 'Down' }
      const kubectl = await findKubectl(config)
      const problems = await kubectlProblems(kubectl, kubeconfig)
      return { type: 'Up', problems, pods: await kubectlPods(kubectl, kubeconfig) }
    },
    attach,
    enter: async (command) => {
      await attach()
      return ['docker', 'exec', `${name}-control-plane`, ...command]
    },
  }
}

/** kind cleans up after its own failures, but not where it is stopped. */
async function create(options: ClusterOptions, kubeconfig: string): Promise<void> {
  const { config, report } = options
  const ranges = nodeRanges(config.range)
  // What kind itself removed has left them behind.
  await unroute(ranges)
  // Only where there will be routes to them.
  if ((await onPath('ip')) !== undefined) {
    for (const range of [ranges.serviceCidr, ranges.podCidr]) await refuseOverlap(range)
  }
  const configuration = kindCommands.configuration(ranges, config.kindImage)
  try {
    await perform(kindCommands.create(config.name, kubeconfig), options, configuration)
  } catch (cause) {
    if (options.signal?.aborted === true)
      await perform(kindCommands.remove(config.name, kubeconfig), { report })
    throw cause
  }
}

async function handleFor(options: ClusterOptions, kubeconfigPath: string): Promise<ClusterHandle> {
  const { config, report } = options
  const { serviceCidr, podCidr } = nodeRanges(config.range)
  const kubectl = await findKubectl(config)
  return {
    name: config.name,
    kubeconfigPath,
    kubectl,
    kubernetesMinor: await askServerMinor(kubectl, kubeconfigPath),
    hostAddress: await capture(kindCommands.hostAddress(config.name)),
    nodeAddress: await capture(kindCommands.nodeAddress(config.name)),
    serviceCidr,
    podCidr,
    build: (spec) => perform(kindCommands.build(spec), options),
    load: async (tag) => {
      await perform(kindCommands.load(config.name, tag), options)
      return tag
    },
    claim: () => Promise.resolve(),
    down: () => kindCluster({ config, report }).down(),
  }
}

/** Lets this machine reach Service and Pod addresses; only Linux has the node's network within reach. */
async function routeToServices(handle: ClusterHandle, report: (line: string) => void): Promise<void> {
  const destinations = [handle.serviceCidr, handle.podCidr].filter((cidr) => cidr !== undefined)
  for (const destination of destinations) {
    const command = kindCommands.route(destination, handle.nodeAddress)
    const [program = '', ...args] = command
    const { code } = await attempt(program, args).catch(() => ({ code: 1 }))
    if (code === 0) continue
    report(
      `this machine cannot reach Service addresses: ${command.join(' ')} failed; it needs Linux and root`,
    )
    return
  }
}

/** Those that we made, whether there still is a cluster behind them or not. */
async function unroute({ serviceCidr, podCidr }: NodeRanges): Promise<void> {
  for (const destination of [serviceCidr, podCidr]) {
    const [program = '', ...args] = kindCommands.unroute(destination)
    await attempt(program, args).catch(() => undefined)
  }
}

async function perform(
  [program = '', ...args]: readonly string[],
  options: Pick<ClusterOptions, 'report' | 'signal'>,
  input?: string,
): Promise<void> {
  options.report(`${program} ${args.slice(0, 2).join(' ')}`)
  await run(program, args, { signal: options.signal, ...(input === undefined ? {} : { input }) })
}

function capture([program = '', ...args]: readonly string[]): Promise<string> {
  return run(program, args)
}
