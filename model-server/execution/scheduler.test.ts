import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { FakeRunner, listed, rowsOfX } from '../test/fake-runner.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Call } from './call.ts'
import { RunnerDied } from './executor.ts'
import type { Lanes, Runner } from './executor.ts'
import { inlineLane } from './inline.ts'
import { Scheduler } from './scheduler.ts'
import { Sharing } from './sharing.ts'

function schedulerOver(
  runner: Runner,
  { maxRows = 32, delayMs = 0 }: { maxRows?: number; delayMs?: number } = {},
  {
    lanes = inlineLane(runner),
    hopelessAfterMs = Infinity,
    proves = false,
    mayRun,
  }: { lanes?: Lanes; hopelessAfterMs?: number; proves?: boolean; mayRun?: (size: number) => boolean } = {},
) {
  const observer = {
    queued: jest.fn<(seconds: number) => void>(),
    ran: jest.fn<(rows: number) => void>(),
    sharingEnded: () => undefined,
  }
  const ended = jest.fn<(reason: string) => void>()
  const scheduler = new Scheduler({
    signature: runner.signature,
    lanes,
    sharing: new Sharing(maxRows, ended, proves),
    delayMs,
    ...(mayRun ? { mayRun } : {}),
    hopelessAfterMs,
    observer,
  })
  const ask = async (rows: number[][], { outputs = ['y'], call = new Call() } = {}): Promise<unknown[][]> => {
    const answer = await scheduler.infer(rowsOfX(...rows), outputs, call)
    return listed(answer.get(outputs[0] ?? ''))
  }
  return { scheduler, ask, observer, ended }
}

