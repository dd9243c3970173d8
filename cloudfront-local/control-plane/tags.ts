/** Tags of resources, by ARN. */
import { CloudFrontError } from './cloudfront-error.ts'
import { document, readDocument } from './documents.ts'
import { child, childElements, contentOf, element, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { Shelf } from '../state/shelf.ts'
import type { XmlElement } from './xml.ts'

export type SavedTags = { arn: string; tags: Record<string, string> }

const MAX_TAGS = 50
// The patterns of the service model; keys that begin with "aws:" belong to AWS.
const TAG_KEY = /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u
const TAGGABLE_ARN = /^arn:aws(-cn)?:cloudfront::\d+:.+$/

function refuseTooMany(count: number): void {
  if (count > MAX_TAGS) {
    throw new CloudFrontError('InvalidTagging', `More than ${MAX_TAGS} tags on one resource.`)
  }
}

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
    refuseTooMany(Object.keys(all).length)
    this.#keep(arn, all)
  }

  drop(arn: string, keys: readonly string[]): void {
    this.#keep(arn, Object.fromEntries(Object.entries(this.of(arn)).filter(([key]) => !keys.includes(key))))
  }

  /** The resource was deleted. */
  forget(arn: string): void {
    this.#byArn.delete(arn)
    this.#shelf.delete(arn)
  }

  /** The tags that a request to create something has, if any. Throws InvalidTagging. */
  readFrom(request: XmlElement): Record<string, string> {
    const tags = child(request, 'Tags')
    return tags === undefined ? {} : this.read(tags)
  }

  /** The tags in a Tags element. Throws InvalidTagging. */
  read(tags: XmlElement): Record<string, string> {
    const pairs = childElements(child(tags, 'Items')).map((tag): [string, string] => [
      textOf(tag, 'Key') ?? '',
      textOf(tag, 'Value') ?? '',
    ])
    const bad = pairs.find(([key, value]) => !TAG_KEY.test(key) || !TAG_VALUE.test(value))
    if (bad !== undefined) throw new CloudFrontError('InvalidTagging', `The tag "${bad[0]}" is not valid.`)
    refuseTooMany(pairs.length)
    return Object.fromEntries(pairs)
  }

  #keep(arn: string, tags: Record<string, string>): void {
    this.#byArn.set(arn, tags)
    this.#shelf.put(arn, { arn, tags })
  }
}

/** `exists` tells whether an ARN is that of a resource that may carry tags. */
export function taggingRoutes(tags: Tags, exists: (arn: string) => boolean): Handler[] {
  const arnIn = ({ query }: Call): string => {
    const arn = query.get('Resource') ?? ''
    if (!TAGGABLE_ARN.test(arn)) {
      throw new CloudFrontError('InvalidArgument', `"${arn}" is not the ARN of a resource of CloudFront.`)
    }
    if (!exists(arn)) throw new CloudFrontError('NoSuchResource', `There is no resource ${arn}.`)
    return arn
  }
  return [
    {
      operation: 'ListTagsForResource',
      handle: (call) => ({ status: 200, body: tagsDocument(tags.of(arnIn(call))) }),
    },
    {
      operation: 'TagResource',
      handle: (call): Answer => {
        tags.put(arnIn(call), tags.read(readDocument(call.body, 'Tags')))
        return { status: 204, body: '' }
      },
    },
    {
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
