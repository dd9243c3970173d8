/**
 * Tensors as bytes, as the binary tensor extension of the Open Inference Protocol and its gRPC form carry them: row-major,
 * little-endian, without padding; BOOL is one byte, an element of BYTES is its length (uint32) and then its bytes.
 */
import { isUtf8 } from 'node:buffer'
import { endianness } from 'node:os'
import { RequestError } from '../http/request-error.ts'
import { checkTexts } from './tensor-json.ts'
import { elementCount, elementSize, viewOf } from './tensor.ts'
import type { Datatype, Tensor, TensorData } from './tensor.ts'

// Typed arrays have the order of the machine; onnxruntime has no builds for the other kind.
if (endianness() !== 'LE') throw new Error('tensors need a little-endian machine')

/** Bytes before each element of BYTES. */
const LENGTH_SIZE = 4

/**
 * Bytes as the elements of a tensor: a view of them where they lie as the datatype wants it, and a copy elsewhere.
 * @param place names the tensor in messages, for example `input 'x'`
 * @throws RequestError 400 where the bytes are not exactly those of the shape
 */
export function readBytes(
  place: string,
  datatype: Datatype,
  shape: readonly number[],
  bytes: Buffer,
): TensorData {
  if (datatype === 'BYTES') return readStrings(place, shape, bytes)
  const count = elementCount(shape)
  const size = elementSize(datatype)
  if (bytes.length !== count * size) {
    throw new RequestError(
      400,
      `${place}: shape [${shape.join(', ')}] of ${datatype} takes ${count === Infinity ? 'too many' : count * size} bytes, got ${bytes.length}`,
    )
  }
  if (datatype === 'BOOL') checkBooleans(place, bytes)
  return viewOf(datatype, bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes))
}

/** The bytes of a tensor; a view on its data, except for BYTES. */
export function bytesOf({ data }: Pick<Tensor, 'data'>): Buffer {
  if (!Array.isArray(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const bytes = Buffer.allocUnsafe(data.reduce((sum, text) => sum + LENGTH_SIZE + Buffer.byteLength(text), 0))
  let offset = 0
  for (const text of data) {
    const length = bytes.write(text, offset + LENGTH_SIZE)
    bytes.writeUInt32LE(length, offset)
    offset += LENGTH_SIZE + length
  }
  return bytes
}

/**
 * One element of BYTES. The runtime's strings are text, so other bytes could not go through it unchanged.
 * @throws RequestError 400 where the bytes are not UTF-8, or have a U+0000, at which the runtime ends a text
 */
export function textOf(place: string, index: number, bytes: Buffer): string {
  if (!isUtf8(bytes)) {
    throw new RequestError(400, `${place}: expected UTF-8 at element ${index}, got other bytes`)
  }
  if (!bytes.includes(0)) return bytes.toString()
  throw new RequestError(
    400,
    `${place}: expected text without U+0000 at element ${index}, since the runtime would cut it there`,
  )
}

function readStrings(place: string, shape: readonly number[], bytes: Buffer): string[] {
  const count = elementCount(shape)
  const data: string[] = []
  let offset = 0
  while (offset < bytes.length) {
    checkTexts(place, data.length + 1)
    const start = offset + LENGTH_SIZE
    const end = start > bytes.length ? Infinity : start + bytes.readUInt32LE(offset)
    if (end > bytes.length) {
      throw new RequestError(
        400,
        `${place}: element ${data.length} ends beyond the ${bytes.length} bytes of the tensor`,
      )
    }
    data.push(textOf(place, data.length, bytes.subarray(start, end)))
    offset = end
  }
  if (data.length === count) return data
  throw new RequestError(
    400,
    `${place}: shape [${shape.join(', ')}] takes ${count === Infinity ? 'too many' : count} elements, got ${data.length}`,
  )
}

function checkBooleans(place: string, bytes: Buffer): void {
  for (let index = 0; index < bytes.length; index += 1) {
    if ((bytes[index] ?? 0) <= 1) continue
    throw new RequestError(400, `${place}: expected 0 or 1 at element ${index}, got ${Number(bytes[index])}`)
  }
}
