/** The distributions and their versions: the state behind the control plane. No sockets, no files. */
import { CloudFrontError } from './cloudfront-error.ts'
import { aliasNames, targetChanges } from './distribution-config.ts'
import { judgeIfMatch, newIdentifier } from './etag.ts'
import { judgeConfig } from './validation.ts'
import { parseXml, renderXml, XmlSyntaxError } from './xml.ts'
import type { TargetChange } from './distribution-config.ts'
import type { Propagation, Version } from '../propagation/propagation.ts'
import type { NewDistribution } from '../seed.ts'
import type { XmlElement } from './xml.ts'

/**
 * AWS documents neither answer to a PUT that changes nothing. NewEtag: it is an update like any other. SameEtag: it
 * is accepted, but ETag, Status and time stay.
 */
export type IdenticalPut = 'NewEtag' | 'SameEtag'

/** What an accepted write did. */
export type Commit = { version: Version; targets: TargetChange[] }

export class Distributions {
  readonly #latest = new Map<string, Version>()
  readonly #propagation: Propagation
  readonly #identicalPut: IdenticalPut
  readonly #pick: (choices: number) => number

  constructor(propagation: Propagation, identicalPut: IdenticalPut, pick: (choices: number) => number) {
    this.#propagation = propagation
    this.#identicalPut = identicalPut
    this.#pick = pick
  }

  /** In the order of their ids, as ListDistributions pages through them. */
  list(): Version[] {
    return [...this.#latest.values()].sort((a, b) => (a.distribution < b.distribution ? -1 : 1))
  }

  /** Throws NoSuchDistribution. */
  get(id: string): Version {
    const version = this.#latest.get(id)
    if (version === undefined) {
      throw new CloudFrontError('NoSuchDistribution', 'The specified distribution does not exist.')
    }
    return version
  }

  isDeployed(id: string): boolean {
    return this.#propagation.isDeployed(id)
  }

  /** A new distribution, at once on all edges. Throws CloudFrontError when its configuration is not acceptable. */
  create({ id, domainName, config }: NewDistribution): Version {
    if (this.#latest.has(id)) throw new CloudFrontError('InvalidArgument', `The id ${id} exists already.`)
    const error = judgeConfig({ config, foreignAliases: this.#aliasesWithout(id) })
    if (error !== undefined) throw error
    const version = this.#version({ distribution: id, domainName, number: 1, config })
    this.#latest.set(id, version)
    this.#propagation.seed(version)
    return version
  }

  /** UpdateDistribution: a full replacement, guarded by If-Match. Throws CloudFrontError. */
  update(id: string, ifMatch: string | undefined, body: string): Commit {
    const current = this.get(id)
    const stale = judgeIfMatch(ifMatch, current.etag)
    if (stale !== undefined) throw stale
    if (body.trim() === '') throw new CloudFrontError('MissingBody', 'This operation requires a body.')
    return this.#commit(current, parseConfig(body))
  }

  /** A write by somebody else: `edit` gets the newest configuration, needs no ETag, obeys every other rule. */
  rewrite(id: string, edit: (config: XmlElement) => XmlElement): Commit {
    const current = this.get(id)
    return this.#commit(current, edit(current.config))
  }

  /** Throws NoSuchDistribution. */
  remove(id: string): void {
    this.get(id)
    this.#latest.delete(id)
    this.#propagation.remove(id)
  }

  #commit(current: Version, config: XmlElement): Commit {
    const { distribution, domainName } = current
    const error = judgeConfig({
      config,
      current: current.config,
      foreignAliases: this.#aliasesWithout(distribution),
    })
    if (error !== undefined) throw error
    const identical = renderXml(config) === renderXml(current.config)
    if (identical && this.#identicalPut === 'SameEtag') return { version: current, targets: [] }
    const version = this.#version({ distribution, domainName, number: current.number + 1, config })
    this.#latest.set(distribution, version)
    this.#propagation.publish(version)
    return { version, targets: targetChanges(current.config, config) }
  }

  #version(parts: Omit<Version, 'etag' | 'modified'>): Version {
    return { ...parts, etag: newIdentifier(this.#pick), modified: new Date() }
  }

  #aliasesWithout(id: string): Set<string> {
    const others = [...this.#latest.values()].filter(({ distribution }) => distribution !== id)
    return new Set(others.flatMap(({ config }) => aliasNames(config)))
  }
}

function parseConfig(body: string): XmlElement {
  try {
    // The namespace belongs to the document, not to the configuration; answers add their own.
    return { ...parseXml(body), attributes: {} }
  } catch (error) {
    if (!(error instanceof XmlSyntaxError)) throw error
    throw new CloudFrontError('MalformedXML', `The XML you provided was not well-formed: ${error.message}`)
  }
}
