/** The pointer of a release behind CloudFront: TargetOriginId of the declared behaviors of one distribution. */
import type { STSClientConfig } from '@aws-sdk/client-sts'
import type { Distribution, ModelRelease } from '../../api/release.ts'
import { forbidden, roleFor, type AllowList, type Role } from '../../core/allow-list.ts'
import type { PointerReading, PointerTrouble } from '../../core/world.ts'
import { systemClock, type Clock } from '../../runtime/clock.ts'
import type { Freshness } from '../aws/reader.ts'
import { RefusedError, TransientError } from '../errors.ts'
import type { Pointer } from '../ports.ts'
import { createCloudFrontApi, type CloudFrontApi, type CloudFrontOptions } from './api.ts'
import { assumeRole } from './assumed-role.ts'
import type { DistributionDocument } from './document.ts'
import { DistributionKeeper, type Look } from './keeper.ts'

export type { CloudFrontOptions } from './api.ts'

const TROUBLES: ReadonlySet<string> = new Set<PointerTrouble>([
  'DistributionNotFound',
  'DistributionDisabled',
  'BehaviorNotFound',
  'AccessDenied',
  'UnsafeUpdate',
])

export type DistributionPointerOptions = CloudFrontOptions & {
  /** Which releases may use which distribution, and as whom; without it all may, as the operator itself. */
  allowList?: AllowList
  /** Distance that forward moves of one distribution keep, in milliseconds. Default 30 s. */
  spacingMs?: number | undefined
  /** What the client that takes on roles is to be made with. */
  sts?: STSClientConfig
}

/** One client for each identity, and one keeper for each distribution. */
export function createCloudFrontPointer(
  options: DistributionPointerOptions,
  clock: Clock = systemClock,
): Pointer {
  const { allowList, spacingMs } = options
  const apis = new Map<string | undefined, CloudFrontApi>()
  const keepers = new Map<string, DistributionKeeper>()
  const apiOf = (role: Role | undefined): CloudFrontApi => {
    const api = apis.get(role?.arn) ?? createCloudFrontApi(role ? actingAs(role, options) : options)
    apis.set(role?.arn, api)
    return api
  }
  const keeperOf = ({ distributionId: id }: Distribution): DistributionKeeper => {
    const keeper =
      keepers.get(id) ?? new DistributionKeeper(id, apiOf(roleFor(allowList, id)), clock, spacingMs)
    keepers.set(id, keeper)
    return keeper
  }
  return {
    read: (release, freshness) => {
      const message = forbidden(allowList, release)
      if (message !== undefined) return Promise.resolve({ type: 'Unusable', reason: 'NotAllowed', message })
      const settings = settingsOf(release)
      return read(keeperOf(settings), settings, freshness ?? freshnessFor(release))
    },
    move: async (release, { names, token, direction = 'Forward' }) => {
      const settings = settingsOf(release)
      const message = forbidden(allowList, release)
      if (message !== undefined) throw new RefusedError('NotAllowed', message)
      const targets = new Map(settings.behaviors.map(({ pathPattern }) => [pathPattern, names]))
      await keeperOf(settings).move({ targets, etag: token, direction })
    },
    invalidate: (release, { reference, paths }) =>
      keeperOf(settingsOf(release)).invalidate({ reference, paths }),
  }
}

function actingAs(role: Role, options: DistributionPointerOptions): CloudFrontOptions {
  const { region, sts, client } = options
  return { ...options, client: { ...client, credentials: assumeRole(role, { region, ...sts }) } }
}

/** What is moving, or may have to move soon, is looked at closely. */
function freshnessFor({ metadata, status }: ModelRelease): Freshness {
  const { attempt, observedGeneration, traffic } = status ?? {}
  if (attempt?.direction === 'Back' && !attempt.outcome) return 'Urgent'
  const atRest = attempt?.outcome !== undefined && observedGeneration === metadata.generation
  return atRest && traffic?.settled === 'Yes' ? 'Idle' : 'Busy'
}

function settingsOf({ spec }: ModelRelease): Distribution {
  const settings = spec.traffic.cloudFrontDistribution
  if (settings) return settings
  throw new RefusedError(
    'InvalidSpec',
    'spec.traffic.cloudFrontDistribution is missing: add it, or set spec.traffic.type to Service',
  )
}

async function read(
  keeper: DistributionKeeper,
  settings: Distribution,
  freshness: Freshness,
): Promise<PointerReading> {
  try {
    return toReading(await keeper.look(freshness), settings)
  } catch (error) {
    if (error instanceof RefusedError && isTrouble(error.reason))
      return { type: 'Unusable', reason: error.reason, message: error.message }
    if (error instanceof RefusedError || error instanceof TransientError)
      return { type: 'Unreachable', message: error.message }
    throw error
  }
}

function isTrouble(reason: string): reason is PointerTrouble {
  return TROUBLES.has(reason)
}

function toReading(look: Look, settings: Distribution): PointerReading {
  const { etag, document } = look.fetched
  const { status, origins, groups, behaviors, errorCaching } = document
  const { blue, green } = settings.origins
  const targets = targetsOf(document, settings)
  const used = new Set([blue, green, ...targets.map(({ names }) => names)])
  const timeouts = origins.filter(({ id }) => used.has(id)).map(({ timeoutSeconds }) => timeoutSeconds)
  const isSettled =
    status === 'Deployed' || targets.every(({ part }) => (look.routes.of(part)?.size ?? 0) === 1)
  return {
    type: 'Read',
    token: etag,
    targets,
    origins: origins.map(({ id }) => id),
    settled: isSettled ? 'Yes' : 'No',
    timeoutSeconds: Math.max(0, ...timeouts),
    elsewhere: routedElsewhere(look, settings),
    fresh: look.fresh,
    ...(look.outdated ? { outdated: outdatedBy(look.outdated) } : {}),
    expiresAt: look.expiresAt,
    writableAt: look.writableAt,
    distribution: { origins, groups, behaviors, errorCaching },
  }
}

function outdatedBy(error: TransientError | RefusedError): {
  reason: 'AccessDenied' | 'PointerUnreachable'
  message: string
} {
  const reason = error instanceof RefusedError ? 'AccessDenied' : 'PointerUnreachable'
  return { reason, message: error.message }
}

/** Where the behaviors that are not ours lead, through origin groups too. */
function routedElsewhere(
  { fetched, routes }: Look,
  settings: Distribution,
): { part: string; names: string }[] {
  const { behaviors, groups } = fetched.document
  const ours = new Set(settings.behaviors.map(({ pathPattern }) => pathPattern))
  return behaviors
    .filter(({ pathPattern }) => !ours.has(pathPattern))
    .flatMap(({ pathPattern, target }) =>
      [...new Set([target, ...(routes.of(pathPattern) ?? [])])]
        .flatMap((id) => groups.find((group) => group.id === id)?.members ?? [id])
        .map((names) => ({ part: pathPattern, names })),
    )
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
