/**
 * JSON as Go's encoding/json writes it: keys sorted by their bytes, `<`, `>`, `&` and the two line separators escaped.
 * The API server keeps some members byte by byte (the `data` of a ControllerRevision, which is immutable), and compares
 * them after it has had an object through its own encoder, as every patch does. Numbers are the same in both languages.
 */
export function goJson(value: unknown): string {
  return encoded(value).replaceAll(/[<>&\u2028\u2029]/g, escaped)
}

function encoded(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encoded).join(',')}]`
  // Half a surrogate pair is no character: Go reads it as U+FFFD.
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed())
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .sort(([one], [other]) => byBytes(one, other))
    .map(([key, child]) => `${encoded(key)}:${encoded(child)}`)
  return `{${members.join(',')}}`
}

/** Strings of JavaScript are ordered by UTF-16, those of Go by UTF-8. */
function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
