/** CloudFront's API as far as it is used: three calls, each made once, on the text that CloudFront sends. */
import { addAbortSignal, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type {
  CloudFrontClient,
  CloudFrontClientConfig,
  Distribution,
  DistributionConfig,
} from '@aws-sdk/client-cloudfront'
import { RefusedError } from '../errors.ts'
import { DEFAULT_BEHAVIOR, pointBehaviors, readDistribution, type DistributionDocument } from './document.ts'
import { isOutdatedIdentity, translate, type Attempted } from './translate.ts'
import { UnsafeXmlError } from './xml-ranges.ts'

export type CloudFrontOptions = {
  /** Region that requests are signed for; CloudFront's own is us-east-1. */
  region: string
  /** Throws unless this process may still write; called when the write is signed and about to leave. */
  mayWrite: () => void
  /** What else the SDK's client is to be made with; without it the SDK finds credentials and endpoint as it always does. */
  client?: Pick<CloudFrontClientConfig, 'endpoint' | 'credentials'>
  /** How long one call may take, connection included. Default 5 s: a write that leaves at the end of the renew deadline (10 s) is over before the lease (15 s) passes to another. */
  requestTimeoutMs?: number
}

/** A distribution as CloudFront sent it at one instant, and what it says. */
export type Fetched = {
  xml: string
  etag: string
  config: DistributionConfig
  document: DistributionDocument
}

/** What is to be removed from the caches. The same reference with the same paths is the same invalidation. */
export type Invalidation = { reference: string; paths: readonly string[] }

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
}

type Sdk = typeof import('@aws-sdk/client-cloudfront')
type Connection = { sdk: Sdk; client: CloudFrontClient }
/** What all commands have in common; the SDK's own types of it differ by command. */
type Command = { middlewareStack: { add(middleware: never, options: never): void } }
type Place = { step: 'build' | 'deserialize'; priority: 'high' | 'low'; name: string }
type Next<Args, Result> = (args: Args) => Promise<Result>
type Answer = { ETag?: string | undefined; Distribution?: Distribution | undefined }

const CONNECTION_TIMEOUT_MS = 3_000
const DEFAULT_REQUEST_TIMEOUT_MS = 5_000

/** One client for one identity; the SDK (some 35 MiB) is only loaded when a release has a distribution. */
export function createCloudFrontApi(options: CloudFrontOptions): CloudFrontApi {
  const { requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, mayWrite } = options
  let connection: Promise<Connection> | undefined

  /** Makes one call within its time and turns its errors into ours. */
  const call = async <Result>(
    attempted: Attempted,
    act: (connection: Connection, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> => {
    try {
      return await act(await (connection ??= open(options)), AbortSignal.timeout(requestTimeoutMs))
    } catch (error) {
      // Credentials that were taken away before their time are not asked for again by the SDK; a new client does.
      if (isOutdatedIdentity(error)) connection = undefined
      throw understood(error, attempted)
    }
  }

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
  }
}

async function open({ region, client }: CloudFrontOptions): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-cloudfront')
  return {
    sdk,
    client: new sdk.CloudFrontClient({
      region,
      // The reconciler looks again and decides anew; a retry inside the SDK could outlive the lease.
      maxAttempts: 1,
      // The whole call is bounded by an abort signal, which the SDK's own requestTimeout is not: it ends with the headers.
      requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS },
      ...client,
    }),
  }
}

function insert<Args, Result>(
  { middlewareStack }: Command,
  place: Place,
  middleware: (next: Next<Args, Result>) => Next<Args, Result>,
): void {
  middlewareStack.add(middleware as never, place as never)
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

/**
 * Looks at the lease where nothing can come between any more: finding credentials may have taken a while. What is
 * returned turns the SDK's wrapping of that error back into the error itself.
 */
function guardWrite(command: Command, mayWrite: () => void): (error: unknown) => never {
  let forbidden: { error: unknown } | undefined
  const place = { step: 'deserialize', priority: 'low', name: 'mayWrite' } as const
  insert(command, place, (next) => async (args) => {
    try {
      mayWrite()
    } catch (error) {
      forbidden = { error }
      throw error
    }
    return await next(args)
  })
  return (error) => {
    throw forbidden ? forbidden.error : error
  }
}

function understand({ ETag, Distribution: parsed }: Answer, bytes: Uint8Array): Fetched {
  const xml = decode(bytes)
  const document = readDistribution(xml)
  const config = parsed?.DistributionConfig
  if (!ETag || !config) throw new UnsafeXmlError('the answer has no ETag or no DistributionConfig')
  // Two readers of one text: if they disagree about where users go, ours is not to be trusted with a write.
  const theirs = [
    [DEFAULT_BEHAVIOR, config.DefaultCacheBehavior?.TargetOriginId],
    ...(config.CacheBehaviors?.Items ?? []).map((one) => [one.PathPattern, one.TargetOriginId]),
  ]
  const ours = document.behaviors.map(({ pathPattern, target }) => [pathPattern, target])
  if (JSON.stringify(theirs) !== JSON.stringify(ours))
    throw new UnsafeXmlError('the SDK reads other targets out of it')
  return { xml, etag: ETag, config, document }
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
  if (!(error instanceof UnsafeXmlError)) return translate(error, attempted)
  return new RefusedError(
    'UnsafeUpdate',
    `distribution ${attempted.distributionId} cannot be changed without risk to the rest of its configuration: ${error.message}`,
    { cause: error },
  )
}
