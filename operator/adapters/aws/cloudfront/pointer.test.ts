import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { CloudFrontLocal, CloudFrontLocalOptions } from '../../../../cloudfront-local/start.ts'
import { startCloudFrontLocal } from '../../../../cloudfront-local/start.ts'
import type { Distribution, ModelRelease } from '../../../api/release.ts'
import type { PointerReading, Action } from '../../../planner/model/observation.ts'
import { createCloudFrontPointer, type CloudFrontOptions } from './pointer.ts'
import { configXml, distributionXml, NAMESPACE, type DistributionParts } from './distribution.testdata.ts'
import type { Clock } from '../../../controller/clock.ts'
import { FakeClock } from '../../../controller/testing/fake-clock.ts'
import { ConflictError, RefusedError, TransientError } from '../../../ports/errors.ts'
import type { Pointer } from '../../../ports/ports.ts'

type MovePointer = Extract<Action, { type: 'MovePointer' }>
type Call = { method: string; path: string; headers: IncomingHttpHeaders; body: string }
type Reply =
  { status?: number; headers?: Record<string, string>; body?: string } | 'Drop' | 'Silence' | 'Stall'

const ID = 'E1HOUSINGLOCAL'
const GET = `/2020-05-31/distribution/${ID}`
const PUT = `${GET}/config`
const ETAG = 'E2QWRUHAPOMQZL'

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()))
})

function release(changes: Partial<Distribution> = {}): ModelRelease {
  const cloudFrontDistribution: Distribution = {
    distributionId: ID,
    behaviors: [{ pathPattern: '*' }, { pathPattern: '/v2/*' }],
    origins: { blue: 'housing-blue', green: 'housing-green' },
    verify: { type: 'DeployedOnly', method: 'GET', consecutive: 1 },
    ...changes,
  }
  return {
    metadata: { name: 'housing', namespace: 'models', uid: 'u', generation: 1, resourceVersion: '1' },
    spec: {
      replicas: 1,
      port: 8080,
      traffic: { type: 'CloudFrontDistribution', cloudFrontDistribution },
      retireAfterSeconds: 600,
      failedCandidateRetentionSeconds: 0,
      minReadySeconds: 0,
      liveFailurePolicy: 'Tell',
      progressDeadlineSeconds: 600,
    },
  }
}

function toGreen(token = ETAG): MovePointer {
  return { type: 'MovePointer', to: 'green', names: 'housing-green', token, targetPort: 8080 }
}

function pointerTo(endpoint: string, options: Partial<CloudFrontOptions> = {}, clock?: Clock): Pointer {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = { endpoint, credentials }
  return createCloudFrontPointer(
    // Longer than a busy machine stands still.
    { region: 'us-east-1', mayWrite: () => undefined, client, requestTimeoutMs: 60_000, ...options },
    clock,
  )
}

/** A control plane that answers as told, by method, and keeps what it was sent. */
async function fake(replies: {
  get?: Reply
  put?: Reply
  post?: Reply
}): Promise<{ endpoint: string; calls: Call[] }> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      calls.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body })
      const reply = replies[request.method?.toLowerCase() as 'get' | 'put' | 'post'] ?? found()
      if (reply === 'Silence') return
      if (reply === 'Stall') return void response.writeHead(200, { etag: ETAG }).write('<Distribution>')
      if (reply === 'Drop') return void request.socket.destroy()
      response
        .writeHead(reply.status ?? 200, { 'content-type': 'text/xml', ...reply.headers })
        .end(reply.body)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  open.push(
    () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  )
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
}

function found(parts: DistributionParts = {}): Reply {
  return { headers: { etag: ETAG }, body: distributionXml(parts) }
}

