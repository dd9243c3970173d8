import { createHash } from 'node:crypto'
import type { Spec } from '../../api/release.ts'
import { podForm } from './pod-form.ts'
import type { StoredRevision, Observation } from './observation.ts'

/** JSON with sorted keys, so that the order in which somebody wrote a manifest changes no hash. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === null || typeof value !== 'object') return value === undefined ? 'null' : JSON.stringify(value)
  // Each hash is made of it; a loop takes half the time of a chain of arrays.
  const members = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const key of Object.keys(members).sort()) {
    const child = members[key]
    if (child !== undefined) text += `${text && ','}${JSON.stringify(key)}:${canonicalJson(child)}`
  }
  return `{${text}}`
}

/** Whether both are the same JSON: the order of members does not count, nor do members that are undefined. */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (Array.isArray(one))
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, index) => isSameJson(item, other[index]))
    )
  if (!isObject(one) || !isObject(other) || Array.isArray(other)) return false
  const others = countOf(other)
  return countOf(one) === others && Object.keys(one).every((key) => isSameJson(one[key], other[key]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function countOf(object: Readonly<Record<string, unknown>>): number {
  return Object.values(object).filter((value) => value !== undefined).length
}

export function shortHash(value: unknown, length: number): string {
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
export function attemptIdOf(spec: Spec, revision = revisionOf(spec)): string {
  return `${revision}-${restOf(spec)}`
}

function restOf({ gates, traffic }: Spec): string {
  return shortHash([gates ?? [], traffic], 8)
}

/** Hash of the pods, the same for all the ways to write them. */
export function podsOf({ model, template, port }: Pick<Spec, 'model' | 'template' | 'port'>): string {
  return shortHash(podForm({ model, template, port }), 10)
}

/** Each reconcile asks several times, and most reconciles see the spec of the reconcile before. */
const meanings = new WeakMap<Spec, string>()

/** Hash of what the spec means, the same for all the ways to write it. A spec that was read is never changed in place. */
export function meaningOf(spec: Spec): string {
  const known = meanings.get(spec)
  if (known !== undefined) return known
  const meaning = `${podsOf(spec)}-${restOf(spec)}`
  meanings.set(spec, meaning)
  return meaning
}

/** An attempt by the names that go into the cluster. */
export interface AttemptName {
  id: string
  revision: string
}

type Known = Pick<Observation, 'release' | 'revisions'>

/**
 * What the spec asks for, by the names under which it is known already where it means the same. Nobody has written a spec
 * whose generation has not changed, whatever a schema has filled in since; pods that are the same are written in many ways.
 */
export function wantedOf({ release: { metadata, spec, status }, revisions }: Known): AttemptName {
  const { attempt, observedGeneration } = status ?? {}
  if (attempt && (observedGeneration === metadata.generation || attempt.meaning === meaningOf(spec)))
    return { id: attempt.id, revision: attempt.revision }
  const revision = knownRevision(spec, revisions) ?? revisionOf(spec)
  return { id: attemptIdOf(spec, revision), revision }
}

/** The revision of pods that are the same, if they were stored. */
function knownRevision(spec: Spec, revisions: readonly StoredRevision[]): string | undefined {
  const own = revisionOf(spec)
  if (revisions.some(({ revision }) => revision === own)) return own
  const pods = podsOf(spec)
  return revisions.find((stored) => podsOfStored(stored) === pods)?.revision
}

/** What an earlier version stored tells its pods only where they are the user's own template. */
function podsOfStored({ pods, identity, template, port }: StoredRevision): string | undefined {
  return pods ?? (identity === 'None' ? podsOf({ template, port }) : undefined)
}
