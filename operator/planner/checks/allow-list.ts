/** Which namespaces may use which distributions, and as whom: the operator's own list, which no release can change. */
import { COLORS } from '../../api/names.ts'
import {
  distributionField,
  distributionOf,
  keyValueStoreOf,
  type KeyValueStore,
  type ModelRelease,
  type Spec,
} from '../../api/release.ts'
import { originName } from '../model/observation.ts'

/** An identity to take on. */
export interface Role {
  arn: string
  /** What the role's trust policy asks for, so that nobody else can have the operator take it on. */
  externalId?: string
}

export interface AllowedStore {
  arn: string
  /** Keys that they may write; absent: all. */
  keys?: string[]
}

export interface AllowedTarget {
  /** Namespaces of releases; `*` is any. */
  namespaces: string[]
  distributionId: string
  /** Path patterns that they may move; absent: all. */
  behaviors?: string[]
  /** Origins that they may name; absent: all. */
  origins?: string[]
  /** Stores whose keys may decide where users of the distribution go; absent: none. */
  keyValueStores?: AllowedStore[]
  /** As whom the distribution and its stores are read and written; absent: as the operator itself. */
  role?: Role
}

/** Undefined: there is no list, and every namespace may use whatever the operator's credentials may. */
export type AllowList = readonly AllowedTarget[] | undefined

/**
 * Why the release may not use its distribution, with what would have to be allowed; undefined when it may. For each of its
 * behaviors one target must allow behavior, origins and key together: what two targets allow is not allowed crosswise.
 */
export function forbidden(list: AllowList, { metadata, spec }: ModelRelease): string | undefined {
  const settings = distributionOf(spec)
  if (!list || !settings) return undefined
  const { distributionId, behaviors } = settings
  if (list.length === 0)
    return `${distributionField(spec)}.distributionId: the operator may use no distribution at all: have CLOUDFRONT_ALLOW_LIST of the operator let namespace "${metadata.namespace}" use ${distributionId}, or have CLOUDFRONT_ALLOW_ALL=true let every namespace use what its credentials can`
  const ours = list.filter(
    (target) =>
      target.distributionId === distributionId &&
      (target.namespaces.includes('*') || target.namespaces.includes(metadata.namespace)),
  )
  const who = `the operator's allow-list does not let namespace "${metadata.namespace}"`
  if (ours.length === 0)
    return `${distributionField(spec)}.distributionId: ${who} use distribution ${distributionId}: name another, or have it allowed`
  for (const { pathPattern } of behaviors) {
    const message = forbiddenBehavior(ours, spec, { pathPattern, who })
    if (message !== undefined) return message
  }
  return undefined
}

type Behavior = { pathPattern: string; who: string }

function forbiddenBehavior(
  ours: readonly AllowedTarget[],
  spec: Spec,
  { pathPattern, who }: Behavior,
): string | undefined {
  const field = distributionField(spec)
  const id = distributionOf(spec)?.distributionId ?? ''
  const ofBehavior = ours.filter((one) => !one.behaviors || one.behaviors.includes(pathPattern))
  if (ofBehavior.length === 0)
    return `${field}.behaviors: ${who} move "${pathPattern}" of ${id}: name another, or have it allowed`
  const origins = COLORS.map((color) => originName(spec, color))
  const allows = ({ origins: allowed }: AllowedTarget, name: string): boolean =>
    !allowed || allowed.includes(name)
  const ofOrigins = ofBehavior.filter((one) => origins.every((name) => allows(one, name)))
  if (ofOrigins.length === 0) {
    const missing = origins.filter((name) => !ofBehavior.some((one) => allows(one, name)))
    const names = (missing.length > 0 ? missing.slice(0, 1) : origins)
      .map((name) => `"${name}"`)
      .join(' and ')
    return `${field}.origins: ${who} use origin ${names} for "${pathPattern}" of ${id}: name another, or have behavior and origins allowed by one target`
  }
  const store = keyValueStoreOf(spec)
  return store && forbiddenKey(ofOrigins, store, { pathPattern, who })
}

function forbiddenKey(
  ours: readonly AllowedTarget[],
  { keyValueStoreArn, key }: KeyValueStore,
  { pathPattern, who }: Behavior,
): string | undefined {
  const field = 'spec.traffic.cloudFrontKeyValueStore'
  const remedy = `for "${pathPattern}": name another, or have behavior, origins and key allowed by one target`
  const stores = ours
    .flatMap(({ keyValueStores }) => keyValueStores ?? [])
    .filter(({ arn }) => arn === keyValueStoreArn)
  if (stores.length === 0)
    return `${field}.keyValueStoreArn: ${who} use the store ${keyValueStoreArn} ${remedy}`
  if (stores.some(({ keys }) => !keys || keys.includes(key))) return undefined
  return `${field}.key: ${who} write key "${key}" of ${keyValueStoreArn} ${remedy}`
}

