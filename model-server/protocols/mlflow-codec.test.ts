import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RequestError } from '../http/request-error.ts'
import type { Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'
import { decodeCsv, decodeInvocation, encodePredictions, mlflowError } from './mlflow-codec.ts'
import { frameMapping } from '../tensor/frame-mapping.ts'

const y: TensorSpec = { name: 'y', datatype: 'FP32', shape: [-1, 1] }
const NONE = 'the model names no columns'

/** One matrix with three columns, which have names or not. */
function matrix(columns?: string[]): { signature: Signature; frame: ReturnType<typeof frameMapping> } {
  const width = columns?.length ?? 3
  const signature: Signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, width] }], outputs: [y] }
  return { signature, frame: columns ? frameMapping(signature, columns) : NONE }
}

/** An input for each column, as skl2onnx writes a ColumnTransformer. */
const columns: { signature: Signature; frame: string } = {
  frame: NONE,
  signature: {
    inputs: [
      { name: 'age', datatype: 'INT64', shape: [-1, 1] },
      { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
      { name: 'new', datatype: 'BOOL', shape: [-1] },
    ],
    outputs: [y],
  },
}

type Model = Parameters<typeof decodeInvocation>[1]

function decode(body: unknown, model: Model): Tensor | undefined {
  return decodeInvocation(Buffer.from(JSON.stringify(body)), model).inputs.get('x')
}

function refusal(act: () => unknown): [number, string] {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError)
    const { status, message } = error as RequestError
    return [status, message]
  }
  throw new Error('the request was accepted')
}

describe('three rows of one column are', () => {
  const three = { datatype: 'FP32', shape: [3, 1], data: Float32Array.of(1, 2, 3) }
  test.each<[string, object]>([
    ['instances', { instances: [1, 2, 3] }],
    ['instances of their own', { instances: [[1], [2], [3]] }],
    ['inputs', { inputs: [1, 2, 3] }],
    ['inputs by the name of the column', { inputs: { foo: [1, 2, 3] } }],
    ['inputs by the name of the tensor', { inputs: { x: [[1], [2], [3]] } }],
    ['a split frame with lists of values', { dataframe_split: { columns: ['foo'], data: [1, 2, 3] } }],
    [
      'a split frame with lists of rows',
      { dataframe_split: { columns: ['foo'], index: [7, 8, 9], data: [[1], [2], [3]] } },
    ],
    ['records', { dataframe_records: [{ foo: 1 }, { foo: 2 }, { foo: 3 }] }],
    ['records among instances', { instances: [{ foo: 1 }, { foo: 2 }, { foo: 3 }] }],
    ['values with parameters for other models', { instances: [1, 2, 3], params: { temperature: 1 } }],
    ['numbers in words', { dataframe_records: [{ foo: '1' }, { foo: '2' }, { foo: '3' }] }],
  ])('%s', (_, body) => {
    expect(decode(body, matrix(['foo']))).toEqual(three)
  })
})

