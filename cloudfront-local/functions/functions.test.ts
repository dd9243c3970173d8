/** Functions through the real SDK, and at the edges, where they run. */
import {
  CreateFunctionCommand,
  CreateKeyValueStoreCommand,
  DeleteFunctionCommand,
  DescribeFunctionCommand,
  GetDistributionCommand,
  GetFunctionCommand,
  ListFunctionsCommand,
  PublishFunctionCommand,
  TestFunctionCommand,
  UpdateDistributionCommand,
  UpdateFunctionCommand,
} from '@aws-sdk/client-cloudfront'
import { describe, expect, test } from '@jest/globals'
import { admin, ask, cloudFront, HOST, keepAlive, origin, present, refusal, start } from '../test/running.ts'
import type { CloudFrontClient, FunctionConfig, FunctionStage } from '@aws-sdk/client-cloudfront'
import type { RequestListener } from 'node:http'
import type { CloudFrontLocalOptions } from '../start.ts'
import type { Running } from '../test/running.ts'

const ID = 'E1TESTTESTTEST'
const PASS = 'function handler(event) { return event.request }'

// As an operator of two colors would write it: whatever happens, the behavior's own origin answers.
const SWITCH = `
import cf from 'cloudfront'
import crypto from 'crypto'
async function handler(event) {
  const request = event.request
  try {
    const value = await cf.kvs().get('housing', { format: 'json' })
    const user = request.headers['x-user'] ? request.headers['x-user'].value : ''
    const share = parseInt(crypto.createHash('sha256').update(user).digest('hex').slice(0, 8), 16) % 10000
    const color = share < value.weight ? value.other : value.active
    cf.selectRequestOriginById(color)
    request.headers['x-model-color'] = { value: color }
  } catch (error) {
    console.log('falling back: ' + error)
  }
  return request
}`

const echo =
  (name: string): RequestListener =>
  (request, response) => {
    request.resume()
    const { method, url, headers } = request
    response.end(JSON.stringify({ name, method, url, headers }))
  }

type Echo = { name: string; method: string; url: string; headers: Record<string, string> }

/** An emulator whose default behavior runs the code at every edge. */
async function running(
  code: string,
  options: CloudFrontLocalOptions & { items?: Record<string, string> } = {},
): Promise<Running> {
  const { items = {}, ...rest } = options
  const blue = await origin(echo('blue'))
  const green = await origin(echo('green'))
  return start({
    edges: 2,
    seed: {
      distributions: [
        {
          id: ID,
          aliases: [HOST],
          origins: [
            { id: 'blue', domainName: 'blue.example', customHeaders: { 'x-secret': 'b' } },
            { id: 'green', domainName: 'green.example', originPath: '/g' },
          ],
          behaviors: [
            { pathPattern: '/plain/*', targetOriginId: 'green' },
            { pathPattern: '*', targetOriginId: 'blue', viewerRequestFunction: 'under-test' },
          ],
        },
      ],
      keyValueStores: [{ name: 'models', items }],
      functions: [{ name: 'under-test', code, keyValueStore: 'models' }],
    },
    resolve: [`blue.example=127.0.0.1:${blue}`, `green.example=127.0.0.1:${green}`],
    ...rest,
  })
}

async function seen(world: Running, request: Parameters<typeof ask>[1] = {}): Promise<Echo> {
  return JSON.parse((await ask(world.edgeUrls[0], request)).body) as Echo
}

const CONFIG: FunctionConfig = { Comment: 'a switch', Runtime: 'cloudfront-js-2.0' }

async function create(sdk: CloudFrontClient, code: string, Name = 'switch'): Promise<string> {
  const made = await sdk.send(
    new CreateFunctionCommand({ Name, FunctionConfig: CONFIG, FunctionCode: Buffer.from(code) }),
  )
  return made.ETag ?? ''
}

