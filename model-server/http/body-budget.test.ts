import { expect, test } from '@jest/globals'
import { BodyBudget } from './body-budget.ts'

const KIB = 2 ** 10

test('bodies take room until their request is over', () => {
  const budget = new BodyBudget(100 * KIB)
  const one = budget.hold()
  one.take(40 * KIB)
  one.take(20 * KIB)
  expect(budget.used).toBe(60 * KIB)
  expect(() => budget.hold().take(41 * KIB)).toThrow('MAX_BODIES_BYTES')
  one.release()
  expect(budget.used).toBe(0)
  budget.hold().take(41 * KIB)
  expect(budget.used).toBe(41 * KIB)
})

test('large ones leave room for small ones', () => {
  const budget = new BodyBudget(1_000 * KIB)
  const large = budget.hold()
  for (let count = 0; count < 11; count += 1) large.take(64 * KIB)
  expect(() => large.take(64 * KIB)).toThrow('MAX_BODIES_BYTES')
  const small = budget.hold()
  small.take(64 * KIB)
  expect(() => small.take(1)).toThrow('MAX_BODIES_BYTES')
  small.release()
  large.release()
  expect(budget.used).toBe(0)
})