describe('columns are taken by name, whatever their order and whatever else is there, from', () => {
  const sorted = { datatype: 'FP32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }
  test.each<[string, object]>([
    [
      'a split frame',
      {
        dataframe_split: {
          columns: ['c', 'other', 'a', 'b'],
          data: [
            [3, 0, 1, 2],
            [6, 0, 4, 5],
          ],
        },
      },
    ],
    [
      'records',
      {
        dataframe_records: [
          { c: 3, b: 2, a: 1, other: 0 },
          { a: 4, other: null, b: 5, c: 6, more: 1 },
        ],
      },
    ],
    ['lists', { inputs: { c: [3, 6], a: [1, 4], b: [2, 5] } }],
  ])('%s', (_, body) => {
    expect(decode(body, matrix(['a', 'b', 'c']))).toEqual(sorted)
  })

  test('CSV', () => {
    const csv = '﻿c,"a",b,other\r\n3,1,2.0,"x, ""y"""\r\n\r\n6,4,"5",\r\n'
    expect(decodeCsv(Buffer.from(csv), matrix(['a', 'b', 'c'])).inputs.get('x')).toEqual(sorted)
  })
})

describe('a missing number reaches the model as NaN, and infinities as what they are, from', () => {
  const gaps = { datatype: 'FP32', shape: [2, 3], data: Float32Array.of(1, NaN, Infinity, NaN, 5, -Infinity) }
  const rows = '[[1, NaN, Infinity], [null, 5, "-inf"]]'
  test.each([
    ['a split frame', `{"dataframe_split": {"columns": ["a", "b", "c"], "data": ${rows}}}`],
    [
      'records',
      '{"dataframe_records": [{"a": 1, "b": null, "c": "Infinity"}, {"a": NaN, "b": 5, "c": -Infinity}]}',
    ],
    ['lists', '{"inputs": {"a": [1, null], "b": [NaN, 5], "c": [Infinity, "-Infinity"]}}'],
    ['instances', `{"instances": ${rows}}`],
  ])('%s', (_, body) => {
    expect(decodeInvocation(Buffer.from(body), matrix(['a', 'b', 'c'])).inputs.get('x')).toEqual(gaps)
  })

  test.each(['1,,inf\n,5,-inf', '1,NA,Infinity\nnull,5,-Infinity', '1,nan,inf\n<NA>,5,-inf'])(
    'CSV: %j',
    (csv) => {
      const body = Buffer.from(`a,b,c\n${csv}\n`)
      expect(decodeCsv(body, matrix(['a', 'b', 'c'])).inputs.get('x')).toEqual(gaps)
    },
  )
})

test.each([
  [
    'an integer',
    '{"dataframe_records": [{"city": "Bonn", "age": null, "new": true}]}',
    "column 'age': expected an integer",
  ],
  [
    'a text',
    '{"dataframe_records": [{"city": null, "age": 3, "new": true}]}',
    "column 'city': expected a string",
  ],
  [
    'a text that is cut',
    '{"dataframe_records": [{"city": "a\\u0000b", "age": 3, "new": true}]}',
    "column 'city': expected a string of whole characters other than U+0000",
  ],
])('%s cannot be missing, and its column is named', (_, body, message) => {
  expect(() => decodeInvocation(Buffer.from(body), columns)).toThrow(message)
})

test('words in texts of JSON stay as they are beside numbers that are none', () => {
  const body = Buffer.from('{"dataframe_records": [{"s": "NaN \\"Infinity\\" \\\\", "x": NaN}]}')
  const inputs: TensorSpec[] = [
    { name: 's', datatype: 'BYTES', shape: [-1, 1] },
    { name: 'x', datatype: 'FP64', shape: [-1, 1] },
  ]
  const decoded = decodeInvocation(body, { signature: { inputs, outputs: [y] }, frame: NONE }).inputs
  expect(decoded.get('s')?.data).toEqual(['NaN "Infinity" \\'])
  expect(decoded.get('x')?.data).toEqual(Float64Array.of(NaN))
})

test.each([
  ['records as inputs', { inputs: [{ c: 3, a: 1, b: 2 }] }],
  ['one row as inputs', { inputs: { c: 3, a: 1, b: 2 } }],
])('%s are a data frame, as for MLflow', (_, body) => {
  expect(decode(body, matrix(['a', 'b', 'c']))).toEqual({
    datatype: 'FP32',
    shape: [1, 3],
    data: Float32Array.of(1, 2, 3),
  })
})

test.each([
  { dataframe_split: { columns: ['a', 'b', 'c'], data: [] } },
  { inputs: { a: [], b: [], c: [] } },
  { instances: [] },
])('no rows are nothing to ask: %j', (body) => {
  const decoded = decodeInvocation(Buffer.from(JSON.stringify(body)), matrix(['a', 'b', 'c']))
  expect(decoded.isEmpty).toBe(true)
  expect(decodeCsv(Buffer.from('a,b,c\n'), matrix(['a', 'b', 'c'])).isEmpty).toBe(true)
})

test('a byte order mark is no part of JSON', () => {
  const body = Buffer.from('\ufeff{"instances": [[1, 2, 3]]}')
  expect(decodeInvocation(body, matrix(['a', 'b', 'c'])).inputs.get('x')?.data).toEqual(
    Float32Array.of(1, 2, 3),
  )
})

test('an only output is named where that is asked for, as the ONNX flavor of MLflow does', () => {
  const only: [string, Tensor][] = [
    ['price', { datatype: 'FP32', shape: [2, 1], data: Float32Array.of(1, 2) }],
  ]
  const answered = (isTable: boolean): object => encodePredictions(new Map(only), { isTable, isNamed: true })
  expect(answered(true)).toEqual({ predictions: [{ price: 1 }, { price: 2 }] })
  expect(answered(false)).toEqual({ predictions: { price: [1, 2] } })
})

test('columns that nobody named are taken as they come', () => {
  const split = { columns: ['c', 'b', 'a'], data: [[1, 2, 3]] }
  expect(decode({ dataframe_split: split }, matrix())?.data).toEqual(Float32Array.of(1, 2, 3))
})

test('a number with many digits is one for a column of floats, too, where another takes all digits', () => {
  const inputs: TensorSpec[] = [
    { name: 'id', datatype: 'INT64', shape: [-1, 1] },
    { name: 'price', datatype: 'FP64', shape: [-1, 1] },
  ]
  const body = Buffer.from('{"dataframe_records": [{"id": 9007199254740993, "price": 12345678901234567890}]}')
  const decoded = decodeInvocation(body, { signature: { inputs, outputs: [y] }, frame: NONE }).inputs
  expect(decoded.get('id')?.data).toEqual(BigInt64Array.of(9007199254740993n))
  expect(decoded.get('price')?.data).toEqual(Float64Array.of(12345678901234567000))
})

describe('a model with an input for each column takes', () => {
  const expected = [
    ['age', { datatype: 'INT64', shape: [2, 1], data: BigInt64Array.of(30n, 2n ** 60n + 1n) }],
    ['city', { datatype: 'BYTES', shape: [2, 1], data: ['Bonn', '7'] }],
    ['new', { datatype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) }],
  ]
  test('records', () => {
    const body = `{"dataframe_records": [{"city": "Bonn", "age": 30, "new": true},
      {"city": "7", "age": 1152921504606846977, "new": false}]}`
    expect([...decodeInvocation(Buffer.from(body), columns).inputs]).toEqual(expected)
  })
  test('CSV', () => {
    const body = 'new,age,city\nTrue,30,Bonn\nFalse,1152921504606846977,7\n'
    expect([...decodeCsv(Buffer.from(body), columns).inputs]).toEqual(expected)
  })
})

