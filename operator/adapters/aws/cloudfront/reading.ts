/** A distribution as the reading of a pointer. */
import type { distributionOf, ModelRelease } from '../../../api/release.ts'
import { DEFAULT_BEHAVIOR, ORDERED_STAR } from '../../../planner/model/distribution.ts'
import type { PointerReading, PointerTarget, PointerTrouble } from '../../../planner/model/observation.ts'
import type { Freshness } from '../cached-reader.ts'
import { OlderError, RefusedError, TransientError } from '../../../ports/errors.ts'
import type { DistributionDocument } from './document.ts'
import type { Look } from './client.ts'

/** What both kinds of CloudFront pointer say of a distribution. */
export type DistributionSettings = NonNullable<ReturnType<typeof distributionOf>>
export type Read = Extract<PointerReading, { type: 'Read' }>

const TROUBLES: ReadonlySet<string> = new Set<PointerTrouble>([
  'DistributionNotFound',
  'DistributionDisabled',
  'BehaviorNotFound',
  'AccessDenied',
  'UnsafeUpdate',
  'StoreNotFound',
  'FunctionNotAssociated',
])

/** What is moving, or may have to move soon, is looked at closely. */
export function freshnessFor(release: ModelRelease): Freshness {
  const { metadata, status } = release
  const { attempt, observedGeneration, traffic } = status ?? {}
  if (isReturning(release)) return 'Urgent'
  const atRest = attempt?.outcome !== undefined && observedGeneration === metadata.generation
  return atRest && traffic?.propagated === 'Yes' ? 'Idle' : 'Busy'
}

/** Whether the pointer is on its way back to what served before. */
export function isReturning({ status }: ModelRelease): boolean {
  return status?.attempt?.direction === 'Back' && !status.attempt.outcome
}

/**
 * Trouble of the other side is a reading too; throws what is a mistake of ours. `field` is the member of the spec that
 * names the distribution.
 */
export async function readingOrTrouble(field: string, read: () => Promise<Read>): Promise<PointerReading> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof RefusedError && isTrouble(error.reason)) {
      const { reason, message } = error
      return {
        type: 'Unusable',
        reason,
        message: reason === 'DistributionNotFound' ? `${field}.${message}` : message,
      }
    }
    if (error instanceof RefusedError || error instanceof TransientError)
      return { type: 'Unreachable', message: error.message }
    throw error
  }
}

function isTrouble(reason: string): reason is PointerTrouble {
  return TROUBLES.has(reason)
}

/**
 * What the declared behaviors name, and everything else that a decision needs to know. `field` is the member of the spec
 * that holds the settings. Throws RefusedError for a distribution that serves nobody or lacks a behavior.
 */
export function distributionReading(
  look: Look,
  settings: DistributionSettings,
  field: string,
): Read & Required<Pick<Read, 'distribution'>> {
  const { etag, document } = look.fetched
  const { status, origins, groups, behaviors, errorCaching } = document
  const { blue, green } = settings.origins
  const targets = targetsOf(document, settings, field)
  const used = new Set([blue, green, ...targets.map(({ names }) => names)])
  const timeouts = origins.filter(({ id }) => used.has(id)).map(({ timeoutSeconds }) => timeoutSeconds)
  const isPropagated =
    !isDoubtful(look) &&
    (status === 'Deployed' || targets.every(({ part }) => (look.routes.of(part)?.size ?? 0) === 1))
  return {
    type: 'Read',
    token: etag,
    targets,
    origins: origins.map(({ id }) => id),
    propagated: isPropagated ? 'Yes' : 'No',
    timeoutSeconds: Math.max(0, ...timeouts),
    elsewhere: routedElsewhere(look, settings),
    fresh: look.fresh,
    ...(look.outdated ? { outdated: outdatedBy(look.outdated) } : {}),
    expiresAt: look.expiresAt,
    writableAt: look.writableAt,
    distribution: { origins, groups, behaviors, errorCaching },
  }
}

/** AWS contradicts itself, so that it is not certain which of its answers the edges follow. */
export function isDoubtful({ outdated }: { outdated?: TransientError | RefusedError }): boolean {
  return outdated instanceof OlderError
}

export function outdatedBy(error: TransientError | RefusedError): NonNullable<Read['outdated']> {
  const reason = error instanceof RefusedError ? 'AccessDenied' : 'PointerUnreachable'
  return { reason, message: error.message }
}

/** Where the behaviors that are not ours lead. */
function routedElsewhere(look: Look, settings: DistributionSettings): PointerTarget[] {
  const ours = new Set(settings.behaviors.map(({ pathPattern }) => pathPattern))
  return look.fetched.document.behaviors
    .map(({ pathPattern }) => pathPattern)
    .filter((part) => !ours.has(part))
    .flatMap((part) => routedTo(look, part))
}

/** Everything that edges may route requests of a behavior to, through origin groups too. */
export function routedTo({ fetched, routes }: Look, part: string): PointerTarget[] {
  const { behaviors, groups } = fetched.document
  const named = behaviors.filter(({ pathPattern }) => pathPattern === part).map(({ target }) => target)
  return [...new Set([...named, ...(routes.of(part) ?? [])])].flatMap((id) => {
    const group = groups.find((one) => one.id === id)
    return group ? group.members.map((names) => ({ part, names, group: id })) : [{ part, names: id }]
  })
}

function isDefault({ pathPattern }: { pathPattern: string }): boolean {
  return pathPattern === DEFAULT_BEHAVIOR
}

function targetsOf(
  document: DistributionDocument,
  { distributionId, behaviors }: DistributionSettings,
  field: string,
): PointerTarget[] {
  if (document.staging)
    throw new RefusedError(
      'DistributionDisabled',
      `distribution ${distributionId} is a staging distribution, which viewers do not reach: name its primary in ${field}.distributionId`,
    )
  if (!document.enabled)
    throw new RefusedError('DistributionDisabled', `distribution ${distributionId} is disabled: enable it`)
  if (behaviors.some(isDefault) && document.behaviors.some(({ pathPattern }) => pathPattern === ORDERED_STAR))
    throw new RefusedError(
      'UnsafeUpdate',
      `${field}.behaviors "*" is the default behavior of distribution ${distributionId}, which is never reached: an ordered behavior with the path pattern "*" stands before it and takes every request; remove that one, or name others in ${field}.behaviors`,
    )
  return behaviors.map(({ pathPattern }) => {
    const behavior = document.behaviors.find((one) => one.pathPattern === pathPattern)
    if (behavior) return { part: pathPattern, names: behavior.target }
    const existing = document.behaviors.map((one) => one.pathPattern).join(', ')
    throw new RefusedError(
      'BehaviorNotFound',
      `${field}.behaviors "${pathPattern}" is not a behavior of distribution ${distributionId}, which has ${existing}: correct the field or add the behavior`,
    )
  })
}
