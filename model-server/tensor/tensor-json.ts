import { RequestError } from '../http/request-error.ts'
import { zeros } from './tensor.ts'
import type { Datatype, Tensor, TensorData } from './tensor.ts'

type Element = number | bigint | string

/** How one JSON value becomes an element; `undefined` says that it cannot. */
type Reader = { expected: string; read: (value: unknown) => Element | undefined }

function integers(low: number, high: number): Reader {
  return {
    expected: `an integer from ${low} to ${high}`,
    read: (value) => (isIntegerWithin(value, low, high) ? value : undefined),
  }
}

// JSON.parse has already rounded what lies beyond 2^53, so the client's number can no longer be known.
function bigIntegers(low: number): Reader {
  return {
    expected: `an integer from ${low} to ${Number.MAX_SAFE_INTEGER} (JSON carries larger ones inexactly)`,
    read: (value) => (isIntegerWithin(value, low, Number.MAX_SAFE_INTEGER) ? BigInt(value) : undefined),
  }
}

function isIntegerWithin(value: unknown, low: number, high: number): value is number {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high
}

const READERS: Record<Datatype, Reader> = {
  BOOL: {
    expected: 'true or false',
    read: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
  },
  UINT8: integers(0, 2 ** 8 - 1),
  UINT16: integers(0, 2 ** 16 - 1),
  UINT32: integers(0, 2 ** 32 - 1),
  UINT64: bigIntegers(0),
  INT8: integers(-(2 ** 7), 2 ** 7 - 1),
  INT16: integers(-(2 ** 15), 2 ** 15 - 1),
  INT32: integers(-(2 ** 31), 2 ** 31 - 1),
  INT64: bigIntegers(Number.MIN_SAFE_INTEGER),
  FP32: {
    expected: 'a number within the range of float32',
    read: (value) => (typeof value === 'number' && Number.isFinite(Math.fround(value)) ? value : undefined),
  },
  FP64: {
    expected: 'a number within the range of float64',
    read: (value) => (Number.isFinite(value) ? (value as number) : undefined),
  },
  BYTES: { expected: 'a string', read: (value) => (typeof value === 'string' ? value : undefined) },
}

/**
 * JSON values as the elements of a tensor.
 * @param place names the tensor in messages, for example `input 'x'`
 * @throws RequestError 400 at the first value that the datatype cannot hold
 */
export function readElements(place: string, datatype: Datatype, values: readonly unknown[]): TensorData {
  const { expected, read } = READERS[datatype]
  const data = zeros(datatype, values.length)
  for (let index = 0; index < values.length; index += 1) {
    const element = read(values[index])
    if (element === undefined) {
      throw new RequestError(
        400,
        `${place}: expected ${expected} at element ${index}, got ${shown(values[index])}`,
      )
    }
    data[index] = element
  }
  return data
}

/** The elements as JSON values. JSON has no NaN and no infinity: they are written as null, and `nonFinite` says so. */
export function writeElements(tensor: Tensor): { values: unknown[]; nonFinite: boolean } {
  const { datatype, data } = tensor
  if (datatype === 'BOOL') return { values: Array.from<unknown, boolean>(data, Boolean), nonFinite: false }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return { values: Array.from(data, exactInteger), nonFinite: false }
  }
  if (datatype !== 'FP32' && datatype !== 'FP64')
    return { values: Array.from<unknown>(data), nonFinite: false }

  const values = Array.from<unknown>(data)
  let nonFinite = false
  for (let index = 0; index < values.length; index += 1) {
    if (Number.isFinite(values[index])) continue
    values[index] = null
    nonFinite = true
  }
  return { values, nonFinite }
}

/** Any JSON value, short enough for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

// JSON.stringify refuses a BigInt; rawJSON (ES2026, in Node 22 and later) writes its digits exactly.
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown }

function exactInteger(value: bigint): unknown {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : rawJSON(String(value))
}