describe('a request is refused', () => {
  const FORMS = 'dataframe_split, dataframe_records, instances, inputs'
  test.each<[string, unknown, string]>([
    ['as a bare list', [1], 'the body: expected an object, got an array'],
    ['without data', { params: {} }, `the body: expected exactly one of ${FORMS}, got 'params'`],
    [
      'with two forms of data',
      { instances: [1], inputs: [1] },
      `the body: expected exactly one of ${FORMS}, got instances and inputs`,
    ],
    ['with a list of params', { instances: [1], params: [] }, 'params: expected an object, got an array'],
    [
      'without a column',
      { dataframe_split: { columns: ['a', 'b'], data: [[1, 2]] } },
      "column 'c': missing; got 'a', 'b'",
    ],
    [
      'with a record without a column',
      {
        dataframe_records: [
          { a: 1, b: 2, c: 3 },
          { a: 1, b: 2 },
        ],
      },
      "dataframe_records[1]: column 'c': missing; got 'a', 'b'",
    ],
    [
      'with a column twice',
      { dataframe_split: { columns: ['a', 'a'], data: [[1, 2]] } },
      "dataframe_split: column 'a': given twice",
    ],
    [
      'with a short row',
      { dataframe_split: { columns: ['a', 'b', 'c'], data: [[1, 2, 3], [1]] } },
      'dataframe_split: row 1: expected 3 values, one for each column, got 1',
    ],
    [
      'with a frame that is none',
      { dataframe_split: [] },
      'dataframe_split: expected {columns: [], data: []}, got an array',
    ],
    [
      'with words for a number',
      { dataframe_records: [{ a: 1, b: 'two', c: 3 }] },
      `column 'b', row '0': expected a number, got "two"`,
    ],
    [
      'with lists of different lengths',
      { inputs: { a: [1], b: [1, 2], c: [1] } },
      "inputs: column 'b': expected 1 values as in the first, got 2",
    ],
    [
      'with rows of another width',
      { instances: [[1, 2]] },
      "instances: expected shape [-1, 3] (-1 is any) for input 'x', got [1, 2]",
    ],
    [
      'with ragged rows',
      {
        instances: [
          [1, 2, 3],
          [1, 2],
        ],
      },
      'instances: expected lists of equal length at every depth',
    ],
    [
      'with rows in rows',
      { instances: [[1, 2, [3]]] },
      'instances: expected lists of equal length at every depth',
    ],
  ])('%s', (_, body, message) => {
    expect(refusal(() => decode(body, matrix(['a', 'b', 'c'])))).toEqual([400, message])
  })

  test.each([
    ['a quotation mark left open', 'a,b,c\n"1,2,3', 'the body: expected a field of CSV at character 6'],
    ['nothing', '', "column 'a': missing; got none"],
    ['a short line', 'a,b,c\n1,2\n', 'the body: row 0: expected 3 values, one for each column, got 2'],
  ])('as CSV with %s', (_, text, message) => {
    expect(refusal(() => decodeCsv(Buffer.from(text), matrix(['a', 'b', 'c'])))).toEqual([400, message])
  })

  test('as CSV that is no UTF-8', () => {
    expect(refusal(() => decodeCsv(Buffer.of(97, 0xff), matrix(['a'])))[1]).toBe(
      'the body: expected CSV in UTF-8, got other bytes',
    )
  })

  test('as a table for an image', () => {
    const image: Model = {
      signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3, 2, 2] }], outputs: [y] },
      frame: NONE,
    }
    expect(refusal(() => decode({ dataframe_records: [{ a: 1 }] }, image))).toEqual([
      501,
      "this model takes no tables, send 'instances' or 'inputs'; the model names no columns",
    ])
  })
})

