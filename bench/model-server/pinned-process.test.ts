import { expect, test } from '@jest/globals'
import { parseCpuList, parseCpuTicks } from './pinned-process.ts'

test.each([
  ['0-1', [0, 1]],
  ['3', [3]],
  ['0,2-4,7', [0, 2, 3, 4, 7]],
  ['', []],
])('the cores of %j', (text, cores) => {
  expect(parseCpuList(text)).toEqual(cores)
})

test('the time of a process whose name has brackets and spaces', () => {
  const stat = '12 (no) de) S 1 12 12 0 -1 4194304 100 0 0 0 250 50 7 9 20 0 11 0 100 1 1'
  expect(parseCpuTicks(stat)).toBe(300)
})
