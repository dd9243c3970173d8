/** A ModelInferRequest in bytes. */
import type { Signature } from '../../tensor/tensor.ts'
import { RequestError } from '../../http/request-error.ts'
import { fieldsOf } from '../../onnx/protobuf.ts'
import type { InferRequest } from '../v2-codec.ts'
import { decodeModelInfer } from './messages.ts'
import { readServices } from './services.ts'
import type { Services } from './services.ts'

/** Of ModelInferRequest in inference.proto. */
const FIELDS = { name: 1, version: 2, raw: 7 }
/** Far more than a request for any model has at its first level. */
const MAX_FIELDS = 1_024

/** A checked request, and whether its tensors came as bytes. */
export type Asked = InferRequest & { isRaw: boolean }

/** Whom a message is for, and how many of its bytes are no tensors as bytes. Looks only at its first level. */
export function headOf(message: Buffer): { name: string; version: string; parsedBytes: number } {
  let [name, version, parsedBytes, count] = ['', '', message.length, 0]
  for (const { number, content } of fieldsOf(message)) {
    count += 1
    if (count > MAX_FIELDS)
      throw new RequestError(400, `the message: expected at most ${MAX_FIELDS} fields, got more`)
    if (number === FIELDS.name) name = Buffer.from(content).toString()
    else if (number === FIELDS.version) version = Buffer.from(content).toString()
    else if (number === FIELDS.raw) parsedBytes -= content.length
  }
  return { name, version, parsedBytes }
}

let services: Services | undefined

/** @throws RequestError 400 naming the field, what was expected and what came */
export function decodeMessage(message: Buffer, { signature }: { signature: Signature }): Asked {
  services ??= readServices()
  let request
  try {
    request = services.readModelInfer(message)
  } catch (cause) {
    throw new RequestError(400, `the message: ${(cause as Error).message}`, { cause })
  }
  return { ...decodeModelInfer(request, signature), isRaw: request.raw_input_contents.length > 0 }
}
