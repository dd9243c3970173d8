/** A site whose users are led by a key of a store, which a function at the edges reads. */
import { setTimeout } from 'node:timers/promises'
import {
  CloudFrontClient,
  CreateFunctionCommand,
  CreateKeyValueStoreCommand,
  DescribeFunctionCommand,
  DescribeKeyValueStoreCommand,
  PublishFunctionCommand,
  UpdateFunctionCommand,
} from '@aws-sdk/client-cloudfront'
import { functionSource } from '../../../cloudfront-function/source.ts'
import type { SeedDistribution } from '../../../cloudfront-local/seed-content.ts'
import { distributionFor } from '../../../demo/cloudfront.ts'
import type { Environment } from '../../../demo/environment.ts'
import type { WrittenRelease } from '../../../demo/housing.ts'
import type { KeyValueStore } from '../../api/release.ts'
import { openSite, type Site } from './site.ts'

export type Store = { name: string; arn: string }

/** Every release that it writes is decided by the key. */
export type KeySite = Site & {
  key: string
  store: Store
  /** Publishes other code of the function, as somebody else does. */
  publish: (code: string) => Promise<void>
}

/** What decides is a distribution, or a key. */
export type AnySite = Site | KeySite

export type KeySiteOptions = {
  /** Default: one of its own. */
  store?: Store
  /** `Without`: its behaviors run no function. */
  functions?: 'With' | 'Without'
}

let sites = 0

/** Makes namespace, distribution, function, and a store where none is given. */
export async function openKeySite(
  environment: Environment,
  { store, functions = 'With' }: KeySiteOptions = {},
): Promise<KeySite> {
  const key = `housing-${++sites}`
  const reads = store ?? (await makeStore(environment, `of-${key}`))
  const name = await publishFunction(environment, key, reads)
  const site = await openSite(environment, (place) =>
    functions === 'With' ? withFunction(distributionFor(place), name) : distributionFor(place),
  )
  const write: Site['write'] = (...written) => decidedBy(site.write(...written), reads, key)
  const publish = (code: string): Promise<void> => republish(environment, name, code)
  return { ...site, key, store: reads, write, publish }
}

export async function makeStore(environment: Environment, name: string): Promise<Store> {
  const control = controlOf(environment)
  const { KeyValueStore: made } = await control.send(new CreateKeyValueStoreCommand({ Name: name }))
  // Until then no function can be associated with it.
  const describe = new DescribeKeyValueStoreCommand({ Name: name })
  while ((await control.send(describe)).KeyValueStore?.Status !== 'READY') await setTimeout(100)
  control.destroy()
  return { name, arn: made?.ARN ?? '' }
}

/** The release with other settings of its key. */
export function withKeySettings(release: WrittenRelease, settings: Partial<KeyValueStore>): WrittenRelease {
  const { traffic } = release.spec
  const cloudFrontKeyValueStore = { ...traffic?.cloudFrontKeyValueStore, ...settings }
  return { ...release, spec: { ...release.spec, traffic: { ...traffic, cloudFrontKeyValueStore } } }
}

function controlOf({ cloudFront }: Environment): CloudFrontClient {
  return new CloudFrontClient({
    region: 'us-east-1',
    endpoint: cloudFront.endpoint,
    credentials: { accessKeyId: 'whoever-makes-it', secretAccessKey: 'any' },
  })
}

async function publishFunction(environment: Environment, key: string, store: Store): Promise<string> {
  const control = controlOf(environment)
  const Name = `route-${key}`
  const KeyValueStoreAssociations = { Quantity: 1, Items: [{ KeyValueStoreARN: store.arn }] }
  const FunctionConfig = { Comment: key, Runtime: 'cloudfront-js-2.0' as const, KeyValueStoreAssociations }
  const FunctionCode = Buffer.from(functionSource(key))
  const { ETag } = await control.send(new CreateFunctionCommand({ Name, FunctionConfig, FunctionCode }))
  await control.send(new PublishFunctionCommand({ Name, IfMatch: ETag }))
  control.destroy()
  return Name
}

async function republish(environment: Environment, Name: string, code: string): Promise<void> {
  const control = controlOf(environment)
  const found = await control.send(new DescribeFunctionCommand({ Name, Stage: 'DEVELOPMENT' }))
  const { ETag: IfMatch } = await control.send(
    new UpdateFunctionCommand({
      Name,
      IfMatch: found.ETag,
      FunctionConfig: found.FunctionSummary?.FunctionConfig,
      FunctionCode: Buffer.from(code),
    }),
  )
  await control.send(new PublishFunctionCommand({ Name, IfMatch }))
  control.destroy()
}

function withFunction(seed: SeedDistribution, viewerRequestFunction: string): SeedDistribution {
  return { ...seed, behaviors: seed.behaviors.map((one) => ({ ...one, viewerRequestFunction })) }
}

function decidedBy(release: WrittenRelease, { arn }: Store, key: string): WrittenRelease {
  const { cloudFrontDistribution } = release.spec.traffic ?? {}
  const spec = { ...release.spec, traffic: { type: 'CloudFrontKeyValueStore' as const } }
  const settings = { ...cloudFrontDistribution, keyValueStoreArn: arn, key }
  return withKeySettings({ ...release, spec }, settings as Partial<KeyValueStore>)
}
