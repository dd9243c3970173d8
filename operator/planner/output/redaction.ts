/** Hides credentials: what headers carried, which a server may echo, and what looks like one. Messages end up in status, Events and logs. */

/** Shorter pieces of a value are words that anybody may use. */
const LEAST_PIECE = 8
/** More pieces are no credential, and each is looked for in a dozen forms. */
const MOST_PIECES = 8
/** A text is only shown in short, so no more of it than this is looked at. */
const SHOWN = 1024
const INSTEAD = '(header value)'

/** Text values that nobody may read in a message. */
export type Hidden = readonly string[]

/**
 * All the ways in which a server may give a credential back: the whole or its credential alone, decoded where it is that of
 * Basic, as it is, in base64 by itself or within more, encoded for URLs, forms, JSON or HTML, or in hexadecimal digits.
 */
export function formsOf(value: string): string[] {
  return [...new Set(piecesOf(value).flatMap(encodingsOf))].filter((form) => form !== '')
}

/**
 * Of headers whose values everybody may read in the release: they are hidden all the same, but for what is hardly a secret, which
 * would punch holes into numbers, words and the names of hosts.
 */
export function plainlyHidden(headers: readonly { name: string; value: string }[]): string[] {
  return headers
    .filter(({ name, value }) => name.toLowerCase() !== 'host' && value.length >= LEAST_PIECE)
    .map(({ value }) => value)
}

