/** Distributions that come, go and are copied; policies, tags and lists: through the real SDK. */
import {
  CopyDistributionCommand,
  CreateContinuousDeploymentPolicyCommand,
  CreateDistributionCommand,
  CreateDistributionWithTagsCommand,
  DeleteContinuousDeploymentPolicyCommand,
  DeleteDistributionCommand,
  GetContinuousDeploymentPolicyCommand,
  GetContinuousDeploymentPolicyConfigCommand,
  GetDistributionCommand,
  ListContinuousDeploymentPoliciesCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateContinuousDeploymentPolicyCommand,
  UpdateDistributionCommand,
  UpdateDistributionWithStagingConfigCommand,
} from '@aws-sdk/client-cloudfront'
import { describe, expect, test } from '@jest/globals'
import { admin, ask, calls, cloudFront, origin, refusal, says, start } from '../test/running.ts'
import type {
  CloudFrontClient,
  ContinuousDeploymentPolicyConfig,
  Distribution,
  DistributionConfig,
} from '@aws-sdk/client-cloudfront'

const ID = 'E1HOUSINGLOCAL'
const WELL_FORMED = /^E[A-Z0-9]{13}$/

/** What a program would write by hand: no more than is required. */
function minimal(changes: Partial<DistributionConfig> = {}): DistributionConfig {
  return {
    CallerReference: 'made-by-hand',
    Comment: '',
    Enabled: true,
    Origins: {
      Quantity: 1,
      Items: [
        {
          Id: 'only',
          DomainName: 'only.example',
          CustomOriginConfig: {
            HTTPPort: 80,
            HTTPSPort: 443,
            OriginProtocolPolicy: 'http-only',
            OriginReadTimeout: 30,
            OriginKeepaliveTimeout: 5,
          },
        },
      ],
    },
    DefaultCacheBehavior: {
      TargetOriginId: 'only',
      ViewerProtocolPolicy: 'allow-all',
      CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
    },
    ...changes,
  }
}

async function read(
  sdk: CloudFrontClient,
  id = ID,
): Promise<{ distribution: Distribution; etag: string; config: DistributionConfig }> {
  const { Distribution: distribution, ETag } = await sdk.send(new GetDistributionCommand({ Id: id }))
  if (distribution?.DistributionConfig === undefined || ETag === undefined) throw new Error('no distribution')
  return { distribution, etag: ETag, config: distribution.DistributionConfig }
}

async function change(
  sdk: CloudFrontClient,
  id: string,
  changes: Partial<DistributionConfig>,
): Promise<string> {
  const { config, etag } = await read(sdk, id)
  const DistributionConfig = { ...config, ...changes }
  const { ETag = '' } = await sdk.send(
    new UpdateDistributionCommand({ Id: id, IfMatch: etag, DistributionConfig }),
  )
  return ETag
}

describe('CreateDistribution', () => {
  test('gives 201, Location and ETag; the edges learn of it one after the other', async () => {
    const running = await start({ resolve: [`only.example=127.0.0.1:${await origin(says('only'))}`] })
    const sdk = cloudFront(running)
    await admin(running, 'POST', '/edges/all/hold')
    const made = await sdk.send(new CreateDistributionCommand({ DistributionConfig: minimal() }))
    const { Id = '', DomainName = '', Status } = made.Distribution ?? {}
    expect(made.$metadata.httpStatusCode).toBe(201)
    expect([Id, made.ETag]).toEqual([expect.stringMatching(WELL_FORMED), expect.stringMatching(WELL_FORMED)])
    expect(made.Location).toBe(`https://cloudfront.amazonaws.com/2020-05-31/distribution/${Id}`)
    expect(Status).toBe('InProgress')

    const viewer = { headers: { host: DomainName } }
    await admin(running, 'POST', '/edges/1/release')
    expect((await ask(running.edgeUrls[0], viewer)).body).toBe('only')
    expect((await ask(running.edgeUrls[1], viewer)).status).toBe(403)
    await admin(running, 'POST', '/edges/all/release')
    expect((await read(sdk, Id)).distribution.Status).toBe('Deployed')
  })

  test('refuses a caller reference that was used before', async () => {
    const sdk = cloudFront(await start())
    await sdk.send(new CreateDistributionCommand({ DistributionConfig: minimal() }))
    const again = sdk.send(new CreateDistributionCommand({ DistributionConfig: minimal() }))
    await expect(refusal(again)).resolves.toEqual({ code: 'DistributionAlreadyExists', status: 409 })
  })

  test('refuses what an update would refuse', async () => {
    const sdk = cloudFront(await start())
    const lost = minimal()
    if (lost.DefaultCacheBehavior) lost.DefaultCacheBehavior.TargetOriginId = 'nowhere'
    const answer = sdk.send(new CreateDistributionCommand({ DistributionConfig: lost }))
    await expect(refusal(answer)).resolves.toEqual({ code: 'NoSuchOrigin', status: 404 })
  })
})