async function tested(sdk: CloudFrontClient, IfMatch: string, Stage?: FunctionStage) {
  const event = {
    version: '1.0',
    context: { eventType: 'viewer-request' },
    viewer: { ip: '192.0.2.1' },
    request: { method: 'GET', uri: '/', querystring: {}, headers: {}, cookies: {} },
  }
  const EventObject = Buffer.from(JSON.stringify(event))
  return (await sdk.send(new TestFunctionCommand({ Name: 'switch', IfMatch, Stage, EventObject }))).TestResult
}

describe('the API', () => {
  test('creates, updates, publishes, describes, lists and deletes', async () => {
    const local = await start()
    const sdk = cloudFront(local)
    const made = await sdk.send(
      new CreateFunctionCommand({ Name: 'switch', FunctionConfig: CONFIG, FunctionCode: Buffer.from(PASS) }),
    )
    expect(made.Location).toBe('https://cloudfront.amazonaws.com/2020-05-31/function/switch')
    expect(made.FunctionSummary).toMatchObject({
      Name: 'switch',
      Status: 'UNPUBLISHED',
      FunctionConfig: { ...CONFIG, KeyValueStoreAssociations: { Quantity: 0 } },
      FunctionMetadata: {
        FunctionARN: 'arn:aws:cloudfront::123456789012:function/switch',
        Stage: 'DEVELOPMENT',
      },
    })
    const live = () => sdk.send(new DescribeFunctionCommand({ Name: 'switch', Stage: 'LIVE' }))
    await expect(refusal(live())).resolves.toEqual({ code: 'NoSuchFunctionExists', status: 404 })

    const update = {
      Name: 'switch',
      FunctionConfig: { ...CONFIG, Comment: 'better' },
      FunctionCode: Buffer.from(SWITCH),
    }
    const updated = await sdk.send(new UpdateFunctionCommand({ ...update, IfMatch: made.ETag }))
    const stale = refusal(sdk.send(new UpdateFunctionCommand({ ...update, IfMatch: made.ETag })))
    await expect(stale).resolves.toEqual({ code: 'PreconditionFailed', status: 412 })
    const { ETag } = await sdk.send(new DescribeFunctionCommand({ Name: 'switch' }))
    expect(updated.ETag).toBe(ETag)
    const published = await sdk.send(new PublishFunctionCommand({ Name: 'switch', IfMatch: ETag }))
    expect(published.FunctionSummary).toMatchObject({
      Status: 'UNASSOCIATED',
      FunctionMetadata: { Stage: 'LIVE' },
    })
    expect((await live()).FunctionSummary?.FunctionConfig?.Comment).toBe('better')
    const code = await sdk.send(new GetFunctionCommand({ Name: 'switch', Stage: 'LIVE' }))
    expect(Buffer.from(code.FunctionCode ?? []).toString()).toBe(SWITCH)
    const listed = await sdk.send(new ListFunctionsCommand({ Stage: 'LIVE' }))
    expect(listed.FunctionList).toMatchObject({ Quantity: 1, Items: [{ Name: 'switch' }] })
    await sdk.send(new DeleteFunctionCommand({ Name: 'switch', IfMatch: ETag }))
    await expect(refusal(live())).resolves.toEqual({ code: 'NoSuchFunctionExists', status: 404 })
  })

  test.each([
    {
      name: 'more than 10 KB',
      code: `${PASS}//${'x'.repeat(10_240)}`,
      answer: { code: 'FunctionSizeLimitExceeded', status: 413 },
    },
    {
      name: 'a name that is taken',
      code: PASS,
      taken: true,
      answer: { code: 'FunctionAlreadyExists', status: 409 },
    },
  ])('$name is refused', async ({ code, taken, answer }) => {
    const sdk = cloudFront(await start())
    if (taken === true) await create(sdk, PASS)
    await expect(refusal(create(sdk, code))).resolves.toEqual(answer)
  })

  test('a KeyValueStore that does not exist cannot be associated', async () => {
    const sdk = cloudFront(await start())
    const KeyValueStoreARN = 'arn:aws:cloudfront::123456789012:key-value-store/none'
    const FunctionConfig = {
      ...CONFIG,
      KeyValueStoreAssociations: { Quantity: 1, Items: [{ KeyValueStoreARN }] },
    }
    const made = sdk.send(
      new CreateFunctionCommand({ Name: 'f', FunctionConfig, FunctionCode: Buffer.from(PASS) }),
    )
    await expect(refusal(made)).resolves.toEqual({ code: 'InvalidArgument', status: 400 })
  })

  test('a KeyValueStore that is not READY yet cannot be associated, by either call', async () => {
    const world = await start()
    const sdk = cloudFront(world)
    await admin(world, 'POST', '/edges/all/hold')
    const { KeyValueStore } = await sdk.send(new CreateKeyValueStoreCommand({ Name: 'colors' }))
    expect(KeyValueStore?.Status).toBe('PROVISIONING')
    const Items = [{ KeyValueStoreARN: present(KeyValueStore?.ARN) }]
    const FunctionConfig = { ...CONFIG, KeyValueStoreAssociations: { Quantity: 1, Items } }
    const code = { FunctionConfig, FunctionCode: Buffer.from(PASS) }
    const make = () => sdk.send(new CreateFunctionCommand({ Name: 'f', ...code }))
    await expect(refusal(make())).resolves.toEqual({ code: 'InvalidArgument', status: 400 })
    await expect(make()).rejects.toThrow('The KVS cannot be associated before the resource is provisioned')
    const IfMatch = await create(sdk, PASS)
    const change = sdk.send(new UpdateFunctionCommand({ Name: 'switch', IfMatch, ...code }))
    await expect(refusal(change)).resolves.toEqual({ code: 'InvalidArgument', status: 400 })
    await admin(world, 'POST', '/edges/all/release')
    expect((await make()).ETag).toBeDefined()
  })

  test('lists by name, page by page', async () => {
    const sdk = cloudFront(await start({ maxPageSize: 1 }))
    for (const name of ['b', 'a']) await create(sdk, PASS, name)
    const first = (await sdk.send(new ListFunctionsCommand({}))).FunctionList
    expect(first).toMatchObject({ Quantity: 1, MaxItems: 1, NextMarker: 'a', Items: [{ Name: 'a' }] })
    const second = (await sdk.send(new ListFunctionsCommand({ Marker: first?.NextMarker }))).FunctionList
    expect(second).toMatchObject({ Quantity: 1, Items: [{ Name: 'b' }] })
    expect(second).not.toHaveProperty('NextMarker')
  })

  test('TestFunction runs a stage and tells output, logs and errors', async () => {
    const sdk = cloudFront(await start())
    const etag = await create(
      sdk,
      `function handler(event) { console.log('seen ' + JSON.stringify(event.viewer)); event.request.uri = '/new'; return event.request }`,
    )
    const result = await tested(sdk, etag)
    expect(result).toMatchObject({
      FunctionSummary: { Name: 'switch' },
      FunctionErrorMessage: '',
      FunctionExecutionLogs: ['seen {"ip":"192.0.2.1"}'],
    })
    expect(JSON.parse(result?.FunctionOutput ?? '')).toMatchObject({
      request: { uri: '/new', method: 'GET' },
    })
    const notLive = { code: 'NoSuchFunctionExists', status: 404 }
    await expect(refusal(tested(sdk, etag, 'LIVE'))).resolves.toEqual(notLive)

    const FunctionCode = Buffer.from(
      "import cf from 'cloudfront'\nfunction handler(event) { cf.selectRequestOriginById('anything'); return {} }",
    )
    await sdk.send(
      new UpdateFunctionCommand({ Name: 'switch', FunctionConfig: CONFIG, FunctionCode, IfMatch: etag }),
    )
    await expect(refusal(tested(sdk, etag))).resolves.toEqual({ code: 'InvalidIfMatchVersion', status: 400 })
    const { ETag = '' } = await sdk.send(new DescribeFunctionCommand({ Name: 'switch' }))
    expect((await tested(sdk, ETag))?.FunctionErrorMessage).toContain('without a uri')
  })

  // As there: what does not compile is told by TestFunction alone, and answered 503 at the edges.
  test('a function that does not compile is taken and published, and TestFunction says what is wrong', async () => {
    const sdk = cloudFront(await start())
    const etag = await create(sdk, 'async function handler(event) {\n  return f(await event)\n}')
    await sdk.send(new PublishFunctionCommand({ Name: 'switch', IfMatch: etag }))
    const { ETag = '' } = await sdk.send(new DescribeFunctionCommand({ Name: 'switch', Stage: 'LIVE' }))
    expect(await tested(sdk, ETag, 'LIVE')).toMatchObject({
      FunctionErrorMessage: 'SyntaxError: await in arguments not supported in 2',
      FunctionOutput: '',
    })
  })

  test('a distribution takes only a published function, which is then in use', async () => {
    const world = await running(PASS)
    const sdk = cloudFront(world)
    const etag = await create(sdk, PASS)
    const { Distribution, ETag } = await sdk.send(new GetDistributionCommand({ Id: ID }))
    const DistributionConfig = Distribution?.DistributionConfig
    if (DistributionConfig?.DefaultCacheBehavior === undefined) throw new Error('no configuration')
    const FunctionARN = 'arn:aws:cloudfront::123456789012:function/switch'
    const Items = [{ FunctionARN, EventType: 'viewer-request' as const }]
    DistributionConfig.DefaultCacheBehavior.FunctionAssociations = { Quantity: 1, Items }
    const associate = () =>
      sdk.send(new UpdateDistributionCommand({ Id: ID, IfMatch: ETag, DistributionConfig }))
    await expect(refusal(associate())).resolves.toEqual({ code: 'InvalidFunctionAssociation', status: 400 })
    await sdk.send(new PublishFunctionCommand({ Name: 'switch', IfMatch: etag }))
    await associate()
    const inUse = refusal(sdk.send(new DeleteFunctionCommand({ Name: 'switch', IfMatch: etag })))
    await expect(inUse).resolves.toEqual({ code: 'FunctionInUse', status: 409 })
    const described = await sdk.send(new DescribeFunctionCommand({ Name: 'switch', Stage: 'LIVE' }))
    expect(['DEPLOYED', 'IN_PROGRESS']).toContain(described.FunctionSummary?.Status)
  })
})

