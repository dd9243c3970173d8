import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { binOf, parseDriftReference, referenceOf, writeDriftReference } from './drift-reference.ts'

describe('a reference of training data', () => {
  test('has bins with as many values each', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => index)
    const { edges, shares } = referenceOf('x', values)
    expect(edges).toEqual([99, 199, 299, 399, 499, 599, 699, 799, 899])
    expect(shares).toEqual(new Array(10).fill(0.1))
  })

  test.each([
    ['two values', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0], [11 / 12, 1 / 12]],
    ['one value', [7, 7, 7], [7], [1, 0]],
  ])('has fewer bins where there are only %s', (_, values, edges, shares) => {
    expect(referenceOf('x', values)).toEqual({ name: 'x', edges, shares })
  })

  test('can always be read again', () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 })
    fc.assert(
      fc.property(values, (sample) => {
        const [read] = parseDriftReference(writeDriftReference([referenceOf('x', sample)]))
        expect(read?.edges).toEqual(referenceOf('x', sample).edges)
      }),
    )
  })
})

test('a value on an edge lies below it', () => {
  const edges = [1, 2, 4]
  expect([-Infinity, 1, 1.5, 2, 4, 5].map((value) => binOf(edges, value))).toEqual([0, 0, 1, 1, 2, 3])
})

test.each([
  ['no JSON', '{', 'Expected'],
  ['a list', '[]', 'expected {"features": {…}}, got []'],
  ['no edges', '{"features":{"RM":{"shares":[1]}}}', 'feature \'RM\': expected {"edges": [number]'],
  [
    'an empty list',
    '{"features":{"RM":{"edges":[],"shares":[1]}}}',
    "feature 'RM': edges: expected 1 to 100, got 0",
  ],
  [
    'edges that go back',
    '{"features":{"RM":{"edges":[2,2],"shares":[0.5,0.5,0]}}}',
    "feature 'RM': edges: expected each above the one before, got [2,2]",
  ],
  [
    'a share too few',
    '{"features":{"RM":{"edges":[1,2],"shares":[0.5,0.5]}}}',
    "feature 'RM': shares: expected 3 from 0 to 1 that add up to 1, got [0.5,0.5]",
  ],
  [
    'counts instead of shares',
    '{"features":{"RM":{"edges":[1],"shares":[90,10]}}}',
    "feature 'RM': shares: expected 2 from 0 to 1 that add up to 1, got [90,10]",
  ],
])('refuses %s', (_, text, message) => {
  expect(() => parseDriftReference(text)).toThrow(message)
})

describe('the program', () => {
  const program = fileURLToPath(new URL('reference-from-csv.ts', import.meta.url))
  const run = (input: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [program, ...args], { input, encoding: 'utf8' })

  test('makes a reference of the columns that are asked for', () => {
    const { status, stdout } = run('RM,town\n6.5,"a, b"\n5.5,c\n', '--columns', 'RM')
    expect(status).toBe(0)
    expect(parseDriftReference(stdout)).toEqual([{ name: 'RM', edges: [5.5, 6.5], shares: [0.5, 0.5, 0] }])
  })

  test.each([
    [
      'a column that is not there',
      'RM\n1\n',
      ['--columns', 'TAX'],
      "column 'TAX': missing; the first line names RM",
    ],
    ['a cell that is no number', 'RM\n1\n\nx\n', [], "line 3, column 'RM': expected a number, got 'x'"],
    ['no rows', 'RM\n', [], 'expected rows after the first line, got none'],
  ])('says what is wrong with %s', (_, input, args, message) => {
    expect(run(input, ...args)).toMatchObject({ status: 2, stderr: `${message}\n` })
  })
})