describe('DeleteDistribution', () => {
  test('takes a disabled and deployed distribution from everywhere', async () => {
    const running = await start()
    const sdk = cloudFront(running)
    const IfMatch = await change(sdk, ID, { Enabled: false })
    await running.waitFor((entry) => entry.type === 'EdgeApplied' && entry.status === 'Deployed')
    const gone = await sdk.send(new DeleteDistributionCommand({ Id: ID, IfMatch }))
    expect(gone.$metadata.httpStatusCode).toBe(204)
    const expected = { code: 'NoSuchDistribution', status: 404 }
    await expect(refusal(read(sdk))).resolves.toEqual(expected)
    expect((await ask(running.edgeUrls[0])).body).toContain('No distribution')
  })

  test('refuses one that is enabled, one that is in progress, and one that has changed', async () => {
    const running = await start()
    const sdk = cloudFront(running)
    const remove = (IfMatch?: string) => refusal(sdk.send(new DeleteDistributionCommand({ Id: ID, IfMatch })))
    const { etag } = await read(sdk)
    const busy = { code: 'DistributionNotDisabled', status: 409 }
    expect(await remove(etag)).toEqual(busy)
    await admin(running, 'POST', '/edges/2/hold')
    const newest = await change(sdk, ID, { Enabled: false })
    expect(await remove(newest)).toEqual(busy)
    expect(await remove(etag)).toEqual({ code: 'PreconditionFailed', status: 412 })
    expect(await remove()).toEqual({ code: 'InvalidIfMatchVersion', status: 400 })
  })
})

