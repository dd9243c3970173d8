/** How one fault is put to the operator. */
import type { Environment } from '../../../../demo/environment.ts'
import type { WrittenRelease } from '../../../../demo/housing.ts'
import type { AnySite } from '../key-site.ts'
import type { Fixture } from './fixture.ts'

export type Scenario = {
  /** Strikes, and asserts what is special to this fault; version 1 is live when it begins. */
  scenario: (fixture: Fixture) => Promise<void>
  /** Another site than one behind the usual distribution. */
  open?: (environment: Environment) => Promise<AnySite>
  /** What is different in both versions of the release. */
  edit?: (release: WrittenRelease) => WrittenRelease
}
