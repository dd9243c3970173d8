/** KeyValueStores through both real SDKs: the control plane makes them, the data plane fills them. */
import {
  CreateKeyValueStoreCommand,
  DeleteKeyValueStoreCommand,
  DescribeKeyValueStoreCommand,
  ListKeyValueStoresCommand,
  UpdateKeyValueStoreCommand,
} from '@aws-sdk/client-cloudfront'
import {
  DeleteKeyCommand,
  DescribeKeyValueStoreCommand as DescribeCommand,
  GetKeyCommand,
  ListKeysCommand,
  PutKeyCommand,
  UpdateKeysCommand,
} from '@aws-sdk/client-cloudfront-keyvaluestore'
import { describe, expect, test } from '@jest/globals'
import { admin, calls, cloudFront, keyValueStore, refusal, start } from '../test/running.ts'
import type { CloudFrontClient } from '@aws-sdk/client-cloudfront'
import type {
  CloudFrontKeyValueStoreClient,
  UpdateKeysCommandInput,
} from '@aws-sdk/client-cloudfront-keyvaluestore'
import type { CloudFrontLocalOptions } from '../start.ts'
import type { Running } from '../test/running.ts'

type World = {
  running: Running
  control: CloudFrontClient
  data: CloudFrontKeyValueStoreClient
  KvsARN: string
}

async function world(options: CloudFrontLocalOptions = {}): Promise<World> {
  const running = await start(options)
  const control = cloudFront(running)
  const made = await control.send(new CreateKeyValueStoreCommand({ Name: 'models', Comment: 'colors' }))
  return { running, control, data: keyValueStore(running), KvsARN: made.KeyValueStore?.ARN ?? '' }
}

async function etagOf({ data, KvsARN }: World): Promise<string> {
  return (await data.send(new DescribeCommand({ KvsARN }))).ETag ?? ''
}

async function put(of: World, Key: string, Value: string): Promise<string> {
  const IfMatch = await etagOf(of)
  const { ETag = '' } = await of.data.send(new PutKeyCommand({ KvsARN: of.KvsARN, IfMatch, Key, Value }))
  return ETag
}

async function update(of: World, changes: Pick<UpdateKeysCommandInput, 'Puts' | 'Deletes'>) {
  return of.data.send(new UpdateKeysCommand({ KvsARN: of.KvsARN, IfMatch: await etagOf(of), ...changes }))
}

describe('the control plane', () => {
  test('makes, describes, lists, renames the comment of and deletes a store', async () => {
    const { running, control, KvsARN } = await world()
    const Name = 'models'
    const described = await control.send(new DescribeKeyValueStoreCommand({ Name }))
    expect(described.KeyValueStore).toMatchObject({ Name, ARN: KvsARN, Comment: 'colors' })
    expect(KvsARN).toMatch(/^arn:aws:cloudfront::123456789012:key-value-store\/[0-9a-f-]{36}$/)
    expect(described.ETag).toMatch(/^E[A-Z0-9]{13}$/)
    const Comment = 'which color'
    const updated = await control.send(
      new UpdateKeyValueStoreCommand({ Name, Comment, IfMatch: described.ETag }),
    )
    expect(updated.KeyValueStore?.Comment).toBe(Comment)
    const stale = control.send(new UpdateKeyValueStoreCommand({ Name, Comment, IfMatch: described.ETag }))
    await expect(refusal(stale)).resolves.toEqual({ code: 'PreconditionFailed', status: 412 })
    const listed = await control.send(new ListKeyValueStoresCommand({}))
    expect(listed.KeyValueStoreList).toMatchObject({ Quantity: 1, Items: [{ Name, Comment }] })
    await control.send(new DeleteKeyValueStoreCommand({ Name, IfMatch: updated.ETag }))
    const gone = control.send(new DescribeKeyValueStoreCommand({ Name }))
    await expect(refusal(gone)).resolves.toEqual({ code: 'EntityNotFound', status: 404 })
    expect(calls(running).at(-1)).toMatchObject({
      operation: 'DescribeKeyValueStore',
      store: Name,
      status: 404,
    })
  })

  test('tells Location, and that a store is being made until every edge has it', async () => {
    const running = await start()
    const control = cloudFront(running)
    await admin(running, 'POST', '/edges/3/hold')
    const made = await control.send(new CreateKeyValueStoreCommand({ Name: 'models' }))
    expect(made.Location).toBe(`https://cloudfront.amazonaws.com/2020-05-31/key-value-store/models`)
    expect(made.KeyValueStore?.Status).toBe('PROVISIONING')
    await running.waitFor((entry) => entry.type === 'EdgeStoreApplied' && entry.edge === 2)
    await admin(running, 'POST', '/edges/3/release')
    const described = await control.send(new DescribeKeyValueStoreCommand({ Name: 'models' }))
    expect(described.KeyValueStore?.Status).toBe('READY')
  })

  test('refuses a name that is taken', async () => {
    const { control } = await world()
    const answer = refusal(control.send(new CreateKeyValueStoreCommand({ Name: 'models' })))
    await expect(answer).resolves.toEqual({ code: 'EntityAlreadyExists', status: 409 })
  })
})

