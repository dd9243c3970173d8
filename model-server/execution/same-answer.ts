import type { Tensor } from '../tensor/tensor.ts'

// float32 has 24 bits: sums in another order, as in a product of other shape, differ by a few of the last.
const RELATIVE = 1e-4
const ABSOLUTE = 1e-5

/** Whether two answers of a model are the same: numbers within 1e-5 + 1e-4 of the value, everything else exactly. */
export function isSameAnswer(one: Tensor | undefined, other: Tensor | undefined): boolean {
  if (!one || !other) return false
  if (one.shape.join() !== other.shape.join()) return false
  for (let index = 0; index < one.data.length; index += 1) {
    if (!isClose(one.data[index], other.data[index])) return false
  }
  return true
}

function isClose(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'number' || typeof other !== 'number') return one === other
  return Math.abs(one - other) <= ABSOLUTE + RELATIVE * Math.abs(other)
}
