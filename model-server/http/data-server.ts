/** The listener of the data port: an HTTP server with limits that suit a server behind load balancers. */
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'
import { holdContinue } from './unread-body.ts'

/** Longer than any load balancer keeps an idle connection (ALB 60 s, CloudFront 5 s), so that it is never us who closes first. */
const KEEP_ALIVE_MS = 75_000
/** From the first byte of a request to the end of its headers. Idle time does not count (Node 24). */
const HEADERS_MS = 20_000
/** How often Node looks for requests that take too long to arrive; every 30 s by itself. */
const CHECK_MS = 1_000
/** Far above what load balancers open; each costs some 20 KiB, and file descriptors end as well. */
const MAX_CONNECTIONS = 4_096
/**
 * Connections that the kernel keeps until they are accepted, at most `net.core.somaxconn`. Node asks for 511, and whoever is one
 * too many when all clients come at once, after the other color left for example, tries again a second later, then two.
 */
export const ACCEPT_QUEUE = MAX_CONNECTIONS
const TELL_EVERY_MS = 10_000

/** A server that does not listen yet, the connections that it has, and how many it ever accepted. */
export type DataServer = { server: Server; sockets: ReadonlySet<Socket>; accepted: () => number }

/**
 * @param bodyMs from the first byte of a request to the last of its body; then it gets 408
 * @param dropped told, at most every ten seconds, of connections that were refused since there are too many
 */
export function createDataServer(
  app: RequestListener,
  bodyMs: number,
  dropped: (count: number) => void,
): DataServer {
  const server = createServer(
    {
      requestTimeout: bodyMs,
      headersTimeout: Math.min(HEADERS_MS, bodyMs),
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    app,
  )
  server.on('checkContinue', holdContinue(app))
  server.maxConnections = MAX_CONNECTIONS
  server.on('drop', countingUp(dropped))

  const sockets = new Set<Socket>()
  let accepted = 0
  server.on('connection', (socket) => {
    accepted += 1
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return { server, sockets, accepted: () => accepted }
}

function countingUp(tell: (count: number) => void): () => void {
  let count = 0
  return () => {
    count += 1
    if (count > 1) return
    setTimeout(() => {
      tell(count)
      count = 0
    }, TELL_EVERY_MS).unref()
  }
}
