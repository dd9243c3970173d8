import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Failure, type Outcome, WorkQueue, type QueueOptions } from './work-queue.ts'
import { FakeClock, settle } from './testing/fake-clock.ts'

const done: Outcome = { done: true }

/** A queue whose passes stay open until the test ends them. */
function manual(options: Partial<QueueOptions> = {}) {
  const clock = new FakeClock()
  const started: string[] = []
  const open = new Map<string, { resolve: (outcome: Outcome) => void; reject: (error: unknown) => void }>()
  const failures: Failure[] = []
  const queue = new WorkQueue({
    clock,
    onError: (failure) => failures.push(failure),
    ...options,
    handle: (key) => {
      started.push(key)
      return new Promise((resolve, reject) => open.set(key, { resolve, reject }))
    },
  })
  const end = async (key: string, outcome: Outcome | Error = done) => {
    const pass = open.get(key)
    if (!pass) throw new Error(`no pass of ${key} runs`)
    open.delete(key)
    if (outcome instanceof Error) pass.reject(outcome)
    else pass.resolve(outcome)
    await settle()
  }
  return { clock, queue, started, open, failures, end }
}

describe('a work queue', () => {
  test('keeps what was added before it started, once', () => {
    const { queue, started } = manual()
    queue.add('a')
    queue.add('a')
    queue.add('b')
    expect(started).toEqual([])
    expect(queue.depth).toBe(2)
    queue.start()
    expect(started).toEqual(['a', 'b'])
  })

  test('runs no more passes than it has workers, in the order of arrival', async () => {
    const { queue, started, end } = manual({ workers: 2 })
    queue.start()
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    expect(started).toEqual(['a', 'b'])
    await end('b')
    expect(started).toEqual(['a', 'b', 'c'])
  })

  test('passes again over a key that was added while its pass ran, once', async () => {
    const { queue, started, end } = manual()
    queue.start()
    queue.add('a')
    queue.add('a')
    queue.add('a')
    expect(started).toEqual(['a'])
    await end('a')
    expect(started).toEqual(['a', 'a'])
    await end('a')
    expect(started).toEqual(['a', 'a'])
  })

  test('looks again when the pass says so', async () => {
    const { queue, clock, started, end } = manual()
    queue.start()
    queue.add('a')
    await end('a', { requeueAfterMs: 15_000 })
    await clock.advance(14_999)
    expect(started).toEqual(['a'])
    await clock.advance(1)
    expect(started).toEqual(['a', 'a'])
  })

  test('keeps the earliest of several wishes', async () => {
    const { queue, clock, started } = manual()
    queue.start()
    queue.addAfter('a', 500)
    queue.addAfter('a', 100)
    queue.addAfter('a', 300)
    await clock.advance(100)
    expect(started).toEqual(['a'])
    expect(clock.timers).toBe(0)
  })

  test('waits longer after each failure, and forgets them after a success', async () => {
    const { queue, clock, started, end, failures } = manual({ backoff: { baseMs: 100, maxMs: 1_000 } })
    clock.chance = () => 1
    queue.start()
    queue.add('a')
    for (const waitMs of [100, 200, 400, 800, 1_000, 1_000]) {
      await end('a', new Error('boom'))
      expect(failures.at(-1)?.retryInMs).toBe(waitMs)
      const before = started.length
      await clock.advance(waitMs - 1)
      expect(started).toHaveLength(before)
      await clock.advance(1)
      expect(started).toHaveLength(before + 1)
    }
    for (const success of [done, { requeueAfterMs: 60_000 }]) {
      await end('a', success)
      queue.add('a')
      await end('a', new Error('boom'))
      expect(failures.at(-1)).toMatchObject({ attempt: 1, retryInMs: 100 })
      await clock.advance(100)
    }
  })

  test('does not let the backoff delay a key that changed', async () => {
    const { queue, started, end } = manual({ backoff: { baseMs: 60_000, maxMs: 60_000 } })
    queue.start()
    queue.add('a')
    await end('a', new Error('boom'))
    queue.add('a')
    expect(started).toEqual(['a', 'a'])
  })

  test('looks only slowly again at what trying again cannot help', async () => {
    const { queue, clock, started, end, failures } = manual({
      isTerminal: (error) => (error as Error).message === 'terminal',
      terminalRecheckMs: 7_000,
    })
    queue.start()
    queue.add('a')
    await end('a', new Error('terminal'))
    expect(failures.at(-1)?.retryInMs).toBe(7_000)
    await clock.advance(6_999)
    expect(started).toEqual(['a'])
    await clock.advance(1)
    expect(started).toEqual(['a', 'a'])
  })

  test.each([
    [
      'a handler that throws at once',
      () => {
        throw new Error('boom')
      },
    ],
    [
      'a handler that throws nothing at all',
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        throw undefined
      },
    ],
    ['an outcome that is none', () => Promise.resolve(undefined as unknown as Outcome)],
    ['a recheck that is no number', () => Promise.resolve({ requeueAfterMs: NaN })],
    ['a recheck in the past', () => Promise.resolve({ requeueAfterMs: -1 })],
  ])('survives %s and tries again later', async (_, handle) => {
    const clock = new FakeClock()
    const failures: Failure[] = []
    const queue = new WorkQueue({
      clock,
      handle,
      backoff: { baseMs: 1_000, maxMs: 1_000 },
      isTerminal: (error) => (error as { retryable: boolean }).retryable,
      onError: (failure) => failures.push(failure),
    })
    queue.start()
    queue.add('a')
    await settle()
    expect(failures.map(({ attempt }) => attempt)).toEqual([1])
    await clock.advance(1_000)
    expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2])
    await queue.shutDown()
  })

  test('shuts down when the running passes have ended, and begins none', async () => {
    const { queue, clock, started, end } = manual({ workers: 1 })
    queue.start()
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    let down = false
    const shutDown = queue.shutDown().then(() => (down = true))
    await clock.advance(100)
    expect(down).toBe(false)
    queue.add('d')
    await end('a', { requeueAfterMs: 5 })
    await shutDown
    await clock.advance(100)
    expect(started).toEqual(['a'])
    expect(clock.timers).toBe(0)
  })

  test('knows the age of its oldest pass', async () => {
    const { queue, clock, end } = manual()
    queue.start()
    expect(queue.longestPassMs()).toBe(0)
    queue.add('a')
    await clock.advance(1_000)
    queue.add('b')
    await clock.advance(500)
    expect(queue.longestPassMs()).toBe(1_500)
    await end('a')
    expect(queue.longestPassMs()).toBe(500)
  })

  test('tells its metrics', async () => {
    const told: unknown[] = []
    const { queue, clock, end } = manual({
      workers: 1,
      metrics: {
        added: () => told.push('added'),
        depth: (keys) => told.push(['depth', keys]),
        began: (seconds) => told.push(['began', seconds]),
        ended: (seconds, result) => told.push(['ended', seconds, result]),
      },
    })
    queue.add('a')
    await clock.advance(2_000)
    queue.start()
    await clock.advance(3_000)
    await end('a', new Error('boom'))
    expect(told).toEqual(['added', ['depth', 1], ['depth', 0], ['began', 2], ['ended', 3, 'error']])
  })
})

