/** Leaving out of a body what nobody should read. */

const REDACTED = '[redacted]'
/** Deeper than any request that a route takes. */
const MAX_DEPTH = 100
/** Where values stand in the order of the model's columns, without their names. */
const BY_POSITION = new Set(['data', 'instances', 'inputs'])
const TENSORS = new Set(['instances', 'inputs'])

/** All names are in lower case. Where one of the fields is a column, its values stand in lists without its name too: `byPosition`. */
export type Redaction = {
  fields: ReadonlySet<string>
  columns: ReadonlySet<string>
  byPosition: boolean
}

/** What to leave out of bodies for a model with these columns. */
export function redactionFor(fields: readonly string[], columns: readonly string[]): Redaction {
  const named = new Set(fields)
  const known = new Set(columns.map((column) => column.toLowerCase()))
  return { fields: named, columns: known, byPosition: [...known].some((column) => named.has(column)) }
}

/** How deep a value stands, and whether it is part of what V1 and MLflow send as tensors by their names. */
type Place = { depth: number; inTensors: boolean }

/**
 * A copy of a parsed body without the values of some fields: those under the name of one, the data of a tensor that has the
 * name of one, and, where one is a column, all that is sent in the order of the columns. What is nested deeper than any request
 * is left out in any case: JSON.stringify would overflow the stack.
 */
export function redact(
  value: unknown,
  redaction: Redaction,
  { depth, inTensors }: Place = { depth: 0, inTensors: false },
): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return REDACTED
  if (Array.isArray(value)) {
    return value.map((element) => redact(element, redaction, { depth: depth + 1, inTensors }))
  }

  const isTensor = 'name' in value && isNamed(value.name, redaction)
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      const isHidden =
        redaction.fields.has(key.toLowerCase()) ||
        (isTensor && key === 'data') ||
        (isPositional(field) && isOfColumns(key, redaction, inTensors))
      const inner = { depth: depth + 1, inTensors: inTensors || TENSORS.has(key) }
      return [key, isHidden ? REDACTED : redact(field, redaction, inner)]
    }),
  )
}

/** Whether a list under this key holds values of a hidden column among others. */
function isOfColumns(key: string, { byPosition, columns }: Redaction, inTensors: boolean): boolean {
  if (!byPosition) return false
  // Below these a key is the name of a tensor, whatever the model calls it, unless it is that of a column.
  return BY_POSITION.has(key) || (inTensors && key !== 'shape' && !columns.has(key.toLowerCase()))
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
