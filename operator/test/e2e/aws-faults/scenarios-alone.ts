/** Faults that strike one distribution and leave the others alone. */
import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from '@jest/globals'
import { distributionFor, ORIGINS } from '../../../../demo/cloudfront.ts'
import { follow, type ApiObject } from '../../../../demo/follow.ts'
import { dashboard, type WrittenRelease, type WrittenSpec } from '../../../../demo/housing.ts'
import { followRelease } from '../../../../demo/release-follower.ts'
import type { Place } from '../../../../demo/place.ts'
import type { SeedDistribution } from '../../../../cloudfront-local/seed-content.ts'
import { colorName, type Color } from '../../../api/names.ts'
import { without } from '../../../planner/state/persisted-state.ts'
import { openSite } from '../site.ts'
import { conditionOf, expectAskedLater, type Fixture } from './fixture.ts'
import { ANSWER_MS } from './pace.ts'
import type { FaultName } from './table.ts'
import type { Scenario } from './scenario.ts'

const isTarget = (path: string): boolean => path.endsWith('TargetOriginId')
const BEHAVIORS = ['*', '/v2/*'] as const

type Settings = NonNullable<NonNullable<WrittenSpec['traffic']>['cloudFrontDistribution']>

function withDistribution(release: WrittenRelease, changes: Settings): WrittenRelease {
  const { traffic } = release.spec
  const cloudFrontDistribution = { ...traffic?.cloudFrontDistribution, ...changes }
  return { ...release, spec: { ...release.spec, traffic: { ...traffic, cloudFrontDistribution } } }
}

async function anotherWriter(fixture: Fixture): Promise<void> {
  // The update is under way and not decided yet: enough time for somebody else.
  await fixture.fault({ operation: 'UpdateDistribution', latencyMs: ANSWER_MS, phase: 'BeforeCommit' })
  await fixture.site.apply(fixture.write('2'))
  await fixture.untilMet('UpdateDistribution')
  await fixture.foreignWrite({ comment: 'changed by somebody else' })
  await fixture.untilPromoted()
  fixture.expectNeverStalled()
  const [, ...calls] = await fixture.calls('UpdateDistribution')
  expect(calls.map(({ status }) => status)).toEqual([412, 200])
  expect(calls.at(-1)?.changed?.filter((path) => !isTarget(path))).toEqual([])
  expect((await fixture.admin.configOf(fixture.distribution)).Comment).toBe('changed by somebody else')
}

async function movedBack(fixture: Fixture): Promise<void> {
  await fixture.switch()
  await fixture.remember()
  for (const pathPattern of BEHAVIORS)
    await fixture.foreignWrite({ pathPattern, targetOriginId: ORIGINS[fixture.old] })
  await fixture.lookedAt('2')
}

async function driftTold(fixture: Fixture): Promise<void> {
  await movedBack(fixture)
  await fixture.untilSaid('Stalled', 'PointerMoved')
  await fixture.untilSaid('Drifted', 'PointerMoved')
  await fixture.expectSamePods()
  expect(await fixture.moves()).toHaveLength(2)
  await fixture.command('retry')
  await fixture.until('the way back', ({ status }) => namesOnly(status?.traffic?.pointer, fixture.next))
  await fixture.untilPromoted()
  await fixture.expectSamePods()
  expect(await fixture.moves()).toHaveLength(3)
}

async function driftRepaired(fixture: Fixture): Promise<void> {
  await movedBack(fixture)
  await fixture.until('a repair', ({ status }) => status?.traffic?.drift !== undefined)
  await fixture.until(
    'the end of the repair',
    (release) =>
      namesOnly(release.status?.traffic?.pointer, fixture.next) &&
      release.status?.traffic?.propagated === 'Yes' &&
      release.status.traffic.intent === undefined &&
      conditionOf(release, 'Ready')?.reason === 'Promoted',
  )
  await fixture.expectSamePods()
  expect(await fixture.moves()).toHaveLength(3)
}

