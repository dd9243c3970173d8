import { describe, expect, test } from '@jest/globals'
import { afterRunning, runnableIn, runningMs, runningTimeout } from './deadline.ts'

describe('running time', () => {
  test.each([
    { name: 'an idle machine', elapsedMs: 1000, runnable: 1, processors: 2, runs: 1000 },
    { name: 'as many processes as processors', elapsedMs: 1000, runnable: 2, processors: 2, runs: 1000 },
    { name: 'five times as many', elapsedMs: 1000, runnable: 10, processors: 2, runs: 200 },
    { name: 'fifty times as many', elapsedMs: 1000, runnable: 100, processors: 2, runs: 100 },
    { name: 'a machine that stood still', elapsedMs: 10_000, runnable: 1, processors: 2, runs: 2000 },
    {
      name: 'one that stood still for an hour',
      elapsedMs: 3_600_000,
      runnable: 1,
      processors: 2,
      runs: 360_000,
    },
    { name: 'a kernel that does not tell', elapsedMs: 1000, runnable: 0, processors: 2, runs: 1000 },
  ])('of $elapsedMs ms on $name is $runs ms', ({ elapsedMs, runs, ...demand }) => {
    expect(runningMs(elapsedMs, demand)).toBe(runs)
  })

  test('the kernel says how many processes want to run', () => {
    expect(runnableIn('cpu  1 2 3\nprocs_running 7\nprocs_blocked 0\n')).toBe(7)
    expect(runnableIn('')).toBe(1)
  })
})

describe('a deadline', () => {
  /** Real time until it is over; the tests keep the process alive meanwhile. */
  async function lengthOf(ms: number, runnable: number): Promise<number> {
    const started = performance.now()
    const alive = setInterval(() => undefined, 1000)
    await new Promise<void>((late) => {
      afterRunning(ms, late, () => ({ runnable, processors: 1 }))
    })
    clearInterval(alive)
    return performance.now() - started
  }

  test('is not before its time on an idle machine', async () => {
    expect(await lengthOf(50, 1)).toBeGreaterThanOrEqual(49)
  })

  test('is further away on a busy one', async () => {
    expect(await lengthOf(50, 8)).toBeGreaterThan(300)
  })

  test('does not come once it was called off', async () => {
    let calls = 0
    afterRunning(20, () => calls++)()
    await lengthOf(60, 1)
    expect(calls).toBe(0)
  })

  test('as a signal says how long it was', async () => {
    const signal = runningTimeout(10)
    const alive = setInterval(() => undefined, 1000)
    await new Promise((aborted) => signal.addEventListener('abort', aborted))
    clearInterval(alive)
    expect((signal.reason as Error).message).toBe('no end within 0.01 s')
  })
})
