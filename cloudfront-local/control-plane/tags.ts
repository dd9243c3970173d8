/** Tags of resources, by ARN. */
import { CloudFrontError } from './cloudfront-error.ts'
import { arnOf, document, readDocument } from './documents.ts'
import { child, childElements, contentOf, element, textOf } from './xml.ts'
import type { Answer, Call, Route } from '../calls/call.ts'
import type { Shelf } from '../state/shelf.ts'
import type { XmlElement } from './xml.ts'

export type SavedTags = { arn: string; tags: Record<string, string> }

const MAX_TAGS = 50

export class Tags {
  readonly #shelf: Shelf<SavedTags>
  readonly #byArn = new Map<string, Record<string, string>>()

  constructor(shelf: Shelf<SavedTags>) {
    this.#shelf = shelf
    for (const { arn, tags } of shelf.all()) this.#byArn.set(arn, tags)
  }

  of(arn: string): Record<string, string> {
    return this.#byArn.get(arn) ?? {}
  }

  put(arn: string, tags: Record<string, string>): void {
    const all = { ...this.of(arn), ...tags }
    if (Object.keys(all).length > MAX_TAGS) {
      throw new CloudFrontError('InvalidTagging', `More than ${MAX_TAGS} tags on one resource.`)
    }
    this.#keep(arn, all)
  }

  putOn(type: string, id: string, tags: Record<string, string>): void {
    this.put(arnOf(type, id), tags)
  }

  drop(arn: string, keys: readonly string[]): void {
    this.#keep(arn, Object.fromEntries(Object.entries(this.of(arn)).filter(([key]) => !keys.includes(key))))
  }

  /** The resource was deleted. */
  forget(type: string, id: string): void {
    this.#byArn.delete(arnOf(type, id))
    this.#shelf.delete(arnOf(type, id))
  }

  /** The tags in a Tags element. Throws InvalidTagging. */
  read(tags: XmlElement): Record<string, string> {
    const pairs = childElements(child(tags, 'Items')).map((tag): [string, string] => [
      textOf(tag, 'Key') ?? '',
      textOf(tag, 'Value') ?? '',
    ])
    const bad = pairs.find(([key, value]) => key === '' || key.length > 128 || value.length > 256)
    if (bad !== undefined) throw new CloudFrontError('InvalidTagging', `The tag "${bad[0]}" is not valid.`)
    return Object.fromEntries(pairs)
  }

  #keep(arn: string, tags: Record<string, string>): void {
    this.#byArn.set(arn, tags)
    this.#shelf.put(arn, { arn, tags })
  }
}

const PATH = /^\/2020-05-31\/tagging$/

/** `exists` tells whether an ARN is that of a resource that may carry tags. */
export function taggingRoutes(tags: Tags, exists: (arn: string) => boolean): Route[] {
  const arnIn = ({ query }: Call): string => {
    const arn = query.get('Resource') ?? ''
    if (!exists(arn)) throw new CloudFrontError('NoSuchResource', `There is no resource ${arn}.`)
    return arn
  }
  return [
    {
      method: 'GET',
      path: PATH,
      operation: 'ListTagsForResource',
      handle: (call) => ({ status: 200, body: tagsDocument(tags.of(arnIn(call))) }),
    },
    {
      method: 'POST',
      path: PATH,
      when: (query) => query.get('Operation') === 'Tag',
      operation: 'TagResource',
      handle: (call): Answer => {
        tags.put(arnIn(call), tags.read(readDocument(call.body, 'Tags')))
        return { status: 204, body: '' }
      },
    },
    {
      method: 'POST',
      path: PATH,
      when: (query) => query.get('Operation') === 'Untag',
      operation: 'UntagResource',
      handle: (call): Answer => {
        const keys = childElements(child(readDocument(call.body, 'TagKeys'), 'Items')).map(contentOf)
        tags.drop(arnIn(call), keys)
        return { status: 204, body: '' }
      },
    },
  ]
}

function tagsDocument(tags: Record<string, string>): string {
  const items = Object.entries(tags).map(([key, value]) =>
    element('Tag', element('Key', key), element('Value', value)),
  )
  // Tags and TagKeys are the only lists of this API without a Quantity.
  return document(element('Tags', element('Items', ...items)))
}
