/** The members that the short form of a seed may have, and of which type. */
import { MANAGED_CACHE_POLICIES } from './control-plane/cache-policy.ts'
import { DEFAULT_BEHAVIOR } from './control-plane/distribution-config.ts'
import type { SeedBehavior, SeedDistribution, SeedFunction, SeedStore } from './seed-content.ts'

type Shape = Record<string, 'text' | 'number' | 'boolean' | 'list' | 'map'>

export const SEED_SHAPE: Shape = { distributions: 'list', keyValueStores: 'list', functions: 'list' }
const STORE_SHAPE: Shape = { name: 'text', comment: 'text', items: 'map' }
const FUNCTION_SHAPE: Shape = {
  name: 'text',
  comment: 'text',
  code: 'text',
  codeFile: 'text',
  keyValueStore: 'text',
}
const DISTRIBUTION_SHAPE: Shape = {
  id: 'text',
  domainName: 'text',
  comment: 'text',
  enabled: 'boolean',
  aliases: 'list',
  origins: 'list',
  behaviors: 'list',
  errorTtlSeconds: 'map',
}
const ORIGIN_SHAPE: Shape = {
  id: 'text',
  domainName: 'text',
  httpPort: 'number',
  originPath: 'text',
  customHeaders: 'map',
  readTimeoutSeconds: 'number',
  keepaliveTimeoutSeconds: 'number',
  connectionTimeoutSeconds: 'number',
  connectionAttempts: 'number',
}
const BEHAVIOR_SHAPE: Shape = {
  pathPattern: 'text',
  targetOriginId: 'text',
  hostHeader: 'text',
  allowedMethods: 'list',
  cachePolicy: 'text',
  viewerRequestFunction: 'text',
}

/** What is wrong with the members of a distribution, told by where they stand. */
export function shapeProblems(distribution: SeedDistribution, at: string): string[] {
  const problems = misfits(distribution, DISTRIBUTION_SHAPE, ['origins', 'behaviors'], at)
  if (problems.length > 0) return problems
  distribution.origins.forEach((origin, index) => {
    problems.push(...misfits(origin, ORIGIN_SHAPE, ['id', 'domainName'], `${at}.origins[${index}]`))
  })
  distribution.behaviors.forEach((behavior, index) => {
    const required = ['pathPattern', 'targetOriginId']
    problems.push(...misfits(behavior, BEHAVIOR_SHAPE, required, `${at}.behaviors[${index}]`))
    problems.push(...cachePolicyProblems(behavior, `${at}.behaviors[${index}]`))
  })
  const defaults = distribution.behaviors.filter(({ pathPattern }) => pathPattern === DEFAULT_BEHAVIOR).length
  if (defaults !== 1)
    problems.push(`${at}.behaviors: exactly one must have the pathPattern "*", found ${defaults}`)
  return problems
}

function cachePolicyProblems({ cachePolicy }: SeedBehavior, at: string): string[] {
  const known = Object.keys(MANAGED_CACHE_POLICIES)
  return cachePolicy === undefined || known.includes(cachePolicy)
    ? []
    : [`${at}.cachePolicy: unknown ${JSON.stringify(cachePolicy)}; known are ${known.join(', ')}`]
}

/** The same for a KeyValueStore, whose values are texts; JSON in them is written as text. */
export function storeProblems(one: SeedStore, at: string): string[] {
  const problems = misfits(one, STORE_SHAPE, ['name'], at)
  if (problems.length > 0) return problems
  return Object.entries(one.items ?? {})
    .filter(([, value]) => kindOf(value) !== 'text')
    .map(([key, value]) => `${at}.items.${key}: expected a text, not ${JSON.stringify(value)}; quote it`)
}

/** The same for a function. */
export function functionProblems(one: SeedFunction, at: string): string[] {
  const problems = misfits(one, FUNCTION_SHAPE, ['name'], at)
  if (problems.length > 0 || (one.code === undefined) !== (one.codeFile === undefined)) return problems
  return [`${at}: expected exactly one of code and codeFile`]
}

/** Members that are missing, unknown or of another type. */
export function misfits(value: unknown, shape: Shape, required: readonly string[], at: string): string[] {
  if (kindOf(value) !== 'map') return [`${at}: expected an object`]
  const members = value as Record<string, unknown>
  const missing = required
    .filter((name) => members[name] === undefined)
    .map((name) => `${at}.${name}: missing`)
  const wrong = Object.entries(members).flatMap(([name, member]) => {
    const expected = shape[name]
    if (expected === undefined) return [`${at}.${name}: unknown; known are ${Object.keys(shape).join(', ')}`]
    return kindOf(member) === expected
      ? []
      : [`${at}.${name}: expected a ${expected}, not ${JSON.stringify(member)}`]
  })
  return [...missing, ...wrong]
}

/** What a JSON value is in the words of a Shape. */
export function kindOf(value: unknown): Shape[string] | undefined {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object' && value !== null) return 'map'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number' || typeof value === 'boolean') return typeof value as 'number' | 'boolean'
  return undefined
}
