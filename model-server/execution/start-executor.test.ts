import { describe, expect, test } from '@jest/globals'
import { FakeRunner, rowsOfX } from '../test/fake-runner.ts'
import { Call } from './call.ts'
import type { ServingMode } from './settings.ts'
import { startExecutor } from './start-executor.ts'
import type { StartedExecutor } from './start-executor.ts'

/** Where the sessions of a model were made whose runs take so long. */
class Sessions {
  readonly here: FakeRunner[] = []
  readonly inThreads: FakeRunner[] = []
  readonly #seconds: number

  constructor(seconds: number) {
    this.#seconds = seconds
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
      observer: { queued: () => undefined, ran: () => undefined },
      log: { warn: () => undefined, info: () => undefined },
    })
  }

  #runnerIn(place: FakeRunner[]): FakeRunner {
    const runner = new FakeRunner()
    runner.secondsFor = () => this.#seconds
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
    // Once to warm up; nobody waits there for another trial.
    expect(sessions.here.map(({ asked }) => asked.length)).toEqual([2])
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
