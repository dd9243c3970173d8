/** What the API server does with an object before it stores it: defaults, unknown fields, the schema, its CEL rules. */
import { Environment } from '@marcbachmann/cel-js'
import { shorten } from '../../operator/api/text.ts'
import type { Schema } from './crd.ts'

const LONGEST_VALUE = 80

/** The value with the defaults of its schema filled in; nothing else is changed. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if (value === undefined && schema.default !== undefined)
    return withDefaults(schema, structuredClone(schema.default))
  if (Array.isArray(value)) {
    const { items } = schema
    return items ? value.map((one) => withDefaults(items, one)) : value
  }
  if (!isObject(value)) return value
  const filled: Record<string, unknown> = { ...value }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const member = withDefaults(child, value[name])
    if (member !== undefined) filled[name] = member
  }
  return filled
}

/** Everything that is wrong with a value by its schema; each names field and value. */
export function schemaProblems(schema: Schema, value: unknown, field: string): string[] {
  if (value === null && !schema.nullable) return [`${field} is null: remove it, or give it a value`]
  const typed = typeProblem(schema, value, field)
  if (typed !== undefined) return [typed]
  const rules = ruleProblems(schema, value, field)
  // Where a rule speaks, it says more than the pattern beside it.
  const own = rules.length > 0 ? rules : valueProblems(schema, value, field)
  if (Array.isArray(value)) return [...own, ...listProblems(schema, value, field)]
  return isObject(value) ? [...own, ...memberProblems(schema, value, field)] : own
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

const WRITTEN: Record<string, string> = {
  string: 'a text: put it in quotes',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

function typeProblem(schema: Schema, value: unknown, field: string): string | undefined {
  const { type } = schema
  const found = typeOf(value)
  if (type === undefined || type === found || (type === 'number' && found === 'integer')) return undefined
  if (schema['x-kubernetes-int-or-string'] && ['integer', 'string'].includes(found)) return undefined
  return `${field} is ${valueText(value)}, and must be ${WRITTEN[type] ?? type}`
}

function valueText(value: unknown): string {
  return shorten(JSON.stringify(value), LONGEST_VALUE)
}

function valueProblems(schema: Schema, value: unknown, field: string): string[] {
  const problems: string[] = []
  const text = valueText(value)
  if (schema.enum && !schema.enum.includes(value))
    problems.push(`${field} is ${text}, and must be one of ${schema.enum.join(', ')}`)
  if (typeof value === 'number') {
    if (schema.minimum !== undefined && value < schema.minimum)
      problems.push(`${field} is ${text}, and must be at least ${schema.minimum}`)
    if (schema.maximum !== undefined && value > schema.maximum)
      problems.push(`${field} is ${text}, and must be at most ${schema.maximum}`)
  }
  if (typeof value === 'string') problems.push(...textProblems(schema, value, field))
  return problems
}

function textProblems({ pattern, minLength, maxLength }: Schema, value: string, field: string): string[] {
  const length = Array.from(value).length
  if (minLength !== undefined && length < minLength)
    return [`${field} is ${valueText(value)}, and must not be empty`]
  if (maxLength !== undefined && length > maxLength)
    return [
      `${field} is ${valueText(value)}, and must have at most ${maxLength} characters (it has ${length})`,
    ]
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    return [`${field} is ${valueText(value)}, and must match ${pattern}`]
  return []
}

function listProblems(schema: Schema, value: readonly unknown[], field: string): string[] {
  const { items, minItems, maxItems } = schema
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const keysOf = value.map((one) =>
    JSON.stringify(keys.map((key) => (one as Record<string, unknown> | null)?.[key])),
  )
  const twice =
    keys.length === 0 ? undefined : value.find((_, index) => keysOf.indexOf(keysOf[index] ?? '') < index)
  return [
    ...(minItems !== undefined && value.length < minItems
      ? [`${field} must have at least ${minItems} entries`]
      : []),
    ...(maxItems !== undefined && value.length > maxItems
      ? [`${field} has ${value.length} entries, and may have ${maxItems}`]
      : []),
    ...(twice === undefined
      ? []
      : [`${field} has two entries with the same ${keys.join(' and ')}: ${valueText(twice)}`]),
    ...value.flatMap((one, index) => (items ? schemaProblems(items, one, `${field}[${index}]`) : [])),
  ]
}

function memberProblems(schema: Schema, value: Record<string, unknown>, field: string): string[] {
  const { properties = {}, required = [], additionalProperties } = schema
  // The API server knows more members of every object's metadata than a CRD names.
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || field === 'metadata'
  const path = (name: string): string => (field === '' ? name : `${field}.${name}`)
  const missing = required
    .filter((name) => value[name] === undefined)
    .map((name) => `${path(name)} is missing: it is required`)
  const members = Object.entries(value).flatMap(([name, member]) => {
    const child = Object.hasOwn(properties, name) ? properties[name] : additionalProperties
    if (child) return member === undefined ? [] : schemaProblems(child, member, path(name))
    return isOpen ? [] : [unknownText(path(name), name, Object.keys(properties))]
  })
  return [...missing, ...members]
}

function unknownText(path: string, name: string, known: readonly string[]): string {
  const near = known.find((one) => distance(one.toLowerCase(), name.toLowerCase()) <= 2)
  const help = near === undefined ? `it has ${known.join(', ')}` : `is ${near} meant?`
  return `${path} is no field of the API: ${help}`
}

/** Levenshtein's, for words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1)
      next.push(
        Math.min(
          (next[j - 1] ?? 0) + 1,
          (row[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        ),
      )
    row = next
  }
  return row[b.length] ?? 0
}

/** As the API server has it, with its own library of lists: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library */
const CEL = new Environment({ unlistedVariablesAreDyn: true }).registerFunction(
  'list.sum(): int',
  (numbers: (bigint | number)[]) => numbers.reduce<bigint>((all, one) => all + BigInt(one), 0n),
)

function ruleProblems(schema: Schema, value: unknown, field: string): string[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule, message }) => {
    // What compares with the object that was there before is the API server's to say.
    if (/\boldSelf\b/.test(rule)) return []
    return holds(rule, value) ? [] : [ruleText(field, value, message)]
  })
}

function ruleText(field: string, value: unknown, message: string): string {
  if (/^(?:spec|metadata)\b/.test(message)) return message
  const isValue = typeof value !== 'object'
  return isValue
    ? `${field} is ${valueText(value)}, and ${message}`
    : `${field}: ${message}`.replace(/^: /, '')
}

function holds(rule: string, self: unknown): boolean {
  try {
    return CEL.evaluate(rule, { self }) === true
  } catch {
    // A rule that this evaluator cannot follow is asked of the API server.
    return true
  }
}
