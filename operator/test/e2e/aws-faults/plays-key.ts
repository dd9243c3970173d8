/** Faults of a key, or of the function that reads it. */
import { expect } from '@jest/globals'
import type { DistributionConfig } from '@aws-sdk/client-cloudfront'
import { functionSource } from '../../../../cloudfront-function/source.ts'
import type { UpdateEntry } from '../../../../demo/cloudfront.ts'
import type { Environment } from '../../../../demo/environment.ts'
import { readValue } from '../../../adapters/aws/key-value-store/value.ts'
import { openKeySite, withKeySettings, type KeySite } from '../key-site.ts'
import { conditionOf, expectAskedLater, type Ground } from './ground.ts'
import { ANSWER_MS } from './pace.ts'
import type { Play } from './play.ts'
import type { FaultName } from './table.ts'

function keySite({ site }: Ground): KeySite {
  if ('store' in site) return site
  throw new Error('no key decides here')
}

/** Those writes of the key that were tried after version 1 was live. */
async function writesOf(ground: Ground): Promise<UpdateEntry[]> {
  return (await ground.calls('UpdateKeys')).slice(1)
}

/** Version 2 has everybody, and the behaviors follow the key: nothing is under way any more. */
async function untilFollowed(ground: Ground): Promise<void> {
  await ground.untilPromoted()
  await ground.untilMoves(2)
  expect(await ground.moves()).toHaveLength(2)
}

async function keyRace(ground: Ground): Promise<void> {
  const { key, store } = keySite(ground)
  // The write is under way and not decided yet: enough time for somebody else.
  await ground.storeFault({ operation: 'UpdateKeys', latencyMs: ANSWER_MS, phase: 'BeforeCommit' })
  await ground.site.apply(ground.write('2'))
  await ground.untilMet('UpdateKeys')
  await ground.admin.writeStore(store.name, { theirs: 'changed by somebody else' })
  await untilFollowed(ground)
  ground.expectNeverStalled()
  const writes = await writesOf(ground)
  expect(writes.map(({ code, keys, status }) => ({ code, keys, status }))).toEqual([
    { code: 'ConflictException', status: 409 },
    { keys: [key], status: 200 },
  ])
  expect(await ground.admin.itemsOf(store.name)).toEqual({
    theirs: 'changed by somebody else',
    [key]: expect.stringContaining(`housing-${ground.next}`) as unknown,
  })
}

async function notAssociated(ground: Ground): Promise<void> {
  await ground.remember()
  const { CacheBehaviors, DefaultCacheBehavior } = await ground.admin.configOf(ground.distribution)
  await ground.admin.edit(ground.distribution, withoutFunctions)
  await ground.lookedAt('1')
  await ground.site.apply(ground.write('2'))
  const message = await ground.untilSaid('Stalled', 'FunctionNotAssociated')
  expect(message).toContain('has no viewer-request function: associate the published function')
  ground.expectNothingBuilt()
  await ground.expectSamePods()
  expect(await writesOf(ground)).toEqual([])
  await ground.admin.edit(ground.distribution, (config) => ({
    ...config,
    CacheBehaviors,
    DefaultCacheBehavior,
  }))
  await untilFollowed(ground)
  expect((await writesOf(ground)).map(({ status }) => status)).toEqual([200])
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

async function functionFails(ground: Ground): Promise<void> {
  const { key, publish } = keySite(ground)
  await ground.remember()
  await publish(failingFor(NETWORK, functionSource(key)))
  await ground.site.apply(ground.write('2'))
  const message = await ground.untilSaid('Stalled', 'FunctionFails')
  expect(message).toContain('a network without a name')
  ground.expectNothingBuilt()
  await ground.expectSamePods()
  expect(await writesOf(ground)).toEqual([])
  await publish(functionSource(key))
  await untilFollowed(ground)
  expect((await writesOf(ground)).map(({ status }) => status)).toEqual([200])
}

const SHARE = 20

async function deniedInCanary(ground: Ground): Promise<void> {
  const { key, store } = keySite(ground)
  // The first write begins the canary; the next ones are the step to everybody. What is late by nothing is met first.
  await ground.storeFault({ operation: 'UpdateKeys', latencyMs: 0 })
  await ground.storeFault({ operation: 'UpdateKeys', code: 'AccessDeniedException' })
  await ground.site.apply(ground.write('2'))
  const message = await ground.untilSaid('Stalled', 'AccessDenied')
  expect(message).toContain('cloudfront-keyvaluestore:UpdateKeys')
  await ground.remember()
  const { [key]: value } = await ground.admin.itemsOf(store.name)
  expect(readValue(value)).toMatchObject({
    live: `housing-${ground.old}`,
    canary: { origin: `housing-${ground.next}`, weight: SHARE },
  })
  const stalled = ground.site.follower.release()
  expect(stalled?.status?.traffic?.canary).toMatchObject({ color: ground.next, weight: SHARE })
  expect(stalled && conditionOf(stalled, 'Serving')?.reason).toBe('LiveColorReady')
  await untilFollowed(ground)
  await ground.expectSamePods()
  const writes = await writesOf(ground)
  expect(writes.map(({ status }) => status)).toEqual([200, 403, 200])
  expectAskedLater(writes)
}

const atKey = (environment: Environment): Promise<KeySite> => openKeySite(environment)

export const BY_KEY = {
  'F17 function not associated': { play: notAssociated, open: atKey },
  'F17 function fails': { play: functionFails, open: atKey },
  'F17 denied in a canary': {
    play: deniedInCanary,
    open: atKey,
    edit: (release) => withKeySettings(release, { canary: [{ weight: SHARE, holdSeconds: 5 }] }),
  },
  'F17 key race': { play: keyRace, open: atKey },
} satisfies Partial<Record<FaultName, Play>>
