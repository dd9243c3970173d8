import { describe, expect, test } from '@jest/globals'
import { FakeRunner, rowsOfX } from '../test/fake-runner.ts'
import { Call } from './call.ts'
import type { ServingMode } from './settings.ts'
import { startExecutor } from './start-executor.ts'
import type { StartedExecutor } from './start-executor.ts'
import type { Runner, Tensors } from './executor.ts'

/** Where the sessions of a model were made whose runs take so long. */
class Sessions {
  readonly here: FakeRunner[] = []
  readonly inThreads: FakeRunner[] = []
  readonly #seconds: (rows: number) => number
  samples: Tensors[] = []
  letRun: FakeRunner['letRun'] = () => true

  constructor(seconds: number | ((rows: number) => number)) {
    this.#seconds = typeof seconds === 'function' ? seconds : () => seconds
  }

  start(servingMode: ServingMode, isServing: boolean): Promise<StartedExecutor> {
    const settings = { servingMode, workers: 2, maxBatchSize: 4, batchDelayMs: 0 }
    return startExecutor(new Uint8Array(8), settings, {
      load: () => Promise.resolve(this.#runnerIn(this.here)),
      startWorker: () =>
        Promise.resolve(
          Object.assign(this.#runnerIn(this.inThreads), { died: new Promise<string>(() => undefined) }),
        ),
      backoffMs: () => 0,
      isServing: () => isServing,
      accepted: () => 0,
      observer: { queued: () => undefined, ran: () => undefined, sharingEnded: () => undefined },
      known: () => ({ samples: this.samples, hints: [] }),
      log: { warn: () => undefined, info: () => undefined },
    })
  }

  #runnerIn(place: FakeRunner[]): FakeRunner {
    const runner = new FakeRunner()
    runner.secondsFor = this.#seconds
    runner.letRun = (rows) => this.letRun(rows)
    place.push(runner)
    return runner
  }
}

const FAST = 0.0001
const SLOW = 0.4

describe('while others are served', () => {
  test('a slow model never runs on the event loop', async () => {
    const sessions = new Sessions(SLOW)
    const { mode, lanes } = await sessions.start('auto', true)
    expect({ mode, lanes }).toEqual({ mode: 'workers', lanes: 2 })
    expect(sessions.here).toEqual([])
  })

  test('a fast one goes to the event loop once a thread has shown that it is fast', async () => {
    const sessions = new Sessions(FAST)
    const { mode, trial, infer } = await sessions.start('auto', true)
    expect({ mode, rows: trial.maxRows }).toEqual({ mode: 'inline', rows: 4 })
    expect(sessions.inThreads.map(({ closed }) => closed)).toEqual([true])
    await infer(rowsOfX([1, 2]), ['y'], new Call())
    // Twice to warm up; nobody waits there for another trial.
    expect(sessions.here.map(({ asked }) => asked.length)).toEqual([3])
  })

  test('whoever insists on the event loop gets it', async () => {
    const sessions = new Sessions(SLOW)
    expect(await sessions.start('inline', true)).toMatchObject({ mode: 'inline' })
    expect(sessions.inThreads).toEqual([])
  })
})

describe('while nobody is served', () => {
  test('a fast model needs no thread', async () => {
    const sessions = new Sessions(FAST)
    expect(await sessions.start('auto', false)).toMatchObject({ mode: 'inline' })
    expect(sessions.inThreads).toEqual([])
  })

  test('a slow one gets threads, and its session on the event loop is closed', async () => {
    const sessions = new Sessions(SLOW)
    expect(await sessions.start('auto', false)).toMatchObject({ mode: 'workers' })
    expect(sessions.here.map(({ closed }) => closed)).toEqual([true])
  })
})

describe('a model that answers nothing that can be thought of', () => {
  test('is served all the same, in threads, alone, and learns how many it can take', async () => {
    const sessions = new Sessions(FAST)
    sessions.letRun = (rows) => rows.flat().includes(7)
    const { mode, trial, infer, suggestedQueue } = await sessions.start('auto', false)
    expect({ mode, ...trial }).toMatchObject({
      mode: 'workers',
      triedWith: 'nothing',
      maxRows: 1,
      because: 'not tried: the runtime does not like these rows',
    })
    expect(suggestedQueue()).toBe(8)
    await infer(rowsOfX([7, 2]), ['y'], new Call())
    expect(suggestedQueue()).toBe(1_024)
  })

  test('is tried with its samples where it has some', async () => {
    const sessions = new Sessions(FAST)
    sessions.letRun = (rows) => rows.every((row) => row.includes(7))
    sessions.samples = [rowsOfX([7, 2]), rowsOfX([7, 3], [4, 7])]
    const { mode, trial } = await sessions.start('auto', false)
    expect({ mode, triedWith: trial.triedWith, maxRows: trial.maxRows }).toEqual({
      mode: 'inline',
      triedWith: 'samples',
      maxRows: 4,
    })
  })
})

describe('a model that was fast', () => {
  /** A row takes as long as it is wide, squared, but for one width. */
  class Squared extends FakeRunner {
    override readonly signature = {
      inputs: [{ name: 'x', datatype: 'FP64', shape: [1, -1] }],
      outputs: [{ name: 'y', datatype: 'FP64', shape: [1, -1] }],
    } as const
    widthOfTrial = 64
    override readonly run: Runner['run'] = async (inputs, outputs) => {
      const width = inputs.get('x')?.shape[1] ?? 0
      if (width > this.widthOfTrial) throw new Error('too wide for a trial')
      const { outputs: answers } = await FakeRunner.prototype.runFake.call(this, inputs, outputs)
      return { outputs: answers, seconds: width === 1_000 ? 1e-4 : 1e-6 + 1e-8 * width ** 2 }
    }
  }

  async function startSquared(): Promise<{
    infer: StartedExecutor['infer']
    here: Squared
    threads: Squared[]
    close: StartedExecutor['close']
  }> {
    const here = new Squared()
    const threads: Squared[] = []
    const { infer, mode, close } = await startExecutor(
      new Uint8Array(8),
      { servingMode: 'auto', workers: 1, maxBatchSize: 4, batchDelayMs: 0 },
      {
        load: () => Promise.resolve(here),
        startWorker: () => {
          const thread = new Squared()
          thread.widthOfTrial = Infinity
          threads.push(thread)
          return Promise.resolve(Object.assign(thread, { died: new Promise<string>(() => undefined) }))
        },
        known: () => ({ samples: [], hints: [] }),
        backoffMs: () => 0,
        isServing: () => false,
        accepted: () => 0,
        observer: { queued: () => undefined, ran: () => undefined, sharingEnded: () => undefined },
        log: { warn: () => undefined, info: () => undefined },
      },
    )
    expect(mode).toBe('inline')
    here.widthOfTrial = Infinity
    here.asked.length = 0
    return { infer, here, threads, close }
  }
  const wide = (width: number): Tensors => rowsOfX(Array.from({ length: width }, (_, index) => index))

  test('goes to a thread for what would be slow, and stays for what is not', async () => {
    const { infer, here, threads, close } = await startSquared()
    await infer(wide(60), ['y'], new Call())
    expect(threads).toEqual([])
    await Promise.all([infer(wide(2_048), ['y'], new Call()), infer(wide(2_048), ['y'], new Call())])
    await infer(wide(60), ['y'], new Call())
    expect(here.asked.map(([row]) => row?.length)).toEqual([60, 60])
    expect(threads.map(({ asked }) => asked.map(([row]) => row?.length))).toEqual([[2_048, 2_048]])
    await close()
    expect([here, ...threads].map(({ closed }) => closed)).toEqual([true, true])
  })

  test('comes back to the event loop with what a thread has shown to be fast', async () => {
    const { infer, here, threads } = await startSquared()
    // Far beyond the largest of the trial, and unknown: rather in a thread.
    await infer(wide(1_000), ['y'], new Call())
    expect(threads[0]?.asked.length ?? 0).toBe(1)
    await infer(wide(1_000), ['y'], new Call())
    expect(here.asked.map(([row]) => row?.length)).toEqual([1_000])
  })
})
