/** What an operator's message must never advise, since what it is about may serve. */
const BAD = [
  /\b(?:delete|rename|scale down|uninstall)\b/i,
  /\bremove (?:that|this|the|your)? ?(?:other )?(?:object|release|Deployment|Service|ModelRelease|pods?|color)\b/i,
]

/** The part of a message that advises to take something away or to rename it; undefined where there is none. */
export function badAdvice(message: string): string | undefined {
  return BAD.map((one) => one.exec(message)?.[0]).find((found) => found !== undefined)
}
