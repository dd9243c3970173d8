/** Which colors the edges led viewers to, read from the emulator's audit log. */
import type { AuditEntry } from '../../../../demo/cloudfront.ts'
import { ORIGINS } from '../../../../demo/cloudfront.ts'
import { COLORS, type Color } from '../../../api/names.ts'
import { readValue } from '../../../adapters/aws/key-value-store/value.ts'

/** Behavior, key, or share of a key → origin id. */
type Targets = ReadonlyMap<string, string>
/** `of`: what the version is of, a distribution or a store; an edge applies the two apart. */
type Applied = { at: number; of: 'Distribution' | 'Store'; edge: number; targets: Targets }

export type EdgeRoutes = {
  /** Colors that some edge led to at some moment between two (epoch milliseconds, both included). */
  between: (from: number, to: number) => ReadonlySet<Color>
  /** Whether every edge has the newest version of all that decides. */
  propagated: boolean
}

export type RoutesOptions = {
  /** Number of edges. */
  edges: number
  /** Name of the key that decides; an edge may lead to what the behaviors name as well, where it cannot be read. */
  key?: string | undefined
  /** A distribution starts with everything at this color on every edge. */
  first?: Color
}

export function edgeRoutes(
  audit: readonly AuditEntry[],
  { edges, key, first = 'blue' }: RoutesOptions,
): EdgeRoutes {
  const distribution = new History('Distribution', edges, new Map([['*', ORIGINS[first]]]))
  const store = new History('Store', edges, new Map())
  const histories = { distribution, store, key }
  const later = audit.flatMap((entry) => take(entry, histories))
  const applied = [...distribution.atFirst(), ...store.atFirst(), ...later]
  return {
    between: (from, to) =>
      new Set(applied.filter((one) => overlaps(applied, one, { from, to })).flatMap(colorsOf)),
    propagated: distribution.isPropagated() && store.isPropagated(),
  }
}

type Histories = { distribution: History; store: History; key: string | undefined }

/** What an edge applied by this, if any did. */
function take(entry: AuditEntry, { distribution, store, key }: Histories): Applied[] {
  if (entry.type === 'EdgeApplied') return distribution.applied(entry)
  if (entry.type === 'EdgeStoreApplied') return store.applied(entry)
  if (entry.type !== 'Call' || entry.version === undefined) return []
  if (entry.distribution !== undefined) distribution.changed(entry.version, behaviorsIn(entry))
  else if (key !== undefined) store.changed(entry.version, keyIn(entry, key))
  return []
}

/** The versions of one thing, and which of them each edge has. */
class History {
  readonly #of: Applied['of']
  readonly #versions: Map<number, Targets>
  readonly #newest: Map<number, number>
  #last = 1

  constructor(of: Applied['of'], edges: number, first: Targets) {
    this.#of = of
    this.#versions = new Map([[1, first]])
    this.#newest = new Map(Array.from({ length: edges }, (_, index) => [index + 1, 1]))
  }

  atFirst(): Applied[] {
    return [...this.#newest].flatMap(([edge, version]) => this.#appliedAt(-Infinity, edge, version))
  }

  /** What a version says anew; '' for nowhere. */
  changed(version: number, changes: Targets): void {
    this.#versions.set(version, new Map([...(this.#versions.get(this.#last) ?? []), ...changes]))
    this.#last = version
  }

  applied({ time, edge, version }: { time: string; edge: number; version: number }): Applied[] {
    const applied = this.#appliedAt(Date.parse(time), edge, version)
    if (applied.length > 0) this.#newest.set(edge, version)
    return applied
  }

  isPropagated(): boolean {
    return [...this.#newest.values()].every((version) => version === this.#last)
  }

  #appliedAt(at: number, edge: number, version: number): Applied[] {
    const targets = this.#versions.get(version)
    return targets ? [{ at, of: this.#of, edge, targets }] : []
  }
}

type CallEntry = AuditEntry & { type: 'Call' }

function behaviorsIn({ targets = [] }: CallEntry): Targets {
  return new Map(targets.map(({ pathPattern, to = '' }) => [pathPattern, to]))
}

/** Where a write of the store leads by the key; nothing where it is about other keys. */
function keyIn({ keys = [], puts = {} }: CallEntry, key: string): Targets {
  if (!keys.includes(key)) return new Map()
  const { live = '', canary } = readValue(puts[key]) ?? {}
  return new Map([
    [key, live],
    [`share of ${key}`, canary?.origin ?? ''],
  ])
}

/** An edge leads to these targets until it applies the next ones. */
function overlaps(
  applied: readonly Applied[],
  one: Applied,
  { from, to }: { from: number; to: number },
): boolean {
  const next = applied
    .slice(applied.indexOf(one) + 1)
    .find(({ edge, of }) => edge === one.edge && of === one.of)
  return one.at <= to && (next?.at ?? Infinity) >= from
}

function colorsOf({ targets }: Applied): Color[] {
  return COLORS.filter((color) => [...targets.values()].includes(ORIGINS[color]))
}
