/** What real clients do beyond distributions: tags, policies, keys, references; all through the real SDK. */
import { describe, expect, test } from '@jest/globals'
import {
  CreateCachePolicyCommand,
  CreateDistributionCommand,
  CreateFunctionCommand,
  CreateKeyGroupCommand,
  CreateKeyValueStoreCommand,
  CreateOriginAccessControlCommand,
  CreatePublicKeyCommand,
  CreateVpcOriginCommand,
  DeleteCachePolicyCommand,
  DeleteFunctionCommand,
  DeleteKeyGroupCommand,
  DeletePublicKeyCommand,
  GetCachePolicyCommand,
  GetDistributionConfigCommand,
  GetOriginRequestPolicyCommand,
  ListCachePoliciesCommand,
  ListDistributionsByCachePolicyIdCommand,
  ListDistributionsByKeyGroupCommand,
  ListDistributionsByWebACLIdCommand,
  ListOriginAccessControlsCommand,
  ListOriginRequestPoliciesCommand,
  ListResponseHeadersPoliciesCommand,
  ListTagsForResourceCommand,
  PublishFunctionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateCachePolicyCommand,
  UpdateDistributionCommand,
} from '@aws-sdk/client-cloudfront'
import { cloudFront, present, refusal, start } from '../test/running.ts'
import type {
  CloudFrontClient,
  DefaultCacheBehavior,
  DistributionConfig,
  Origin,
} from '@aws-sdk/client-cloudfront'

const PASS = Buffer.from('function handler(event) { return event.request }')
const OPTIMIZED = '658327ea-f89d-4fab-a63d-7e88639e58f6'
const Tags = { Items: [{ Key: 'team', Value: 'models' }] }

