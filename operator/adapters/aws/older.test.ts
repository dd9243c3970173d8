/** Answers of a control plane that say how it was before something that is known already (terraform-provider-aws#3034). */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { PointerReading } from '../../planner/model/observation.ts'
import { FakeClock, settle } from '../../controller/testing/fake-clock.ts'
import { housing } from '../../test/fakes/simulated-world.ts'
import { releaseOf } from '../../test/fakes/worlds.ts'
import { distributionXml } from './cloudfront/distribution.testdata.ts'
import { createCloudFrontPointer } from './cloudfront/pointer.ts'
import { createKeyValueStorePointer } from './key-value-store/pointer.ts'
import type { Pointer } from '../../ports/ports.ts'

type Read = Extract<PointerReading, { type: 'Read' }>
type Release = ReturnType<typeof releaseOf>
/** What an API says of one version. */
type State = { etag: string; live: string; isDeployed?: boolean; minute: number }

const BLUE = 'housing-blue'
const GREEN = 'housing-green'
const STORE = 'arn:aws:cloudfront::123456789012:key-value-store/a1b2c3d4-5678-90ab-cdef-0123456789ab'
const FUNCTION = 'arn:aws:cloudfront::123456789012:function/route-housing'

const E1: State = { etag: 'E1', live: BLUE, isDeployed: true, minute: 1 }
const E2: State = { etag: 'E2', live: GREEN, minute: 2 }
const E3: State = { etag: 'E3', live: 'housing-canary', isDeployed: true, minute: 3 }

/** What the API says now, and what an accepted write makes of it. */
let says: State
let made: State
/** Method, and If-Match of writes. */
let calls: string[]
let endpoint: string
let close: () => void
let clock: FakeClock

function modified({ minute }: State): string {
  return `2026-11-28T10:0${minute}:00.000Z`
}

function distribution(state: State): string {
  const parts = { target: state.live, status: state.isDeployed ? 'Deployed' : 'InProgress' } as const
  const origins = [BLUE, GREEN, 'housing-canary']
  return distributionXml({ ...parts, behaviors: {}, origins }).replace(
    '2026-11-01T10:00:00.000Z',
    modified(state),
  )
}

type Answer = { etag: string; body: string }

function cloudFront({ method }: IncomingMessage): Answer {
  if (method === 'POST') return { etag: '', body: '<Invalidation><Id>I1</Id></Invalidation>' }
  const state = method === 'PUT' ? made : says
  return { etag: state.etag, body: distribution(state) }
}

/** A distribution that never changes, whose function reads the store. */
function around({ url = '' }: IncomingMessage): Answer {
  const association = `<Items><KeyValueStoreAssociation><KeyValueStoreARN>${STORE}</KeyValueStoreARN></KeyValueStoreAssociation></Items>`
  const summary = `<FunctionSummary><Name>route-housing</Name><FunctionConfig><Comment></Comment><Runtime>cloudfront-js-2.0</Runtime><KeyValueStoreAssociations><Quantity>1</Quantity>${association}</KeyValueStoreAssociations></FunctionConfig><FunctionMetadata><FunctionARN>${FUNCTION}</FunctionARN></FunctionMetadata></FunctionSummary>`
  if (url.endsWith('/describe?Stage=LIVE')) return { etag: 'F1', body: summary }
  if (url.includes('/function/')) return { etag: 'F1', body: '' }
  const associated = `<FunctionAssociations><Quantity>1</Quantity><Items><FunctionAssociation><FunctionARN>${FUNCTION}</FunctionARN><EventType>viewer-request</EventType></FunctionAssociation></Items></FunctionAssociations>`
  const body = distribution({ ...E1, live: 'housing-canary' })
  return {
    etag: 'D1',
    body: body.replace('<FunctionAssociations><Quantity>0</Quantity></FunctionAssociations>', associated),
  }
}

