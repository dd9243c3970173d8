/** Which colors the edges led viewers to, read from the stand-in's audit log. */
import type { AuditEntry } from '../../../demo/cloudfront.ts'
import { ORIGINS } from '../../../demo/cloudfront.ts'
import { COLORS, type Color } from '../../api/names.ts'

/** Path pattern → origin id. */
type Targets = ReadonlyMap<string, string>
type Applied = { at: number; edge: number; targets: Targets }

export type EdgeRoutes = {
  /** Colors that some edge led to at some moment between two (epoch milliseconds, both included). */
  between: (from: number, to: number) => ReadonlySet<Color>
  /** Whether every edge has the newest version. */
  settled: boolean
}

/** A distribution starts with everything at `first` on every edge. */
export function edgeRoutes(audit: readonly AuditEntry[], edges: number, first: Color = 'blue'): EdgeRoutes {
  const versions = new Map<number, Targets>([[1, new Map([['*', ORIGINS[first]]])]])
  const applied: Applied[] = []
  const newest = new Map<number, number>()
  for (let edge = 1; edge <= edges; edge++) {
    applied.push({ at: -Infinity, edge, targets: versions.get(1) ?? new Map() })
    newest.set(edge, 1)
  }
  let last = 1
  for (const entry of audit) {
    if (entry.type === 'Call' && entry.version !== undefined) {
      const changes = (entry.targets ?? []).map(({ pathPattern, to = '' }) => [pathPattern, to] as const)
      versions.set(entry.version, new Map([...(versions.get(last) ?? []), ...changes]))
      last = entry.version
    }
    if (entry.type !== 'EdgeApplied') continue
    const targets = versions.get(entry.version)
    if (!targets) continue
    applied.push({ at: Date.parse(entry.time), edge: entry.edge, targets })
    newest.set(entry.edge, entry.version)
  }
  return {
    between: (from, to) =>
      new Set(applied.filter((one) => overlaps(applied, one, { from, to })).flatMap(colorsOf)),
    settled: [...newest.values()].every((version) => version === last),
  }
}

/** An edge leads to these targets until it applies the next ones. */
function overlaps(
  applied: readonly Applied[],
  one: Applied,
  { from, to }: { from: number; to: number },
): boolean {
  const next = applied.slice(applied.indexOf(one) + 1).find(({ edge }) => edge === one.edge)
  return one.at <= to && (next?.at ?? Infinity) >= from
}

function colorsOf({ targets }: Applied): Color[] {
  return COLORS.filter((color) => [...targets.values()].includes(ORIGINS[color]))
}
