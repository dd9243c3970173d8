/** Faults of a key, or of the function that reads it. */
import { expect } from '@jest/globals'
import type { DistributionConfig } from '@aws-sdk/client-cloudfront'
import { functionSource } from '../../../../cloudfront-function/source.ts'
import type { UpdateEntry } from '../../../../demo/cloudfront.ts'
import type { Environment } from '../../../../demo/environment.ts'
import { readValue } from '../../../adapters/aws/key-value-store/value.ts'
import { openKeySite, withKeySettings, type KeySite } from '../key-site.ts'
import { conditionOf, expectAskedLater, type Fixture } from './fixture.ts'
import { ANSWER_MS } from './pace.ts'
import type { Scenario } from './scenario.ts'
import type { FaultName } from './table.ts'

function keySite({ site }: Fixture): KeySite {
  if ('store' in site) return site
  throw new Error('no key decides here')
}

/** Those writes of the key that were tried after version 1 was live. */
async function writesOf(fixture: Fixture): Promise<UpdateEntry[]> {
  return (await fixture.calls('UpdateKeys')).slice(1)
}

/** Version 2 has everybody, and the behaviors follow the key: nothing is under way any more. */
async function untilFollowed(fixture: Fixture): Promise<void> {
  await fixture.untilPromoted()
  await fixture.untilMoves(2)
  expect(await fixture.moves()).toHaveLength(2)
}

async function keyRace(fixture: Fixture): Promise<void> {
  const { key, store } = keySite(fixture)
  // The write is under way and not decided yet: enough time for somebody else.
  await fixture.storeFault({ operation: 'UpdateKeys', latencyMs: ANSWER_MS, phase: 'BeforeCommit' })
  await fixture.site.apply(fixture.write('2'))
  await fixture.untilMet('UpdateKeys')
  await fixture.admin.writeStore(store.name, { theirs: 'changed by somebody else' })
  await untilFollowed(fixture)
  fixture.expectNeverStalled()
  const writes = await writesOf(fixture)
  expect(writes.map(({ code, keys, status }) => ({ code, keys, status }))).toEqual([
    { code: 'ConflictException', status: 409 },
    { keys: [key], status: 200 },
  ])
  expect(await fixture.admin.itemsOf(store.name)).toEqual({
    theirs: 'changed by somebody else',
    [key]: expect.stringContaining(`housing-${fixture.next}`) as unknown,
  })
}

async function notAssociated(fixture: Fixture): Promise<void> {
  await fixture.remember()
  const { CacheBehaviors, DefaultCacheBehavior } = await fixture.admin.configOf(fixture.distribution)
  await fixture.admin.edit(fixture.distribution, withoutFunctions)
  await fixture.lookedAt('1')
  await fixture.site.apply(fixture.write('2'))
  const message = await fixture.untilSaid('Stalled', 'FunctionNotAssociated')
  expect(message).toContain('has no viewer-request function: associate the published function')
  fixture.expectNothingBuilt()
  await fixture.expectSamePods()
  expect(await writesOf(fixture)).toEqual([])
  await fixture.admin.edit(fixture.distribution, (config) => ({
    ...config,
    CacheBehaviors,
    DefaultCacheBehavior,
  }))
  await untilFollowed(fixture)
  expect((await writesOf(fixture)).map(({ status }) => status)).toEqual([200])
}

function withoutFunctions(config: DistributionConfig): DistributionConfig {
  const FunctionAssociations = { Quantity: 0 }
  const { CacheBehaviors: { Items = [] } = {}, DefaultCacheBehavior } = config
  const others = Items.map((one) => ({ ...one, FunctionAssociations }))
  return {
    ...config,
    CacheBehaviors: { Quantity: others.length, Items: others },
    ...(DefaultCacheBehavior && {
      DefaultCacheBehavior: { ...DefaultCacheBehavior, FunctionAssociations },
    }),
  }
}

/** The addresses of a network that is reserved for documentation: the operator has functions tested for one of its clients. */
const NETWORK = '192.0.2.'

/** Fails for clients of that network; viewers here are of another, so it does not happen to them. */
function failingFor(network: string, source: string): string {
  const first = 'const request = event.request'
  expect(source).toContain(first)
  return source.replace(
    first,
    `${first}\n  if (event.viewer.ip.indexOf('${network}') === 0) throw new Error('a network without a name')`,
  )
}

async function functionFails(fixture: Fixture): Promise<void> {
  const { key, publish } = keySite(fixture)
  await fixture.remember()
  await publish(failingFor(NETWORK, functionSource(key)))
  await fixture.site.apply(fixture.write('2'))
  const message = await fixture.untilSaid('Stalled', 'FunctionFails')
  expect(message).toContain('a network without a name')
  fixture.expectNothingBuilt()
  await fixture.expectSamePods()
  expect(await writesOf(fixture)).toEqual([])
  await publish(functionSource(key))
  await untilFollowed(fixture)
  expect((await writesOf(fixture)).map(({ status }) => status)).toEqual([200])
}

const SHARE = 20

async function deniedInCanary(fixture: Fixture): Promise<void> {
  const { key, store } = keySite(fixture)
  // The first write begins the canary; the next ones are the step to everybody. What is late by nothing is met first.
  await fixture.storeFault({ operation: 'UpdateKeys', latencyMs: 0 })
  await fixture.storeFault({ operation: 'UpdateKeys', code: 'AccessDeniedException' })
  await fixture.site.apply(fixture.write('2'))
  const message = await fixture.untilSaid('Stalled', 'AccessDenied')
  expect(message).toContain('cloudfront-keyvaluestore:UpdateKeys')
  await fixture.remember()
  const { [key]: value } = await fixture.admin.itemsOf(store.name)
  expect(readValue(value)).toMatchObject({
    live: `housing-${fixture.old}`,
    canary: { origin: `housing-${fixture.next}`, weight: SHARE },
  })
  const stalled = fixture.site.follower.release()
  expect(stalled?.status?.traffic?.canary).toMatchObject({ color: fixture.next, weight: SHARE })
  expect(stalled && conditionOf(stalled, 'Serving')?.reason).toBe('LiveColorReady')
  await untilFollowed(fixture)
  await fixture.expectSamePods()
  const writes = await writesOf(fixture)
  expect(writes.map(({ status }) => status)).toEqual([200, 403, 200])
  expectAskedLater(writes)
}

const atKey = (environment: Environment): Promise<KeySite> => openKeySite(environment)

export const BY_KEY = {
  'F17 function not associated': { scenario: notAssociated, open: atKey },
  'F17 function fails': { scenario: functionFails, open: atKey },
  'F17 denied in a canary': {
    scenario: deniedInCanary,
    open: atKey,
    edit: (release) => withKeySettings(release, { canary: [{ weight: SHARE, holdSeconds: 5 }] }),
  },
  'F17 key race': { scenario: keyRace, open: atKey },
} satisfies Partial<Record<FaultName, Scenario>>
