import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = new URL('../../examples/housing/', import.meta.url)

/** One real row, the body that asks for it, and what scikit-learn predicts. */
export type Sample = {
  row: number
  request: Record<string, Record<string, number>>
  predictions: Record<string, number>
}

/** The example's samples.json. */
export const housing = JSON.parse(readFileSync(new URL('samples.json', FOLDER), 'utf8')) as {
  columns: string[]
  models: Record<string, { file: string; sha256: string }>
  samples: Sample[]
}

/** The path and the digest of a version of the housing model. */
export function housingModel(version: string): { path: string; sha256: string } {
  const model = housing.models[version]
  if (!model) throw new Error(`examples/housing has no version ${version}`)
  return { path: fileURLToPath(new URL(model.file, FOLDER)), sha256: model.sha256 }
}
