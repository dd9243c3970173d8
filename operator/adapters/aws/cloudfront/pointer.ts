/** The pointer of a release behind CloudFront: TargetOriginId of the declared behaviors of one distribution. */
import type { Distribution, ModelRelease } from '../../../api/release.ts'
import { forbidden } from '../../../planner/checks/allow-list.ts'
import { systemClock, type Clock } from '../../../controller/clock.ts'
import { RefusedError } from '../../../ports/errors.ts'
import type { Pointer } from '../../../ports/ports.ts'
import { Distributions, type DistributionsOptions } from './registry.ts'
import { distributionReading, freshnessFor, readingOrTrouble } from './reading.ts'

export type { CloudFrontOptions } from './api.ts'

const FIELD = 'spec.traffic.cloudFrontDistribution'

/** `distributions`: what it shares with another kind of pointer, made with the same options. */
export function createCloudFrontPointer(
  options: DistributionsOptions,
  clock: Clock = systemClock,
  distributions = new Distributions(options, clock),
): Pointer {
  const { allowList } = options
  return {
    read: (release, freshness) => {
      const message = forbidden(allowList, release)
      if (message !== undefined) return Promise.resolve({ type: 'Unusable', reason: 'NotAllowed', message })
      const settings = settingsOf(release)
      const keeper = distributions.keeperOf(settings.distributionId)
      return readingOrTrouble(FIELD, async () =>
        distributionReading(await keeper.look(freshness ?? freshnessFor(release)), settings, FIELD),
      )
    },
    move: async (release, { names, token, direction = 'Forward' }) => {
      const { distributionId, behaviors } = settingsOf(release)
      const message = forbidden(allowList, release)
      if (message !== undefined) throw new RefusedError('NotAllowed', message)
      const targets = new Map(behaviors.map(({ pathPattern }) => [pathPattern, names]))
      await distributions.keeperOf(distributionId).move({ targets, etag: token, direction })
    },
    invalidate: (release, { reference, paths }) =>
      distributions.keeperOf(settingsOf(release).distributionId).invalidate({ reference, paths }),
  }
}

function settingsOf({ spec }: ModelRelease): Distribution {
  const settings = spec.traffic.cloudFrontDistribution
  if (settings) return settings
  throw new RefusedError('InvalidSpec', `${FIELD} is missing: add it, or set spec.traffic.type to Service`)
}
