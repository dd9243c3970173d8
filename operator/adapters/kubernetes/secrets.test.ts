/** Credentials from the API server to the model and nowhere else: over the wire, with everything searched that is written. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { Gate, ModelRelease } from '../../api/release.ts'
import type { ProbeAnswer, ActionResult, Action, StoredRevision } from '../../planner/model/observation.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { systemClock } from '../../controller/clock.ts'
import { FakeApiServer, status } from '../../test/fakes/api-server.ts'
import { housing, housingBehindService } from '../../test/fakes/simulated-world.ts'
import { createAsk } from '../http/client.ts'
import { createSecrets } from './secrets.ts'
import { createCluster } from './cluster.ts'
import { TransientError } from '../../ports/errors.ts'
import { Inquiries } from '../http/background-probes.ts'
import { createProber } from '../http/prober.ts'

type RunGates = Extract<Action, { type: 'RunGates' }>
type GatesRan = Extract<ActionResult, { type: 'GatesRan' }>

const SECRETS = '/api/v1/namespaces/models/secrets'
const VALUE = 'Bearer k9-Zq7/+tV"3'
const TOKEN = 'k9-Zq7/+tV"3'
const PIECES = [
  TOKEN,
  'k9-Zq7',
  btoa(TOKEN),
  btoa(VALUE),
  encodeURIComponent(TOKEN),
  JSON.stringify(TOKEN).slice(1, -1),
]

const server = new FakeApiServer()
let access: ApiClient
let model: Server
let port = 0
/** What the model was asked with, and what it answers. */
let brought: (string | undefined)[] = []
let answer: (authorization: string) => { status: number; headers?: Record<string, string>; body: string }

beforeAll(async () => {
  access = new ApiClient(await server.listen())
  model = createServer((request, response) => {
    const { authorization } = request.headers
    brought.push(authorization)
    const { status: code, headers, body } = answer(authorization ?? '')
    response.writeHead(code, headers).end(body)
  })
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve))
  port = (model.address() as AddressInfo).port
})

afterAll(async () => {
  access.close()
  await server.close()
  model.closeAllConnections()
  await new Promise((resolve) => model.close(resolve))
})

beforeEach(() => {
  server.reset()
  brought = []
  answer = () => ({ status: 200, body: '{}' })
})

function put(value: string, name = 'gate-token', key = 'authorization'): void {
  const data = { [key]: Buffer.from(value).toString('base64') }
  server.put(SECRETS, { metadata: { name, namespace: 'models' }, data })
}

function gate(name: string, secret = 'gate-token', key = 'authorization'): Gate {
  const headers = [{ name: 'authorization', valueFrom: { secretKeyRef: { name: secret, key } } }]
  const request = { method: 'GET' as const, path: '/', headers }
  return { name, smoke: { request, expect: { status: 200 }, consecutive: 1, timeoutSeconds: 5 } }
}

function step(changes: Partial<RunGates> = {}): RunGates {
  return {
    type: 'RunGates',
    key: 'k',
    gates: [gate('known')],
    pods: [{ name: 'pod-a', origin: `http://127.0.0.1:${port}` }],
    service: { name: 'Service blue', origin: `http://127.0.0.1:${port}` },
    ...changes,
  }
}

/** Loopback, since the model of this test is there. */
const ask = createAsk({ allowedRanges: ['127.0.0.0/8'] })

function run(changes: Partial<RunGates> = {}): Promise<GatesRan> {
  return createProber(ask, createSecrets(access)('models')).runGates(step(changes))
}

const forbidden = (name: string): ReturnType<typeof status> =>
  status(
    403,
    'Forbidden',
    `secrets "${name}" is forbidden: User "system:serviceaccount:ml-system:releaser" cannot get resource "secrets" in API group "" in the namespace "models"`,
  )

