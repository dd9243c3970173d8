/** Leaving without losing a request. */
import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { whenEnded } from './when-ended.ts'

/** A request that takes longer than this after the listener closed is cut; with the default delay it ends before the usual 30 s of grace. */
export const FINISH_MS = 20_000
/** How long a connection may stay silent after the listener closed before it counts as a client that will never ask. */
const SILENT_MS = 1_000
const LOOK_EVERY_MS = 50

/** Knows the answers that are still owed, and whether the process is leaving. */
export class Drain {
  /**
   * With gaps, which are used again. A Set through which every response goes would keep them all: it grows into a new table now and
   * then, V8 links the old one to it, and once one of them is in the old generation the young collector takes all that follow
   * for alive, until the next full collection.
   */
  readonly #owed: (ServerResponse | undefined)[] = []
  readonly #gaps: number[] = []
  #draining = false

  /** From the first signal on; readiness must say so before anything else changes. */
  get draining(): boolean {
    return this.#draining
  }

  /** Requests that were read but not yet answered. */
  get inFlight(): number {
    return this.#owed.length - this.#gaps.length
  }

  /** Note an answer that is owed from now on. */
  track(response: ServerResponse): void {
    if (this.#draining) askToLeave(response)
    const place = this.#gaps.pop() ?? this.#owed.length
    this.#owed[place] = response
    whenEnded(response, () => {
      this.#owed[place] = undefined
      this.#gaps.push(place)
    })
  }

  /** From now on every answer asks its client to close the connection, also those of requests already here. */
  begin(): void {
    this.#draining = true
    for (const response of this.#owed) if (response) askToLeave(response)
  }
}

/**
 * Close a server once `delayMs` have passed since the drain began: load balancers need that long to notice, and until then
 * they are served. Returns the number of requests that had to be cut.
 */
export async function closeGently(
  server: Server,
  sockets: ReadonlySet<Socket>,
  { drain, delayMs }: { drain: Drain; delayMs: number },
): Promise<number> {
  await wait(delayMs)
  const closed = once(server, 'close')
  server.close()

  const started = performance.now()
  let cut = 0
  const look = setInterval(() => {
    const waited = performance.now() - started
    server.closeIdleConnections()
    if (waited > SILENT_MS) destroySilent(sockets)
    if (waited > FINISH_MS) {
      cut = Math.max(cut, drain.inFlight)
      server.closeAllConnections()
    }
  }, LOOK_EVERY_MS)
  await closed
  clearInterval(look)
  return cut
}

// Node counts a connection on which nothing was ever sent as busy, and would wait for it as for a request.
function destroySilent(sockets: ReadonlySet<Socket>): void {
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
}

function askToLeave(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}
