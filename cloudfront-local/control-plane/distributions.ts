/** The distributions and their versions: the state behind the control plane. No sockets, no files. */
import { CloudFrontError } from './cloudfront-error.ts'
import { withDefaults } from './defaults.ts'
import { aliasNames, targetChanges } from './distribution-config.ts'
import { readDocument } from './documents.ts'
import { judgeIfMatch, newIdentifier } from './etag.ts'
import { judgeConfig } from './validation.ts'
import { child, differences, element, parseXml, renderXml, textOf, withMember, withoutChild } from './xml.ts'
import type { Clock } from '../propagation/clock.ts'
import type { Propagation } from '../propagation/propagation.ts'
import type { NewDistribution } from '../seed.ts'
import type { Shelf } from '../state/shelf.ts'
import type { TargetChange } from './distribution-config.ts'
import type { References } from './validation.ts'
import type { XmlElement } from './xml.ts'

/** Whether all edges have the newest version. */
export type Status = 'InProgress' | 'Deployed'

/** One accepted configuration. `number` counts the versions of its distribution from 1. */
export type Version = {
  distribution: string
  domainName: string
  number: number
  etag: string
  config: XmlElement
  modified: Date
}

/**
 * AWS documents neither answer to a PUT that changes nothing. NewEtag: it is an update like any other. SameEtag: it
 * is accepted, but ETag, Status and time stay.
 */
export type IdenticalPut = 'NewEtag' | 'SameEtag'

/** What an accepted write did; `changed` are the paths of element names that differ. */
export type Commit = { version: Version; targets: TargetChange[]; changed: string[] }

/** How a version is written down: the configuration as XML text. */
export type SavedVersion = Omit<Version, 'config' | 'modified'> & { config: string; modified: string }

/** What the distributions work with. `pick(n)` gives an integer from 0 to n-1. */
export type DistributionsOptions = {
  propagation: Propagation<Version>
  shelf: Shelf<SavedVersion>
  references: References
  identicalPut: IdenticalPut
  clock: Clock
  pick: (choices: number) => number
}

/** CloudFront's quota per account. */
const MAX_DISTRIBUTIONS = 500

export class Distributions {
  readonly #latest = new Map<string, Version>()
  readonly #options: DistributionsOptions

