/** The operator's own pods: which one leads, which process that is, what they logged and how much memory they hold. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../cluster/command.ts'
import type { ClusterProvider } from '../cluster/handle.ts'
import { OPERATOR, OPERATOR_NAMESPACE } from './install.ts'

type Kubectl = (args: readonly string[], input?: string) => Promise<string>

type Reached = { kubectl: Kubectl; provider: ClusterProvider }

const SELECTOR = `app.kubernetes.io/name=${OPERATOR}`
const LEASE = 'modelrelease-operator'

type Pod = {
  metadata: { name: string }
  spec: { nodeName?: string }
  status: { containerStatuses?: { containerID?: string; restartCount: number }[] }
}

async function podsOf(kubectl: Kubectl): Promise<Pod[]> {
  const list = await kubectl(['-n', OPERATOR_NAMESPACE, 'get', 'pods', '-l', SELECTOR, '-o', 'json'])
  return (JSON.parse(list) as { items: Pod[] }).items
}

/** The name of the pod that holds the lease, or undefined while none does. */
export async function leaderPod(kubectl: Kubectl): Promise<string | undefined> {
  const lease = await kubectl(['-n', OPERATOR_NAMESPACE, 'get', 'lease', LEASE, '-o', 'json'])
  const { spec } = JSON.parse(lease) as { spec: { holderIdentity?: string } }
  // A lease that was given up names nobody.
  return spec.holderIdentity ? spec.holderIdentity.split('_')[0] : undefined
}

export type NodeProcess = {
  node: string
  /** The process's number inside the node. */
  pid: number
}

export type PodProcess = NodeProcess & { pod: string }

/** The main process of each operator pod. */
export async function operatorProcesses({ kubectl, provider }: Reached): Promise<PodProcess[]> {
  const processes: PodProcess[] = []
  for (const pod of await podsOf(kubectl)) {
    if (pod.status.containerStatuses?.[0]?.containerID === undefined) continue
    processes.push({ pod: pod.metadata.name, ...(await mainProcess(provider, pod)) })
  }
  return processes
}

/** The main process of one pod. */
export async function processOf(
  { kubectl, provider }: Reached,
  pod: string,
  namespace = OPERATOR_NAMESPACE,
): Promise<NodeProcess> {
  return mainProcess(
    provider,
    JSON.parse(await kubectl(['-n', namespace, 'get', 'pod', pod, '-o', 'json'])) as Pod,
  )
}

/** Found by its cgroup, which the runtime names after the container. */
async function mainProcess(provider: ClusterProvider, { spec, status }: Pod): Promise<NodeProcess> {
  const containerId = status.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? 'none'
  const node = spec.nodeName ?? ''
  const find = `grep -l ${containerId} /proc/[0-9]*/cgroup | head -1`
  const found = await inNode(provider, node, ['sh', '-c', find])
  const pid = Number(/^\/proc\/(\d+)\//.exec(found)?.[1])
  if (!Number.isInteger(pid)) throw new Error(`no process of container ${containerId} runs in the node`)
  return { node, pid }
}

async function inNode(provider: ClusterProvider, node: string, command: readonly string[]): Promise<string> {
  const [program = '', ...args] = await provider.enter(command, node)
  return run(program, args)
}

/** Ends a process of a node at once, as the kernel would when memory is short. */
export async function killInNode(provider: ClusterProvider, { node, pid }: NodeProcess): Promise<void> {
  await inNode(provider, node, ['sh', '-c', `kill -KILL ${pid}`])
}

/** Resident memory of a process of a node, in MiB. */
export async function residentMiB(provider: ClusterProvider, { node, pid }: NodeProcess): Promise<number> {
  const status = await inNode(provider, node, ['cat', `/proc/${pid}/status`])
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}

/** Writes what the pods logged, also before a restart, into files. Never throws: it runs while everything ends. */
export async function keepOperatorLogs(kubectl: Kubectl, logDir: string): Promise<void> {
  try {
    for (const { metadata, status } of await podsOf(kubectl)) {
      const logs = ['-n', OPERATOR_NAMESPACE, 'logs', metadata.name]
      writeFileSync(join(logDir, `${metadata.name}.log`), `${await kubectl(logs)}\n`)
      if ((status.containerStatuses?.[0]?.restartCount ?? 0) === 0) continue
      writeFileSync(
        join(logDir, `${metadata.name}.previous.log`),
        `${await kubectl([...logs, '--previous'])}\n`,
      )
    }
  } catch (error) {
    writeFileSync(join(logDir, 'operator-logs-missing.txt'), `${String(error)}\n`)
  }
}
