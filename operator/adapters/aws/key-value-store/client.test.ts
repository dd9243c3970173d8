/** What a store says that lags behind itself, which the emulator never does. */
import { expect, test } from '@jest/globals'
import type { Version } from '../versions.ts'
import { FakeClock } from '../../../controller/testing/fake-clock.ts'
import type { KeyChange, KeyValueStoreApi } from './api.ts'
import { StoreKeeper } from './client.ts'

const ARN = 'arn:aws:cloudfront::123456789012:key-value-store/a'
const BUSY_MS = 5000

class FakeStore implements KeyValueStoreApi {
  etag = 'KV1'
  values = new Map<string, string>()
  /** Keys that were asked for, in order. */
  readonly asked: string[] = []
  readonly changes: KeyChange[] = []

  describe(): Promise<Version> {
    return Promise.resolve({ etag: this.etag })
  }

  get(_arn: string, key: string): Promise<string | undefined> {
    this.asked.push(key)
    return Promise.resolve(this.values.get(key))
  }

  update(_arn: string, _etag: string, change: KeyChange): Promise<string> {
    this.changes.push(change)
    return Promise.resolve(`KV${this.changes.length + 1}`)
  }
}

function kept(): { store: FakeStore; keeper: StoreKeeper; clock: FakeClock } {
  const store = new FakeStore()
  const clock = new FakeClock()
  return { store, clock, keeper: new StoreKeeper(ARN, store, clock) }
}

test('a value that lagged behind its version is read again before long', async () => {
  const { store, keeper, clock } = kept()
  store.values.set('housing', 'before')
  await keeper.look('housing', 'Busy')
  store.values.set('housing', 'after')
  clock.jump(BUSY_MS)
  expect(await keeper.look('housing', 'Busy')).toMatchObject({ value: 'before' })
  clock.jump(30_000)
  expect(await keeper.look('housing', 'Busy')).toMatchObject({
    value: 'after',
    sight: { sinceMs: 0, before: 'Another' },
  })
  expect(store.asked).toHaveLength(2)
})

test('a deletion is not taken for done on a value that lags behind', async () => {
  const { store, keeper } = kept()
  const { etag } = await keeper.look('housing', 'Busy')
  const deletion = { key: 'housing', value: undefined, etag, direction: 'Back' } as const
  await keeper.move(deletion)
  expect(store.changes).toEqual([])
  store.values.set('housing', 'there')
  await keeper.move(deletion)
  expect(store.changes).toEqual([{ key: 'housing', value: undefined }])
})

test('a key that nobody asks about any more is forgotten', async () => {
  const { store, keeper, clock } = kept()
  await keeper.look('prices', 'Busy')
  const askedFor = async (afterMs: number): Promise<string[]> => {
    clock.jump(afterMs)
    store.asked.length = 0
    await keeper.look('housing', 'Busy')
    return store.asked.toSorted()
  }
  expect(await askedFor(899_000)).toEqual(['housing', 'prices'])
  expect(await askedFor(60_000)).toEqual(['housing'])
  expect(await keeper.look('prices', 'Busy')).toMatchObject({ sight: { before: 'Unknown' } })
})