describe('the data plane', () => {
  test('describes the store, with an ETag of its own', async () => {
    const of = await world()
    await put(of, 'housing', 'blue')
    const described = await of.data.send(new DescribeCommand({ KvsARN: of.KvsARN }))
    expect(described).toMatchObject({
      KvsARN: of.KvsARN,
      ItemCount: 1,
      TotalSizeInBytes: 11,
      Status: 'READY',
    })
    expect(described.Created).toBeInstanceOf(Date)
    expect(described.LastModified?.getTime()).toBeGreaterThanOrEqual(described.Created?.getTime() ?? 0)
    const control = await of.control.send(new DescribeKeyValueStoreCommand({ Name: 'models' }))
    expect(described.ETag).not.toBe(control.ETag)
  })

  test('puts, gets and deletes a key, each write giving a new ETag', async () => {
    const of = await world()
    const { data, KvsARN } = of
    const first = await put(of, 'a/b c', '{"a":"blue"}')
    const got = await data.send(new GetKeyCommand({ KvsARN, Key: 'a/b c' }))
    expect(got).toMatchObject({ Key: 'a/b c', Value: '{"a":"blue"}', ItemCount: 1 })
    const gone = await data.send(new DeleteKeyCommand({ KvsARN, Key: 'a/b c', IfMatch: first }))
    expect(gone).toMatchObject({ ItemCount: 0, TotalSizeInBytes: 0 })
    expect(gone.ETag).not.toBe(first)
    const missing = refusal(data.send(new GetKeyCommand({ KvsARN, Key: 'a/b c' })))
    await expect(missing).resolves.toEqual({ code: 'ResourceNotFoundException', status: 404 })
  })

  test('the ETag is that of the whole store: a write to one key makes that of another stale', async () => {
    const of = await world()
    const { data, KvsARN } = of
    const IfMatch = await put(of, 'a', '1')
    await put(of, 'b', '1')
    const stale = refusal(data.send(new PutKeyCommand({ KvsARN, Key: 'a', Value: '2', IfMatch })))
    await expect(stale).resolves.toEqual({ code: 'ConflictException', status: 409 })
    expect((await data.send(new GetKeyCommand({ KvsARN, Key: 'a' }))).Value).toBe('1')
    const malformed = data.send(new PutKeyCommand({ KvsARN, Key: 'a', Value: '2', IfMatch: '*' }))
    await expect(refusal(malformed)).resolves.toEqual({ code: 'ValidationException', status: 400 })
  })

  test('UpdateKeys is done as a whole or not at all', async () => {
    const of = await world()
    await update(of, {
      Puts: [
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '1' },
      ],
    })
    const changed = await update(of, { Puts: [{ Key: 'c', Value: '1' }], Deletes: [{ Key: 'a' }] })
    expect(changed.ItemCount).toBe(2)
    const halfway = update(of, { Puts: [{ Key: 'b', Value: '2' }], Deletes: [{ Key: 'missing' }] })
    await expect(refusal(halfway)).resolves.toEqual({ code: 'ResourceNotFoundException', status: 404 })
    const { Items } = await of.data.send(new ListKeysCommand({ KvsARN: of.KvsARN }))
    expect(Items).toEqual([
      { Key: 'b', Value: '1' },
      { Key: 'c', Value: '1' },
    ])
    expect(calls(of.running).filter(({ operation }) => operation === 'UpdateKeys')).toMatchObject([
      {
        service: 'KeyValueStore',
        store: 'models',
        status: 200,
        version: 2,
        keys: ['a', 'b'],
        puts: { a: '1', b: '1' },
      },
      { version: 3, keys: ['c', 'a'], puts: { c: '1' } },
      { status: 404, code: 'ResourceNotFoundException', store: 'models' },
    ])
  })

  const many = (count: number, size: number) =>
    Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: 'v'.repeat(size) }))

  test.each([
    { name: '51 keys', changes: { Puts: many(51, 1) } },
    { name: 'a key of 513 bytes', changes: { Puts: [{ Key: 'ä'.repeat(256) + 'k', Value: '' }] } },
    { name: 'a value of more than 1 KB', changes: { Puts: many(1, 1025) } },
    { name: 'a key twice', changes: { Puts: many(1, 1), Deletes: [{ Key: 'k0' }] } },
    { name: 'nothing', changes: {} },
  ])('$name in one update is a ValidationException', async ({ changes }) => {
    const of = await world()
    const before = await etagOf(of)
    await expect(refusal(update(of, changes))).resolves.toEqual({ code: 'ValidationException', status: 400 })
    expect(await etagOf(of)).toBe(before)
  })

  test('a store that would hold more than 5 MB is ServiceQuotaExceededException', async () => {
    const items = Object.fromEntries(
      Array.from({ length: 5050 }, (_, index) => [`key-${index}`, 'v'.repeat(1024)]),
    )
    const running = await start({
      seed: {
        distributions: [
          {
            origins: [{ id: 'a', domainName: 'a.example' }],
            behaviors: [{ pathPattern: '*', targetOriginId: 'a' }],
          },
        ],
        keyValueStores: [{ name: 'models', items }],
      },
    })
    const listed = await cloudFront(running).send(new ListKeyValueStoresCommand({}))
    const KvsARN = listed.KeyValueStoreList?.Items?.[0]?.ARN ?? ''
    const of = { running, control: cloudFront(running), data: keyValueStore(running), KvsARN }
    const full = update(of, { Puts: many(50, 1024) })
    await expect(refusal(full)).resolves.toEqual({ code: 'ServiceQuotaExceededException', status: 402 })
  })

  test('lists keys page by page, ten at a time and fifty at most', async () => {
    const of = await world()
    await update(of, { Puts: many(12, 1) })
    const list = (input: object) => of.data.send(new ListKeysCommand({ KvsARN: of.KvsARN, ...input }))
    const first = await list({})
    expect(first.Items).toHaveLength(10)
    const second = await list({ NextToken: first.NextToken })
    expect([second.Items?.length, second.NextToken]).toEqual([2, undefined])
    expect(new Set([...(first.Items ?? []), ...(second.Items ?? [])].map(({ Key }) => Key)).size).toBe(12)
    await expect(refusal(list({ MaxResults: 51 }))).resolves.toEqual({
      code: 'ValidationException',
      status: 400,
    })
  })

  test('a store that does not exist is ResourceNotFoundException', async () => {
    const { data } = await world()
    const KvsARN = 'arn:aws:cloudfront::123456789012:key-value-store/none'
    await expect(refusal(data.send(new DescribeCommand({ KvsARN })))).resolves.toEqual({
      code: 'ResourceNotFoundException',
      status: 404,
    })
  })
})