/** Resolves after everything that can happen without waiting has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))))
}

test('64 requests of one turn of the event loop share two runs, and each gets its own answer', async () => {
  const runner = new FakeRunner()
  const { ask, observer } = schedulerOver(runner)
  const answers = await Promise.all(Array.from({ length: 64 }, (_, index) => ask([[index, -index]])))
  expect(answers).toEqual(Array.from({ length: 64 }, (_, index) => [[2 * index, -2 * index]]))
  expect(runner.asked.map((rows) => rows.length)).toEqual([32, 32])
  expect(observer.ran.mock.calls.map(([rows]) => rows)).toEqual([32, 32])
  expect(observer.queued).toHaveBeenCalledTimes(64)
})

test('what comes while the model is busy shares the next run', async () => {
  const runner = new FakeRunner()
  runner.held = true
  const { ask } = schedulerOver(runner)
  const first = ask([[1]])
  await settled()
  const others = [ask([[2]]), ask([[3]])]
  await settled()
  expect(runner.asked).toEqual([[[1]]])
  runner.letGo()
  expect(await Promise.all([first, ...others])).toEqual([[[2]], [[4]], [[6]]])
  expect(runner.asked).toEqual([[[1]], [[2], [3]]])
})

describe('requests that do not share a run', () => {
  test('those of other inner dimensions', async () => {
    const runner = new FakeRunner()
    const { ask } = schedulerOver(runner)
    const answers = await Promise.all([ask([[1]]), ask([[2, 3]]), ask([[4]])])
    expect(answers).toEqual([[[2]], [[4, 6]], [[8]]])
    expect(runner.asked).toEqual([[[1], [4]], [[2, 3]]])
  })

  test('those that ask for other outputs', async () => {
    const runner = new FakeRunner()
    const { ask } = schedulerOver(runner)
    const answers = await Promise.all([ask([[1]]), ask([[2]], { outputs: ['rows'] }), ask([[3]])])
    expect(answers).toEqual([[[2]], [[1]], [[6]]])
    expect(runner.asked).toEqual([[[1], [3]], [[2]]])
  })

  test('any where a run takes one row', async () => {
    const runner = new FakeRunner()
    const { ask } = schedulerOver(runner, { maxRows: 1 })
    expect(await Promise.all([ask([[1]]), ask([[2], [3]])])).toEqual([[[2]], [[4], [6]]])
    expect(runner.asked).toEqual([[[1]], [[2], [3]]])
  })
})

test('a request that is too large for a run gets one answer from several', async () => {
  const runner = new FakeRunner()
  const { ask } = schedulerOver(runner, { maxRows: 4 })
  const rows = Array.from({ length: 10 }, (_, index) => [index])
  expect(await ask(rows)).toEqual(rows.map(([value = 0]) => [2 * value]))
  expect(runner.asked.map((run) => run.length)).toEqual([4, 4, 2])
})

test('who comes while a large request is answered waits for one piece of it at most', async () => {
  const runner = new FakeRunner()
  runner.held = true
  const { ask } = schedulerOver(runner, { maxRows: 2 })
  const large = ask([[1], [2], [3], [4], [5], [6]])
  await settled()
  const small = ask([[7]])
  await settled()
  runner.letGo()
  expect(await small).toEqual([[14]])
  expect(await large).toEqual([[2], [4], [6], [8], [10], [12]])
  expect(runner.asked.slice(0, 2)).toEqual([[[1], [2]], [[7]]])
})

test('rows without elements are not cut, since they may be any number', async () => {
  const runner = new FakeRunner()
  const { ask } = schedulerOver(runner, { maxRows: 2 })
  expect(await ask([[], [], [], [], []])).toEqual([[], [], [], [], []])
  expect(runner.asked.map((run) => run.length)).toEqual([5])
})

test('of a large request nothing more is run once a piece of it failed', async () => {
  const runner = new FakeRunner()
  const { ask } = schedulerOver(runner, { maxRows: 1 + 1 })
  await expect(ask([[NaN], [1], [2], [3], [4], [5]])).rejects.toThrow('does not like these rows')
  expect(await ask([[7]])).toEqual([[14]])
  expect(runner.asked).toEqual([[[NaN], [1]], [[7]]])
})

test('whatever the requests are, sharing runs changes no answer', async () => {
  const requests = fc.array(
    fc.record({
      rows: fc.nat(9),
      width: fc.integer({ min: 1, max: 3 }),
      outputs: fc.constantFrom(['y'], ['rows'], ['rows', 'y'], ['y', 'rows']),
      turn: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 8 }), async (asked, maxRows) => {
      let counted = 0
      const all = asked.map(({ rows, width, ...rest }) => ({
        ...rest,
        inputs: rowsOfX(
          ...Array.from({ length: rows }, () => Array.from({ length: width }, () => (counted += 1))),
        ),
      }))
      const alone = new FakeRunner()
      const { scheduler } = schedulerOver(new FakeRunner(), { maxRows })
      const shared = await Promise.all(
        all.map(async ({ inputs, outputs, turn }) => {
          if (turn) await settled()
          return plain(await scheduler.infer(inputs, outputs, new Call()))
        }),
      )
      for (const [index, { inputs, outputs }] of all.entries()) {
        expect(shared[index]).toEqual(plain((await alone.run(inputs, outputs)).outputs))
      }
    }),
  )
})

function plain(answer: ReadonlyMap<string, Tensor>): unknown[] {
  return Array.from(answer, ([name, { shape, data }]) => [name, shape, Array.from<unknown>(data)])
}

describe('failures', () => {
  test('one row that the model fails on fails one request', async () => {
    const runner = new FakeRunner()
    const { ask } = schedulerOver(runner)
    const [good, bad, other] = await Promise.allSettled([ask([[1]]), ask([[NaN]]), ask([[3]])])
    expect(good).toEqual({ status: 'fulfilled', value: [[2]] })
    expect(bad).toMatchObject({
      status: 'rejected',
      reason: { message: 'the runtime does not like these rows' },
    })
    expect(other).toEqual({ status: 'fulfilled', value: [[6]] })
    expect(await ask([[4]])).toEqual([[8]])
  })

  test('a model whose answers do not fit the rows gets one request at a time, and the log says so', async () => {
    class Summing extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(name, [[rows.flat().reduce((sum, value) => sum + value, 0)]])
      }
    }
    const runner = new Summing()
    const { ask, ended } = schedulerOver(runner)
    expect(await Promise.all([ask([[1]]), ask([[2]])])).toEqual([[[2]], [[4]]])
    expect(await Promise.all([ask([[3]]), ask([[4]])])).toEqual([[[6]], [[8]]])
    expect(runner.asked).toEqual([[[1], [2]], [[1]], [[2]], [[3]], [[4]]])
    expect(ended.mock.calls).toEqual([["2 rows gave 'y' of shape [1, 1]"]])
  })

  test('a request without rows is no reason to let others wait for one another', async () => {
    class Padding extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(name, rows.length === 0 ? [[0]] : rows)
      }
    }
    const runner = new Padding()
    const { ask, ended } = schedulerOver(runner)
    const nothing = Array.from({ length: 2 }, () => ask([]))
    expect(await Promise.all([...nothing, ask([[1]]), ask([[2]])])).toEqual([[[0]], [[0]], [[2]], [[4]]])
    expect(runner.asked).toEqual([[], [], [[1], [2]]])
    expect(ended).not.toHaveBeenCalled()
  })

  test('a session that dies fails the requests that it had, and no run is repeated', async () => {
    const runner = new FakeRunner()
    const dying: Runner = {
      signature: runner.signature,
      run: () => Promise.reject(new RunnerDied('the thread is gone')),
      close: runner.close,
    }
    const run = jest.spyOn(dying, 'run')
    const { ask } = schedulerOver(dying)
    const results = await Promise.allSettled([ask([[1]]), ask([[2]])])
    const refused = { status: 'rejected', reason: { status: 503, retryAfterSeconds: 1 } }
    expect(results).toMatchObject([refused, refused])
    await expect(ask([[3]])).rejects.toMatchObject(refused.reason)
    expect(run.mock.calls.splice(1)).toHaveLength(1)
    expect(run).toHaveBeenCalledTimes(1)
  })
})

describe('deadlines', () => {
  const gone = { status: 504 }

  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }))
  afterEach(() => void jest.useRealTimers())

  /** A call that may take so long, and what becomes of it by then. */
  async function late(asked: (call: Call) => Promise<unknown>, milliseconds = 5): Promise<unknown> {
    const answer = asked(new Call(performance.now() + milliseconds))
    answer.catch(() => undefined)
    await settled()
    jest.advanceTimersByTime(milliseconds + 1)
    return answer
  }

  test('one that passed before is not waited for', async () => {
    const runner = new FakeRunner()
    const { ask } = schedulerOver(runner)
    await expect(ask([[1]], { call: new Call(performance.now()) })).rejects.toMatchObject(gone)
    expect(runner.asked).toEqual([])
  })

  test('one that passes in the queue is answered while the model is busy, and never run', async () => {
    const runner = new FakeRunner()
    runner.held = true
    const { ask } = schedulerOver(runner)
    const first = ask([[1]])
    await settled()
    await expect(late((call) => ask([[2]], { call }))).rejects.toMatchObject(gone)
    runner.letGo()
    expect(await first).toEqual([[2]])
    expect(await ask([[3]])).toEqual([[6]])
    expect(runner.asked).toEqual([[[1]], [[3]]])
  })

  test('an earlier one is kept although a later one is watched already', async () => {
    const runner = new FakeRunner()
    runner.held = true
    const { ask } = schedulerOver(runner)
    const patient = ask([[1]], { call: new Call(performance.now() + 60_000) })
    await settled()
    await expect(late((call) => ask([[2]], { call }))).rejects.toMatchObject(gone)
    await expect(late((call) => ask([[3]], { call }))).rejects.toMatchObject(gone)
    runner.letGo()
    expect(await patient).toEqual([[2]])
  })

  test('one that passes during the run is answered then, and the run goes on', async () => {
    const runner = new FakeRunner()
    runner.held = true
    const { ask } = schedulerOver(runner, {}, { hopelessAfterMs: 60_000 })
    const patient = ask([[1]])
    await expect(late((call) => ask([[2]], { call }))).rejects.toMatchObject(gone)
    expect(runner.aborted).toBeUndefined()
    runner.letGo()
    expect(await patient).toEqual([[2]])
  })

  test('a run that goes on long after all of them is ended', async () => {
    const runner = new FakeRunner()
    runner.held = true
    const { ask } = schedulerOver(runner, {}, { hopelessAfterMs: 5 })
    await expect(late((call) => ask([[1]], { call }))).rejects.toMatchObject(gone)
    expect(runner.aborted).toBeUndefined()
    const next = ask([[2]])
    jest.advanceTimersByTime(5)
    expect(await next).toEqual([[4]])
    expect(runner.aborted).toBe('its run did not end')
  })

  test('a client that left is not answered for', async () => {
    const runner = new FakeRunner()
    runner.held = true
    const { ask } = schedulerOver(runner)
    const first = ask([[1]])
    await settled()
    const call = new Call()
    const left = ask([[2]], { call })
    call.abandoned = true
    runner.letGo()
    await expect(left).rejects.toMatchObject(gone)
    await first
    expect(runner.asked).toEqual([[[1]]])
  })

  test('clients that come and leave while the model is busy do not pile up', async () => {
    const runner = new FakeRunner()
    runner.held = true
    const { ask } = schedulerOver(runner)
    const first = ask([[1]])
    await settled()
    let answered = 0
    for (let index = 0; index < 1_000; index += 1) {
      const call = new Call()
      void ask([[index]], { call }).catch(() => (answered += 1))
      call.abandoned = true
    }
    await settled()
    expect(answered).toBeGreaterThan(900)
    runner.letGo()
    await first
  })
})

