import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'

const BACKLOG = 4096
const SWEEP_MS = 50
const TRIES_FOR_A_COMMON_PORT = 10

/**
 * One server per address, all on the same port. With port 0 the system chooses one for the first address; when that
 * one is taken on another address, it is asked for another. Rejects when an address cannot be listened on.
 */
export async function listenOn(
  hosts: readonly string[],
  port: number,
  create: () => Server,
): Promise<{ port: number; servers: Server[] }> {
  for (let tries = 1; ; tries += 1) {
    const servers: Server[] = []
    let common = port
    try {
      for (const host of hosts) {
        const server = create()
        servers.push(server)
        server.listen({ host, port: common, backlog: BACKLOG })
        await once(server, 'listening')
        common = (server.address() as AddressInfo).port
      }
      return { port: common, servers }
    } catch (error) {
      await closeServers(servers, 0)
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (port !== 0 || !taken || tries === TRIES_FOR_A_COMMON_PORT) throw error
    }
  }
}

/** Stop listening, let requests in flight finish for `graceMs`, then cut the rest. */
export async function closeServers(servers: readonly Server[], graceMs: number): Promise<void> {
  const closed = servers.map(
    (server) => new Promise((resolve) => (server.listening ? server.close(resolve) : resolve(undefined))),
  )
  const cut = setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
  }, graceMs)
  // close() drops only the connections that are idle at that moment; those in use become idle later.
  const sweep = setInterval(() => {
    for (const server of servers) server.closeIdleConnections()
  }, SWEEP_MS)
  await Promise.all(closed)
  clearTimeout(cut)
  clearInterval(sweep)
}
