import { describe, expect, test } from '@jest/globals'
import { warmUpSamples } from '../config/warm-up.ts'
import { readQuestion } from '../protocols/warm-up-question.ts'
import { frameMapping } from '../tensor/frame-mapping.ts'
import type { Signature } from '../tensor/tensor.ts'
import { checkWarmUp } from './warm-up-check.ts'

const signature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 2] }],
  outputs: [
    { name: 'sum', datatype: 'FP64', shape: [-1, 1] },
    { name: 'word', datatype: 'BYTES', shape: [1] },
  ],
}

/** Adds the two columns, and says hello. */
const adder: Parameters<typeof checkWarmUp>[0] = {
  signature,
  frame: frameMapping(signature, ['A', 'B']),
  infer: (inputs) => {
    const { data, shape } = inputs.get('x') ?? { data: new Float64Array(), shape: [0, 2] }
    const sums = Float64Array.from(
      { length: shape[0] ?? 0 },
      (_, row) => Number(data[2 * row]) + Number(data[2 * row + 1]),
    )
    return Promise.resolve(
      new Map([
        ['sum', { datatype: 'FP64', shape: [sums.length, 1], data: sums } as const],
        ['word', { datatype: 'BYTES', shape: [1], data: ['hello'] } as const],
      ]),
    )
  },
}

const x = (...data: number[]): unknown[] => [
  { name: 'x', datatype: 'FP64', shape: [data.length / 2, 2], data },
]
const frame = { A: { 0: 1, 1: 3 }, B: { 0: 2, 1: 4 } }

describe('an answer as expected', () => {
  test.each<[string, unknown]>([
    ['to tensors', { inputs: x(1, 2, 3, 4), expect: { sum: [3, 7], word: ['hello'] } }],
    ['to a frame', { frame, expect: [3, 7] }],
    ['nearly', { frame, expect: [[3.01], [6.99]], absoluteTolerance: 0.02 }],
    ['where any will do', { frame }],
  ])('%s', async (_, sample) => {
    await expect(checkWarmUp(adder, warmUpSamples([sample]), readQuestion)).resolves.toBeUndefined()
  })
})

describe('another answer', () => {
  test.each<[string, unknown, string]>([
    ['a number', { frame, expect: [3, 8] }, "output 'sum', element 1: expected 8, got 7"],
    [
      'a number too far away',
      { frame, expect: [3.1, 7], absoluteTolerance: 0.05 },
      "output 'sum', element 0: expected 3.1 within 0.05, got 3",
    ],
    [
      'a word',
      { inputs: x(1, 2), expect: { word: ['bye'] } },
      'output \'word\', element 0: expected "bye", got "hello"',
    ],
    [
      'another type',
      { inputs: x(1, 2), expect: { sum: ['3'] } },
      'output \'sum\', element 0: expected "3", got 3',
    ],
    ['more rows', { frame, expect: [3] }, "output 'sum': expected 1 elements, got 2"],
    ['of another output', { inputs: x(1, 2), expect: { y: [3] } }, "expected output 'y', got sum, word"],
    ['a question that does not fit', { frame: { A: { 0: 1 } } }, "column 'B': missing; got 'A'"],
    ['a question without its input', { inputs: [] }, "input 'x': missing"],
  ])('%s', async (_, sample, message) => {
    const samples = warmUpSamples([{ frame }, sample])
    await expect(checkWarmUp(adder, samples, readQuestion)).rejects.toThrow(`warm-up sample 1: ${message}`)
  })
})
