/**
 * The `metadata_props` of an ONNX file. onnxruntime-node does not expose them (1.30), so they are read from the bytes:
 * ModelProto is field 14 (repeated StringStringEntryProto { 1 key, 2 value }) of a plain protobuf message.
 */

const METADATA_PROPS = 14
const KEY = 1
const VALUE = 2

/** Key and value pairs; empty where the bytes are not protobuf. It never throws: whether they are a model is for the runtime to say. */
export function readMetadata(bytes: Uint8Array): Map<string, string> {
  const metadata = new Map<string, string>()
  for (const field of fieldsOf(bytes)) {
    if (field.number !== METADATA_PROPS) continue
    const entry = new Map<number, string>()
    for (const part of fieldsOf(field.content)) entry.set(part.number, new TextDecoder().decode(part.content))
    metadata.set(entry.get(KEY) ?? '', entry.get(VALUE) ?? '')
  }
  return metadata
}

/** The length-delimited fields of a message, in order; it ends at the first byte that makes no sense. */
function* fieldsOf(bytes: Uint8Array): Generator<{ number: number; content: Uint8Array }> {
  let offset = 0
  while (offset < bytes.length) {
    const tag = varint(bytes, offset)
    const wireType = tag.value & 7
    const number = tag.value >>> 3
    if (wireType === 0) {
      offset = varint(bytes, tag.end).end
    } else if (wireType === 1) {
      offset = tag.end + 8
    } else if (wireType === 5) {
      offset = tag.end + 4
    } else if (wireType === 2) {
      const length = varint(bytes, tag.end)
      offset = length.end + length.value
      if (offset > bytes.length) return
      yield { number, content: bytes.subarray(length.end, offset) }
    } else {
      return
    }
  }
}

function varint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0
  for (let end = start, scale = 1; end < bytes.length && end < start + 10; end += 1, scale *= 128) {
    const byte = bytes[end] ?? 0
    value += (byte & 127) * scale
    if (byte < 128) return { value, end: end + 1 }
  }
  return { value: Infinity, end: bytes.length }
}