describe('a header from a Secret', () => {
  test('is read by its name alone, once for all gates of a run, and brought to every target', async () => {
    put(VALUE)
    const ran = await run({ gates: [gate('one'), gate('two')] })
    expect(ran.results.map(({ result }) => result)).toEqual(['Passed', 'Passed'])
    expect(brought).toEqual([VALUE, VALUE, VALUE, VALUE])
    expect(server.seen.map(({ method, path, query }) => `${method} ${path}?${query.toString()}`)).toEqual([
      `GET ${SECRETS}/gate-token?`,
    ])
  })

  test('is read anew for the next run', async () => {
    const prober = createProber(ask, createSecrets(access)('models'))
    put('first-of-two')
    await prober.runGates(step())
    put('second-of-two')
    await prober.runGates(step())
    expect(brought).toEqual(['first-of-two', 'first-of-two', 'second-of-two', 'second-of-two'])
  })

  test('is read in the namespace of the release, between the passes as well', async () => {
    put(VALUE)
    server.put('/api/v1/namespaces/other/secrets', {
      metadata: { name: 'gate-token', namespace: 'other' },
      data: { authorization: btoa('of another') },
    })
    const inquiries = new Inquiries({
      ask,
      secretsOf: createSecrets(access),
      clock: systemClock,
      onAnswered: () => undefined,
    })
    await inquiries.of('models/housing', 'models').runGates(step())
    inquiries.stop()
    expect(brought).toEqual([VALUE, VALUE])
  })

  test('beside one whose value is in the release: the last of one name is sent', async () => {
    put(VALUE)
    const { smoke, name } = gate('known')
    const headers = [{ name: 'Authorization', value: 'plain' }, ...(smoke.request.headers ?? [])]
    await run({ gates: [{ name, smoke: { ...smoke, request: { ...smoke.request, headers } } }] })
    expect(brought).toEqual([VALUE, VALUE])
  })
})

describe('a Secret that cannot be used is no pass, and nothing is asked', () => {
  const cases: [string, () => void, string[]][] = [
    ['that is not there', () => undefined, ['Secret models/gate-token is not there', 'create it']],
    [
      'without the key',
      () => put(VALUE, 'gate-token', 'other'),
      ['no key "authorization"', 'secretKeyRef.key'],
    ],
    [
      'without data',
      () => server.put(SECRETS, { metadata: { name: 'gate-token', namespace: 'models' } }),
      ['no key "authorization"'],
    ],
    ['with a line break', () => put(`${VALUE}\n`), ['line break', 'printf']],
    [
      'that is forbidden',
      () => {
        server.refuse = () => forbidden('gate-token')
      },
      [
        'kubectl -n models create role modelrelease-credentials --verb=get --resource=secrets --resource-name=gate-token',
        '--serviceaccount=ml-system:releaser',
      ],
    ],
    [
      'that the API server cannot decrypt',
      () => {
        server.refuse = () => status(500, 'InternalError', `unable to transform key: ${TOKEN}`)
      },
      ['could not be read', 'decrypt'],
    ],
    [
      'that comes as something else than JSON',
      () => {
        server.refuse = () => ({ status: 200, body: `{"data":{"authorization":"${TOKEN}` })
      },
      ['could not be read'],
    ],
    [
      'that a proxy redirects',
      () => {
        server.refuse = () => ({ status: 302, body: TOKEN })
      },
      ['could not be read'],
    ],
  ]
  test.each(cases)('%s', async (_, arrange, says) => {
    arrange()
    const ran = await run({
      gates: [
        gate('known'),
        { ...gate('open'), smoke: { ...gate('open').smoke, request: { method: 'GET', path: '/' } } },
      ],
    })
    expect(ran).toMatchObject({
      unasked: 'Yes',
      results: [
        { name: 'known', result: 'Unknown' },
        { name: 'open', result: 'Unknown' },
      ],
    })
    const message = ran.results[0]?.message ?? ''
    for (const text of ['not asked: spec.gates "known": header "authorization"', ...says])
      expect(message).toContain(text)
    expect(JSON.stringify(ran)).not.toContain(TOKEN)
    expect(brought).toEqual([])
  })

  test.each(cases)(
    "%s, on the way back: the other gates are asked, and it stands in nobody's way",
    async (_, arrange) => {
      arrange()
      const open = { ...gate('open').smoke, request: { method: 'GET' as const, path: '/' } }
      const ran = await run({ direction: 'Back', gates: [gate('known'), { name: 'open', smoke: open }] })
      expect(ran.results).toMatchObject([
        { name: 'open', result: 'Passed' },
        { name: 'known', result: 'NotAsked' },
      ])
      expect(brought).toEqual([undefined, undefined])
    },
  )

  test('what verify will need after the move is known before it', async () => {
    const [header] = gate('x').smoke.request.headers ?? []
    const headers = header ? [header] : []
    const ran = await run({ gates: [], credentialsAfterMove: { field: 'spec.traffic.x.verify', headers } })
    expect(ran.results).toMatchObject([{ name: 'spec.traffic.x.verify', result: 'Unknown' }])
  })

  test('verify gets no proof, and asks nobody', async () => {
    const did = await createProber(ask, createSecrets(access)('models')).verify({
      type: 'Verify',
      field: 'spec.traffic.x.verify',
      target: { name: 'users', origin: `http://127.0.0.1:${port}` },
      request: gate('x').smoke.request,
      consecutive: 1,
      revision: 'abc',
      identity: 'Headers',
    })
    expect(did).toMatchObject({
      result: {
        type: 'Unknown',
        message: expect.stringContaining(
          'spec.traffic.x.verify: header "authorization": Secret models/gate-token is not there',
        ) as unknown,
      },
    })
    expect(brought).toEqual([])
  })
})