test('with a delay a request waits for company, until there is enough of it', async () => {
  const runner = new FakeRunner()
  const { ask } = schedulerOver(runner, { maxRows: 3, delayMs: 60_000 })
  const answers = [ask([[1]])]
  await settled()
  expect(runner.asked).toEqual([])
  answers.push(ask([[2]]), ask([[3]]))
  expect(await Promise.all(answers)).toEqual([[[2]], [[4]], [[6]]])
  expect(runner.asked).toEqual([[[1], [2], [3]]])
})

test('with a delay a request goes alone when it is over', async () => {
  const runner = new FakeRunner()
  const { ask } = schedulerOver(runner, { delayMs: 5 })
  expect(await ask([[1]])).toEqual([[2]])
})

test('with several runners several runs go on at the same time', async () => {
  const runners = [new FakeRunner(), new FakeRunner()]
  for (const runner of runners) runner.held = true
  const free: Runner[] = [...runners]
  const lanes: Lanes = {
    ...inlineLane(new FakeRunner()),
    size: 2,
    acquire: () => free.shift(),
    release: (runner) => free.push(runner),
  }
  const { ask } = schedulerOver(new FakeRunner(), { maxRows: 1 }, { lanes })
  const answers = [ask([[1]]), ask([[2]]), ask([[3]])]
  await settled()
  expect(runners.map(({ asked }) => asked)).toEqual([[[[1]]], [[[2]]]])
  for (const runner of runners) runner.letGo()
  expect(await Promise.all(answers)).toEqual([[[2]], [[4]], [[6]]])
})

