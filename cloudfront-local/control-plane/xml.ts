/**
 * XML as a tree that forgets nothing: unknown elements, attributes and order survive a round trip. Objects keyed by
 * element name would lose the order and merge repeated elements, and CloudFront's lists are repeated elements.
 */
import { XMLParser } from 'fast-xml-parser'

export type XmlNode = XmlElement | string
export type XmlElement = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlNode[]
}

/** The text is not well-formed XML, or has not exactly one root element. */
export class XmlSyntaxError extends Error {}

const ATTRIBUTES = ':@'
const ATTRIBUTE_PREFIX = '@_'
const TEXT = '#text'

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: ATTRIBUTE_PREFIX,
  // "007" and "1.0" are text; only a reader who knows the field may call them numbers.
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  // The AWS SDK writes line ends as numeric references (&#x0A;), which the parser decodes only with this option.
  htmlEntities: true,
})

type ParsedNode = Record<string, unknown>

/** The one root element of an XML document. Throws XmlSyntaxError. */
export function parseXml(text: string): XmlElement {
  // A document type is never part of this API, and entity definitions are a way to make a small body a huge one.
  if (/<!DOCTYPE/i.test(text)) throw new XmlSyntaxError('a document type declaration is not accepted')
  const roots = parseNodes(text).filter((node) => typeof node !== 'string')
  const [root, another] = roots
  if (root === undefined || another !== undefined)
    throw new XmlSyntaxError('expected exactly one root element')
  return root
}

function parseNodes(text: string): XmlNode[] {
  try {
    // The successor of its validation is another package; this one still has it, and the parser alone is lenient.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return (parser.parse(text, true) as ParsedNode[]).map(toNode)
  } catch (error) {
    throw new XmlSyntaxError((error as Error).message, { cause: error })
  }
}

function toNode(parsed: ParsedNode): XmlNode {
  if (TEXT in parsed) return String(parsed[TEXT])
  const name = Object.keys(parsed).find((key) => key !== ATTRIBUTES) ?? ''
  const attributes = Object.entries((parsed[ATTRIBUTES] ?? {}) as Record<string, unknown>)
  const nodes = (parsed[name] as ParsedNode[]).map(toNode)
  // Indentation between elements is not content; keeping it would make two equal configurations differ.
  const onlyText = nodes.every((node) => typeof node === 'string')
  return {
    name,
    attributes: Object.fromEntries(
      attributes.map(([key, value]) => [key.slice(ATTRIBUTE_PREFIX.length), String(value)]),
    ),
    children: onlyText ? nodes : nodes.filter((node) => typeof node !== 'string' || node.trim() !== ''),
  }
}

/** One element and everything in it as XML text, without a declaration. */
export function renderXml({ name, attributes, children }: XmlElement): string {
  const head = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
  const body = children.map((node) => (typeof node === 'string' ? escapeXml(node) : renderXml(node)))
  return `<${name}${head.join('')}>${body.join('')}</${name}>`
}

/** A whole document: the declaration and the root element. */
export function renderDocument(root: XmlElement): string {
  return `<?xml version="1.0"?>\n${renderXml(root)}`
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#x0D;')
    .replaceAll('\n', '&#x0A;')
}

/** Build an element without attributes. */
export function element(name: string, ...children: readonly XmlNode[]): XmlElement {
  return { name, attributes: {}, children: children.filter((node) => node !== '') }
}

/** The first child element of that name. */
export function child(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  return parent?.children.find((node): node is XmlElement => typeof node !== 'string' && node.name === name)
}

/** All child elements, optionally only those of one name. */
export function childElements(parent: XmlElement | undefined, name?: string): XmlElement[] {
  return (parent?.children ?? []).filter(
    (node): node is XmlElement => typeof node !== 'string' && (name === undefined || node.name === name),
  )
}

/** The elements of one of CloudFront's `{Quantity, Items}` lists. */
export function listItems(parent: XmlElement | undefined, name: string): XmlElement[] {
  return childElements(child(child(parent, name), 'Items'))
}

/** The text directly inside an element. */
export function contentOf({ children }: XmlElement): string {
  return children.filter((node) => typeof node === 'string').join('')
}

/** The text of the child of that name; undefined when there is no such child. */
export function textOf(parent: XmlElement | undefined, name: string): string | undefined {
  const found = child(parent, name)
  return found && contentOf(found)
}

/** The same element with its first child of that name replaced; unchanged when there is none. */
export function withChild(parent: XmlElement, replacement: XmlElement): XmlElement {
  const index = parent.children.findIndex(
    (node) => typeof node !== 'string' && node.name === replacement.name,
  )
  return index < 0 ? parent : { ...parent, children: parent.children.with(index, replacement) }
}

/** The same element with that child in place of its first one of that name, or at its end. */
export function withMember(parent: XmlElement, member: XmlElement): XmlElement {
  return child(parent, member.name) === undefined
    ? { ...parent, children: [...parent.children, member] }
    : withChild(parent, member)
}

/** The same element without its children of that name. */
export function withoutChild(parent: XmlElement, name: string): XmlElement {
  return {
    ...parent,
    children: parent.children.filter((node) => typeof node === 'string' || node.name !== name),
  }
}

/** Where two elements of one name differ, as paths of element names from there; '' for the element itself. */
export function differences(before: XmlElement, after: XmlElement): string[] {
  const [from, to] = [childElements(before), childElements(after)]
  const names = (elements: readonly XmlElement[]): string => elements.map(({ name }) => name).join()
  if (from.length === 0 || names(from) !== names(to)) {
    return renderXml(before) === renderXml(after) ? [] : ['']
  }
  return from.flatMap((element, index) => {
    const other = to[index]
    if (other === undefined) return []
    return differences(element, other).map((path) => (path === '' ? element.name : `${element.name}/${path}`))
  })
}
