/** Where a fault strikes: a release of its own that is live, with everything that is needed to strike, and to look on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import type { AuditEntry, UpdateEntry } from '../../../../demo/cloudfront.ts'
import { runningTimeout } from '../../../../demo/deadline.ts'
import type { Environment } from '../../../../demo/environment.ts'
import type { WrittenRelease, WrittenSpec } from '../../../../demo/housing.ts'
import type { SeenRelease } from '../../../../demo/release-follower.ts'
import { command } from '../../../../demo/stage.ts'
import { otherColor, type Color } from '../../../api/names.ts'
import type { AnySite } from '../key-site.ts'
import type { PodIdentity, Version } from '../site.ts'
import type { Admin, FaultLeft } from './admin.ts'
import { isAbout, OPERATOR_KEY, type Observer } from './observe.ts'

/** Of what comes within a minute or two on any machine. */
const TIMEOUT_MS = 240_000

/** How often is looked at what tells nobody when it changes. */
const LOOK_MS = 50

type Parts = Pick<Fixture, 'environment' | 'site' | 'admin' | 'observer' | 'old'>

export class Fixture {
  readonly environment: Environment
  readonly site: AnySite
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

  /** A call met the last fault of its operation; where that holds it up, the call is not decided yet. */
  async untilMet(operation: string): Promise<void> {
    const { signal } = this.environment
    while ((await this.admin.faultsOf(operation)).some((fault) => isOfSite(fault, this.site)))
      await sleep(LOOK_MS, undefined, { signal })
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

  /** A fault of the store that holds the key. */
  storeFault(fault: object): Promise<void> {
    if (!('store' in this.site)) throw new Error('no key decides here')
    return this.environment.cloudFront.addFault({ store: this.site.store.name, ...fault })
  }

  /** Ends the faults of an operation that were not met yet. */
  faultEnds(operation: string): Promise<void> {
    return this.admin.clearFaults({ distribution: this.distribution, operation })
  }

  foreignWrite(change: object): Promise<void> {
    return this.environment.cloudFront.foreignWrite(this.distribution, change)
  }

  /** Calls of the operator about this distribution, or the store of the key, oldest first. */
  async calls(operation: string): Promise<UpdateEntry[]> {
    const entries = await this.environment.cloudFront.audit()
    return entries.flatMap((entry) =>
      isAbout(entry, this.site) &&
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
    const last = (await this.environment.cloudFront.audit()).at(-1)?.sequence ?? 0
    await this.#logged(
      (entry) => isAbout(entry, this.site) && entry.type === 'Call' && entry.operation === operation,
      last,
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

  /** Until so many updates of the operator were refused. */
  refusals(count: number): Promise<void> {
    return this.#updates(count, (status) => status !== 200)
  }

  /** Until so many updates of the operator were accepted, of all that there ever were. */
  untilMoves(count: number): Promise<void> {
    return this.#updates(count, (status) => status === 200)
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

  async #updates(count: number, isCounted: (status: number) => boolean): Promise<void> {
    let left = count
    const isUpdate = (entry: AuditEntry): boolean =>
      isAbout(entry, this.site) &&
      entry.type === 'Call' &&
      entry.operation === 'UpdateDistribution' &&
      entry.caller === OPERATOR_KEY &&
      isCounted(entry.status)
    await this.#logged((entry) => isUpdate(entry) && --left === 0)
  }

  /** The first wanted entry of the audit log after a sequence number; each is looked at once. */
  async #logged(wanted: (entry: AuditEntry) => boolean, after = 0): Promise<void> {
    const signal = AbortSignal.any([this.environment.signal, runningTimeout(TIMEOUT_MS)])
    await this.environment.cloudFront.waitFor(wanted, after, signal)
  }

  /** The newest spec never needed anybody to act. */
  expectNeverStalled(): void {
    const { revisions } = this.observer
    const newest = revisions.at(-1)?.generation
    const about = revisions.filter(({ status }) => status?.observedGeneration === newest)
    expect(about.length).toBeGreaterThan(0)
    const said = about.flatMap(
      ({ status }) => status?.conditions?.filter(({ type }) => type === 'Stalled') ?? [],
    )
    expect(said).toEqual([])
  }

  async #allPods(): Promise<PodIdentity[]> {
    return [...(await this.site.pods('blue')), ...(await this.site.pods('green'))]
  }
}

function isOfSite({ distribution, store }: FaultLeft, site: AnySite): boolean {
  if ('store' in site && store !== undefined) return store === site.store.name
  return distribution === site.place.distributionId
}

export function conditionOf(
  { status }: SeenRelease,
  type: string,
): { reason: string; message: string } | undefined {
  return status?.conditions?.find((one) => one.type === type)
}

/** What was refused is asked for again only after a while: the last call was accepted, the one before was not. */
export function expectAskedLater(calls: readonly UpdateEntry[]): void {
  const [refused = NaN, accepted = NaN] = calls.slice(-2).map(({ time }) => Date.parse(time))
  expect(accepted - refused).toBeGreaterThan(10_000)
}
