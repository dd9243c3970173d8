/** How one fault is put to the operator. */
import type { SeedDistribution } from '../../../cloudfront-local/seed.ts'
import type { WrittenRelease } from '../../../demo/housing.ts'
import type { Place } from '../../../demo/place.ts'
import type { Ground } from './ground.ts'

export type Play = {
  /** Strikes, and asserts what is special to this fault; version 1 is live when it begins. */
  play: (ground: Ground) => Promise<void>
  /** Another distribution than the usual one. */
  distributionOf?: (place: Place) => SeedDistribution
  /** What is different in both versions of the release. */
  edit?: (release: WrittenRelease) => WrittenRelease
}