function refusal(status: number, code: string): Reply {
  return {
    status,
    body: `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>${code}</Code><Message>words of AWS</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
  }
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it was done')
}

/** A move is decided on a reading, so one comes before it. */
async function readAndMove(pointer: Pointer, about: ModelRelease, step: MovePointer): Promise<void> {
  await pointer.read(about)
  await pointer.move(about, step)
}

describe('an ordered behavior * beside the default one', () => {
  const behaviors = { '/v2/*': 'housing-blue', '*': 'housing-blue' }
  const get = found({ behaviors })

  test('stands in the way of no other', async () => {
    const put = found({ behaviors: { ...behaviors, '/v2/*': 'housing-green' } })
    const { endpoint, calls } = await fake({ get, put })
    const pointer = pointerTo(endpoint)
    const one = release({ behaviors: [{ pathPattern: '/v2/*' }] })
    expect(await pointer.read(one)).toMatchObject({
      type: 'Read',
      targets: [{ part: '/v2/*', names: 'housing-blue' }],
      elsewhere: [
        { part: '*', names: 'housing-blue' },
        { part: '* (ordered)', names: 'housing-blue' },
      ],
    })
    await pointer.move(one, toGreen())
    const sent = calls.find(({ method }) => method === 'PUT')?.body ?? ''
    expect(sent.match(/<TargetOriginId>housing-green</g)).toHaveLength(1)
    expect(sent).toContain('<PathPattern>/v2/*</PathPattern><TargetOriginId>housing-green<')
  })

  test('is named where the default one should be moved, which nobody reaches', async () => {
    const { endpoint } = await fake({ get })
    expect(await pointerTo(endpoint).read(release())).toEqual({
      type: 'Unusable',
      reason: 'UnsafeUpdate',
      message: expect.stringMatching(
        /behaviors "\*" is the default behavior .* which is never reached: /,
      ) as unknown,
    })
  })
})

describe('a reading', () => {
  test('says what the declared behaviors name, in one call', async () => {
    const { endpoint, calls } = await fake({
      get: found({
        status: 'InProgress',
        behaviors: { '/v2/*': 'housing-green', '/ui/a&amp;b': 'ui' },
      }),
    })
    expect(await pointerTo(endpoint).read(release())).toEqual({
      type: 'Read',
      token: ETAG,
      targets: [
        { part: '*', names: 'housing-blue' },
        { part: '/v2/*', names: 'housing-green' },
      ],
      origins: ['housing-blue', 'housing-green', 'ui'],
      propagated: 'No',
      timeoutSeconds: 40,
      elsewhere: [{ part: '/ui/a&b', names: 'ui' }],
      fresh: 'Yes',
      expiresAt: expect.any(Number) as unknown,
      writableAt: expect.any(Number) as unknown,
      distribution: expect.objectContaining({ groups: [], errorCaching: [] }) as unknown,
    })
    expect(calls.map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)).toEqual([`GET ${GET}`])
  })

  test('is propagated when the status is Deployed', async () => {
    const { endpoint } = await fake({})
    expect(await pointerTo(endpoint).read(release())).toMatchObject({ propagated: 'Yes' })
  })

  test.each<[string, Reply, Partial<Extract<PointerReading, { type: 'Unusable' }>>, string]>([
    [
      'does not exist',
      refusal(404, 'NoSuchDistribution'),
      { reason: 'DistributionNotFound' },
      `spec.traffic.cloudFrontDistribution.distributionId "${ID}" does not exist`,
    ],
    [
      'is forbidden',
      refusal(403, 'AccessDenied'),
      { reason: 'AccessDenied' },
      'cloudfront:GetDistribution on arn:aws:cloudfront::*:distribution/E1HOUSINGLOCAL',
    ],
    ['is disabled', found({ enabled: 'false' }), { reason: 'DistributionDisabled' }, 'enable it'],
    ['is a staging one', found({ staging: 'true' }), { reason: 'DistributionDisabled' }, 'primary'],
    [
      'lacks a behavior',
      found({ behaviors: { '/v3/*': 'ui' } }),
      { reason: 'BehaviorNotFound' },
      '"/v2/*" is not a behavior of distribution E1HOUSINGLOCAL, which has *, /v3/*',
    ],
    [
      'cannot be patched',
      found({ behaviors: { '/v2/*': 'a', '/v2/&#42;': 'b' } }),
      { reason: 'UnsafeUpdate' },
      'two behaviors',
    ],
    ['has no version', { body: distributionXml() }, { reason: 'UnsafeUpdate' }, 'ETag'],
  ])('is unusable when the distribution %s', async (_, get, expected, words) => {
    const { endpoint } = await fake({ get })
    expect(await pointerTo(endpoint).read(release())).toEqual({
      type: 'Unusable',
      ...expected,
      message: expect.stringContaining(words) as unknown,
    })
  })

  test.each<[string, Reply]>([
    ['throttles', refusal(400, 'Throttling')],
    ['has too many requests', refusal(429, 'TooManyRequests')],
    ['is unavailable', refusal(503, 'ServiceUnavailable')],
    ['is a proxy that is down', { status: 502, body: '<html>down</html>' }],
    ['is a proxy that answers for it', { status: 200, body: '<html><br></html>' }],
    ['closes the connection', 'Drop'],
  ])('is unreachable when CloudFront %s, after one try', async (_, get) => {
    const { endpoint, calls } = await fake({ get })
    expect(await pointerTo(endpoint).read(release())).toEqual({
      type: 'Unreachable',
      message: expect.stringContaining(`GetDistribution of distribution ${ID}`) as unknown,
    })
    expect(calls).toHaveLength(1)
  })

  test.each<Reply>(['Silence', 'Stall'])(
    'is unreachable when CloudFront does not finish in time: %s',
    async (get) => {
      const { endpoint } = await fake({ get })
      expect(await pointerTo(endpoint, { requestTimeoutMs: 100 }).read(release())).toMatchObject({
        type: 'Unreachable',
      })
    },
  )

  test('is unreachable when nobody listens', async () => {
    const { endpoint } = await fake({})
    await open.pop()?.()
    expect(await pointerTo(endpoint).read(release())).toMatchObject({ type: 'Unreachable' })
  })
})

describe('a move', () => {
  test('sends back what came, byte for byte, but for the targets of the declared behaviors', async () => {
    const { endpoint, calls } = await fake({})
    await readAndMove(pointerTo(endpoint), release(), toGreen())
    const [, put] = calls
    const behaviors = { '/v2/*': 'housing-green', '/ui/a&amp;b': 'ui' }
    const inner = configXml({ target: 'housing-green', behaviors })
    expect(put?.body).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>\n<DistributionConfig xmlns="${NAMESPACE}">${inner}</DistributionConfig>`,
    )
    expect(put?.path).toMatch(PUT)
    expect(put?.headers).toMatchObject({
      'if-match': ETAG,
      'content-type': 'application/xml',
      'content-length': String(Buffer.byteLength(put?.body ?? '')),
      'x-amz-content-sha256': createHash('sha256')
        .update(put?.body ?? '')
        .digest('hex'),
    })
    expect(calls).toHaveLength(2)
  })

  test('of one behavior leaves the others alone', async () => {
    const { endpoint, calls } = await fake({})
    await readAndMove(pointerTo(endpoint), release({ behaviors: [{ pathPattern: '/v2/*' }] }), toGreen())
    const behaviors = { '/v2/*': 'housing-green', '/ui/a&amp;b': 'ui' }
    expect(calls[1]?.body).toContain(configXml({ behaviors }))
  })

  test('to where everything points already sends nothing', async () => {
    const { endpoint, calls } = await fake({
      get: found({ target: 'housing-green', behaviors: { '/v2/*': 'housing-green' } }),
    })
    await readAndMove(pointerTo(endpoint), release(), toGreen())
    expect(calls.map(({ method }) => method)).toEqual(['GET'])
  })

  test('sends nothing when the distribution changed since it was read', async () => {
    const { endpoint, calls } = await fake({})
    expect(await failureOf(readAndMove(pointerTo(endpoint), release(), toGreen('E0STALE')))).toBeInstanceOf(
      ConflictError,
    )
    expect(calls.map(({ method }) => method)).toEqual(['GET'])
  })

  test('sends nothing when the lease is not held, and says so as it was said', async () => {
    const { endpoint, calls } = await fake({})
    const lost = new Error('lease lost')
    const mayWrite = jest.fn(() => {
      // Looked at when the configuration is read and the write is about to leave.
      expect(calls.map(({ method }) => method)).toEqual(['GET'])
      throw lost
    })
    expect(await failureOf(readAndMove(pointerTo(endpoint, { mayWrite }), release(), toGreen()))).toBe(lost)
    expect(mayWrite).toHaveBeenCalledTimes(1)
    expect(calls.map(({ method }) => method)).toEqual(['GET'])
  })

  test.each<[string, Reply, new (reason: string, message: string) => Error, object]>([
    ['changed meanwhile', refusal(412, 'PreconditionFailed'), ConflictError, {}],
    ['changed meanwhile, said otherwise', refusal(400, 'InvalidIfMatchVersion'), ConflictError, {}],
    ['throttled', refusal(400, 'Throttling'), TransientError, {}],
    ['unavailable', refusal(503, 'ServiceUnavailable'), TransientError, {}],
    ['dropped', 'Drop', TransientError, {}],
    [
      'forbidden',
      refusal(403, 'AccessDenied'),
      RefusedError,
      {
        reason: 'AccessDenied',
        message: expect.stringContaining('cloudfront:UpdateDistribution') as unknown,
      },
    ],
    ['without such an origin', refusal(404, 'NoSuchOrigin'), RefusedError, { reason: 'InvalidSpec' }],
    ['illegal', refusal(400, 'IllegalUpdate'), RefusedError, { reason: 'InvalidSpec' }],
    ['gone', refusal(404, 'NoSuchDistribution'), RefusedError, { reason: 'DistributionNotFound' }],
  ])('that is %s fails as what it is, after one write', async (_, put, kind, members) => {
    const { endpoint, calls } = await fake({ put })
    const error = await failureOf(readAndMove(pointerTo(endpoint), release(), toGreen()))
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject(members)
    expect(calls.map(({ method }) => method)).toEqual(['GET', 'PUT'])
  })

  test('that is not answered in time is an open question', async () => {
    const { endpoint, calls } = await fake({ put: 'Silence' })
    // What is read before has the same limit, and must come in time.
    const work = readAndMove(pointerTo(endpoint, { requestTimeoutMs: 5000 }), release(), toGreen())
    expect(await failureOf(work)).toBeInstanceOf(TransientError)
    expect(calls.map(({ method }) => method)).toEqual(['GET', 'PUT'])
  })
})

