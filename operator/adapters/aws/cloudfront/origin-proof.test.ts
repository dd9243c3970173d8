/** The whole way of the proof: a distribution read through the SDK, its origin asked by the client that asks models. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { startCloudFrontLocal } from '../../../../cloudfront-local/start.ts'
import type { SeedDistribution } from '../../../../cloudfront-local/seed-content.ts'
import type { Spec } from '../../../api/release.ts'
import { originTarget } from '../../../planner/checks/origin.ts'
import type { ActionResult } from '../../../planner/model/observation.ts'
import { housing, knownHouse } from '../../../test/fakes/simulated-world.ts'
import { releaseOf } from '../../../test/fakes/worlds.ts'
import { createAsk } from '../../http/client.ts'
import { createProber } from '../../http/prober.ts'
import { createCloudFrontPointer } from './pointer.ts'

const ID = 'E1HOUSINGLOCAL'

const open: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()))
})

/** A model behind a load balancer that routes by path and lets in who knows a secret. */
async function model(): Promise<{ port: number; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    const isLetIn = request.headers['x-origin-secret'] === 'of the origin' && request.url === '/green/predict'
    response
      .writeHead(isLetIn ? 200 : 403, { 'x-modelrelease-revision': 'new' })
      .end(JSON.stringify({ prediction: [26.93] }))
  })
  await new Promise<void>((done) => server.listen(0, 'localhost', done))
  open.push(
    () => server.close(),
    () => server.closeAllConnections(),
  )
  return { port: (server.address() as AddressInfo).port, asked }
}

/** Asks the gate of the housing release through the green origin of this distribution. */
async function proven(
  green: Partial<SeedDistribution['origins'][number]>,
): Promise<Extract<ActionResult, { type: 'GatesRan' }>> {
  const { traffic, ...rest } = housing(2)
  const settings = traffic.cloudFrontDistribution
  if (!settings) throw new Error('the housing release has a distribution')
  const cloudFrontDistribution = { ...settings, distributionId: ID }
  const spec: Spec = { ...rest, traffic: { ...traffic, cloudFrontDistribution } }
  const local = await startCloudFrontLocal({
    log: () => undefined,
    seed: [
      {
        id: ID,
        origins: [
          { id: 'housing-blue', domainName: 'blue.models.example.com' },
          { id: 'housing-green', domainName: 'localhost', ...green },
        ],
        behaviors: [{ pathPattern: '*', targetOriginId: 'housing-blue' }],
      },
    ],
  })
  open.push(() => local.close(0))
  const pointer = createCloudFrontPointer({
    region: 'us-east-1',
    mayWrite: () => undefined,
    client: { endpoint: local.apiUrl, credentials: { accessKeyId: 'any', secretAccessKey: 'any' } },
  })
  const origin = originTarget(spec, await pointer.read(releaseOf(spec)), 'green')
  if (!origin) throw new Error('there is nothing to ask')
  const pods = [{ ...origin, name: 'pod' }]
  const ask = createAsk({
    allowedRanges: ['127.0.0.0/8'],
    resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
  })
  return createProber(ask).runGates({
    type: 'RunGates',
    key: 'k',
    gates: [knownHouse(26.93)],
    pods,
    service: origin,
    origin,
    expectRevision: 'new',
  })
}

test('a candidate is proven through its origin as the distribution describes it', async () => {
  const { port, asked } = await model()
  const { results } = await proven({
    httpPort: port,
    originPath: '/green',
    customHeaders: { 'X-Origin-Secret': 'of the origin' },
  })
  expect(results).toMatchObject([{ result: 'Passed' }])
  expect(asked[0]?.headers.host).toBe(`localhost:${port}`)
})

test('a secret that the load balancer does not know fails it, and is not told', async () => {
  const { port } = await model()
  const { results } = await proven({
    httpPort: port,
    originPath: '/green',
    customHeaders: { 'X-Origin-Secret': 'of another one' },
  })
  expect(results).toMatchObject([{ result: 'Failed' }])
  expect(JSON.stringify(results)).not.toContain('of another one')
})

test('a name that leads nowhere proves nothing', async () => {
  const { results } = await proven({ domainName: 'green.models.invalid' })
  expect(results).toMatchObject([{ result: 'Unknown' }])
})
