import { describe, expect, test } from '@jest/globals'
import {
  GetDistributionCommand,
  GetDistributionConfigCommand,
  ListDistributionsCommand,
  UpdateDistributionCommand,
} from '@aws-sdk/client-cloudfront'
import { admin as adminOf, cloudFront, present, refusal, start as startLocal } from '../test/running.ts'
import type { CloudFrontClient, DistributionConfig } from '@aws-sdk/client-cloudfront'
import type { CloudFrontLocalOptions } from '../start.ts'
import type { Running } from '../test/running.ts'

const ID = 'E1HOUSINGLOCAL'

let running: Running | undefined
let client: CloudFrontClient | undefined

async function start(options: CloudFrontLocalOptions = {}): Promise<Running> {
  running = await startLocal(options)
  client = cloudFront(running)
  return running
}

function sdk(): CloudFrontClient {
  return present(client)
}

async function read(id = ID): Promise<{ config: DistributionConfig; etag: string; status: string }> {
  const { Distribution, ETag } = await sdk().send(new GetDistributionCommand({ Id: id }))
  if (Distribution?.DistributionConfig === undefined || ETag === undefined) throw new Error('no distribution')
  return { config: Distribution.DistributionConfig, etag: ETag, status: Distribution.Status ?? '' }
}

function pointedAt(config: DistributionConfig, origin: string): DistributionConfig {
  const behavior = config.DefaultCacheBehavior
  if (behavior === undefined) throw new Error('no default behavior')
  return { ...config, DefaultCacheBehavior: { ...behavior, TargetOriginId: origin } }
}

async function put(config: DistributionConfig, etag: string | undefined, id = ID): Promise<string> {
  const answer = await sdk().send(
    new UpdateDistributionCommand({ Id: id, DistributionConfig: config, IfMatch: etag }),
  )
  return answer.ETag ?? ''
}

function admin(method: string, path: string, body?: unknown): Promise<unknown> {
  return adminOf(present(running), method, path, body)
}

async function rawConfig(): Promise<{ xml: string; etag: string }> {
  const answer = await fetch(`${running?.apiUrl ?? ''}/2020-05-31/distribution/${ID}/config`)
  return { xml: await answer.text(), etag: answer.headers.get('etag') ?? '' }
}

async function putRaw(body: string, etag: string): Promise<{ status: number; text: string }> {
  const url = `${running?.apiUrl ?? ''}/2020-05-31/distribution/${ID}/config`
  const answer = await fetch(url, { method: 'PUT', body, headers: { 'if-match': etag } })
  return { status: answer.status, text: await answer.text() }
}

