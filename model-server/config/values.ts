/** What single settings may be, whether they come as text from the environment or as a value from a JSON file. */

/** Turns a setting into what the server uses, given `undefined` where it is not set; throws an Error that says what was expected. */
export type Parse<T> = (value: unknown) => T

/** Reads one setting. A problem is noted under the setting's name, and the reading goes on. */
export type Read<Name extends string> = <T>(name: Name, parse: Parse<T>) => T

/** The least and the most that a float, a Buffer or a timer takes without surprises. */
export const MAX_INT32 = 2 ** 31 - 1

/** A value for a message. */
export function got(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
  return `got ${text.length > 120 ? `${text.slice(0, 120)}…` : text}`
}

/** Text, as it is. */
export function text(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new Error(`expected text, ${got(value)}`)
}

/** A setting that has to be there. */
export function required<T>(parse: Parse<T | undefined>, why: string): Parse<T> {
  return (value) => {
    const parsed = parse(value)
    if (parsed === undefined) throw new Error(`is required: ${why}`)
    return parsed
  }
}

/** An integer within limits; digits in the environment. */
export function integer<const T extends number | undefined>(
  fallback: T,
  low: number,
  high: number,
): Parse<number | T> {
  return (value) => {
    if (value === undefined) return fallback
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= low && number <= high)
      return number
    throw new Error(`expected an integer from ${low} to ${high}, ${got(value)}`)
  }
}

/** true or false; the same words in the environment. */
export function flag(fallback: boolean): Parse<boolean> {
  return (value) => {
    if (value === undefined) return fallback
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    throw new Error(`expected true or false, ${got(value)}`)
  }
}

/** One of a closed set of words. */
export function oneOf<const T extends string>(words: readonly T[], fallback: T): Parse<T> {
  return (value) => {
    if (value === undefined) return fallback
    const word = words.find((candidate) => candidate === value)
    if (word !== undefined) return word
    throw new Error(`expected one of ${words.join(', ')}, ${got(value)}`)
  }
}

/** The name or the version of a model: a part of a path. */
export function pathName(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value)) return value
  throw new Error(`expected letters, digits, '.', '_' and '-', at most 128, ${got(value)}`)
}

/** A SHA-256 in lower-case hex. */
export function digest(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const hex = typeof value === 'string' ? value.replace(/^sha256:/, '').toLowerCase() : ''
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  throw new Error(`expected 64 hexadecimal digits (sha256sum FILE prints them), ${got(value)}`)
}

/** Names of columns in the order of the model's input: a list, or text with commas. */
export function columnNames(value: unknown): string[] | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string') return parseColumns(value)
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return checkedColumns(value)
  throw new Error(`expected a list of names, ${got(value)}`)
}

/**
 * Names of columns in the order of the model's input, separated by commas.
 * @throws Error where a name is empty or given twice
 */
export function parseColumns(list: string): string[] {
  return checkedColumns(list.split(',').map((column) => column.trim()))
}

function checkedColumns(columns: string[]): string[] {
  const all = columns.join(',')
  if (columns.length === 0 || columns.includes('')) {
    throw new Error(`expected names separated by commas, got '${all}'`)
  }
  const twice = columns.find((column, index) => columns.indexOf(column) !== index)
  if (twice !== undefined) throw new Error(`column '${twice}' is named twice in '${all}'`)
  return columns
}
