import { expect, test } from '@jest/globals'
import type { Datatype, TensorSpec } from '../tensor/tensor.ts'
import { exampleRequests } from './example-requests.ts'

function spec(name: string, shape: number[], datatype: Datatype = 'FP32'): TensorSpec {
  return { name, datatype, shape }
}

function bodies(
  inputs: TensorSpec[],
  outputs = [spec('y', [-1, 1])],
  options: Partial<Parameters<typeof exampleRequests>[1]> = {},
): Record<string, unknown> {
  const model = { name: 'a', signature: { inputs, outputs }, frame: 'no columns' }
  const examples = exampleRequests(model, { isDefault: true, sample: undefined, ...options })
  return Object.fromEntries(examples.map(({ protocol, body }) => [protocol, body]))
}

test('a matrix of any number of rows', () => {
  expect(bodies([spec('x', [-1, 2])])).toEqual({
    v2: { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [0, 0] }] },
    v1: { instances: [[0, 0]] },
    mlflow: { inputs: { x: [[0, 0]] } },
  })
})

test('several inputs, of every kind of value', () => {
  expect(
    bodies([spec('a', [-1], 'BOOL'), spec('b', [-1, 1], 'BYTES'), spec('c', [-1], 'INT64')]),
  ).toMatchObject({
    v1: { instances: [{ a: false, b: [''], c: 0 }] },
    mlflow: { inputs: { a: [false], b: [['']], c: [0] } },
  })
})

test.each([
  ['goes in', [spec('x', [2])], [spec('y', [-1])]],
  ['comes out', [spec('x', [-1])], [spec('y', [])]],
])('what %s has no rows', (_, inputs, outputs) => {
  expect(bodies(inputs, outputs).v1).toEqual({ inputs: { x: inputs[0]?.shape[0] === 2 ? [0, 0] : [0] } })
})

test('a model that the routes without a name do not ask', () => {
  expect(Object.keys(bodies([spec('x', [-1])], undefined, { isDefault: false }))).toEqual(['v2', 'v1'])
})

test('a sample that the model must answer is the better example', () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [6.5] }]
  const sample = { type: 'Inputs', inputs } as const
  expect(bodies([spec('x', [-1, 1])], undefined, { sample }).v2).toEqual({ inputs })
})

test('an image is no example for a reader', () => {
  expect(bodies([spec('x', [-1, 3, 224, 224])])).toEqual({})
})