function config(
  behavior: Partial<DefaultCacheBehavior> = {},
  origin: Partial<Origin> = {},
): DistributionConfig {
  const custom = { HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' as const }
  return {
    CallerReference: 'r1',
    Comment: 'c',
    Enabled: true,
    Origins: {
      Quantity: 1,
      Items: [{ Id: 'o', DomainName: 'example.com', CustomOriginConfig: custom, ...origin }],
    },
    DefaultCacheBehavior: {
      TargetOriginId: 'o',
      ViewerProtocolPolicy: 'redirect-to-https',
      CachePolicyId: OPTIMIZED,
      ...behavior,
    },
  }
}

async function create(sdk: CloudFrontClient, wanted: DistributionConfig): Promise<string> {
  const made = await sdk.send(new CreateDistributionCommand({ DistributionConfig: wanted }))
  return made.Distribution?.Id ?? ''
}

test('what was created from the least there is can be read whole and sent back unchanged', async () => {
  const sdk = cloudFront(await start())
  const Id = await create(sdk, config())
  const { ETag, DistributionConfig } = await sdk.send(new GetDistributionConfigCommand({ Id }))
  expect(DistributionConfig).toMatchObject({
    Aliases: { Quantity: 0 },
    CacheBehaviors: { Quantity: 0 },
    Origins: {
      Items: [
        {
          ConnectionAttempts: 3,
          OriginShield: { Enabled: false },
          CustomOriginConfig: { OriginReadTimeout: 30, OriginKeepaliveTimeout: 5 },
        },
      ],
    },
    DefaultCacheBehavior: {
      AllowedMethods: { Quantity: 2, CachedMethods: { Quantity: 2 } },
      TrustedKeyGroups: { Enabled: false, Quantity: 0 },
      FunctionAssociations: { Quantity: 0 },
    },
    ViewerCertificate: { CloudFrontDefaultCertificate: true },
    WebACLId: '',
  })
  const wanted = present(DistributionConfig)
  await sdk.send(new UpdateDistributionCommand({ Id, IfMatch: ETag, DistributionConfig: wanted }))
  const again = await sdk.send(new GetDistributionConfigCommand({ Id }))
  expect(again.DistributionConfig).toEqual(wanted)
})

test("a distribution of tenants has what the example of the AWS CLI shows, and nothing that is each tenant's own", async () => {
  const sdk = cloudFront(await start())
  const certificate = 'arn:aws:acm:us-east-1:123456789012:certificate/191306a1-db01-49ca-90ef-fc414ee5dabc'
  const Id = await create(sdk, {
    ...config(),
    HttpVersion: 'http2',
    ConnectionMode: 'tenant-only',
    ViewerCertificate: { ACMCertificateArn: certificate, SSLSupportMethod: 'sni-only' },
  })
  const { DistributionConfig } = await sdk.send(new GetDistributionConfigCommand({ Id }))
  expect(DistributionConfig).toMatchObject({
    Restrictions: { GeoRestriction: { RestrictionType: 'none', Quantity: 0 } },
    ViewerCertificate: {
      CloudFrontDefaultCertificate: false,
      MinimumProtocolVersion: 'TLSv1.2_2021',
      Certificate: certificate,
      CertificateSource: 'acm',
    },
    DefaultCacheBehavior: { GrpcConfig: { Enabled: false }, FieldLevelEncryptionId: '' },
  })
  expect(DistributionConfig).not.toHaveProperty('IsIPV6Enabled')
  expect(DistributionConfig?.DefaultCacheBehavior).not.toHaveProperty('TrustedSigners')
})

test('the older settings of the cache are filled in where there is no policy', async () => {
  const sdk = cloudFront(await start())
  const { CachePolicyId, ...behavior } = config().DefaultCacheBehavior ?? {}
  expect(CachePolicyId).toBe(OPTIMIZED)
  const older = { ForwardedValues: { QueryString: false, Cookies: { Forward: 'none' as const } }, MinTTL: 10 }
  const Id = await create(sdk, {
    ...config(),
    DefaultCacheBehavior: { ...behavior, ...older } as DefaultCacheBehavior,
  })
  const { DistributionConfig } = await sdk.send(new GetDistributionConfigCommand({ Id }))
  expect(DistributionConfig?.DefaultCacheBehavior).toMatchObject({
    MinTTL: 10,
    DefaultTTL: 86_400,
    MaxTTL: 31_536_000,
    ForwardedValues: { Headers: { Quantity: 0 }, QueryStringCacheKeys: { Quantity: 0 } },
  })
  await expect(refusal(create(sdk, { ...config(older), CallerReference: 'r2' }))).resolves.toMatchObject({
    code: 'InvalidArgument',
  })
})

describe('tags', () => {
  const makers: Record<string, (sdk: CloudFrontClient) => Promise<string | undefined>> = {
    'a function': async (sdk) => {
      const FunctionConfig = { Comment: '', Runtime: 'cloudfront-js-2.0' as const }
      const made = await sdk.send(
        new CreateFunctionCommand({ Name: 'f', FunctionConfig, FunctionCode: PASS, Tags }),
      )
      return made.FunctionSummary?.FunctionMetadata?.FunctionARN
    },
    'a key value store': async (sdk) =>
      (await sdk.send(new CreateKeyValueStoreCommand({ Name: 's', Tags }))).KeyValueStore?.ARN,
    'a VPC origin': async (sdk) => {
      const VpcOriginEndpointConfig = {
        Name: 'v',
        Arn: 'arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/1',
        HTTPPort: 80,
        HTTPSPort: 443,
        OriginProtocolPolicy: 'http-only' as const,
      }
      const made = await sdk.send(new CreateVpcOriginCommand({ VpcOriginEndpointConfig, Tags }))
      return made.VpcOrigin?.Arn
    },
  }

  test.each(Object.keys(makers))('of %s are kept, added to and taken away', async (what) => {
    const sdk = cloudFront(await start())
    const Resource = await present(makers[what])(sdk)
    const tagsNow = async () => (await sdk.send(new ListTagsForResourceCommand({ Resource }))).Tags?.Items
    expect(await tagsNow()).toEqual(Tags.Items)
    const added = { Key: 'stage', Value: '' }
    await sdk.send(new TagResourceCommand({ Resource, Tags: { Items: [added] } }))
    expect(await tagsNow()).toEqual([...Tags.Items, added])
    await sdk.send(new UntagResourceCommand({ Resource, TagKeys: { Items: ['team'] } }))
    expect(await tagsNow()).toEqual([added])
  })

  test('go with their resource; what is not there has none', async () => {
    const sdk = cloudFront(await start())
    const Resource = await present(makers['a function'])(sdk)
    const describeTags = () => sdk.send(new ListTagsForResourceCommand({ Resource }))
    const { ETag } = await sdk.send(
      new CreateFunctionCommand({
        Name: 'g',
        FunctionConfig: { Comment: '', Runtime: 'cloudfront-js-2.0' },
        FunctionCode: PASS,
        Tags,
      }),
    )
    await sdk.send(new DeleteFunctionCommand({ Name: 'g', IfMatch: ETag }))
    const gone = Resource?.replace(/f$/, 'g')
    await expect(refusal(sdk.send(new ListTagsForResourceCommand({ Resource: gone })))).resolves.toEqual({
      code: 'NoSuchResource',
      status: 404,
    })
    expect((await describeTags()).Tags?.Items).toEqual(Tags.Items)
    await expect(
      refusal(sdk.send(new ListTagsForResourceCommand({ Resource: 'models' }))),
    ).resolves.toMatchObject({ code: 'InvalidArgument' })
  })

  test('that are not valid make nothing', async () => {
    const sdk = cloudFront(await start())
    const bad = { Items: [{ Key: 'aws:mine', Value: '' }] }
    const made = (wanted: typeof Tags) =>
      sdk.send(new CreateKeyValueStoreCommand({ Name: 's', Tags: wanted }))
    await expect(refusal(made(bad))).resolves.toMatchObject({ code: 'InvalidArgument' })
    await made(Tags)
  })
})

test('a function is published with the ETag that UpdateFunction told, under the name that the model has', async () => {
  const local = await start({
    seed: {
      distributions: [
        {
          origins: [{ id: 'o', domainName: 'o.example' }],
          behaviors: [{ pathPattern: '*', targetOriginId: 'o' }],
        },
      ],
      functions: [{ name: 'f', code: PASS.toString() }],
    },
  })
  const url = `${local.apiUrl}/2020-05-31/function/f`
  const described = await fetch(`${url}/describe`)
  const updated = await fetch(url, {
    method: 'PUT',
    headers: { 'if-match': described.headers.get('etag') ?? '' },
    body:
      '<UpdateFunctionRequest><FunctionConfig><Comment>c</Comment><Runtime>cloudfront-js-2.0</Runtime></FunctionConfig>' +
      `<FunctionCode>${PASS.toString('base64')}</FunctionCode></UpdateFunctionRequest>`,
  })
  const IfMatch = updated.headers.get('ettag') ?? ''
  expect(IfMatch).toMatch(/^E/)
  expect(updated.headers.get('etag')).toBe(IfMatch)
  await cloudFront(local).send(new PublishFunctionCommand({ Name: 'f', IfMatch }))
})

describe('managed policies', () => {
  test('are found by name in the lists and by id', async () => {
    const sdk = cloudFront(await start())
    const { CachePolicyList } = await sdk.send(new ListCachePoliciesCommand({ Type: 'managed' }))
    const byName = CachePolicyList?.Items?.find(
      ({ CachePolicy }) => CachePolicy?.CachePolicyConfig?.Name === 'Managed-CachingOptimized',
    )
    expect(byName).toMatchObject({ Type: 'managed', CachePolicy: { Id: OPTIMIZED } })
    const { CachePolicy } = await sdk.send(new GetCachePolicyCommand({ Id: OPTIMIZED }))
    expect(CachePolicy?.CachePolicyConfig).toMatchObject({
      MinTTL: 1,
      ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingBrotli: true },
    })
    const requests = await sdk.send(new ListOriginRequestPoliciesCommand({ Type: 'managed' }))
    expect(requests.OriginRequestPolicyList?.Quantity).toBe(8)
    const answers = await sdk.send(new ListResponseHeadersPoliciesCommand({ Type: 'managed' }))
    expect(answers.ResponseHeadersPolicyList?.Quantity).toBe(5)
    const except = await sdk.send(
      new GetOriginRequestPolicyCommand({ Id: 'b689b0a8-53d0-40ab-baf2-68738e2966ac' }),
    )
    expect(except.OriginRequestPolicy?.OriginRequestPolicyConfig?.HeadersConfig).toEqual({
      HeaderBehavior: 'allExcept',
      Headers: { Quantity: 1, Items: ['Host'] },
    })
    const custom = await sdk.send(new ListCachePoliciesCommand({ Type: 'custom' }))
    expect(custom.CachePolicyList?.Quantity).toBe(0)
  })

  test('cannot be changed or deleted', async () => {
    const sdk = cloudFront(await start())
    const { ETag, CachePolicy } = await sdk.send(new GetCachePolicyCommand({ Id: OPTIMIZED }))
    const wanted = { Id: OPTIMIZED, IfMatch: ETag, CachePolicyConfig: CachePolicy?.CachePolicyConfig }
    await expect(refusal(sdk.send(new UpdateCachePolicyCommand(wanted)))).resolves.toMatchObject({
      code: 'IllegalUpdate',
    })
    await expect(refusal(sdk.send(new DeleteCachePolicyCommand(wanted)))).resolves.toMatchObject({
      code: 'IllegalDelete',
    })
  })
})