test('closing closes the runner', async () => {
  const runner = new FakeRunner()
  const { scheduler } = schedulerOver(runner)
  await scheduler.close()
  expect(runner.closed).toBe(true)
})

describe('that company changes nothing is proven with real requests', () => {
  /** Answers each row with the largest of its run, but no row of the trial did. */
  class Coupled extends FakeRunner {
    protected override answer(name: string, rows: readonly number[][]): Tensor {
      const largest = Math.max(...rows.flat())
      return super.answer(
        name,
        rows.map((row) => row.map(() => largest)),
      )
    }
  }
  const askAll = (ask: ReturnType<typeof schedulerOver>['ask'], rows: number[]): Promise<unknown[][][]> =>
    Promise.all(rows.map((value) => ask([[value]])))

  test('and the first difference ends it for good, before anybody gets a wrong answer', async () => {
    const runner = new Coupled()
    const { ask, ended } = schedulerOver(runner, {}, { proves: true })
    expect(await askAll(ask, [1, 2, 3])).toEqual([[[2]], [[4]], [[6]]])
    expect(ended.mock.calls).toEqual([["in a run of 3 requests 'y' differs from that of one alone"]])
    runner.asked.length = 0
    expect(await askAll(ask, [1, 2, 3])).toEqual([[[2]], [[4]], [[6]]])
    expect(runner.asked).toEqual([[[1]], [[2]], [[3]]])
    expect(ended).toHaveBeenCalledTimes(1)
  })

  test('also where it shows only later', async () => {
    const runner = new FakeRunner()
    const { ask, ended } = schedulerOver(runner, {}, { proves: true })
    for (let turn = 0; turn < 4; turn += 1) await askAll(ask, [1, 2])
    runner.letRun = () => true
    const off = new Coupled()
    Object.assign(runner, { answer: (off as unknown as { answer: unknown }).answer })
    for (let turn = 0; turn < 600 && ended.mock.calls.length === 0; turn += 1) await askAll(ask, [1, 2, 3])
    expect(ended).toHaveBeenCalledTimes(1)
    expect(await askAll(ask, [1, 2])).toEqual([[[2]], [[4]]])
  })

  test('in few of many runs, and anew for each shape', async () => {
    const runner = new FakeRunner()
    const { ask } = schedulerOver(runner, {}, { proves: true })
    const alone = (): number => runner.asked.filter((rows) => rows.length === 1).length
    for (let turn = 0; turn < 100; turn += 1) await askAll(ask, [1, 2])
    expect(alone()).toBe(8)
    await Promise.all([ask([[1, 2]]), ask([[3, 4]])])
    expect(alone()).toBe(10)
  })
})

test('as many requests share a run as may happen where it happens', async () => {
  const runner = new FakeRunner()
  const { ask } = schedulerOver(runner, {}, { mayRun: (size) => size <= 5 })
  await Promise.all([ask([[1, 2]]), ask([[3, 4]]), ask([[5, 6]]), ask([[1, 2, 3, 4, 5, 6]])])
  expect(runner.asked).toEqual([
    [
      [1, 2],
      [3, 4],
    ],
    [[5, 6]],
    [[1, 2, 3, 4, 5, 6]],
  ])
})
