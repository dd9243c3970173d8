/** What of a Deployment's pod template is not what was stored any more, because somebody edited the Deployment. */
import { isSameJson } from './revision.ts'
import { quantityForm } from './pod-form.ts'

/** The pod template as it stands, with who wrote which fields of it besides us. */
export interface TemplateAsFound {
  template: unknown
  /** `fieldsV1` of `spec.template` by the name of the manager, as `metadata.managedFields` has them. */
  writers: readonly { name: string; fields: unknown }[]
}

/**
 * The fields that somebody else wrote and that are not as they were stored, with who it was. What the API server or an
 * admission policy filled in belongs to our own write, and is no difference; neither are annotations and labels, which
 * `kubectl rollout restart` and others write.
 */
export function templateEdits(stored: unknown, { template, writers }: TemplateAsFound): string[] {
  return writers.flatMap(({ name, fields }) =>
    editedFields(
      memberOf(fields, 'f:spec'),
      memberOf(stored, 'spec'),
      memberOf(template, 'spec'),
      'spec',
    ).map((field) => `${field} (by ${name})`),
  )
}

function editedFields(fields: unknown, stored: unknown, found: unknown, path: string): string[] {
  return Object.entries((fields ?? {}) as Record<string, unknown>).flatMap(([key, inner]) => {
    const at = placeOf(key, path)
    if (!at) return []
    const was = at.of(stored)
    const is = at.of(found)
    if (was === undefined || isLeaf(inner)) return isSame(was, is, at.path) ? [] : [at.path]
    return editedFields(inner, was, is, at.path)
  })
}

type Step = { path: string; of: (value: unknown) => unknown }

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/: f: a member, k: an item by its keys. */
function placeOf(key: string, path: string): Step | undefined {
  const name = key.slice(2)
  if (key.startsWith('f:')) return { path: `${path}.${name}`, of: (value) => memberOf(value, name) }
  if (!key.startsWith('k:')) return undefined
  const keys = JSON.parse(name) as Record<string, unknown>
  const [text] = Object.values(keys)
  return { path: `${path}[${String(text)}]`, of: (value) => itemOf(value, keys) }
}

/** A key that the stored item lacks is a default of the one that stands. */
function itemOf(list: unknown, keys: Record<string, unknown>): unknown {
  const items: unknown[] = Array.isArray(list) ? list : []
  return items.find((item) =>
    Object.entries(keys).every(([key, value]) => isDefaultOf(memberOf(item, key), value)),
  )
}

function isDefaultOf(stored: unknown, found: unknown): boolean {
  return stored === undefined || stored === found
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

function isLeaf(fields: unknown): boolean {
  return Object.keys(fields ?? {}).every((key) => key === '.')
}

/** Quantities come back in a form of the API server's own. */
function isSame(one: unknown, other: unknown, path: string): boolean {
  if (isSameJson(one, other)) return true
  return path.includes('.resources.') && quantityForm(one) === quantityForm(other)
}