describe('a credential that is given back is nowhere to be read', () => {
  const page = (text: string): { status: number; body: string } => ({ status: 401, body: text })
  const echoes: [string, (value: string) => ReturnType<typeof answer>][] = [
    ['in the body', (value) => page(`not good: ${value}`)],
    ['at the end of what is shown', (value) => page(`${'x'.repeat(110)}${value}`)],
    ['in JSON', (value) => page(JSON.stringify({ authorization: value }))],
    ['in base64', (value) => page(btoa(value))],
    ['in base64 without the scheme', () => page(btoa(TOKEN))],
    ['in a URL', (value) => page(`/login?from=${encodeURIComponent(value)}`)],
    ['without the scheme', () => page(`unknown token ${TOKEN}`)],
    [
      'as the revision',
      () => ({ status: 200, headers: { 'x-modelrelease-revision': TOKEN.replace('"', '') }, body: '{}' }),
    ],
    ['as the digest', () => ({ status: 200, headers: { 'x-modelrelease-digest': TOKEN }, body: '{}' })],
    ['as a value', (value) => ({ status: 200, body: JSON.stringify({ a: value }) })],
  ]
  test.each(echoes)('%s', async (_, echo) => {
    put(VALUE)
    answer = echo
    const known = gate('known')
    const expectation = { status: 200, json: [{ path: '$.a', equals: 1 }] }
    const ran = await run({
      expectRevision: 'abc',
      gates: [{ ...known, smoke: { ...known.smoke, expect: expectation } }],
    })
    const bare = await run({ gates: [{ ...known, smoke: { ...known.smoke, expect: expectation } }] })
    expect(ran.results[0]?.result).not.toBe('Passed')
    for (const piece of PIECES) expect(JSON.stringify([ran, bare])).not.toContain(piece)
  })

  test.each(['read ECONNRESET', 'Invalid header'])('in an error of the client: %s', async (text) => {
    put(VALUE)
    const failing = (): Promise<ProbeAnswer> =>
      Promise.resolve({ type: 'NoAnswer', message: `${text} ${VALUE} ${btoa(VALUE)}` })
    const ran = await createProber(failing, createSecrets(access)('models')).runGates(step())
    expect(ran.results[0]).toMatchObject({ result: 'Unknown' })
    for (const piece of PIECES) expect(JSON.stringify(ran)).not.toContain(piece)
  })
})