describe('trouble on demand', () => {
  test('faults name the service and the store, and leave the control plane alone', async () => {
    const of = await world()
    const { running, control } = of
    const fault = { operation: 'DescribeKeyValueStore', service: 'KeyValueStore', store: 'models' }
    await admin(running, 'POST', '/faults', { ...fault, code: 'AccessDeniedException' })
    await control.send(new DescribeKeyValueStoreCommand({ Name: 'models' }))
    const denied = { code: 'AccessDeniedException', status: 403 }
    await expect(refusal(etagOf(of))).resolves.toEqual(denied)
    expect(await etagOf(of)).toMatch(/^KV/)
  })

  test('dropAfterCommit writes the keys and loses the answer', async () => {
    const of = await world()
    const { running, data, KvsARN } = of
    await admin(running, 'POST', '/faults', { operation: 'UpdateKeys', dropAfterCommit: true })
    await expect(update(of, { Puts: [{ Key: 'a', Value: '1' }] })).rejects.toThrow()
    expect((await data.send(new GetKeyCommand({ KvsARN, Key: 'a' }))).Value).toBe('1')
  })

  test('another writer is found out by the ETag', async () => {
    const of = await world()
    const { running, data, KvsARN } = of
    const IfMatch = await put(of, 'a', '1')
    await admin(running, 'POST', '/key-value-stores/models/foreign-write', { puts: { a: '2' } })
    const stale = refusal(data.send(new DeleteKeyCommand({ KvsARN, Key: 'a', IfMatch })))
    await expect(stale).resolves.toEqual({ code: 'ConflictException', status: 409 })
    expect((await data.send(new GetKeyCommand({ KvsARN, Key: 'a' }))).Value).toBe('2')
    const shown = (await admin(running, 'GET', '/key-value-stores')) as object[]
    expect(shown).toMatchObject([{ name: 'models', version: 3, items: { a: '2' } }])
  })
})
