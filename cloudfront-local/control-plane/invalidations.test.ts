/** Invalidations through the real SDK, and what they do to the caches of the edges. */
import {
  CreateInvalidationCommand,
  GetDistributionCommand,
  GetInvalidationCommand,
  ListInvalidationsCommand,
} from '@aws-sdk/client-cloudfront'
import { expect, test } from '@jest/globals'
import { admin, calls, cloudFront, refusal, start } from '../test/running.ts'
import type { CloudFrontClient, Invalidation } from '@aws-sdk/client-cloudfront'
import type { CloudFrontLocalOptions } from '../start.ts'
import type { Running } from '../test/running.ts'

const ID = 'E1HOUSINGLOCAL'

async function held(
  options: CloudFrontLocalOptions = {},
): Promise<{ running: Running; sdk: CloudFrontClient }> {
  const running = await start(options)
  await admin(running, 'POST', '/edges/all/hold')
  return { running, sdk: cloudFront(running) }
}

async function invalidate(
  sdk: CloudFrontClient,
  reference: string,
  ...paths: string[]
): Promise<Invalidation> {
  const InvalidationBatch = { CallerReference: reference, Paths: { Quantity: paths.length, Items: paths } }
  const { Invalidation: made } = await sdk.send(
    new CreateInvalidationCommand({ DistributionId: ID, InvalidationBatch }),
  )
  if (made === undefined) throw new Error('no invalidation')
  return made
}

async function inProgress(sdk: CloudFrontClient): Promise<number | undefined> {
  const { Distribution } = await sdk.send(new GetDistributionCommand({ Id: ID }))
  return Distribution?.InProgressInvalidationBatches
}

test('is in progress until the last edge has forgotten, and is counted so long', async () => {
  const { running, sdk } = await held()
  const InvalidationBatch = { CallerReference: 'one', Paths: { Quantity: 1, Items: ['/*'] } }
  const made = await sdk.send(new CreateInvalidationCommand({ DistributionId: ID, InvalidationBatch }))
  const Id = made.Invalidation?.Id ?? ''
  expect(made.$metadata.httpStatusCode).toBe(201)
  expect(made.Location).toBe(
    `https://cloudfront.amazonaws.com/2020-05-31/distribution/${ID}/invalidation/${Id}`,
  )
  expect(made.Invalidation).toMatchObject({ Status: 'InProgress', InvalidationBatch })
  const read = async () =>
    (await sdk.send(new GetInvalidationCommand({ DistributionId: ID, Id }))).Invalidation?.Status
  await admin(running, 'POST', '/edges/1/release')
  await admin(running, 'POST', '/edges/2/release')
  expect([await read(), await inProgress(sdk)]).toEqual(['InProgress', 1])
  await admin(running, 'POST', '/edges/3/release')
  expect([await read(), await inProgress(sdk)]).toEqual(['Completed', 0])
  expect(running.audit().filter(({ type }) => type === 'EdgeInvalidated')).toMatchObject([
    { edge: 1, invalidation: Id, propagated: false },
    { edge: 2, invalidation: Id, propagated: false },
    { edge: 3, invalidation: Id, propagated: true },
  ])
  expect(calls(running)[0]).toMatchObject({
    operation: 'CreateInvalidation',
    distribution: ID,
    invalidation: Id,
  })
})

test('the same reference with the same paths is the same invalidation, with other paths an error', async () => {
  const { sdk } = await held()
  const first = await invalidate(sdk, 'one', '/a', '/b')
  expect((await invalidate(sdk, 'one', '/b', '/a')).Id).toBe(first.Id)
  expect((await invalidate(sdk, 'two', '/a', '/b')).Id).not.toBe(first.Id)
  const expected = { code: 'InvalidArgument', status: 400 }
  await expect(refusal(invalidate(sdk, 'one', '/a'))).resolves.toEqual(expected)
  expect(await inProgress(sdk)).toBe(2)
})

test('fifteen wildcards may be in progress, and more once they are through', async () => {
  const { running, sdk } = await held()
  for (let count = 0; count < 15; count += 1) await invalidate(sdk, `r${count}`, `/${count}/*`)
  const expected = { code: 'TooManyInvalidationsInProgress', status: 400 }
  await expect(refusal(invalidate(sdk, 'r15', '/*'))).resolves.toEqual(expected)
  await invalidate(sdk, 'plain', '/plain')
  await admin(running, 'POST', '/edges/all/release')
  expect((await invalidate(sdk, 'r15', '/*')).Id).toMatch(/^I[A-Z0-9]{13}$/)
})

test.each([
  { name: 'a path without a slash', paths: ['ui/index.html'], code: 'InvalidArgument', status: 400 },
  { name: 'no path', paths: [], code: 'InvalidArgument', status: 400 },
  {
    name: 'too many paths',
    paths: Array.from({ length: 3001 }, (_, index) => `/${index}`),
    code: 'BatchTooLarge',
    status: 413,
  },
])('$name is refused', async ({ paths, code, status }) => {
  const { sdk } = await held()
  await expect(refusal(invalidate(sdk, 'one', ...paths))).resolves.toEqual({ code, status })
})

test('a wrong Quantity is InconsistentQuantities', async () => {
  const { sdk } = await held()
  const InvalidationBatch = { CallerReference: 'one', Paths: { Quantity: 2, Items: ['/a'] } }
  const answer = sdk.send(new CreateInvalidationCommand({ DistributionId: ID, InvalidationBatch }))
  await expect(refusal(answer)).resolves.toEqual({ code: 'InconsistentQuantities', status: 400 })
})

test('what does not exist is told apart', async () => {
  const { sdk } = await held()
  const get = (DistributionId: string) =>
    refusal(sdk.send(new GetInvalidationCommand({ DistributionId, Id: 'I0' })))
  expect(await get(ID)).toEqual({ code: 'NoSuchInvalidation', status: 404 })
  expect(await get('E9999999999999')).toEqual({ code: 'NoSuchDistribution', status: 404 })
})

test('are listed newest first, page by page', async () => {
  const { sdk } = await held({ maxPageSize: 2 })
  const made: (string | undefined)[] = []
  for (const reference of ['one', 'two', 'three']) made.push((await invalidate(sdk, reference, '/a')).Id)
  const page = async (Marker?: string) =>
    (await sdk.send(new ListInvalidationsCommand({ DistributionId: ID, Marker }))).InvalidationList
  const first = await page()
  expect(first).toMatchObject({ IsTruncated: true, Quantity: 2, MaxItems: 2, NextMarker: made[1] })
  const second = await page(first?.NextMarker)
  expect(second).toMatchObject({ IsTruncated: false, Quantity: 1, Marker: made[1] })
  const ids = [first, second].flatMap((list) => list?.Items ?? []).map(({ Id }) => Id)
  expect(ids).toEqual(made.toReversed())
})
