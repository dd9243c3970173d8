/** The pods and Services of a simulated world as real HTTP servers, each at an address of its own under 127.0.0.0/8. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { COLORS, type Color } from '../../../api/names.ts'
import type { Pod, SimulatedWorld } from '../../fakes/simulated-world.ts'

/** Tells from which pod an answer came; an answer without it was made by an edge. */
export const POD_HEADER = 'x-pod'

/** More pods than ever stand at one time, so that a new one gets an address that has been quiet for a while. */
const POD_ADDRESSES = 40
/** What CloudFront puts on every request to an origin. */
const THROUGH_EDGE_HEADER = 'x-amz-cf-id'

/** An edge closes its idle connections first. */
const KEPT_MS = 3_600_000

export class Fleet {
  readonly #block: number
  readonly #servers: Server[] = []
  #world: SimulatedWorld | undefined
  #turn = 0
  /** The port of every pod and every Service. */
  port = 0

  /** `block`: the second number of every address, so that several fleets live beside each other. */
  constructor(block: number) {
    this.#block = block
  }

  async open(): Promise<void> {
    for (const color of COLORS) await this.#listen(this.serviceAddress(color), () => this.#behind(color))
    for (let number = 1; number <= POD_ADDRESSES; number += 1) {
      const address = this.#podAddress(number)
      await this.#listen(address, () => this.#podAt(address))
    }
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }

  /** From now on the servers are the pods of this world. */
  inhabit(world: SimulatedWorld): void {
    this.#world = world
  }

  /** Where the Service of a color answers, for as long as the fleet lives. */
  serviceAddress(color: Color): string {
    return `127.${this.#block}.0.${color === 'blue' ? 1 : 2}`
  }

  /** An address for a pod; names are numbered, and the numbers go round. */
  addressOf(pod: string): string {
    return this.#podAddress((Number(/\d+$/.exec(pod)?.[0]) % POD_ADDRESSES) + 1)
  }

  #podAddress(number: number): string {
    return `127.${this.#block}.1.${number}`
  }

  #podAt(address: string): Pod | undefined {
    return this.#world?.pods.find((pod) => pod.ip === address && this.#world?.isReady(pod))
  }

  #behind(color: Color): Pod | undefined {
    const pods = this.#world?.servingPods(color) ?? []
    return pods[this.#turn++ % pods.length]
  }

  async #listen(address: string, whose: () => Pod | undefined): Promise<void> {
    const server = createServer({ keepAliveTimeout: KEPT_MS }, (request, response) =>
      this.#answer(whose(), request, response),
    )
    server.listen(this.port, address)
    await once(server, 'listening')
    this.#servers.push(server)
    this.port = (server.address() as AddressInfo).port
  }

  #answer(pod: Pod | undefined, request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    if (!pod || !this.#world) {
      // Nobody stands there: what a client sees of it is a connection that is not to be had.
      request.socket.destroy()
      return
    }
    const { pathname } = new URL(request.url ?? '/', 'http://pod')
    const throughEdges = request.headers[THROUGH_EDGE_HEADER] !== undefined
    const { status, headers, body } = this.#world.answerOf(pod, pathname, throughEdges)
    response.writeHead(status, { ...headers, [POD_HEADER]: pod.name }).end(body)
  }
}
