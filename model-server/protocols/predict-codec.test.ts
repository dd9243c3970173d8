import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { frameMapping } from '../tensor/frame-mapping.ts'
import type { FrameMapping } from '../tensor/frame-mapping.ts'
import { decodeFrame, encodePrediction } from './predict-codec.ts'
import { RequestError } from '../http/request-error.ts'
import type { Signature, TensorSpec } from '../tensor/tensor.ts'

const mapping: FrameMapping = { input: 'x', datatype: 'FP32', columns: ['A', 'B'], output: 'y' }

function refusal(body: unknown): string {
  try {
    decodeFrame(body, mapping)
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError)
    expect((error as RequestError).status).toBe(400)
    return (error as RequestError).message
  }
  throw new Error('the frame was accepted')
}

describe('a frame becomes rows of the columns that the model takes', () => {
  test.each<[string, object, number[]]>([
    ['one row', { A: { 0: 1 }, B: { 0: 2 } }, [1, 2]],
    ['columns in another order', { B: { 0: 2 }, A: { 0: 1 } }, [1, 2]],
    ['a column that it does not know', { A: { 0: 1 }, B: { 0: 2 }, C: { 0: 'x' } }, [1, 2]],
    ['rows in another order in one column', { A: { a: 1, b: 3 }, B: { b: 4, a: 2 } }, [1, 2, 3, 4]],
    ['rows whose keys are numbers, ascending', { A: { 1: 3, 0: 1 }, B: { 1: 4, 0: 2 } }, [1, 2, 3, 4]],
    ['numbers as strings', { A: { 0: '1.5' }, B: { 0: '2e1' } }, [1.5, 20]],
    ['no rows', { A: {}, B: {} }, []],
    ['a missing number', { A: { 0: null, 1: 'NaN' }, B: { 0: 2, 1: 'nan' } }, [NaN, 2, NaN, NaN]],
    ['infinities', { A: { 0: 'inf' }, B: { 0: '-Infinity' } }, [Infinity, -Infinity]],
  ])('with %s', (_, body, expected) => {
    const { data, shape } = decodeFrame(body, mapping)
    expect(data).toEqual(Float32Array.from(expected))
    expect(shape).toEqual([expected.length / 2, 2])
  })
})

describe('a frame is refused', () => {
  test.each<[string, unknown, string]>([
    ['that is no object', [1], 'the body: expected {column: {row: value}}, got an array'],
    ['that misses a column', { A: { 0: 1 } }, "column 'B': missing; got 'A'"],
    ['that is empty', {}, "column 'A': missing; got none"],
    ['whose column is a list', { A: [1], B: [2] }, "column 'A': expected {row: value}, got an array"],
    [
      'with other rows in another column',
      { A: { 0: 1 }, B: { 1: 2 } },
      "column 'B': expected the rows of column 'A' ('0'), got '1'",
    ],
    [
      'with a row more in another column',
      { A: { 0: 1 }, B: { 0: 2, 1: 2 } },
      "column 'B': expected the rows of column 'A' ('0'), got '0', '1'",
    ],
    ['with a word', { A: { 0: 1 }, B: { 0: 'two' } }, `column 'B', row '0': expected a number, got "two"`],
    [
      'with an empty string',
      { A: { 0: 1 }, B: { 0: ' ' } },
      `column 'B', row '0': expected a number, got " "`,
    ],
    [
      'with a number beyond float32',
      { A: { 0: 1e39 }, B: { 0: 2 } },
      "column 'A', row '0': expected a number, got 1e+39",
    ],
  ])('%s', (_, body, message) => {
    expect(refusal(body)).toBe(message)
  })

  test('whose columns are only inherited', () => {
    const inherited = { ...mapping, columns: ['constructor'] }
    expect(() => decodeFrame({}, inherited)).toThrow("column 'constructor': missing")
  })
})

test('whatever JSON comes, it is decoded or refused with 400', () => {
  const cells = fc.dictionary(fc.string(), fc.oneof(fc.double(), fc.jsonValue()))
  const almost = fc.record({ A: cells, B: cells })
  fc.assert(
    fc.property(fc.oneof(almost, fc.jsonValue()), (body) => {
      try {
        const { data, shape } = decodeFrame(body, mapping)
        expect(data.length).toBe((shape[0] ?? 0) * 2)
        expect(Array.from(data as Float32Array).every(Number.isFinite)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError)
      }
    }),
    { numRuns: 500 },
  )
})

describe('a prediction is', () => {
  test.each([
    ['a number for each row of a [N, 1] output', [2, 1], [1, 2], [1, 2]],
    ['a number for each row of an [N] output', [2], [1, 2], [1, 2]],
    [
      'a list for each row of a [N, 2] output',
      [2, 2],
      [1, 2, 3, 4],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['a list for the one row of a [1, 2] output', [1, 2], [1, 2], [[1, 2]]],
    ['null where it is not finite', [2, 1], [NaN, 1], [null, 1]],
  ])('%s', (_, shape, data, prediction) => {
    expect(encodePrediction({ datatype: 'FP32', shape, data: Float32Array.from(data) })).toEqual({
      prediction,
    })
  })
})

describe('columns fit a model', () => {
  const x: TensorSpec = { name: 'x', datatype: 'FP32', shape: [-1, 2] }
  const signature = (...inputs: TensorSpec[]): Signature => ({
    inputs,
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  })

  test('with one matrix of as many columns', () => {
    expect(frameMapping(signature(x), ['A', 'B'])).toEqual(mapping)
  })

  test.each<[string, Signature, string]>([
    ['two inputs', signature(x, { ...x, name: 'z' }), 'columns need a model with one input, this one has 2'],
    [
      'integers',
      signature({ ...x, datatype: 'INT64' }),
      "columns need an FP16, FP32 or FP64 input, input 'x' is INT64",
    ],
    [
      'another width',
      signature({ ...x, shape: [-1, 6] }),
      "2 columns (A,B) need an input of shape [-1, 2], input 'x' is [-1, 6]",
    ],
    [
      'a fixed number of rows',
      signature({ ...x, shape: [1, 2] }),
      "2 columns (A,B) need an input of shape [-1, 2], input 'x' is [1, 2]",
    ],
  ])('but not with %s', (_, model, reason) => {
    expect(frameMapping(model, ['A', 'B'])).toBe(reason)
  })
})