/** The value of the key at a version; GetKey may lag behind by itself. */
let valueOf: (state: State) => string
let valueLags: State | undefined

function store(request: IncomingMessage, sent: string): Answer {
  const { method, url = '' } = request
  if (method === 'POST') {
    const { Puts = [] } = JSON.parse(sent) as { Puts?: { Value: string }[] }
    const value = Puts[0]?.Value ?? ''
    const before = valueOf
    const { etag } = made
    valueOf = (state) => (state.etag === etag ? value : before(state))
    return { etag, body: JSON.stringify({ ItemCount: 1, TotalSizeInBytes: 1 }) }
  }
  if (url.includes('/keys/'))
    return {
      etag: '',
      body: JSON.stringify({
        Key: 'housing',
        Value: valueOf(valueLags ?? says),
        ItemCount: 1,
        TotalSizeInBytes: 1,
      }),
    }
  const times = { Created: 1, LastModified: Date.parse(modified(says)) / 1000 }
  return {
    etag: says.etag,
    body: JSON.stringify({ KvsARN: STORE, ItemCount: 1, TotalSizeInBytes: 1, ...times }),
  }
}

function answer(request: IncomingMessage, response: ServerResponse, sent: string): void {
  const { method = '', url = '', headers } = request
  const isStore = url.startsWith('/key-value-stores/')
  const isWrite = method === 'PUT' || (isStore && method === 'POST')
  calls.push(isWrite ? `write if ${String(headers['if-match'])}` : method)
  const { etag, body } = isStore
    ? store(request, sent)
    : driver === 'CloudFrontKeyValueStore'
      ? around(request)
      : cloudFront(request)
  const type = isStore ? 'application/json' : 'text/xml'
  response.writeHead(200, { etag, 'content-type': type }).end(body)
}

let driver: 'CloudFrontDistribution' | 'CloudFrontKeyValueStore'

