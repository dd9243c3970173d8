/** What CloudFormation does at CloudFront with our template, by the real SDK: each resource type is one call, or a few. */
import {
  CloudFrontClient,
  CreateDistributionCommand,
  CreateFunctionCommand,
  CreateKeyValueStoreCommand,
  CreateVpcOriginCommand,
  DescribeFunctionCommand,
  DescribeKeyValueStoreCommand,
  GetDistributionCommand,
  PublishFunctionCommand,
  UpdateDistributionCommand,
  type DistributionConfig,
  type FunctionConfig,
  type VpcOriginEndpointConfig,
} from '@aws-sdk/client-cloudfront'
import { setTimeout } from 'node:timers/promises'
import { textOf, type Json, type Made, type Properties, type Stack } from './template.ts'

/** Lists that CloudFormation writes plainly, and the API with their number. */
const LISTS = new Set([
  'Aliases',
  'Origins',
  'CustomErrorResponses',
  'FunctionAssociations',
  'KeyValueStoreAssociations',
])
const NAMES: Record<string, string> = {
  IPV6Enabled: 'IsIPV6Enabled',
  AcmCertificateArn: 'ACMCertificateArn',
  SslSupportMethod: 'SSLSupportMethod',
}

/** A configuration as the API has it. */
function toApi(value: Json): Json {
  if (Array.isArray(value)) return value.map(toApi)
  if (value === null || typeof value !== 'object') return value
  const { AllowedMethods, CachedMethods, ...rest } = value
  const entries = Object.entries(rest).map(([key, one]): [string, Json] => {
    const name = NAMES[key] ?? key
    return LISTS.has(key) && Array.isArray(one) ? [name, listed(one.map(toApi))] : [name, toApi(one)]
  })
  const methods: Properties =
    Array.isArray(AllowedMethods) && Array.isArray(CachedMethods)
      ? { AllowedMethods: { ...listed(AllowedMethods), CachedMethods: listed(CachedMethods) } }
      : {}
  return { ...Object.fromEntries(entries), ...methods }
}

function listed(items: Json[]): Properties {
  return { Quantity: items.length, Items: items }
}

/** Makes, or changes, the CloudFront part of a stack; whatever is of another service is made by `others`. */
export async function deployAtCloudFront(
  stack: Stack,
  sdk: CloudFrontClient,
  {
    before,
    others,
  }: { before?: Stack | undefined; others: (name: string, type: string, properties: Properties) => Made },
): Promise<void> {
  await stack.make(async (name, type, properties) => {
    const existing = before?.made.get(name)
    switch (type) {
      case 'AWS::CloudFront::VpcOrigin':
        return existing ?? (await makeVpcOrigin(sdk, properties))
      case 'AWS::CloudFront::KeyValueStore':
        return existing ?? (await makeStore(sdk, properties))
      case 'AWS::CloudFront::Function':
        return existing ?? (await makeFunction(sdk, properties))
      case 'AWS::CloudFront::Distribution':
        return existing
          ? await changeDistribution(sdk, existing, properties)
          : await makeDistribution(sdk, properties)
      default:
        return existing ?? others(name, type, properties)
    }
  })
}

async function makeVpcOrigin(sdk: CloudFrontClient, { VpcOriginEndpointConfig }: Properties): Promise<Made> {
  const config = VpcOriginEndpointConfig as unknown as VpcOriginEndpointConfig
  const { VpcOrigin } = await sdk.send(new CreateVpcOriginCommand({ VpcOriginEndpointConfig: config }))
  const { Id: id = '', Arn = '' } = VpcOrigin ?? {}
  return { ref: id, attributes: { Id: id, Arn } }
}

async function makeStore(sdk: CloudFrontClient, { Name, Comment }: Properties): Promise<Made> {
  const [name, comment] = [textOf(Name), textOf(Comment)]
  await sdk.send(new CreateKeyValueStoreCommand({ Name: name, Comment: comment }))
  for (;;) {
    const { KeyValueStore } = await sdk.send(new DescribeKeyValueStoreCommand({ Name: name }))
    if (KeyValueStore?.Status === 'READY') return { ref: name, attributes: { Arn: KeyValueStore.ARN ?? '' } }
    await setTimeout(50)
  }
}

async function makeFunction(sdk: CloudFrontClient, properties: Properties): Promise<Made> {
  const Name = textOf(properties.Name)
  const code = new TextEncoder().encode(textOf(properties.FunctionCode))
  const config = toApi(properties.FunctionConfig ?? {}) as unknown as FunctionConfig
  await sdk.send(new CreateFunctionCommand({ Name, FunctionCode: code, FunctionConfig: config }))
  const { ETag } = await sdk.send(new DescribeFunctionCommand({ Name }))
  if (properties.AutoPublish === true) await sdk.send(new PublishFunctionCommand({ Name, IfMatch: ETag }))
  const { FunctionSummary } = await sdk.send(new DescribeFunctionCommand({ Name }))
  const arn = FunctionSummary?.FunctionMetadata?.FunctionARN ?? ''
  return { ref: arn, attributes: { 'FunctionMetadata.FunctionARN': arn } }
}

async function makeDistribution(sdk: CloudFrontClient, { DistributionConfig }: Properties): Promise<Made> {
  const config = toApi(DistributionConfig ?? {}) as Properties
  const created = await sdk.send(
    new CreateDistributionCommand({
      DistributionConfig: {
        CallerReference: crypto.randomUUID(),
        ...config,
      } as unknown as DistributionConfig,
    }),
  )
  const { Id: id = '', DomainName = '' } = created.Distribution ?? {}
  return { ref: id, attributes: { DomainName } }
}

/** CloudFormation replaces what the template says, targets included, and looks at nothing before. */
async function changeDistribution(
  sdk: CloudFrontClient,
  existing: Made,
  { DistributionConfig }: Properties,
): Promise<Made> {
  const { ETag, Distribution } = await sdk.send(new GetDistributionCommand({ Id: existing.ref }))
  const wanted = toApi(DistributionConfig ?? {}) as unknown as DistributionConfig
  const current = Distribution?.DistributionConfig
  const DefaultCacheBehavior = { ...current?.DefaultCacheBehavior, ...wanted.DefaultCacheBehavior }
  await sdk.send(
    new UpdateDistributionCommand({
      Id: existing.ref,
      IfMatch: ETag,
      DistributionConfig: { ...current, ...wanted, DefaultCacheBehavior } as DistributionConfig,
    }),
  )
  return existing
}
