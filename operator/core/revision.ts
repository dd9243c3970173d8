import { createHash } from 'node:crypto'
import type { Spec } from '../api/release.ts'

/** JSON with sorted keys, so that the order in which somebody wrote a manifest changes no hash. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === null || typeof value !== 'object') return value === undefined ? 'null' : JSON.stringify(value)
  const entries = Object.entries(value).filter(([, child]) => child !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`).join(',')}}`
}

function shortHash(value: unknown, length: number): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, length)
}

/**
 * Hash of what makes pods and model differ. It is taken from what the user wrote, never from what this version of the
 * operator renders of it: an upgrade of the operator must restart no pod. The port counts, so that a color Service
 * forwards to one port for as long as its pods live.
 */
export function revisionOf(spec: Spec): string {
  return shortHash({ model: spec.model, template: spec.template, port: spec.port }, 10)
}

/** One try at a revision: fixing only a gate or the traffic starts a new attempt at the same revision. */
export function attemptIdOf(spec: Spec): string {
  return `${revisionOf(spec)}-${shortHash([spec.gates ?? [], spec.traffic], 8)}`
}
