/** Inputs for a model of which nobody said what to ask. */
import { elementCount, isFloat, zeros } from '../tensor/tensor.ts'
import type { Signature, Tensor, TensorData, TensorSpec } from '../tensor/tensor.ts'
import type { Tensors } from './executor.ts'

/** Beyond this nothing is made up: it might be anything but small. */
const MOST_ELEMENTS = 2 ** 20
const SIZES = Array.from({ length: 15 }, (_, power) => 2 ** power)

/** What to take for the dimensions that a model leaves open: the first of each input, and all others. */
export type OpenSizes = { rows: number; others: number }

/**
 * What a model may answer, the mildest first: zeros and dimensions of 1, then ones, for models that divide by their input or look
 * it up, and larger dimensions, for filters that need so much sound or picture.
 */
export function* mildInputs(signature: Signature): Generator<Tensors> {
  const seen = new Set<string>()
  for (const others of SIZES) {
    for (const rows of others === 1 ? [1] : [1, others]) {
      const shapes = shapesOf(signature, { rows, others })
      const key = JSON.stringify(shapes)
      if (seen.has(key) || !isSmall(shapes)) continue
      seen.add(key)
      for (const value of [0, 1]) yield inputsOf(signature, shapes, (data) => fillWith(data, value))
    }
  }
}

/** Zeros; undefined where they would be too many. */
export function zeroInputs(signature: Signature, open: OpenSizes): Tensors | undefined {
  const shapes = shapesOf(signature, open)
  return isSmall(shapes) ? inputsOf(signature, shapes, () => undefined) : undefined
}

/** Rows of different scale, so that a model with thresholds takes different ways; the same ones every time. */
export function randomRows(
  signature: Signature,
  shapes: readonly (readonly number[])[],
  count: number,
): Tensors[] {
  const random = generator()
  return Array.from({ length: count }, (_, index) => {
    const scale = 10 ** (index % 4)
    return inputsOf(signature, shapes, (data, spec) => fillAtRandom(data, spec, () => scale * random()))
  })
}

/** The same with a NaN at the beginning of each input of floats; undefined where none takes any. */
export function withNaN(inputs: Tensors): Tensors | undefined {
  let changed = false
  const some = new Map<string, Tensor>()
  for (const [name, tensor] of inputs) {
    const takesNaN = isFloat(tensor.datatype) && tensor.data.length > 0
    changed ||= takesNaN
    some.set(name, takesNaN ? { ...tensor, data: beginningWithNaN(tensor.data) } : tensor)
  }
  return changed ? some : undefined
}

function beginningWithNaN(data: TensorData): TensorData {
  const copy = data.slice()
  copy[0] = NaN
  return copy
}

/** The shapes of all inputs, in their order. */
export function shapesOf({ inputs }: Signature, { rows, others }: OpenSizes): number[][] {
  return inputs.map(({ shape }) =>
    shape.map((size, axis) => {
      if (size !== -1) return size
      return axis === 0 ? rows : others
    }),
  )
}

function isSmall(shapes: readonly (readonly number[])[]): boolean {
  return shapes.reduce((sum, shape) => sum + elementCount(shape), 0) <= MOST_ELEMENTS
}

function inputsOf(
  { inputs }: Signature,
  shapes: readonly (readonly number[])[],
  fill: (data: TensorData, spec: TensorSpec) => void,
): Tensors {
  return new Map(
    inputs.map((spec, index) => {
      const shape = shapes[index] ?? []
      const data = zeros(spec.datatype, elementCount(shape))
      fill(data, spec)
      return [spec.name, { datatype: spec.datatype, shape, data }]
    }),
  )
}

function fillWith(data: TensorData, value: number): void {
  if (value === 0) return
  if (Array.isArray(data)) data.fill(`${value}`)
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value))
  else data.fill(value)
}

/** Integers are 0 or 1, since many are indices, and no table is so small that it lacks these. */
function fillAtRandom(data: TensorData, { datatype }: TensorSpec, random: () => number): void {
  for (let index = 0; index < data.length; index += 1) {
    const value = random()
    if (isFloat(datatype)) data[index] = value
    else if (datatype === 'INT64' || datatype === 'UINT64') data[index] = value > 0 ? 1n : 0n
    else data[index] = datatype === 'BYTES' ? `${value}` : Number(value > 0)
  }
}

/** From -1 to 1; xorshift32 from a fixed seed. */
function generator(): () => number {
  let state = 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 2 ** 31
  }
}
