import { describe, expect, test } from '@jest/globals'
import type { Signature } from '../tensor/tensor.ts'
import { checkInputs, ownTensors } from './check-tensors.ts'

const signature: Signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'word', datatype: 'BYTES', shape: [1] },
  ],
  outputs: [],
}
const word = { datatype: 'BYTES', shape: [1], data: ['a'] } as const
const x = { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) } as const

test('what fits goes to the model, in the order of the model', () => {
  expect([...checkInputs({ word, x }, signature)]).toEqual([
    ['x', x],
    ['word', word],
  ])
})

describe('what does not fit, and why', () => {
  test.each([
    ['nothing', undefined, 'the inputs: expected {name: tensor}, got nothing'],
    ['an unknown name', { x, word, y: x }, "input 'y': unknown; the model takes 'x', 'word'"],
    ['a missing input', { x }, "input 'word': expected {datatype, shape, data}, got nothing"],
    [
      'another datatype',
      { word, x: { ...x, datatype: 'FP64' } },
      "input 'x': expected datatype FP32, got FP64",
    ],
    [
      'another shape',
      { word, x: { ...x, shape: [2] } },
      "input 'x': expected shape [-1, 2] (-1 is any), got [2]",
    ],
    [
      'a shape of no sense',
      { word, x: { ...x, shape: [-1, 2] } },
      "input 'x': expected shape [-1, 2] (-1 is any), got [-1,2]",
    ],
    [
      'a list for an array',
      { word, x: { ...x, data: [1, 2] } },
      "input 'x': expected data to be a Float32Array, got Array",
    ],
    [
      'another array',
      { word, x: { ...x, data: Float64Array.of(1, 2) } },
      "input 'x': expected data to be a Float32Array, got Float64Array",
    ],
    [
      'too many elements',
      { word, x: { ...x, data: new Float32Array(3) } },
      "input 'x': shape [1, 2] takes 2 elements, got 3",
    ],
    [
      'what is no text',
      { x, word: { ...word, data: [1] } },
      "input 'word': expected data to be a Array, got Array",
    ],
    [
      'text that the runtime would cut',
      { x, word: { ...word, data: ['a\0'] } },
      "input 'word': expected data to be whole texts without U+0000",
    ],
  ])('%s', (_, given, problem) => {
    expect(() => checkInputs(given, signature)).toThrow(problem)
  })
})

test('an output that is a part of a batch leaves the rest of the batch behind', () => {
  const batch = Float32Array.of(1, 2, 3, 4)
  const part = { datatype: 'FP32', shape: [1, 2], data: batch.subarray(2) } as const
  const { y } = ownTensors(new Map([['y', part]]))
  expect(y).toEqual({ ...part, data: Float32Array.of(3, 4) })
  expect((y?.data as Float32Array).buffer.byteLength).toBe(8)
})
