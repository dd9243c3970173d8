/** As much of protobuf's wire format as it takes to find something in a model. */

/** A field with a length: bytes, text or a message. */
export type Field = { number: number; content: Uint8Array }

/** The length-delimited fields of a message, in order; it ends at the first byte that makes no sense. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
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
    } else if (wireType === 3 || wireType === 4) {
      // The begin and the end of a group: what is between them is read as if it stood here.
      offset = tag.end
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
