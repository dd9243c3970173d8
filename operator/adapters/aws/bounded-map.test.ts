import { expect, test } from '@jest/globals'
import { FakeClock } from '../../controller/testing/fake-clock.ts'
import { Kept } from './bounded-map.ts'

test('what is asked about is made once, and forgotten when nobody asks any more', () => {
  const clock = new FakeClock()
  const kept = new Kept<object>(clock)
  const first = kept.of('in use', () => ({}))
  for (let minute = 0; minute < 600; minute += 5) {
    for (let n = 0; n < 100; n += 1) kept.of(`${minute} ${n}`, () => ({}))
    expect(kept.of('in use', () => ({}))).toBe(first)
    clock.jump(300_000)
  }
  // Half an hour of names, and not ten hours.
  expect(kept.size).toBeLessThanOrEqual(701)
  const other = kept.of('0 0', () => ({}))
  expect(other).not.toBe(first)
})
