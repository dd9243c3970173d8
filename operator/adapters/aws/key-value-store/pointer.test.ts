/** The pointer over the wire: the real SDKs of both services, and the emulator behind them. */
import { describe, expect, test } from '@jest/globals'
import { functionSource } from '../../../../cloudfront-function/source.ts'
import {
  admin,
  ask,
  calls,
  HOST,
  origin,
  present,
  publish,
  says,
  start,
  type Running,
} from '../../../../cloudfront-local/test/running.ts'
import type { CloudFrontLocalOptions } from '../../../../cloudfront-local/start.ts'
import type { KeyValueStore, ModelRelease, Status } from '../../../api/release.ts'
import type { PointerReading, Action } from '../../../planner/model/observation.ts'
import { FakeClock } from '../../../controller/testing/fake-clock.ts'
import { ConflictError, TransientError } from '../../../ports/errors.ts'
import type { Pointer } from '../../../ports/ports.ts'
import { createKeyValueStorePointer, type KeyValueStorePointerOptions } from './pointer.ts'

type Read = Extract<PointerReading, { type: 'Read' }>
type MovePointer = Extract<Action, { type: 'MovePointer' }>

const ID = 'E1HOUSINGLOCAL'
const BLUE = 'housing-blue'
const GREEN = 'housing-green'
const ALWAYS = 'housing-always'
const ORIGINS = [BLUE, GREEN, ALWAYS]
const PROPAGATION_MS = 60_000

type World = { local: Running; arn: string; pointer: Pointer; clock: FakeClock; release: ModelRelease }
type Setting = {
  /** Value of the key; absent without it. */
  value?: string
  /** Static target of the behavior. */
  target?: string
  behavior?: { viewerRequestFunction?: string }
  local?: CloudFrontLocalOptions
  settings?: Partial<KeyValueStore>
  options?: Partial<KeyValueStorePointerOptions>
}

const live = (name: string, at = 1): string => JSON.stringify({ v: 1, live: name, at })

async function world({
  value,
  target = ALWAYS,
  behavior,
  local: more,
  settings,
  options,
}: Setting = {}): Promise<World> {
  const ports = await Promise.all(ORIGINS.map((id) => origin(says(id))))
  const viewerRequestFunction = 'route-housing'
  const local = await start({
    edges: 2,
    seed: {
      distributions: [
        {
          id: ID,
          aliases: [HOST],
          origins: ORIGINS.map((id) => ({ id, domainName: `${id}.example` })),
          behaviors: [
            { pathPattern: '*', targetOriginId: target, ...(behavior ?? { viewerRequestFunction }) },
          ],
        },
      ],
      keyValueStores: [
        { name: 'models', items: value === undefined ? {} : { housing: value } },
        { name: 'other' },
      ],
      functions: [
        { name: 'route-housing', code: functionSource('housing'), keyValueStore: 'models' },
        { name: 'route-other', code: functionSource('housing'), keyValueStore: 'other' },
        { name: 'plain', code: 'function handler(event) { return event.request }' },
      ],
    },
    resolve: ORIGINS.map((id, index) => `${id}.example=127.0.0.1:${ports[index] ?? 0}`),
    ...more,
  })
  const stores = (await admin(local, 'GET', '/key-value-stores')) as { name: string; arn: string }[]
  const arn = stores.find(({ name }) => name === 'models')?.arn ?? ''
  const clock = new FakeClock()
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const pointer = createKeyValueStorePointer(
    {
      region: 'us-east-1',
      mayWrite: () => undefined,
      client: { endpoint: local.apiUrl, credentials },
      // Longer than a busy machine stands still.
      requestTimeoutMs: 60_000,
      storeEndpoint: local.apiUrl,
      propagationMs: PROPAGATION_MS,
      spacingMs: 0,
      ...options,
    },
    clock,
  )
  return { local, arn, pointer, clock, release: releaseOf({ keyValueStoreArn: arn, ...settings }) }
}

function releaseOf(settings: Partial<KeyValueStore>, status?: Status): ModelRelease {
  return {
    metadata: { name: 'housing', namespace: 'models', uid: 'u', generation: 1, resourceVersion: '1' },
    spec: {
      replicas: 1,
      port: 8080,
      traffic: {
        type: 'CloudFrontKeyValueStore',
        cloudFrontKeyValueStore: {
          keyValueStoreArn: '',
          key: 'housing',
          distributionId: ID,
          behaviors: [{ pathPattern: '*' }],
          origins: { blue: BLUE, green: GREEN },
          verify: { type: 'DeployedOnly', method: 'GET', consecutive: 1 },
          ...settings,
        },
      },
      retireAfterSeconds: 600,
      failedCandidateRetentionSeconds: 0,
      minReadySeconds: 0,
      liveFailurePolicy: 'Tell',
      progressDeadlineSeconds: 600,
    },
    ...(status ? { status } : {}),
  }
}

