import { expect, test } from '@jest/globals'
import { checkJsonBounds } from './json-bounds.ts'

const MIB = 2 ** 20

test.each<[string, string, string]>([
  ['lists that are never closed', '['.repeat(MIB), 'at most 524288 lists and objects'],
  ['lists without end', `${'['.repeat(MIB)}${']'.repeat(MIB)}`, 'at most 524288 lists and objects'],
  ['objects in each other', '{"a":'.repeat(MIB), 'at most 524288 lists and objects'],
  ['empty objects', `[${'{},'.repeat(MIB)}{}]`, 'at most 524288 lists and objects'],
  ['empty lists', `[${'[],'.repeat(MIB)}[]]`, 'at most 524288 lists and objects'],
  ['numbers', `[${'0,'.repeat(8 * MIB)}0]`, 'at most 8388608 values'],
])('%s are refused before they are parsed', (_, text, words) => {
  expect(() => checkJsonBounds(Buffer.from(text))).toThrow(words)
})

test.each<[string, string]>([
  ['many numbers', `[${'0,'.repeat(4 * MIB)}0]`],
  ['many rows', `[${'[1,2,3,4,5,6],'.repeat(500_000)}[]]`],
  ['brackets in a text', `["${'['.repeat(MIB)}"]`],
  ['brackets behind an escaped quotation mark', `["\\"${'['.repeat(MIB)}\\\\", "${'{'.repeat(MIB)}"]`],
  ['a text that does not end', `["${'['.repeat(MIB)}`],
])('%s are not', (_, text) => {
  expect(() => checkJsonBounds(Buffer.from(text))).not.toThrow()
})
