/** Bodies of the V1 protocol (tensorflow/serving, g3doc/api_rest.md). */
import { RequestError } from '../http/request-error.ts'
import type { ModelSlot } from '../models/model-slot.ts'
import { modelNotReadyBecause } from '../models/readiness.ts'
import { shown } from '../tensor/tensor-json.ts'
import type { Signature, Tensor } from '../tensor/tensor.ts'
import { isObject } from './json-value.ts'
import { decodeColumnar, decodeInstances, nested } from './plain-tensors.ts'
import type { PlainInputs } from './plain-tensors.ts'

/** The one signature that an ONNX model has, by the name that TensorFlow gives to one. */
const SIGNATURE = 'serving_default'

/**
 * `instances`, row by row, or `inputs`, column by column.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodePredictRequest(body: unknown, signature: Signature): PlainInputs {
  if (!isObject(body)) throw new RequestError(400, `the body: expected an object, got ${shown(body)}`)
  const [instances, inputs, name] = ['instances', 'inputs', 'signature_name'].map(
    (key) => body[key] ?? undefined,
  )
  if (name !== undefined && name !== '' && name !== SIGNATURE) {
    throw new RequestError(400, `signature_name: expected ${SIGNATURE}, got ${shown(name)}`)
  }
  if ((instances === undefined) === (inputs === undefined)) {
    const got = instances === undefined ? 'neither' : 'both'
    throw new RequestError(400, `the body: expected either instances or inputs, got ${got}`)
  }
  return instances === undefined ? decodeColumnar(inputs, signature) : decodeInstances(instances, signature)
}

/** The answer in the form of the question: `predictions`, row by row, or `outputs`, column by column. */
export function encodePredictResponse(
  outputs: ReadonlyMap<string, Tensor>,
  { rows }: Pick<PlainInputs, 'rows'>,
): object {
  const columns = Array.from(outputs, ([name, tensor]) => ({ name, value: nested(tensor) }))
  const [only, ...others] = columns
  if (rows === undefined) {
    if (others.length === 0) return { outputs: only?.value }
    return { outputs: Object.fromEntries(columns.map(({ name, value }) => [name, value])) }
  }
  const lists = columns.map(({ name, value }) => ({ name, list: listOf(name, value, rows) }))
  if (others.length === 0) return { predictions: lists[0]?.list }
  return {
    predictions: Array.from({ length: rows }, (_, row) =>
      Object.fromEntries(lists.map(({ name, list }) => [name, list[row]])),
    ),
  }
}

function listOf(name: string, value: unknown, rows: number): unknown[] {
  if (Array.isArray(value) && value.length === rows) return value
  const got = Array.isArray(value) ? value.length : 'one'
  throw new RequestError(
    400,
    `output '${name}' has ${got} rows for ${rows} instances, so the answer has no rows; send inputs instead of instances`,
  )
}

/** What `GET /v1/models/{model}` says of a model and its versions: in the words of KServe, and of TensorFlow Serving. */
export function encodeStatus(
  name: string,
  slots: readonly Pick<ModelSlot, 'version' | 'state'>[],
  draining: boolean,
): object {
  return {
    name,
    ready: slots.some(({ state }) => modelNotReadyBecause(state, draining) === undefined),
    model_version_status: slots.map(({ version, state }) => {
      const reason = modelNotReadyBecause(state, draining)
      return {
        version,
        state: stateOf(state.type, draining),
        status:
          reason === undefined
            ? { error_code: 'OK', error_message: '' }
            : { error_code: 'UNAVAILABLE', error_message: reason },
      }
    }),
  }
}

const STATES: Record<ModelSlot['state']['type'], string> = {
  Loading: 'LOADING',
  Refused: 'END',
  Loaded: 'AVAILABLE',
  Unloading: 'UNLOADING',
  Unloaded: 'END',
}

function stateOf(type: ModelSlot['state']['type'], draining: boolean): string {
  return type === 'Loaded' && draining ? 'UNLOADING' : STATES[type]
}
