/** Where the elements of an XML text stand, so that one of them can be changed and every other byte left alone. */

/** One element; positions are UTF-16 offsets in the scanned text. */
export type XmlRange = {
  name: string
  /** The attributes as they are written, with the white space before them. */
  attributes: string
  /** Between start tag and end tag; empty for `<a/>`. */
  innerStart: number
  innerEnd: number
  children: XmlRange[]
}

/** The text is not XML that can be changed without a doubt about what it means. */
export class UnsafeXmlError extends Error {
  override readonly name = 'UnsafeXmlError'
}

// One piece of markup at a time, from a known "<" on: no search, so nothing in a comment or CDATA is taken for a tag.
const MARKUP =
  /<(?:!--[\s\S]*?-->|!\[CDATA\[[\s\S]*?\]\]>|\?[\s\S]*?\?>|\/(?<end>[^\s<>/!?="'&]+)\s*>|(?<start>[^\s<>/!?="'&]+)(?<attributes>(?:\s+[^\s<>/="']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(?<empty>\/?)>)/y

/**
 * The root element. Throws UnsafeXmlError for anything that is not well-formed, for a document type (it could define
 * entities), and for content outside of the root.
 */
export function scanXml(text: string): XmlRange {
  const document: XmlRange = { name: '', attributes: '', innerStart: 0, innerEnd: text.length, children: [] }
  const open = [document]
  let position = 0
  for (;;) {
    const next = text.indexOf('<', position)
    const parent = open.at(-1) ?? document
    if (parent === document) checkOutside(text.slice(position, next < 0 ? undefined : next))
    if (next < 0) break
    position = readMarkup(text, next, open)
  }
  const [root, another] = document.children
  if (open.length > 1) throw new UnsafeXmlError(`<${open.at(-1)?.name ?? ''}> is not closed`)
  if (!root || another) throw new UnsafeXmlError('there is not exactly one root element')
  return root
}

/** Reads the piece of markup at `at` and returns where it ends; `open` holds the document and the elements not yet closed. */
function readMarkup(text: string, at: number, open: XmlRange[]): number {
  MARKUP.lastIndex = at
  const groups = MARKUP.exec(text)?.groups
  if (!groups) throw new UnsafeXmlError(`unreadable markup at character ${at}`)
  const after = MARKUP.lastIndex
  const { start, end, attributes = '', empty } = groups
  if (end !== undefined) closeElement(open, end, at)
  if (start === undefined) return after
  const element = { name: start, attributes, innerStart: after, innerEnd: after, children: [] }
  open.at(-1)?.children.push(element)
  if (empty !== '/') open.push(element)
  return after
}

function closeElement(open: XmlRange[], name: string, innerEnd: number): void {
  const element = open.pop()
  if (element?.name !== name) throw new UnsafeXmlError(`</${name}> closes <${element?.name ?? ''}>`)
  element.innerEnd = innerEnd
}

function checkOutside(text: string): void {
  if (/[^\s\uFEFF]/.test(text)) throw new UnsafeXmlError('there is text outside of the root element')
}

/** The one child of that name; undefined when there is none. Throws UnsafeXmlError when there are several. */
export function childOf(parent: XmlRange, name: string): XmlRange | undefined {
  const [found, another] = parent.children.filter((child) => child.name === name)
  if (another) throw new UnsafeXmlError(`<${parent.name}> has several <${name}>`)
  return found
}

/** The one descendant at the end of a path of child names. Throws UnsafeXmlError when a step is missing or ambiguous. */
export function descend(root: XmlRange, ...path: string[]): XmlRange {
  return path.reduce((parent, name) => {
    const child = childOf(parent, name)
    if (!child) throw new UnsafeXmlError(`<${parent.name}> has no <${name}>`)
    return child
  }, root)
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The text of an element that holds nothing else. Throws UnsafeXmlError for children, comments, CDATA and unknown entities. */
export function textOf(text: string, element: XmlRange): string {
  const raw = text.slice(element.innerStart, element.innerEnd)
  if (raw.includes('<')) throw new UnsafeXmlError(`<${element.name}> holds more than text`)
  return raw.replaceAll(/&([^;&]*);?/g, (whole, name: string) => {
    const code = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name)
    const point = code ? Number.parseInt(code[1] ?? code[2] ?? '', code[1] ? 16 : 10) : undefined
    const decoded =
      point === undefined ? ENTITIES[name] : point <= 0x10ffff ? String.fromCodePoint(point) : undefined
    if (decoded === undefined || !whole.endsWith(';'))
      throw new UnsafeXmlError(`<${element.name}> holds the unknown entity ${whole}`)
    return decoded
  })
}

/** Text as the content of an element. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