beforeEach(async () => {
  says = E1
  made = E2
  calls = []
  clock = new FakeClock()
  valueLags = undefined
  valueOf = ({ live, minute }) => JSON.stringify({ v: 1, live, at: minute })
  const server = createServer((request, response) => {
    void text(request).then((sent) => answer(request, response, sent))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  close = () => {
    server.close()
    server.closeAllConnections()
  }
})
afterEach(() => {
  close()
})

function pointerOf(): Pointer {
  const client = { endpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }
  const options = {
    region: 'us-east-1',
    mayWrite: () => undefined,
    spacingMs: 0,
    requestTimeoutMs: 60_000,
    client,
  }
  return driver === 'CloudFrontDistribution'
    ? createCloudFrontPointer(options, clock)
    : createKeyValueStorePointer({ ...options, storeEndpoint: endpoint, propagationMs: 60_000 }, clock)
}

function release(): Release {
  const one = releaseOf(housing(1))
  const distributionId = 'E1HOUSINGLOCAL'
  const verify = { type: 'DeployedOnly', method: 'GET', consecutive: 1 } as const
  const settings = {
    distributionId,
    behaviors: [{ pathPattern: '*' }],
    origins: { blue: BLUE, green: GREEN },
    verify,
  }
  const traffic =
    driver === 'CloudFrontDistribution'
      ? { type: driver, cloudFrontDistribution: settings }
      : { type: driver, cloudFrontKeyValueStore: { ...settings, key: 'housing', keyValueStoreArn: STORE } }
  return { ...one, spec: { ...one.spec, traffic } }
}

async function read(pointer: Pointer): Promise<Read> {
  // Nothing keeps the pause that a failure makes from being over.
  clock.jump(61_000)
  const reading = await pointer.read(release(), 'Live')
  if (reading.type !== 'Read') throw new Error(JSON.stringify(reading))
  return reading
}

async function move(pointer: Pointer, token: string): Promise<void> {
  const moved = pointer.move(release(), {
    type: 'MovePointer',
    to: 'green',
    names: GREEN,
    token,
    targetPort: 80,
  })
  // Changes of one moment are gathered.
  for (let turn = 0; turn < 20 && !calls.some((call) => call.startsWith('write')); turn += 1) {
    await settle()
    await clock.advance(50)
  }
  await moved
}

const NOT_BELIEVED = {
  propagated: 'No',
  fresh: 'No',
  outdated: { reason: 'PointerUnreachable', message: expect.stringContaining('as it was before') as unknown },
}

describe.each(['CloudFrontDistribution', 'CloudFrontKeyValueStore'] as const)('behind %s', (type) => {
  beforeEach(() => {
    driver = type
  })

  test('what is older than an accepted write is not believed, and asked for again', async () => {
    const pointer = pointerOf()
    const first = await read(pointer)
    expect(first).toMatchObject({ token: 'E1', propagated: 'Yes', fresh: 'Yes' })
    await move(pointer, first.token)
    for (let time = 0; time < 3; time += 1) expect(await read(pointer)).toMatchObject(NOT_BELIEVED)
    says = { ...E2, isDeployed: true }
    expect(await read(pointer)).toMatchObject({ token: 'E2', targets: [{ names: GREEN }], fresh: 'Yes' })
    expect(calls.filter((call) => call.startsWith('write'))).toEqual(['write if E1'])
  })

  test('nor once the newer one was read', async () => {
    const pointer = pointerOf()
    await move(pointer, (await read(pointer)).token)
    says = { ...E2, isDeployed: true }
    await read(pointer)
    says = E1
    expect(await read(pointer)).toMatchObject({ ...NOT_BELIEVED, token: 'E2', targets: [{ names: GREEN }] })
  })

  test('nor what is older than what somebody else was seen to have written', async () => {
    const pointer = pointerOf()
    await read(pointer)
    says = E3
    expect(await read(pointer)).toMatchObject({ token: 'E3' })
    says = E1
    expect(await read(pointer)).toMatchObject({
      ...NOT_BELIEVED,
      token: 'E3',
      targets: [{ names: 'housing-canary' }],
    })
    says = { ...E1, etag: 'E4', minute: 4 }
    expect(await read(pointer)).toMatchObject({ token: 'E4', targets: [{ names: BLUE }], fresh: 'Yes' })
  })

  test('nor when a write of somebody else follows ours', async () => {
    const pointer = pointerOf()
    await move(pointer, (await read(pointer)).token)
    says = E3
    expect(await read(pointer)).toMatchObject({ token: 'E3' })
    for (const older of [E1, E2]) {
      says = older
      expect(await read(pointer)).toMatchObject({ ...NOT_BELIEVED, token: 'E3' })
    }
  })

  test('nor after an invalidation', async () => {
    const pointer = pointerOf()
    await move(pointer, (await read(pointer)).token)
    await pointer.invalidate?.(release(), { type: 'Invalidate', reference: 'r', paths: ['/*'] } as never)
    expect(await read(pointer)).toMatchObject(NOT_BELIEVED)
  })

  test('a clock that goes wrong over there is not held against what is read for ever', async () => {
    const pointer = pointerOf()
    says = E3
    await read(pointer)
    says = { ...E1, etag: 'E4' }
    expect(await read(pointer)).toMatchObject(NOT_BELIEVED)
    clock.jump(900_000)
    expect(await read(pointer)).toMatchObject({ token: 'E4', fresh: 'Yes' })
  })
})

test('a value that is older than the version that our write made is not believed', async () => {
  driver = 'CloudFrontKeyValueStore'
  const pointer = pointerOf()
  await move(pointer, (await read(pointer)).token)
  says = E2
  valueLags = E1
  expect(await read(pointer)).toMatchObject(NOT_BELIEVED)
  valueLags = undefined
  expect(await read(pointer)).toMatchObject({ token: 'E2', targets: [{ names: GREEN }], fresh: 'Yes' })
})
