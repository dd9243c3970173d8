/** CloudFront's API as far as it is used: a few calls, each made once, on the text that CloudFront sends. */
import { addAbortSignal, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type {
  CloudFrontClient,
  CloudFrontClientConfig,
  Distribution,
  DistributionConfig,
} from '@aws-sdk/client-cloudfront'
import {
  CLIENT_DEFAULTS,
  createCaller,
  guardWrite,
  insert,
  notePeers,
  type AwsOptions,
  type Command,
} from '../calls.ts'
import type { Version } from '../versions.ts'
import { RefusedError } from '../../../ports/errors.ts'
import { DEFAULT_BEHAVIOR } from '../../../planner/model/distribution.ts'
import { orderedName, pointBehaviors, readDistribution, type DistributionDocument } from './document.ts'
import { translate, type Attempted } from './errors.ts'
import { UnsafeXmlError } from './xml-ranges.ts'

export type CloudFrontOptions = AwsOptions & {
  /** What else the SDK's client is to be made with; without it the SDK finds credentials and endpoint as it always does. */
  client?: Pick<CloudFrontClientConfig, 'endpoint' | 'credentials'>
}

/** A distribution as CloudFront sent it at one instant, and what it says. */
export type Fetched = Version & {
  xml: string
  config: DistributionConfig
  document: DistributionDocument
}

/** What is to be removed from the caches. The same reference with the same paths is the same invalidation. */
export type Invalidation = { reference: string; paths: readonly string[] }

export type PublishedFunction = Version & {
  /** ARNs of the key value stores that it may read. */
  stores: string[]
}

/** Throws ConflictError (another ETag), TransientError (throttled, 5xx, no answer: a write may or may not have happened), RefusedError. */
export interface CloudFrontApi {
  /** Configuration, status and ETag of one instant. */
  fetch(distributionId: string): Promise<Fetched>
  /** Points behaviors (path pattern → origin id) elsewhere if the distribution is still what was fetched; gives what it is now, if that can be told. */
  point(
    distributionId: string,
    fetched: Fetched,
    targets: ReadonlyMap<string, string>,
  ): Promise<Fetched | undefined>
  invalidate(distributionId: string, invalidation: Invalidation): Promise<void>
  /** The function as published. Throws RefusedError FunctionNotAssociated where it never was. */
  describeFunction(functionArn: string): Promise<PublishedFunction>
  /** Its source. Throws as `describeFunction`. */
  codeOf(functionArn: string): Promise<string>
  /**
   * Runs the function as published at `etag` once, outside of every edge: what it fails with, empty where it does not.
   * CloudFront takes and publishes a function that it cannot compile, and tells only here. Throws as `describeFunction`.
   */
  testFunction(functionArn: string, etag: string, event: object): Promise<string>
}

type Sdk = typeof import('@aws-sdk/client-cloudfront')
type Connection = { sdk: Sdk; client: CloudFrontClient }
type Answer = { ETag?: string | undefined; Distribution?: Distribution | undefined }

/** One client for one identity; the SDK (some 35 MiB) is only loaded when a release has a distribution. */
export function createCloudFrontApi(options: CloudFrontOptions): CloudFrontApi {
  const { mayWrite, requestTimeoutMs } = options
  const call = createCaller<Connection, Attempted>({
    open: () => open(options),
    understood,
    requestTimeoutMs,
  })
  return {
    fetch: (distributionId) =>
      call({ operation: 'GetDistribution', distributionId }, async ({ sdk, client }, signal) => {
        const command = new sdk.GetDistributionCommand({ Id: distributionId })
        const bytes = keepDocument(command, signal)
        return understand(await client.send(command, { abortSignal: signal }), bytes())
      }),
    point: (distributionId, fetched, targets) =>
      call({ operation: 'UpdateDistribution', distributionId }, async ({ sdk, client }, signal) => {
        const command = new sdk.UpdateDistributionCommand({
          Id: distributionId,
          IfMatch: fetched.etag,
          DistributionConfig: fetched.config,
        })
        replaceBody(command, pointBehaviors(fetched.xml, targets))
        const bytes = keepDocument(command, signal)
        const allowed = guardWrite(command, mayWrite)
        const answer = await client.send(command, { abortSignal: signal }).catch(allowed)
        return accepted(() => understand(answer, bytes()))
      }),
    invalidate: (distributionId, { reference, paths }) =>
      call({ operation: 'CreateInvalidation', distributionId }, async ({ sdk, client }, signal) => {
        const command = new sdk.CreateInvalidationCommand({
          DistributionId: distributionId,
          InvalidationBatch: {
            CallerReference: reference,
            Paths: { Quantity: paths.length, Items: [...paths] },
          },
        })
        const allowed = guardWrite(command, mayWrite)
        await client.send(command, { abortSignal: signal }).catch(allowed)
      }),
    describeFunction: (functionArn) =>
      call({ operation: 'DescribeFunction', functionArn }, async ({ sdk, client }, signal) => {
        const command = new sdk.DescribeFunctionCommand(published(functionArn))
        const { ETag: etag = '', FunctionSummary } = await client.send(command, { abortSignal: signal })
        const { Items = [] } = FunctionSummary?.FunctionConfig?.KeyValueStoreAssociations ?? {}
        const stores = Items.flatMap(({ KeyValueStoreARN: arn }) => (arn === undefined ? [] : [arn]))
        return { etag, changedAt: FunctionSummary?.FunctionMetadata?.LastModifiedTime?.getTime(), stores }
      }),
    codeOf: (functionArn) =>
      call({ operation: 'GetFunction', functionArn }, async ({ sdk, client }, signal) => {
        const command = new sdk.GetFunctionCommand(published(functionArn))
        const { FunctionCode } = await client.send(command, { abortSignal: signal })
        return new TextDecoder().decode(FunctionCode)
      }),
    testFunction: (functionArn, etag, event) =>
      call({ operation: 'TestFunction', functionArn }, async ({ sdk, client }, signal) => {
        const EventObject = new TextEncoder().encode(JSON.stringify(event))
        const command = new sdk.TestFunctionCommand({ ...published(functionArn), IfMatch: etag, EventObject })
        const { TestResult } = await client.send(command, { abortSignal: signal })
        return TestResult?.FunctionErrorMessage ?? ''
      }),
  }
}

function published(functionArn: string): { Name: string; Stage: 'LIVE' } {
  return { Name: functionArn.replace(/^.*\//, ''), Stage: 'LIVE' }
}

async function open({ region, client }: CloudFrontOptions): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-cloudfront')
  const opened = new sdk.CloudFrontClient({ region, ...CLIENT_DEFAULTS, ...client })
  notePeers(opened)
  return { sdk, client: opened }
}

/** Keeps the bytes of the answer, which the SDK's model would lose a part of; they are there once the command was sent. */
function keepDocument(command: Command, signal: AbortSignal): () => Uint8Array {
  let bytes: Uint8Array = new Uint8Array()
  // The innermost place: it sees the answer before the SDK reads it.
  const place = { step: 'deserialize', priority: 'low', name: 'keepRawDocument' } as const
  insert<unknown, { response: { body: Readable | Uint8Array } }>(command, place, (next) => async (args) => {
    const result = await next(args)
    bytes = await buffer(addAbortSignal(signal, result.response.body as Readable))
    result.response.body = bytes
    return result
  })
  return () => bytes
}

/** Sends our text in the place of the SDK's own, which lacks every element that its model lacks. */
function replaceBody(command: Command, body: string): void {
  const place = { step: 'build', priority: 'high', name: 'sendPatchedDocument' } as const
  insert<{ request: { body: string } }, unknown>(command, place, (next) => (args) => {
    // Before length and signature are made of it.
    args.request.body = body
    return next(args)
  })
}

function understand({ ETag, Distribution: parsed }: Answer, bytes: Uint8Array): Fetched {
  const xml = decode(bytes)
  const document = readDistribution(xml)
  const config = parsed?.DistributionConfig
  if (!ETag || !config) throw new UnsafeXmlError('the answer has no ETag or no DistributionConfig')
  // Two readers of one text: if they disagree about where users go, ours is not to be trusted with a write.
  const theirs = [
    [DEFAULT_BEHAVIOR, config.DefaultCacheBehavior?.TargetOriginId],
    ...(config.CacheBehaviors?.Items ?? []).map((one) => [
      orderedName(one.PathPattern ?? ''),
      one.TargetOriginId,
    ]),
  ]
  const ours = document.behaviors.map(({ pathPattern, target }) => [pathPattern, target])
  if (JSON.stringify(theirs) !== JSON.stringify(ours))
    throw new UnsafeXmlError('the SDK reads other targets out of it')
  return { xml, etag: ETag, changedAt: parsed.LastModifiedTime?.getTime(), config, document }
}

/** The update was accepted, so an answer that cannot be read is no failure of it. */
function accepted(read: () => Fetched): Fetched | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new UnsafeXmlError('the answer is not UTF-8', { cause: error })
  }
}

function understood(error: unknown, attempted: Attempted): unknown {
  if (!(error instanceof UnsafeXmlError) || !('distributionId' in attempted))
    return translate(error, attempted)
  return new RefusedError(
    'UnsafeUpdate',
    `distribution ${attempted.distributionId} cannot be changed without risk to the rest of its configuration: ${error.message}`,
    { cause: error },
  )
}
