/** Where a fault strikes: a release of its own that is live, with everything that is needed to strike, and to look on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import type { UpdateEntry } from '../../../demo/cloudfront.ts'
import type { Environment } from '../../../demo/environment.ts'
import type { WrittenRelease, WrittenSpec } from '../../../demo/housing.ts'
import type { SeenRelease } from '../../../demo/release-follower.ts'
import { command } from '../../../demo/stage.ts'
import { otherColor, type Color } from '../../api/names.ts'
import type { PodIdentity, Site, Version } from '../site.ts'
import type { Admin } from './admin.ts'
import { isAbout, OPERATOR_KEY, type Observer } from './observe.ts'

const TIMEOUT_MS = 120_000

type Parts = Pick<Ground, 'environment' | 'site' | 'admin' | 'observer' | 'old'>

export class Ground {
  readonly environment: Environment
  readonly site: Site
  readonly admin: Admin
  readonly observer: Observer
  /** Color of version 1, which is live when the fault strikes. */
  readonly old: Color
  /** The color that version 2 comes to. */
  readonly next: Color
  readonly distribution: string
  readonly #edit: (release: WrittenRelease) => WrittenRelease
  #pods: PodIdentity[] = []

  constructor(parts: Parts, edit: (release: WrittenRelease) => WrittenRelease) {
    this.environment = parts.environment
    this.site = parts.site
    this.admin = parts.admin
    this.observer = parts.observer
    this.old = parts.old
    this.next = otherColor(parts.old)
    this.distribution = parts.site.place.distributionId
    this.#edit = edit
  }

  write(version: Version, changes: WrittenSpec = {}): WrittenRelease {
    return this.#edit(this.site.write(version, changes))
  }

  /** Applies version 2 and waits for its outcome. */
  switch(): Promise<SeenRelease> {
    return this.site.play(this.write('2'))
  }

  until(what: string, isWanted: (release: SeenRelease) => boolean): Promise<SeenRelease> {
    return this.site.follower.until(what, isWanted, TIMEOUT_MS)
  }

  /** A condition with this reason. */
  untilSaid(type: string, reason: string): Promise<string> {
    return this.until(`${type} ${reason}`, (release) => conditionOf(release, type)?.reason === reason).then(
      (release) => conditionOf(release, type)?.message ?? '',
    )
  }

  untilIntent(): Promise<SeenRelease> {
    return this.until('an intent', ({ status }) => status?.traffic?.intent !== undefined)
  }

  untilPromoted(version: Version = '2'): Promise<SeenRelease> {
    return this.until(`promotion of version ${version}`, (release) => {
      const { status } = release
      const isSeen = status?.observedGeneration === release.metadata.generation
      return isSeen && status.attempt?.outcome === 'Promoted'
    })
  }

  async command(verb: 'undo' | 'retry' | 'abort'): Promise<void> {
    const release = this.site.follower.release()
    if (!release) throw new Error('there is no release yet')
    await command({ environment: this.environment, say: () => undefined }, verb, release)
  }

  fault(fault: object): Promise<void> {
    return this.environment.cloudFront.addFault({ distribution: this.distribution, ...fault })
  }

  foreignWrite(change: object): Promise<void> {
    return this.environment.cloudFront.foreignWrite(this.distribution, change)
  }

  /** Calls of the operator about this distribution, oldest first. */
  async calls(operation: string): Promise<UpdateEntry[]> {
    const entries = await this.environment.cloudFront.audit()
    return entries.flatMap((entry) =>
      isAbout(entry, this.distribution) &&
      entry.type === 'Call' &&
      entry.operation === operation &&
      entry.caller === OPERATOR_KEY
        ? [entry]
        : [],
    )
  }

  /** Updates of the operator that were accepted. */
  async moves(): Promise<UpdateEntry[]> {
    return (await this.calls('UpdateDistribution')).filter(({ status }) => status === 200)
  }

  /** The next call of an operation after now. */
  async nextCall(operation: string): Promise<void> {
    const { audit, waitFor } = this.environment.cloudFront
    const last = (await audit()).at(-1)?.sequence ?? 0
    const signal = AbortSignal.any([this.environment.signal, AbortSignal.timeout(TIMEOUT_MS)])
    await waitFor(
      (entry) => isAbout(entry, this.distribution) && entry.type === 'Call' && entry.operation === operation,
      last,
      signal,
    )
  }

  /**
   * The operator looks at the distribution. At rest it does every five minutes; an edit of the release makes it sooner,
   * unless the last look is but a few seconds old.
   */
  async lookedAt(version: Version): Promise<void> {
    const look = this.nextCall('GetDistribution').then(() => 'Seen' as const)
    for (let retireAfterSeconds = 300; ; retireAfterSeconds += 1) {
      await this.site.apply(this.write(version, { retireAfterSeconds }))
      if ((await Promise.race([look, sleep(1000)])) === 'Seen') return
    }
  }

  /** Until an update of the operator was refused. */
  async nextRefusal(): Promise<void> {
    const refused = (await this.calls('UpdateDistribution')).some(({ status }) => status !== 200)
    if (!refused) await this.nextCall('UpdateDistribution')
  }

  /** Remembers the pods of both colors, and tells later that they are the same. */
  async remember(): Promise<void> {
    this.#pods = await this.#allPods()
  }

  async expectSamePods(): Promise<void> {
    expect(await this.#allPods()).toEqual(this.#pods)
  }

  /** No Deployment of the idle color was ever made. */
  expectNothingBuilt(): void {
    expect(this.observer.deployments.filter(({ color }) => color === this.next)).toEqual([])
  }

  async #allPods(): Promise<PodIdentity[]> {
    return [...(await this.site.pods('blue')), ...(await this.site.pods('green'))]
  }
}

export function conditionOf(
  { status }: SeenRelease,
  type: string,
): { reason: string; message: string } | undefined {
  return status?.conditions?.find((one) => one.type === type)
}
