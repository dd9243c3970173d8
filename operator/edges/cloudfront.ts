/** The pointer of a release behind CloudFront: TargetOriginId of the declared behaviors of one distribution. */
import { addAbortSignal, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type {
  CloudFrontClient,
  CloudFrontClientConfig,
  DistributionConfig,
  GetDistributionCommandOutput,
} from '@aws-sdk/client-cloudfront'
import type { Distribution, ModelRelease } from '../api/release.ts'
import type { PointerReading, PointerTrouble, Step } from '../core/world.ts'
import { translate, type Attempted } from './cloudfront-errors.ts'
import {
  DEFAULT_BEHAVIOR,
  pointBehaviors,
  readDistribution,
  type DistributionDocument,
} from './cloudfront-xml.ts'
import { ConflictError, RefusedError, TransientError } from './errors.ts'
import type { Pointer } from './ports.ts'
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

type Sdk = typeof import('@aws-sdk/client-cloudfront')
type Connection = { sdk: Sdk; client: CloudFrontClient; requestTimeoutMs: number }
type MovePointer = Extract<Step, { type: 'MovePointer' }>

/** A distribution as CloudFront sent it, and what it says. */
type Fetched = { xml: string; etag: string; config: DistributionConfig; document: DistributionDocument }

const CONNECTION_TIMEOUT_MS = 3_000
const DEFAULT_REQUEST_TIMEOUT_MS = 5_000

const TROUBLES: ReadonlySet<string> = new Set<PointerTrouble>([
  'DistributionNotFound',
  'DistributionDisabled',
  'BehaviorNotFound',
  'AccessDenied',
  'UnsafeUpdate',
])

/** One client for the process; the SDK (some 35 MiB) is only loaded when a release has a distribution. */
export function createCloudFrontPointer(options: CloudFrontOptions): Pointer {
  let connection: Promise<Connection> | undefined
  const connect = (): Promise<Connection> => (connection ??= open(options))
  return {
    read: async (release) => read(await connect(), settingsOf(release)),
    move: async (release, step) => move(await connect(), options.mayWrite, settingsOf(release), step),
  }
}

async function open(options: CloudFrontOptions): Promise<Connection> {
  const { region, client, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = options
  const sdk = await import('@aws-sdk/client-cloudfront')
  return {
    sdk,
    requestTimeoutMs,
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

function settingsOf({ spec }: ModelRelease): Distribution {
  const settings = spec.traffic.cloudFrontDistribution
  if (settings) return settings
  throw new RefusedError(
    'InvalidSpec',
    'spec.traffic.cloudFrontDistribution is missing: add it, or set spec.traffic.type to Service',
  )
}

async function read(connection: Connection, settings: Distribution): Promise<PointerReading> {
  try {
    return toReading(await fetchDistribution(connection, settings), settings)
  } catch (error) {
    if (error instanceof RefusedError && isTrouble(error.reason))
      return { type: 'Unusable', reason: error.reason, message: error.message }
    if (error instanceof RefusedError || error instanceof TransientError || error instanceof ConflictError)
      return { type: 'Unreachable', message: error.message }
    throw error
  }
}

function isTrouble(reason: string): reason is PointerTrouble {
  return TROUBLES.has(reason)
}

function toReading({ etag, document }: Fetched, settings: Distribution): PointerReading {
  const { blue, green } = settings.origins
  const targets = targetsOf(document, settings)
  const used = new Set([blue, green, ...targets.map(({ names }) => names)])
  const timeouts = document.origins
    .filter(({ id }) => used.has(id))
    .map(({ timeoutSeconds }) => timeoutSeconds)
  return {
    type: 'Read',
    token: etag,
    targets,
    origins: document.origins.map(({ id }) => id),
    settled: document.status === 'Deployed' ? 'Yes' : 'No',
    timeoutSeconds: Math.max(0, ...timeouts),
  }
}

/** What each declared behavior names. Throws RefusedError for a distribution that serves nobody or lacks a behavior. */
function targetsOf(
  document: DistributionDocument,
  settings: Distribution,
): { part: string; names: string }[] {
  const { distributionId } = settings
  if (document.staging)
    throw new RefusedError(
      'DistributionDisabled',
      `distribution ${distributionId} is a staging distribution, which viewers do not reach: name its primary in spec.traffic.cloudFrontDistribution.distributionId`,
    )
  if (!document.enabled)
    throw new RefusedError('DistributionDisabled', `distribution ${distributionId} is disabled: enable it`)
  return settings.behaviors.map(({ pathPattern }) => {
    const behavior = document.behaviors.find((one) => one.pathPattern === pathPattern)
    if (behavior) return { part: pathPattern, names: behavior.target }
    const existing = document.behaviors.map((one) => one.pathPattern).join(', ')
    throw new RefusedError(
      'BehaviorNotFound',
      `spec.traffic.cloudFrontDistribution.behaviors "${pathPattern}" is not a behavior of distribution ${distributionId}, which has ${existing}: correct the field or add the behavior`,
    )
  })
}

async function move(
  connection: Connection,
  mayWrite: () => void,
  settings: Distribution,
  step: MovePointer,
): Promise<void> {
  const { distributionId, behaviors } = settings
  // Read again, so that no reading keeps a whole document in memory for a move that rarely follows.
  const fetched = await fetchDistribution(connection, settings)
  if (fetched.etag !== step.token)
    throw new ConflictError(`distribution ${distributionId} changed since it was read`)
  // An update that changes nothing is never sent: AWS does not say what it does to ETag and Status.
  if (targetsOf(fetched.document, settings).every(({ names }) => names === step.names)) return
  const patterns = behaviors.map(({ pathPattern }) => pathPattern)
  const body = await guarded({ operation: 'UpdateDistribution', distributionId }, () =>
    pointBehaviors(fetched.xml, patterns, step.names),
  )
  await sendUpdate(connection, mayWrite, { distributionId, etag: fetched.etag, config: fetched.config, body })
}

/** GetDistribution: configuration, status and ETag of one instant, in one call. */
async function fetchDistribution(
  { sdk, client, requestTimeoutMs }: Connection,
  { distributionId }: Distribution,
): Promise<Fetched> {
  return await guarded({ operation: 'GetDistribution', distributionId }, async () => {
    const abortSignal = AbortSignal.timeout(requestTimeoutMs)
    const command = new sdk.GetDistributionCommand({ Id: distributionId })
    let bytes: Uint8Array = new Uint8Array()
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args)
        const response = result.response as { body: Readable | Uint8Array }
        bytes = await buffer(addAbortSignal(abortSignal, response.body as Readable))
        response.body = bytes
        return result
      },
      // The innermost place: it sees the answer before the SDK reads it.
      { step: 'deserialize', priority: 'low', name: 'keepRawDocument' },
    )
    return understand(await client.send(command, { abortSignal }), bytes)
  })
}

function understand(
  { ETag, Distribution: parsed }: GetDistributionCommandOutput,
  bytes: Uint8Array,
): Fetched {
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

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new UnsafeXmlError('the answer is not UTF-8', { cause: error })
  }
}

