import { readFileSync } from 'node:fs'
import type { ModelConfig } from '../config/model-config.ts'
import type { ServedModel } from '../models/served-model.ts'
import { Drift } from './drift.ts'
import { parseDriftReference } from './drift-reference.ts'

/** Where the reference stands in a model's own metadata, as in the file. */
const REFERENCE_KEY = 'drift_reference'

/**
 * What to hold requests of a model against; undefined where neither its settings nor its metadata say what training looked like.
 * @throws Error where what they say does not fit the model
 */
export function driftOf(
  { driftReference }: ModelConfig,
  metadata: ReadonlyMap<string, string>,
  { signature, frame }: Pick<ServedModel, 'signature' | 'frame'>,
): Drift | undefined {
  const place = driftReference ?? `'${REFERENCE_KEY}' in its metadata_props`
  try {
    const text =
      driftReference === undefined ? metadata.get(REFERENCE_KEY) : readFileSync(driftReference, 'utf8')
    return text === undefined ? undefined : new Drift(parseDriftReference(text), signature, frame)
  } catch (cause) {
    throw new Error(`the drift reference ${place}: ${(cause as Error).message}`, { cause })
  }
}