function atRest(release: ModelRelease): ModelRelease {
  const attempt = { id: 'a', outcome: 'Promoted' }
  const status = { observedGeneration: 1, attempt, traffic: { propagated: 'Yes' } } as unknown as Status
  return { ...release, status }
}

function withHistory(release: ModelRelease): ModelRelease {
  return { ...release, status: { history: [{ attempt: 'a' }] } as unknown as Status }
}

function returning(release: ModelRelease): ModelRelease {
  return { ...release, status: { attempt: { id: 'a', direction: 'Back' } } as unknown as Status }
}

async function readOf({ pointer, release }: World): Promise<Read> {
  const reading = await pointer.read(release, 'Live')
  if (reading.type !== 'Read') throw new Error(JSON.stringify(reading))
  return reading
}

function step(token: string, more: Partial<MovePointer> = {}): MovePointer {
  return { type: 'MovePointer', to: 'green', names: GREEN, token, targetPort: 8080, ...more }
}

/** A move is decided on a reading, so one comes before it. */
async function move(of: World, more: Partial<MovePointer> = {}): Promise<void> {
  const { token } = await readOf(of)
  await of.pointer.move(of.release, step(token, more))
}

async function valueAt({ local }: World): Promise<unknown> {
  const stores = (await admin(local, 'GET', '/key-value-stores')) as {
    name: string
    items: Record<string, string>
  }[]
  const text = stores.find(({ name }) => name === 'models')?.items.housing
  return text === undefined ? undefined : JSON.parse(text)
}

const fault = (of: World, body: object): Promise<unknown> => admin(of.local, 'POST', '/faults', body)
const foreign = (of: World, housing: string): Promise<unknown> =>
  admin(of.local, 'POST', '/key-value-stores/models/foreign-write', { puts: { housing } })
const done = (of: World, operation: string): unknown[] =>
  calls(of.local).filter((call) => call.operation === operation && call.status < 300)

async function bodies({ local }: World, headers = {}): Promise<string[]> {
  return Promise.all(local.edgeUrls.map(async (url) => (await ask(url, { headers })).body))
}

