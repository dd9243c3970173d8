/** How one fault is put to the operator. */
import type { Environment } from '../../../../demo/environment.ts'
import type { WrittenRelease } from '../../../../demo/housing.ts'
import type { AnySite } from '../key-site.ts'
import type { Ground } from './ground.ts'

export type Play = {
  /** Strikes, and asserts what is special to this fault; version 1 is live when it begins. */
  play: (ground: Ground) => Promise<void>
  /** Another site than one behind the usual distribution. */
  open?: (environment: Environment) => Promise<AnySite>
  /** What is different in both versions of the release. */
  edit?: (release: WrittenRelease) => WrittenRelease
}