describe('what a distribution names', () => {
  const cases: { name: string; wanted: DistributionConfig; code: string; status?: number }[] = [
    {
      name: 'a VPC origin',
      wanted: (() => {
        const made = config({}, { VpcOriginConfig: { VpcOriginId: 'vo_doesnotexist' } })
        delete made.Origins?.Items?.[0]?.CustomOriginConfig
        return made
      })(),
      code: 'EntityNotFound',
      status: 404,
    },
    {
      name: 'a cache policy',
      wanted: config({ CachePolicyId: 'none' }),
      code: 'NoSuchCachePolicy',
      status: 404,
    },
    {
      name: 'an origin request policy',
      wanted: config({ OriginRequestPolicyId: 'none' }),
      code: 'NoSuchOriginRequestPolicy',
      status: 404,
    },
    {
      name: 'a response headers policy',
      wanted: config({ ResponseHeadersPolicyId: 'none' }),
      code: 'NoSuchResponseHeadersPolicy',
      status: 404,
    },
    {
      name: 'a key group',
      wanted: config({ TrustedKeyGroups: { Enabled: true, Quantity: 1, Items: ['none'] } }),
      code: 'TrustedKeyGroupDoesNotExist',
    },
    {
      name: 'an origin access control',
      wanted: config({}, { OriginAccessControlId: 'none' }),
      code: 'InvalidOriginAccessControl',
    },
    {
      name: 'a member of an origin group',
      wanted: {
        ...config(),
        OriginGroups: {
          Quantity: 1,
          Items: [
            {
              Id: 'g',
              FailoverCriteria: { StatusCodes: { Quantity: 1, Items: [500] } },
              Members: { Quantity: 2, Items: [{ OriginId: 'o' }, { OriginId: 'none' }] },
            },
          ],
        },
      },
      code: 'NoSuchOrigin',
      status: 404,
    },
    {
      name: 'a version of a Lambda function',
      wanted: config({
        LambdaFunctionAssociations: {
          Quantity: 1,
          Items: [
            {
              LambdaFunctionARN: 'arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST',
              EventType: 'viewer-request',
            },
          ],
        },
      }),
      code: 'InvalidLambdaFunctionAssociation',
    },
    {
      name: 'a bucket',
      wanted: (() => {
        const made = config({}, { S3OriginConfig: { OriginAccessIdentity: '' } })
        delete made.Origins?.Items?.[0]?.CustomOriginConfig
        return made
      })(),
      code: 'InvalidArgument',
    },
  ]
  test.each(cases)('must be there: $name', async ({ wanted, code, status = 400 }) => {
    const sdk = cloudFront(await start())
    await expect(refusal(create(sdk, wanted))).resolves.toEqual({ code, status })
    const Id = await create(sdk, config())
    const { ETag, DistributionConfig } = await sdk.send(new GetDistributionConfigCommand({ Id }))
    const behavior = { ...DistributionConfig?.DefaultCacheBehavior, ...wanted.DefaultCacheBehavior }
    const changed = {
      ...present(DistributionConfig),
      ...wanted,
      DefaultCacheBehavior: behavior as DefaultCacheBehavior,
    }
    const update = new UpdateDistributionCommand({ Id, IfMatch: ETag, DistributionConfig: changed })
    // What else an update must have is asked first, so that only the code of creation is told of origins.
    const told = await refusal(sdk.send(update))
    expect([code, 'IllegalUpdate']).toContain(told.code)
  })

  test('is listed by, and cannot be deleted', async () => {
    const sdk = cloudFront(await start())
    const NONE = {
      HeadersConfig: { HeaderBehavior: 'none' as const },
      CookiesConfig: { CookieBehavior: 'none' as const },
      QueryStringsConfig: { QueryStringBehavior: 'none' as const },
    }
    const CachePolicyConfig = {
      Name: 'mine',
      MinTTL: 0,
      ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingGzip: false, ...NONE },
    }
    const policy = await sdk.send(new CreateCachePolicyCommand({ CachePolicyConfig }))
    await expect(refusal(sdk.send(new CreateCachePolicyCommand({ CachePolicyConfig })))).resolves.toEqual({
      code: 'CachePolicyAlreadyExists',
      status: 409,
    })
    const PublicKeyConfig = { CallerReference: 'k', Name: 'k', EncodedKey: 'a key' }
    const key = await sdk.send(new CreatePublicKeyCommand({ PublicKeyConfig }))
    const Items = [key.PublicKey?.Id ?? '']
    const group = await sdk.send(new CreateKeyGroupCommand({ KeyGroupConfig: { Name: 'g', Items } }))
    const [cachePolicy, keyGroup] = [policy.CachePolicy?.Id ?? '', group.KeyGroup?.Id ?? '']
    const Id = await create(
      sdk,
      config({
        CachePolicyId: cachePolicy,
        TrustedKeyGroups: { Enabled: true, Quantity: 1, Items: [keyGroup] },
      }),
    )
    const byPolicy = await sdk.send(
      new ListDistributionsByCachePolicyIdCommand({ CachePolicyId: cachePolicy }),
    )
    expect(byPolicy.DistributionIdList?.Items).toEqual([Id])
    const byGroup = await sdk.send(new ListDistributionsByKeyGroupCommand({ KeyGroupId: keyGroup }))
    expect(byGroup.DistributionIdList?.Items).toEqual([Id])
    const withoutAcl = await sdk.send(new ListDistributionsByWebACLIdCommand({ WebACLId: 'null' }))
    expect(withoutAcl.DistributionList?.Items?.map((one) => one.Id).toSorted()).toEqual(
      ['E1HOUSINGLOCAL', Id].toSorted(),
    )
    await expect(
      refusal(sdk.send(new ListDistributionsByCachePolicyIdCommand({ CachePolicyId: 'none' }))),
    ).resolves.toEqual({ code: 'NoSuchCachePolicy', status: 404 })

    const inUse: [Promise<unknown>, string][] = [
      [sdk.send(new DeleteCachePolicyCommand({ Id: cachePolicy, IfMatch: policy.ETag })), 'CachePolicyInUse'],
      [sdk.send(new DeleteKeyGroupCommand({ Id: keyGroup, IfMatch: group.ETag })), 'ResourceInUse'],
      [sdk.send(new DeletePublicKeyCommand({ Id: Items[0], IfMatch: key.ETag })), 'PublicKeyInUse'],
    ]
    for (const [deleted, code] of inUse) expect(await refusal(deleted)).toEqual({ code, status: 409 })
  })
})

test('origin access controls are listed in pages', async () => {
  const sdk = cloudFront(await start({ maxPageSize: 2 }))
  for (const Name of ['a', 'b', 'c']) {
    const OriginAccessControlConfig = {
      Name,
      SigningProtocol: 'sigv4' as const,
      SigningBehavior: 'always' as const,
      OriginAccessControlOriginType: 's3' as const,
    }
    await sdk.send(new CreateOriginAccessControlCommand({ OriginAccessControlConfig }))
  }
  const first = (await sdk.send(new ListOriginAccessControlsCommand({}))).OriginAccessControlList
  expect(first).toMatchObject({ IsTruncated: true, Quantity: 2 })
  const rest = await sdk.send(new ListOriginAccessControlsCommand({ Marker: first?.NextMarker }))
  expect(rest.OriginAccessControlList).toMatchObject({ IsTruncated: false, Quantity: 1 })
})
