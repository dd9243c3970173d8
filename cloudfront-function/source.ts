/** The source of the function, with the key that it is to follow. */
import { readFileSync } from 'node:fs'

/** Keys that stand in the function as they are; the schema of a release allows the same. */
export const KEY_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.:-]*$'

const MAX_KEY_BYTES = 512

/** CloudFront's limit for the code of a function, in bytes. */
export const MAX_BYTES = 10_240

const DECLARED = /^const KEY = '.*'$/m

/** The function that follows `key`. Throws RangeError for a key that a release could not name. */
export function functionSource(key: string): string {
  if (!new RegExp(KEY_PATTERN).test(key) || key.length > MAX_KEY_BYTES)
    throw new RangeError(
      `key ${JSON.stringify(key)}: give 1 to ${MAX_KEY_BYTES} letters, digits or _ . : -, a letter or digit first`,
    )
  const source = readFileSync(new URL('./route.js', import.meta.url), 'utf8')
  return source.replace(DECLARED, `const KEY = '${key}'`)
}
