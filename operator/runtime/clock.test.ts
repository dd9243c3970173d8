import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { backoffMs, sleep, systemClock } from './clock.ts'
import { FakeClock, settle } from './testing/fake-clock.ts'

describe('backoffMs', () => {
  test('stays between half and all of a doubling wait, and never exceeds the cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, chance) => {
          const wait = backoffMs({ baseMs: 5, maxMs: 300_000 }, attempt, chance)
          const full = Math.min(300_000, 5 * 2 ** (attempt - 1))
          expect(wait).toBeGreaterThanOrEqual(full / 2)
          expect(wait).toBeLessThanOrEqual(full)
        },
      ),
    )
  })
})

describe('sleep', () => {
  test('ends at its time', async () => {
    const clock = new FakeClock()
    let awake = false
    void sleep(clock, 100).then(() => (awake = true))
    await clock.advance(99)
    expect(awake).toBe(false)
    await clock.advance(1)
    expect(awake).toBe(true)
  })

  test('ends at once when it is aborted, and leaves no timer', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const slept = sleep(clock, 100, controller.signal)
    controller.abort()
    await slept
    expect(clock.timers).toBe(0)
  })

  test('does not begin when it is aborted already', async () => {
    await sleep(new FakeClock(), 100, AbortSignal.abort())
  })
})

test('the machine clock does not take a very long wait for none', async () => {
  let fired = false
  const cancel = systemClock.after(2 ** 40, () => (fired = true))
  await sleep(systemClock, 5)
  await settle()
  cancel()
  expect(fired).toBe(false)
})
