/** Fields of rendered objects, named as the fields of the spec that they come from. */
import type { Spec } from '../../api/release.ts'
import type { StoredRevision } from '../../planner/model/observation.ts'
import type { NameField } from './errors.ts'

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