describe('tenants of a work queue', () => {
  const tenantOf = (key: string): string => key.split('/')[0] ?? ''
  const many = (tenant: string): string[] => Array.from({ length: 100 }, (_, n) => `${tenant}/${n}`)

  test('find a worker free, whatever another one has running', () => {
    const { queue, started } = manual({ workers: 4, tenantOf })
    queue.start()
    for (const key of many('a')) queue.add(key)
    expect(started).toEqual(['a/0', 'a/1', 'a/2'])
    queue.add('b/0')
    expect(started.at(-1)).toBe('b/0')
  })

  test('come next, whatever another one has waiting', async () => {
    const { queue, started, end } = manual({ workers: 2, tenantOf })
    for (const key of [...many('a'), ...many('b'), 'c/0']) queue.add(key)
    queue.start()
    for (let n = 0; n < 4; n += 1) await end(started[n] ?? '')
    expect(started).toEqual(['a/0', 'b/0', 'c/0', 'a/1', 'b/1', 'a/2'])
    expect(queue.depth).toBe(195)
  })

  test('have the only worker in turns', async () => {
    const { queue, started, end } = manual({ workers: 1, tenantOf })
    for (const key of ['a/0', 'a/1', 'a/2', 'b/0']) queue.add(key)
    queue.start()
    for (let n = 0; n < 3; n += 1) await end(started[n] ?? '')
    expect(started).toEqual(['a/0', 'b/0', 'a/1', 'a/2'])
  })
})

describe('what is urgent', () => {
  test('has workers of its own', () => {
    const { queue, started } = manual({ workers: 2 })
    queue.start()
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    queue.add('e', 'Urgent')
    queue.add('d', 'Urgent')
    queue.add('c')
    expect(started).toEqual(['a', 'b', 'e', 'd'])
    expect(queue.depth).toBe(1)
  })

  test('stays so while the passes say it, and through failures', async () => {
    const { queue, started, end, clock } = manual({ workers: 1, backoff: { baseMs: 100, maxMs: 100 } })
    queue.start()
    queue.add('a')
    await end('a', { requeueAfterMs: 50, urgency: 'Urgent' })
    queue.add('stuck')
    await clock.advance(50)
    await end('a', new Error('no'))
    await clock.advance(100)
    expect(started).toEqual(['a', 'stuck', 'a', 'a'])
    // Propagated: an ordinary key again.
    await end('a', { requeueAfterMs: 50, urgency: 'Usual' })
    await clock.advance(50)
    expect(started).toEqual(['a', 'stuck', 'a', 'a'])
    await end('stuck')
    expect(started.at(-1)).toBe('a')
  })

  test('is so when it is added while its pass runs', async () => {
    const { queue, started, end } = manual({ workers: 1 })
    queue.start()
    queue.add('a')
    queue.add('b')
    queue.add('a', 'Urgent')
    await end('a')
    expect(started).toEqual(['a', 'a', 'b'])
  })
})

