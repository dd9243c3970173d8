/** How a change reaches the edges: each at its own time, every edge in the order of the changes to one resource. */
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** A change to one resource; `number` counts its changes from 1. */
export type Change<T> = { resource: string; number: number; value: T }

/** What propagation needs of an edge. */
export type Receiver<T> = {
  number: number
  apply: (value: T) => void
  /** The resource was deleted. */
  remove: (resource: string) => void
}

/** Milliseconds between acceptance and the application by an edge. */
export type Range = { minMs: number; maxMs: number }
/** The range is drawn from anew for each change and edge. */
export type Delays = { range: Range; random: Random; clock: Clock }

type Lane<T> = { pending: { change: Change<T>; dueAt: number }[]; timer?: NodeJS.Timeout; applied: number }
type OnApplied<T> = (edge: number, change: Change<T>) => void

export class Propagation<T> {
  readonly #receivers: readonly Receiver<T>[]
  readonly #random: Random
  readonly #clock: Clock
  readonly #onApplied: OnApplied<T>
  /** Keyed by edge number, then by resource. */
  readonly #lanes = new Map<number, Map<string, Lane<T>>>()
  readonly #held = new Set<number>()
  readonly #newest = new Map<string, Change<T>>()
  #range: Range

  constructor(receivers: readonly Receiver<T>[], delays: Delays, onApplied: OnApplied<T>) {
    this.#receivers = receivers
    this.#range = delays.range
    this.#random = delays.random
    this.#clock = delays.clock
    this.#onApplied = onApplied
    for (const { number } of receivers) this.#lanes.set(number, new Map())
    this.#clock.onAdvance(() => {
      this.#applyDue()
    })
  }

  get range(): Range {
    return this.#range
  }

  /** For changes that are published from now on. */
  set range(range: Range) {
    this.#range = range
  }

  /** Put a change on every edge at once, as if it had been there for long. */
  seed(change: Change<T>): void {
    this.#newest.set(change.resource, change)
    for (const receiver of this.#receivers) this.#deliver(receiver, change)
  }

  /** Send a change on its way to every edge. */
  publish(change: Change<T>): void {
    this.#newest.set(change.resource, change)
    const { minMs, maxMs } = this.#range
    for (const receiver of this.#receivers) {
      const lane = this.#lane(receiver.number, change.resource)
      // A change never overtakes the one before it: only the head of the lane is looked at.
      const dueAt = this.#clock.now() + minMs + this.#random() * (maxMs - minMs)
      lane.pending.push({ change, dueAt })
      this.#schedule(receiver, lane)
    }
  }

  /** Give an edge the newest state of a resource that it needs and never had; what is under way comes later, too. */
  provide(edge: number, resource: string): void {
    const receiver = this.#receivers.find(({ number }) => number === edge)
    const newest = this.#newest.get(resource)
    if (receiver === undefined || newest === undefined || this.appliedNumber(edge, resource) !== undefined)
      return
    const lane = this.#lane(edge, resource)
    clearTimeout(lane.timer)
    lane.pending = []
    this.#deliver(receiver, newest)
    this.#onApplied(edge, newest)
  }

  /** Whether every edge has the newest change. */
  isPropagated(resource: string): boolean {
    const newest = this.#newest.get(resource)?.number
    return this.#receivers.every(({ number }) => this.appliedNumber(number, resource) === newest)
  }

  /** The change that an edge has; undefined when it knows no such resource. */
  appliedNumber(edge: number, resource: string): number | undefined {
    const applied = this.#lanes.get(edge)?.get(resource)?.applied
    return applied === 0 ? undefined : applied
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
    const receiver = this.#receivers.find(({ number }) => number === edge)
    if (receiver === undefined) return
    for (const lane of this.#lanes.get(edge)?.values() ?? []) this.#applyUntil(receiver, lane, Infinity)
  }

  /** A deleted resource disappears from all edges. */
  remove(resource: string): void {
    this.#newest.delete(resource)
    for (const receiver of this.#receivers) {
      clearTimeout(this.#lanes.get(receiver.number)?.get(resource)?.timer)
      this.#lanes.get(receiver.number)?.delete(resource)
      receiver.remove(resource)
    }
  }

  close(): void {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) clearTimeout(lane.timer)
    }
  }

  #lane(edge: number, resource: string): Lane<T> {
    const lanes = this.#lanes.get(edge) ?? new Map<string, Lane<T>>()
    const lane = lanes.get(resource) ?? { pending: [], applied: 0 }
    lanes.set(resource, lane)
    return lane
  }

  #deliver(receiver: Receiver<T>, { resource, number, value }: Change<T>): void {
    this.#lane(receiver.number, resource).applied = number
    receiver.apply(value)
  }

  #schedule(receiver: Receiver<T>, lane: Lane<T>): void {
    const [next] = lane.pending
    if (next === undefined || this.#held.has(receiver.number)) return
    clearTimeout(lane.timer)
    lane.timer = setTimeout(
      () => {
        // A timer may fire a millisecond early by the wall clock; its own change is due by definition.
        this.#applyUntil(receiver, lane, Math.max(this.#clock.now(), next.dueAt))
        this.#schedule(receiver, lane)
      },
      Math.max(0, next.dueAt - this.#clock.now()),
    )
  }

  #applyDue(): void {
    for (const receiver of this.#receivers) {
      if (this.#held.has(receiver.number)) continue
      for (const lane of this.#lanes.get(receiver.number)?.values() ?? []) {
        this.#applyUntil(receiver, lane, this.#clock.now())
        this.#schedule(receiver, lane)
      }
    }
  }

  #applyUntil(receiver: Receiver<T>, lane: Lane<T>, time: number): void {
    while (lane.pending[0] !== undefined && lane.pending[0].dueAt <= time) {
      const { change } = lane.pending[0]
      lane.pending.shift()
      this.#deliver(receiver, change)
      this.#onApplied(receiver.number, change)
    }
    if (lane.pending.length === 0) clearTimeout(lane.timer)
  }
}
