/**
 * Requests and answers of the Open Inference Protocol V2 (kserve/open-inference-protocol, inference_rest.md), whatever carries
 * their tensors: JSON, the binary extension, gRPC.
 */
import { RequestError } from '../http/request-error.ts'
import type { ServedModel } from '../models/served-model.ts'
import { objectAt } from './json-value.ts'
import { bytesOf } from '../tensor/tensor-bytes.ts'
import { shown, writeElements } from '../tensor/tensor-json.ts'
import { elementCount } from '../tensor/tensor.ts'
import type { Datatype, Signature, Tensor, TensorData, TensorSpec } from '../tensor/tensor.ts'

/** A checked inference request: every input of the model is there, with a shape and type that the model takes. */
export type InferRequest = {
  id: string | undefined
  inputs: ReadonlyMap<string, Tensor>
  /** Names of the outputs to answer with, in the order asked for. */
  outputs: readonly string[]
  /** Those that are to be answered as bytes. */
  binaryOutputs: ReadonlySet<string>
  /** How long after its arrival the client gives up; undefined where it did not say. */
  timeoutMs: number | undefined
}

/** An object of a request, nothing of it checked. */
export type JsonObject = Record<string, unknown>

/** Values of a request's `parameters`. */
type Parameters = Readonly<Record<string, string | number | boolean | bigint>>

/** What is known of an input before its elements are read. */
export type InputHead = {
  /** Names the input in messages. */
  place: string
  datatype: Datatype
  shape: readonly number[]
  parameters: Parameters
  /** Where it stands among the inputs of the request. */
  index: number
}

/** How the elements of an input are carried. Called once for each input, in the order of the request. */
export type ElementReader = (input: JsonObject, head: InputHead) => TensorData

const NO_PARAMETERS: Parameters = {}
const NOTHING: ReadonlySet<string> = new Set()
/** What the other dimensions of a shape with a 0 may multiply to: no data bounds them, and whoever counts rows would count for ever. */
const MAX_OF_EMPTY = 2 ** 20
/** Extensions of Triton that would change the answer; to ignore them would give a wrong one. */
const UNSUPPORTED = ['shared_memory_region', 'classification']

/**
 * Check a request against what the model takes.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeInferRequest(
  body: unknown,
  signature: Signature,
  readElements: ElementReader,
): InferRequest {
  const request = givenOf(objectAt('the body', body))
  if (request.id !== undefined && typeof request.id !== 'string') {
    throw new RequestError(400, `id: expected a string, got ${shown(request.id)}`)
  }
  const parameters = parametersAt('parameters', request.parameters)

  return {
    id: request.id,
    inputs: decodeInputs(request.inputs, signature.inputs, readElements),
    ...decodeOutputs(
      request.outputs,
      signature.outputs,
      flagOf('parameters', parameters, 'binary_data_output'),
    ),
    timeoutMs: timeoutOf(parameters.timeout),
  }
}

function decodeInputs(
  value: unknown,
  specs: readonly TensorSpec[],
  readElements: ElementReader,
): Map<string, Tensor> {
  if (!Array.isArray(value)) throw new RequestError(400, `inputs: expected an array, got ${shown(value)}`)

  const inputs = new Map<string, Tensor>()
  for (let index = 0; index < value.length; index += 1) {
    const input = givenOf(objectAt(`inputs[${index}]`, value[index]))
    const spec = namedSpec(`inputs[${index}].name`, input.name, specs)
    const place = `input '${spec.name}'`
    if (inputs.has(spec.name)) throw new RequestError(400, `${place}: given twice`)
    const { datatype } = spec
    const parameters = parametersAt(`${place}: parameters`, input.parameters)
    if (input.datatype !== datatype) {
      throw new RequestError(400, `${place}: expected datatype ${datatype}, got ${shown(input.datatype)}`)
    }
    const shape = decodeShape(place, input.shape, spec.shape)
    const data = readElements(input, { place, datatype, shape, parameters, index })
    inputs.set(spec.name, { datatype, shape, data })
  }

  const missing = specs.find((spec) => !inputs.has(spec.name))
  if (missing) {
    throw new RequestError(400, `input '${missing.name}': missing; this model takes ${namesOf(specs)}`)
  }
  return inputs
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
  if (value.includes(0) && elementCount(value.filter((size) => size > 0)) > MAX_OF_EMPTY) {
    throw new RequestError(
      400,
      `${place}: expected dimensions beside a 0 to multiply to at most ${MAX_OF_EMPTY}, got ${listed(value)}`,
    )
  }
  return value
}

function decodeOutputs(
  value: unknown,
  specs: readonly TensorSpec[],
  allBinary = false,
): Pick<InferRequest, 'outputs' | 'binaryOutputs'> {
  if (value !== undefined && !Array.isArray(value)) {
    throw new RequestError(400, `outputs: expected an array, got ${shown(value)}`)
  }
  if (value === undefined || value.length === 0) {
    const outputs = specs.map((spec) => spec.name)
    return { outputs, binaryOutputs: allBinary ? new Set(outputs) : NOTHING }
  }

  const isBinary = new Map<string, boolean>()
  for (const [index, entry] of value.entries()) {
    const output = givenOf(objectAt(`outputs[${index}]`, entry))
    const parameters = parametersAt(`outputs[${index}].parameters`, output.parameters)
    const { name } = namedSpec(`outputs[${index}].name`, output.name, specs)
    if (isBinary.has(name)) throw new RequestError(400, `output '${name}': asked for twice`)
    // What an output says of itself wins over what the request says of all.
    isBinary.set(name, flagOf(`output '${name}': parameters`, parameters, 'binary_data') ?? allBinary)
  }
  const outputs = [...isBinary.keys()]
  return { outputs, binaryOutputs: new Set(outputs.filter((name) => isBinary.get(name))) }
}

/** An answer: an object for JSON.stringify, and the bytes of the outputs that are not in it, in its order. */
export type InferAnswer = { json: JsonObject; tail: readonly Buffer[] }

