import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readMetadata } from './metadata.ts'
import { housing, housingModel } from '../test/housing.ts'
import { identity, writeModel } from '../test/onnx-writer.ts'

test('a model written by onnx itself names its columns', () => {
  const bytes = readFileSync(housingModel('2').path)
  expect(readMetadata(bytes).get('columns')).toBe(housing.columns.join(','))
})

test('every pair is read, in whatever words', () => {
  const bytes = writeModel({ inputs: [], outputs: [], nodes: [], metadata: { a: 'é', '': 'nothing', b: '' } })
  expect(readMetadata(bytes)).toEqual(
    new Map([
      ['a', 'é'],
      ['', 'nothing'],
      ['b', ''],
    ]),
  )
})

test('a model without metadata has none', () => {
  expect(readMetadata(identity('FP32')).size).toBe(0)
})

test('bytes that are no model are read without harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(readMetadata(bytes)).toBeInstanceOf(Map)
    }),
    { numRuns: 1_000 },
  )
})

test('a truncated model is read without harm', () => {
  const bytes = readFileSync(housingModel('1').path)
  for (let length = 0; length < bytes.length; length += 1) readMetadata(bytes.subarray(0, length))
})
