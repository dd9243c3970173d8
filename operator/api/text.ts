/** Text that somebody else wrote, made fit for a message: it ends in status, Events and logs, and in people's terminals. */

/**
 * One line of it, without what a reader does not see: control characters, and format characters, among them those that
 * turn the direction of the text around. Halves of surrogate pairs become U+FFFD, since no JSON parser of an API server takes them.
 */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
}

/** As `oneLine`, with its lines and tabs kept and the colors of terminals taken out. */
export function lines(text: string): string {
  return (
    text
      .toWellFormed()
      // An escape sequence as terminals read it: ECMA-48, 5.4.
      .replaceAll(/\u001B\[[0-?]*[ -/]*[@-~]/g, '')
      .replaceAll(/\r\n?|\p{Zl}|\p{Zp}/gu, '\n')
      .replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, '')
  )
}

/** Made when it is first needed: its tables take longer to load than most commands of the CLI take altogether. */
let characters: Intl.Segmenter | undefined
/** Longer runs of marks on one letter are no character that anybody reads. */
const LONGEST_CHARACTER = 64

/**
 * At most `most` UTF-16 units, cut between two words, so that no name, address or ARN is left by halves; within a word
 * only where that one word is most of the text, and there between two characters as people see them.
 */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed()
  const room = text.slice(0, boundary(text, most - 1))
  const end = text[most - 1] === ' ' ? room.length : room.lastIndexOf(' ')
  return `${(end > most / 2 ? room.slice(0, end) : room).toWellFormed()}…`
}

/**
 * As `shorten`, with the middle left out: errors that Go programs wrap say the cause last, behind everything that they did, with
 * its long names.
 */
export function shortenMiddle(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed()
  const head = shorten(text, Math.floor(most / 2))
  const room = most - head.length - 1
  const tail = text.slice(boundary(text, text.length - room + LONGEST_CHARACTER))
  const blank = tail.indexOf(' ')
  return `${head} ${(blank >= 0 && blank < tail.length / 2 ? tail.slice(blank + 1) : tail).toWellFormed()}`
}

/** The last place at or before `at` where no character is split. */
function boundary(text: string, at: number): number {
  const from = Math.max(0, at - LONGEST_CHARACTER)
  const around = text.slice(from, at + LONGEST_CHARACTER)
  characters ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  const start = characters.segment(around).containing(at - from)?.index ?? at - from
  if (start > 0) return from + start
  // One endless character: only a pair of surrogates is held together.
  return text.codePointAt(at - 1) === text.charCodeAt(at - 1) ? at : at - 1
}

/**
 * Whether a text holds another, in one walk over both (Knuth, Morris, Pratt). String.includes needs seconds for a megabyte
 * that is alike everywhere and a piece that is so nearly, and both are users' to choose.
 */
export function holds(text: string, piece: string): boolean {
  /** How much of the piece is still matched where one more character of it does not. */
  const shorter = [0]
  for (let at = 1, matched = 0; at < piece.length; at += 1) {
    matched = grown(piece, shorter, matched, piece[at])
    shorter.push(matched)
  }
  let matched = 0
  for (let at = 0; at < text.length && matched < piece.length; at += 1)
    matched = grown(piece, shorter, matched, text[at])
  return matched === piece.length
}

function grown(piece: string, shorter: readonly number[], matched: number, next: string | undefined): number {
  while (matched > 0 && piece[matched] !== next) matched = shorter[matched - 1] ?? 0
  return piece[matched] === next ? matched + 1 : matched
}

/** `1 pod`, `2 pods`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
