/** Releases that share one distribution and one operator, each with its behavior, its origins and its pods. */
import { startCloudFrontLocal, type CloudFrontLocal } from '../../../../cloudfront-local/start.ts'
import { seededRandom } from '../../../../cloudfront-local/propagation/random.ts'
import type { CallEntry } from '../../../../cloudfront-local/audit-log.ts'
import { COLORS, type Color } from '../../../api/names.ts'
import type { Spec } from '../../../api/release.ts'
import type { Pointer } from '../../../ports/ports.ts'
import { SimulatedWorld } from '../../fakes/simulated-world.ts'
import { HOST } from './edges.ts'
import { exchange } from './exchange.ts'
import { Fleet } from './fleet.ts'
import { askAt, OperatorProcess } from './operator-process.ts'
import { SITES } from './sites.ts'
import { DISTRIBUTION, release } from './specs.ts'
import { Timeline } from './timeline.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const FIRST_BLOCK = 65
/** A release that nothing wakes is looked at when the watches begin anew. */
const RELIST_MS = 600_000

/** A call of the operator, and when in virtual time. */
export type Called = CallEntry & { atMs: number }

type Neighbor = {
  name: string
  path: string
  fleet: Fleet
  world: SimulatedWorld
  operator: OperatorProcess
  dueAt: number
}

export class Neighborhood {
  readonly #standIn: CloudFrontLocal
  readonly #neighbors: Neighbor[]
  readonly #time: Timeline
  readonly #called: Called[] = []
  #seen = 0

  /** Opens one with a release for each name; the first has the default behavior. */
  static async open(names: readonly string[]): Promise<Neighborhood> {
    const fleets = await Promise.all(
      names.map(async (_, index) => {
        const fleet = new Fleet(FIRST_BLOCK + index)
        await fleet.open()
        return fleet
      }),
    )
    const ways = names.flatMap((name, index) =>
      COLORS.map((color) => ({ name, color, fleet: fleets[index] })),
    )
    const standIn = await startCloudFrontLocal({
      randomSeed: 1,
      propagation: { minMs: 5000, maxMs: 60_000 },
      now: () => START,
      log: () => undefined,
      resolve: ways.map(
        ({ name, color, fleet }) =>
          `${originHost(name, color)}=${fleet?.serviceAddress(color) ?? ''}:${fleet?.port ?? 0}`,
      ),
      seed: [
        {
          id: DISTRIBUTION,
          aliases: [HOST],
          origins: ways.map(({ name, color }) => ({
            id: `${name}-${color}`,
            domainName: originHost(name, color),
          })),
          behaviors: names.map((name, index) => ({
            pathPattern: patternOf(name, index),
            targetOriginId: `${name}-blue`,
          })),
        },
      ],
    })
    return new Neighborhood(standIn, names, fleets)
  }