describe('an invalidation', () => {
  const step = { type: 'Invalidate', reference: 'modelrelease/u/a/E1', paths: ['/ui/*', '/a&b'] } as const

  test('names its paths under its reference', async () => {
    const { endpoint, calls } = await fake({ post: { status: 201, body: '<Invalidation/>' } })
    await pointerTo(endpoint).invalidate?.(release(), step)
    expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual([`POST ${GET}/invalidation`])
    expect(calls[0]?.body).toContain('<CallerReference>modelrelease/u/a/E1</CallerReference>')
    expect(calls[0]?.body).toContain('<Path>/ui/*</Path><Path>/a&amp;b</Path>')
  })

  test.each<[string, Reply, object]>([
    ['there are too many', refusal(400, 'TooManyInvalidationsInProgress'), { name: 'TransientError' }],
    [
      'it is forbidden',
      refusal(403, 'AccessDenied'),
      {
        reason: 'AccessDenied',
        message: expect.stringContaining('cloudfront:CreateInvalidation') as unknown,
      },
    ],
  ])('fails as what it is when %s', async (_, post, error) => {
    const { endpoint } = await fake({ post })
    await expect(pointerTo(endpoint).invalidate?.(release(), step)).rejects.toMatchObject(error)
  })

  test('is not sent when the lease is not held', async () => {
    const { endpoint, calls } = await fake({})
    const lost = new Error('lease lost')
    const mayWrite = (): void => {
      throw lost
    }
    await expect(pointerTo(endpoint, { mayWrite }).invalidate?.(release(), step)).rejects.toBe(lost)
    expect(calls).toEqual([])
  })
})

