/** The operations on everything that is a configuration under an id: what differs from kind to kind, the model tells. */
import { OPERATIONS } from '../model/cloudfront.ts'
import { membersOf, payloadOf } from '../model/model.ts'
import { CloudFrontError } from './cloudfront-error.ts'
import { document, locationOf, markedList, pageOf, plainList, readDocument } from './documents.ts'
import { acceptable, isKeptInUse, KEPT_KINDS, kindNamed, pathOf } from './kept-kinds.ts'
import { child, element } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { KeptConfig } from './kept-configs.ts'
import type { Kept, KeptKindName } from './kept-kinds.ts'
import type { ReferenceKind } from './references.ts'
import type { XmlElement } from './xml.ts'

/** `isReferred` tells whether a distribution names the resource. */
export type KeptServices = {
  kept: Kept
  isReferred: (kind: ReferenceKind, id: string) => boolean
  maxPageSize: number
}

export function keptRoutes(services: KeptServices): Handler[] {
  return KEPT_KINDS.flatMap((name) => routesOf(name, services))
}

function routesOf(name: KeptKindName, { kept, isReferred, maxPageSize }: KeptServices): Handler[] {
  const { plural, inUse } = kindNamed(name)
  const own = kept[name]
  const idIn = ({ parts: [id = ''] }: Call): string => id
  const configIn = ({ body }: Call): XmlElement => readDocument(body, `${name}Config`)
  const create = (call: Call): Answer => {
    const made = own.add(acceptable(name, configIn(call), undefined, kept))
    const answer = answerOf(name, made, 201)
    return { ...answer, headers: { ...answer.headers, location: locationOf(`${pathOf(name)}/${made.id}`) } }
  }
  const getConfig = (call: Call): Answer => {
    const { etag, config } = own.get(idIn(call))
    return { status: 200, headers: { etag }, body: document(config) }
  }
  const changeable = (call: Call, code: string): KeptConfig => {
    const current = own.get(idIn(call))
    if (current.managed === true) throw new CloudFrontError(code, 'Managed policies cannot be changed.')
    return own.guarded(current.id, call.ifMatch)
  }
  const update = (call: Call): Answer => {
    const current = changeable(call, 'IllegalUpdate')
    const config = acceptable(name, configIn(call), current, kept)
    return answerOf(name, own.replace(current.id, call.ifMatch, config), 200)
  }
  const remove = (call: Call): Answer => {
    const { id } = changeable(call, 'IllegalDelete')
    if (isKeptInUse(name, id, kept, isReferred)) throw new CloudFrontError(inUse, `${name} ${id} is in use.`)
    own.delete(id, call.ifMatch)
    return { status: 204, body: '' }
  }
  const list = ({ query }: Call): Answer => {
    const all = own.list().filter(ofType(query.get('Type')))
    const page = pageOf(all, ({ id }) => id, { query, cap: maxPageSize })
    const items = page.items.map((one) => summaryOf(name, one))
    const { root = '', type = '' } = payloadOf(OPERATIONS[`List${plural}`]?.output) ?? {}
    const listed = 'IsTruncated' in membersOf(type) ? markedList : plainList
    return { status: 200, body: listed(root, page, items) }
  }
  return [
    { operation: `List${plural}`, handle: list },
    { operation: `Create${name}`, handle: create },
    { operation: `Get${name}`, handle: (call) => answerOf(name, own.get(idIn(call)), 200) },
    { operation: `Get${name}Config`, handle: getConfig },
    { operation: `Update${name}`, handle: update },
    { operation: `Delete${name}`, handle: remove },
  ]
}

function ofType(type: string | null): (one: KeptConfig) => boolean {
  if (type === null) return () => true
  if (type === 'managed' || type === 'custom')
    return ({ managed }) => (managed === true) === (type === 'managed')
  throw new CloudFrontError('InvalidArgument', `Type is managed or custom, not "${type}".`)
}

function answerOf(name: KeptKindName, one: KeptConfig, status: number): Answer {
  return { status, headers: { etag: one.etag }, body: document(told(name, one)) }
}

function told(name: KeptKindName, one: KeptConfig): XmlElement {
  const times = { CreatedTime: one.created, LastModifiedTime: one.modified }
  const stamps = Object.entries(times).filter(([member]) => member in membersOf(name))
  return element(
    name,
    element('Id', one.id),
    ...stamps.map(([member, time]) => element(member, time)),
    one.config,
  )
}

/** A summary holds the whole resource, or some members of its configuration; what may be left out there is empty here. */
function summaryOf(name: KeptKindName, one: KeptConfig): XmlElement {
  const whole = told(name, one)
  const members = Object.keys(membersOf(`${name}Summary`)).map((member) => {
    if (member === name) return whole
    if (member === 'Type') return element('Type', one.managed === true ? 'managed' : 'custom')
    return child(whole, member) ?? child(one.config, member) ?? element(member)
  })
  return element(`${name}Summary`, ...members)
}
