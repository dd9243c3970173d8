import { beforeEach, expect, test } from '@jest/globals'
import { FakeRunner } from '../test/fake-runner.ts'
import { inlineLane } from './inline.ts'

let accepted: number
let runner: FakeRunner
beforeEach(() => {
  accepted = 0
  runner = new FakeRunner()
})

/** After what the last turn of the event loop left to do. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('takes one run at a time, and none waits where nobody comes in', () => {
  const lane = inlineLane(runner, () => accepted)
  expect(lane.acquire()).toBe(runner)
  expect(lane.acquire()).toBeUndefined()
  lane.release(runner)
  expect(lane.acquire()).toBe(runner)
})

test('a run waits until a turn brings no other client, and whoever waits for it is told', async () => {
  const lane = inlineLane(runner, () => accepted)
  const got: unknown[] = []
  lane.onFree(() => got.push(lane.acquire()))
  accepted = 1
  expect(lane.acquire()).toBeUndefined()
  accepted = 2
  // Nor does anybody else get it meanwhile.
  expect(lane.acquire()).toBeUndefined()
  await nextTurn()
  expect(got).toEqual([undefined])
  await nextTurn()
  expect(got).toEqual([undefined, runner])
})

test('clients who never stop coming hold up a run for 32 turns, and the next one too', async () => {
  const lane = inlineLane(runner, () => (accepted += 1))
  const turnsUntilRun = async (): Promise<number> => {
    let turns = 0
    for (; turns < 100 && lane.acquire() === undefined; turns += 1) await nextTurn()
    lane.release(runner)
    return turns
  }
  expect([await turnsUntilRun(), await turnsUntilRun()]).toEqual([32, 32])
})