/** As whom a distribution is used; parsing has seen to it that it is one for all. */
export function roleFor(list: AllowList, distributionId: string): Role | undefined {
  return list?.find((target) => target.distributionId === distributionId)?.role
}

/** Reads the list out of what a file holds; every problem at once, each with where it stands. */
export function parseAllowList(document: unknown): { targets: AllowedTarget[] } | { problems: string[] } {
  const problems: string[] = []
  const targets = isObject(document) ? document.targets : undefined
  if (!Array.isArray(targets)) return { problems: ['targets is not a list: give a list, even an empty one'] }
  targets.forEach((target, index) => {
    problems.push(...targetProblems(target, `targets[${index}]`))
  })
  if (isObject(document)) problems.push(...strangers(document, ['targets'], ''))
  if (problems.length > 0) return { problems }
  const sound = targets as AllowedTarget[]
  const twice = severalRoles(sound)
  return twice.length > 0 ? { problems: twice } : { targets: sound }
}

type Json = Record<string, unknown>

const MEMBERS = ['namespaces', 'distributionId', 'behaviors', 'origins', 'keyValueStores', 'role']

function targetProblems(target: unknown, at: string): string[] {
  if (!isObject(target)) return [`${at} is not an object`]
  const { namespaces, distributionId, behaviors, origins, keyValueStores, role } = target
  return [
    ...strangers(target, MEMBERS, `${at}.`),
    ...(isTexts(namespaces) ? [] : [`${at}.namespaces is not a list of names: give at least one, or "*"`]),
    ...(isText(distributionId, /^E[A-Z0-9]{5,20}$/)
      ? []
      : [`${at}.distributionId is ${shown(distributionId)}: give an id like E123EXAMPLE`]),
    ...(behaviors === undefined || isTexts(behaviors)
      ? []
      : [`${at}.behaviors is not a list of path patterns: leave it away to allow all`]),
    ...(origins === undefined || isTexts(origins)
      ? []
      : [`${at}.origins is not a list of origin ids: leave it away to allow all`]),
    ...(keyValueStores === undefined ? [] : storesProblems(keyValueStores, `${at}.keyValueStores`)),
    ...(role === undefined ? [] : roleProblems(role, `${at}.role`)),
  ]
}

function storesProblems(stores: unknown, at: string): string[] {
  if (!Array.isArray(stores)) return [`${at} is not a list: leave it away to allow none`]
  return stores.flatMap((store: unknown, index) => storeProblems(store, `${at}[${index}]`))
}

function storeProblems(store: unknown, at: string): string[] {
  if (!isObject(store)) return [`${at} is not an object with arn and keys`]
  return [
    ...strangers(store, ['arn', 'keys'], `${at}.`),
    ...(isText(store.arn, /^arn:aws[a-z-]*:cloudfront::[0-9]{12}:key-value-store\/[0-9a-fA-F-]{36}$/)
      ? []
      : [
          `${at}.arn is ${shown(store.arn)}: give one like arn:aws:cloudfront::123456789012:key-value-store/a1b2…`,
        ]),
    ...(store.keys === undefined || isTexts(store.keys)
      ? []
      : [`${at}.keys is not a list of keys: leave it away to allow all`]),
  ]
}

function roleProblems(role: unknown, at: string): string[] {
  if (!isObject(role)) return [`${at} is not an object with arn and externalId`]
  return [
    ...strangers(role, ['arn', 'externalId'], `${at}.`),
    ...(isText(role.arn, /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/.+$/)
      ? []
      : [`${at}.arn is ${shown(role.arn)}: give one like arn:aws:iam::123456789012:role/modelrelease`]),
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    ...(role.externalId === undefined || isText(role.externalId, /^[\w+=,.@:/-]{2,1224}$/)
      ? []
      : [`${at}.externalId is ${shown(role.externalId)}: give 2 to 1224 letters, digits or + = , . @ : / -`]),
  ]
}

/** A distribution has one reader and one writer, who can only be one. */
function severalRoles(targets: readonly AllowedTarget[]): string[] {
  return targets.flatMap((target, index) => {
    const first = targets.find(({ distributionId }) => distributionId === target.distributionId)
    return JSON.stringify(first?.role) === JSON.stringify(target.role)
      ? []
      : [
          `targets[${index}].role differs from another target of distribution ${target.distributionId}: give all of them the same`,
        ]
  })
}

/** A misspelled member would allow what it was meant to forbid. */
function strangers(object: Json, known: readonly string[], at: string): string[] {
  return Object.keys(object)
    .filter((name) => !known.includes(name))
    .map((name) => `${at}${name} is not known: use ${known.join(', ')}`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value)
}

function isTexts(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && one !== '')
  )
}

function shown(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value).slice(0, 100)
}