type Update = { distributionId: string; etag: string; config: DistributionConfig; body: string }

async function sendUpdate(
  { sdk, client, requestTimeoutMs }: Connection,
  mayWrite: () => void,
  { distributionId, etag, config, body }: Update,
): Promise<void> {
  const command = new sdk.UpdateDistributionCommand({
    Id: distributionId,
    IfMatch: etag,
    DistributionConfig: config,
  })
  let forbidden: { error: unknown } | undefined
  command.middlewareStack.add(
    (next) => (args) => {
      // Before length and signature are made of it. The SDK's own text lacks every element that its model lacks.
      ;(args.request as { body: string }).body = body
      return next(args)
    },
    { step: 'build', priority: 'high', name: 'sendPatchedDocument' },
  )
  command.middlewareStack.add(
    (next) => async (args) => {
      // Finding credentials may have taken a while, so the lease is looked at where nothing can come between any more.
      try {
        mayWrite()
      } catch (error) {
        forbidden = { error }
        throw error
      }
      return await next(args)
    },
    { step: 'deserialize', priority: 'low', name: 'mayWrite' },
  )
  await guarded({ operation: 'UpdateDistribution', distributionId }, async () => {
    try {
      await client.send(command, { abortSignal: AbortSignal.timeout(requestTimeoutMs) })
    } catch (error) {
      throw forbidden ? forbidden.error : error
    }
  })
}

/** Runs `act` and turns its errors into ours. */
async function guarded<Result>(attempted: Attempted, act: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof UnsafeXmlError)
      throw new RefusedError(
        'UnsafeUpdate',
        `distribution ${attempted.distributionId} cannot be changed without risk to the rest of its configuration: ${error.message}`,
        { cause: error },
      )
    throw translate(error, attempted)
  }
}
