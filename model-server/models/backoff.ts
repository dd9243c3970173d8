const FIRST_MS = 500
const LONGEST_MS = 30_000

/**
 * How long to wait after the given failed attempt (1 is the first): twice as long each time, at most 30 s,
 * shortened at random by up to half so that the pods of a release do not ask a recovering store in step.
 * @param random a number from 0 to 1
 */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS) * (1 - random / 2)
}
