/** The kinds of resources that are a configuration under an id, and what CloudFront says of each. */
import { randomUUID } from 'node:crypto'
import { OPERATIONS } from '../model/cloudfront.ts'
import { CloudFrontError } from './cloudfront-error.ts'
import { withMissing } from './defaults.ts'
import { KeptConfigs } from './kept-configs.ts'
import { CACHE_POLICIES, ORIGIN_REQUEST_POLICIES, RESPONSE_HEADERS_POLICIES } from './managed-policies.ts'
import { childElements, contentOf, child, element, textOf } from './xml.ts'
import type { KeptConfig, KeptOptions } from './kept-configs.ts'
import type { Managed } from './managed-policies.ts'
import type { ReferenceKind } from './references.ts'
import type { XmlElement } from './xml.ts'

/** `name` is the model's: Create{name}, {name}Config, {name}Summary and so on are derived from it. */
export type Kind = {
  name: string
  plural: string
  idFrom: (identifier: string) => string
  managed?: readonly Managed[]
  /** CloudFront's quota per account, and the code beyond it. */
  max: number
  tooMany: string
  missing: string
  taken: string
  inUse: string
  /** What CloudFront fills in. */
  fill?: (config: XmlElement) => XmlElement
  /** What is wrong with a configuration; `current` is undefined when it is new. */
  judge?: (config: XmlElement, current: XmlElement | undefined, kept: Kept) => CloudFrontError | undefined
}

export const KEPT_KINDS = [
  'CachePolicy',
  'OriginRequestPolicy',
  'ResponseHeadersPolicy',
  'OriginAccessControl',
  'PublicKey',
  'KeyGroup',
] as const
export type KeptKindName = (typeof KEPT_KINDS)[number]
export type Kept = Readonly<Record<KeptKindName, KeptConfigs>>

const uuid = (): string => randomUUID()
const named = (name: string): Pick<Kind, 'name' | 'missing' | 'taken' | 'inUse'> => ({
  name,
  missing: `NoSuch${name}`,
  taken: `${name}AlreadyExists`,
  inUse: `${name}InUse`,
})

const KINDS: Readonly<Record<KeptKindName, Kind>> = {
  CachePolicy: {
    ...named('CachePolicy'),
    plural: 'CachePolicies',
    idFrom: uuid,
    managed: CACHE_POLICIES,
    max: 20,
    tooMany: 'TooManyCachePolicies',
    fill: (config) => {
      const least = Number(textOf(config, 'MinTTL'))
      const ttl = (name: string, preset: number): XmlElement => element(name, String(Math.max(preset, least)))
      return [ttl('DefaultTTL', 86_400), ttl('MaxTTL', 31_536_000)].reduce(withMissing, config)
    },
  },
  OriginRequestPolicy: {
    ...named('OriginRequestPolicy'),
    plural: 'OriginRequestPolicies',
    idFrom: uuid,
    managed: ORIGIN_REQUEST_POLICIES,
    max: 20,
    tooMany: 'TooManyOriginRequestPolicies',
  },
  ResponseHeadersPolicy: {
    ...named('ResponseHeadersPolicy'),
    plural: 'ResponseHeadersPolicies',
    idFrom: uuid,
    managed: RESPONSE_HEADERS_POLICIES,
    max: 20,
    tooMany: 'TooManyResponseHeadersPolicies',
  },
  OriginAccessControl: {
    ...named('OriginAccessControl'),
    plural: 'OriginAccessControls',
    idFrom: (identifier) => identifier,
    max: 100,
    tooMany: 'TooManyOriginAccessControls',
  },
  PublicKey: {
    ...named('PublicKey'),
    plural: 'PublicKeys',
    idFrom: (identifier) => `K${identifier.slice(1)}`,
    max: 10,
    tooMany: 'TooManyPublicKeys',
    // A PEM file ends with a line, and CloudFront gives it back so.
    fill: (config) => withMissing(withFinalNewline(config), element('Comment')),
    judge: (config, current) =>
      current === undefined ||
      ['CallerReference', 'EncodedKey'].every((name) => textOf(config, name) === textOf(current, name))
        ? undefined
        : new CloudFrontError(
            'CannotChangeImmutablePublicKeyFields',
            'CallerReference and EncodedKey of a public key cannot be changed.',
          ),
  },
  KeyGroup: {
    ...named('KeyGroup'),
    plural: 'KeyGroups',
    idFrom: uuid,
    max: 10,
    tooMany: 'TooManyKeyGroups',
    missing: 'NoSuchResource',
    inUse: 'ResourceInUse',
    judge: (config, _, { PublicKey: keys }) => {
      const ids = childElements(child(config, 'Items')).map(contentOf)
      if (ids.length > 5) {
        return new CloudFrontError('TooManyPublicKeysInKeyGroup', 'More than 5 public keys in one group.')
      }
      const lost = ids.find((id) => !keys.has(id))
      return lost === undefined
        ? undefined
        : new CloudFrontError('InvalidArgument', `There is no public key ${lost}.`)
    },
  },
}

