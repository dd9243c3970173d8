import { expect, test } from '@jest/globals'
import { percentileOf, ratios, slopeOf, spreadOf } from './statistics.ts'

test('the spread of rounds in any order', () => {
  expect(spreadOf([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 })
})

test('of an even number of rounds the median lies between the middle two', () => {
  expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5)
})

test('no rounds have no spread', () => {
  expect(() => spreadOf([])).toThrow('no values')
})

test('a percentile between two values', () => {
  expect(percentileOf([0, 10], 99)).toBeCloseTo(9.9)
})

test('each round is divided by the same round of the peer', () => {
  expect(ratios([2, 9], [4, 3])).toEqual([0.5, 3])
})

test('a peer that answered nothing is no divisor', () => {
  expect(() => ratios([1], [0])).toThrow('round 1')
})

test('the slope of points about a line', () => {
  const points = [0, 1, 2, 3].map((x) => ({ x, y: 5 + 2 * x + (x % 2 === 0 ? 0.1 : -0.1) }))
  expect(slopeOf(points)).toBeCloseTo(1.96)
})

test('points above one another have no slope', () => {
  expect(() =>
    slopeOf([
      { x: 1, y: 1 },
      { x: 1, y: 2 },
    ]),
  ).toThrow('two places')
})
