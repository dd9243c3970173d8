/** ConfigMaps that pods get their settings from, and what of them the pods of a revision get. */
import { COLORS, pinName, type Color } from '../../api/names.ts'
import { containersOf } from '../manifests/children.ts'
import { shortHash } from './revision.ts'
import type { ConfigReading, StoredRevision, Observation } from './observation.ts'

/** Which keys of a ConfigMap pods get. */
type Used = Map<string, Set<string> | 'All'>

type Json = Record<string, unknown>

/** More are not looked at: each is read in every reconcile. */
const MOST = 20

/** The ConfigMaps that the revisions in the colors name, each once. */
export function configMapNames({ colors, revisions }: Pick<Observation, 'colors' | 'revisions'>): string[] {
  const names = COLORS.flatMap((color) => {
    const stored = revisions.find(({ revision }) => revision === colors[color].workload?.revision)
    return stored ? [...usedBy(stored).keys()] : []
  })
  return [...new Set(names)].slice(0, MOST)
}

/** Env, envFrom and volumes, of init containers as well; https://kubernetes.io/docs/concepts/configuration/configmap/ */
function usedBy({ revision, template }: StoredRevision): Used {
  const used: Used = new Map()
  const spec = objectOf(template.spec)
  const all = [...containersOf(template), ...listOf(spec.initContainers)]
  for (const container of all) {
    for (const { valueFrom } of listOf(container.env)) {
      const { name, key } = objectOf(objectOf(valueFrom).configMapKeyRef)
      if (typeof key === 'string') note(used, name, [key])
    }
    for (const { configMapRef } of listOf(container.envFrom)) note(used, objectOf(configMapRef).name)
  }
  for (const { configMap, projected } of listOf(spec.volumes)) {
    noteSource(used, configMap)
    for (const source of listOf(objectOf(projected).sources)) noteSource(used, source.configMap)
  }
  // Our own pin of the model's digest, which is no setting of anybody's.
  for (const name of used.keys()) if (name.endsWith(pinName('', revision))) used.delete(name)
  return used
}

/** Without items every key becomes a file. */
function noteSource(used: Used, source: unknown): void {
  const { items, name } = objectOf(source)
  const keys = listOf(items).flatMap(({ key }) => (typeof key === 'string' ? [key] : []))
  note(used, name, keys.length > 0 ? keys : undefined)
}

function note(used: Used, name: unknown, keys?: string[]): void {
  if (typeof name !== 'string' || name === '') return
  const known = used.get(name)
  if (keys === undefined || known === 'All') {
    used.set(name, 'All')
    return
  }
  // A container may name thousands of keys of one ConfigMap.
  const all = known ?? new Set()
  used.set(name, all)
  for (const key of keys) all.add(key)
}

/** What the pods of a revision get of each ConfigMap now; of those that are there and could be read. */
export function contentsOf(stored: StoredRevision, reading: ConfigReading): Record<string, string> {
  const contents: Record<string, string> = {}
  for (const [name, keys] of usedBy(stored)) {
    const found = reading[name]
    if (found === undefined || found === 'Absent') continue
    const gotten = Object.entries(found).filter(([key]) => keys === 'All' || keys.has(key))
    contents[name] = shortHash(Object.fromEntries(gotten), 10)
  }
  return contents
}

/** Of each ConfigMap by its name, a hash of what a color was built with. */
type Config = { config?: Record<string, string> }

/**
 * What the color was built with: what each ConfigMap held when it was first seen beside the color's Deployment. Pods that are
 * made later may be given something else.
 */
export function configBooks(
  { config: known }: Config,
  { colors, config = {}, revisions }: Observation,
  color: Color,
): Config {
  const stored = revisions.find(({ revision }) => revision === colors[color].workload?.revision)
  const contents = { ...(stored ? contentsOf(stored, config) : {}), ...known }
  return Object.keys(contents).length > 0 ? { config: contents } : {}
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectOf) : []
}