/** The answer to a request. */
export function encodeInferResponse(
  model: { name: string; version: string },
  { id, binaryOutputs }: Pick<InferRequest, 'id' | 'binaryOutputs'>,
  outputs: ReadonlyMap<string, Tensor>,
): InferAnswer {
  const tail: Buffer[] = []
  const described = Array.from(outputs, ([name, tensor]) => {
    if (!binaryOutputs.has(name)) return encodeOutput(name, tensor)
    const bytes = bytesOf(tensor)
    tail.push(bytes)
    return {
      name,
      shape: tensor.shape,
      datatype: tensor.datatype,
      parameters: { binary_data_size: bytes.length },
    }
  })
  return {
    json: {
      model_name: model.name,
      model_version: model.version,
      ...(id === undefined ? {} : { id }),
      outputs: described,
    },
    tail,
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

/** What `GET /v2/models/{model}` says. `parameters`, as MLServer has them, are for what the protocol has no field for. */
export function encodeMetadata(
  { name, sha256, signature, triedWith }: Pick<ServedModel, 'name' | 'sha256' | 'signature' | 'triedWith'>,
  versions: readonly string[],
): JsonObject {
  const { inputs, outputs, classes, notServed } = signature
  const parameters: Record<string, string> = { sha256, tried_with: triedWith }
  for (const [output, labels] of classes ?? []) parameters[`classes.${output}`] = JSON.stringify(labels)
  for (const [output, reason] of notServed ?? []) parameters[`not_served.${output}`] = reason
  return { name, versions, platform: 'onnx_onnxv1', inputs, outputs, parameters }
}

function namedSpec(place: string, name: unknown, specs: readonly TensorSpec[]): TensorSpec {
  const spec = specs.find((candidate) => candidate.name === name)
  if (!spec) throw new RequestError(400, `${place}: expected one of ${namesOf(specs)}, got ${shown(name)}`)
  return spec
}

function parametersAt(place: string, value: unknown): Parameters {
  if (value === undefined) return NO_PARAMETERS
  const parameters = givenOf(objectAt(place, value))
  for (const [key, parameter] of Object.entries(parameters)) {
    if (!['string', 'number', 'boolean', 'bigint'].includes(typeof parameter)) {
      throw new RequestError(
        400,
        `${place}: '${key}': expected a string, number or boolean, got ${shown(parameter)}`,
      )
    }
    if (UNSUPPORTED.includes(key)) {
      throw new RequestError(400, `${place}: '${key}': this server does not have that extension`)
    }
  }
  return parameters as Parameters
}

/**
 * What is null is not there: clients of MLServer and older ones of KServe write it for what is optional. Copies only where there is
 * any.
 */
function givenOf(object: JsonObject): JsonObject {
  for (const key in object) {
    if (object[key] !== null) continue
    return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null))
  }
  return object
}

function flagOf(place: string, parameters: Parameters, key: string): boolean | undefined {
  const value = parameters[key]
  if (value === undefined || typeof value === 'boolean') return value
  throw new RequestError(400, `${place}: '${key}': expected true or false, got ${shown(value)}`)
}

/** `timeout` of Triton's scheduling policy: microseconds, 0 for none. */
function timeoutOf(value: Parameters[string] | undefined): number | undefined {
  if (value === undefined || value === 0) return undefined
  if (isDimension(value)) return value / 1000
  throw new RequestError(
    400,
    `parameters: 'timeout': expected microseconds as an integer, got ${shown(value)}`,
  )
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
