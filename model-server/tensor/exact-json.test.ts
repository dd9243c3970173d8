import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseExactly } from './exact-json.ts'

describe('integers keep all their digits', () => {
  test.each<[string, unknown]>([
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['[18446744073709551615, 1, [9007199254740992]]', [2n ** 64n - 1n, 1, [2n ** 53n]]],
    ['{"a": {"b": 12345678901234567890}}', { a: { b: 12345678901234567890n } }],
  ])('%s', (text, value) => {
    expect(parseExactly(text)).toEqual(value)
  })
})

describe('all else is as JSON.parse has it', () => {
  test.each([
    '1764324000000000',
    '{"id": "1764324000000000000", "9007199254740993": [0.30000000000000004, 1e-9007199254740993]}',
    '["a \\" 9007199254740993", "\\\\", 9007199254740993.0, 9007199254740993e2, 90071992547409930000000]',
    '12345678901234567.5',
  ])('%s', (text) => {
    expect(parseExactly(text)).toEqual(JSON.parse(text))
  })

  test('whatever comes', () => {
    fc.assert(
      fc.property(
        // Its own large integers are for the tests above.
        fc.json({ maxDepth: 5 }).filter((json) => !/(?<![\d.eE+-])-?\d{16,}(?!\d*[.eE])/.test(json)),
        fc.constantFrom('9007199254740993', '"9007199254740993"'),
        (json, more) => {
          const parsed = parseExactly(`[${json}, ${more}]`) as unknown[]
          expect(parsed[0]).toEqual(JSON.parse(json))
          expect(parsed[1]).toEqual(more.startsWith('"') ? '9007199254740993' : 9007199254740993n)
        },
      ),
    )
  })

  test('what is no JSON is refused in the words for what was sent', () => {
    expect(() => parseExactly('[9007199254740993, nothing]')).toThrow(/^Unexpected token .*nothing/)
  })
})

test('digits cost no more than they need: a large request is parsed in a few times what JSON.parse takes', () => {
  const zeros = new Array<number>(2_000_000).fill(0)
  const time = (parse: (text: string) => unknown, id: string): number => {
    const text = JSON.stringify({ id, data: zeros })
    const runs = Array.from({ length: 3 }, () => {
      const started = performance.now()
      parse(text)
      return performance.now() - started
    })
    return Math.min(...runs)
  }
  const plain = time(JSON.parse, 'a')
  // With a reviver: forty times as long.
  expect(time(parseExactly, '1764324000000000000')).toBeLessThan(15 * plain)
})