describe('a key that is added again and again', () => {
  test('keeps the least distance between the starts of its passes', async () => {
    const { queue, started, end, clock } = manual({ leastMs: 100 })
    queue.start()
    for (let n = 0; n < 1000; n += 1) {
      queue.add('a', n % 2 === 0 ? 'Urgent' : 'Usual')
      await clock.advance(1)
      await end('a').catch(() => undefined)
    }
    // At the beginning and every 100 ms, the last time for what was added last.
    expect(started).toHaveLength(11)
    await clock.advance(1_000)
    expect(started).toHaveLength(11)
    expect(clock.timers).toBe(0)
  })

  test('keeps it when its own passes want no pause', async () => {
    const { queue, started, end, clock } = manual({ leastMs: 100 })
    queue.start()
    queue.add('a')
    await end('a', { requeueAfterMs: 0 })
    await clock.advance(99)
    expect(started).toEqual(['a'])
    await clock.advance(1)
    expect(started).toEqual(['a', 'a'])
  })

  test('is passed over once for a storm of a thousand changes', async () => {
    const { queue, started, clock } = manual({ leastMs: 100 })
    queue.start()
    for (let n = 0; n < 1000; n += 1) {
      queue.addGathered('a')
      await clock.advance(1)
    }
    await clock.advance(1_000)
    expect(started).toEqual(['a'])
    expect(clock.timers).toBe(0)
  })

  test('is not forgotten in a storm without end', async () => {
    const { queue, started, end, clock } = manual({ leastMs: 100 })
    queue.start()
    for (let second = 0; second < 10; second += 1) {
      for (let n = 0; n < 20; n += 1) {
        queue.addGathered('a')
        await clock.advance(50)
      }
      await end('a').catch(() => undefined)
    }
    expect(started).toHaveLength(5)
  })

  test('is soon looked at after a single change', async () => {
    const { queue, started, clock } = manual()
    queue.start()
    queue.addGathered('a')
    await clock.advance(200)
    expect(started).toEqual(['a'])
  })

  test('is gone with the queue', async () => {
    const { queue, started, clock } = manual()
    queue.start()
    queue.addGathered('a')
    await queue.shutDown()
    queue.addGathered('a')
    await clock.advance(10_000)
    expect(started).toEqual([])
  })
})

describe('whatever happens', () => {
  type Event =
    | { type: 'add'; key: string }
    | { type: 'addAfter'; key: string; ms: number }
    | { type: 'end'; at: number; how: 'done' | 'recheck' | 'throw' }
    | { type: 'wait'; ms: number }

  const key = fc.constantFrom('a', 'b', 'c')
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.record({ type: fc.constant('add' as const), key }),
    fc.record({ type: fc.constant('addAfter' as const), key, ms: fc.nat(50) }),
    fc.record({
      type: fc.constant('end' as const),
      at: fc.nat(2),
      how: fc.constantFrom('done', 'recheck', 'throw' as const),
    }),
    fc.record({ type: fc.constant('wait' as const), ms: fc.nat(60) }),
  )

  test('a key is never in two workers, and none is lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (events, workers) => {
          const clock = new FakeClock()
          const running = new Map<string, (how: 'done' | 'recheck' | 'throw') => void>()
          /** Keys with a wish that no reconcile has begun after, and when it must have. */
          const owed = new Map<string, number>()
          const queue = new WorkQueue({
            clock,
            workers,
            backoff: { baseMs: 10, maxMs: 40 },
            handle: (name) =>
              new Promise((resolve, reject) => {
                expect(running.has(name)).toBe(false)
                expect(running.size).toBeLessThan(workers)
                if ((owed.get(name) ?? 0) <= clock.monotonicMs()) owed.delete(name)
                running.set(name, (how) => {
                  running.delete(name)
                  if (how === 'throw') reject(new Error('boom'))
                  else resolve(how === 'done' ? { done: true } : { requeueAfterMs: 20 })
                })
              }),
          })
          queue.start()
          const owe = (name: string, atMs: number) => owed.set(name, Math.max(atMs, owed.get(name) ?? 0))
          for (const happening of events) {
            if (happening.type === 'add') {
              owe(happening.key, clock.monotonicMs())
              queue.add(happening.key)
            } else if (happening.type === 'addAfter') {
              owe(happening.key, clock.monotonicMs())
              queue.addAfter(happening.key, happening.ms)
            } else if (happening.type === 'end') {
              ;[...running.values()][happening.at]?.(happening.how)
            } else {
              await clock.advance(happening.ms)
            }
            await settle()
          }
          // Let everything come to rest: every wish that was made must have had its pass.
          for (let round = 0; round < 20; round++) {
            for (const end of [...running.values()]) end('done')
            await clock.advance(60)
          }
          expect([...owed.keys()]).toEqual([])
          expect(queue.depth).toBe(0)
          expect(running.size).toBe(0)
          expect(clock.timers).toBe(0)
        },
      ),
      { numRuns: 200 },
    )
  })
})