describe('a reading', () => {
  test('says what the key names, what the behaviors name without it, and what the distribution is', async () => {
    const of = await world({ value: live(GREEN), target: BLUE })
    const reading = await readOf(of)
    expect(reading).toMatchObject({
      targets: [{ part: 'key housing', names: GREEN }],
      origins: ORIGINS,
      propagated: 'Yes',
      elsewhere: [],
      fresh: 'Yes',
      fallback: { targets: [{ part: '*', names: BLUE }], propagated: 'Yes' },
      distribution: { behaviors: [{ pathPattern: '*', target: BLUE }] },
    })
    expect(reading).not.toHaveProperty('canary')
    expect(reading).not.toHaveProperty('propagatesAt')
    expect(reading.token).toMatch(/^KV/)
    expect(reading.fallback?.token).toMatch(/^E/)
  })

  test('says which share goes where', async () => {
    const canary = { origin: GREEN, weight: 10, salt: 'r7' }
    const of = await world({ value: JSON.stringify({ v: 1, live: BLUE, canary, at: 1 }) })
    expect(await readOf(of)).toMatchObject({
      targets: [{ part: 'key housing', names: BLUE }],
      canary: { names: GREEN, weight: 10, salt: 'r7' },
    })
  })

  test.each([
    { name: 'is absent', value: undefined },
    { name: 'is garbage', value: '<html>' },
    { name: 'has a version that is not known', value: '{"v":2,"live":"housing-green"}' },
  ])('of a key that $name says what the behaviors name', async ({ value }) => {
    const setting = value === undefined ? {} : { value }
    const foreignOrigin = await world(setting)
    expect(await readOf(foreignOrigin)).toMatchObject({
      targets: [{ part: 'key housing', names: '' }],
      fallback: { targets: [{ part: '*', names: ALWAYS }] },
    })
    const color = await world({ ...setting, target: BLUE })
    expect(await readOf(color)).toMatchObject({ targets: [{ part: '*', names: BLUE }] })
    expect(await bodies(color)).toEqual([BLUE, BLUE])
  })

  // What the function meets there is not documented, so neither the behaviors nor the key may be taken for what users follow.
  test('of a key that names an origin that is not there says that, and where the behaviors lead', async () => {
    const of = await world({ value: live('housing-red'), target: BLUE })
    expect(await readOf(of)).toMatchObject({
      targets: [{ part: 'key housing', names: 'housing-red' }],
      fallback: { targets: [{ part: '*', names: BLUE }] },
    })
  })

  test.each(['https://m.example:99999/', 'https://[::1', 'http://a b/', 'https://%zz/'])(
    'goes on where verify.url is %s, which is no URL',
    async (url) => {
      const of = await world({
        value: live(GREEN),
        settings: { verify: { type: 'Answers', method: 'GET', consecutive: 1, url } },
      })
      const reading = await readOf(of)
      expect(reading).toMatchObject({ targets: [{ part: 'key housing', names: GREEN }] })
      // Its function was tried with the name of the distribution.
      expect(reading).not.toHaveProperty('unfit')
      expect(reading).not.toHaveProperty('untested')
    },
  )

  test('of a key that names a third origin says that', async () => {
    const of = await world({ value: live(ALWAYS) })
    expect(await readOf(of)).toMatchObject({ targets: [{ part: 'key housing', names: ALWAYS }] })
  })

  test('is propagated when the time after the write is over, whoever looks', async () => {
    const clock = new FakeClock()
    const of = await world({ value: live(GREEN, clock.wallMs() - 20_000) })
    const propagatesAt = clock.wallMs() + PROPAGATION_MS - 20_000
    expect(await readOf(of)).toMatchObject({ propagated: 'No', propagatesAt })
    of.clock.jump(PROPAGATION_MS - 20_001)
    expect(await readOf(of)).toMatchObject({ propagated: 'No', propagatesAt })
    of.clock.jump(1)
    const propagated = await readOf(of)
    expect(propagated).toMatchObject({ propagated: 'Yes' })
    expect(propagated).not.toHaveProperty('propagatesAt')
  })

  test.each([
    { name: 'an old time', at: 1 },
    { name: 'no time', at: undefined },
  ])(
    'of a change by somebody else, who wrote $name, is propagated that time after it was seen',
    async ({ at }) => {
      const of = await world({ value: live(BLUE) })
      expect(await readOf(of)).toMatchObject({ propagated: 'Yes' })
      await foreign(of, JSON.stringify({ v: 1, live: GREEN, at }))
      of.clock.jump(1)
      expect(await readOf(of)).toMatchObject({
        propagated: 'No',
        propagatesAt: of.clock.wallMs() + PROPAGATION_MS,
      })
      of.clock.jump(PROPAGATION_MS)
      expect(await readOf(of)).toMatchObject({ propagated: 'Yes' })
    },
  )

  test.each([
    { name: 'a value from the future', value: live(GREEN, new FakeClock().wallMs() + 3_600_000) },
    { name: 'a value in other units', value: live(GREEN, new FakeClock().wallMs() * 1000) },
    { name: 'a value without a time', value: JSON.stringify({ v: 1, live: GREEN }) },
    { name: 'garbage', value: '<html>' },
    { name: 'no value, where there was one once', value: undefined },
  ])('of $name is propagated that time after it was first seen', async ({ value }) => {
    const of = await world(value === undefined ? {} : { value })
    of.release = withHistory(of.release)
    const propagatesAt = of.clock.wallMs() + PROPAGATION_MS
    expect(await readOf(of)).toMatchObject({ propagated: 'No', propagatesAt })
    of.clock.jump(PROPAGATION_MS - 1)
    expect(await readOf(of)).toMatchObject({ propagated: 'No', propagatesAt })
    of.clock.jump(1)
    expect(await readOf(of)).toMatchObject({ propagated: 'Yes' })
  })

  test('of no value is propagated at once for a release that never wrote one', async () => {
    const of = await world()
    expect(await readOf(of)).toMatchObject({ propagated: 'Yes' })
  })

  test('is propagated in time although the clock was set back', async () => {
    const of = await world({ value: live(BLUE) })
    await move(of)
    await readOf(of)
    const wallMs = of.clock.wallMs.bind(of.clock)
    of.clock.wallMs = () => wallMs() - 3_600_000
    of.clock.jump(PROPAGATION_MS - 1)
    expect(await readOf(of)).toMatchObject({ propagated: 'No', propagatesAt: of.clock.wallMs() + 1 })
    of.clock.jump(1)
    expect(await readOf(of)).toMatchObject({ propagated: 'Yes' })
  })

  test.each([
    {
      name: 'a behavior has no function',
      behavior: {},
      words: 'behavior "*" of distribution E1HOUSINGLOCAL has no viewer-request function',
    },
    {
      name: 'its function reads another store',
      behavior: { viewerRequestFunction: 'route-other' },
      words: 'as published reads arn:aws:cloudfront::123456789012:key-value-store/',
    },
    {
      name: 'its function reads no store',
      behavior: { viewerRequestFunction: 'plain' },
      words: 'as published reads no key value store',
    },
  ])('where $name brings nobody forward, and a return goes on', async ({ behavior, words }) => {
    const of = await world({ value: live(GREEN), behavior })
    const unfit = { reason: 'FunctionNotAssociated', message: expect.stringContaining(words) as unknown }
    expect(await of.pointer.read(of.release)).toMatchObject({ targets: [{ names: GREEN }], unfit })
    const reading = await of.pointer.read(returning(of.release))
    expect(reading).toMatchObject({ type: 'Read', targets: [{ names: GREEN }] })
    expect(reading).not.toHaveProperty('unfit')
  })

  test.each([
    {
      name: 'awaits in arguments',
      code: (source: string) => source.replace(/const text = (.*)\n.*$/m, 'const value = JSON.parse($1)'),
      words: 'SyntaxError: await in arguments not supported in',
    },
    {
      name: 'has a class',
      code: (source: string) => `${source}\nclass A {}`,
      words: 'SyntaxError: class not supported in',
    },
    {
      name: 'throws',
      code: (source: string) => source.replace('try {', 'null.x\n  try {'),
      words: 'TypeError',
    },
    {
      name: 'gives nothing back',
      code: (source: string) => source.replace('return request\n', '\n'),
      words: 'neither a request nor a response',
    },
  ])(
    'of a function that $name brings nobody forward until it is mended, and a return goes on',
    async (given) => {
      const of = await world({ value: live(GREEN) })
      const code = given.code(functionSource('housing'))
      expect(code).not.toBe(functionSource('housing'))
      await publish(of.local, { name: 'route-housing', code, store: of.arn })
      const { unfit } = await readOf(of)
      expect(unfit).toEqual({
        reason: 'FunctionFails',
        message: expect.stringContaining(given.words) as unknown,
      })
      expect(unfit?.message).toContain('arn:aws:cloudfront::123456789012:function/route-housing')
      expect(await of.pointer.read(returning(of.release))).not.toHaveProperty('unfit')
      await publish(of.local, { name: 'route-housing', code: functionSource('housing'), store: of.arn })
      expect(await readOf(of)).not.toHaveProperty('unfit')
    },
  )

  test('tests what is published once, with a request of the release', async () => {
    const code =
      "function handler(event) { throw event.request.headers['x-user-id'].value + event.request.headers.host.value + event.request.uri }"
    const of = await world({ value: live(BLUE), settings: { canaryClientHeader: 'x-user-id' } })
    const tests = (): number => calls(of.local).filter(({ operation }) => operation === 'TestFunction').length
    for (let round = 0; round < 3; round += 1) expect(await readOf(of)).not.toHaveProperty('unfit')
    expect(tests()).toBe(1)
    await publish(of.local, { name: 'route-housing', code, store: of.arn })
    expect((await readOf(of)).unfit?.message).toContain('modelrelease')
    expect(tests()).toBe(2)
  })

  test('says that a function was not tested where it may not be, and goes on', async () => {
    const of = await world({ value: live(BLUE) })
    await fault(of, { operation: 'TestFunction', code: 'AccessDenied', status: 403, times: 9 })
    for (let round = 0; round < 3; round += 1) {
      const reading = await readOf(of)
      expect(reading).not.toHaveProperty('unfit')
      expect(reading.untested).toContain('cloudfront:TestFunction')
    }
    expect(calls(of.local).filter(({ operation }) => operation === 'TestFunction')).toHaveLength(1)
  })

  test('waits for the test of a function that gave no answer', async () => {
    const of = await world({ value: live(BLUE) })
    await fault(of, { operation: 'TestFunction', code: 'Throttling', status: 400 })
    expect((await readOf(of)).unfit).toMatchObject({ reason: 'PointerUnreachable' })
    of.clock.jump(60_000)
    expect(await readOf(of)).not.toHaveProperty('unfit')
  })

  test.each([
    { name: 'forward', names: 'housing-red' },
    { name: 'for a share', names: 'housing-red', weight: 10, live: BLUE, salt: 'r7' },
    { name: 'back', names: 'housing-red', direction: 'Back' as const },
    { name: 'for a share of what is gone', names: GREEN, weight: 10, live: 'housing-red', salt: 'r7' },
  ])('writes no key that names an origin that is not there: $name', async (more) => {
    const of = await world({ value: live(BLUE) })
    const { token } = await readOf(of)
    const moved = of.pointer.move(of.release, step(token, { to: 'green', ...more }))
    await expect(moved).rejects.toMatchObject({ reason: 'OriginNotFound' })
    expect(await valueAt(of)).toMatchObject({ live: BLUE })
  })

  test.each([
    { name: 'is forbidden', error: { code: 'AccessDenied', status: 403 }, reason: 'AccessDenied' },
    { name: 'is throttled', error: { code: 'Throttling', status: 400 }, reason: 'PointerUnreachable' },
  ])(
    'of a function that $name to look at brings nobody forward, and a return does not ask',
    async ({ error, reason }) => {
      const of = await world({ value: live(BLUE) })
      await fault(of, { operation: 'DescribeFunction', times: 1, ...error })
      const arn = 'arn:aws:cloudfront::123456789012:function/route-housing'
      expect(await of.pointer.read(of.release)).toMatchObject({
        targets: [{ names: BLUE }],
        unfit: { reason, message: expect.stringContaining(arn) as unknown },
      })
      const asked = (): number =>
        calls(of.local).filter(({ operation }) => operation === 'DescribeFunction').length
      expect(asked()).toBe(1)
      expect(await of.pointer.read(returning(of.release), 'Live')).not.toHaveProperty('unfit')
      expect(asked()).toBe(1)
      expect(await of.pointer.read(of.release, 'Live')).toMatchObject({ type: 'Read' })
    },
  )

  test('is unusable where there is no such store, and told with the field', async () => {
    const arn = 'arn:aws:cloudfront::123456789012:key-value-store/00000000-0000-0000-0000-000000000000'
    const of = await world()
    const missing = releaseOf({ keyValueStoreArn: arn })
    expect(await of.pointer.read(missing)).toMatchObject({ reason: 'StoreNotFound' })
    await fault(of, {
      operation: 'DescribeKeyValueStore',
      service: 'KeyValueStore',
      code: 'ResourceNotFoundException',
      status: 404,
    })
    expect(await of.pointer.read(of.release)).toMatchObject({
      type: 'Unusable',
      reason: 'StoreNotFound',
      message: expect.stringContaining('spec.traffic.cloudFrontKeyValueStore.keyValueStoreArn') as unknown,
    })
  })

  test.each([
    ['DescribeKeyValueStore', 'cloudfront-keyvaluestore:DescribeKeyValueStore'],
    ['GetKey', 'cloudfront-keyvaluestore:GetKey'],
  ])('without permission for %s names it', async (operation, action) => {
    const of = await world({ value: live(BLUE) })
    await fault(of, { operation, service: 'KeyValueStore', code: 'AccessDeniedException', status: 403 })
    expect(await of.pointer.read(of.release)).toEqual({
      type: 'Unusable',
      reason: 'AccessDenied',
      message: expect.stringContaining(action) as unknown,
    })
    expect(await of.pointer.read(of.release, 'Live')).toMatchObject({ type: 'Read' })
  })

  test.each([
    { code: 'ThrottlingException', status: 429 },
    { code: 'InternalServerException', status: 500 },
  ])('is outdated while the store answers $code, and is left alone for a while', async (error) => {
    const of = await world({ value: live(BLUE) })
    await readOf(of)
    await fault(of, { operation: 'DescribeKeyValueStore', service: 'KeyValueStore', times: 1, ...error })
    const outdated = { targets: [{ names: BLUE }], fresh: 'No', outdated: { reason: 'PointerUnreachable' } }
    expect(await readOf(of)).toMatchObject(outdated)
    const asked = (): number => calls(of.local).filter(({ service }) => service === 'KeyValueStore').length
    const before = asked()
    expect(await readOf(of)).toMatchObject(outdated)
    expect(asked()).toBe(before)
    of.clock.jump(5000)
    const again = await readOf(of)
    expect(again).toMatchObject({ fresh: 'Yes' })
    expect(again).not.toHaveProperty('outdated')
  })

  test('lets a return go on while the distribution cannot be read, and takes nothing for fresh', async () => {
    const of = await world({ value: live(GREEN) })
    await readOf(of)
    of.clock.jump(10_000)
    await fault(of, { operation: 'GetDistribution', code: 'Throttling', status: 400, times: 3 })
    const back = returning(of.release)
    const reading = await of.pointer.read(back)
    expect(reading).toMatchObject({ type: 'Read', fresh: 'No', targets: [{ names: GREEN }] })
    expect(reading).not.toHaveProperty('outdated')
    const { token } = reading as Read
    await of.pointer.move(back, step(token, { to: 'blue', names: BLUE, direction: 'Back' }))
    expect(await valueAt(of)).toMatchObject({ live: BLUE })
    expect(await of.pointer.read(of.release)).toMatchObject({ outdated: { reason: 'PointerUnreachable' } })
  })

  test('at rest asks once in five minutes', async () => {
    const of = await world({ value: live(BLUE) })
    const resting = atRest(of.release)
    await of.pointer.read(resting)
    const before = calls(of.local).length
    of.clock.jump(280_000)
    await of.pointer.read(resting)
    expect(calls(of.local)).toHaveLength(before)
    of.clock.jump(40_000)
    expect(await of.pointer.read(resting)).toMatchObject({ fresh: 'Yes' })
    const operations = calls(of.local)
      .slice(before)
      .map(({ operation }) => operation)
    expect(operations[0]).toBe('GetDistribution')
    expect(operations.slice(1).toSorted()).toEqual(['DescribeFunction', 'DescribeKeyValueStore', 'GetKey'])
  })

  test('while only time is waited for asks for the store alone', async () => {
    const of = await world({ value: live(BLUE) })
    await move(of)
    const intent = { to: 'green', token: 'KV1', attempt: 'a' }
    const status = { attempt: { id: 'a' }, traffic: { intent, propagated: 'No' } } as unknown as Status
    const waiting = { ...of.release, status }
    const before = calls(of.local).length
    for (let seconds = 5; seconds <= 60; seconds += 5) {
      of.clock.jump(5000)
      await of.pointer.read(waiting)
    }
    const operations = calls(of.local)
      .slice(before)
      .map(({ operation }) => operation)
    expect(new Set(operations)).toEqual(new Set(['DescribeKeyValueStore', 'GetKey']))
    expect(operations.filter((operation) => operation === 'DescribeKeyValueStore')).toHaveLength(12)
  })

  test('of a key that the function does not follow brings nobody forward, until it is published with it', async () => {
    const of = await world({ value: live(BLUE), settings: { key: 'prices' } })
    expect((await readOf(of)).unfit).toEqual({
      reason: 'FunctionNotAssociated',
      message: expect.stringContaining('follows the key "housing" and not "prices"') as unknown,
    })
    await publish(of.local, { name: 'route-housing', code: functionSource('prices'), store: of.arn })
    expect(await readOf(of)).not.toHaveProperty('unfit')
    await publish(of.local, {
      name: 'route-housing',
      code: 'function handler(event) { return event.request }',
      store: of.arn,
    })
    expect(await readOf(of)).not.toHaveProperty('unfit')
  })

  test('does without the source of the function where it may not be read, and does not insist', async () => {
    const of = await world({ value: live(BLUE), settings: { key: 'prices' } })
    await fault(of, { operation: 'GetFunction', code: 'AccessDenied', status: 403, times: 9 })
    for (let round = 0; round < 3; round += 1) expect(await readOf(of)).not.toHaveProperty('unfit')
    expect(calls(of.local).filter(({ operation }) => operation === 'GetFunction')).toHaveLength(1)
  })

  test('asks for the source of a function again that gave no answer', async () => {
    const of = await world({ value: live(BLUE), settings: { key: 'prices' } })
    await fault(of, { operation: 'GetFunction', code: 'Throttling', status: 400 })
    expect(await readOf(of)).not.toHaveProperty('unfit')
    expect(await readOf(of)).toHaveProperty('unfit')
  })

  test('asks about a function once, however many behaviors run it', async () => {
    const behaviors = Array.from({ length: 25 }, () => ({ pathPattern: '*' }))
    const of = await world({ value: live(BLUE), settings: { behaviors } })
    await readOf(of)
    expect(done(of, 'DescribeFunction')).toHaveLength(1)
  })

  test('at rest tells soon that a function was mended', async () => {
    const of = await world({ value: live(BLUE), behavior: { viewerRequestFunction: 'route-other' } })
    const resting = atRest(of.release)
    expect(await of.pointer.read(resting)).toHaveProperty('unfit')
    await publish(of.local, { name: 'route-other', code: functionSource('housing'), store: of.arn })
    of.clock.jump(60_000)
    expect(await of.pointer.read(resting)).not.toHaveProperty('unfit')
  })

  test('is not made of what the allow-list forbids', async () => {
    const of = await world({ options: { allowList: [] } })
    expect(await of.pointer.read(of.release)).toMatchObject({ type: 'Unusable', reason: 'NotAllowed' })
    await expect(of.pointer.move(of.release, step('KV1'))).rejects.toMatchObject({ reason: 'NotAllowed' })
    expect(calls(of.local)).toEqual([])
  })
})

