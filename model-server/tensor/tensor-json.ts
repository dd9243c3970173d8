/** Tensors as JSON values. The loops are plain ones over one kind of array each: an image has 150,528 elements. */
import { RequestError } from '../http/request-error.ts'
import { MAX_TEXTS, elementCount, zeros } from './tensor.ts'
import type { Datatype, Tensor, TensorData } from './tensor.ts'

/** Deeper nesting is no tensor but an attack on whoever walks it. */
const MAX_NESTING = 100

/** How JSON values become elements of one datatype. */
type Format = {
  /** What a value has to be, in the words of a refusal. */
  expected: string
  /** Writes `values` from `from` on into `data` from `at` on, and returns the index of the first value that does not fit. */
  fill: (data: TensorData, at: number, values: readonly unknown[], from: number) => number
}

const FLOATS = (name: string): Format => ({
  expected: `a number within the range of ${name}`,
  fill: (data, at, values, from) => fillFloats(data as Float32Array, at, values, from),
})

const INTEGERS = (low: number, high: number): Format => ({
  expected: `an integer from ${low} to ${high}`,
  fill: (data, at, values, from) => fillIntegers(data as Int32Array, [low, high], { at, values, from }),
})

const BIG_INTEGERS = (low: bigint, high: bigint): Format => ({
  expected: `an integer from ${low} to ${high}`,
  fill: (data, at, values, from) => fillBigIntegers(data as BigInt64Array, [low, high], { at, values, from }),
})

const FORMATS: Record<Datatype, Format> = {
  BOOL: {
    expected: 'true or false',
    fill: (data, at, values, from) => fillBooleans(data as Uint8Array, at, values, from),
  },
  UINT8: INTEGERS(0, 2 ** 8 - 1),
  UINT16: INTEGERS(0, 2 ** 16 - 1),
  UINT32: INTEGERS(0, 2 ** 32 - 1),
  UINT64: BIG_INTEGERS(0n, 2n ** 64n - 1n),
  INT8: INTEGERS(-(2 ** 7), 2 ** 7 - 1),
  INT16: INTEGERS(-(2 ** 15), 2 ** 15 - 1),
  INT32: INTEGERS(-(2 ** 31), 2 ** 31 - 1),
  INT64: BIG_INTEGERS(-(2n ** 63n), 2n ** 63n - 1n),
  FP16: FLOATS('float16'),
  FP32: FLOATS('float32'),
  FP64: FLOATS('float64'),
  BYTES: {
    expected: 'a string of whole characters other than U+0000, at which the runtime would cut it,',
    fill: (data, at, values, from) => fillStrings(data as string[], at, values, from),
  },
}

/**
 * JSON values, flat, as the elements of a tensor.
 * @param place names the tensor in messages, for example `input 'x'`
 * @throws RequestError 400 at the first value that the datatype cannot hold
 */
export function readElements(place: string, datatype: Datatype, values: readonly unknown[]): TensorData {
  if (datatype === 'BYTES') checkTexts(place, values.length)
  const data = zeros(datatype, values.length)
  const end = FORMATS[datatype].fill(data, 0, values, 0)
  if (end < values.length) throw unfit(place, datatype, end, values[end])
  return data
}

/**
 * JSON values, however they are nested, as the elements of a tensor in row-major order.
 * @throws RequestError 400 where they are not as many as the shape takes, at the first that the datatype cannot hold, or where
 * they are nested deeper than a hundred arrays
 */
export function readNested(
  place: string,
  datatype: Datatype,
  shape: readonly number[],
  values: readonly unknown[],
): TensorData {
  const expected = elementCount(shape)
  if (datatype === 'BYTES') checkTexts(place, expected)
  const { fill } = FORMATS[datatype]
  if (values.length === expected) {
    // Flat, most likely; whatever else it is, the longer way finds out.
    const data = zeros(datatype, expected)
    if (fill(data, 0, values, 0) === expected) return data
  }
  // Counted before storage is made, so that a shape cannot ask for more than its request brought.
  const count = countLeaves(place, values)
  if (count !== expected) {
    throw new RequestError(
      400,
      `${place}: shape [${shape.join(', ')}] takes ${expected === Infinity ? 'too many' : expected} elements, got ${count}`,
    )
  }
  const data = zeros(datatype, count)
  let done = 0
  walk(place, values, (array, from) => {
    const end = fill(data, done, array, from)
    done += end - from
    if (end < array.length && !Array.isArray(array[end])) throw unfit(place, datatype, done, array[end])
    return end
  })
  return data
}

/** @throws RequestError 400 where there are more than a request may have */
export function checkTexts(place: string, count: number): void {
  if (count > MAX_TEXTS && Number.isFinite(count))
    throw new RequestError(400, `${place}: expected at most ${MAX_TEXTS} texts, got ${count}`)
}