  /** Begins with what the shelf holds, as if it had been on every edge for long. */
  constructor(options: DistributionsOptions) {
    this.#options = options
    for (const saved of options.shelf.all()) {
      this.#deploy({ ...saved, config: parseXml(saved.config), modified: new Date(saved.modified) })
    }
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

  statusOf(id: string): Status {
    return this.#options.propagation.isPropagated(id) ? 'Deployed' : 'InProgress'
  }

  /** A distribution that is on all edges at once. Throws CloudFrontError when its configuration is not acceptable. */
  seed({ id, domainName, config }: NewDistribution): Version {
    const version = this.#first(id, domainName, config)
    this.#deploy(version)
    this.#save(version)
    return version
  }

  /** CreateDistribution: the edges learn of it one after the other. Throws CloudFrontError. */
  create(config: XmlElement): Version {
    if (this.#latest.size >= MAX_DISTRIBUTIONS) {
      throw new CloudFrontError('TooManyDistributions', `More than ${MAX_DISTRIBUTIONS} distributions.`)
    }
    const reference = textOf(config, 'CallerReference')
    const earlier = this.list().find((version) => textOf(version.config, 'CallerReference') === reference)
    if (earlier !== undefined) {
      throw new CloudFrontError(
        'DistributionAlreadyExists',
        `The caller reference that you are using to create a distribution is associated with another distribution. Already exists: ${earlier.distribution}`,
      )
    }
    const id = newIdentifier(this.#options.pick)
    const version = this.#first(id, `d${id.slice(1).toLowerCase()}.cloudfront.net`, config)
    this.#publish(version)
    return version
  }

  /** CopyDistribution: a staging distribution like the primary one. Throws CloudFrontError. */
  copy(
    id: string,
    ifMatch: string | undefined,
    wanted: { callerReference: string; enabled: boolean },
  ): Version {
    const primary = this.#guarded(id, ifMatch)
    const replacements = [
      element('CallerReference', wanted.callerReference),
      element('Enabled', String(wanted.enabled)),
      element('Aliases', element('Quantity', '0')),
      element('ContinuousDeploymentPolicyId'),
      element('Staging', 'true'),
    ]
    return this.create(replacements.reduce(withMember, primary.config))
  }

  /** UpdateDistribution: a full replacement, guarded by If-Match. Throws CloudFrontError. */
  update(id: string, ifMatch: string | undefined, body: string): Commit {
    const current = this.#guarded(id, ifMatch)
    return this.#commit(current, readDocument(body, 'DistributionConfig'))
  }

  /** A write by somebody else: `edit` gets the newest configuration, needs no ETag, obeys every other rule. */
  rewrite(id: string, edit: (config: XmlElement) => XmlElement): Commit {
    const current = this.get(id)
    return this.#commit(current, edit(current.config))
  }

  /** UpdateDistributionWithStagingConfig: the primary gets all of the staging one but its identity. */
  promote(id: string, stagingId: string, ifMatch: string | undefined): Commit {
    const [first, second, ...more] = (ifMatch ?? '').split(',').map((text) => text.trim())
    const primary = this.#guarded(id, first)
    const staging = this.#guarded(stagingId, more.length === 0 ? second : undefined)
    const kept = ['CallerReference', 'Aliases', 'ContinuousDeploymentPolicyId', 'Staging', 'Enabled']
    const config = kept.reduce((edited, name) => {
      const own = child(primary.config, name)
      return own === undefined ? withoutChild(edited, name) : withMember(edited, own)
    }, staging.config)
    return this.#commit(primary, config)
  }

  /** A new ETag without a new configuration, as when a policy that the distribution uses was changed. */
  touch(id: string): Version {
    const version = { ...this.get(id), etag: newIdentifier(this.#options.pick) }
    this.#latest.set(id, version)
    this.#save(version)
    return version
  }

  /** DeleteDistribution. Throws CloudFrontError. */
  delete(id: string, ifMatch: string | undefined): void {
    const { config } = this.#guarded(id, ifMatch)
    if (textOf(config, 'Enabled') === 'true' || this.statusOf(id) === 'InProgress') {
      throw new CloudFrontError(
        'DistributionNotDisabled',
        'The distribution must be disabled, and its last change deployed, before it can be deleted.',
      )
    }
    if ((textOf(config, 'ContinuousDeploymentPolicyId') ?? '') !== '') {
      throw new CloudFrontError('ResourceInUse', 'A continuous deployment policy is attached.')
    }
    this.remove(id)
  }

  /** From everywhere at once, whatever its state. Throws NoSuchDistribution. */
  remove(id: string): void {
    this.get(id)
    this.#latest.delete(id)
    this.#options.shelf.delete(id)
    this.#options.propagation.remove(id)
  }

  #guarded(id: string, ifMatch: string | undefined): Version {
    const current = this.get(id)
    const stale = judgeIfMatch(ifMatch, current.etag)
    if (stale !== undefined) throw stale
    return current
  }

  #first(id: string, domainName: string, config: XmlElement): Version {
    if (this.#latest.has(id)) throw new CloudFrontError('InvalidArgument', `The id ${id} exists already.`)
    this.#judge(id, config, undefined)
    return this.#version({ distribution: id, domainName, number: 1, config: withDefaults(config) })
  }

  #commit(current: Version, wanted: XmlElement): Commit {
    const { distribution, domainName } = current
    this.#judge(distribution, wanted, current.config)
    const config = withDefaults(wanted)
    const identical = renderXml(config) === renderXml(current.config)
    if (identical && this.#options.identicalPut === 'SameEtag')
      return { version: current, targets: [], changed: [] }
    const version = this.#version({ distribution, domainName, number: current.number + 1, config })
    this.#publish(version)
    return {
      version,
      targets: targetChanges(current.config, config),
      changed: differences(current.config, config),
    }
  }

  #judge(id: string, config: XmlElement, current: XmlElement | undefined): void {
    const { references } = this.#options
    const error = judgeConfig({ config, current, foreignAliases: this.#aliasesWithout(id), references })
    if (error !== undefined) throw error
  }

  #version(parts: Omit<Version, 'etag' | 'modified'>): Version {
    return { ...parts, etag: newIdentifier(this.#options.pick), modified: this.#options.clock.date() }
  }

  #publish(version: Version): void {
    this.#latest.set(version.distribution, version)
    this.#save(version)
    this.#options.propagation.publish(changeOf(version))
  }

  #deploy(version: Version): void {
    this.#latest.set(version.distribution, version)
    this.#options.propagation.seed(changeOf(version))
  }

  #save(version: Version): void {
    this.#options.shelf.put(version.distribution, {
      ...version,
      config: renderXml(version.config),
      modified: version.modified.toISOString(),
    })
  }

  #aliasesWithout(id: string): Set<string> {
    const others = [...this.#latest.values()].filter(({ distribution }) => distribution !== id)
    return new Set(others.flatMap(({ config }) => aliasNames(config)))
  }
}

function changeOf(version: Version): { resource: string; number: number; value: Version } {
  return { resource: version.distribution, number: version.number, value: version }
}
