import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import type { KubernetesRelease } from './kubernetes.ts'
import { parseCidr } from './ranges.ts'

/** Where the cluster comes from: a node of our own, a kind cluster, or one that exists already. */
export type Provider = 'debian' | 'kind' | 'context'

/** What the command line does. */
export type Verb =
  'up' | 'down' | 'prepare' | 'status' | 'build' | 'load' | 'exec' | 'kubeconfig' | 'kubectl' | 'help'

const VERBS: readonly string[] = [
  'up',
  'down',
  'prepare',
  'status',
  'build',
  'load',
  'exec',
  'kubeconfig',
  'kubectl',
  'help',
] satisfies Verb[]
const PROVIDERS: readonly string[] = ['auto', 'debian', 'kind', 'context']
const KUBERNETES: readonly string[] = ['auto', '1.36', '1.20'] satisfies ('auto' | KubernetesRelease)[]

/** Settings of one cluster; everything that flags and environment say is in here. */
export interface ClusterConfig {
  /** Tells several clusters on one machine apart; lower-case letters, digits and dashes, at most 20 characters. */
  readonly name: string
  /** A private /16 from which link, Service and Pod ranges are cut. */
  readonly range: string
  /** `auto` takes kind where a kind binary and a Docker engine are found, else the Debian node. */
  readonly provider: Provider | 'auto'
  /** An existing kubeconfig context, only ever used when named. */
  readonly context: string | undefined
  /** Where images are pushed to and pulled from; undefined: nowhere, and none can be built for `context`. */
  readonly registry: Registry | undefined
  /** What the Debian node runs; `auto` takes the current release where its modules can be fetched or were built before. */
  readonly kubernetes: KubernetesRelease | 'auto'
  /** The kubectl for clusters that are not built here; undefined: the one on the PATH. */
  readonly kubectl: string | undefined
  /** The image of kind's nodes, and so the Kubernetes that they run; undefined: the one that kind itself names. */
  readonly kindImage: string | undefined
  /** Where binaries and images are kept between runs, `${XDG_CACHE_HOME:-~/.cache}/modelrelease`. */
  readonly cacheDir: string
}

/** A registry that the nodes of a cluster pull from. */
export interface Registry {
  /** Host, port where it is not the usual one, and path, such as `10.0.0.1:5000/team`. */
  readonly prefix: string
  /** Whether its certificate is checked; `Any` also takes plain HTTP. */
  readonly tls: 'Verified' | 'Any'
  /** Credentials as `buildah login` or `docker login` leaves them; undefined: where buildah itself looks for them. */
  readonly authFile: string | undefined
}

/** A command line, understood. */
export interface Invocation {
  readonly verb: Verb
  readonly args: readonly string[]
  readonly config: ClusterConfig
}

/** All that is wrong with flags and environment, at once; the command line ends with code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Environment = Readonly<Record<string, string | undefined>>

export const USAGE = `usage: node cluster/cluster.ts <verb> [flags]

  up            start the cluster, building what is missing; does nothing where it is healthy already
  down          stop it and undo everything that it changed on the machine
  prepare       build what up needs and start nothing
  status        say how it is; exit code 0 only where it is healthy
  build TAG DOCKERFILE [CONTEXT]
                build an image; CONTEXT is the Dockerfile's folder if absent
  load TAG...   make images that were built available to pods
  exec -- CMD   run a command inside the node's namespaces
  kubeconfig    print the path of the cluster's own kubeconfig
  kubectl       print the path of the kubectl that goes with the cluster
  help          print this, as --help does

  --name NAME          default modelrelease (MODELRELEASE_CLUSTER_NAME)
  --range CIDR         a private /16, default 10.213.0.0/16 (MODELRELEASE_CLUSTER_RANGE)
  --provider PROVIDER  auto, debian, kind or context (MODELRELEASE_CLUSTER_PROVIDER)
  --context NAME       use this context of your kubeconfig, and no other (MODELRELEASE_CLUSTER_CONTEXT)
  --registry PREFIX    where load pushes to and nodes pull from, such as 10.0.0.1:5000/team: a context needs one
                       (MODELRELEASE_REGISTRY), the Debian node takes one; MODELRELEASE_REGISTRY_TLS_VERIFY=false takes
                       one without a certificate
  --kubernetes RELEASE auto, 1.36 (Go modules) or 1.20 (Debian's sources), of the Debian node (MODELRELEASE_KUBERNETES)
  --kubectl PATH       for kind and a context; default the one on the PATH (MODELRELEASE_KUBECTL)
  --kind-image IMAGE   for kind's nodes; default the one that kind itself names (MODELRELEASE_KIND_IMAGE)`

const OPTIONS = {
  name: { type: 'string' },
  range: { type: 'string' },
  provider: { type: 'string' },
  context: { type: 'string' },
  registry: { type: 'string' },
  kubernetes: { type: 'string' },
  kubectl: { type: 'string' },
  'kind-image': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

interface Flags {
  readonly name?: string
  readonly range?: string
  readonly provider?: string
  readonly context?: string
  readonly registry?: string
  readonly kubernetes?: string
  readonly kubectl?: string
  readonly 'kind-image'?: string
  readonly help?: boolean
}

/** Settings from flags, then environment, then defaults. Throws one ConfigError that lists every problem. */
export function clusterConfig(flags: Flags, env: Environment): ClusterConfig {
  const asked = {
    name: env.MODELRELEASE_CLUSTER_NAME,
    range: env.MODELRELEASE_CLUSTER_RANGE,
    provider: env.MODELRELEASE_CLUSTER_PROVIDER,
    kubernetes: env.MODELRELEASE_KUBERNETES,
    kubectl: env.MODELRELEASE_KUBECTL,
    'kind-image': env.MODELRELEASE_KIND_IMAGE,
    registry: env.MODELRELEASE_REGISTRY,
    ...flags,
  }
  const { name = 'modelrelease', range = '10.213.0.0/16', kubernetes = 'auto', kubectl } = asked
  const named = flags.context ?? env.MODELRELEASE_CLUSTER_CONTEXT
  const provider = asked.provider ?? (named === undefined ? 'auto' : 'context')
  // A flag that does not fit is a mistake; a variable is meant for those runs alone that use a context.
  const { context, registry } = provider === 'context' ? { context: named, registry: asked.registry } : flags
  const tlsVerify = env.MODELRELEASE_REGISTRY_TLS_VERIFY ?? 'true'
  const problems = [
    nameProblem(name),
    rangeProblem(range),
    providerProblem(provider),
    contextProblem(provider, context),
    registryProblem(registry),
    tlsProblem(tlsVerify),
    kubernetesProblem(kubernetes),
  ].filter((problem) => problem !== undefined)
  if (problems.length > 0) throw new ConfigError(`invalid configuration:\n- ${problems.join('\n- ')}`)
  const cacheHome = env.XDG_CACHE_HOME ?? join(env.HOME ?? homedir(), '.cache')
  return {
    name,
    range,
    provider: provider as ClusterConfig['provider'],
    context,
    registry: registryOf(registry, tlsVerify, env.REGISTRY_AUTH_FILE),
    kubernetes: kubernetes as ClusterConfig['kubernetes'],
    kubectl,
    kindImage: asked['kind-image'],
    cacheDir: join(cacheHome, 'modelrelease'),
  }
}

