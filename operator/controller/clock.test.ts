import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { backoffMs, sleep, steadyTime, systemClock } from './clock.ts'
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

describe('steady time', () => {
  const since = (clock: FakeClock) => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() })

  test.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
    ['by years', 10 * 365 * 86_400_000],
  ])('goes on when somebody sets the clock %s, and nears it slowly', (_name, ms) => {
    const clock = new FakeClock()
    const now = steadyTime(clock, since(clock))
    const before = now()
    clock.shiftWall(ms)
    expect(now()).toBe(before)
    clock.jump(600_000)
    expect(now()).toBe(before + 600_000 + Math.sign(ms) * 6_000)
  })

  test('is the wall clock again in the end, and never runs back', () => {
    const clock = new FakeClock()
    const now = steadyTime(clock, since(clock))
    clock.shiftWall(-60_000)
    let last = now()
    for (let minute = 0; minute < 200; minute += 1) {
      clock.jump(60_000)
      expect(now()).toBeGreaterThan(last)
      last = now()
    }
    expect(last).toBe(clock.wallMs())
  })

  test('goes on from the time of somebody else', () => {
    const clock = new FakeClock()
    const { monotonicMs, wallMs } = since(clock)
    clock.jump(5_000)
    const now = steadyTime(clock, { monotonicMs, wallMs: wallMs + 3_600_000 })
    expect(now()).toBe(wallMs + 3_600_000 + 5_000 - 50)
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
