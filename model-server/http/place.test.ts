import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Admission } from '../execution/admission.ts'
import type { ServedModel } from '../models/served-model.ts'
import { Place } from './place.ts'

/** A model that lets so many in. */
function modelFor(limit: number): { model: ServedModel; rejected: jest.Mock } {
  const rejected = jest.fn()
  const fake: unknown = { admission: new Admission(limit), metrics: { rejected } }
  return { model: fake as ServedModel, rejected }
}

/** A body that comes when told to. */
function slowBody(): { reading: Promise<string>; come: () => void; breakOff: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  return { reading: promise, come: () => resolve('body'), breakOff: () => reject(new Error('it broke off')) }
}

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

test('a body that comes at once keeps its place, and nobody else gets it', async () => {
  const { model, rejected } = modelFor(1)
  const place = new Place(model)
  expect(await place.keepWhile(Promise.resolve('body'), () => modelFor(1).model)).toBe('body')
  expect(place.host).toBe(model)
  expect(() => new Place(model)).toThrow('the queue of the model is full (1 requests)')
  expect(rejected).toHaveBeenCalledWith('queue_full')
  place.leave()
  expect(model.admission.inside).toBe(0)
})

describe('a body that is slow to come', () => {
  test('lets others in, and gets a place of the model that serves by then', async () => {
    const [before, after] = [modelFor(1).model, modelFor(1).model]
    const place = new Place(before)
    const { reading, come } = slowBody()
    const kept = place.keepWhile(reading, () => after)
    jest.advanceTimersByTime(1_000)
    expect(before.admission.inside).toBe(0)
    come()
    await kept
    expect(place.host).toBe(after)
    expect(after.admission.inside).toBe(1)
    place.leave()
    place.leave()
    expect([before.admission.inside, after.admission.inside]).toEqual([0, 0])
  })

  test('is refused where all places are taken when it is there', async () => {
    const { model } = modelFor(1)
    const place = new Place(model)
    const { reading, come } = slowBody()
    const kept = place.keepWhile(reading, () => model)
    jest.advanceTimersByTime(1_000)
    const other = new Place(model)
    come()
    await expect(kept).rejects.toThrow('the queue of the model is full')
    place.leave()
    expect(model.admission.inside).toBe(1)
    other.leave()
  })

  test('takes none for a client that has left', async () => {
    const { model } = modelFor(1)
    const place = new Place(model)
    const { reading, come } = slowBody()
    const kept = place.keepWhile(reading, () => model)
    come()
    place.leave()
    await kept
    expect(model.admission.inside).toBe(0)
  })

  test('leaves nothing behind when it breaks off', async () => {
    const { model } = modelFor(1)
    const place = new Place(model)
    const { reading, breakOff } = slowBody()
    const kept = place.keepWhile(reading, () => model)
    breakOff()
    await expect(kept).rejects.toThrow('it broke off')
    place.leave()
    expect(model.admission.inside).toBe(0)
    expect(jest.getTimerCount()).toBe(0)
  })
})