function namesOnly(pointer: string | undefined, color: Color): boolean {
  return pointer?.includes(ORIGINS[color]) === true && pointer.split(ORIGINS[color]).length === 3
}

async function lostAnswer(fixture: Fixture): Promise<void> {
  await fixture.fault({ operation: 'UpdateDistribution', dropAfterCommit: true })
  await fixture.switch()
  fixture.expectNeverStalled()
  const [, ...calls] = await fixture.calls('UpdateDistribution')
  expect(calls.map(({ status, fault }) => ({ status, fault }))).toEqual([
    { status: 200, fault: 'DropAfterCommit' },
  ])
}

/** Long enough to outlive the time in which users must be seen to be answered. */
const ERROR_TTL_SECONDS = 30
const elsewhere = ({ namespace }: Place): string => `blue.elsewhere.${namespace}.example`

/** Errors are kept, and blue is reached by a detour. */
function cachingErrors(place: Place): SeedDistribution {
  const usual = distributionFor(place)
  const origins = usual.origins.map((one) =>
    one.id === ORIGINS.blue ? { ...one, domainName: elsewhere(place) } : one,
  )
  return { ...usual, origins, errorTtlSeconds: { 502: ERROR_TTL_SECONDS } }
}

async function cachedError(fixture: Fixture): Promise<void> {
  expect(fixture.next).toBe('blue')
  const stumbling = await startStumbling(() => serviceAddress(fixture, 'blue'))
  try {
    await fixture.environment.cloudFront.resolve(elsewhere(fixture.site.place), stumbling.address)
    const message = await fixture.untilSaid('Warned', 'DistributionRisky')
    expect(message).toContain('answers status 502 from its cache for 30 s')
    await fixture.site.apply(fixture.write('2', { progressDeadlineSeconds: 20 }))
    const ended = await fixture.until(
      'the way back',
      ({ status }) => status?.attempt?.outcome === 'RolledBack',
    )
    expect(ended.status?.attempt?.reason).toBe('VerifyFailed')
    expect(ended.status?.liveColor).toBe(fixture.old)
    expect(await fixture.moves()).toHaveLength(3)
    expect(stumbling.stumbled()).toBe(1)
  } finally {
    stumbling.server.close()
    stumbling.server.closeAllConnections()
  }
}

type Stumbling = { server: Server; address: string; stumbled: () => number }