function piecesOf(value: string): string[] {
  const [, scheme = '', credential = ''] = /^([A-Za-z][-A-Za-z0-9]*) +(.+)$/.exec(value) ?? []
  const decoded = scheme.toLowerCase() === 'basic' ? Buffer.from(credential, 'base64').toString('utf8') : ''
  const password = decoded.slice(decoded.indexOf(':') + 1)
  const words = value
    .split(/[\s,;:="]+/)
    .filter(({ length }) => length >= LEAST_PIECE)
    .slice(0, MOST_PIECES)
  return [value, credential, decoded, password, ...words]
}

function encodingsOf(piece: string): string[] {
  const bytes = Buffer.from(piece)
  const base64 = bytes.toString('base64')
  const json = JSON.stringify(piece).slice(1, -1)
  return [
    piece,
    base64,
    ...[base64.replace(/=+$/, ''), bytes.toString('base64url')],
    ...(piece.length < LEAST_PIECE ? [] : withinBase64(bytes)),
    encodeURIComponent(piece),
    new URLSearchParams([['', piece]]).toString().slice(1),
    json,
    // As Go writes JSON.
    json.replaceAll(/[<>&]/g, (mark) => `\\u00${mark.charCodeAt(0).toString(16)}`),
    escapedHtml(piece),
    bytes.toString('hex'),
  ]
}

/** What of it stands in the base64 of a longer text, wherever it begins there: without the digits that its neighbors decide too. */
function withinBase64(bytes: Buffer): string[] {
  return [1, 2].flatMap((before) => {
    const from = before + 1
    const to = Math.floor(((before + bytes.length) * 8) / 6)
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(from, to)
    return [text, text.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

function escapedHtml(text: string): string {
  const marks: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replaceAll(/[&<>"']/g, (mark) => marks[mark] ?? mark)
}

/**
 * The beginning of a text without what is hidden. Every place that belongs to it is found before any is replaced: a value that
 * is a piece of what another was replaced by would make a short text grow without end.
 */
export function redacted(text: string, hidden: Hidden, most = SHOWN): string {
  // A value that begins in what is shown is seen whole.
  const seen = text.slice(0, most + Math.max(0, ...hidden.map(({ length }) => length)))
  const folded = inLowerCase(seen)
  const spans = hidden.flatMap((one) => placesOf(inLowerCase(one), folded)).toSorted(([a], [b]) => a - b)
  let shown = ''
  let end = 0
  for (const [from, to] of spans) {
    if (from >= most) break
    if (from > end || shown === '') shown += `${seen.slice(end, from)}${INSTEAD}`
    end = Math.max(end, to)
  }
  return `${shown}${seen.slice(end, Math.max(end, most))}`
}

/** What stands for a credential in a text of which nobody knows what it holds. */
const HIDDEN = '(hidden)'

/** Names of what is secret, at the end of a name: DB_PASSWORD, clientSecret, x-api-key. Not `tokens`, which models count. */
const SECRET =
  '(?:pass(?:word|wd|phrase)|pwd|secret|token|(?:api|access|secret|private|account)[-_]?key(?:[-_]?id)?)'
/** Nothing is hidden by hiding these, and one of the words may be why it failed. */
const NO_VALUE = String.raw`(?!\(hidden\)|(?:null|none|nil|undefined|true|false)\b)`
/** What ends a word of a sentence. */
const END = String.raw`(?=[\s.,;:!?"'\\)\]}]|$)`
/** What parsers and models call a token: up to three marks, or a name in brackets such as </s> and [PAD]. */
const MARKS = String.raw`(?!(?:[^\w\s"'\\]{1,3}|<[^\s<>"']{1,30}>|\[[A-Za-z_]{1,30}\])${END})`
/** Words that a message goes on with behind the name of a credential. Nobody hides anything with one of them. */
const GOES_ON = [
  'and|are|be|been|can|cannot|could|did|does|for|from|had|has|have|in|is|may|must|no|not|of|or|should|too|was|were|will|with|would',
  'access|authentication|authorization|denied|empty|error|exceeded|expected|expired|failed|failure|forbidden|found|incorrect',
  'invalid|malformed|mismatch|missing|permission|refused|rejected|required|revoked|unauthorized|unexpected|unknown|wrong',
].join('|')
/** In letters of one case alone: what a machine made up at random has digits, or letters of both. */
const WORD = `(?-i:[A-Z]?[a-z]{1,14}|[A-Z]{2,8})${END}`
/**
 * A word within a sentence is no credential: "invalid token: identifier". Of those that people make up, which may be any word,
 * only where it goes on as a message does.
 */
const SENTENCE = [
  String.raw`(?!(?:${GOES_ON})${END})`,
  String.raw`(?!(?<=[a-z]{2} [\w-]{0,40}(?:token|key): {1,4})${WORD})`,
  String.raw`(?!(?<=(?:token|key): {1,4})${WORD} {1,4}[a-z]{2})`,
].join('')

/** A value behind a head: in quotes, which a text within JSON has escaped, all up to the quote that ends it; otherwise a word. */
function valueBehind(head: string): RegExp[] {
  return [
    String.raw`(?<head>${head}(?<quote>\\*["']))${NO_VALUE}${MARKS}(?:(?!\k<quote>)(?:\\.|[^\n]))+`,
    String.raw`(?<head>${head})${NO_VALUE}${MARKS}${SENTENCE}[^\s"'\\&,;}\])]+`,
  ].map((pattern) => new RegExp(pattern, 'gi'))
}

/** Each with what may be read before the credential as `head`. None looks at a character more than a few times. */
const SHAPES: readonly RegExp[] = [
  /(?<head>)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
  // RFC 9110, 11.4: a scheme and what belongs to it; the parts of AWS's stand below.
  new RegExp(
    String.raw`(?<head>authorization\\*["']?\s*[:=]\s*(?:\\*["'])?)(?!\(hidden\)|AWS4)(?!(?:${GOES_ON})${END})(?:(?:bearer|basic|token|digest|negotiate|apikey)\s+)?[^\s"'\\,;}\])]+`,
    'gi',
  ),
  /(?<head>\bcookie\\*["']?\s*[:=]\s*)[^\n]+/gi,
  // Without the name of a header, a short word in small letters is one of a sentence: "Basic authentication".
  /(?<head>\b(?:[Bb]earer|[Bb]asic|BEARER|BASIC)\s+)(?![a-z]{1,15}(?![\w.~+/=-]))[\w.~+/=-]{8,}/g,
  ...valueBehind(String.raw`${SECRET}\\*["']?\s*(?:=>|[:=])\s*`),
  ...valueBehind(String.raw`(?<![\w-])--[\w-]{0,40}${SECRET}\s+(?!-)`),
  // Of AWS requests, in a header or a query; and of signed addresses at other clouds.
  ...valueBehind('(?:credential|signature|[?&](?:sig|key))='),
  /(?<head>:\/\/)(?!\(hidden\))[^\s/?#"'<>]+(?=@)/g,
  // What says of itself what it is: keys of AWS, JSON web tokens, tokens of GitHub, GitLab, Hugging Face, OpenAI, Slack, Google.
  // A web token only at the start of a word, with its hyphens: looked for behind each of them too, a long word took seconds.
  /(?<head>)\b(?:A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}|(?<!-)eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,})/g,
]

/**
 * A text without what looks like a credential by its shape or by the name before it, for where no value is known. What looks
 * like nothing, such as a password in a sentence, stays.
 */
export function withoutCredentials(text: string): string {
  return SHAPES.reduce(
    (shown, shape) =>
      shown.replaceAll(shape, (...found) => `${(found.at(-1) as { head: string }).head}${HIDDEN}`),
    text,
  )
}

/** Only ASCII: of other letters the case may change the length. */
function inLowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Where it stands, from and to; places that overlap are all there. */
function placesOf(piece: string, text: string): [from: number, to: number][] {
  const places: [number, number][] = []
  for (let at = text.indexOf(piece); at >= 0; at = text.indexOf(piece, at + 1))
    places.push([at, at + piece.length])
  return places
}
