/** Everything that a release needs around it: a cluster with the operator, a CloudFront with edges, a bucket of models. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { attempt } from '../cluster/command.ts'
import { readConfig } from '../cluster/config.ts'
import type { ClusterHandle, ClusterProvider } from '../cluster/handle.ts'
import { reachable } from '../cluster/node-health.ts'
import type { ProcessIdentity } from '../cluster/process-identity.ts'
import { applyCrdFlags } from '../cluster/kubectl.ts'
import { providerFor } from '../cluster/provider.ts'
import { LABEL, MANAGER } from '../operator/api/names.ts'
import { ApiClient } from '../operator/controller/api-client.ts'
import { hostOf, startCloudFront, type CloudFront } from './cloudfront.ts'
import { follow, onEach, type ApiObject } from './follow.ts'
import {
  CRD,
  clusterWide,
  IMAGES,
  OPERATOR,
  OPERATOR_NAMESPACE,
  operatorManifests,
  type ImageNames,
  servedBy,
  shippedObjects,
  type OperatorSettings,
} from './install.ts'
import { watchMachine, type Machine } from './machine.ts'
import { keepOperatorLogs } from './operator-pods.ts'
import { ROOT, startProgram } from './program.ts'
import { claimRunning, kubectlCache, stopRunning, writeRunning, type Running } from './running.ts'

/** What comes in seconds may take minutes where others need the machine as well. */
const PATIENCE_MS = 10 * 60_000

export type EnvironmentOptions = {
  /** Name of the cluster; two environments need two names and two ranges. */
  name: string
  /** A private /16 of its own. */
  range: string
  /** Takes all logs. */
  logDir: string
  report: (line: string) => void
  /** Default: the operator runs as it is shipped. */
  operator?: OperatorSettings
  /** Ends the setup and everything that follows the cluster. */
  signal: AbortSignal
}

export type Environment = {
  cluster: ClusterHandle
  provider: ClusterProvider
  api: ApiClient
  cloudFront: CloudFront
  machine: Machine
  /** Where pods fetch the files of examples/housing/models. */
  modelsUrl: string
  images: ImageNames
  logDir: string
  /** Aborts when the environment ends, on request or because something in it failed. */
  signal: AbortSignal
  /** Runs kubectl as the administrator and returns its stdout; throws with its stderr where it fails. */
  kubectl: (args: readonly string[], input?: string) => Promise<string>
  /** Makes a namespace that goes with the environment; throws where it is there. */
  makeNamespace: (name: string) => Promise<void>
  /** Applies the operator as it is shipped, under these names of images, and waits until it is rolled out. */
  installOperator: (images: ImageNames) => Promise<void>
  /** Takes away everything that is shipped but the CRD, as docs/install.md does, and waits until it is gone. */
  uninstallOperator: () => Promise<void>
  /** Another program that `close` stops. */
  adopt: (program: ProcessIdentity) => void
  /** Stops everything that was started and forgets it; logs stay. */
  close: () => Promise<void>
  /** Lets go of everything without stopping it; whoever comes later is told how to look at it. */
  leave: (howToLook: string) => void
}

/** A Service answers in milliseconds, or in seconds where the machine has much else to do. */
const REACH_MS = 60_000

/**
 * Sets everything up. Whatever was started is stopped where this throws; a TakenError (running.ts) says that somebody else's
 * environment of that name stands, and was left as it is.
 */
export async function openEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const { name, range, logDir, report } = options
  const running = await claimRunning({ config: readConfig({ name, range }), logDir, report })
  try {
    return await setUp(options, running)
  } catch (error) {
    await stopRunning(running, report)
    throw error
  }
}

async function setUp(options: EnvironmentOptions, running: Running): Promise<Environment> {
  const { report, logDir } = options
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const provider = await providerFor({ config: running.config, report, signal, images: OWN_IMAGES })
  const cluster = await provider.up()
  const kubectl = kubectlOf(cluster)
  await refuseFarServices(cluster, kubectl, signal)
  await cluster.claim(clusterWide(shippedObjects()))
  const images = await bringImages(cluster, report)

  const adopt = (program: ProcessIdentity): void => {
    running.programs.push(program)
    writeRunning(running)
  }
  mkdirSync(logDir, { recursive: true })
  const { cloudFront, machine, modelsUrl } = await startPrograms({ cluster, logDir, adopt })
  report(`CloudFront emulator at ${cloudFront.endpoint}, edges at ${cloudFront.edges.join(', ')}`)

  const shipped = shippedOperator({ cluster, kubectl }, cloudFront.endpoint, options.operator)
  await shipped.installOperator(images)
  report('operator available')
  const api = accessTo(cluster)
  mapOrigins(api, cloudFront, { signal, failed: (error) => failure.abort(error) })
  const letGo = (): void => {
    failure.abort(new Error('the environment was closed'))
    api.close()
  }
  const leave = (howToLook: string): void => {
    letGo()
    writeRunning({ ...running, kept: howToLook })
  }
  const close = async (): Promise<void> => {
    await keepOperatorLogs(kubectl, logDir)
    letGo()
    await stopRunning(running, report)
  }
  const makeNamespace = async (namespace: string): Promise<void> => {
    await cluster.claim([`namespace/${namespace}`])
    await kubectl(['create', 'namespace', namespace])
  }
  const found = { cluster, provider, api, cloudFront, machine, modelsUrl, images, logDir, signal }
  return { ...found, ...shipped, kubectl, makeNamespace, adopt, close, leave }
}