  private constructor(standIn: CloudFrontLocal, names: readonly string[], fleets: readonly Fleet[]) {
    this.#standIn = standIn
    this.#time = new Timeline({
      start: START,
      nextEvent: () => soonest(this.#neighbors.map(({ world }) => world.nextEvent())),
      onStop: (now, passedMs) => this.#stop(now, passedMs),
    })
    const clock = this.#time.clock(seededRandom(1), () => false)
    const pointer = SITES.CloudFrontDistribution.pointer(standIn.apiUrl, clock, () => undefined)
    this.#neighbors = names.map((name, index) => {
      const fleet = fleets[index]
      if (!fleet) throw new Error('every release has a fleet')
      return this.#neighbor({ name, index, fleet, pointer })
    })
  }

  async close(): Promise<void> {
    await this.#standIn.close(0)
    await Promise.all(this.#neighbors.map(({ fleet }) => fleet.close()))
  }

  /** Applies a version of each release; without it every release is asked for as it is. */
  apply(version: 1 | 2 | 3): void {
    for (const one of this.#neighbors) {
      one.world.apply(specOf(one.name, this.#neighbors.indexOf(one), one.fleet, version))
      one.dueAt = this.#time.now
    }
  }

  command(verb: string): void {
    for (const one of this.#neighbors) {
      one.world.command(verb, String(this.#time.now))
      one.dueAt = this.#time.now
    }
  }

  get outcomes(): (string | undefined)[] {
    return this.#neighbors.map(({ world }) => world.status?.attempt?.outcome)
  }

  /** Lets so much time pass, with all that the operator does meanwhile. */
  async pass(seconds: number): Promise<void> {
    const until = this.#time.now + seconds * 1000
    while (this.#time.now < until) {
      const events = this.#neighbors.map(({ world }) => world.nextEvent())
      const next = soonest([...events, ...this.#neighbors.map(({ dueAt }) => dueAt)]) ?? until
      await this.#time.passTo(Math.min(until, Math.max(next, this.#time.now + 1)))
      for (const [index, one] of this.#neighbors.entries())
        if (one.dueAt <= this.#time.now || (events[index] ?? Infinity) <= this.#time.now)
          await this.#look(one)
    }
  }

  /** Calls of the operator since the last time this was asked. */
  calls(): Called[] {
    return this.#called.splice(0)
  }

  async #look(one: Neighbor): Promise<void> {
    const requeueAfterMs = await one.operator.pass().then(
      (result) => ('requeueAfterMs' in result ? result.requeueAfterMs : RELIST_MS),
      // Another release was written a moment ago; the queue would wait, too.
      () => 1000,
    )
    one.dueAt = this.#time.now + requeueAfterMs
    for (const entry of this.#standIn.audit(this.#seen)) {
      this.#seen = entry.sequence
      if (entry.type === 'Call' && entry.via === 'Api') this.#called.push({ ...entry, atMs: this.#time.now })
    }
  }

  async #stop(now: number, passedMs: number): Promise<void> {
    const body = JSON.stringify({ ms: passedMs })
    await exchange(`${this.#standIn.adminUrl}/clock/advance`, { method: 'POST', body })
    for (const { world } of this.#neighbors) world.advanceTo(now)
  }

  #neighbor(parts: { name: string; index: number; fleet: Fleet; pointer: Pointer }): Neighbor {
    const { name, index, fleet, pointer } = parts
    const world = new SimulatedWorld({
      spec: specOf(name, index, fleet, 1),
      addressOf: (pod) => fleet.addressOf(pod),
    })
    fleet.inhabit(world)
    let turn = 0
    const { edgeUrls } = this.#standIn
    const ask = askAt((hostname) => {
      if (hostname === HOST) return { origin: edgeUrls[turn++ % edgeUrls.length] ?? '', host: HOST }
      const color = COLORS.find((one) => hostname === `service-${one}` || hostname === originHost(name, one))
      return color && { origin: `http://${fleet.serviceAddress(color)}:${fleet.port}` }
    })
    const operator = new OperatorProcess({
      world,
      pointer,
      ask,
      now: () => this.#time.now,
      onWait: () => undefined,
      report: () => undefined,
    })
    return { name, path: patternOf(name, index), fleet, world, operator, dueAt: START }
  }
}

function originHost(name: string, color: Color): string {
  return `${color}.${name}.${HOST}`
}

function patternOf(name: string, index: number): string {
  return index === 0 ? '*' : `/${name}/*`
}

function specOf(name: string, index: number, { port }: Fleet, version: 1 | 2 | 3): Spec {
  const pathPattern = patternOf(name, index)
  const spec = release(version, {
    distribution: {
      behaviors: [{ pathPattern }],
      origins: { blue: `${name}-blue`, green: `${name}-green` },
    },
  })
  const settings = spec.traffic.cloudFrontDistribution
  if (!settings) throw new Error('it has a distribution')
  const url = `http://${HOST}${pathPattern.replace('*', '')}predict`.replace(
    `${HOST}predict`,
    `${HOST}/predict`,
  )
  const cloudFrontDistribution = { ...settings, verify: { ...settings.verify, url } }
  return { ...spec, port, traffic: { ...spec.traffic, cloudFrontDistribution } }
}

function soonest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