/** An origin that answers its first GET with 502, and everything else as what is behind it does. */
async function startStumbling(target: () => Promise<string>): Promise<Stumbling> {
  let stumbled = 0
  let host: Promise<string> | undefined
  const server = createServer((request, response) => {
    if (request.method === 'GET' && stumbled === 0) {
      stumbled += 1
      response.writeHead(502).end()
      return
    }
    host ??= target()
    void host.then((hostname) => {
      const { method, url: path, headers } = request
      const onward = httpRequest({ hostname, port: 80, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      onward.on('error', () => response.destroy())
      request.pipe(onward)
    })
  })
  // Longer than an edge keeps an idle connection, so that it is not this server that closes first.
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, address: `127.0.0.1:${port}`, stumbled: () => stumbled }
}

async function serviceAddress({ environment, site }: Fixture, color: Color): Promise<string> {
  const { namespace } = site.place
  return environment.kubectl([
    '-n',
    namespace,
    'get',
    'service',
    colorName('housing', color),
    '-o',
    'jsonpath={.spec.clusterIP}',
  ])
}

async function accessDenied(fixture: Fixture): Promise<void> {
  await fixture.fault({ operation: 'UpdateDistribution', code: 'AccessDenied' })
  await fixture.site.apply(fixture.write('2'))
  const message = await fixture.untilSaid('Stalled', 'AccessDenied')
  expect(message).toContain('cloudfront:UpdateDistribution')
  await fixture.remember()
  await fixture.untilPromoted()
  await fixture.expectSamePods()
  const [, ...calls] = await fixture.calls('UpdateDistribution')
  // What was told of the refusal makes the release looked at once more, and the call is not made for that.
  expect(calls.map(({ status }) => status)).toEqual([403, 200])
  expectAskedLater(calls)
}

async function distributionGone(fixture: Fixture): Promise<void> {
  await fixture.remember()
  await fixture.fault({ operation: 'GetDistribution', code: 'NoSuchDistribution' })
  await fixture.lookedAt('1')
  await fixture.site.apply(fixture.write('2'))
  await fixture.untilSaid('Stalled', 'DistributionNotFound')
  fixture.expectNothingBuilt()
  await fixture.expectSamePods()
  await fixture.untilPromoted()
  expect(await fixture.moves()).toHaveLength(2)
}

async function originGone(fixture: Fixture): Promise<void> {
  const { Origins } = await fixture.admin.configOf(fixture.distribution)
  const left = Origins?.Items?.filter(({ Id }) => Id !== ORIGINS[fixture.next])
  await fixture.admin.edit(fixture.distribution, (config) => ({
    ...config,
    Origins: { Quantity: left?.length ?? 0, Items: left },
  }))
  await fixture.lookedAt('1')
  await fixture.site.apply(fixture.write('2'))
  const message = await fixture.untilSaid('Stalled', 'OriginNotFound')
  expect(message).toContain(`origins.${fixture.next} "${ORIGINS[fixture.next]}" is not an origin`)
  fixture.expectNothingBuilt()
  await fixture.admin.edit(fixture.distribution, (config) => ({ ...config, Origins }))
  await fixture.untilPromoted()
  expect(await fixture.moves()).toHaveLength(2)
}

async function continuousDeployment(fixture: Fixture): Promise<void> {
  const policy = await fixture.admin.stage(fixture.distribution)
  await fixture.switch()
  fixture.expectNeverStalled()
  const moves = await fixture.moves()
  expect(moves).toHaveLength(2)
  expect(moves.at(-1)?.changed?.filter((path) => !isTarget(path))).toEqual([])
  const { ContinuousDeploymentPolicyId } = await fixture.admin.configOf(fixture.distribution)
  expect(ContinuousDeploymentPolicyId).toBe(policy)
}

const GATE = 'target-health.elbv2.k8s.aws/k8s-housing-blue'

async function targetUnhealthy(fixture: Fixture): Promise<void> {
  await fixture.site.apply(gatedRelease(fixture))
  const isGated = ({ message }: { message: string }): boolean =>
    message.includes('ReadinessGatesNotReady') && message.includes(GATE)
  await fixture.until('the readiness gate', (release) => {
    const waiting = conditionOf(release, 'Reconciling')
    return waiting?.reason === 'CandidateNotAvailable' && isGated(waiting)
  })
  // Nothing but the gate stands in the way.
  const selector = `modelrelease.io/color=${fixture.next}`
  const pods = ['-n', fixture.site.place.namespace, 'pods', '-l', selector]
  await fixture.environment.kubectl(['wait', ...pods, '--for=condition=ContainersReady', '--timeout=600s'])
  await fixture.environment.kubectl(['wait', ...pods, '--for=condition=Ready=False', '--timeout=60s'])
  const stalled = await fixture.untilSaid('Stalled', 'ProgressDeadlineExceeded')
  expect(stalled).toContain(GATE)
  expect(await fixture.moves()).toHaveLength(1)
}

/** A container of its own, since only a template may have readiness gates. */
function gatedRelease(fixture: Fixture): WrittenRelease {
  const { template, port, gates } = dashboard('2', fixture.environment.images).spec
  const spec = without(fixture.write('2').spec, 'model')
  const pod = (template as { spec: object }).spec
  const gated = { spec: { ...pod, readinessGates: [{ conditionType: GATE }] } }
  const changes = { template: gated, port, gates, progressDeadlineSeconds: 30 } as WrittenSpec
  // Such a container names no revision, so the edges' answers would prove nothing.
  return withDistribution(
    { ...fixture.write('2'), spec: { ...spec, ...changes } },
    { verify: { type: 'DeployedOnly' } },
  )
}

async function noEndpoints(fixture: Fixture): Promise<void> {
  const { environment, site, next } = fixture
  await site.apply(fixture.write('2', { progressDeadlineSeconds: 25 }))
  await serviceMade(fixture)
  // Whose it is to route is a label's to say. Selector and ports the operator would put back.
  const routeBy = (proxy: string | null): Promise<string> => {
    const labels = { 'service.kubernetes.io/service-proxy-name': proxy }
    const patch = JSON.stringify({ metadata: { labels } })
    const name = colorName('housing', next)
    return environment.kubectl(['-n', site.place.namespace, 'patch', 'service', name, '-p', patch])
  }
  await routeBy('nobody')
  await fixture.untilSaid('CandidateAvailable', 'AllPodsReady')
  await fixture.untilSaid('GatesPassed', 'NotAnswered')
  await fixture.untilSaid('Stalled', 'ProgressDeadlineExceeded')
  expect(await fixture.moves()).toHaveLength(1)
  await routeBy(null)
  await fixture.command('retry')
  await fixture.untilPromoted()
  expect(await fixture.moves()).toHaveLength(2)
}

/** The Service of the next color is there. */
async function serviceMade({ environment, site, next }: Fixture): Promise<void> {
  const ended = new AbortController()
  const signal = AbortSignal.any([environment.signal, ended.signal])
  const services = follow<ApiObject>(
    environment.api,
    `/api/v1/namespaces/${site.place.namespace}/services`,
    signal,
  )
  for await (const { object } of services) if (object.metadata.name === colorName('housing', next)) break
  ended.abort()
}

async function twoOwners(fixture: Fixture): Promise<void> {
  const { environment, site } = fixture
  const namespace = `${site.place.namespace}-second`
  await environment.makeNamespace(namespace)
  const say = (): void => undefined
  const follower = followRelease({ environment, namespace, name: 'housing', say })
  const second = fixture.write('2')
  await site.apply({ ...second, metadata: { ...second.metadata, namespace } })
  const isClaimed = (release: Parameters<typeof conditionOf>[0]): boolean =>
    conditionOf(release, 'Stalled')?.reason === 'BehaviorClaimed'
  const refused = await follower.until('a refusal of the second', isClaimed, 240_000)
  expect(conditionOf(refused, 'Stalled')?.message).toContain(`${site.place.namespace}/housing`)
  await fixture.switch()
  expect(await fixture.moves()).toHaveLength(2)
  expect(follower.release() && isClaimed(follower.release() as never)).toBe(true)
  expect(await environment.kubectl(['-n', namespace, 'get', 'deployments', '-o', 'name'])).toBe('')
  // Or else it takes over when the first one goes.
  await environment.kubectl(['delete', 'namespace', namespace, '--wait=false'])
}

/** In the order in which they start: those that wait long come first. */
export const ALONE = {
  'F12 access denied': { scenario: accessDenied },
  'F14 distribution gone': { scenario: distributionGone },
  'F15 origin gone': { scenario: originGone },
  'F11 cached error': {
    scenario: cachedError,
    open: (environment) => openSite(environment, cachingErrors),
    edit: (release) => {
      const verify = release.spec.traffic?.cloudFrontDistribution?.verify ?? {}
      const url = verify.url?.replace(/\/predict$/, '/v2/health/ready') ?? ''
      // Its name means something to the emulator alone.
      return withDistribution(release, {
        originProof: 'Waived',
        verify: { ...without(verify, 'json'), url, method: 'GET' },
      })
    },
  },
  'F2 drift, Warn': { scenario: driftTold },
  'F2 drift, Repair': {
    scenario: driftRepaired,
    edit: (release) => withDistribution(release, { driftPolicy: 'Repair' }),
  },
  'F19 no way to the pods': { scenario: noEndpoints },
  'F18 target unhealthy': { scenario: targetUnhealthy },
  'F1 another writer': { scenario: anotherWriter },
  'F3 lost answer': { scenario: lostAnswer },
  'F16 continuous deployment': { scenario: continuousDeployment },
  'F22 two owners': { scenario: twoOwners },
} satisfies Partial<Record<FaultName, Scenario>>
