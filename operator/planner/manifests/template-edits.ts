/** What of a Deployment's pod template is not what we rendered any more, because somebody edited the Deployment. */
import { LABEL } from '../../api/names.ts'
import { byKey, droppedFields, memberOf } from '../checks/dropped-fields.ts'
import { canonicalJson, isSameJson } from '../model/revision.ts'
import type { TemplateAsFound } from '../model/observation.ts'
import { quantityForm } from '../model/pod-form.ts'

export interface TemplateEdits {
  /** Fields that we wrote and that are gone or otherwise now, with who it was where that is known. */
  edits: string[]
  /** Fields that somebody put beside ours, be it a policy or a person: nothing that we wrote says otherwise. */
  additions: string[]
}

/**
 * What others did to a template. What the API server or an admission policy made of our own write belongs to that, and is
 * neither: changes and additions are those that somebody else is known to have written, and what is missing counts only where the
 * template was replaced after it was made. Labels and annotations may be added and changed by anybody: `kubectl rollout
 * restart`, packaging tools and policies do.
 */
export function templateEdits(
  rendered: unknown,
  { replaced, template, writers }: TemplateAsFound,
): TemplateEdits {
  const was = memberOf(rendered, 'spec')
  const is = memberOf(template, 'spec')
  const written = writers.flatMap(({ name, fields }) =>
    writtenFields({ fields: memberOf(fields, 'f:spec'), was, is, path: 'spec' }).map(({ path, kind }) => ({
      text: `${path} (by ${name})`,
      kind,
    })),
  )
  const textsOf = (kind: Written['kind']): string[] =>
    written.filter((one) => one.kind === kind).map(({ text }) => text)
  const removed = replaced === 'Yes' ? removedFields(rendered, template) : []
  return { edits: [...textsOf('Changed'), ...removed], additions: textsOf('Added') }
}

function removedFields(rendered: unknown, template: unknown): string[] {
  return ['metadata', 'spec']
    .flatMap((part) => droppedFields(memberOf(rendered, part), memberOf(template, part), part, byKey))
    .filter((path) => path !== `metadata.labels.${LABEL.managedBy}`)
    .map((path) => `${path} (removed)`)
}

interface Written {
  path: string
  kind: 'Changed' | 'Added'
}

interface Place {
  /** `fieldsV1` below the place. */
  fields: unknown
  was: unknown
  is: unknown
  path: string
}

function writtenFields({ fields, was, is, path }: Place): Written[] {
  return Object.entries((fields ?? {}) as Record<string, unknown>).flatMap(([key, inner]) => {
    const at = placeOf(key, path)
    if (!at) return []
    const place = { fields: inner, was: at.of(was), is: at.of(is), path: at.path }
    if (place.was !== undefined && !isLeaf(inner)) return writtenFields(place)
    const kind = kindOf(place)
    return kind ? [{ path: place.path, kind }] : []
  })
}

/** What a container is started with takes the place of what its image says. */
const PROGRAM = /^spec\.(?:initContainers|containers)\[[^\]]*\]\.(?:command|args)$/

/** Undefined where it is as it was. */
function kindOf({ was, is, path }: Place): Written['kind'] | undefined {
  if (isSame(was, is, path)) return undefined
  if (PROGRAM.test(path)) return 'Changed'
  return was === undefined || hasAll(was, is) ? 'Added' : 'Changed'
}

/** Whether a list that has one writer as a whole (tolerations) has all that it had. */
function hasAll(was: unknown, is: unknown): boolean {
  if (!Array.isArray(was) || !Array.isArray(is)) return false
  const all = new Set(is.map(canonicalJson))
  return was.every((item) => all.has(canonicalJson(item)))
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

/** By the name and then the value of a key. What was read is never changed in place. */
const indexes = new WeakMap<readonly unknown[], Map<string, Map<unknown, unknown[]>>>()

/** A list may have thousands of items, each named by many writers: it is walked through once, and not for each of them. */
function itemsWith(list: readonly unknown[], key: string, value: unknown): unknown[] {
  const index = indexes.get(list) ?? new Map<string, Map<unknown, unknown[]>>()
  indexes.set(list, index)
  const items = index.get(key) ?? Map.groupBy(list, (item) => memberOf(item, key))
  index.set(key, items)
  return items.get(value) ?? []
}

/** Each item has the first of its keys; another that the stored one lacks is a default of the one that stands. */
function itemOf(list: unknown, keys: Record<string, unknown>): unknown {
  const [first, ...more] = Object.entries(keys)
  if (!first || !Array.isArray(list)) return undefined
  return itemsWith(list, ...first).find((item) =>
    more.every(([key, value]) => isDefaultOf(memberOf(item, key), value)),
  )
}

function isDefaultOf(stored: unknown, found: unknown): boolean {
  return stored === undefined || stored === found
}

function isLeaf(fields: unknown): boolean {
  return Object.keys(fields ?? {}).every((key) => key === '.')
}

/** Quantities come back in a form of the API server's own. */
function isSame(one: unknown, other: unknown, path: string): boolean {
  if (isSameJson(one, other)) return true
  return path.includes('.resources.') && quantityForm(one) === quantityForm(other)
}
