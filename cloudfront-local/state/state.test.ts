/** What is there again after a restart with a state folder. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateContinuousDeploymentPolicyCommand,
  CreateInvalidationCommand,
  GetContinuousDeploymentPolicyCommand,
  GetDistributionCommand,
  GetInvalidationCommand,
  CopyDistributionCommand,
  ListDistributionsCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UpdateDistributionCommand,
} from '@aws-sdk/client-cloudfront'
import { DescribeKeyValueStoreCommand, PutKeyCommand } from '@aws-sdk/client-cloudfront-keyvaluestore'
import { expect, test } from '@jest/globals'
import {
  admin,
  ask,
  cloudFront,
  HOST,
  keyValueStore,
  onEnd,
  origin,
  present,
  refusal,
  says,
  start,
} from '../test/running.ts'
import { StateError } from './state-folder.ts'
import type { CloudFrontLocalOptions } from '../start.ts'

const ID = 'E1TESTTESTTEST'
const SWITCH = `import cf from 'cloudfront'
async function handler(event) { const color = await cf.kvs().get('color'); cf.selectRequestOriginById(color); return event.request }`

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'cloudfront-local-state-'))
  onEnd(() => {
    rmSync(path, { recursive: true })
  })
  return path
}

async function options(stateFolder: string): Promise<CloudFrontLocalOptions> {
  const blue = await origin(says('blue'))
  const green = await origin(says('green'))
  return {
    stateFolder,
    seed: {
      distributions: [
        {
          id: ID,
          aliases: [HOST],
          origins: [
            { id: 'blue', domainName: 'blue.example' },
            { id: 'green', domainName: 'green.example' },
          ],
          behaviors: [
            { pathPattern: '/kvs', targetOriginId: 'blue', viewerRequestFunction: 'switch' },
            { pathPattern: '*', targetOriginId: 'blue' },
          ],
        },
      ],
      keyValueStores: [{ name: 'models', items: { color: 'blue' } }],
      functions: [{ name: 'switch', code: SWITCH, keyValueStore: 'models' }],
    },
    resolve: [`blue.example=127.0.0.1:${blue}`, `green.example=127.0.0.1:${green}`],
  }
}

test('everything is there again, ETags included, also when the process was killed in the middle', async () => {
  const wanted = await options(folder())
  const before = await start(wanted)
  const sdk = cloudFront(before)
  const { Distribution, ETag } = await sdk.send(new GetDistributionCommand({ Id: ID }))
  const config = present(present(Distribution).DistributionConfig)
  const copy = { PrimaryDistributionId: ID, Staging: true, IfMatch: ETag, CallerReference: 'copy' }
  const staging = await sdk.send(new CopyDistributionCommand(copy))
  const policy = await sdk.send(
    new CreateContinuousDeploymentPolicyCommand({
      ContinuousDeploymentPolicyConfig: {
        StagingDistributionDnsNames: { Quantity: 1, Items: [present(staging.Distribution?.DomainName)] },
        Enabled: true,
      },
    }),
  )
  present(config.DefaultCacheBehavior).TargetOriginId = 'green'
  // On its way to the edges when everything ends: a restart is the end of the way.
  await admin(before, 'POST', '/edges/all/hold')
  const updated = await sdk.send(
    new UpdateDistributionCommand({ Id: ID, IfMatch: ETag, DistributionConfig: config }),
  )
  const InvalidationBatch = { CallerReference: 'one', Paths: { Quantity: 1, Items: ['/*'] } }
  const invalidated = await sdk.send(new CreateInvalidationCommand({ DistributionId: ID, InvalidationBatch }))
  const Resource = present(present(Distribution).ARN)
  await sdk.send(new TagResourceCommand({ Resource, Tags: { Items: [{ Key: 'team', Value: 'models' }] } }))
  const [shown] = (await admin(before, 'GET', '/key-value-stores')) as { arn: string; etag: string }[]
  const store = present(shown)
  const put = { KvsARN: store.arn, IfMatch: store.etag, Key: 'color', Value: 'green' }
  const { ETag: storeEtag } = await keyValueStore(before).send(new PutKeyCommand(put))
  await before.close(0)

  const after = await start(wanted)
  const again = cloudFront(after)
  const found = await again.send(new GetDistributionCommand({ Id: ID }))
  expect(found).toMatchObject({
    ETag: updated.ETag,
    Distribution: { Status: 'Deployed', DistributionConfig: config },
  })
  const listed = await again.send(new ListDistributionsCommand({}))
  expect(listed.DistributionList?.Quantity).toBe(2)
  const { Id } = present(policy.ContinuousDeploymentPolicy)
  expect((await again.send(new GetContinuousDeploymentPolicyCommand({ Id }))).ETag).toBe(policy.ETag)
  const tags = await again.send(new ListTagsForResourceCommand({ Resource }))
  expect(tags.Tags?.Items).toEqual([{ Key: 'team', Value: 'models' }])
  const one = { DistributionId: ID, Id: present(invalidated.Invalidation).Id }
  expect((await again.send(new GetInvalidationCommand(one))).Invalidation?.Status).toBe('Completed')
  const described = await keyValueStore(after).send(new DescribeKeyValueStoreCommand({ KvsARN: store.arn }))
  expect(described.ETag).toBe(storeEtag)
  expect((await ask(after.edgeUrls[0])).body).toBe('green')
  expect((await ask(after.edgeUrls[0], { path: '/kvs' })).body).toBe('green')
  const stale = again.send(
    new UpdateDistributionCommand({ Id: ID, IfMatch: ETag, DistributionConfig: config }),
  )
  await expect(refusal(stale)).resolves.toEqual({ code: 'PreconditionFailed', status: 412 })
})

test('what was deleted stays away', async () => {
  const wanted = await options(folder())
  const before = await start(wanted)
  await admin(before, 'DELETE', `/distributions/${ID}`)
  await before.close(0)
  const after = await start(wanted)
  expect(await admin(after, 'GET', '/distributions')).toEqual([])
})

test('each resource is a readable file, and none is left half written', async () => {
  const wanted = await options(folder())
  await start(wanted)
  const path = wanted.stateFolder ?? ''
  const saved = JSON.parse(readFileSync(join(path, 'distributions', `${ID}.json`), 'utf8')) as object
  expect(saved).toMatchObject({
    distribution: ID,
    number: 1,
    config: expect.stringContaining('<DistributionConfig>'),
  })
  const files = readdirSync(path, { recursive: true }) as string[]
  expect(files.filter((file) => file.endsWith('.new'))).toEqual([])
})

test.each([
  {
    name: 'of something else',
    prepare: (path: string) => {
      writeFileSync(join(path, 'mine.txt'), 'mine')
    },
    says: 'name a new or empty folder',
  },
  {
    name: 'of another version',
    prepare: (path: string) => {
      writeFileSync(join(path, 'cloudfront-local.json'), '{"format": 99}')
    },
    says: 'another version',
  },
  {
    name: 'that cannot be read',
    prepare: (path: string) => {
      writeFileSync(join(path, 'cloudfront-local.json'), '{')
    },
    says: 'repair or delete it',
  },
])('a folder $name is refused and left alone', async ({ prepare, says: reason }) => {
  const path = folder()
  prepare(path)
  const before = readdirSync(path)
  const started = start({ stateFolder: path })
  await expect(started).rejects.toThrow(StateError)
  await expect(start({ stateFolder: path })).rejects.toThrow(reason)
  expect(readdirSync(path)).toEqual(before)
})

test('a folder that is missing is made', async () => {
  const path = join(folder(), 'deep', 'er')
  await start({ stateFolder: path })
  expect(existsSync(join(path, 'cloudfront-local.json'))).toBe(true)
})