describe('a move', () => {
  test('is one guarded UpdateKeys, read back, and followed by the edges within their lag', async () => {
    const of = await world({ value: live(BLUE), local: { storePropagation: { minMs: 10, maxMs: 60 } } })
    const before = await readOf(of)
    await move(of)
    expect(await valueAt(of)).toEqual({ v: 1, live: GREEN, at: of.clock.wallMs() })
    const after = await readOf(of)
    expect(after).toMatchObject({
      targets: [{ part: 'key housing', names: GREEN }],
      propagated: 'No',
      propagatesAt: of.clock.wallMs() + PROPAGATION_MS,
    })
    expect(after.token).not.toBe(before.token)
    expect(done(of, 'UpdateKeys')).toHaveLength(1)
    expect(done(of, 'UpdateDistribution')).toHaveLength(0)
    await of.local.waitFor(
      (entry) => entry.type === 'EdgeStoreApplied' && entry.version === 2 && entry.propagated,
    )
    expect(await bodies(of)).toEqual([GREEN, GREEN])
  })

  test('of a share sends that share, who stays while it grows; weight 0 brings all of them back', async () => {
    const of = await world({ value: live(BLUE) })
    const share = { live: BLUE, salt: 'r7', clientHeader: 'x-user-id' }
    const inside = async (): Promise<number[]> => {
      const found: number[] = []
      for (let user = 0; user < 200; user += 1)
        if ((await bodies(of, { 'x-user-id': `user-${user}` })).includes(GREEN)) found.push(user)
      return found
    }
    await move(of, { weight: 10, ...share })
    expect(await readOf(of)).toMatchObject({
      targets: [{ part: 'key housing', names: BLUE }],
      canary: { names: GREEN, weight: 10 },
    })
    const few = await inside()
    await move(of, { weight: 50, ...share })
    const half = await inside()
    // Three standard deviations of 200 users.
    expect(Math.abs(few.length / 200 - 0.1)).toBeLessThan(0.07)
    expect(Math.abs(half.length / 200 - 0.5)).toBeLessThan(0.11)
    expect(half).toEqual(expect.arrayContaining(few))
    await move(of, { to: 'blue', names: BLUE, direction: 'Back' })
    expect(await readOf(of)).not.toHaveProperty('canary')
    expect(await inside()).toEqual([])
  })

  test('to nothing deletes the key, once', async () => {
    const of = await world({ value: live(GREEN) })
    await move(of, { names: '', direction: 'Back' })
    expect(await valueAt(of)).toBeUndefined()
    expect(await readOf(of)).toMatchObject({
      targets: [{ part: 'key housing', names: '' }],
      propagated: 'No',
    })
    expect(await bodies(of)).toEqual([ALWAYS, ALWAYS])
    await move(of, { names: '', direction: 'Back' })
    expect(done(of, 'UpdateKeys')).toHaveLength(1)
    of.clock.jump(PROPAGATION_MS)
    expect(await readOf(of)).toMatchObject({ propagated: 'Yes' })
  })

  test('makes a key that was not there', async () => {
    const of = await world({ target: BLUE })
    await move(of)
    expect(await bodies(of)).toEqual([GREEN, GREEN])
    expect(await readOf(of)).toMatchObject({ fallback: { targets: [{ part: '*', names: BLUE }] } })
  })

  test('that was decided on an earlier version is a conflict, and changes nothing', async () => {
    const of = await world({ value: live(BLUE) })
    const { token } = await readOf(of)
    await foreign(of, live(ALWAYS))
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(ConflictError)
    expect(await valueAt(of)).toMatchObject({ live: ALWAYS })
    const asked = calls(of.local).length
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(ConflictError)
    expect(calls(of.local)).toHaveLength(asked)
    expect(await readOf(of)).toMatchObject({ targets: [{ names: ALWAYS }] })
    // Nor where it is known by now that the store has changed.
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(ConflictError)
    expect(calls(of.local).filter(({ operation }) => operation === 'UpdateKeys')).toHaveLength(1)
  })

  test('is a conflict however the service says so', async () => {
    const of = await world({ value: live(BLUE) })
    const { token } = await readOf(of)
    await fault(of, { operation: 'UpdateKeys', code: 'ValidationException', status: 400 })
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(ConflictError)
  })

  test.each([
    { code: 'ValidationException', second: { reason: 'InvalidSpec', message: 'the value is too odd' } },
    { code: 'ConflictException', second: { name: 'ConflictError' } },
  ])('called $code twice at one version is told as $second', async ({ code, second }) => {
    const of = await world({ value: live(BLUE) })
    const message = 'the value is too odd'
    await fault(of, { operation: 'UpdateKeys', code, status: 400, message, times: 2 })
    await expect(move(of)).rejects.toBeInstanceOf(ConflictError)
    await expect(move(of)).rejects.toMatchObject({
      ...second,
      ...(second.message ? { message: expect.stringContaining(second.message) as unknown } : {}),
    })
    of.clock.jump(60_000)
    await move(of)
    expect(await valueAt(of)).toMatchObject({ live: GREEN })
  })

  test('two at a time are decided one after the other', async () => {
    const of = await world({ value: live(BLUE) })
    const { token } = await readOf(of)
    const both = [step(token), step(token, { names: ALWAYS, to: 'adopted' })]
    const results = await Promise.allSettled(both.map((one) => of.pointer.move(of.release, one)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(calls(of.local).filter(({ operation }) => operation === 'UpdateKeys')).toHaveLength(1)
  })

  test('whose answer is lost after the commit is an open question, and looking again answers it', async () => {
    const of = await world({ value: live(BLUE) })
    const { token } = await readOf(of)
    await fault(of, { operation: 'UpdateKeys', dropAfterCommit: true })
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(TransientError)
    of.clock.jump(10_000)
    expect(await of.pointer.read(of.release)).toMatchObject({ targets: [{ names: GREEN }] })
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(ConflictError)
    expect(done(of, 'UpdateKeys')).toHaveLength(1)
  })

  test('that is throttled waits before the next, unless it is a return', async () => {
    const of = await world({ value: live(BLUE) })
    await fault(of, { operation: 'UpdateKeys', code: 'ThrottlingException', status: 429 })
    await expect(move(of)).rejects.toBeInstanceOf(TransientError)
    const { token, writableAt } = await readOf(of)
    expect(writableAt).toBeGreaterThan(of.clock.wallMs())
    await expect(of.pointer.move(of.release, step(token))).rejects.toBeInstanceOf(TransientError)
    expect(calls(of.local).filter(({ operation }) => operation === 'UpdateKeys')).toHaveLength(1)
    await of.pointer.move(of.release, step(token, { direction: 'Back' }))
    expect(await valueAt(of)).toMatchObject({ live: GREEN })
  })

  test.each([
    {
      error: { code: 'AccessDeniedException', status: 403 },
      expected: { reason: 'AccessDenied', message: 'cloudfront-keyvaluestore:UpdateKeys on arn:aws:' },
    },
    {
      error: { code: 'ServiceQuotaExceededException', status: 402 },
      expected: { reason: 'InvalidSpec', message: 'ServiceQuotaExceededException' },
    },
  ])('that is refused with $error.code says what to do', async ({ error, expected }) => {
    const of = await world({ value: live(BLUE) })
    await fault(of, { operation: 'UpdateKeys', ...error })
    await expect(move(of)).rejects.toMatchObject({
      reason: expected.reason,
      message: expect.stringContaining(expected.message) as unknown,
    })
    // The value says when it is written, and is still the same decision.
    of.clock.jump(30_000)
    await expect(move(of)).rejects.toMatchObject({ reason: expected.reason })
    expect(calls(of.local).filter(({ operation }) => operation === 'UpdateKeys')).toHaveLength(1)
    of.clock.jump(30_000)
    await move(of)
    expect(await valueAt(of)).toMatchObject({ live: GREEN })
  })

  test('sends nothing when the lease is not held, and says so as it was said', async () => {
    const lost = new Error('lease lost')
    const mayWrite = (): void => {
      throw lost
    }
    const of = await world({ value: live(BLUE), options: { mayWrite } })
    await expect(move(of)).rejects.toBe(lost)
    expect(calls(of.local).some(({ operation }) => operation === 'UpdateKeys')).toBe(false)
  })

  test('reaches each edge at its own time, and nobody fails meanwhile', async () => {
    const of = await world({ value: live(BLUE) })
    await admin(of.local, 'POST', '/edges/2/hold')
    await move(of)
    await of.local.waitFor(
      (entry) => entry.type === 'EdgeStoreApplied' && entry.edge === 1 && entry.version === 2,
    )
    expect(await bodies(of)).toEqual([GREEN, BLUE])
    expect(await readOf(of)).toMatchObject({ propagated: 'No' })
    await admin(of.local, 'POST', '/edges/2/release')
    expect(await bodies(of)).toEqual([GREEN, GREEN])
  })
})

describe('what answers without the key', () => {
  /** Moves of one moment become one update, so the first waits for the others. */
  async function moveFallback(of: World, token: string): Promise<void> {
    const step = { type: 'MoveFallback', parts: ['*'], names: GREEN, token } as const
    const moved = of.pointer.moveFallback?.(of.release, step)
    await Promise.all([moved, of.clock.advance(100)])
  }

  test('follows by one UpdateDistribution, and both colors are told until every edge has it', async () => {
    const of = await world({ value: live(GREEN), target: BLUE })
    const { fallback } = await readOf(of)
    await admin(of.local, 'POST', '/edges/2/hold')
    await moveFallback(of, present(fallback).token)
    const onItsWay = {
      targets: [
        { part: '*', names: GREEN },
        { part: '*', names: BLUE },
      ],
      propagated: 'No',
    }
    expect((await readOf(of)).fallback).toMatchObject(onItsWay)
    await admin(of.local, 'POST', '/edges/2/release')
    expect((await readOf(of)).fallback).toMatchObject({
      targets: [{ part: '*', names: GREEN }],
      propagated: 'Yes',
    })
    expect(done(of, 'UpdateDistribution')).toHaveLength(1)
    expect(done(of, 'UpdateKeys')).toHaveLength(0)
    await admin(of.local, 'POST', '/key-value-stores/models/foreign-write', { deletes: ['housing'] })
    expect(await bodies(of)).toEqual([GREEN, GREEN])
  })

  test('is looked at every few seconds while it follows, although the release is at rest', async () => {
    const of = await world({ value: live(GREEN), target: BLUE })
    const resting = atRest(of.release)
    await admin(of.local, 'POST', '/edges/2/hold')
    await moveFallback(of, present((await readOf(of)).fallback).token)
    expect(await of.pointer.read(resting)).toMatchObject({ fallback: { propagated: 'No' } })
    await admin(of.local, 'POST', '/edges/2/release')
    of.clock.jump(5000)
    expect(await of.pointer.read(resting)).toMatchObject({ fallback: { propagated: 'Yes' } })
  })

  test('is not moved on an earlier configuration, nor without permission', async () => {
    const of = await world({ value: live(GREEN), target: BLUE })
    const { fallback } = await readOf(of)
    const { token } = present(fallback)
    const denied = { operation: 'UpdateDistribution', code: 'AccessDenied', status: 403 }
    await fault(of, denied)
    await expect(moveFallback(of, token)).rejects.toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining('cloudfront:UpdateDistribution') as unknown,
    })
    await admin(of.local, 'POST', `/distributions/${ID}/etag-bump`)
    of.clock.jump(60_000)
    await expect(moveFallback(of, token)).rejects.toBeInstanceOf(ConflictError)
  })

  test('caches forget paths of the distribution', async () => {
    const of = await world({ value: live(GREEN) })
    await of.pointer.invalidate?.(of.release, { type: 'Invalidate', reference: 'r', paths: ['/ui/*'] })
    expect(done(of, 'CreateInvalidation')).toHaveLength(1)
  })
})
