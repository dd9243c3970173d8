/** Tensor datatypes by their names in the Open Inference Protocol V2. */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'FP32'
  | 'FP64'
  | 'BYTES'

/** The elements of a tensor in row-major order. BOOL is 0 or 1 in a Uint8Array. */
export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array
  | string[]

/** A tensor with a concrete shape; `data` has exactly `elementCount(shape)` elements. */
export type Tensor = { datatype: Datatype; shape: readonly number[]; data: TensorData }

/** What a model says about one input or output. A dimension of -1 is variable; an empty shape may be a scalar or unknown. */
export type TensorSpec = { name: string; datatype: Datatype; shape: readonly number[] }

/** The tensors that a model takes and gives. */
export type Signature = {
  inputs: readonly TensorSpec[]
  outputs: readonly TensorSpec[]
  /** What the columns of an output stand for, where the model says so. */
  classes?: ReadonlyMap<string, readonly (string | number)[]>
  /** Outputs of the model that are not among the others, and why. */
  notServed?: ReadonlyMap<string, string>
}

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

/** Whether elements may be fractions, and NaN. */
export function isFloat(datatype: Datatype): datatype is 'FP16' | 'FP32' | 'FP64' {
  return datatype === 'FP32' || datatype === 'FP64' || datatype === 'FP16'
}

/** Texts of a tensor: each is an object, to the parser and to the runtime, and between threads it is copied by itself. */
export const MAX_TEXTS = 2 ** 18

/** Bytes of one element; those of BYTES differ in length. */
export function elementSize(datatype: keyof typeof ARRAYS): number {
  return ARRAYS[datatype].BYTES_PER_ELEMENT
}

/** Storage for `count` elements, all zero (or empty strings). */
export function zeros(datatype: Datatype, count: number): TensorData {
  return datatype === 'BYTES' ? new Array<string>(count).fill('') : new ARRAYS[datatype](count)
}

/** Bytes as elements, which are a view of them; expects them to begin at a multiple of the element's size. */
export function viewOf(datatype: keyof typeof ARRAYS, bytes: Uint8Array): TensorData {
  const { buffer, byteOffset, byteLength } = bytes
  return new ARRAYS[datatype](buffer as ArrayBuffer, byteOffset, byteLength / elementSize(datatype))
}

/** The product of the dimensions; 1 for a scalar, and Infinity where the product cannot be counted exactly. */
export function elementCount(shape: readonly number[]): number {
  if (shape.includes(0)) return 0
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  return Number.isSafeInteger(count) ? count : Infinity
}

/** The shape of a single row: dimensions that are variable are 1. */
export function oneRow(shape: readonly number[]): number[] {
  return shape.map((dimension) => (dimension === -1 ? 1 : dimension))
}
