/** Resources that are no more than a configuration under an id, guarded by an ETag. */
import { judgeIfMatch, newIdentifier } from './etag.ts'
import { parseXml, renderXml } from './xml.ts'
import type { Clock } from '../propagation/clock.ts'
import type { Shelf } from '../state/shelf.ts'
import type { CloudFrontError } from './cloudfront-error.ts'
import type { XmlElement } from './xml.ts'

/** Times are ISO 8601. */
export type KeptConfig = {
  id: string
  etag: string
  config: XmlElement
  created: string
  modified: string
  /** It is CloudFront's own, in every account, and nobody can change it. */
  managed?: true
}
/** The configuration as XML text. */
export type SavedConfig = Omit<KeptConfig, 'config' | 'managed'> & { config: string }

/** What every kind works with. */
export type KeptOptions = { shelf: Shelf<SavedConfig>; clock: Clock; pick: (choices: number) => number }

/** What one kind is: the form of its ids, and what is said of one that is not there. */
export type KeptKind = {
  idFrom: (identifier: string) => string
  missing: (id: string) => CloudFrontError
  managed?: readonly { id: string; config: XmlElement }[]
}

const MANAGED_SINCE = '2020-07-22T00:00:00.000Z'

export class KeptConfigs {
  readonly #options: KeptOptions & KeptKind
  readonly #byId = new Map<string, KeptConfig>()

  constructor(options: KeptOptions, kind: KeptKind) {
    this.#options = { ...options, ...kind }
    const stamp = { created: MANAGED_SINCE, modified: MANAGED_SINCE, managed: true } as const
    for (const one of kind.managed ?? []) {
      this.#byId.set(one.id, { ...one, ...stamp, etag: newIdentifier(options.pick) })
    }
    for (const saved of options.shelf.all()) {
      this.#byId.set(saved.id, { ...saved, config: parseXml(saved.config) })
    }
  }

  /** How many there are beside those that every account has. */
  get size(): number {
    return this.list().filter(({ managed }) => managed !== true).length
  }

  /** By id. */
  list(): KeptConfig[] {
    return [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Throws what the kind says. */
  get(id: string): KeptConfig {
    const found = this.#byId.get(id)
    if (found === undefined) throw this.#options.missing(id)
    return found
  }

  add(config: XmlElement): KeptConfig {
    const { pick, idFrom, clock } = this.#options
    return this.#keep(idFrom(newIdentifier(pick)), config, clock.date().toISOString())
  }

  /** Throws CloudFrontError. */
  replace(id: string, ifMatch: string | undefined, config: XmlElement): KeptConfig {
    return this.#keep(id, config, this.guarded(id, ifMatch).created)
  }

  /** Throws CloudFrontError. */
  delete(id: string, ifMatch: string | undefined): KeptConfig {
    const gone = this.guarded(id, ifMatch)
    this.#byId.delete(id)
    this.#options.shelf.delete(id)
    return gone
  }

  /** The resource, if the ETag is its newest. Throws CloudFrontError. */
  guarded(id: string, ifMatch: string | undefined): KeptConfig {
    const current = this.get(id)
    const stale = judgeIfMatch(ifMatch, current.etag)
    if (stale !== undefined) throw stale
    return current
  }

  #keep(id: string, config: XmlElement, created: string): KeptConfig {
    const { clock, pick, shelf } = this.#options
    const kept = { id, config, created, etag: newIdentifier(pick), modified: clock.date().toISOString() }
    this.#byId.set(id, kept)
    shelf.put(id, { ...kept, config: renderXml(config) })
    return kept
  }
}
