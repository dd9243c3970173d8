/** A document from plain values, as the SDKs take them: the model knows the names and the lists. */
import { SHAPES } from '../model/cloudfront.ts'
import { element } from './xml.ts'
import type { XmlElement } from './xml.ts'

export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value }

/** An element of a shape of the model. A list of the form `{Quantity, Items}` may be written as a list alone. */
export function elementOf(name: string, type: string, value: Value): XmlElement {
  const shape = SHAPES[type]
  if (shape === undefined)
    return element(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  if (!('members' in shape)) {
    const items = value as readonly Value[]
    return element(name, ...items.map((item) => elementOf(shape.item, shape.type, item)))
  }
  const given = Array.isArray(value) ? { Quantity: value.length, Items: value as Value[] } : value
  const children = Object.entries(given as Record<string, Value>).map(([key, part]) => {
    const member = shape.members[key]
    if (member === undefined) throw new Error(`${type} has no ${key}`)
    return elementOf(member.name ?? key, member.type, part)
  })
  return element(name, ...children)
}