/** The elements as JSON values. JSON has no NaN and no infinity: they are written as null, and `nonFinite` says so. */
export function writeElements(tensor: Tensor): { values: unknown[]; nonFinite: boolean } {
  const { datatype, data } = tensor
  if (datatype === 'BOOL') return { values: Array.from<unknown, boolean>(data, Boolean), nonFinite: false }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return { values: Array.from(data, exactInteger), nonFinite: false }
  }
  if (Array.isArray(data)) return { values: data, nonFinite: false }
  // Array.from goes through the iterator, and takes eight times as long.
  const values = new Array<unknown>(data.length)
  let nonFinite = false
  for (let index = 0; index < data.length; index += 1) {
    const value = data[index]
    if (Number.isFinite(value)) {
      values[index] = value
    } else {
      values[index] = null
      nonFinite = true
    }
  }
  return { values, nonFinite }
}

/** Any JSON value, short enough for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

function unfit(place: string, datatype: Datatype, index: number, value: unknown): RequestError {
  const { expected } = FORMATS[datatype]
  return new RequestError(400, `${place}: expected ${expected} at element ${index}, got ${shown(value)}`)
}

function countLeaves(place: string, values: readonly unknown[]): number {
  let count = 0
  walk(place, values, (array, from) => {
    let end = from
    while (end < array.length && !Array.isArray(array[end])) end += 1
    count += end - from
    return end
  })
  return count
}

/**
 * Visits every run of values that are no arrays, in row-major order. A visit returns where the run ends.
 * It iterates, because 200,000 open brackets are valid JSON and would overflow the stack.
 */
function walk(
  place: string,
  values: readonly unknown[],
  visit: (array: readonly unknown[], from: number) => number,
): void {
  const open: { array: readonly unknown[]; next: number }[] = [{ array: values, next: 0 }]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const end = visit(top.array, top.next)
    if (end === top.array.length) {
      open.pop()
      continue
    }
    if (open.length === MAX_NESTING) {
      throw new RequestError(400, `${place}: data is nested deeper than ${MAX_NESTING} arrays`)
    }
    top.next = end + 1
    open.push({ array: top.array[end] as readonly unknown[], next: 0 })
  }
}

type Source = { at: number; values: readonly unknown[]; from: number }

function fillFloats(
  data: Float16Array | Float32Array | Float64Array,
  at: number,
  values: readonly unknown[],
  from: number,
): number {
  let index = from
  for (let to = at; index < values.length; index += 1, to += 1) {
    const value = values[index]
    if (typeof value === 'number') data[to] = value
    else if (typeof value === 'bigint') data[to] = Number(value)
    else {
      const special = specialFloat(value)
      if (special === undefined) break
      data[to] = special
      continue
    }
    // Read back: a float64 may be beyond the range of float32, and a float32 beyond that of float16.
    if (!Number.isFinite(data[to])) break
  }
  return index
}

/** How pandas, numpy and the JSON of protobuf spell what JSON has no numbers for, in lower case. */
const SPECIAL_FLOATS = new Map([
  ['nan', NaN],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
])

/** NaN or an infinity, where a value of JSON stands for one, as null does for a missing number; undefined where it does not. */
export function specialFloat(value: unknown): number | undefined {
  if (value === null) return NaN
  return typeof value === 'string' ? SPECIAL_FLOATS.get(value.toLowerCase()) : undefined
}

function fillIntegers(
  data: Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array,
  [low, high]: readonly [number, number],
  { at, values, from }: Source,
): number {
  let index = from
  for (let to = at; index < values.length; index += 1, to += 1) {
    const value = values[index]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) break
    data[to] = value
  }
  return index
}

// A number beyond 2^53 was rounded by a parser, and which one the client meant can no longer be known.
function fillBigIntegers(
  data: BigInt64Array | BigUint64Array,
  [low, high]: readonly [bigint, bigint],
  { at, values, from }: Source,
): number {
  let index = from
  for (let to = at; index < values.length; index += 1, to += 1) {
    const value = values[index]
    const integer = Number.isSafeInteger(value) ? BigInt(value as number) : value
    if (typeof integer !== 'bigint' || integer < low || integer > high) break
    data[to] = integer
  }
  return index
}

function fillBooleans(data: Uint8Array, at: number, values: readonly unknown[], from: number): number {
  let index = from
  for (let to = at; index < values.length; index += 1, to += 1) {
    const value = values[index]
    if (typeof value !== 'boolean') break
    data[to] = value ? 1 : 0
  }
  return index
}

/**
 * Whether the runtime takes a text as it is: half a surrogate pair has no UTF-8 and would be replaced, and a text would end
 * at its first U+0000 (microsoft/onnxruntime#2284).
 */
export function isWholeText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

function fillStrings(data: string[], at: number, values: readonly unknown[], from: number): number {
  let index = from
  for (let to = at; index < values.length; index += 1, to += 1) {
    const value = values[index]
    if (typeof value !== 'string' || !isWholeText(value)) break
    data[to] = value
  }
  return index
}

// JSON.stringify refuses a BigInt; rawJSON (ES2026, in Node 22 and later) writes its digits exactly.
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown }

function exactInteger(value: bigint): unknown {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : rawJSON(String(value))
}
