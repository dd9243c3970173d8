/** JSON whose integers keep all their digits. */
import { randomUUID } from 'node:crypto'
import type { Signature } from './tensor.ts'

/** 16 digits of an integer, not those behind a point; where there are none, every number is exact. */
const MANY_DIGITS = /(?<![\d.])\d{16}(?!\d*[.eE])/

/**
 * A text, or an integer that a number may not hold. Those of more than 20 digits fit no tensor, and turning millions of them into
 * a bigint would take minutes.
 */
const TEXT_OR_INTEGER = /"[^"\\]*(?:\\[^][^"\\]*)*"|(?<![\d.eE+-])-?\d{16,20}(?![\d.eE])/g

/** What parses requests for a model: exactly where it takes integers of 64 bits, and fast where it does not. */
export function parserFor({ inputs }: Signature): (text: string) => unknown {
  const isBig = inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64')
  return isBig ? parseExactly : JSON.parse
}

/**
 * JSON.parse, but integers that a number cannot hold exactly become bigints: they are parsed as texts that nobody else can have
 * written, and put in their place afterwards. A reviver would do the same, ten times as slowly, since it is called for every value.
 * @throws SyntaxError as JSON.parse does
 */
export function parseExactly(text: string): unknown {
  if (!MANY_DIGITS.test(text)) return JSON.parse(text) as unknown
  const mark = `${randomUUID()}:`
  let marked = 0
  const withMarks = text.replace(TEXT_OR_INTEGER, (token) => {
    if (token.startsWith('"') || Number.isSafeInteger(Number(token))) return token
    marked += 1
    return `"${mark}${token}"`
  })
  if (marked === 0) return JSON.parse(text) as unknown
  try {
    return withIntegers(JSON.parse(withMarks) as unknown, mark)
  } catch {
    // In its own words, of what was sent.
    return JSON.parse(text) as unknown
  }
}

/** Iterates, because 200,000 open brackets are valid JSON and would overflow the stack. */
function withIntegers(value: unknown, mark: string): unknown {
  const root: [unknown] = [value]
  const open: (unknown[] | Record<string, unknown>)[] = [root]
  for (let top = open.pop(); top !== undefined; top = open.pop()) {
    if (Array.isArray(top)) replaceElements(top, mark, open)
    else for (const key of Object.keys(top)) top[key] = replaced(top[key], mark, open)
  }
  return root[0]
}

function replaceElements(list: unknown[], mark: string, open: (unknown[] | Record<string, unknown>)[]): void {
  for (let index = 0; index < list.length; index += 1) {
    const value = list[index]
    // Almost everything is a number.
    if (typeof value !== 'number') list[index] = replaced(value, mark, open)
  }
}

function replaced(value: unknown, mark: string, open: (unknown[] | Record<string, unknown>)[]): unknown {
  if (typeof value === 'string') return value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value
  if (typeof value === 'object' && value !== null) open.push(value as Record<string, unknown>)
  return value
}
