/** The template of the distribution, made at the emulator by the real SDK: what the operator and users meet there. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { functionSource } from '../cloudfront-function/source.ts'
import {
  admin,
  ask,
  calls,
  cloudFront,
  origin,
  says,
  start,
  type Running,
} from '../cloudfront-local/test/running.ts'
import type { AuditEntry } from '../cloudfront-local/audit-log.ts'
import type { ModelRelease, Spec } from '../operator/api/release.ts'
import { refusalsOf, warningsOf } from '../operator/planner/checks/distribution.ts'
import type { PointerReading } from '../operator/planner/model/observation.ts'
import { createCloudFrontPointer } from '../operator/adapters/aws/cloudfront/pointer.ts'
import { createKeyValueStorePointer } from '../operator/adapters/aws/key-value-store/pointer.ts'
import type { Pointer } from '../operator/ports/ports.ts'
import { systemClock } from '../operator/controller/clock.ts'
import { policyStacks } from '../scripts/delivery/policies.ts'
import { deployAtCloudFront } from './test/cloudfront-stack.ts'
import { actionsOf, statementsOf } from './test/policies.ts'
import { readTemplate, Stack, type Made } from './test/template.ts'

const DOMAINS = {
  blue: 'internal-blue.eu-west-1.elb.amazonaws.com',
  green: 'internal-green.eu-west-1.elb.amazonaws.com',
}
const ARN = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app'
const DRIVERS = ['CloudFrontDistribution', 'CloudFrontKeyValueStore'] as const
type Driver = (typeof DRIVERS)[number]

type Deployed = { local: Running; stack: Stack; outputs: Record<string, string> }

const others = (name: string): Made => ({ ref: name, attributes: { Arn: `arn:aws:any:::${name}`, Id: name } })

function stackFor(driver: Driver, more: Record<string, string> = {}): Stack {
  return new Stack(readTemplate('distribution.yaml'), {
    Cluster: 'modelrelease',
    Driver: driver,
    BlueLoadBalancerArn: `${ARN}/blue/1`,
    BlueLoadBalancerDomain: DOMAINS.blue,
    GreenLoadBalancerArn: `${ARN}/green/1`,
    GreenLoadBalancerDomain: DOMAINS.green,
    FunctionCode: functionSource('housing'),
    ...more,
  })
}

async function deploy(driver: Driver): Promise<Deployed> {
  const ports = [await origin(says('blue')), await origin(says('green'))]
  const local = await start({
    edges: 2,
    seed: { distributions: [] },
    resolve: [`${DOMAINS.blue}=127.0.0.1:${ports[0] ?? 0}`, `${DOMAINS.green}=127.0.0.1:${ports[1] ?? 0}`],
  })
  const stack = stackFor(driver)
  await deployAtCloudFront(stack, cloudFront(local), { others })
  return { local, stack, outputs: stack.outputs() }
}

function releaseOf(
  driver: Driver,
  { DistributionId = '', DomainName = '', StoreArn = '' }: Record<string, string>,
): ModelRelease {
  const settings = {
    distributionId: DistributionId,
    behaviors: [{ pathPattern: '*' }],
    origins: { blue: 'housing-blue', green: 'housing-green' },
    originProof: 'Waived' as const,
    verify: { type: 'Request', url: `https://${DomainName}/v2/health/ready`, method: 'GET', consecutive: 5 },
  }
  const traffic =
    driver === 'CloudFrontDistribution'
      ? { type: driver, cloudFrontDistribution: settings }
      : { type: driver, cloudFrontKeyValueStore: { ...settings, keyValueStoreArn: StoreArn, key: 'housing' } }
  const spec = { replicas: 2, port: 8080, traffic } as unknown as Spec
  return {
    metadata: { name: 'housing', namespace: 'models', uid: 'u', generation: 1, resourceVersion: '1' },
    spec,
  }
}

function pointerOf(driver: Driver, { apiUrl }: Running): Pointer {
  const credentials = { accessKeyId: 'operator', secretAccessKey: 'any' }
  const options = {
    region: 'us-east-1',
    mayWrite: () => undefined,
    client: { endpoint: apiUrl, credentials },
    requestTimeoutMs: 60_000,
    spacingMs: 0,
  }
  return driver === 'CloudFrontDistribution'
    ? createCloudFrontPointer(options, systemClock)
    : createKeyValueStorePointer({ ...options, storeEndpoint: apiUrl, propagationMs: 0 }, systemClock)
}

async function read(
  pointer: Pointer,
  release: ModelRelease,
): Promise<Extract<PointerReading, { type: 'Read' }>> {
  const reading = await pointer.read(release, 'Live')
  if (reading.type !== 'Read') throw new Error(JSON.stringify(reading))
  return reading
}

async function moveToGreen(pointer: Pointer, release: ModelRelease): Promise<void> {
  const { token } = await read(pointer, release)
  const to = { to: 'green', names: 'housing-green' } as const
  await pointer.move(release, { type: 'MovePointer', ...to, token, targetPort: 8080 })
}

function isEverywhere(entry: AuditEntry): boolean {
  return (
    (entry.type === 'EdgeApplied' && entry.status === 'Deployed') ||
    (entry.type === 'EdgeStoreApplied' && entry.propagated)
  )
}

describe.each(DRIVERS)('%s', (driver) => {
  test('the operator has nothing to refuse, and nothing to warn of', async () => {
    const { local, outputs } = await deploy(driver)
    const release = releaseOf(driver, outputs)
    const { distribution, targets } = await read(pointerOf(driver, local), release)
    if (!distribution) throw new Error('a distribution is behind it')
    expect(targets.map(({ names }) => names)).toEqual(['housing-blue'])
    expect(refusalsOf(release.spec, distribution)).toEqual([])
    expect(warningsOf(release.spec, distribution)).toEqual([])
  })

  test('users follow the pointer, at every edge, with any method', async () => {
    const { local, outputs } = await deploy(driver)
    const release = releaseOf(driver, outputs)
    const pointer = pointerOf(driver, local)
    const bodies = async (): Promise<string[]> =>
      Promise.all(
        local.edgeUrls.map(async (url) => {
          const headers = { host: outputs.DomainName ?? '' }
          return (await ask(url, { method: 'POST', headers, body: '{}' })).body
        }),
      )
    expect(await bodies()).toEqual(['blue', 'blue'])
    const before = local.audit().at(-1)?.sequence
    await moveToGreen(pointer, release)
    await local.waitFor(isEverywhere, before)
    expect(await bodies()).toEqual(['green', 'green'])
  })

  test('its policies allow what a release calls, and nothing else', async () => {
    const { local, stack, outputs } = await deploy(driver)
    const release = releaseOf(driver, outputs)
    const pointer = pointerOf(driver, local)
    await moveToGreen(pointer, release)
    const { fallback } = await read(pointer, release)
    await pointer.invalidate?.(release, { type: 'Invalidate', reference: 'a', paths: ['/ui/*'] })
    if (fallback)
      await pointer.moveFallback?.(release, {
        type: 'MoveFallback',
        names: 'housing-green',
        parts: ['*'],
        token: fallback.token,
      })
    const called = calls(local)
      .filter(({ caller }) => caller === 'operator')
      .map(
        ({ service, operation }) =>
          `${service === 'KeyValueStore' ? 'cloudfront-keyvaluestore' : 'cloudfront'}:${operation}`,
      )
    const allowed = actionsOf(statementsOf(stack))
    expect([...new Set(called)].toSorted()).toEqual(allowed)
  })
})

test('the policies of both drivers together are all that the code can call', () => {
  const FOLDERS = { cloudfront: 'cloudfront', 'key-value-store': 'cloudfront-keyvaluestore' }
  const callable = Object.entries(FOLDERS).flatMap(([folder, service]) => {
    const path = new URL(`../operator/adapters/aws/${folder}/`, import.meta.url)
    const files = readdirSync(path).filter((name) => name.endsWith('.ts') && !name.includes('.test'))
    const sources = files.map((name) => readFileSync(new URL(name, path), 'utf8')).join('\n')
    // A role of the allow-list is somebody else's, who says in its trust policy that the operator may take it on.
    const commands = [...sources.matchAll(/new (?:\w+\.)?(\w+)Command\(/g)].map(([, name = '']) => name)
    return commands.filter((name) => name !== 'AssumeRole').map((name) => `${service}:${name}`)
  })
  const allowed = policyStacks().key
  if (!allowed) throw new Error('there is a stack by key')
  expect([...new Set(callable)].toSorted()).toEqual(
    actionsOf(statementsOf(allowed)).filter((action) => action !== 'cloudfront:GetVpcOrigin'),
  )
})

test('an update of the stack sends the live color, and leaves users where they are', async () => {
  const { local, stack, outputs } = await deploy('CloudFrontDistribution')
  const release = releaseOf('CloudFrontDistribution', outputs)
  const pointer = pointerOf('CloudFrontDistribution', local)
  await moveToGreen(pointer, release)
  const target = async (LiveColor: string): Promise<unknown> => {
    await deployAtCloudFront(stackFor('CloudFrontDistribution', { LiveColor }), cloudFront(local), {
      before: stack,
      others,
    })
    const [one] = (await admin(local, 'GET', '/distributions')) as object[]
    expect(one).toBeDefined()
    return (await read(pointerOf('CloudFrontDistribution', local), release)).targets
  }
  expect(await target('green')).toMatchObject([{ names: 'housing-green' }])
  // Why 4-distribution.sh reads it: the template's own default would move every user.
  expect(await target('blue')).toMatchObject([{ names: 'housing-blue' }])
})
