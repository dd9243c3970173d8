import { describe, expect, test } from '@jest/globals'
import { RequestError } from '../http/request-error.ts'
import type { Signature, Tensor } from '../tensor/tensor.ts'
import { decodePredictRequest, encodePredictResponse, encodeStatus } from './v1-codec.ts'

const one: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
}
const two: Signature = {
  inputs: [
    { name: 'a', datatype: 'FP32', shape: [-1, 2] },
    { name: 'b', datatype: 'INT64', shape: [-1] },
  ],
  outputs: one.outputs,
}

const tensor = (shape: number[], ...data: number[]): Tensor => ({
  datatype: 'FP32',
  shape,
  data: Float32Array.from(data),
})

describe('two rows come', () => {
  const x = new Map([['x', tensor([2, 2], 1, 2, 3, 4)]])
  const rows = [
    [1, 2],
    [3, 4],
  ]
  test.each<[string, unknown, number | undefined]>([
    ['row by row', { signature_name: 'serving_default', instances: rows }, 2],
    ['row by row and by name', { instances: [{ x: [1, 2] }, { x: [3, 4] }] }, 2],
    ['column by column', { inputs: rows }, undefined],
    ['with null for what is not there', { signature_name: null, instances: rows, inputs: null }, 2],
    ['column by column and by name', { inputs: { x: rows } }, undefined],
  ])('%s', (_, body, count) => {
    expect(decodePredictRequest(body, one)).toEqual({ inputs: x, rows: count })
  })

  test.each([
    ['row by row', { instances: rows.map((a, b) => ({ a, b })) }],
    ['column by column', { inputs: { a: rows, b: [0, 1] } }],
  ])('for two inputs %s', (_, body) => {
    expect([...decodePredictRequest(body, two).inputs]).toEqual([
      ['a', tensor([2, 2], 1, 2, 3, 4)],
      ['b', { datatype: 'INT64', shape: [2], data: BigInt64Array.of(0n, 1n) }],
    ])
  })
})

test('no instances are no rows of each input', () => {
  expect(decodePredictRequest({ instances: [] }, two)).toEqual({
    inputs: new Map<string, Tensor>([
      ['a', tensor([0, 2])],
      ['b', { datatype: 'INT64', shape: [0], data: new BigInt64Array() }],
    ]),
    rows: 0,
  })
})

test.each<[string, unknown, Signature, string]>([
  ['a list', [], one, 'the body: expected an object, got an array'],
  ['no data', {}, one, 'the body: expected either instances or inputs, got neither'],
  [
    'two kinds of data',
    { instances: [], inputs: [] },
    one,
    'the body: expected either instances or inputs, got both',
  ],
  [
    'another signature',
    { signature_name: 'other', instances: [] },
    one,
    'signature_name: expected serving_default, got "other"',
  ],
  [
    'a bare list for two inputs',
    { instances: [1] },
    two,
    "instances: expected objects with 'a', 'b', because this model has 2 inputs",
  ],
  ['a row without an input', { instances: [{ a: [1, 2] }] }, two, "instances[0]: expected 'b', got 'a'"],
  [
    'a row that is no object',
    { instances: [{ a: [1, 2], b: 1 }, 1] },
    two,
    'instances[1]: expected an object like the first, got 1',
  ],
  [
    'words',
    { instances: [['a', 'b']] },
    one,
    `instances: expected a number within the range of float32 at element 0, got "a"`,
  ],
  [
    'lists without end',
    { instances: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as unknown },
    one,
    'instances: nested deeper than 32 lists',
  ],
])('refuses %s', (_, body, signature, message) => {
  expect(() => decodePredictRequest(body, signature)).toThrow(new RequestError(400, message))
})

describe('the answer is', () => {
  const y = new Map([['y', tensor([2, 1], 1, NaN)]])
  const both = new Map([
    ['p', tensor([2, 2], 1, 2, 3, 4)],
    ['label', tensor([2], 0, 1)],
  ])
  test.each<[string, ReadonlyMap<string, Tensor>, number | undefined, object]>([
    ['row by row', y, 2, { predictions: [[1], [null]] }],
    ['column by column', y, undefined, { outputs: [[1], [null]] }],
    [
      'an object for each row of several outputs',
      both,
      2,
      {
        predictions: [
          { p: [1, 2], label: 0 },
          { p: [3, 4], label: 1 },
        ],
      },
    ],
    [
      'an object of several outputs',
      both,
      undefined,
      {
        outputs: {
          p: [
            [1, 2],
            [3, 4],
          ],
          label: [0, 1],
        },
      },
    ],
    ['a list without elements', new Map([['y', tensor([0, 3])]]), undefined, { outputs: [] }],
    ['lists without elements', new Map([['y', tensor([2, 0])]]), undefined, { outputs: [[], []] }],
    ['a number for a scalar', new Map([['y', tensor([], 7)]]), undefined, { outputs: 7 }],
    [
      'nested as deep as the tensor',
      new Map([['y', tensor([1, 2, 2, 1], 1, 2, 3, 4)]]),
      1,
      {
        predictions: [
          [
            [[1], [2]],
            [[3], [4]],
          ],
        ],
      },
    ],
  ])('%s', (_, outputs, rows, answer) => {
    expect(encodePredictResponse(outputs, { rows })).toEqual(answer)
  })

  test('refused where its rows are not those of the question', () => {
    expect(() => encodePredictResponse(y, { rows: 3 })).toThrow(/^output 'y' has 2 rows for 3 instances/)
  })
})

describe('the status of a version', () => {
  const slot = (state: object): Parameters<typeof encodeStatus>[1][number] =>
    ({ version: '2', state }) as Parameters<typeof encodeStatus>[1][number]
  test.each([
    [
      'that is served',
      { type: 'Loaded', model: { unavailableBecause: () => undefined } },
      false,
      'AVAILABLE',
      'OK',
      '',
    ],
    [
      'that drains',
      { type: 'Loaded', model: { unavailableBecause: () => undefined } },
      true,
      'UNLOADING',
      'UNAVAILABLE',
      'the server is draining',
    ],
    ['that loads', { type: 'Loading', reason: 'soon' }, false, 'LOADING', 'UNAVAILABLE', 'soon'],
    ['that is unloaded', { type: 'Unloaded', reason: 'asked to' }, false, 'END', 'UNAVAILABLE', 'asked to'],
    ['that was refused', { type: 'Refused', reason: 'bad' }, false, 'END', 'UNAVAILABLE', 'bad'],
  ])('%s', (_, state, draining, name, code, message) => {
    expect(encodeStatus('m', [slot(state)], draining)).toEqual({
      name: 'm',
      ready: code === 'OK',
      model_version_status: [
        { version: '2', state: name, status: { error_code: code, error_message: message } },
      ],
    })
  })
})
