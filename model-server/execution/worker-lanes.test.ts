import { expect, jest, test } from '@jest/globals'
import { FakeRunner } from '../test/fake-runner.ts'
import { WorkerLanes } from './worker-lanes.ts'
import type { WorkerLanesOptions } from './worker-lanes.ts'
import type { WorkerRunner } from './worker-runner.ts'

/** A runner that dies when the test wants it. */
class Mortal extends FakeRunner implements WorkerRunner {
  die: (reason: string) => void = () => undefined
  readonly died = new Promise<string>((resolve) => (this.die = resolve))
}

/** Starts runners, or fails to, as the test wants it. */
class Hatchery {
  readonly started: Mortal[] = []
  readonly delays: number[] = []
  failures = 0
  hold: Promise<void> = Promise.resolve()
  #onStart: (() => void)[] = []

  readonly start = async (): Promise<WorkerRunner> => {
    await this.hold
    if (this.failures > 0) {
      this.failures -= 1
      throw new Error('no memory')
    }
    const runner = new Mortal()
    this.started.push(runner)
    for (const tell of this.#onStart.splice(0)) tell()
    return runner
  }

  readonly backoffMs = (attempt: number): number => {
    this.delays.push(attempt)
    return 0
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#onStart.push(resolve))
  }

  options(size: number): WorkerLanesOptions {
    const { start, backoffMs, log } = this
    return { size, start, backoffMs, log }
  }

  readonly log = { warn: jest.fn<() => void>(), info: jest.fn<() => void>() }
}

async function lanesOf(size: number): Promise<{ lanes: WorkerLanes; hatchery: Hatchery }> {
  const hatchery = new Hatchery()
  return { lanes: await WorkerLanes.start(hatchery.options(size)), hatchery }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('each runner is given to one at a time', async () => {
  const { lanes, hatchery } = await lanesOf(2)
  const [first, second] = [lanes.acquire(), lanes.acquire()]
  expect([first, second]).toEqual(hatchery.started)
  expect(lanes.acquire()).toBeUndefined()
  if (second) lanes.release(second)
  expect(lanes.acquire()).toBe(second)
})

test('one that was started before is one of them', async () => {
  const hatchery = new Hatchery()
  const first = new Mortal()
  const lanes = await WorkerLanes.start(hatchery.options(2), first)
  expect(lanes.acquire()).toBe(first)
  expect(hatchery.started).toHaveLength(1)
})

test('one that dies is replaced, and whoever waits is told', async () => {
  const { lanes, hatchery } = await lanesOf(1)
  const tellFree = jest.fn<() => void>()
  lanes.onFree(tellFree)
  const dead = lanes.acquire()
  const replaced = hatchery.next()
  let letStart: () => void = () => undefined
  hatchery.hold = new Promise((resolve) => (letStart = resolve))
  hatchery.started[0]?.die('it ended with code 3')
  await settled()
  expect(lanes.unavailableBecause()).toBe('no thread runs the model: it ended with code 3')
  letStart()
  await replaced
  await settled()
  expect(lanes.unavailableBecause()).toBeUndefined()
  expect(tellFree).toHaveBeenCalledTimes(1)
  // The dead one comes back from its run, and must not be given again.
  if (dead) lanes.release(dead)
  expect(lanes.acquire()).toBe(hatchery.started[1])
  expect(lanes.acquire()).toBeUndefined()
})

test('with another alive nothing is unavailable', async () => {
  const { lanes, hatchery } = await lanesOf(2)
  hatchery.started[0]?.die('gone')
  await settled()
  expect(lanes.unavailableBecause()).toBeUndefined()
  await lanes.close()
})

test('attempts to replace are further and further apart, until one answered', async () => {
  const { lanes, hatchery } = await lanesOf(1)
  hatchery.failures = 2
  const replaced = hatchery.next()
  hatchery.started[0]?.die('gone')
  await replaced
  expect(hatchery.delays).toEqual([1, 2, 3])
  await settled()
  const again = hatchery.next()
  hatchery.started[1]?.die('gone before it answered')
  await again
  expect(hatchery.delays).toEqual([1, 2, 3, 4])
  await settled()
  const runner = lanes.acquire()
  if (runner) lanes.release(runner)
  const last = hatchery.next()
  hatchery.started[2]?.die('gone')
  await last
  expect(hatchery.delays).toEqual([1, 2, 3, 4, 1])
})

test('where not all can be started none is left behind', async () => {
  const hatchery = new Hatchery()
  hatchery.failures = 1
  await expect(WorkerLanes.start(hatchery.options(2))).rejects.toThrow('no memory')
  expect(hatchery.started.map(({ closed }) => closed)).toEqual([true])
})

test('nothing is replaced once they are closed', async () => {
  const { lanes, hatchery } = await lanesOf(2)
  await lanes.close()
  for (const runner of hatchery.started) runner.die('closed')
  await settled()
  expect(hatchery.started.map(({ closed }) => closed)).toEqual([true, true])
  expect(hatchery.delays).toEqual([])
})
