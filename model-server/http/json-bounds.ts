/** What of JSON is refused before anything parses it: what is small on the wire and large, or slow, in memory. */
import { RequestError } from './request-error.ts'

/** Smaller bodies cost nobody much, whatever is in them. */
const SMALL_BYTES = 2 ** 16
/** Lists and objects, and so their depth: each takes some hundred bytes and a microsecond, whatever is in it. */
const MAX_CONTAINERS = 2 ** 19
/** Elements of them all; an image of 2,000 by 2,000 has 12 million numbers and belongs in bytes. */
const MAX_VALUES = 2 ** 23

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING = [0x5b, 0x7b] as const

/**
 * Look over a body before it is parsed.
 * @throws RequestError 400 where it has more lists and objects, or more values, than a request may have
 */
export function checkJsonBounds(body: Buffer): void {
  if (body.length <= SMALL_BYTES) return
  // Brackets may stand in texts, so that only too many of them are worth a closer look. A value and its comma are two bytes.
  if (body.length <= 2 * MAX_VALUES && bracketsIn(body) <= MAX_CONTAINERS) return
  const { containers, values } = contentOf(body)
  if (containers > MAX_CONTAINERS) throw tooMuch(`${MAX_CONTAINERS} lists and objects`)
  if (values > MAX_VALUES) throw tooMuch(`${MAX_VALUES} values`)
}

/** Opening ones, until there are too many. */
function bracketsIn(body: Buffer): number {
  let count = 0
  for (const byte of OPENING) {
    for (let at = body.indexOf(byte); at !== -1 && count <= MAX_CONTAINERS; at = body.indexOf(byte, at + 1)) {
      count += 1
    }
  }
  return count
}

function contentOf(body: Buffer): { containers: number; values: number } {
  let containers = 0
  let values = 1
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]
    if (byte === COMMA) values += 1
    else if (byte === QUOTE) at = endOfText(body, at + 1)
    else if (byte === OPENING[0] || byte === OPENING[1]) containers += 1
  }
  return { containers, values }
}

/** Where the quotation mark stands that ends a text; the end of the body where there is none. */
function endOfText(body: Buffer, start: number): number {
  for (let at = start; at < body.length; at += 1) {
    if (body[at] === QUOTE) return at
    if (body[at] === BACKSLASH) at += 1
  }
  return body.length
}

function tooMuch(what: string): RequestError {
  return new RequestError(
    400,
    `the body: expected JSON with at most ${what}, got more; send large tensors as bytes`,
  )
}