describe('at an edge', () => {
  test('the switch reads its key and picks the origin; POST bodies pass', async () => {
    const items = { housing: '{"active":"green","weight":0,"other":"blue"}' }
    const world = await running(SWITCH, { items })
    const answer = await seen(world, { method: 'POST', path: '/v2/infer?x=1', body: '{}' })
    expect(answer).toMatchObject({
      name: 'green',
      method: 'POST',
      url: '/g/v2/infer?x=1',
      headers: { host: 'green.example', 'x-model-color': 'green', 'content-length': '2' },
    })
    expect(await seen(world, { path: '/plain/x' })).toMatchObject({ name: 'green', url: '/g/plain/x' })
  })

  test('weights split viewers, each staying where it is', async () => {
    const items = { housing: '{"active":"blue","weight":5000,"other":"green"}' }
    const world = await running(SWITCH, { items })
    const users = Array.from({ length: 40 }, (_, index) => `user-${index}`)
    const round = async () => {
      const names: string[] = []
      for (const user of users) names.push((await seen(world, { headers: { 'x-user': user } })).name)
      return names
    }
    const first = await round()
    expect(new Set(first)).toEqual(new Set(['blue', 'green']))
    expect(await round()).toEqual(first)
  })

  test('a missing key falls back to the behavior, as the function decides', async () => {
    const world = await running(SWITCH)
    expect((await seen(world)).name).toBe('blue')
    expect(world.logged.map(({ data }) => data?.line)).toEqual([expect.stringContaining('KeyNotFound')])
  })

  test('a write to the store reaches each edge at its own time', async () => {
    const items = { housing: '{"active":"blue","weight":0,"other":"green"}' }
    const world = await running(SWITCH, { items })
    const colors = async () =>
      Promise.all(world.edgeUrls.map(async (url) => (JSON.parse((await ask(url)).body) as Echo).name))
    await admin(world, 'POST', '/edges/2/hold')
    const puts = { housing: '{"active":"green","weight":0,"other":"blue"}' }
    await admin(world, 'POST', '/key-value-stores/models/foreign-write', { puts })
    await world.waitFor((entry) => entry.type === 'EdgeStoreApplied' && entry.edge === 1)
    expect(await colors()).toEqual(['green', 'blue'])
    await admin(world, 'POST', '/edges/2/release')
    expect(await colors()).toEqual(['green', 'green'])
  })

  test('1,000 requests through flips of the key: none fails, both colors answer, the end is pure', async () => {
    const state = (active: string, other: string) => JSON.stringify({ active, weight: 0, other })
    const world = await running(SWITCH, {
      items: { housing: state('blue', 'green') },
      storePropagation: { minMs: 0, maxMs: 40 },
      randomSeed: 5,
    })
    const flips = new Map([
      [200, state('green', 'blue')],
      [450, state('blue', 'green')],
      [700, state('green', 'blue')],
    ])
    const agent = keepAlive(32)
    const colors = new Set<string>()
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < 1000) {
        const number = next
        next += 1
        const housing = flips.get(number)
        const path = '/key-value-stores/models/foreign-write'
        if (housing !== undefined) await admin(world, 'POST', path, { puts: { housing } })
        const answer = await ask(world.edgeUrls[number % 2], { method: 'POST', body: '{}', agent })
        expect(answer.status).toBe(200)
        colors.add((JSON.parse(answer.body) as Echo).name)
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    await world.waitFor(
      (entry) => entry.type === 'EdgeStoreApplied' && entry.version === 4 && entry.propagated,
    )
    expect(colors).toEqual(new Set(['blue', 'green']))
    for (const url of world.edgeUrls) expect((JSON.parse((await ask(url)).body) as Echo).name).toBe('green')
  })

  test('new code reaches each edge at its own time', async () => {
    const world = await running(PASS)
    const sdk = cloudFront(world)
    await admin(world, 'POST', '/edges/2/hold')
    const answering = `function handler() { return { statusCode: 200, body: 'new' } }`
    const { ETag } = await sdk.send(new DescribeFunctionCommand({ Name: 'under-test' }))
    const changed = { Name: 'under-test', FunctionConfig: CONFIG, FunctionCode: Buffer.from(answering) }
    await sdk.send(new UpdateFunctionCommand({ ...changed, IfMatch: ETag }))
    const { ETag: newest } = await sdk.send(new DescribeFunctionCommand({ Name: 'under-test' }))
    expect((await seen(world)).name).toBe('blue')
    await sdk.send(new PublishFunctionCommand({ Name: 'under-test', IfMatch: newest }))
    await world.waitFor((entry) => entry.type === 'EdgeFunctionApplied' && entry.edge === 1)
    expect((await ask(world.edgeUrls[0])).body).toBe('new')
    expect((JSON.parse((await ask(world.edgeUrls[1])).body) as Echo).name).toBe('blue')
  })

  test('changes of uri, query, headers and cookies reach the origin, and read-only headers stay', async () => {
    const world = await running(`function handler(event) {
      const request = event.request
      request.uri = '/rewritten'
      request.querystring.added = { value: 'yes' }
      request.headers['x-added'] = { value: request.querystring.a.multiValue.length + ' ' + request.cookies.session.value }
      request.headers['via'] = { value: 'forged' }
      delete request.headers['x-gone']
      delete request.cookies.secret
      return request
    }`)
    const { url, headers } = await seen(world, {
      path: '/plain?a=1&a=2&flag',
      headers: { 'x-gone': '1', 'X-Kept': 'a', cookie: 'session=s; secret=t' },
    })
    expect(url).toBe('/rewritten?a=1&a=2&flag&added=yes')
    expect(headers).toMatchObject({ 'x-added': '2 s', 'x-kept': 'a', cookie: 'session=s', 'x-secret': 'b' })
    expect(headers).not.toHaveProperty('x-gone')
    expect(headers.via).not.toContain('forged')
  })

  test('an unchanged request passes as the viewer wrote it', async () => {
    const world = await running(PASS)
    expect((await seen(world, { path: '/a?b=%20&c=' })).url).toBe('/a?b=%20&c=')
  })

  test('an answer of its own never reaches an origin', async () => {
    const world = await running(`function handler() {
      return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/there' } },
        cookies: { seen: { value: '1', attributes: 'Path=/' } }, body: { encoding: 'base64', data: 'aGk=' } }
    }`)
    const answer = await ask(world.edgeUrls[0])
    expect(answer).toMatchObject({
      status: 302,
      body: 'hi',
      headers: {
        location: '/there',
        'set-cookie': ['seen=1; Path=/'],
        'x-cache': 'FunctionGeneratedResponse from cloudfront',
      },
    })
  })

  test('updateRequestOrigin sends the request elsewhere, keeping what it does not name', async () => {
    const world = await running(`import cf from 'cloudfront'
    function handler(event) {
      cf.updateRequestOrigin({ domainName: 'green.example', originPath: '/u', hostHeader: 'public.example', timeouts: { readTimeout: 5 } })
      return event.request
    }`)
    expect(await seen(world, { path: '/x' })).toMatchObject({
      name: 'green',
      url: '/u/x',
      headers: { host: 'public.example', 'x-secret': 'b' },
    })
  })

  test.each([
    { name: 'throws', code: `function handler() { throw new TypeError('boom') }`, says: 'TypeError: boom' },
    { name: 'does not compile', code: 'function handler( {', says: 'SyntaxError' },
    {
      name: 'awaits in arguments',
      code: `async function handler(event) { return Object.assign({}, await event.request) }`,
      says: 'SyntaxError: await in arguments not supported in 1',
    },
    { name: 'has no handler', code: 'const x = 1', says: 'handler' },
    { name: 'returns nothing', code: 'function handler() {}', says: 'neither a request nor a response' },
    {
      name: 'waits for ever',
      code: 'async function handler() { await new Promise(() => {}) }',
      says: 'never comes',
    },
    { name: 'never ends', code: 'function handler() { for (;;) {} }', says: 'did not finish' },
    {
      name: 'names no origin of ours',
      code: `import cf from 'cloudfront'\nfunction handler(event) { cf.selectRequestOriginById('red'); return event.request }`,
      says: 'no origin "red"',
    },
    {
      name: 'wants a timer',
      code: 'function handler(event) { setTimeout(() => {}, 1); return event.request }',
      says: 'setTimeout is not defined',
    },
    {
      name: 'wants Node',
      code: `import fs from 'fs'\nfunction handler(event) { return event.request }`,
      says: 'Cannot load module "fs"',
    },
    {
      name: 'compiles text',
      code: `function handler(event) { return new Function('return 1')() }`,
      says: 'Code generation',
    },
  ])('a function that $name is 503, and the next request is served', async ({ code, says: reason }) => {
    const world = await running(code)
    const answer = await ask(world.edgeUrls[0], { method: 'POST', body: '{}' })
    expect([answer.status, answer.headers['x-cache']]).toEqual([
      503,
      'FunctionExecutionError from cloudfront',
    ])
    expect(world.logged[0]).toMatchObject({
      message: 'A function failed',
      data: { err: expect.stringContaining(reason) },
    })
    expect((await seen(world, { path: '/plain/x' })).name).toBe('green')
    expect((await ask(world.edgeUrls[0])).status).toBe(503)
    expect(await admin(world, 'GET', '/edges')).toMatchObject([{ counters: { functionErrors: 2 } }, {}])
  })

  test('an endless loop costs its own request; the next one gets a new thread', async () => {
    const world = await running(`function handler(event) {
      if (event.request.uri === '/loop') for (;;) {}
      return event.request
    }`)
    expect((await ask(world.edgeUrls[0], { path: '/loop' })).status).toBe(503)
    expect((await seen(world, { path: '/x' })).url).toBe('/x')
  })

  test('a version brings a function that an edge never had, and its store', async () => {
    const world = await running(PASS)
    const sdk = cloudFront(world)
    const hour = { minMs: 3_600_000, maxMs: 3_600_000 }
    for (const kind of ['functions', 'stores'])
      await admin(world, 'PUT', '/propagation', { ...hour, of: kind })
    const { KeyValueStore } = await sdk.send(new CreateKeyValueStoreCommand({ Name: 'colors' }))
    const puts = { housing: '{"active":"green","weight":0,"other":"blue"}' }
    await admin(world, 'POST', '/key-value-stores/colors/foreign-write', { puts })
    const Items = [{ KeyValueStoreARN: present(KeyValueStore?.ARN) }]
    const FunctionConfig = { ...CONFIG, KeyValueStoreAssociations: { Quantity: 1, Items } }
    const code = { Name: 'switch', FunctionConfig, FunctionCode: Buffer.from(SWITCH) }
    const made = await sdk.send(new CreateFunctionCommand(code))
    await sdk.send(new PublishFunctionCommand({ Name: 'switch', IfMatch: made.ETag }))
    const { Distribution, ETag } = await sdk.send(new GetDistributionCommand({ Id: ID }))
    const DistributionConfig = present(present(Distribution).DistributionConfig)
    present(DistributionConfig.DefaultCacheBehavior).FunctionAssociations = {
      Quantity: 1,
      Items: [
        {
          FunctionARN: present(made.FunctionSummary?.FunctionMetadata?.FunctionARN),
          EventType: 'viewer-request',
        },
      ],
    }
    await sdk.send(new UpdateDistributionCommand({ Id: ID, IfMatch: ETag, DistributionConfig }))
    await world.waitFor((entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed')
    expect((await seen(world)).name).toBe('green')
  })

  test('many at once each get their own answer', async () => {
    const world = await running(`async function handler(event) {
      await Promise.resolve()
      event.request.headers['x-echo'] = { value: event.request.uri }
      return event.request
    }`)
    const paths = Array.from({ length: 200 }, (_, index) => `/${index}`)
    const answers = await Promise.all(paths.map((path) => seen(world, { path })))
    expect(answers.map(({ headers }) => headers['x-echo'])).toEqual(paths)
  })

  test('a viewer-request function of a distribution that is deleted and of a host that nobody has runs no more', async () => {
    const world = await running(PASS)
    await admin(world, 'DELETE', `/distributions/${ID}`)
    expect((await ask(world.edgeUrls[0])).body).toContain('No distribution')
  })
})

test('a seed tells what its functions lack', async () => {
  const origins = [{ id: 'a', domainName: 'a.example' }]
  const behaviors = [{ pathPattern: '*', targetOriginId: 'a', viewerRequestFunction: 'missing' }]
  await expect(start({ seed: { distributions: [{ origins, behaviors }] } })).rejects.toThrow(
    /add it to functions/,
  )
  const functions = [{ name: 'missing', codeFile: '/nowhere/switch.js' }]
  const withFile = start({ seed: { distributions: [{ origins, behaviors }], functions } })
  await expect(withFile).rejects.toThrow(/switch\.js: ENOENT/)
})
