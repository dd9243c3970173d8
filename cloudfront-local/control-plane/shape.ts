/** Whether a document has the form that CloudFront's model gives it: members, types, quantities. */
import { payloadOf, OPERATION_INPUTS } from '../model/model.ts'
import { CloudFrontError } from './cloudfront-error.ts'
import { child, childElements, contentOf, textOf } from './xml.ts'
import { SHAPES } from '../model/cloudfront.ts'
import type { Member } from '../model/types.ts'
import type { XmlElement } from './xml.ts'

type Judge = { path: string; keepsUnknown: boolean }

// Which document has which shape; a root element means the same in all operations.
const TYPE_OF_ROOT = new Map(
  OPERATION_INPUTS.map((input) => payloadOf(input))
    .filter((payload) => payload !== undefined)
    .map(({ root, type }) => [root, type] as const),
)

/** The error with which CloudFront refuses a document of this root element; undefined when its form is right. */
export function judgeDocument(document: XmlElement): CloudFrontError | undefined {
  const type = TYPE_OF_ROOT.get(document.name)
  if (type === undefined) return undefined
  const wrong = inconsistentList(document)
  if (wrong !== undefined) {
    return new CloudFrontError(
      'InconsistentQuantities',
      `The value of Quantity and the size of Items do not match in ${wrong}.`,
    )
  }
  return judgeShape(document, type)
}

const LISTS_WITHOUT_QUANTITY = new Set(['Tags', 'TagKeys', 'KeyGroupConfig'])

/** Every list of this API is `{Quantity, Items}`, but for a few, so the rule needs no list of lists and covers unknown ones too. */
function inconsistentList(parent: XmlElement): string | undefined {
  const quantity = textOf(parent, 'Quantity')
  const items = child(parent, 'Items')
  if (quantity !== undefined && Number(quantity) !== childElements(items).length) return parent.name
  if (quantity === undefined && items !== undefined && !LISTS_WITHOUT_QUANTITY.has(parent.name))
    return parent.name
  for (const element of childElements(parent)) {
    const wrong = inconsistentList(element)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

// A configuration is kept as it came, with what AWS may add next month; a FunctionConfig is taken apart, and so is
// every other request: what is not known there would be lost without a word.
function isKept(type: string): boolean {
  return type.endsWith('Config') && type !== 'FunctionConfig'
}

/** The error of an element that has not the form of this type of the model. */
export function judgeShape(
  element: XmlElement,
  type: string,
  { path, keepsUnknown: kept }: Judge = { path: element.name, keepsUnknown: false },
): CloudFrontError | undefined {
  const keepsUnknown = kept || isKept(type)
  const shape = SHAPES[type]
  if (shape === undefined) return judgeScalar(contentOf(element), type, path)
  if (!('members' in shape)) {
    return first(childElements(element), (item) =>
      item.name === shape.item
        ? judgeShape(item, shape.type, { path: `${path}/${shape.item}`, keepsUnknown })
        : new CloudFrontError('MalformedXML', `Expected ${shape.item} in ${path}, not ${item.name}.`),
    )
  }
  // What stands in the path, the query or a header is no part of the document.
  const members = Object.entries(shape.members).filter(([, member]) => member.in === undefined)
  const missing = members.find(
    ([name, member]) => member.required && child(element, wireName(name, member)) === undefined,
  )
  if (missing !== undefined) {
    return new CloudFrontError('InvalidArgument', `The parameter ${path}/${missing[0]} is required.`)
  }
  const byName = new Map(members.map(([name, member]) => [wireName(name, member), member]))
  return first(childElements(element), (part) => {
    const member = byName.get(part.name)
    const place = `${path}/${part.name}`
    if (member !== undefined) {
      return judgeShape(part, member.type, { path: place, keepsUnknown })
    }
    return keepsUnknown ? undefined : new CloudFrontError('MalformedXML', `There is no ${place}.`)
  })
}

function wireName(name: string, member: Member): string {
  return member.name ?? name
}

const FORMS: Readonly<Record<string, RegExp>> = {
  Number: /^-?\d+(\.\d+)?$/,
  Boolean: /^(true|false)$/,
  Timestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
}

function judgeScalar(text: string, type: string, path: string): CloudFrontError | undefined {
  const form = FORMS[type]
  const valid = form === undefined || form.test(text)
  return valid ? undefined : new CloudFrontError('InvalidArgument', `${path} is "${text}", not a ${type}.`)
}

function first<T>(
  items: readonly T[],
  look: (item: T) => CloudFrontError | undefined,
): CloudFrontError | undefined {
  for (const item of items) {
    const found = look(item)
    if (found !== undefined) return found
  }
  return undefined
}