function withFinalNewline(config: XmlElement): XmlElement {
  return {
    ...config,
    children: config.children.map((part) =>
      typeof part !== 'string' && part.name === 'EncodedKey'
        ? element('EncodedKey', contentOf(part).replace(/\n*$/, '\n'))
        : part,
    ),
  }
}

export function kindNamed(name: KeptKindName): Kind {
  return KINDS[name]
}

/** One store of each kind, each with a folder of its own. */
export function keepAll(optionsOf: (folder: string) => KeptOptions): Kept {
  const entries = KEPT_KINDS.map((name) => {
    const { idFrom, missing, managed = [] } = KINDS[name]
    const error = (id: string): CloudFrontError => new CloudFrontError(missing, `There is no ${name} ${id}.`)
    return [name, new KeptConfigs(optionsOf(pathOf(name)), { idFrom, managed, missing: error })] as const
  })
  return Object.fromEntries(entries) as Kept
}

/** The stores of whatever a distribution can name and the emulator can have. */
export type KeptByKind = Readonly<Partial<Record<ReferenceKind, KeptConfigs>>>

/** Whether it is there; of a kind that the emulator does not have, everything is. */
export function existsAmong(byKind: KeptByKind, kind: ReferenceKind, id: string): boolean {
  return byKind[kind]?.has(id) ?? true
}

/** Where a kind lies below the version of the API. */
export function pathOf(name: KeptKindName): string {
  return (OPERATIONS[`Create${name}`]?.path ?? '').replace(/^\/[\d-]+\//, '')
}

const asItIs = (config: XmlElement): XmlElement => config

/** The configuration to keep in the place of `current`. Throws CloudFrontError when there can be none like it. */
export function acceptable(
  name: KeptKindName,
  config: XmlElement,
  current: KeptConfig | undefined,
  kept: Kept,
): XmlElement {
  const { fill = asItIs, judge, max, tooMany, taken } = KINDS[name]
  const filled = fill(config)
  const problem = judge?.(filled, current?.config, kept)
  if (problem !== undefined) throw problem
  if (current === undefined && kept[name].size >= max) {
    throw new CloudFrontError(tooMany, `More than ${max} of ${name} in one account.`)
  }
  const own = textOf(filled, 'Name')
  if (kept[name].list().some((other) => other.id !== current?.id && textOf(other.config, 'Name') === own)) {
    throw new CloudFrontError(taken, `There is a ${name} with the name ${own ?? ''} already.`)
  }
  return filled
}

/** Whether something that is there names a resource of that kind; `isReferred` asks the distributions. */
export function isKeptInUse(
  name: KeptKindName,
  id: string,
  kept: Kept,
  isReferred: (kind: ReferenceKind, id: string) => boolean,
): boolean {
  if (name !== 'PublicKey') return isReferred(name, id)
  const groups = kept.KeyGroup.list().map(({ config }) =>
    childElements(child(config, 'Items')).map(contentOf),
  )
  return groups.flat().includes(id)
}
