/** The file `MLmodel` of a model that MLflow stored (mlflow/models/model.py). */
import { load } from 'js-yaml'
import { ModelRefused } from './fetched-model.ts'

/** What we need to know of it. */
export type MlflowModel = {
  /** Of the ONNX file, below the folder of the model. */
  path: string
  /** Of the signature, where it names its inputs. */
  columns: readonly string[] | undefined
}

/** @throws ModelRefused where it is no ONNX model, or its path leads out of its folder */
export function readMlflowModel(yaml: string): MlflowModel {
  const { flavors, signature } = objectOf(readable(() => load(yaml)))
  const { data } = objectOf(objectOf(flavors).onnx)
  if (typeof data !== 'string') {
    const names = Object.keys(objectOf(flavors)).join(', ')
    throw new ModelRefused(`the model of MLflow has the flavors ${names || 'of nothing'}, expected onnx`)
  }
  if (!isBelow(data))
    throw new ModelRefused(`the model of MLflow names a file outside of its folder: '${data}'`)
  return { path: data, columns: columnsOf(objectOf(signature).inputs) }
}

/** Whether a path of a store stays below where it begins, whatever the store takes for a path. */
export function isBelow(path: string): boolean {
  return path.split('/').every((part) => /^[^\\\p{Cc}]+$/u.test(part) && !/^\.+$/.test(part))
}

function readable(parse: () => unknown): unknown {
  try {
    return parse()
  } catch (cause) {
    throw new ModelRefused(
      `the model of MLflow has no MLmodel that can be read: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
}

// A list of {name, type} as JSON in a string; tensors have no names.
function columnsOf(inputs: unknown): readonly string[] | undefined {
  if (typeof inputs !== 'string') return undefined
  const specs = readable(() => JSON.parse(inputs))
  if (!Array.isArray(specs)) return undefined
  const names = specs.map((spec: unknown) => objectOf(spec).name)
  return names.length > 0 && names.every((name) => typeof name === 'string') ? names : undefined
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
