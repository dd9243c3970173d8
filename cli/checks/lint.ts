/** Everything that can be said of a release without a cluster, by the checks of the API server's schema and of the operator. */

import type { Spec } from '../../operator/api/release.ts'
import { problemsOf } from '../../operator/planner/checks/spec.ts'
import { specWarnings } from '../../operator/planner/checks/spec-warnings.ts'
import type { Manifest } from '../manifest.ts'
import { crdSchema } from './crd.ts'
import { schemaProblems, withDefaults } from './schema.ts'

export type Findings = { errors: string[]; warnings: string[] }

export function lintManifest({ apiVersion, kind, metadata, spec }: Manifest): Findings {
  const schema = crdSchema()
  const stored = withDefaults(schema, { apiVersion, kind, metadata, spec }) as { spec: Spec }
  const shaped = schemaProblems(schema, stored, '')
  // What is no spec by its schema is nothing that the operator's checks could read.
  if (shaped.length > 0) return { errors: shaped, warnings: [] }
  return { errors: problemsOf(stored.spec), warnings: specWarnings(stored.spec) }
}

/** A spec as the API server would store it. */
export function storedSpec(spec: unknown): Spec {
  return withDefaults(crdSchema().properties?.spec ?? {}, spec) as Spec
}
