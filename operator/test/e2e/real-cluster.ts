import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { KubeConfig } from '@kubernetes/client-node'
import { loadAll } from 'js-yaml'
import { attempt, type RunResult } from '../../../cluster/command.ts'
import { readConfig } from '../../../cluster/config.ts'
import type { ClusterHandle } from '../../../cluster/handle.ts'
import { applyCrdFlags } from '../../../cluster/kubectl.ts'
import { clusterWide, servedBy, type Manifest } from '../../../demo/install.ts'
import { up } from '../../../cluster/provider.ts'
import { runningTimeout } from '../../../demo/deadline.ts'
import { ApiClient } from '../../controller/api-client.ts'

/** Time for `beforeAll`: where no other command did before, it builds Kubernetes, and others may load the machine. */
export const CLUSTER_UP_MS = 45 * 60_000

const OPERATOR = 'system:serviceaccount:modelrelease-system:modelrelease-operator'

/** A container that answers 200 on port 8080 and knows nothing of us. */
export const PLAIN_IMAGE = 'modelrelease/plain-http:dev'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** What the README has users install. */
export const MANIFESTS = `${ROOT}manifests`

/** An API object as it comes back. */
export interface AnyObject {
  metadata: {
    name: string
    namespace: string
    uid: string
    resourceVersion: string
    [member: string]: unknown
  }
  [member: string]: unknown
}

/** The cluster of the end-to-end tests, with a namespace that is this test file's alone. */
export interface RealCluster {
  readonly handle: ClusterHandle
  readonly namespace: string
  /** As the cluster's administrator. */
  readonly admin: ApiClient
  /** With the rights of the operator's ServiceAccount and no others; the roles of manifests/base stand. */
  readonly operator: ApiClient
  /** Runs kubectl in the namespace, as the administrator; `input` is its stdin. */
  kubectl(args: readonly string[], input?: string): Promise<RunResult>
  /** The same, and throws where kubectl fails. */
  kubectlOk(args: readonly string[], input?: string): Promise<string>
  /** Creates or updates an object by server-side apply; its namespace is the test's where it has none. */
  apply(object: object): Promise<void>
  /**
   * Returns the object of a collection such as `/apis/apps/v1/namespaces/x/deployments` once it is as wanted; an object
   * that is not there is shown as undefined. Told by a watch; throws with what it saw last after two minutes in which the machine ran.
   */
  until(
    collection: string,
    name: string,
    isWanted: (object: AnyObject | undefined) => boolean,
  ): Promise<AnyObject | undefined>
  /** Makes the plain container available to pods; returns the name by which they use it. */
  loadPlainImage(): Promise<string>
  /** Deletes the namespace and closes all connections; the cluster stays up for the next test file. */
  close(): Promise<void>
}

