import { beforeEach, describe, expect, test } from '@jest/globals'
import { openSources } from '../sources/source.ts'
import { storeError, StoreRefused } from '../sources/fetched-model.ts'
import { FakeStore, modelConfig } from '../test/fake-models.ts'
import { ModelSlot, Superseded } from './model-slot.ts'
import type { ServedModel } from './served-model.ts'

const config = modelConfig('housing', '1')
const path = '/housing/1'

let store: FakeStore
let slot: ModelSlot

beforeEach(() => {
  store = new FakeStore()
  slot = new ModelSlot(config, store.parts, { required: true, isServing: () => false })
})

function loaded(): ServedModel {
  if (slot.state.type !== 'Loaded') throw new Error(`expected a model, got ${slot.state.type}`)
  return slot.state.model
}

async function load(text: string): Promise<ServedModel> {
  store.texts.set(path, text)
  await slot.load(config)
  return loaded()
}

test('a new model takes over at once, and the old one is freed when it has answered all it owes', async () => {
  const old = await load('a')
  old.admission.enter()
  const young = await load('b')
  expect(young.sha256).toBe('b')
  expect(store.closed).toEqual([])

  old.admission.leave()
  await old.admission.empty()
  await Promise.resolve()
  expect(store.closed).toEqual(['a'])
})

test('requests find the old model for as long as the new one is on its way', async () => {
  await load('a')
  store.hold()
  const loading = load('b')
  await Promise.resolve()
  expect(loaded().sha256).toBe('a')
  store.letGo()
  await loading
  expect(loaded().sha256).toBe('b')
})

test.each([
  ['is refused', 'bad', 'it is bad'],
  ['cannot be had', undefined, 'not there'],
])('a new model that %s leaves the old one in its place', async (_, text, reason) => {
  await load('a')
  if (text === undefined) store.texts.clear()
  else store.texts.set(path, text)
  await expect(slot.load(config)).rejects.toThrow(reason)
  expect(slot.state).toMatchObject({ type: 'Loaded', model: { sha256: 'a' }, reloadFailed: reason })

  await load('b')
  expect(slot.state).toEqual({ type: 'Loaded', model: loaded() })
})

test('a failed load of what is not there yet says why', async () => {
  await expect(slot.load(config)).rejects.toThrow('not there')
  expect(slot.state).toEqual({ type: 'Refused', reason: 'not there' })
})

test('settings change with the model, and not where it fails', async () => {
  await load('a')
  const other = { ...config, maxQueue: 3 }
  await expect(slot.load({ ...other, location: { type: 'File', path: '/nowhere' } })).rejects.toThrow()
  expect(slot.config).toBe(config)
  await slot.load(other)
  expect(slot.config).toBe(other)
})

test('unloading waits for the answers that are owed', async () => {
  const model = await load('a')
  model.admission.enter()
  const unloading = slot.unload()
  await Promise.resolve()
  expect(slot.state.type).toBe('Unloading')
  expect(store.closed).toEqual([])

  model.admission.leave()
  await unloading
  expect(slot.state.type).toBe('Unloaded')
  expect(store.closed).toEqual(['a'])
})

test('an unloaded model can be loaded again, and is counted anew', async () => {
  const { metrics } = await load('a')
  await slot.unload()
  expect((await load('b')).metrics).not.toBe(metrics)
})

test('the later of two loads wins', async () => {
  store.texts.set(path, 'a')
  store.hold()
  const first = slot.load(config)
  const second = slot.load(config)
  store.letGo()
  await expect(first).rejects.toThrow(Superseded)
  await second
  expect(loaded().sha256).toBe('a')
})

test('a load ends the fetching that the server began with', async () => {
  const begun = slot.loadInTheEnd(new AbortController().signal)
  await load('a')
  await begun
  expect(loaded().sha256).toBe('a')
})

test('what is fetched for nobody is freed', async () => {
  const build = store.parts.buildModel
  const built = Promise.withResolvers<undefined>()
  const judged = Promise.withResolvers<undefined>()
  const slow: typeof build = async (...given) => {
    built.resolve(undefined)
    await judged.promise
    return build(...given)
  }
  slot = new ModelSlot(
    config,
    { ...store.parts, buildModel: slow },
    { required: true, isServing: () => false },
  )
  store.texts.set(path, 'a')
  const loading = slot.load(config)
  await built.promise
  const unloading = slot.unload()
  judged.resolve(undefined)
  await expect(loading).rejects.toThrow(Superseded)
  await unloading
  expect(slot.state.type).toBe('Unloaded')
  expect(store.closed).toEqual(['a'])
})

describe('what a store refuses is lasting', () => {
  /** Seconds after which it counted as lasting, where the store gives these errors in turn; undefined where never within ten minutes. */
  async function lastingAfter(...errors: Error[]): Promise<number | undefined> {
    const stop = new AbortController()
    let attempt = 0
    let waitedMs = 0
    let lastingMs: number | undefined
    slot = new ModelSlot(
      config,
      {
        ...store.parts,
        fetchModel: () => Promise.reject(errors[attempt++ % errors.length] ?? new Error('none')),
        pause: (ms) => {
          if (slot.state.type === 'Loading' && slot.state.lasting) lastingMs ??= waitedMs
          waitedMs += ms
          if (lastingMs !== undefined || waitedMs > 600_000) stop.abort()
          return Promise.resolve()
        },
      },
      { required: true, isServing: () => false },
    )
    await slot.loadInTheEnd(stop.signal)
    return lastingMs === undefined ? undefined : lastingMs / 1_000
  }

  test.each([404, 410])('within seconds where it answers %s', async (status) => {
    const seconds = (await lastingAfter(storeError(status, 'gone'))) ?? NaN
    expect(seconds).toBeGreaterThan(1)
    expect(seconds).toBeLessThan(5)
  })

  test.each([400, 401, 403])(
    'after a minute where it answers %s, since rights take time to spread',
    async (status) => {
      const seconds = (await lastingAfter(storeError(status, 'no'))) ?? NaN
      expect(seconds).toBeGreaterThan(60)
      expect(seconds).toBeLessThan(180)
    },
  )

  test('after a minute where a file is missing, which another container may be about to write', async () => {
    const fetch = openSources({ s3: undefined, mlflow: undefined } as never)
    const { signal } = new AbortController()
    const missing: unknown = await fetch(
      { type: 'File', path: '/nowhere/model.onnx' },
      { maxBytes: 1, signal },
    ).catch((error: unknown) => error)
    expect(missing).toBeInstanceOf(StoreRefused)
    expect(await lastingAfter(missing as Error)).toBeGreaterThan(60)
  })

  test.each<[string, Error[]]>([
    ['it does not answer', [new Error('ECONNREFUSED')]],
    ['it asks to come again', [storeError(503, 'later'), storeError(429, 'slowly')]],
    ['its answers change', [storeError(403, 'no'), storeError(404, 'gone')]],
  ])('never where %s', async (_name, errors) => {
    expect(await lastingAfter(...errors)).toBeUndefined()
  })
})
