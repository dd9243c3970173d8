import {
  CreateVpcOriginCommand,
  DeleteVpcOriginCommand,
  GetDistributionCommand,
  GetVpcOriginCommand,
  ListVpcOriginsCommand,
  UpdateDistributionCommand,
  UpdateVpcOriginCommand,
} from '@aws-sdk/client-cloudfront'
import { expect, test } from '@jest/globals'
import { calls, cloudFront, present, refusal, start } from '../test/running.ts'
import type { CloudFrontClient, VpcOriginEndpointConfig } from '@aws-sdk/client-cloudfront'

const DISTRIBUTION = 'E1HOUSINGLOCAL'

function endpoint(name: string): VpcOriginEndpointConfig {
  return {
    Name: name,
    Arn: `arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/${name}/1`,
    HTTPPort: 80,
    HTTPSPort: 443,
    OriginProtocolPolicy: 'http-only',
  }
}

async function create(sdk: CloudFrontClient, name: string): Promise<{ Id: string; IfMatch: string }> {
  const made = await sdk.send(new CreateVpcOriginCommand({ VpcOriginEndpointConfig: endpoint(name) }))
  return { Id: present(made.VpcOrigin?.Id), IfMatch: present(made.ETag) }
}

test('is created, read, replaced, listed and deleted', async () => {
  const running = await start()
  const sdk = cloudFront(running)
  const made = await sdk.send(new CreateVpcOriginCommand({ VpcOriginEndpointConfig: endpoint('blue') }))
  const Id = present(made.VpcOrigin?.Id)
  expect(made).toMatchObject({
    $metadata: { httpStatusCode: 202 },
    Location: `https://cloudfront.amazonaws.com/2020-05-31/vpc-origin/${Id}`,
    VpcOrigin: {
      Arn: `arn:aws:cloudfront::123456789012:vpcorigin/${Id}`,
      VpcOriginEndpointConfig: endpoint('blue'),
    },
  })
  const read = await sdk.send(new GetVpcOriginCommand({ Id }))
  expect([read.ETag, read.VpcOrigin]).toEqual([made.ETag, made.VpcOrigin])
  const changes = { Id, IfMatch: made.ETag, VpcOriginEndpointConfig: endpoint('other') }
  const updated = await sdk.send(new UpdateVpcOriginCommand(changes))
  expect(updated.$metadata.httpStatusCode).toBe(202)
  await expect(refusal(sdk.send(new UpdateVpcOriginCommand(changes)))).resolves.toEqual({
    code: 'PreconditionFailed',
    status: 412,
  })
  const listed = await sdk.send(new ListVpcOriginsCommand({}))
  expect(listed.VpcOriginList).toMatchObject({
    Quantity: 1,
    IsTruncated: false,
    Items: [{ Id, Name: 'other', OriginEndpointArn: endpoint('other').Arn }],
  })
  await sdk.send(new DeleteVpcOriginCommand({ Id, IfMatch: updated.ETag }))
  await expect(refusal(sdk.send(new GetVpcOriginCommand({ Id })))).resolves.toEqual({
    code: 'EntityNotFound',
    status: 404,
  })
  expect(calls(running).at(-1)).toMatchObject({ operation: 'GetVpcOrigin', vpcOrigin: Id, status: 404 })
})

test('one that a distribution has is neither replaced nor deleted', async () => {
  const sdk = cloudFront(await start())
  const { Id, IfMatch } = await create(sdk, 'blue')
  const { Distribution, ETag } = await sdk.send(new GetDistributionCommand({ Id: DISTRIBUTION }))
  const config = present(present(Distribution).DistributionConfig)
  const [first] = present(present(config.Origins).Items)
  delete first?.CustomOriginConfig
  Object.assign(present(first), { VpcOriginConfig: { VpcOriginId: Id } })
  const update = { Id: DISTRIBUTION, IfMatch: ETag, DistributionConfig: config }
  await sdk.send(new UpdateDistributionCommand(update))
  const changes = { Id, IfMatch, VpcOriginEndpointConfig: endpoint('other') }
  await expect(refusal(sdk.send(new UpdateVpcOriginCommand(changes)))).resolves.toEqual({
    code: 'CannotUpdateEntityWhileInUse',
    status: 409,
  })
  await expect(refusal(sdk.send(new DeleteVpcOriginCommand({ Id, IfMatch })))).resolves.toEqual({
    code: 'CannotDeleteEntityWhileInUse',
    status: 409,
  })
})

test('there are 25 of them, each of its own name', async () => {
  const sdk = cloudFront(await start())
  for (let count = 0; count < 25; count += 1) {
    if (count === 1) {
      const again = { code: 'EntityAlreadyExists', status: 409 }
      await expect(refusal(create(sdk, 'vpc-0'))).resolves.toEqual(again)
    }
    await create(sdk, `vpc-${count}`)
  }
  const full = { code: 'EntityLimitExceeded', status: 400 }
  await expect(refusal(create(sdk, 'one-more'))).resolves.toEqual(full)
})
