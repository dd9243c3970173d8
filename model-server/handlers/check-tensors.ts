/** What a handler gives to the model, checked: it comes from code that the server does not know. */
import type { Tensors } from '../execution/executor.ts'
import { isWholeText } from '../tensor/tensor-json.ts'
import { elementCount, zeros } from '../tensor/tensor.ts'
import type { Signature, Tensor, TensorData, TensorSpec } from '../tensor/tensor.ts'
import type { NamedTensors } from './handler.ts'

/**
 * The inputs of a model.
 * @throws Error naming the input, what was expected and what came
 */
export function checkInputs(given: unknown, { inputs }: Signature): Tensors {
  if (typeof given !== 'object' || given === null) {
    throw new Error(`the inputs: expected {name: tensor}, got ${kindOf(given)}`)
  }
  const unknown = Object.keys(given).find((name) => !inputs.some((spec) => spec.name === name))
  if (unknown !== undefined) {
    const known = inputs.map(({ name }) => `'${name}'`).join(', ')
    throw new Error(`input '${unknown}': unknown; the model takes ${known}`)
  }
  return new Map(
    inputs.map((spec) => [spec.name, checked(spec, (given as Record<string, unknown>)[spec.name])]),
  )
}

/** The outputs of a model, for a thread: without the rest of a batch that the storage of an output may hold. */
export function ownTensors(outputs: Tensors): NamedTensors {
  const own: Record<string, Tensor> = {}
  for (const [name, tensor] of outputs) own[name] = { ...tensor, data: ownData(tensor.data) }
  return own
}

function ownData(data: TensorData): TensorData {
  return Array.isArray(data) || data.byteLength === data.buffer.byteLength ? data : data.slice()
}

function checked(spec: TensorSpec, given: unknown): Tensor {
  const place = `input '${spec.name}'`
  if (typeof given !== 'object' || given === null) {
    throw new Error(`${place}: expected {datatype, shape, data}, got ${kindOf(given)}`)
  }
  const { datatype, shape, data } = given as Partial<Record<keyof Tensor, unknown>>
  if (datatype !== spec.datatype)
    throw new Error(`${place}: expected datatype ${spec.datatype}, got ${String(datatype)}`)
  if (!Array.isArray(shape) || !fits(shape, spec.shape)) {
    throw new Error(
      `${place}: expected shape [${spec.shape.join(', ')}] (-1 is any), got ${JSON.stringify(shape)}`,
    )
  }
  const wanted = zeros(spec.datatype, 0).constructor
  if (!isData(data) || data.constructor.name !== wanted.name) {
    throw new Error(`${place}: expected data to be a ${wanted.name}, got ${kindOf(data)}`)
  }
  if (Array.isArray(data) && !data.every(isWholeText)) {
    throw new Error(
      `${place}: expected data to be whole texts without U+0000, at which the runtime cuts them`,
    )
  }
  const count = elementCount(shape)
  if (data.length !== count) {
    throw new Error(`${place}: shape [${shape.join(', ')}] takes ${count} elements, got ${data.length}`)
  }
  return { datatype: spec.datatype, shape, data }
}

function fits(shape: unknown[], expected: readonly number[]): shape is number[] {
  if (!shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)) return false
  // onnxruntime reports an unknown rank as an empty shape.
  if (expected.length === 0) return true
  return (
    shape.length === expected.length && expected.every((size, axis) => size === -1 || size === shape[axis])
  )
}

function isData(value: unknown): value is TensorData {
  return Array.isArray(value)
    ? value.every((element) => typeof element === 'string')
    : ArrayBuffer.isView(value)
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value !== 'object') return typeof value
  return value.constructor.name
}
