import { CloudFrontError } from './cloudfront-error.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const WELL_FORMED = /^E[A-Z0-9]{13}$/

/** Whether a text has the form of a version identifier or a distribution id: `E` and 13 upper-case letters or digits. */
export function isIdentifier(text: string): boolean {
  return WELL_FORMED.test(text)
}

/** A new identifier in that form. `pick(n)` gives an integer from 0 to n-1. */
export function newIdentifier(pick: (choices: number) => number): string {
  return `E${Array.from({ length: 13 }, () => ALPHABET[pick(ALPHABET.length)]).join('')}`
}

/**
 * What is wrong with an If-Match header; undefined when it names the current version. A missing or malformed value is
 * 400 InvalidIfMatchVersion, a stale one 412 PreconditionFailed: clients must read both as "somebody else was here".
 */
export function judgeIfMatch(ifMatch: string | undefined, current: string): CloudFrontError | undefined {
  if (ifMatch === undefined || !isIdentifier(ifMatch)) {
    return ifMatchMissing()
  }
  if (ifMatch === current) return undefined
  return new CloudFrontError(
    'PreconditionFailed',
    'The request failed because it did not meet the preconditions in one or more request-header fields.',
  )
}

/** What is said of an If-Match header that is not there, or is no version. */
export function ifMatchMissing(): CloudFrontError {
  return new CloudFrontError(
    'InvalidIfMatchVersion',
    'The If-Match version is missing or not valid for the resource.',
  )
}
