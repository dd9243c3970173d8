/** Fields of rendered objects, named as the fields of the spec that they come from. */
import type { Spec } from '../api/release.ts'
import type { StoredRevision } from '../core/world.ts'
import type { NameField } from './cluster-errors.ts'

const POD_SPEC = 'spec.template.spec.'
const CONTAINER = `${POD_SPEC}containers[0].`

/** Members of a rendered pod that the spec's model has under another name; longest first. */
const MODEL_FIELDS: readonly (readonly [rendered: string, spec: string])[] = [
  [`${CONTAINER}readinessProbe.httpGet.port`, 'spec.port'],
  [`${CONTAINER}livenessProbe.httpGet.port`, 'spec.port'],
  [`${CONTAINER}ports[0].containerPort`, 'spec.port'],
  [`${CONTAINER}resources`, 'spec.model.resources'],
  [`${CONTAINER}image`, 'spec.model.serverImage'],
  [`${POD_SPEC}serviceAccountName`, 'spec.model.serviceAccountName'],
  [`${POD_SPEC}imagePullSecrets`, 'spec.model.imagePullSecrets'],
  [`${POD_SPEC}nodeSelector`, 'spec.model.nodeSelector'],
  [`${POD_SPEC}tolerations`, 'spec.model.tolerations'],
]

/** Variables that the model server gets from other members than `env`. */
const MODEL_VARIABLES: Record<string, string> = {
  PORT: 'spec.port',
  MODEL_NAME: 'spec.model.name',
  MODEL_VERSION: 'spec.model.version',
  MODEL_URI: 'spec.model.uri',
  MODEL_SHA256: 'spec.model.sha256',
}

/** Names a field of the Deployment; a template's fields have the same path in the spec. */
export function deploymentField(spec: Spec, stored: StoredRevision): NameField {
  return (field) => {
    if (!spec.model) return field
    return variableField(spec.model, stored, field) ?? modelField(field) ?? field
  }
}

/** Names a field of the color Service. */
export function serviceField(field: string): string {
  return field.startsWith('spec.ports[0]') ? 'spec.port' : field
}

/**
 * Fields that were sent and did not come back: the API server does not know them. From 1.25 on it says so itself in a
 * strict dry run; older ones drop a misspelt field of a pod template in silence. Empty values are no loss.
 */
export function droppedFields(sent: unknown, kept: unknown, path: string): string[] {
  if (isEmpty(sent)) return []
  if (kept === undefined || kept === null) return [path]
  if (Array.isArray(sent)) {
    const others: unknown[] = Array.isArray(kept) ? kept : []
    const list = path.slice(path.lastIndexOf('.') + 1)
    return sent.flatMap((item, index) => droppedOfItem(item, others, list, `${path}[${index}]`))
  }
  if (typeof sent !== 'object' || sent === null || typeof kept !== 'object') return []
  return Object.entries(sent).flatMap(([key, value]) =>
    droppedFields(value, (kept as Record<string, unknown>)[key], `${path}.${key}`),
  )
}

function variableField(
  model: NonNullable<Spec['model']>,
  stored: StoredRevision,
  field: string,
): string | undefined {
  const match = /^spec\.template\.spec\.containers\[0\]\.env\[(\d+)\](.*)$/.exec(field)
  if (!match) return undefined
  const template = stored.template as { spec?: { containers?: { env?: { name?: string }[] }[] } }
  const name = template.spec?.containers?.[0]?.env?.[Number(match[1])]?.name ?? ''
  const index = model.env?.findIndex((one) => one.name === name) ?? -1
  return index >= 0 ? `spec.model.env[${index}]${match[2] ?? ''}` : MODEL_VARIABLES[name]
}

function modelField(field: string): string | undefined {
  const found = MODEL_FIELDS.find(([rendered]) => field.startsWith(rendered))
  return found && `${found[1]}${field.slice(found[0].length)}`
}

/**
 * What tells the items of a list apart: the merge keys of the API. Policies put containers, variables and mounts of their own
 * between; a name alone need not be unique (a volume is mounted twice, a port has two protocols).
 */
const MERGE_KEYS: Record<string, readonly string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  resourceClaims: ['name'],
  ports: ['containerPort', 'protocol'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
}

/** Fields of one item that did not come back; of several that it may have become, the likest counts. */
function droppedOfItem(item: unknown, others: readonly unknown[], list: string, path: string): string[] {
  const keys = MERGE_KEYS[list] ?? []
  const losses = others
    .filter((other) => keys.every((key) => isSame(memberOf(item, key), memberOf(other, key))))
    .map((other) => droppedFields(item, other, path))
  return losses.toSorted((one, other) => one.length - other.length)[0] ?? [path]
}

/** A key that only one of them has is a default of the other. */
function isSame(one: unknown, other: unknown): boolean {
  return one === undefined || other === undefined || one === other
}

function memberOf(item: unknown, key: string): unknown {
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === '' || value === false || value === 0
}
