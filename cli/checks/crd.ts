/** The schema of the API. In the bundle this file is replaced by the schema itself (build.ts). */
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'

/** A structural schema, as CRDs have it. */
export type Schema = {
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  required?: string[]
  enum?: unknown[]
  default?: unknown
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  nullable?: boolean
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-validations'?: { rule: string; message: string }[]
}

type Crd = { spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] } }

export function crdSchema(): Schema {
  const crd = load(readFileSync(new URL('../../crds/modelrelease.yaml', import.meta.url), 'utf8')) as Crd
  return crd.spec.versions[0].schema.openAPIV3Schema
}
