/** What the readiness probe of a pod asks, as far as somebody else can ask the same. */
import type { PodState } from '../../planner/model/observation.ts'
import type { Pod, PodContainer } from '../kubernetes/objects.ts'

/** The GET of the first container that runs and is not ready; undefined where it has none, or asks another host or by TLS. */
export function probeOf(
  containers: readonly PodContainer[],
  status: Pod['status'] = {},
): PodState['probe'] | undefined {
  const { containerStatuses = [], podIP } = status
  const unready = containerStatuses.find(({ ready, state }) => !ready && state?.running)
  const container = containers.find(({ name }) => name === unready?.name)
  const get = container?.readinessProbe?.httpGet
  if (!get || !podIP || get.host || (get.scheme ?? 'HTTP') !== 'HTTP') return undefined
  const port = portOf(container, get.port)
  const host = podIP.includes(':') ? `[${podIP}]` : podIP
  return { url: `http://${host}:${port}${pathOf(get.path)}`, headers: get.httpHeaders ?? [] }
}

/** In brackets, for a message; empty where nothing is known. */
export function probeText(container: PodContainer | undefined): string {
  const { httpGet, tcpSocket, grpc, exec } = container?.readinessProbe ?? {}
  if (!container) return ''
  if (httpGet) return ` (GET ${pathOf(httpGet.path)} at port ${portOf(container, httpGet.port)})`
  if (tcpSocket) return ` (a connection to port ${portOf(container, tcpSocket.port)})`
  if (grpc) return ` (gRPC health at port ${grpc.port})`
  return exec?.command ? ` (the command ${exec.command[0] ?? ''})` : ''
}

function pathOf(path: string | undefined): string {
  return path?.startsWith('/') ? path : `/${path ?? ''}`
}

/** A probe may name a port of its container. */
function portOf({ ports = [] }: PodContainer, port: number | string): number | string {
  return ports.find(({ name }) => name === port)?.containerPort ?? port
}
