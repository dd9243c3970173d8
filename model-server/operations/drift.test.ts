import { expect, test } from '@jest/globals'
import type { Tensor } from '../tensor/tensor.ts'
import { Drift, populationStability } from './drift.ts'

const SIGNATURE = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
} as const
const FRAME = { input: 'x', datatype: 'FP32', columns: ['RM', 'TAX'], output: 'y' } as const
const TAX = { name: 'TAX', edges: [300, 400], shares: [0.5, 0.3, 0.2] }

function matrix(rows: readonly (readonly number[])[]): Map<string, Tensor> {
  const data = Float32Array.from(rows.flat())
  return new Map([['x', { datatype: 'FP32', shape: [rows.length, 2], data }]])
}

/** `count` rows with these values of TAX in turn. */
function taxes(count: number, values: readonly number[]): Map<string, Tensor> {
  return matrix(Array.from({ length: count }, (_, row) => [0, values[row % values.length] ?? 0]))
}

function stabilityOf(drift: Drift): number | undefined {
  return drift.stability({})[0]?.value
}

test('values are counted in the bins of their feature, NaN apart', () => {
  const drift = new Drift([TAX], SIGNATURE, FRAME)
  drift.observe(
    matrix([
      [1, 300],
      [1, 301],
      [1, 1_000],
      [1, NaN],
    ]),
  )
  expect(drift.values('v', { model: 'housing' })).toEqual([
    { metricName: 'v_bucket', labels: { le: 300, model: 'housing', feature: 'TAX' }, value: 1 },
    { metricName: 'v_bucket', labels: { le: 400, model: 'housing', feature: 'TAX' }, value: 2 },
    { metricName: 'v_bucket', labels: { le: '+Inf', model: 'housing', feature: 'TAX' }, value: 3 },
    { metricName: 'v_sum', labels: { model: 'housing', feature: 'TAX' }, value: 1_601 },
    { metricName: 'v_count', labels: { model: 'housing', feature: 'TAX' }, value: 3 },
  ])
  expect(drift.missing({})).toEqual([{ labels: { feature: 'TAX' }, value: 1 }])
})

test('of a large request some rows are looked at, from its start to its end', () => {
  const drift = new Drift([TAX], SIGNATURE, FRAME)
  drift.observe(matrix(Array.from({ length: 6_400 }, (_, row) => [0, row < 3_200 ? 0 : 1_000])))
  const counts = drift.values('v', {}).map(({ value }) => value)
  expect([counts[0], counts[2]]).toEqual([32, 64])
})

test('an input of its own is a feature too, whatever its integers', () => {
  const inputs = [{ name: 'age', datatype: 'INT64', shape: [-1, 1] }] as const
  const drift = new Drift([{ ...TAX, name: 'age' }], { inputs, outputs: [] }, 'no columns')
  drift.observe(new Map([['age', { datatype: 'INT64', shape: [2, 1], data: BigInt64Array.of(300n, 301n) }]]))
  expect(drift.values('v', {}).map(({ value }) => value)).toEqual([1, 2, 2, 601, 2])
})

test.each([
  ['a column that the model has not', FRAME, "expected features among RM, TAX, got 'AGE'"],
  [
    'an input that the model has not',
    'no columns',
    "'AGE' is neither a column nor an input with one number a row",
  ],
])('refuses a reference of %s', (_, frame, message) => {
  expect(() => new Drift([{ ...TAX, name: 'AGE' }], SIGNATURE, frame)).toThrow(message)
})

test('the index is that of the formula', () => {
  const expected = (0.2 - 0.5) * Math.log(0.2 / 0.5) + (0.8 - 0.5) * Math.log(0.8 / 0.5)
  expect(populationStability([0.5, 0.5], [0.2, 0.8])).toBeCloseTo(expected, 12)
  expect(populationStability([0.5, 0.5], [0.5, 0.5])).toBe(0)
  expect(populationStability([1, 0], [0, 1])).toBeGreaterThan(10)
})

test('there is no index until chance has little say in it', () => {
  const drift = new Drift([TAX], SIGNATURE, FRAME)
  for (let row = 0; row < 499; row += 1) drift.observe(taxes(1, [1_000]))
  expect(stabilityOf(drift)).toBeUndefined()
  drift.observe(taxes(1, [1_000]))
  expect(stabilityOf(drift)).toBeGreaterThan(1)
})

test('rows like those of training are no drift, others are, and old ones are forgotten', () => {
  const drift = new Drift([TAX], SIGNATURE, FRAME)
  const like = [0, 0, 0, 0, 0, 350, 350, 350, 1_000, 1_000]
  const feed = (values: readonly number[], rows: number): void => {
    for (let row = 0; row < rows; row += 50) drift.observe(taxes(50, values))
  }
  feed(like, 1_000)
  expect(stabilityOf(drift)).toBeLessThan(0.01)
  feed([1_000], 5_000)
  expect(stabilityOf(drift)).toBeGreaterThan(0.25)
  feed(like, 30_000)
  expect(stabilityOf(drift)).toBeLessThan(0.01)
})