describe('predictions are', () => {
  const tensor = (shape: number[], ...data: number[]): Tensor => ({
    datatype: 'FP32',
    shape,
    data: Float32Array.from(data),
  })
  const pairs: [string, Tensor][] = [
    ['label', tensor([2], 0, 1)],
    ['p', tensor([2, 2], 1, 2, 3, 4)],
  ]
  test.each<[string, [string, Tensor][], boolean, unknown]>([
    ['numbers for [N, 1]', [['y', tensor([2, 1], 1, 2)]], true, [1, 2]],
    ['numbers for [N]', [['y', tensor([2], 1, 2)]], true, [1, 2]],
    [
      'lists for [N, 2]',
      [['y', tensor([2, 2], 1, 2, 3, 4)]],
      true,
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['null where they are not finite', [['y', tensor([2, 1], NaN, 2)]], true, [null, 2]],
    ['one for a scalar', [['y', tensor([], 1)]], false, [1]],
    [
      'records for a table and several outputs',
      pairs,
      true,
      [
        { label: 0, p: [1, 2] },
        { label: 1, p: [3, 4] },
      ],
    ],
    [
      'lists by name for tensors and several outputs',
      pairs,
      false,
      {
        label: [0, 1],
        p: [
          [1, 2],
          [3, 4],
        ],
      },
    ],
  ])('%s', (_, outputs, isTable, predictions) => {
    expect(encodePredictions(new Map(outputs), { isTable })).toEqual({ predictions })
  })
})

test.each([
  [400, 'BAD_REQUEST'],
  [503, 'TEMPORARILY_UNAVAILABLE'],
  [500, 'INTERNAL_ERROR'],
])('a refusal with %d is %s', (status, code) => {
  expect(mlflowError(status, 'why', 'no_room')).toEqual({ error_code: code, message: 'why', code: 'no_room' })
})

test('whatever JSON or text comes, it is decoded or refused', () => {
  const cell = fc.oneof(fc.double(), fc.jsonValue())
  const names = fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__')
  const form = fc.oneof(
    fc.record({ dataframe_split: fc.record({ columns: fc.array(names), data: fc.array(fc.array(cell)) }) }),
    fc.record({ dataframe_records: fc.array(fc.dictionary(names, cell)) }),
    fc.record({ instances: fc.array(fc.oneof(cell, fc.dictionary(names, cell))) }),
    fc.record({ inputs: fc.oneof(fc.array(cell), fc.dictionary(names, fc.array(cell))) }),
    fc.jsonValue(),
  )
  const models = [matrix(['a', 'b', 'c']), matrix(['a']), matrix(), columns]
  const attempt = (act: () => { inputs: ReadonlyMap<string, Tensor> }): void => {
    try {
      for (const { shape, data } of act().inputs.values()) {
        expect(data.length).toBe(shape.reduce((product, size) => product * size, 1))
      }
    } catch (error) {
      expect(error).toBeInstanceOf(RequestError)
    }
  }
  fc.assert(
    fc.property(form, fc.string(), fc.constantFrom(...models), (body, text, model) => {
      attempt(() => decodeInvocation(Buffer.from(JSON.stringify(body)), model))
      attempt(() => decodeCsv(Buffer.from(`a,b,c\n${text}\n1,2,3\n${text}`), model))
    }),
    { numRuns: 1_000 },
  )
})
