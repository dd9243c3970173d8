/** Leaving out of a body what nobody should read. */

const REDACTED = '[redacted]'
/** Deeper than any request that a route takes. */
const MAX_DEPTH = 100
/** Where values stand in the order of the model's columns, without their names. */
const BY_POSITION = new Set(['data', 'instances', 'inputs'])

/** Which fields, in lower case, and whether one of them is a column, whose values then stand in lists without a name too. */
export type Redaction = { fields: ReadonlySet<string>; byPosition: boolean }

/** What to leave out of bodies for a model with these columns. */
export function redactionFor(fields: readonly string[], columns: readonly string[]): Redaction {
  const set = new Set(fields)
  return { fields: set, byPosition: columns.some((column) => set.has(column.toLowerCase())) }
}

/**
 * A copy of a parsed body without the values of some fields: those under the name of one, the data of a tensor that has the
 * name of one, and, where one is a column, all that is sent in the order of the columns.
 */
export function redact(value: unknown, redaction: Redaction, depth = 0): unknown {
  if (redaction.fields.size === 0) return value
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return REDACTED
  if (Array.isArray(value)) return value.map((element) => redact(element, redaction, depth + 1))

  const isTensor = 'name' in value && isNamed(value.name, redaction)
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      const isHidden =
        redaction.fields.has(key.toLowerCase()) ||
        (isTensor && key === 'data') ||
        (redaction.byPosition && BY_POSITION.has(key) && isPositional(field))
      return [key, isHidden ? REDACTED : redact(field, redaction, depth + 1)]
    }),
  )
}

function isNamed(name: unknown, { fields }: Redaction): boolean {
  return typeof name === 'string' && fields.has(name.toLowerCase())
}

/** A list of numbers, or of lists of them, as opposed to a list of objects, whose fields have names. */
function isPositional(value: unknown): boolean {
  return (
    Array.isArray(value) && value.some((element) => typeof element !== 'object' || Array.isArray(element))
  )
}