type Programs = Pick<Environment, 'cluster' | 'logDir' | 'adopt'>

/** CloudFront and the bucket of models, as programs of this machine that pods reach, and who watches them. */
async function startPrograms({
  cluster,
  logDir,
  adopt,
}: Programs): Promise<Pick<Environment, 'cloudFront' | 'machine' | 'modelsUrl'>> {
  const machine = await watchMachine(logDir, cluster.name)
  const cloudFront = await startCloudFront(cluster.hostAddress, logDir)
  const models = await startProgram({
    command: ['demo/model-files.ts', 'examples/housing/models', cluster.hostAddress],
    logFile: join(logDir, 'model-files.log'),
  })
  for (const { identity } of [machine.program, cloudFront.program, models]) adopt(identity)
  return { cloudFront, machine, modelsUrl: models.ready }
}

function accessTo(cluster: ClusterHandle): ApiClient {
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromFile(cluster.kubeconfigPath)
  return new ApiClient(kubeConfig, {
    userAgent: 'modelrelease-demo',
    readTimeoutMs: PATIENCE_MS,
    writeTimeoutMs: PATIENCE_MS,
  })
}

function kubectlOf(cluster: ClusterHandle): Environment['kubectl'] {
  return async (args, input) => {
    const result = await attempt(cluster.kubectl, ['--kubeconfig', cluster.kubeconfigPath, ...args], {
      env: { KUBECACHEDIR: kubectlCache(cluster.name) },
      ...(input === undefined ? {} : { input }),
    })
    if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim()}`)
    return result.stdout.trim()
  }
}

/** The edges run on this machine and ask the color Services: in a cluster of the user's they may be out of reach. */
async function refuseFarServices(
  cluster: ClusterHandle,
  kubectl: Environment['kubectl'],
  signal: AbortSignal,
): Promise<void> {
  const address = await kubectl(['get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}'])
  const soon = AbortSignal.any([signal, AbortSignal.timeout(REACH_MS)])
  await reachable(address, soon).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new Error(
      `this machine does not reach the Service addresses of cluster ${cluster.name} (${address}:443 does not answer), and the local CloudFront asks them; run this on a machine in the cluster's network`,
      { cause },
    )
  })
}

const OWN_IMAGES = IMAGES.map(({ tag, dockerfile, context }) => ({
  tag,
  dockerfile: join(ROOT, dockerfile),
  context: join(ROOT, context),
}))

/** Builds what the demo runs and makes it available to pods, and says under which names. */
async function bringImages(cluster: ClusterHandle, report: (line: string) => void): Promise<ImageNames> {
  for (const image of OWN_IMAGES) await cluster.build(image)
  // One after the other: they share their base, which the first brings and the others then find there.
  const names = new Map<string, string>()
  for (const { tag } of IMAGES) names.set(tag, await cluster.load(tag))
  report(`images loaded: ${[...names.values()].join(', ')}`)
  return names
}

/** Comes and goes as its users have it come and go. */
function shippedOperator(
  environment: Pick<Environment, 'cluster' | 'kubectl'>,
  endpoint: string,
  settings: OperatorSettings | undefined,
): Pick<Environment, 'installOperator' | 'uninstallOperator'> {
  return {
    installOperator: (images) => install(environment, operatorManifests({ endpoint, settings, images })),
    uninstallOperator: async () => {
      const selected = ['--selector', `app.kubernetes.io/name=${OPERATOR}`]
      await environment.kubectl(['delete', '-k', join(ROOT, 'manifests'), ...selected])
    },
  }
}

async function install(
  environment: Pick<Environment, 'cluster' | 'kubectl'>,
  { items, ...list }: ReturnType<typeof operatorManifests>,
): Promise<void> {
  const { cluster, kubectl } = environment
  const manifests = { ...list, items: servedBy(items, cluster.kubernetesMinor) }
  await kubectl(['apply', ...applyCrdFlags(cluster.kubernetesMinor), '-f', '-'], JSON.stringify(manifests))
  await kubectl(['wait', '--for=condition=Established', `crd/${CRD}`, `--timeout=${PATIENCE_MS / 1000}s`])
  const rollout = ['rollout', 'status', `deployment/${OPERATOR}`, `--timeout=${PATIENCE_MS / 1000}s`]
  await kubectl(['-n', OPERATOR_NAMESPACE, ...rollout])
}

type Service = ApiObject & { spec: { clusterIP?: string } }
type Background = { signal: AbortSignal; failed: (error: Error) => void }

/**
 * Tells the emulator, which is not in the cluster and asks no DNS, what the cluster's own says of the color Services:
 * from the moment that the operator makes one, its name leads to it.
 */
function mapOrigins(api: ApiClient, cloudFront: CloudFront, background: Background): void {
  const selector = encodeURIComponent(`${LABEL.managedBy}=${MANAGER},${LABEL.color}`)
  const services = follow<Service>(api, `/api/v1/services?labelSelector=${selector}`, background.signal)
  const map = async ({ type, object }: { type: 'Present' | 'Gone'; object: Service }): Promise<void> => {
    const { name, namespace } = object.metadata
    const { clusterIP } = object.spec
    if (type === 'Gone' || clusterIP === undefined) return
    await cloudFront.resolve(hostOf(name, namespace), clusterIP)
  }
  onEach(services, map, background)
}