describe('a revision', () => {
  const metadata = { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 1, resourceVersion: '1' }
  const release: ModelRelease = { metadata, spec: housingBehindService(1) }
  const stored: StoredRevision = {
    attempt: 'abc-1',
    revision: 'abc',
    generation: 1,
    template: { spec: { containers: [{ name: 'server', image: 'x' }] } },
    port: 8080,
    gates: [gate('known')],
    identity: 'None',
  }
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
  const cluster = (): ReturnType<typeof createCluster> =>
    createCluster({ transport: access, log, now: () => 0 })

  test('is not stored, and so nothing given up for it, before its credentials can be read', async () => {
    const storing = cluster().storeRevision(release, { type: 'StoreRevision', stored })
    await expect(storing).rejects.toThrow(TransientError)
    await expect(storing).rejects.toThrow(
      'spec.gates "known": header "authorization": Secret models/gate-token is not there',
    )
    expect(
      server.seen.filter(({ method, query }) => method === 'POST' && query.get('dryRun') !== 'All'),
    ).toEqual([])
  })

  test('nor before those of verify can', async () => {
    const spec = housing(1)
    const { cloudFrontDistribution } = spec.traffic
    const verify = cloudFrontDistribution && {
      ...cloudFrontDistribution.verify,
      headers: gate('x').smoke.request.headers ?? [],
    }
    if (!verify) throw new Error('housing has a distribution')
    const traffic = { ...spec.traffic, cloudFrontDistribution: { ...cloudFrontDistribution, verify } }
    const storing = cluster().storeRevision(
      { metadata, spec: { ...spec, traffic } },
      { type: 'StoreRevision', stored: { ...stored, gates: [] } },
    )
    await expect(storing).rejects.toThrow(
      'spec.traffic.cloudFrontDistribution.verify: header "authorization"',
    )
  })

  test('keeps the reference and never the value', async () => {
    put(VALUE)
    await cluster().storeRevision(release, { type: 'StoreRevision', stored })
    const written = server.seen.filter(({ method }) => method !== 'GET').map(({ body }) => body)
    expect(JSON.stringify(written)).toContain('gate-token')
    for (const piece of PIECES) expect(JSON.stringify([written, lines])).not.toContain(piece)
  })

  const pods = '/api/v1/namespaces/models/pods'
  const collect = {
    type: 'CollectLogs',
    color: 'blue',
    revision: 'abc',
    credentials: [{ name: 'gate-token', key: 'authorization' }],
  } as const

  function putPod(said: string): void {
    const labels = {
      'modelrelease.io/name': 'housing',
      'modelrelease.io/color': 'blue',
      'modelrelease.io/revision': 'abc',
    }
    server.put(pods, {
      metadata: { name: 'pod-a', namespace: 'models', labels },
      spec: { containers: [{ name: 'server' }] },
    })
    server.logs.set(`${pods}/pod-a/server`, said)
  }

  test('whose pods wrote down what they were asked with has that taken out of its last words', async () => {
    put(VALUE)
    putPod(`${'x'.repeat(5000)}GET / authorization: ${VALUE}\n${'y'.repeat(1980)}`)
    const said = await cluster().logs(release, collect)
    for (const piece of PIECES) expect(said).not.toContain(piece)
    putPod(`GET / authorization: ${VALUE}\nnot good`)
    expect(await cluster().logs(release, collect)).toBe(
      'pod-a/server:\nGET / authorization: (header value)\nnot good',
    )
  })

  test('has no last words where what they may hold is not known any more', async () => {
    putPod(`GET / authorization: ${VALUE}`)
    expect(await cluster().logs(release, collect)).toBe(
      'pod-a/server:\n(no log: it may hold what stands in Secret gate-token, which cannot be read any more)',
    )
  })
})