describe('against the emulator', () => {
  async function start(options: CloudFrontLocalOptions = {}): Promise<CloudFrontLocal> {
    const local = await startCloudFrontLocal({
      propagation: { minMs: 0, maxMs: 0 },
      log: () => undefined,
      ...options,
    })
    open.push(() => local.close(0))
    return local
  }

  async function admin(local: CloudFrontLocal, path: string, body: unknown): Promise<void> {
    const answer = await fetch(`${local.adminUrl}${path}`, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(await answer.text())
  }

  async function tokenOf(pointer: Pointer): Promise<string> {
    const reading = await pointer.read(release())
    if (reading.type !== 'Read') throw new Error(reading.type)
    return reading.token
  }

  const updates = (local: CloudFrontLocal): unknown[] =>
    local
      .audit()
      .filter(
        (entry) => 'operation' in entry && entry.operation === 'UpdateDistribution' && entry.status === 200,
      )

  const greenEverywhere = {
    type: 'Read',
    targets: [
      { part: '*', names: 'housing-green' },
      { part: '/v2/*', names: 'housing-green' },
    ],
  }

  test('a move is one accepted update, read back under another token', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const token = await tokenOf(pointer)
    await pointer.move(release(), toGreen(token))
    expect(await pointer.read(release())).toMatchObject(greenEverywhere)
    expect(await tokenOf(pointer)).not.toBe(token)
    expect(updates(local)).toHaveLength(1)
  })

  test('a configuration with elements that nobody knows keeps them through moves', async () => {
    const local = await start({ seed: distributionXml() })
    const pointer = pointerTo(local.apiUrl)
    const raw = async (): Promise<string> => (await fetch(`${local.apiUrl}${PUT}`)).text()
    const before = await raw()
    await pointer.move(release(), toGreen(await tokenOf(pointer)))
    const after = await raw()
    expect(after).toContain('<FutureOriginSetting>keep me</FutureOriginSetting>')
    expect(after).not.toBe(before)
    const back = { to: 'blue', names: 'housing-blue', direction: 'Back' } as const
    await pointer.move(release(), { ...toGreen(await tokenOf(pointer)), ...back })
    expect(await raw()).toBe(before)
  })

  test('a connection that is dropped after the commit is an open question, and looking again answers it', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const token = await tokenOf(pointer)
    await admin(local, '/faults', {
      operation: 'UpdateDistribution',
      times: 1,
      dropAfterCommit: true,
    })
    expect(await failureOf(pointer.move(release(), toGreen(token)))).toBeInstanceOf(TransientError)
    expect(await pointer.read(release())).toMatchObject(greenEverywhere)
    expect(await failureOf(pointer.move(release(), toGreen(token)))).toBeInstanceOf(ConflictError)
    expect(updates(local)).toHaveLength(1)
  })

  test('a write by somebody else between reading and moving wins', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const token = await tokenOf(pointer)
    await admin(local, `/distributions/${ID}/foreign-write`, {
      pathPattern: '/v2/*',
      targetOriginId: 'housing-green',
    })
    expect(await failureOf(pointer.move(release(), toGreen(token)))).toBeInstanceOf(ConflictError)
    expect(updates(local)).toHaveLength(0)
  })

  test('moves of two releases at one moment are one update', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const [one, other] = [
      release({ behaviors: [{ pathPattern: '*' }] }),
      release({ behaviors: [{ pathPattern: '/v2/*' }] }),
    ]
    const token = await tokenOf(pointer)
    await Promise.all([one, other].map((each) => pointer.move(each, toGreen(token))))
    expect(await pointer.read(release())).toMatchObject(greenEverywhere)
    expect(updates(local)).toHaveLength(1)
  })

  test('one release propagates while the move of another is on its way', async () => {
    const local = await start({ propagation: { minMs: 3_600_000, maxMs: 3_600_000 } })
    const pointer = pointerTo(local.apiUrl)
    const [one, other] = [
      release({ behaviors: [{ pathPattern: '*' }] }),
      release({ behaviors: [{ pathPattern: '/v2/*' }] }),
    ]
    await pointer.move(one, toGreen(await tokenOf(pointer)))
    expect(await pointer.read(one)).toMatchObject({ propagated: 'No' })
    expect(await pointer.read(other)).toMatchObject({
      propagated: 'Yes',
      elsewhere: [
        { part: '*', names: 'housing-green' },
        { part: '*', names: 'housing-blue' },
      ],
    })
  })

  test('a distribution that is disabled is usable again as soon as it is enabled', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const enable = (enabled: boolean): Promise<void> =>
      admin(local, `/distributions/${ID}/foreign-write`, { enabled })
    await enable(false)
    expect(await pointer.read(release())).toMatchObject({ reason: 'DistributionDisabled' })
    await enable(true)
    expect(await pointer.read(release(), 'Live')).toMatchObject({ type: 'Read' })
  })

  test('credentials that are known no more are asked for anew', async () => {
    const local = await start()
    const provider = jest.fn(() => Promise.resolve({ accessKeyId: 'any', secretAccessKey: 'any' }))
    const clock = new FakeClock()
    const client = { endpoint: local.apiUrl, credentials: provider }
    const pointer = pointerTo(local.apiUrl, { client }, clock)
    await pointer.read(release(), 'Live')
    await pointer.read(release(), 'Live')
    expect(provider).toHaveBeenCalledTimes(1)
    await admin(local, '/faults', { operation: 'GetDistribution', code: 'ExpiredToken', status: 403 })
    expect(await pointer.read(release(), 'Live')).toMatchObject({ fresh: 'No' })
    clock.jump(60_000)
    expect(await pointer.read(release(), 'Live')).toMatchObject({ fresh: 'Yes' })
    expect(provider).toHaveBeenCalledTimes(2)
  })

  test('an invalidation that is asked for twice is one', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const step = { type: 'Invalidate', reference: 'modelrelease/u/a/E1', paths: ['/ui/*'] } as const
    await pointer.invalidate?.(release(), step)
    await pointer.invalidate?.(release(), step)
    const list = await (await fetch(`${local.apiUrl}${GET}/invalidation`)).text()
    expect(list.match(/<InvalidationSummary>/g)).toHaveLength(1)
  })

  test('an origin that the distribution lacks is refused by it', async () => {
    const local = await start()
    const pointer = pointerTo(local.apiUrl)
    const step = { ...toGreen(await tokenOf(pointer)), names: 'nowhere' }
    expect(await failureOf(pointer.move(release(), step))).toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining('NoSuchOrigin') as unknown,
    })
  })
})
