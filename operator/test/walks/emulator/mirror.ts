/** What the emulator's audit log tells, kept as the pointers of the simulated world, so that what watches that world sees it. */
import type { AuditEntry, CallEntry } from '../../../../cloudfront-local/audit-log.ts'
import { readValue, type Route } from '../../../adapters/aws/key-value-store/value.ts'
import { keyTargets, type PointerState, type SimulatedWorld } from '../../fakes/simulated-world.ts'
import { Trail } from './trail.ts'

export type Targets = Record<string, string>
/** A change that was accepted. */
export type Written = CallEntry & { version: number; etag: string }

export type MirrorOptions = {
  edges: number
  /** What every edge has at the beginning. */
  distribution: { etag: string; targets: Targets }
  /** The store and its one key that matters, if there is one; at the beginning it is not there. */
  store?: { etag: string; key: string } | undefined
  /** Told of every change that was accepted through the API, before the world shows it. */
  onUpdate: (entry: Written) => void
  onInvalidation: () => void
}

export class Mirror {
  /** Where the behaviors lead. */
  readonly distribution: Trail<Targets>
  /** Where the key leads; undefined inside: it is not there, or nothing that the function understands. */
  readonly key: Trail<Route | undefined> | undefined
  readonly #options: MirrorOptions
  #seen = 0

  constructor(options: MirrorOptions) {
    const { edges, distribution, store } = options
    this.#options = options
    this.distribution = new Trail({ edges, etag: distribution.etag, content: distribution.targets })
    this.key = store && new Trail<Route | undefined>({ edges, etag: store.etag, content: undefined })
  }

  /** Whether some edge does not have the newest of something yet. */
  get isMoving(): boolean {
    return this.distribution.isMoving || this.key?.isMoving === true
  }

  /** What each edge has, by the numbers of the versions. */
  get applied(): readonly (readonly number[])[] {
    return [this.distribution.applied, this.key?.applied ?? []]
  }

  /** Every origin that some edge has or will have a way to. */
  get ways(): ReadonlySet<string> {
    const byKey = this.key?.current.flatMap((route) => (route ? Object.values(targetsOf(route)) : [])) ?? []
    return new Set([...this.distribution.current.flatMap((targets) => Object.values(targets)), ...byKey])
  }

  /** The newest ETag of what is written by a call of this path. */
  guardOf(path = ''): string {
    return (path.startsWith('/key-value-stores/') && this.key ? this.key : this.distribution).etag
  }

  /** Takes in what came since the last time. */
  take(entries: readonly AuditEntry[]): void {
    for (const entry of entries) {
      if (entry.sequence <= this.#seen) continue
      this.#seen = entry.sequence
      if (entry.type === 'EdgeApplied') this.distribution.follow(entry.edge, entry.version)
      if (entry.type === 'EdgeStoreApplied') this.key?.follow(entry.edge, entry.version)
      if (entry.type === 'Call' && entry.status < 300) this.#accepted(entry)
    }
  }

  get seen(): number {
    return this.#seen
  }

  show(world: SimulatedWorld): void {
    if (world.distribution) showTrail(world.distribution, this.distribution, (targets) => targets)
    if (!this.key) return
    const { salt, header } = this.key.newest?.canary ?? {}
    world.pointer.shareOf = {
      ...(salt === undefined ? {} : { salt }),
      ...(header === undefined ? {} : { header }),
    }
    showTrail(world.pointer, this.key, targetsOf)
  }

  #accepted(entry: CallEntry): void {
    const { etag, operation, store, version } = entry
    if (operation === 'CreateInvalidation') this.#options.onInvalidation()
    if (etag === undefined) return
    const isOurs = entry.via === 'Api' && version !== undefined
    if (isOurs) this.#options.onUpdate({ ...entry, version, etag })
    if (store !== undefined) this.#putKeys(entry, etag)
    else this.#moved(entry, etag)
  }

  #moved({ targets = [], version }: CallEntry, etag: string): void {
    const moved = targets.map(({ pathPattern, to = '' }): [string, string] => [pathPattern, to])
    const content = { ...this.distribution.newest, ...Object.fromEntries(moved) }
    this.distribution.wrote(etag, version === undefined ? undefined : { version, content })
  }

  #putKeys({ keys = [], puts = {}, version }: CallEntry, etag: string): void {
    const { key = '' } = this.#options.store ?? {}
    const content = keys.includes(key) ? readValue(puts[key]) : this.key?.newest
    this.key?.wrote(etag, version === undefined ? undefined : { version, content })
  }
}

function targetsOf(route: Route | undefined): Targets {
  const { canary, live } = route ?? {}
  return keyTargets(live, canary && { names: canary.origin, weight: canary.weight })
}

function showTrail<Content>(
  pointer: PointerState,
  trail: Trail<Content>,
  shown: (content: Content) => Targets,
): void {
  pointer.targets = shown(trail.newest)
  pointer.edges = trail.applied.map((_, index) => shown(trail.at(index + 1)))
  // When they follow is the emulator's to know: the world is to see that they have not, and must not move them itself.
  pointer.due = trail.behind.map((edge) => ({ at: Infinity, edge: edge - 1, targets: pointer.targets }))
}
