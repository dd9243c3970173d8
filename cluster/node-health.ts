import { Resolver } from 'node:dns/promises'
import { connect as connectTcp } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { pauseFor } from './pause-for.ts'
import type { Api } from './api.ts'
import { attempt } from './command.ts'
import { SERVICES } from './components.ts'
import { CLUSTER_DOMAIN } from './dns/answer.ts'
import type { Layout } from './layout.ts'
import { namespaceProcesses } from './process-identity.ts'

interface Named {
  readonly metadata?: { readonly name?: string; readonly namespace?: string }
}

interface NodeObject extends Named {
  readonly spec?: { readonly taints?: readonly unknown[] }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

interface List<T> {
  readonly items: readonly T[]
}

/** Whether a node says that it is ready and takes pods: the taint goes a moment after the condition comes. */
export function isReadyNode(object: unknown): boolean {
  const { spec, status } = object as NodeObject
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')
  return ready === true && (spec?.taints ?? []).length === 0
}

/** Whether an object has that name. */
export function isNamed(name: string): (object: unknown) => boolean {
  return (object) => (object as Named).metadata?.name === name
}

/** What keeps the node from being healthy, in words; none where it is. */
export async function findProblems(init: number, api: Api, nodeName: string): Promise<string[]> {
  const running = (await namespaceProcesses(init)).map(({ command }) => command)
  // The kernel keeps 15 characters of a program's name.
  const missing = SERVICES.filter((name) => !running.includes(name.slice(0, 15)))
  const problems = missing.map((name) => `${name} does not run`)
  if ((await api.read('/readyz')) === undefined) return [...problems, 'the API server is not ready']
  const node = await api.read(`/api/v1/nodes/${nodeName}`)
  return node !== undefined && isReadyNode(node) ? problems : [...problems, 'the node is not Ready']
}

/** Every pod of the cluster as `namespace/name`; empty also where the API server does not answer. */
export async function podNames(api: Api): Promise<string[]> {
  const pods = (await api.read('/api/v1/pods')) as List<Named> | undefined
  return (pods?.items ?? []).map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`)
}

/** Returns once a Service address answers from this machine: kube-proxy has written its rules, and the routes lead there. */
export async function reachable(address: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    if (await connects(address, signal)) return
    await pauseFor(50, signal)
  }
}

/** Returns once the DNS at an address knows the API server's Service. */
export async function resolves(address: string, signal: AbortSignal): Promise<void> {
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([address])
  for (;;) {
    const found = await resolver.resolve4(`kubernetes.default.svc.${CLUSTER_DOMAIN}`).catch(() => [])
    if (found.length > 0) return
    await pauseFor(50, signal)
  }
}

async function connects(host: string, signal: AbortSignal): Promise<boolean> {
  const socket = connectTcp({ host, port: 443, signal, timeout: 1000 })
  socket.on('timeout', () => socket.destroy(new Error('timed out')))
  return once(socket, 'connect').then(
    () => {
      socket.destroy()
      return true
    },
    () => false,
  )
}

/** Returns once the node's containerd takes requests. */
export async function containerdAnswers(
  layout: Layout,
  binariesDir: string,
  signal: AbortSignal,
): Promise<void> {
  const ctr = join(binariesDir, 'ctr')
  for (;;) {
    const answer = await attempt(ctr, ['--address', layout.containerdSocket, 'version'], { signal })
    if (answer.code === 0) return
    await pauseFor(100, signal)
  }
}
