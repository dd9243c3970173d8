import { describe, expect, test } from '@jest/globals'
import { oneLine, shorten } from './text.ts'

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

test('one line has no line breaks, no control and no bidirectional characters', () => {
  expect(oneLine(' a\n\t b\u001B[31m \u202Ec\uD800 ')).toBe('a b [31m c\uFFFD')
})
