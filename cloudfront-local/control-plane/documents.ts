/** Bodies of the control plane, in and out: one XML document each, lists in pages. */
import { CloudFrontError, XML_NAMESPACE } from './cloudfront-error.ts'
import { judgeDocument } from './shape.ts'
import { child, element, parseXml, renderDocument, XmlSyntaxError } from './xml.ts'
import type { XmlElement } from './xml.ts'

// The account that AWS uses in its documentation.
export const ACCOUNT = '123456789012'

/** Amazon resource name of something in CloudFront. */
export function arnOf(type: string, id: string): string {
  return `arn:aws:cloudfront::${ACCOUNT}:${type}/${id}`
}

/** Where a new resource lies, as the Location header says it: at AWS, whatever name the caller used. */
export function locationOf(path: string): string {
  return `https://cloudfront.amazonaws.com/2020-05-31/${path}`
}

/** The text of an answer with this root element. */
export function document(root: XmlElement): string {
  return renderDocument({ ...root, attributes: { xmlns: XML_NAMESPACE } })
}

/** The root element of a request, in the form that the model gives it. Throws CloudFrontError. */
export function readDocument(body: string, root: string): XmlElement {
  if (body.trim() === '') throw new CloudFrontError('MissingBody', 'This operation requires a body.')
  const found = parse(body)
  if (found.name !== root)
    throw new CloudFrontError('MalformedXML', `Expected a ${root}, not a ${found.name}.`)
  const problem = judgeDocument(found)
  if (problem !== undefined) throw problem
  // The namespace belongs to the document, not to its content; answers add their own.
  return { ...found, attributes: {} }
}

function parse(body: string): XmlElement {
  try {
    return parseXml(body)
  } catch (error) {
    if (!(error instanceof XmlSyntaxError)) throw error
    throw new CloudFrontError('MalformedXML', `The XML you provided was not well-formed: ${error.message}`)
  }
}

/** A child that must be there. Throws InvalidArgument. */
export function required(parent: XmlElement, name: string): XmlElement {
  const found = child(parent, name)
  if (found === undefined) throw new CloudFrontError('InvalidArgument', `The parameter ${name} is required.`)
  return found
}

/** `{Quantity, Items}`; CloudFront leaves Items out when there is nothing in it. */
export function list(name: string, items: readonly XmlElement[]): XmlElement {
  const quantity = element('Quantity', String(items.length))
  return items.length === 0 ? element(name, quantity) : element(name, quantity, element('Items', ...items))
}

/** What a list call asks for; `cap` is the most that MaxItems may be. */
export type PageRequest = { query: URLSearchParams; cap: number }
export type Page<T> = { marker: string; maxItems: number; nextMarker: string | undefined; items: T[] }

/** The page that Marker and MaxItems name: what follows the item whose key is the marker. */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  { query, cap }: PageRequest,
): Page<T> {
  const marker = query.get('Marker') ?? ''
  const asked = Number(query.get('MaxItems') ?? '100')
  if (!Number.isInteger(asked) || asked < 1) {
    throw new CloudFrontError('InvalidArgument', 'MaxItems must be a positive integer.')
  }
  const maxItems = Math.min(asked, cap)
  const rest = all.slice(startAfter(all.map(keyOf), marker))
  const items = rest.slice(0, maxItems)
  const last = items.at(-1)
  const nextMarker = rest.length > maxItems && last !== undefined ? keyOf(last) : undefined
  return { marker, maxItems, nextMarker, items }
}

/** What the marker named may be deleted meanwhile; then the list goes on where it would have stood. */
function startAfter(keys: readonly string[], marker: string): number {
  if (marker === '') return 0
  const at = keys.indexOf(marker)
  if (at >= 0) return at + 1
  const next = keys.findIndex((key) => key > marker)
  return next < 0 ? keys.length : next
}

/** A list answer in the older form (distributions, invalidations), which repeats Marker and tells IsTruncated. */
export function markedList(name: string, page: Page<unknown>, items: readonly XmlElement[]): string {
  return document(
    element(
      name,
      element('Marker', page.marker),
      ...nextMarker(page),
      element('MaxItems', String(page.maxItems)),
      element('IsTruncated', String(page.nextMarker !== undefined)),
      ...list(name, items).children,
    ),
  )
}

/** A list answer in the newer form (functions, stores, policies). */
export function plainList(name: string, page: Page<unknown>, items: readonly XmlElement[]): string {
  const maxItems = element('MaxItems', String(page.maxItems))
  return document(element(name, ...nextMarker(page), maxItems, ...list(name, items).children))
}

function nextMarker(page: Page<unknown>): XmlElement[] {
  return page.nextMarker === undefined ? [] : [element('NextMarker', page.nextMarker)]
}
