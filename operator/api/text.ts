/** Text from outside, made fit for a status: one line, and no longer than there is room. */

/** One line without control or formatting characters: messages are printed in terminals. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
}

/**
 * At most `most` UTF-16 units, cut between two words, so that no name, address or ARN is left by halves; within a word
 * only where that one word is most of the text.
 */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed()
  const room = text.slice(0, most - 1)
  const end = text[most - 1] === ' ' ? room.length : room.lastIndexOf(' ')
  // A cut through a surrogate pair leaves half a character, which no JSON parser of the API server takes.
  return `${(end > most / 2 ? room.slice(0, end) : room).replace(/[\uD800-\uDBFF]$/, '').toWellFormed()}…`
}
