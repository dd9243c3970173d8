import { expect, test } from '@jest/globals'
import { backoffMs } from './backoff.ts'

test.each([
  [1, 0, 500],
  [2, 0, 1_000],
  [3, 0, 2_000],
  [3, 1, 1_000],
  [7, 0, 30_000],
  [5_000, 0, 30_000],
  [5_000, 1, 15_000],
])('after attempt %d with chance %d it waits %d ms', (attempt, random, expected) => {
  expect(backoffMs(attempt, random)).toBe(expected)
})
