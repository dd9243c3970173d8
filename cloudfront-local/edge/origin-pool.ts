import { Agent } from 'node:http'

/** The agents for one idle limit. Pooled keeps connections for the next request, fresh never does. */
export type OriginAgents = { pooled: Agent; fresh: Agent }

// Below the shortest idle limit that a model server has by default and does not announce (gunicorn: 2 s).
const LONGEST_IDLE_MS = 1500

/**
 * The connections from one edge to its origins.
 *
 * A request on a connection that the origin is just closing fails, and a POST must not be repeated. So the edge closes
 * first: after OriginKeepaliveTimeout or 1.5 s, whichever is shorter, or a second before the time that the origin
 * announced in `Keep-Alive: timeout` (node:http does that by itself); and it prefers the connection used last.
 */
export class OriginPool {
  readonly #agents = new Map<number, OriginAgents>()

  agents(keepaliveMs: number): OriginAgents {
    const timeout = Math.min(keepaliveMs, LONGEST_IDLE_MS)
    const known = this.#agents.get(timeout)
    if (known !== undefined) return known
    const agents = {
      pooled: new Agent({ keepAlive: true, timeout, scheduling: 'lifo', maxFreeSockets: 1024 }),
      fresh: new Agent({ keepAlive: false }),
    }
    this.#agents.set(timeout, agents)
    return agents
  }

  close(): void {
    for (const { pooled, fresh } of this.#agents.values()) {
      pooled.destroy()
      fresh.destroy()
    }
  }
}
