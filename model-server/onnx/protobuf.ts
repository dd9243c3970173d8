/** As much of protobuf's wire format as it takes to find something in a model. */

/** A field: `content` of one with a length (bytes, text or a message), `value` of a number; and where it lies in its message. */
export type Field = { number: number; content: Uint8Array; value: number; start: number; end: number }

const NOTHING = new Uint8Array()

/** The fields of a message with a length or a varint, in order; it ends at the first byte that makes no sense. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let offset = 0
  while (offset < bytes.length) {
    const start = offset
    const tag = varint(bytes, offset)
    const wireType = tag.value & 7
    const number = tag.value >>> 3
    if (wireType === 0) {
      const { value, end } = varint(bytes, tag.end)
      offset = end
      yield { number, content: NOTHING, value, start, end }
    } else if (wireType === 1) {
      offset = tag.end + 8
    } else if (wireType === 5) {
      offset = tag.end + 4
    } else if (wireType === 2) {
      const length = varint(bytes, tag.end)
      offset = length.end + length.value
      if (offset > bytes.length) return
      yield { number, content: bytes.subarray(length.end, offset), value: 0, start, end: offset }
    } else if (wireType === 3 || wireType === 4) {
      // The begin and the end of a group: what is between them is read as if it stood here.
      offset = tag.end
    } else {
      return
    }
  }
}

/** A field with a length, as bytes. */
export function writeField(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([writeVarint(number * 8 + 2), writeVarint(bytes.length), bytes])
}

/** A field with a number of at least 0, as bytes. */
export function writeNumber(number: number, value: number): Buffer {
  return Buffer.concat([writeVarint(number * 8), writeVarint(value)])
}

function writeVarint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Buffer.from([...bytes, value])
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

/** Whether a text is anywhere in a message: quick, where walking a large model takes a while. */
export function mentions({ buffer, byteOffset, length }: Uint8Array, what: string): boolean {
  return Buffer.from(buffer, byteOffset, length).includes(what)
}
