import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { holds, lines, oneLine, shorten, shortenMiddle } from './text.ts'

describe('one line', () => {
  test.each([
    ['line breaks', 'a\r\nb\u2028c\u2029d', 'a b c d'],
    ['escape sequences', 'a\u001B[31mb', 'a [31mb'],
    ['C1 controls', 'a\u009Bb\u0085c', 'a b c'],
    ['text that runs backwards', 'safe\u202Egpj.exe\u202C', 'safe gpj.exe'],
    ['isolates', '\u2066a\u2069', 'a'],
    ['what has no width', 'a\u200Bb\uFEFFc\u00ADd', 'a b c d'],
    ['tags', 'a\u{E0041}b', 'a b'],
    ['half a pair', 'a\uD800b', 'a\uFFFDb'],
  ])('holds no %s', (_name, text, line) => expect(oneLine(text)).toBe(line))
})

describe('lines', () => {
  test.each([
    ['keep line breaks and tabs', 'a\n\tb', 'a\n\tb'],
    ['know the breaks of others', 'a\r\nb\rc\u2028d', 'a\nb\nc\nd'],
    ['lose colors', '\u001B[1;31merror\u001B[0m: x', 'error: x'],
    ['lose controls and directions', 'a\u0000\u0007\u202Eb', 'ab'],
    ['are well formed', '\uDC00a', '\uFFFDa'],
  ])('%s', (_name, text, clean) => expect(lines(text)).toBe(clean))
})

describe('a cut', () => {
  test.each([
    ['leaves alone what is short', 'four', 4, 'four'],
    ['marks what is missing', 'fives', 4, 'fiv…'],
    ['leaves no half of a pair', 'ab😀😀', 4, 'ab…'],
    ['keeps a whole pair', 'ab😀😀', 5, 'ab😀…'],
    ['leaves no accent behind', 'abe\u0301\u0301cd', 5, 'ab…'],
    ['leaves no half of a family', 'a👨‍👩‍👧‍👦bc', 6, 'a…'],
    ['leaves no half of a flag', 'a🇩🇪🇫🇷b', 8, 'a🇩🇪…'],
    ['makes whole what was not', '\uD83D', 4, '\uFFFD'],
  ])('%s', (_name, text, most, short) => expect(shorten(text, most)).toBe(short))

  test('of one endless character gives something', () => {
    expect(shorten(`e${'\u0301'.repeat(500)}`, 300)).toHaveLength(300)
    expect(shorten(`e${'\u{E0100}'.repeat(500)}`, 300).isWellFormed()).toBe(true)
  })
})

describe('a piece of a text', () => {
  test('is found where String.includes finds it', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 })
    fc.assert(
      fc.property(letters, letters, (text, piece) => holds(text, piece) === text.includes(piece)),
      { seed: 9, numRuns: 2000 },
    )
  })

  // A search that begins anew at each character looks at two thousand million here.
  test('is looked for in one walk', () => {
    const almost = `${'a'.repeat(2048)}b${'a'.repeat(2047)}`
    const text = 'a'.repeat(2 ** 17)
    let read = 0
    const counting = new Proxy(Object(text) as object, {
      get: (target, name) => {
        read += 1
        const member: unknown = Reflect.get(target, name)
        return member
      },
    })
    expect(holds(counting as unknown as string, almost)).toBe(false)
    expect(read).toBeLessThan(3 * text.length)
  })
})

describe('text that is shortened', () => {
  test.each<[string, number, string]>([
    ['short enough', 12, 'short enough'],
    ['grant s3:GetBucketAcl and s3:PutBucketAcl', 40, 'grant s3:GetBucketAcl and…'],
    ['grant s3:GetBucketAcl and more', 22, 'grant s3:GetBucketAcl…'],
    ['x'.repeat(50), 10, `${'x'.repeat(9)}…`],
    ['\u{1F600}'.repeat(10), 8, '\u{1F600}\u{1F600}\u{1F600}…'],
  ])('%p to %d is %p', (text, most, short) => {
    expect(shorten(text, most)).toBe(short)
    expect(shorten(text, most).length).toBeLessThanOrEqual(most)
  })
})

describe('text whose middle is left out', () => {
  const words = (count: number): string => Array.from({ length: count }, (_, at) => `word${at}`).join(' ')

  test('is left alone where it is short enough', () => expect(shortenMiddle('a b c', 5)).toBe('a b c'))

  test('keeps whole words from both ends', () => {
    const short = shortenMiddle(words(500), 300)
    expect(short).toMatch(/^word0 word1 .*word\d+… word4\d\d .*word498 word499$/)
    expect(short.length).toBeLessThanOrEqual(300)
    for (const word of short.split(/…? /)) expect(words(500).split(' ')).toContain(word)
  })

  test.each(['x', '\u{1F600}', `e${'\u0301'.repeat(9)}`])(
    'of %p over and over is as short as it must be',
    (piece) => {
      const short = shortenMiddle(piece.repeat(1000), 300)
      expect(short.length).toBeLessThanOrEqual(300)
      expect(short.length).toBeGreaterThan(150)
      expect(short).toMatch(new RegExp(`^(?:${piece})+… (?:${piece})+$`, 'u'))
    },
  )
})

test('one line has no line breaks, no control and no bidirectional characters', () => {
  expect(oneLine(' a\n\t b\u001B[31m \u202Ec\uD800 ')).toBe('a b [31m c\uFFFD')
})
