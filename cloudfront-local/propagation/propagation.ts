/** How a new version reaches the edges: each at its own time, every edge in the order of the versions. */
import type { XmlElement } from '../control-plane/xml.ts'
import type { Random } from './random.ts'

/** One accepted configuration. `number` counts the versions of its distribution from 1. */
export type Version = {
  distribution: string
  domainName: string
  number: number
  etag: string
  config: XmlElement
  modified: Date
}

/** What propagation needs of an edge. */
export type EdgeTarget = { number: number; apply(version: Version): void; remove(distribution: string): void }

/** Milliseconds between acceptance and the application by an edge; drawn anew for each version and edge. */
export type Delays = { minMs: number; maxMs: number; random: Random }

type Lane = { pending: { version: Version; dueAt: number }[]; timer?: NodeJS.Timeout; applied: number }
type OnApplied = (edge: number, version: Version) => void

export class Propagation {
  readonly #edges: readonly EdgeTarget[]
  readonly #delays: Delays
  readonly #onApplied: OnApplied
  /** Keyed by edge number, then by distribution. */
  readonly #lanes = new Map<number, Map<string, Lane>>()
  readonly #held = new Set<number>()
  readonly #newest = new Map<string, number>()

  constructor(edges: readonly EdgeTarget[], delays: Delays, onApplied: OnApplied) {
    this.#edges = edges
    this.#delays = delays
    this.#onApplied = onApplied
    for (const edge of edges) this.#lanes.set(edge.number, new Map())
  }

  /** Put a version on every edge at once, as if it had been there for long. */
  seed(version: Version): void {
    this.#newest.set(version.distribution, version.number)
    for (const edge of this.#edges) {
      this.#lane(edge.number, version.distribution).applied = version.number
      edge.apply(version)
    }
  }

  /** Send a version on its way to every edge. */
  publish(version: Version): void {
    this.#newest.set(version.distribution, version.number)
    const { minMs, maxMs, random } = this.#delays
    for (const edge of this.#edges) {
      const lane = this.#lane(edge.number, version.distribution)
      // A version never overtakes the one before it: only the head of the lane is looked at.
      lane.pending.push({ version, dueAt: Date.now() + minMs + random() * (maxMs - minMs) })
      this.#schedule(edge, lane)
    }
  }

  /** Whether every edge serves the newest version. */
  isDeployed(distribution: string): boolean {
    const newest = this.#newest.get(distribution)
    return this.#edges.every((edge) => this.appliedVersion(edge.number, distribution) === newest)
  }

  /** The version that an edge serves; undefined when it knows no such distribution. */
  appliedVersion(edge: number, distribution: string): number | undefined {
    return this.#lanes.get(edge)?.get(distribution)?.applied
  }

  heldEdges(): number[] {
    return [...this.#held]
  }

  /** From now on the edge applies nothing until it is released. */
  hold(edge: number): void {
    this.#held.add(edge)
    for (const lane of this.#lanes.get(edge)?.values() ?? []) clearTimeout(lane.timer)
  }

  /** End a hold: whatever waits is applied now, in order, whatever its delay was. */
  release(edge: number): void {
    this.#held.delete(edge)
    const target = this.#edges.find(({ number }) => number === edge)
    if (target === undefined) return
    for (const lane of this.#lanes.get(edge)?.values() ?? []) this.#applyUntil(target, lane, Infinity)
  }

  /** A deleted distribution disappears from all edges. */
  remove(distribution: string): void {
    this.#newest.delete(distribution)
    for (const edge of this.#edges) {
      clearTimeout(this.#lanes.get(edge.number)?.get(distribution)?.timer)
      this.#lanes.get(edge.number)?.delete(distribution)
      edge.remove(distribution)
    }
  }

  close(): void {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) clearTimeout(lane.timer)
    }
  }

  #lane(edge: number, distribution: string): Lane {
    const lanes = this.#lanes.get(edge) ?? new Map<string, Lane>()
    const lane = lanes.get(distribution) ?? { pending: [], applied: 0 }
    lanes.set(distribution, lane)
    return lane
  }

  #schedule(edge: EdgeTarget, lane: Lane): void {
    const [next] = lane.pending
    if (next === undefined || this.#held.has(edge.number)) return
    clearTimeout(lane.timer)
    lane.timer = setTimeout(
      () => {
        // A timer may fire a millisecond early by the wall clock; its own version is due by definition.
        this.#applyUntil(edge, lane, Math.max(Date.now(), next.dueAt))
        this.#schedule(edge, lane)
      },
      Math.max(0, next.dueAt - Date.now()),
    )
  }

  #applyUntil(edge: EdgeTarget, lane: Lane, time: number): void {
    while (lane.pending[0] !== undefined && lane.pending[0].dueAt <= time) {
      const { version } = lane.pending[0]
      lane.pending.shift()
      lane.applied = version.number
      edge.apply(version)
      this.#onApplied(edge.number, version)
    }
    if (lane.pending.length === 0) clearTimeout(lane.timer)
  }
}
