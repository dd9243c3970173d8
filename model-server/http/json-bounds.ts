/** What of JSON is refused before anything parses it: what is small on the wire and large, or slow, in memory. */
import { RequestError } from './request-error.ts'

/** Smaller bodies cost nobody much, whatever is in them. */
const SMALL_BYTES = 2 ** 16
/** Deeper nesting is no tensor. */
const MAX_DEPTH = 128
/** Lists and objects: each takes some hundred bytes and a microsecond, whatever is in it. */
const MAX_CONTAINERS = 2 ** 19
/** Elements of them all; an image of 2,000 by 2,000 has 12 million numbers and belongs in bytes. */
const MAX_VALUES = 2 ** 23

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING = [0x5b, 0x7b]
const CLOSING = [0x5d, 0x7d]

/** What a byte outside of texts may be. */
const KINDS = new Uint8Array(256)
const [OPENS, CLOSES, SEPARATES, QUOTES] = [1, 2, 3, 4]
for (const byte of OPENING) KINDS[byte] = OPENS
for (const byte of CLOSING) KINDS[byte] = CLOSES
KINDS[COMMA] = SEPARATES
KINDS[QUOTE] = QUOTES

/**
 * Look over a body; two milliseconds for each megabyte.
 * @throws RequestError 400 where it is nested deeper, or has more lists, objects or values, than a request may have
 */
export function checkJsonBounds(body: Buffer): void {
  if (body.length <= SMALL_BYTES) return
  let depth = 0
  let containers = 0
  let values = 0
  for (let at = 0; at < body.length; at += 1) {
    const kind = KINDS[body[at] ?? 0]
    if (kind === 0) continue
    if (kind === SEPARATES) values += 1
    else if (kind === CLOSES) depth -= 1
    else if (kind === QUOTES) at = endOfText(body, at + 1)
    else {
      containers += 1
      depth += 1
      if (depth > MAX_DEPTH) throw tooMuch(`nested at most ${MAX_DEPTH} deep`)
      if (containers > MAX_CONTAINERS) throw tooMuch(`with at most ${MAX_CONTAINERS} lists and objects`)
    }
  }
  if (values >= MAX_VALUES) throw tooMuch(`with at most ${MAX_VALUES} values`)
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
  return new RequestError(400, `the body: expected JSON ${what}, got more; send large tensors as bytes`)
}
