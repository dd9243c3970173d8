import { describe, expect, test } from '@jest/globals'
import type { Tensor } from '../tensor/tensor.ts'
import { Costs, sizeOf } from './costs.ts'

test('the size of a request is its elements, and its characters', () => {
  const x: Tensor = { datatype: 'FP32', shape: [1, 3], data: new Float32Array(3) }
  const text: Tensor = { datatype: 'BYTES', shape: [2], data: ['abcd', ''] }
  expect(sizeOf(new Map(Object.entries({ x, text })))).toBe(3 + 2 + 4)
})

describe('what a run will take', () => {
  test('is unknown before anything was seen, and then what such runs took', () => {
    const costs = new Costs()
    expect(costs.expect(10)).toBe(Infinity)
    costs.learn(10, 0.5)
    expect(costs.expect(10)).toBe(0.5)
  })

  test('is taken for the square where only smaller ones were seen', () => {
    const costs = new Costs()
    costs.learn(63, 0.001)
    expect(costs.expect(255)).toBeCloseTo(0.016)
  })

  test('is no more than what a larger one took', () => {
    const costs = new Costs()
    costs.learn(63, 0.001)
    costs.learn(1_023, 0.002)
    expect(costs.expect(255)).toBe(0.002)
  })

  test('one slow run among fast ones says nothing, two do, and they are not soon forgotten', () => {
    const costs = new Costs()
    for (let run = 0; run < 100; run += 1) costs.learn(10, 0.0001)
    costs.learn(10, 0.4)
    expect(costs.expect(10)).toBeLessThan(0.001)
    costs.learn(10, 0.4)
    expect(costs.expect(10)).toBeGreaterThan(0.05)
    for (let run = 0; run < 50; run += 1) costs.learn(10, 0.0001)
    expect(costs.expect(10)).toBeGreaterThan(0.005)
    for (let run = 0; run < 1_000; run += 1) costs.learn(10, 0.0001)
    expect(costs.expect(10)).toBeLessThan(0.001)
  })
})