describe('a staging distribution', () => {
  const weight = (value: number, name: string): ContinuousDeploymentPolicyConfig => ({
    StagingDistributionDnsNames: { Quantity: 1, Items: [name] },
    Enabled: true,
    TrafficConfig: { Type: 'SingleWeight', SingleWeightConfig: { Weight: value } },
  })

  async function staged() {
    const running = await start()
    const sdk = cloudFront(running)
    const { etag } = await read(sdk)
    const copy = { PrimaryDistributionId: ID, Staging: true, IfMatch: etag, CallerReference: 'copy' }
    const { Distribution, ETag } = await sdk.send(new CopyDistributionCommand(copy))
    const name = Distribution?.DomainName ?? ''
    return { running, sdk, id: Distribution?.Id ?? '', name, etag: ETag ?? '', copied: Distribution }
  }

  async function attached() {
    const world = await staged()
    const { sdk, name } = world
    const made = await sdk.send(
      new CreateContinuousDeploymentPolicyCommand({ ContinuousDeploymentPolicyConfig: weight(0.1, name) }),
    )
    const policy = made.ContinuousDeploymentPolicy?.Id ?? ''
    await change(sdk, ID, { ContinuousDeploymentPolicyId: policy })
    return { ...world, policy, policyEtag: made.ETag ?? '', made }
  }

  test('is a copy of the primary one under its own identity', async () => {
    const { sdk, copied, id } = await staged()
    const { config } = await read(sdk)
    expect(copied?.DistributionConfig).toEqual({
      ...config,
      CallerReference: 'copy',
      Staging: true,
      Aliases: { Quantity: 0 },
    })
    expect(id).not.toBe(ID)
  })

  test('needs the newest ETag of the primary one', async () => {
    const { sdk } = await staged()
    const stale = {
      PrimaryDistributionId: ID,
      Staging: true,
      IfMatch: 'E0000000000000',
      CallerReference: 'other',
    }
    await expect(refusal(sdk.send(new CopyDistributionCommand(stale)))).resolves.toEqual({
      code: 'PreconditionFailed',
      status: 412,
    })
  })

  test('its policy is kept, read, listed, replaced and told by its ETag', async () => {
    const { sdk, name, policy: Id, policyEtag, made } = await attached()
    expect(made.Location).toBe(
      `https://cloudfront.amazonaws.com/2020-05-31/continuous-deployment-policy/${Id}`,
    )
    const config = await sdk.send(new GetContinuousDeploymentPolicyConfigCommand({ Id }))
    expect(config.ContinuousDeploymentPolicyConfig).toEqual(weight(0.1, name))
    const updated = await sdk.send(
      new UpdateContinuousDeploymentPolicyCommand({
        ...{ Id, IfMatch: policyEtag },
        ContinuousDeploymentPolicyConfig: weight(0.05, name),
      }),
    )
    expect(updated.ETag).not.toBe(policyEtag)
    const stale = { Id, IfMatch: policyEtag, ContinuousDeploymentPolicyConfig: weight(0.01, name) }
    const again = refusal(sdk.send(new UpdateContinuousDeploymentPolicyCommand(stale)))
    await expect(again).resolves.toEqual({ code: 'PreconditionFailed', status: 412 })
    const listed = await sdk.send(new ListContinuousDeploymentPoliciesCommand({}))
    expect(listed.ContinuousDeploymentPolicyList).toMatchObject({
      Quantity: 1,
      Items: [{ ContinuousDeploymentPolicy: { Id, ContinuousDeploymentPolicyConfig: weight(0.05, name) } }],
    })
  })

  test.each([
    { name: 'more than 15 %', config: (name: string) => weight(0.2, name), code: 'InvalidArgument' },
    { name: 'a stranger', config: () => weight(0.1, 'd0.cloudfront.net'), code: 'InvalidArgument' },
    {
      name: 'a header of another name',
      config: (name: string) => ({
        ...weight(0, name),
        TrafficConfig: {
          Type: 'SingleHeader' as const,
          SingleHeaderConfig: { Header: 'x-beta', Value: '1' },
        },
      }),
      code: 'InvalidArgument',
    },
    {
      name: 'a stickiness out of order',
      config: (name: string) => ({
        ...weight(0.1, name),
        TrafficConfig: {
          Type: 'SingleWeight' as const,
          SingleWeightConfig: { Weight: 0.1, SessionStickinessConfig: { IdleTTL: 600, MaximumTTL: 300 } },
        },
      }),
      code: 'InvalidArgument',
    },
    {
      name: 'a stickiness of more than an hour',
      config: (name: string) => ({
        ...weight(0.1, name),
        TrafficConfig: {
          Type: 'SingleWeight' as const,
          SingleWeightConfig: { Weight: 0.1, SessionStickinessConfig: { IdleTTL: 300, MaximumTTL: 3601 } },
        },
      }),
      code: 'InvalidArgument',
    },
  ])('a policy with $name is refused', async ({ config, code }) => {
    const { sdk, name } = await staged()
    const input = { ContinuousDeploymentPolicyConfig: config(name) }
    const answer = refusal(sdk.send(new CreateContinuousDeploymentPolicyCommand(input)))
    await expect(answer).resolves.toEqual({ code, status: 400 })
  })

  test('a second policy for the same one is refused', async () => {
    const { sdk, name } = await attached()
    const input = { ContinuousDeploymentPolicyConfig: weight(0.1, name) }
    const answer = refusal(sdk.send(new CreateContinuousDeploymentPolicyCommand(input)))
    await expect(answer).resolves.toEqual({ code: 'StagingDistributionInUse', status: 409 })
  })

  test('an update that drops the policy is IllegalUpdate, one that keeps it is not, one that empties it detaches', async () => {
    const { sdk, policy } = await attached()
    const { config, etag } = await read(sdk)
    expect(config.ContinuousDeploymentPolicyId).toBe(policy)
    const { ContinuousDeploymentPolicyId, ...dropped } = config
    expect(ContinuousDeploymentPolicyId).toBe(policy)
    const answer = sdk.send(
      new UpdateDistributionCommand({ Id: ID, IfMatch: etag, DistributionConfig: dropped }),
    )
    await expect(refusal(answer)).resolves.toEqual({ code: 'IllegalUpdate', status: 400 })
    await change(sdk, ID, { Comment: 'kept' })
    expect((await read(sdk)).config.ContinuousDeploymentPolicyId).toBe(policy)
    await change(sdk, ID, { ContinuousDeploymentPolicyId: '' })
    expect((await read(sdk)).config.ContinuousDeploymentPolicyId).toBe('')
  })

  test('an unknown policy is refused, and one that is attached is not deleted', async () => {
    const { sdk, policy: Id, policyEtag: IfMatch } = await attached()
    await expect(refusal(change(sdk, ID, { ContinuousDeploymentPolicyId: 'unknown' }))).resolves.toEqual({
      code: 'NoSuchContinuousDeploymentPolicy',
      status: 404,
    })
    const remove = () => sdk.send(new DeleteContinuousDeploymentPolicyCommand({ Id, IfMatch }))
    const inUse = { code: 'ContinuousDeploymentPolicyInUse', status: 409 }
    await expect(refusal(remove())).resolves.toEqual(inUse)
    await change(sdk, ID, { ContinuousDeploymentPolicyId: '' })
    expect((await remove()).$metadata.httpStatusCode).toBe(204)
    const gone = refusal(sdk.send(new GetContinuousDeploymentPolicyCommand({ Id })))
    await expect(gone).resolves.toEqual({ code: 'NoSuchContinuousDeploymentPolicy', status: 404 })
  })

  test('is promoted with both ETags: everything but the identity of the primary one', async () => {
    const { sdk, id, policy } = await attached()
    await change(sdk, id, { Comment: 'promoted' })
    const primary = await read(sdk)
    const staging = await read(sdk, id)
    const promote = (IfMatch: string) =>
      sdk.send(new UpdateDistributionWithStagingConfigCommand({ Id: ID, StagingDistributionId: id, IfMatch }))
    const stale = { code: 'PreconditionFailed', status: 412 }
    await expect(refusal(promote(`${primary.etag}, ${primary.etag}`))).resolves.toEqual(stale)
    const { Distribution, ETag } = await promote(`${primary.etag}, ${staging.etag}`)
    expect(ETag).not.toBe(primary.etag)
    expect(Distribution?.DistributionConfig).toEqual({ ...primary.config, Comment: 'promoted' })
    expect(Distribution?.DistributionConfig?.ContinuousDeploymentPolicyId).toBe(policy)
  })
})

