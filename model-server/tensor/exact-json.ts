/** JSON whose integers keep all their digits. */
import type { Signature } from './tensor.ts'

// ES2026, in Node 22 and later; TypeScript 6.0 does not know the third argument of a reviver.
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown
const parse = JSON.parse as unknown as (text: string, reviver: Reviver) => unknown

/** The shortest run of digits that may stand for an integer beyond 2^53. */
const MANY_DIGITS = /\d{16}/

/** What parses requests for a model: exactly where it takes integers of 64 bits, and fast where it does not. */
export function parserFor({ inputs }: Signature): (text: string) => unknown {
  const isBig = inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64')
  return isBig ? parseExactly : JSON.parse
}

/**
 * JSON.parse, but integers that a number cannot hold exactly become bigints. A text without such digits costs no more than
 * looking for them; with them the parser calls back for every value, which takes some ten times as long.
 * @throws SyntaxError as JSON.parse does, RangeError where the text is nested too deep
 */
export function parseExactly(text: string): unknown {
  return MANY_DIGITS.test(text) ? parse(text, exactly) : (JSON.parse(text) as unknown)
}

/** The digits of 64 bits. Longer ones fit no tensor, and turning millions of them into a bigint would take minutes. */
const INTEGER = /^-?\d{16,20}$/

const exactly: Reviver = (_key, value, { source }) => {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return source !== undefined && INTEGER.test(source) ? BigInt(source) : value
}
