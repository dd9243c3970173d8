/** Bodies of V2 over REST: JSON, JSON with tensors behind it, or a bare tensor (Triton's binary tensor data extension). */
import { parseJson } from '../http/body.ts'
import { JSON_LENGTH_HEADER } from '../http/json-length.ts'
import { RequestError } from '../http/request-error.ts'
import { parserFor } from '../tensor/exact-json.ts'
import { readBytes, textOf } from '../tensor/tensor-bytes.ts'
import { readNested, shown } from '../tensor/tensor-json.ts'
import { elementCount, elementSize } from '../tensor/tensor.ts'
import type { Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'
import { decodeInferRequest } from './v2-codec.ts'
import type { ElementReader, InferRequest } from './v2-codec.ts'

/**
 * The request in a body.
 * @param jsonLength the value of `Inference-Header-Content-Length`; undefined where all of the body is JSON
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeBody(body: Buffer, jsonLength: string | undefined, signature: Signature): InferRequest {
  const parse = parserFor(signature)
  if (jsonLength === undefined) {
    return decodeInferRequest(parseJson(body, parse), signature, readJsonElements)
  }
  const length = checkJsonLength(jsonLength, body.length)
  if (length === 0) return decodeRaw(body, signature)

  const tail = new Tail(body.subarray(length))
  const request = decodeInferRequest(parseJson(body.subarray(0, length), parse), signature, (input, head) =>
    head.parameters.binary_data_size === undefined ? readJsonElements(input, head) : tail.read(input, head),
  )
  tail.checkEnd()
  return request
}

function checkJsonLength(text: string, bodyLength: number): number {
  const length = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  if (length <= bodyLength) return length
  throw new RequestError(
    400,
    `${JSON_LENGTH_HEADER}: expected an integer from 0 to the ${bodyLength} bytes of the body, got ${text.slice(0, 40)}`,
  )
}

/** Elements as JSON in the input itself. */
export const readJsonElements: ElementReader = ({ data }, { place, datatype, shape, parameters }) => {
  if (parameters.binary_data_size !== undefined) {
    throw new RequestError(400, `${place}: binary_data_size needs the header ${JSON_LENGTH_HEADER}`)
  }
  if (!Array.isArray(data)) {
    throw new RequestError(400, `${place}: expected data to be an array, got ${shown(data)}`)
  }
  return readNested(place, datatype, shape, data)
}

/** The bytes after the JSON, taken in the order in which the inputs name them. */
class Tail {
  readonly #bytes: Buffer
  #taken = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read: ElementReader = ({ data }, { place, datatype, shape, parameters }) => {
    const size = parameters.binary_data_size
    if (!Number.isSafeInteger(size) || (size as number) < 0) {
      throw new RequestError(
        400,
        `${place}: expected binary_data_size to be a number of bytes, got ${shown(size)}`,
      )
    }
    if (data !== undefined)
      throw new RequestError(400, `${place}: expected data or binary_data_size, got both`)

    const end = this.#taken + (size as number)
    if (end > this.#bytes.length) {
      throw new RequestError(
        400,
        `${place}: expected ${shown(size)} bytes of binary data, got ${this.#bytes.length - this.#taken}`,
      )
    }
    const bytes = this.#bytes.subarray(this.#taken, end)
    this.#taken = end
    return readBytes(place, datatype, shape, bytes)
  }

  checkEnd(): void {
    const left = this.#bytes.length - this.#taken
    if (left === 0) return
    throw new RequestError(400, `the body: expected its end after the last input, got ${left} more bytes`)
  }
}

/** A body that is one tensor and nothing else; everything that JSON would say of it comes from the model. */
function decodeRaw(body: Buffer, { inputs, outputs: specs }: Signature): InferRequest {
  const [spec, ...others] = inputs
  if (!spec || others.length > 0) {
    throw new RequestError(
      400,
      `a body without JSON (${JSON_LENGTH_HEADER}: 0) needs a model with one input, this one has ${inputs.length}`,
    )
  }
  const { name, datatype } = spec
  const place = `input '${name}'`
  const shape = rawShape(place, spec, body.length)
  const data =
    datatype === 'BYTES' ? rawText(place, { datatype, shape }, body) : readBytes(place, datatype, shape, body)
  const outputs = specs.map((output) => output.name)
  return {
    id: undefined,
    inputs: new Map([[name, { datatype, shape, data }]]),
    outputs,
    binaryOutputs: new Set(outputs),
    timeoutMs: undefined,
  }
}

/** A variable batch is one where another dimension is variable too; a dimension that alone is variable follows from the size. */
function rawShape(place: string, { datatype, shape }: TensorSpec, size: number): number[] {
  const open = shape.flatMap((dimension, axis) => (dimension === -1 ? [axis] : []))
  if (datatype === 'BYTES') return shape.map((dimension) => (dimension === -1 ? 1 : dimension))
  if (open.length > 1 && open[0] === 0) open.shift()
  if (open.length > 1) {
    throw new RequestError(
      400,
      `${place}: a body without JSON leaves at most one dimension open, this input is [${shape.join(', ')}]`,
    )
  }
  const closed = shape.map((dimension) => (dimension === -1 ? 1 : dimension))
  const step = elementCount(closed) * elementSize(datatype)
  // Where the size does not fit, the one who reads the bytes says so.
  return closed.map((dimension, axis) =>
    axis === open[0] ? Math.floor(size / Math.max(step, 1)) : dimension,
  )
}

function rawText(
  place: string,
  { datatype, shape }: Pick<Tensor, 'datatype' | 'shape'>,
  body: Buffer,
): string[] {
  if (elementCount(shape) === 1) return [textOf(place, 0, body)]
  throw new RequestError(
    400,
    `${place}: a body without JSON is one element of ${datatype}, this input takes [${shape.join(', ')}]`,
  )
}
