/** JSON bodies of the Open Inference Protocol V2 (kserve/open-inference-protocol, inference_rest.md). */
import { RequestError } from '../http/request-error.ts'
import { elementCount } from '../tensor/tensor.ts'
import { readElements, shown, writeElements } from '../tensor/tensor-json.ts'
import type { Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'

/** Deeper nesting is no tensor but an attack on whoever walks it. */
const MAX_NESTING = 100

/** A checked inference request: every input of the model is there, with a shape and type that the model takes. */
export type InferRequest = {
  id: string | undefined
  inputs: ReadonlyMap<string, Tensor>
  /** Names of the outputs to answer with, in the order asked for. */
  outputs: readonly string[]
}

type JsonObject = Record<string, unknown>

/**
 * Check a request body against what the model takes.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeInferRequest(body: unknown, signature: Signature): InferRequest {
  const request = objectAt('the body', body)
  if (request.id !== undefined && typeof request.id !== 'string') {
    throw new RequestError(400, `id: expected a string, got ${shown(request.id)}`)
  }
  checkParameters('parameters', request.parameters)

  return {
    id: request.id,
    inputs: decodeInputs(request.inputs, signature.inputs),
    outputs: decodeOutputs(request.outputs, signature.outputs),
  }
}

function decodeInputs(value: unknown, specs: readonly TensorSpec[]): Map<string, Tensor> {
  if (!Array.isArray(value)) throw new RequestError(400, `inputs: expected an array, got ${shown(value)}`)

  const inputs = new Map<string, Tensor>()
  for (const [index, entry] of value.entries()) {
    const input = objectAt(`inputs[${index}]`, entry)
    const spec = namedSpec(`inputs[${index}].name`, input.name, specs)
    if (inputs.has(spec.name)) throw new RequestError(400, `input '${spec.name}': given twice`)
    inputs.set(spec.name, decodeTensor(`input '${spec.name}'`, input, spec))
  }

  const missing = specs.find((spec) => !inputs.has(spec.name))
  if (missing) {
    throw new RequestError(400, `input '${missing.name}': missing; this model takes ${namesOf(specs)}`)
  }
  return inputs
}

function decodeTensor(place: string, input: JsonObject, spec: TensorSpec): Tensor {
  checkParameters(`${place}: parameters`, input.parameters)
  if (input.datatype !== spec.datatype) {
    throw new RequestError(400, `${place}: expected datatype ${spec.datatype}, got ${shown(input.datatype)}`)
  }
  const shape = decodeShape(place, input.shape, spec.shape)
  if (!Array.isArray(input.data)) {
    throw new RequestError(400, `${place}: expected data to be an array, got ${shown(input.data)}`)
  }

  const values = flatten(place, input.data)
  const expected = elementCount(shape)
  if (values.length !== expected) {
    throw new RequestError(
      400,
      `${place}: shape [${shape.join(', ')}] takes ${expected === Infinity ? 'too many' : expected} elements, got ${values.length}`,
    )
  }
  return { datatype: spec.datatype, shape, data: readElements(place, spec.datatype, values) }
}

function decodeShape(place: string, value: unknown, expected: readonly number[]): number[] {
  if (!Array.isArray(value) || !value.every(isDimension)) {
    throw new RequestError(
      400,
      `${place}: expected shape to be an array of non-negative integers, got ${listed(value)}`,
    )
  }
  // onnxruntime reports an unknown rank as an empty shape, so an empty shape cannot be held against a request.
  const fits =
    expected.length === 0 ||
    (value.length === expected.length && expected.every((size, axis) => size === -1 || size === value[axis]))
  if (!fits) {
    throw new RequestError(
      400,
      `${place}: expected shape ${listed(expected)} (-1 is any), got ${listed(value)}`,
    )
  }
  return value
}

function decodeOutputs(value: unknown, specs: readonly TensorSpec[]): string[] {
  if (value === undefined) return specs.map((spec) => spec.name)
  if (!Array.isArray(value)) throw new RequestError(400, `outputs: expected an array, got ${shown(value)}`)

  const names = value.map((entry, index) => {
    const output = objectAt(`outputs[${index}]`, entry)
    checkParameters(`outputs[${index}].parameters`, output.parameters)
    return namedSpec(`outputs[${index}].name`, output.name, specs).name
  })
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new RequestError(400, `output '${twice}': asked for twice`)
  return names.length > 0 ? names : specs.map((spec) => spec.name)
}

/** The answer to a request, as an object for JSON.stringify. */
export function encodeInferResponse(
  model: { name: string; version: string },
  id: string | undefined,
  outputs: ReadonlyMap<string, Tensor>,
): JsonObject {
  return {
    model_name: model.name,
    model_version: model.version,
    ...(id === undefined ? {} : { id }),
    outputs: Array.from(outputs, ([name, tensor]) => encodeOutput(name, tensor)),
  }
}

function encodeOutput(name: string, tensor: Tensor): JsonObject {
  const { values, nonFinite } = writeElements(tensor)
  return {
    name,
    shape: tensor.shape,
    datatype: tensor.datatype,
    ...(nonFinite ? { parameters: { non_finite: true } } : {}),
    data: values,
  }
}

/** What `GET /v2/models/{model}` says. */
export function encodeMetadata(model: { name: string; version: string }, signature: Signature): JsonObject {
  return {
    name: model.name,
    versions: [model.version],
    platform: 'onnx_onnxv1',
    inputs: signature.inputs,
    outputs: signature.outputs,
  }
}

/** The elements in row-major order, however they are nested. Iterates, because 200,000 open brackets are valid JSON. */
function flatten(place: string, data: unknown[]): unknown[] {
  if (!data.some((value) => Array.isArray(value))) return data

  const flat: unknown[] = []
  const open: { array: unknown[]; next: number }[] = [{ array: data, next: 0 }]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.next === top.array.length) {
      open.pop()
      continue
    }
    const value = top.array[top.next]
    top.next += 1
    if (!Array.isArray(value)) {
      flat.push(value)
      continue
    }
    if (open.length === MAX_NESTING) {
      throw new RequestError(400, `${place}: data is nested deeper than ${MAX_NESTING} arrays`)
    }
    open.push({ array: value, next: 0 })
  }
  return flat
}

function objectAt(place: string, value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RequestError(400, `${place}: expected an object, got ${shown(value)}`)
  }
  return value as JsonObject
}

function namedSpec(place: string, name: unknown, specs: readonly TensorSpec[]): TensorSpec {
  const spec = specs.find((candidate) => candidate.name === name)
  if (!spec) throw new RequestError(400, `${place}: expected one of ${namesOf(specs)}, got ${shown(name)}`)
  return spec
}

function checkParameters(place: string, value: unknown): void {
  if (value === undefined) return
  for (const [key, parameter] of Object.entries(objectAt(place, value))) {
    if (['string', 'number', 'boolean'].includes(typeof parameter)) continue
    throw new RequestError(
      400,
      `${place}: '${key}': expected a string, number or boolean, got ${shown(parameter)}`,
    )
  }
}

function isDimension(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function namesOf(specs: readonly TensorSpec[]): string {
  return specs.map((spec) => `'${spec.name}'`).join(', ')
}

function listed(value: unknown): string {
  return Array.isArray(value) && value.length <= 16 ? `[${value.map(shown).join(', ')}]` : shown(value)
}