/** Brings the cluster up where it is not, installs the CRD and the operator's roles, makes a fresh namespace. */
export async function realCluster(purpose: string): Promise<RealCluster> {
  const handle = await up({ config: readConfig(), report: () => undefined })
  const namespace = `${purpose}-${randomBytes(3).toString('hex')}`
  const kubectl: RealCluster['kubectl'] = (args, input) =>
    kubectlOf(handle, ['--namespace', namespace, ...args], input)
  const kubectlOk: RealCluster['kubectlOk'] = async (args, input) =>
    outputOf(args, await kubectl(args, input))
  const apply = async (object: object): Promise<void> => {
    await kubectlOk(['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(object))
  }
  await installManifests(handle)
  await handle.claim([`namespace/${namespace}`])
  await kubectlOk(['create', 'namespace', namespace])
  const admin = accessOf(handle.kubeconfigPath)
  const operator = accessOf(handle.kubeconfigPath, OPERATOR)
  return {
    handle,
    namespace,
    admin,
    operator,
    kubectl,
    kubectlOk,
    apply,
    until: (collection, name, isWanted) => until(admin, { collection, name, isWanted }),
    loadPlainImage: async () => {
      const context = `${ROOT}examples/plain-http`
      await handle.build({ dockerfile: `${context}/Dockerfile`, tag: PLAIN_IMAGE, context })
      return handle.load(PLAIN_IMAGE)
    },
    close: async () => {
      admin.close()
      operator.close()
      await kubectlOk(['delete', 'namespace', namespace, '--wait=false'])
    },
  }
}

function kubectlOf(handle: ClusterHandle, args: readonly string[], input?: string): Promise<RunResult> {
  return attempt(handle.kubectl, ['--kubeconfig', handle.kubeconfigPath, ...args], {
    // Its cache of what the API server serves stays out of the home of whoever runs the tests.
    env: { KUBECACHEDIR: `/tmp/modelrelease-kubectl-${handle.name}` },
    ...(input === undefined ? {} : { input }),
  })
}

function outputOf(args: readonly string[], { code, stdout, stderr }: RunResult): string {
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** Everything of manifests/ but the operator's Deployment: a test decides itself what runs. */
async function installManifests(handle: ClusterHandle): Promise<void> {
  const run = async (args: readonly string[], input?: string): Promise<string> =>
    outputOf(args, await kubectlOf(handle, args, input))
  const all = loadAll(await run(['kustomize', MANIFESTS])) as Manifest[]
  const items = servedBy(all, handle.kubernetesMinor).filter(({ kind }) => kind !== 'Deployment')
  await handle.claim(clusterWide(items))
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  await run(['apply', ...applyCrdFlags(handle.kubernetesMinor), '-f', '-'], list)
  await run(['wait', '--for=condition=Established', 'crd/modelreleases.modelrelease.io', '--timeout=600s'])
}

/** A way in as the administrator, or with somebody's rights. */
export function accessOf(kubeconfigPath: string, user?: string): ApiClient {
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromFile(kubeconfigPath)
  if (user !== undefined) {
    kubeConfig.users = kubeConfig.users.map((one) => ({ ...one, impersonateUser: user }))
  }
  return new ApiClient(kubeConfig)
}

interface Awaited {
  collection: string
  name: string
  isWanted: (object: AnyObject | undefined) => boolean
}

async function until(access: ApiClient, awaited: Awaited): Promise<AnyObject | undefined> {
  const signal = runningTimeout(120_000)
  let last: AnyObject | undefined
  try {
    for await (last of lookAt(access, awaited, signal)) if (awaited.isWanted(last)) return last
  } catch (cause) {
    if (!signal.aborted) throw cause
  }
  throw new Error(`${awaited.collection}/${awaited.name} never became as wanted: ${JSON.stringify(last)}`)
}

/** What the object is, and whatever it becomes until the signal aborts. */
async function* lookAt(
  access: ApiClient,
  { collection, name }: Awaited,
  signal: AbortSignal,
): AsyncGenerator<AnyObject | undefined> {
  for (;;) {
    const answer = await access.request({ path: `${collection}/${name}`, signal })
    const found = answer.status === 200 ? (JSON.parse(answer.body) as AnyObject) : undefined
    yield found
    yield* watch(access, { collection, name, from: found }, signal)
  }
}

/** What the object becomes; ends when the server ends the watch. */
async function* watch(
  access: ApiClient,
  { collection, name, from }: { collection: string; name: string; from: AnyObject | undefined },
  signal: AbortSignal,
): AsyncGenerator<AnyObject | undefined> {
  const query = new URLSearchParams({
    watch: '1',
    timeoutSeconds: '60',
    fieldSelector: `metadata.name=${name}`,
  })
  if (from) query.set('resourceVersion', from.metadata.resourceVersion)
  const stream = await access.stream({ path: `${collection}?${query.toString()}`, signal })
  try {
    if (stream.statusCode !== 200) throw new Error(`watching ${collection}: status ${stream.statusCode ?? 0}`)
    for await (const line of createInterface({ input: stream })) {
      const event = JSON.parse(line) as { type: string; object: AnyObject }
      if (event.type === 'ERROR') return
      yield event.type === 'DELETED' ? undefined : event.object
    }
  } finally {
    stream.destroy()
  }
}