/** A whole command line; flags may stand before or after the verb, words after `--` are the verb's own. */
export function parseInvocation(argv: readonly string[], env: Environment): Invocation {
  const parsed = parse(argv)
  const [verb, ...args] = parsed.values.help ? ['help'] : parsed.positionals
  if (verb === undefined || !VERBS.includes(verb)) {
    throw new ConfigError(verb === undefined ? USAGE : `unknown verb ${verb}\n\n${USAGE}`)
  }
  if (verb === 'build' && (args.length < 2 || args.length > 3))
    throw new ConfigError(`build needs a tag, the path of a Dockerfile, and a folder at most\n\n${USAGE}`)
  if (verb === 'load' && args.length === 0)
    throw new ConfigError(`load needs at least one image tag\n\n${USAGE}`)
  if (verb === 'exec' && args.length === 0) throw new ConfigError(`exec needs a command after --\n\n${USAGE}`)
  return { verb: verb as Verb, args, config: clusterConfig(parsed.values, env) }
}

/** Settings of this process, for programs that import the cluster instead of running it. */
export function readConfig(flags: Flags = {}): ClusterConfig {
  return clusterConfig(flags, process.env)
}

/** The directories in which programs are looked for. */
export function searchPath(env: Environment = process.env): string[] {
  return (env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
}

function parse(argv: readonly string[]): { values: Flags; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (cause) {
    throw new ConfigError(`${(cause as Error).message}\n\n${USAGE}`, { cause })
  }
}

function nameProblem(name: string): string | undefined {
  if (/^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) return undefined
  return `name: ${JSON.stringify(name)} is not 1 to 20 lower-case letters, digits and inner dashes`
}

function rangeProblem(range: string): string | undefined {
  const parsed = parseCidr(range)
  if (parsed?.prefix === 16) return undefined
  return `range: ${JSON.stringify(range)} is not an IPv4 /16 such as 10.213.0.0/16`
}

function providerProblem(provider: string): string | undefined {
  if (PROVIDERS.includes(provider)) return undefined
  return `provider: ${JSON.stringify(provider)} is none of ${PROVIDERS.join(', ')}`
}

function kubernetesProblem(kubernetes: string): string | undefined {
  if (KUBERNETES.includes(kubernetes)) return undefined
  return `kubernetes: ${JSON.stringify(kubernetes)} is none of ${KUBERNETES.join(', ')}`
}

function contextProblem(provider: string, context: string | undefined): string | undefined {
  if (provider === 'context' && context === undefined)
    return 'context: provider context needs --context NAME or MODELRELEASE_CLUSTER_CONTEXT'
  if (provider !== 'context' && context !== undefined) {
    return `context: --context ${context} goes with --provider context, not ${provider}`
  }
  return undefined
}

function registryOf(
  prefix: string | undefined,
  tlsVerify: string,
  authFile: string | undefined,
): Registry | undefined {
  if (prefix === undefined) return undefined
  return { prefix: prefix.replace(/\/+$/, ''), tls: tlsVerify === 'false' ? 'Any' : 'Verified', authFile }
}

function registryProblem(prefix: string | undefined): string | undefined {
  if (prefix === undefined || /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*\/*$/.test(prefix)) return undefined
  return `registry: ${JSON.stringify(prefix)} is not HOST[:PORT][/PATH] in lower case, without a scheme or a tag`
}

function tlsProblem(value: string): string | undefined {
  if (value === 'true' || value === 'false') return undefined
  return `MODELRELEASE_REGISTRY_TLS_VERIFY: ${JSON.stringify(value)} is neither true nor false`
}
