import { describe, expect, test } from '@jest/globals'
import { identity } from '../test/onnx-writer.ts'
import { externalFileOf } from './external-data.ts'

/** A field with a length; shorter than 128 bytes. */
function field(number: number, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const tag = number * 8 + 2
  return Buffer.concat([
    Buffer.from(tag < 128 ? [tag] : [(tag % 128) + 128, tag >> 7]),
    Buffer.from([content.length]),
    content,
  ])
}

const entry = (key: string, value: string): Buffer => field(13, field(1, key), field(2, value))
const elsewhere = Buffer.concat([field(8, 'w'), entry('location', 'package.json'), Buffer.from([14 * 8, 1])])
const here = Buffer.concat([field(8, 'w'), field(9, 'raw')])

describe('weights in another file are found', () => {
  test.each<[string, Buffer]>([
    ['among the weights', field(7, field(5, here), field(5, elsewhere))],
    ['in a constant', field(7, field(1, field(5, field(5, elsewhere))))],
    ['in a list of constants', field(7, field(1, field(5, field(10, elsewhere))))],
    ['in the branch of an If', field(7, field(1, field(5, field(6, field(5, elsewhere)))))],
    ['in a sparse weight', field(7, field(15, field(1, elsewhere)))],
    [
      'behind a group, which nobody uses',
      Buffer.concat([Buffer.from([3, 4]), field(7, field(5, elsewhere))]),
    ],
    ['in a function', field(25, field(7, field(5, field(5, elsewhere))))],
  ])('%s', (_, model) => {
    expect(externalFileOf(model)).toBe('package.json')
  })

  test('whatever else is said of them first', () => {
    const model = field(7, field(5, entry('offset', '4096'), entry('location', 'package.json')))
    expect(externalFileOf(model)).toBe('another file')
  })
})

test.each<[string, Buffer]>([
  ['weights of its own', field(7, field(5, here))],
  [
    'the word elsewhere',
    Buffer.concat([field(7, field(5, here)), field(14, field(1, 'location'), field(2, 'a'))]),
  ],
  ['no weights', identity('FP32')],
  ['no model', Buffer.from('<html>')],
  ['nothing', Buffer.alloc(0)],
])('a model with %s needs no other file', (_, model) => {
  expect(externalFileOf(model)).toBeUndefined()
})

test('graphs that are nested without end are walked to theirs', () => {
  let depth = entry('location', 'a name that is no weight')
  for (let level = 0; level < 8; level += 1) depth = field(1, field(5, field(6, depth)))
  expect(externalFileOf(field(7, depth))).toBeUndefined()
})
