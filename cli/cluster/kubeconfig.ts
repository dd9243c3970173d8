/** Which cluster, as whom, and in which namespace: found as kubectl finds it. */
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import type { Environment } from '../config.ts'
import { CliError } from '../errors.ts'

/** The flags of kubectl that choose a cluster. */
export type ClusterFlags = {
  kubeconfig?: string
  context?: string
  cluster?: string
  user?: string
  as?: string
  namespace?: string
}

export type Target = {
  kubeConfig: KubeConfig
  namespace: string
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** @throws CliError where a file, context, cluster or user does not exist. */
export function targetOf(flags: ClusterFlags, environment: Environment): Target {
  const kubeConfig = loaded(flags, environment)
  const context = contextOf(kubeConfig, flags)
  kubeConfig.setCurrentContext(context.name)
  if (!kubeConfig.getCurrentCluster())
    throw new CliError(
      `the kubeconfig has no cluster "${context.cluster}" (context "${context.name}"): check --context and --cluster`,
    )
  allowPlainHttp(kubeConfig)
  if (flags.as !== undefined) impersonate(kubeConfig, context.user, flags.as)
  return { kubeConfig, namespace: flags.namespace ?? context.namespace ?? 'default' }
}

/** As kubectl has it, `http:` is a cluster like another (kubectl proxy); client-node asks that nothing be verified there. */
function allowPlainHttp(kubeConfig: KubeConfig): void {
  kubeConfig.clusters = kubeConfig.clusters.map((one) =>
    one.server.startsWith('http:') ? { ...one, skipTLSVerify: true } : one,
  )
}

type Context = { name: string; cluster: string; user: string; namespace?: string | undefined }

/** The context that is named, with what the flags put in the place of its parts. */
function contextOf(kubeConfig: KubeConfig, { context: named, cluster, user }: ClusterFlags): Context {
  const name = named ?? kubeConfig.currentContext
  const found = kubeConfig.getContextObject(name)
  if (!found && (named !== undefined || cluster === undefined)) throw noContext(kubeConfig, name)
  checkUser(kubeConfig, user)
  if (found && cluster === undefined && user === undefined) return found
  const usual = found ?? { cluster: '', user: '' }
  const context = {
    ...usual,
    name: 'modelrelease',
    cluster: cluster ?? usual.cluster,
    user: user ?? usual.user,
  }
  kubeConfig.contexts = [...kubeConfig.contexts.filter((one) => one.name !== context.name), context]
  return context
}

function checkUser({ users }: KubeConfig, user: string | undefined): void {
  if (user === undefined || users.some(({ name }) => name === user)) return
  throw new CliError(`user "${user}" does not exist in the kubeconfig: ${namesOf(users)}`)
}

function noContext({ contexts }: KubeConfig, name: string): CliError {
  return new CliError(
    name
      ? `context "${name}" does not exist in the kubeconfig: ${namesOf(contexts)}`
      : `the kubeconfig has no current context: name one with --context (${namesOf(contexts)})`,
  )
}

function namesOf(entries: readonly { name: string }[]): string {
  return entries.length === 0 ? 'it has none' : `it has ${entries.map(({ name }) => name).join(', ')}`
}

function impersonate(kubeConfig: KubeConfig, userName: string, as: string): void {
  const user = kubeConfig.getUser(userName)
  const others = kubeConfig.users.filter((one) => one !== user)
  kubeConfig.users = [...others, { ...(user ?? { name: userName }), impersonateUser: as }]
}

function loaded({ kubeconfig }: ClusterFlags, { kubeconfig: list, home }: Environment): KubeConfig {
  if (kubeconfig !== undefined) return merged([fileOf(kubeconfig)])
  const named = (list ?? '').split(delimiter).filter((path) => path !== '')
  // As kubectl has it, a file of the list may be missing.
  if (named.length > 0) return merged(named.filter((path) => existsSync(path)).map(fileOf))
  const usual = home === undefined ? undefined : join(home, '.kube', 'config')
  if (usual !== undefined && existsSync(usual)) return merged([fileOf(usual)])
  const kubeConfig = new KubeConfig()
  if (!existsSync(SERVICE_ACCOUNT))
    throw new CliError('there is no kubeconfig: set KUBECONFIG, or name a file with --kubeconfig')
  kubeConfig.loadFromCluster()
  return kubeConfig
}

function fileOf(path: string): KubeConfig {
  if (!existsSync(path)) throw new CliError(`kubeconfig ${path} does not exist`)
  const kubeConfig = new KubeConfig()
  try {
    // An empty file is one that names nothing.
    if (readFileSync(path, 'utf8').trim() !== '') kubeConfig.loadFromFile(path)
  } catch (cause) {
    throw new CliError(`kubeconfig ${path} cannot be read: ${(cause as Error).message}`, undefined, { cause })
  }
  return kubeConfig
}

/** The first file that names a thing wins; client-node's own mergeConfig throws where two name the same. */
function merged(files: readonly KubeConfig[]): KubeConfig {
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromOptions({
    clusters: firstOfEach(files.flatMap(({ clusters = [] }) => clusters)),
    users: firstOfEach(files.flatMap(({ users = [] }) => users)),
    contexts: firstOfEach(files.flatMap(({ contexts = [] }) => contexts)),
    currentContext: files.map(({ currentContext }) => currentContext).find(Boolean) ?? '',
  })
  return kubeConfig
}

function firstOfEach<T extends { name: string }>(entries: readonly T[]): T[] {
  return entries.filter(({ name }, index) => entries.findIndex((one) => one.name === name) === index)
}