describe('reading', () => {
  test('GetDistribution gives configuration, status and ETag in one call', async () => {
    await start()
    const answer = await sdk().send(new GetDistributionCommand({ Id: ID }))
    expect(answer.ETag).toMatch(/^E[A-Z0-9]{13}$/)
    expect(answer.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.Distribution).toMatchObject({
      Id: ID,
      ARN: `arn:aws:cloudfront::123456789012:distribution/${ID}`,
      Status: 'Deployed',
      DomainName: 'd1housinglocal.cloudfront.net',
      InProgressInvalidationBatches: 0,
    })
    expect(answer.Distribution?.LastModifiedTime).toBeInstanceOf(Date)
    expect(answer.Distribution?.DistributionConfig?.DefaultCacheBehavior).toMatchObject({
      TargetOriginId: 'housing-blue',
      AllowedMethods: { Quantity: 7, CachedMethods: { Quantity: 2, Items: ['HEAD', 'GET'] } },
    })
    expect(answer.Distribution?.DistributionConfig?.Origins?.Items?.map(({ Id }) => Id)).toEqual([
      'housing-blue',
      'housing-green',
    ])
  })

  test('GetDistributionConfig gives the bare configuration with the same ETag', async () => {
    await start()
    const { config, etag } = await read()
    const answer = await sdk().send(new GetDistributionConfigCommand({ Id: ID }))
    expect(answer.ETag).toBe(etag)
    expect(answer.DistributionConfig).toEqual(config)
    const { xml } = await rawConfig()
    expect(xml).toMatch(/<DistributionConfig xmlns="http:\/\/cloudfront\.amazonaws\.com\/doc\/2020-05-31\/">/)
  })

  test('answers are text/xml with a request id', async () => {
    await start()
    const answer = await fetch(`${running?.apiUrl ?? ''}/2020-05-31/distribution/${ID}`)
    expect(answer.headers.get('content-type')).toBe('text/xml')
    expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('an unknown id is NoSuchDistribution', async () => {
    await start()
    const expected = { code: 'NoSuchDistribution', status: 404 }
    const Id = 'E9999999999999'
    await expect(refusal(sdk().send(new GetDistributionCommand({ Id })))).resolves.toEqual(expected)
    await expect(refusal(sdk().send(new GetDistributionConfigCommand({ Id })))).resolves.toEqual(expected)
  })

  test.each(['//', '/2020-05-31/distribution/%zz', '/_admin/resolve/%zz'])(
    '%s is refused, and the next call is served',
    async (target) => {
      const local = await start()
      expect((await fetch(`${local.apiUrl}${target}`)).ok).toBe(false)
      expect((await read()).status).toBe('Deployed')
    },
  )

  test('an operation that the emulator lacks says so', async () => {
    await start()
    const answer = await fetch(`${running?.apiUrl ?? ''}/2020-05-31/anycast-ip-list`)
    expect(answer.status).toBe(501)
    await expect(answer.text()).resolves.toMatch(
      /<Code>NotImplemented<.*ListAnycastIpLists is not implemented here/,
    )
  })
})

describe('ListDistributions', () => {
  const seed = ['E1AAAAAAAAAAAA', 'E2BBBBBBBBBBBB', 'E3CCCCCCCCCCCC'].map((id) => ({
    id,
    origins: [{ id: 'only', domainName: 'only.example' }],
    behaviors: [{ pathPattern: '*', targetOriginId: 'only' }],
  }))

  test('pages by Marker and MaxItems', async () => {
    await start({ seed })
    const first = await sdk().send(new ListDistributionsCommand({ MaxItems: 2 }))
    expect(first.DistributionList).toMatchObject({
      IsTruncated: true,
      NextMarker: 'E2BBBBBBBBBBBB',
      MaxItems: 2,
      Quantity: 2,
    })
    const second = await sdk().send(new ListDistributionsCommand({ MaxItems: 2, Marker: 'E2BBBBBBBBBBBB' }))
    expect(second.DistributionList).toMatchObject({
      IsTruncated: false,
      Marker: 'E2BBBBBBBBBBBB',
      Quantity: 1,
    })
    const ids = [first, second]
      .flatMap(({ DistributionList }) => DistributionList?.Items ?? [])
      .map(({ Id }) => Id)
    expect(ids).toEqual(seed.map(({ id }) => id))
  })

  test('never gives more than the page size', async () => {
    await start({ seed, maxPageSize: 1 })
    const answer = await sdk().send(new ListDistributionsCommand({}))
    expect(answer.DistributionList).toMatchObject({ IsTruncated: true, Quantity: 1, MaxItems: 1 })
  })

  test('a summary carries the ETag', async () => {
    await start()
    const { etag } = await read()
    const answer = await sdk().send(new ListDistributionsCommand({}))
    expect(answer.DistributionList?.Items?.[0]).toMatchObject({ Id: ID, ETag: etag, Status: 'Deployed' })
  })

  test('refuses a MaxItems that is no number', async () => {
    await start()
    const answer = await fetch(`${running?.apiUrl ?? ''}/2020-05-31/distribution?MaxItems=many`)
    expect(answer.status).toBe(400)
    await expect(answer.text()).resolves.toContain('<Code>InvalidArgument</Code>')
  })
})

describe('UpdateDistribution', () => {
  test('gives a new ETag, a new time and InProgress until the last edge has the version', async () => {
    const local = await start()
    const before = await read()
    for (const edge of [1, 2, 3]) await admin('POST', `/edges/${edge}/hold`)
    const answer = await sdk().send(
      new UpdateDistributionCommand({
        Id: ID,
        DistributionConfig: pointedAt(before.config, 'housing-green'),
        IfMatch: before.etag,
      }),
    )
    expect(answer.ETag).toMatch(/^E[A-Z0-9]{13}$/)
    expect(answer.ETag).not.toBe(before.etag)
    expect(answer.Distribution?.Status).toBe('InProgress')
    expect(answer.Distribution?.DistributionConfig?.DefaultCacheBehavior?.TargetOriginId).toBe(
      'housing-green',
    )

    await admin('POST', '/edges/1/release')
    await admin('POST', '/edges/3/release')
    expect((await read()).status).toBe('InProgress')
    await admin('POST', '/edges/2/release')
    expect(await read()).toMatchObject({ status: 'Deployed', etag: answer.ETag })
    const applied = local.audit().filter((entry) => entry.type === 'EdgeApplied')
    expect(applied.map(({ edge, status }) => [edge, status])).toEqual([
      [1, 'InProgress'],
      [3, 'InProgress'],
      [2, 'Deployed'],
    ])
  })

  test('is accepted while InProgress', async () => {
    const local = await start()
    await admin('POST', '/edges/all/hold')
    const { config, etag } = await read()
    const second = await put(pointedAt(config, 'housing-green'), etag)
    expect((await read()).status).toBe('InProgress')
    await put(pointedAt(config, 'housing-blue'), second)
    await admin('POST', '/edges/all/release')
    expect((await read()).status).toBe('Deployed')
    const applied = local.audit().filter((entry) => entry.type === 'EdgeApplied')
    expect(applied.map(({ edge, version, status }) => [edge, version, status])).toEqual([
      [1, 2, 'InProgress'],
      [1, 3, 'InProgress'],
      [2, 2, 'InProgress'],
      [2, 3, 'InProgress'],
      [3, 2, 'InProgress'],
      [3, 3, 'Deployed'],
    ])
  })

  test('reaches every edge in the order of the versions, whatever the delays', async () => {
    const local = await start({ propagation: { minMs: 0, maxMs: 200 }, randomSeed: 7 })
    const { config, etag } = await read()
    let newest = etag
    for (const color of ['green', 'blue', 'green', 'blue'])
      newest = await put(pointedAt(config, `housing-${color}`), newest)
    await local.waitFor(
      (entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed' && entry.version === 5,
    )
    const applied = local.audit().filter((entry) => entry.type === 'EdgeApplied')
    for (const edge of [1, 2, 3]) {
      expect(applied.filter((entry) => entry.edge === edge).map(({ version }) => version)).toEqual([
        2, 3, 4, 5,
      ])
    }
  })

  test('without If-Match is InvalidIfMatchVersion', async () => {
    await start()
    const { config } = await read()
    await expect(refusal(put(config, undefined))).resolves.toEqual({
      code: 'InvalidIfMatchVersion',
      status: 400,
    })
  })

  test.each(['latest', '*', '"E1HOUSINGLOCAL"', 'e1housinglocal'])(
    'with the malformed If-Match %s is InvalidIfMatchVersion',
    async (ifMatch) => {
      await start()
      const { config } = await read()
      const expected = { code: 'InvalidIfMatchVersion', status: 400 }
      await expect(refusal(put(config, ifMatch))).resolves.toEqual(expected)
    },
  )

  test('with the ETag before last is PreconditionFailed and changes nothing', async () => {
    await start()
    const { config, etag } = await read()
    const newest = await put(pointedAt(config, 'housing-green'), etag)
    const expected = { code: 'PreconditionFailed', status: 412 }
    await expect(refusal(put(config, etag))).resolves.toEqual(expected)
    const after = await read()
    expect(after.etag).toBe(newest)
    expect(after.config.DefaultCacheBehavior?.TargetOriginId).toBe('housing-green')
  })

  test('of an unknown id is NoSuchDistribution', async () => {
    await start()
    const { config, etag } = await read()
    const answer = refusal(put(config, etag, 'E9999999999999'))
    await expect(answer).resolves.toEqual({ code: 'NoSuchDistribution', status: 404 })
  })

  test('replaces the whole configuration: what the SDK does not know is gone after its round trip', async () => {
    await start()
    const { config, etag } = await read()
    expect((await rawConfig()).xml).toContain('<AnticipatedSetting><Mode>keep-me</Mode></AnticipatedSetting>')
    await put(config, etag)
    expect((await rawConfig()).xml).not.toContain('AnticipatedSetting')
  })

  test('keeps unknown elements of a raw update where they stand, nested ones too', async () => {
    await start()
    const { xml, etag } = await rawConfig()
    const wanted = xml
      .replaceAll(/<TargetOriginId>housing-blue/g, '<TargetOriginId>housing-green')
      .replace(
        '<OriginShield>',
        '<Novel kind="a &amp; b"><Deep> x &lt; y </Deep><Empty></Empty></Novel><OriginShield>',
      )
    expect(await putRaw(wanted, etag)).toMatchObject({ status: 200 })
    expect((await rawConfig()).xml).toBe(wanted)
  })

  test('that changes nothing makes a new version by default', async () => {
    await start()
    const { xml, etag } = await rawConfig()
    await putRaw(xml, etag)
    expect((await rawConfig()).etag).not.toBe(etag)
  })

  test('that changes nothing can be told to make no version', async () => {
    await start({ identicalPut: 'SameEtag' })
    const { xml, etag } = await rawConfig()
    expect(await putRaw(xml, etag)).toMatchObject({ status: 200 })
    expect((await rawConfig()).etag).toBe(etag)
    expect((await read()).status).toBe('Deployed')
  })

  test('without a body is MissingBody', async () => {
    await start()
    const { etag } = await rawConfig()
    const answer = await putRaw('', etag)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('<Code>MissingBody</Code>')
  })

  test.each([
    '<DistributionConfig>',
    'hello',
    '<A/><B/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<Origin/>',
  ])('with the body %s is MalformedXML', async (body) => {
    await start()
    const { etag } = await rawConfig()
    const answer = await putRaw(body, etag)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('<Code>MalformedXML</Code>')
  })

  test('that is refused leaves ETag, status and configuration alone', async () => {
    await start()
    const before = await read()
    const answer = refusal(put(pointedAt(before.config, 'housing-red'), before.etag))
    await expect(answer).resolves.toEqual({ code: 'NoSuchOrigin', status: 404 })
    expect(await read()).toEqual(before)
  })

  test('that changes CallerReference is IllegalUpdate', async () => {
    await start()
    const { config, etag } = await read()
    const answer = refusal(put({ ...config, CallerReference: 'another' }, etag))
    await expect(answer).resolves.toEqual({ code: 'IllegalUpdate', status: 400 })
  })
})

describe('the audit log', () => {
  test('has one line per call, with If-Match, code, new ETag and the moved targets', async () => {
    const local = await start()
    const { config, etag } = await read()
    const newest = await put(pointedAt(config, 'housing-green'), etag)
    await refusal(put(config, etag))
    const calls = local.audit().filter((entry) => entry.type === 'Call')
    expect(calls).toMatchObject([
      { operation: 'GetDistribution', distribution: ID, status: 200 },
      {
        operation: 'UpdateDistribution',
        distribution: ID,
        ifMatch: etag,
        status: 200,
        etag: newest,
        version: 2,
        targets: [{ pathPattern: '*', from: 'housing-blue', to: 'housing-green' }],
        // The SDK drops what it does not know, which is a change of the document as a whole.
        changed: [''],
        caller: 'any',
        userAgent: expect.stringContaining('aws-sdk-js'),
      },
      { operation: 'UpdateDistribution', ifMatch: etag, status: 412, code: 'PreconditionFailed' },
    ])
    expect(calls[2]).not.toHaveProperty('etag')
  })
})

test('a raw update that moves one pointer changes one element', async () => {
  const local = await start()
  const { xml, etag } = await rawConfig()
  const moved = xml.replace(/(<DefaultCacheBehavior><TargetOriginId>)[^<]*/, '$1housing-green')
  expect(await putRaw(moved, etag)).toMatchObject({ status: 200 })
  const [call] = local
    .audit()
    .filter((entry) => entry.type === 'Call' && entry.operation === 'UpdateDistribution')
  expect(call).toMatchObject({ changed: ['DefaultCacheBehavior/TargetOriginId'] })
})

describe('faults', () => {
  test.each([
    { code: 'Throttling', status: 400 },
    { code: 'ServiceUnavailable', status: 503 },
    { code: 'AccessDenied', status: 403 },
    { code: 'TooManyRequests', status: 429 },
  ])('$code is answered as often as asked, then no more', async ({ code, status }) => {
    await start()
    await admin('POST', '/faults', { operation: 'GetDistribution', times: 2, code, status })
    await expect(refusal(read())).resolves.toEqual({ code, status })
    await expect(refusal(read())).resolves.toEqual({ code, status })
    expect((await read()).status).toBe('Deployed')
  })

  test('a fault meets only its operation and its distribution', async () => {
    await start()
    await admin('POST', '/faults', { operation: 'UpdateDistribution', code: 'Throttling' })
    await admin('POST', '/faults', { operation: '*', distribution: 'E9999999999999', code: 'AccessDenied' })
    const { config, etag } = await read()
    await expect(refusal(put(config, etag))).resolves.toEqual({ code: 'Throttling', status: 400 })
    await put(config, etag)
  })

  test('dropAfterCommit makes the change and loses the answer', async () => {
    const local = await start()
    const { config, etag } = await read()
    await admin('POST', '/faults', { operation: 'UpdateDistribution', dropAfterCommit: true })
    await expect(put(pointedAt(config, 'housing-green'), etag)).rejects.toThrow()
    const after = await read()
    expect(after.etag).not.toBe(etag)
    expect(after.config.DefaultCacheBehavior?.TargetOriginId).toBe('housing-green')
    const call = local.audit().find((entry) => entry.type === 'Call' && entry.fault !== undefined)
    expect(call).toMatchObject({ status: 200, fault: 'DropAfterCommit', etag: after.etag })
  })

  test('an answer that is late after the commit stands in the log before it arrives', async () => {
    const local = await start()
    const { config, etag } = await read()
    const wait = { operation: 'UpdateDistribution', latencyMs: 100, phase: 'AfterCommit' }
    await admin('POST', '/faults', wait)
    let answered = false
    const answer = put(pointedAt(config, 'housing-green'), etag).then(() => (answered = true))
    await local.waitFor((entry) => entry.type === 'Call' && entry.operation === 'UpdateDistribution')
    expect(answered).toBe(false)
    expect((await read()).config.DefaultCacheBehavior?.TargetOriginId).toBe('housing-green')
    await answer
  })

  test('a late call decides on what is there when it runs', async () => {
    const local = await start()
    const { config, etag } = await read()
    await admin('POST', '/faults', { operation: 'UpdateDistribution', latencyMs: 500 })
    const late = refusal(put(config, etag))
    await admin('POST', `/distributions/${ID}/foreign-write`, { targetOriginId: 'housing-green' })
    await expect(late).resolves.toEqual({ code: 'PreconditionFailed', status: 412 })
    expect(local.audit().filter((entry) => entry.type === 'Call')).toMatchObject([
      { operation: 'GetDistribution' },
      { operation: 'ForeignWrite', via: 'Admin' },
      { operation: 'UpdateDistribution', status: 412, fault: 'Latency' },
    ])
  })
})
