import { expect, test } from '@jest/globals'
import type { HealthAnswer } from './health-routes.ts'
import { NOT_LIVE_MS, NOT_READY_MS, PATIENCE_MS, SilenceWatch } from './silence.ts'

const READY: HealthAnswer = { status: 200, body: { ready: true } }
const LEAVING: HealthAnswer = { status: 503, body: { ready: false, error: 'the server is draining' } }

/** A process that answers when told to, and a clock that moves when somebody waits. */
function world() {
  const asked: number[] = []
  const world = { nowMs: 0, asked, answers: undefined as HealthAnswer | undefined }
  const watch: SilenceWatch = new SilenceWatch(
    () => {
      asked.push(world.nowMs)
      if (world.answers) watch.heard(world.answers)
    },
    {
      now: () => world.nowMs,
      wait: (ms, signal) => {
        if (signal.aborted) return Promise.reject(new Error('aborted'))
        world.nowMs += ms
        return Promise.resolve()
      },
    },
  )
  return { world, watch }
}

test('says what the process says, as it is now', async () => {
  const { world: process, watch } = world()
  process.answers = READY
  expect(await watch.ready()).toEqual(READY)
  process.answers = LEAVING
  expect(await watch.ready()).toEqual(LEAVING)
  expect((await watch.live()).status).toBe(200)
})

test('is not ready before the process ever said so', async () => {
  const { watch } = world()
  expect(await watch.ready()).toEqual({
    status: 503,
    body: { ready: false, error: 'the server is starting', code: 'not_ready' },
  })
  expect((await watch.live()).status).toBe(200)
})

test('says what it said last while it is busy, then that it is silent, and last that it is not live', async () => {
  const { world: process, watch } = world()
  process.answers = READY
  await watch.ready()
  process.answers = undefined
  expect(await watch.ready()).toEqual(READY)
  expect(process.nowMs).toBe(PATIENCE_MS)
  process.nowMs = NOT_READY_MS
  expect(await watch.ready()).toMatchObject({ status: 503, body: { ready: false } })
  expect((await watch.live()).status).toBe(200)
  process.nowMs = NOT_LIVE_MS
  expect(await watch.live()).toMatchObject({ status: 503, body: { live: false } })
  // One question is enough, however often it is probed.
  expect(process.asked).toHaveLength(2)
  watch.heard(READY)
  process.answers = READY
  expect(await watch.ready()).toEqual(READY)
  expect((await watch.live()).status).toBe(200)
})

test('nobody asked for long is no silence', async () => {
  const { world: process, watch } = world()
  process.answers = READY
  await watch.live()
  process.nowMs = 10 * NOT_LIVE_MS
  expect((await watch.live()).status).toBe(200)
  expect(await watch.ready()).toEqual(READY)
})