describe('tags', () => {
  test('are made with the distribution, added and taken away', async () => {
    const running = await start()
    const sdk = cloudFront(running)
    const made = await sdk.send(
      new CreateDistributionWithTagsCommand({
        DistributionConfigWithTags: {
          DistributionConfig: minimal(),
          Tags: { Items: [{ Key: 'team', Value: 'models' }] },
        },
      }),
    )
    expect(made.$metadata.httpStatusCode).toBe(201)
    const Resource = made.Distribution?.ARN ?? ''
    const tags = async () => (await sdk.send(new ListTagsForResourceCommand({ Resource }))).Tags?.Items
    expect(await tags()).toEqual([{ Key: 'team', Value: 'models' }])
    await sdk.send(new TagResourceCommand({ Resource, Tags: { Items: [{ Key: 'stage', Value: 'live' }] } }))
    await sdk.send(new UntagResourceCommand({ Resource, TagKeys: { Items: ['team'] } }))
    expect(await tags()).toEqual([{ Key: 'stage', Value: 'live' }])
    expect(calls(running).map(({ operation }) => operation)).toEqual([
      'CreateDistributionWithTags',
      'ListTagsForResource',
      'TagResource',
      'UntagResource',
      'ListTagsForResource',
    ])
  })

  test('of nothing are NoSuchResource', async () => {
    const sdk = cloudFront(await start())
    const Resource = 'arn:aws:cloudfront::123456789012:distribution/E9999999999999'
    const answer = refusal(sdk.send(new ListTagsForResourceCommand({ Resource })))
    await expect(answer).resolves.toEqual({ code: 'NoSuchResource', status: 404 })
  })
})
