/** Messages of inference.proto as @grpc/proto-loader reads and writes them, and what is in them. */
import { RequestError } from '../../http/request-error.ts'
import { bytesOf, readBytes, textOf } from '../../tensor/tensor-bytes.ts'
import { readNested } from '../../tensor/tensor-json.ts'
import { elementCount } from '../../tensor/tensor.ts'
import type { Datatype, Signature, Tensor, TensorData } from '../../tensor/tensor.ts'
import { decodeInferRequest } from '../v2-codec.ts'
import type { ElementReader, InferRequest } from '../v2-codec.ts'

/** 64-bit integers are digits: a number would round them. */
type Digits = string

/** One of them is there, and `parameter_choice` says which. */
type InferParameter = {
  parameter_choice?: string
  bool_param?: boolean
  int64_param?: Digits
  string_param?: string
  double_param?: number
  uint64_param?: Digits
}

type Parameters = Readonly<Record<string, InferParameter>>

/** Elements in the field of their type. */
export type TensorContents = {
  bool_contents?: boolean[]
  int_contents?: number[]
  int64_contents?: Digits[]
  uint_contents?: number[]
  uint64_contents?: Digits[]
  fp32_contents?: number[]
  fp64_contents?: number[]
  bytes_contents?: Buffer[]
}

type TensorHead = { name: string; datatype: string; shape: Digits[] }

/** A ModelInferRequest. Lists are empty where nothing was sent, words too. */
export type ModelInferRequest = {
  model_name: string
  model_version: string
  id: string
  parameters: Parameters
  inputs: (TensorHead & { parameters: Parameters; contents: TensorContents | null })[]
  outputs: { name: string; parameters: Parameters }[]
  raw_input_contents: Buffer[]
}

/** A ModelInferResponse. */
export type ModelInferResponse = {
  model_name: string
  model_version: string
  id?: string
  outputs: (TensorHead & { contents?: TensorContents })[]
  raw_output_contents: Buffer[]
}

/** The protocol has no field for halves: they come and go as bytes. */
const FIELDS: Record<Exclude<Datatype, 'FP16'>, keyof TensorContents> = {
  BOOL: 'bool_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
}

/**
 * Check a request against what the model takes, as over REST.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeModelInfer(request: ModelInferRequest, signature: Signature): InferRequest {
  const { inputs, raw_input_contents: raw } = request
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw new RequestError(
      400,
      `raw_input_contents: expected one for each of ${inputs.length} inputs, got ${raw.length}`,
    )
  }
  const body = {
    ...(request.id === '' ? {} : { id: request.id }),
    parameters: plainParameters(request.parameters),
    inputs: inputs.map((input) => ({
      ...input,
      shape: input.shape.map(Number),
      parameters: plainParameters(input.parameters),
    })),
    outputs: request.outputs.map(({ name, parameters }) => ({
      name,
      parameters: plainParameters(parameters),
    })),
  }
  return decodeInferRequest(body, signature, raw.length > 0 ? rawReader(inputs, raw) : contentsReader(inputs))
}

/** The answer, in the form in which the inputs came; as bytes where it has halves. */
export function encodeModelInfer(
  model: { name: string; version: string },
  id: string,
  outputs: ReadonlyMap<string, Tensor>,
  wantsRaw: boolean,
): ModelInferResponse {
  const tensors = [...outputs]
  const isRaw = wantsRaw || tensors.some(([, { datatype }]) => datatype === 'FP16')
  return {
    model_name: model.name,
    model_version: model.version,
    // An empty word is what is not there; written, it would only take room.
    ...(id === '' ? {} : { id }),
    outputs: tensors.map(([name, tensor]) => ({
      name,
      datatype: tensor.datatype,
      shape: tensor.shape.map(String),
      ...(isRaw ? {} : { contents: contentsOf(tensor) }),
    })),
    raw_output_contents: isRaw ? tensors.map(([, tensor]) => bytesOf(tensor)) : [],
  }
}

function plainParameters(parameters: Parameters): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(([key, parameter]): [string, unknown] => {
      const choice = parameter.parameter_choice as keyof InferParameter | undefined
      const value = choice && parameter[choice]
      if (choice !== 'int64_param' && choice !== 'uint64_param') return [key, value]
      return [key, Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value ?? 0)]
    }),
  )
}

type Inputs = ModelInferRequest['inputs']

function rawReader(inputs: Inputs, raw: readonly Buffer[]): ElementReader {
  return (_input, { place, datatype, shape, index }) => {
    if (inputs[index]?.contents)
      throw new RequestError(400, `${place}: expected raw or other contents, got both`)
    return readBytes(place, datatype, shape, raw[index] ?? Buffer.alloc(0))
  }
}

function contentsReader(inputs: Inputs): ElementReader {
  return (_input, { place, datatype, shape, index }) => {
    const contents = inputs[index]?.contents ?? {}
    if (datatype === 'FP16')
      throw new RequestError(400, `${place}: expected raw_input_contents for FP16, got none`)
    const field = FIELDS[datatype]
    const other = Object.entries(contents).find(([name, values]) => name !== field && values.length > 0)
    if (other) throw new RequestError(400, `${place}: expected ${field}, got ${other[0]}`)
    return elementsOf(place, datatype, shape, contents[field] ?? [])
  }
}

function elementsOf(
  place: string,
  datatype: Datatype,
  shape: readonly number[],
  values: NonNullable<TensorContents[keyof TensorContents]>,
): TensorData {
  if (datatype === 'FP32' || datatype === 'FP64') {
    // Unlike JSON, protobuf has NaN and infinities.
    const count = elementCount(shape)
    if (values.length === count) {
      return datatype === 'FP32'
        ? Float32Array.from(values as number[])
        : Float64Array.from(values as number[])
    }
  }
  if (datatype === 'INT64' || datatype === 'UINT64') {
    return readNested(
      place,
      datatype,
      shape,
      (values as Digits[]).map((digits) => BigInt(digits)),
    )
  }
  if (datatype === 'BYTES') {
    const texts = (values as Buffer[]).map((bytes, index) => textOf(place, index, bytes))
    return readNested(place, datatype, shape, texts)
  }
  return readNested(place, datatype, shape, values)
}

function contentsOf({ datatype, data }: Tensor): TensorContents {
  if (datatype === 'FP16') throw new Error('halves have no field')
  return { [FIELDS[datatype]]: elementsFor(data, datatype) }
}

function elementsFor(data: TensorData, datatype: Datatype): unknown[] {
  if (datatype === 'BOOL') return Array.from<unknown, boolean>(data, Boolean)
  if (Array.isArray(data)) return data.map((text) => Buffer.from(text))
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Array.from(data, String)
  return Array.from<unknown>(data)
}
