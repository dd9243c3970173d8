/** What the stand-in's audit log tells, kept as the pointer of the simulated world, so that what watches that world sees it. */
import type { AuditEntry, CallEntry } from '../../../cloudfront-local/audit-log.ts'
import type { SimulatedWorld } from '../simulated-world.ts'

type Targets = Record<string, string>
/** A change of the configuration that was accepted. */
export type Written = CallEntry & { version: number; etag: string }

export type MirrorOptions = {
  edges: number
  /** What every edge has at the beginning. */
  targets: Targets
  etag: string
  /** Told of every accepted update through the API, before the world shows it. */
  onUpdate: (entry: Written) => void
  onInvalidation: () => void
}

export class Mirror {
  readonly #options: MirrorOptions
  readonly #versions: Map<number, Targets>
  readonly #applied: number[]
  #newest = 1
  #seen = 0
  /** Of the newest configuration. */
  etag: string

  constructor(options: MirrorOptions) {
    this.#options = options
    this.etag = options.etag
    this.#versions = new Map([[1, options.targets]])
    this.#applied = Array.from({ length: options.edges }, () => 1)
  }

  /** Whether some edge does not have the newest configuration yet. */
  get isMoving(): boolean {
    return this.#applied.some((version) => version < this.#newest)
  }

  /** What each edge has, by the number of the version. */
  get applied(): readonly number[] {
    return this.#applied
  }

  /** Where the newest configuration leads. */
  get targets(): Targets {
    return this.#versions.get(this.#newest) ?? {}
  }

  /** Takes in what came since the last time. */
  take(entries: readonly AuditEntry[]): void {
    for (const entry of entries) {
      if (entry.sequence <= this.#seen) continue
      this.#seen = entry.sequence
      if (entry.type === 'EdgeApplied') this.#applied[entry.edge - 1] = entry.version
      if (entry.type === 'Call') this.#called(entry)
    }
  }

  get seen(): number {
    return this.#seen
  }

  show(world: SimulatedWorld): void {
    const { pointer } = world
    pointer.targets = this.targets
    pointer.edges = this.#applied.map((version) => this.#versions.get(version) ?? {})
    const behind = this.#applied.flatMap((version, edge) => (version < this.#newest ? [edge] : []))
    // When they follow is the stand-in's to know: the world is to see that they have not, and must not move them itself.
    pointer.due = behind.map((edge) => ({ at: Infinity, edge, targets: pointer.targets }))
  }

  #called(entry: CallEntry): void {
    const { via, operation, status, etag, version, targets = [] } = entry
    if (etag === undefined || status >= 300) {
      if (operation === 'CreateInvalidation' && status < 300) this.#options.onInvalidation()
      return
    }
    this.etag = etag
    if (version === undefined) return
    if (via === 'Api') this.#options.onUpdate({ ...entry, version, etag })
    const moved = targets.map(({ pathPattern, to = '' }): [string, string] => [pathPattern, to])
    this.#versions.set(version, { ...this.targets, ...Object.fromEntries(moved) })
    this.#newest = version
  }
}
