import { expect, test } from '@jest/globals'
import { redact, redactionFor } from './redact.ts'

const COLUMNS = ['RM', 'LSTAT']

test.each<[string, string[], unknown, unknown]>([
  ['nothing where nothing is named', [], { LSTAT: { 0: 5 } }, { LSTAT: { 0: 5 } }],
  [
    'a column of a frame',
    ['lstat'],
    { RM: { 0: 6 }, LSTAT: { 0: 5 } },
    { RM: { 0: 6 }, LSTAT: '[redacted]' },
  ],
  [
    'a field of records',
    ['lstat'],
    { dataframe_records: [{ RM: 6, LSTAT: 5 }] },
    { dataframe_records: [{ RM: 6, LSTAT: '[redacted]' }] },
  ],
  [
    'the data of a tensor',
    ['age'],
    {
      inputs: [
        { name: 'AGE', shape: [1], data: [40] },
        { name: 'x', data: [1] },
      ],
    },
    {
      inputs: [
        { name: 'AGE', shape: [1], data: '[redacted]' },
        { name: 'x', data: [1] },
      ],
    },
  ],
  [
    'a matrix in which one is a column',
    ['lstat'],
    { inputs: [{ name: 'x', shape: [1, 2], data: [6, 5] }] },
    { inputs: [{ name: 'x', shape: [1, 2], data: '[redacted]' }] },
  ],
  [
    'rows in which one is a column',
    ['lstat'],
    { instances: [[6, 5]], dataframe_split: { columns: ['RM', 'LSTAT'], data: [[6, 5]] }, inputs: [[6, 5]] },
    {
      instances: '[redacted]',
      dataframe_split: { columns: ['RM', 'LSTAT'], data: '[redacted]' },
      inputs: '[redacted]',
    },
  ],
  [
    'tensors by their names in which one is a column',
    ['lstat'],
    { instances: [{ x: [6, 5], RM: [6] }], inputs: { x: [[6, 5]], RM: [6], lstat: [5] } },
    {
      instances: [{ x: '[redacted]', RM: [6] }],
      inputs: { x: '[redacted]', RM: [6], lstat: '[redacted]' },
    },
  ],
  ['a name that every object has', ['constructor'], { constructor: 1 }, { constructor: '[redacted]' }],
])('leaves out %s', (_, fields, body, expected) => {
  expect(redact(body, redactionFor(fields, COLUMNS))).toEqual(expected)
})

test('the body itself is not changed', () => {
  const body = { LSTAT: { 0: 5 } }
  redact(body, redactionFor(['lstat'], COLUMNS))
  expect(body).toEqual({ LSTAT: { 0: 5 } })
})

test.each([
  ['where fields are left out', ['lstat']],
  ['where none is', []],
])('a body that is deeper than the stack does no harm %s', (_, fields) => {
  const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown
  expect(JSON.stringify(redact(deep, redactionFor(fields, COLUMNS)))).toContain('[redacted]')
})
