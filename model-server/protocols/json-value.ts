/** Looking at JSON that nobody checked yet. */
import { RequestError } from '../http/request-error.ts'
import { shown } from '../tensor/tensor-json.ts'

/** Whether a value is an object, and not a list or null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A value that has to be an object.
 * @param place names it in the refusal
 * @throws RequestError 400
 */
export function objectAt(place: string, value: unknown): Record<string, unknown> {
  if (isObject(value)) return value
  throw new RequestError(400, `${place}: expected an object, got ${shown(value)}`)
}

/** The keys of a request, as many and as much of them as a message can hold. */
export function namesOf(names: readonly string[]): string {
  const some = names
    .slice(0, 8)
    .map((name) => `'${name.slice(0, 40)}'`)
    .join(', ')
  if (names.length === 0) return 'none'
  return names.length > 8 ? `${some} and ${names.length - 8} more` : some
}
