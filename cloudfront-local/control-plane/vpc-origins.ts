/** VPC origins: kept, versioned and told apart from those that are in use; edges reach them like any other origin. */
import { CloudFrontError } from './cloudfront-error.ts'
import { arnOf, document, locationOf, markedList, pageOf, readDocument, required } from './documents.ts'
import { KeptConfigs } from './kept-configs.ts'
import { element, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { KeptConfig, KeptOptions } from './kept-configs.ts'
import type { Tags } from './tags.ts'
import type { XmlElement } from './xml.ts'

const CONFIG = 'VpcOriginEndpointConfig'
const MAX_VPC_ORIGINS = 25

export class VpcOrigins {
  readonly kept: KeptConfigs

  constructor(options: KeptOptions) {
    this.kept = new KeptConfigs(options, {
      idFrom: (identifier) => `vo_${identifier}`,
      missing: (id) => new CloudFrontError('EntityNotFound', `There is no VPC origin ${id}.`),
    })
  }

  /** Throws CloudFrontError. */
  create(config: XmlElement): KeptConfig {
    if (this.kept.size >= MAX_VPC_ORIGINS) {
      throw new CloudFrontError('EntityLimitExceeded', `More than ${MAX_VPC_ORIGINS} VPC origins.`)
    }
    const name = textOf(config, 'Name')
    if (this.kept.list().some((one) => textOf(one.config, 'Name') === name)) {
      throw new CloudFrontError('EntityAlreadyExists', `There is a VPC origin ${name ?? ''} already.`)
    }
    return this.kept.add(config)
  }
}

/** `isInUse` tells whether a distribution has an origin behind the VPC origin of that id. */
export type VpcOriginServices = {
  vpcOrigins: VpcOrigins
  isInUse: (id: string) => boolean
  tags: Tags
  maxPageSize: number
}

export function vpcOriginRoutes({ vpcOrigins, isInUse, tags, maxPageSize }: VpcOriginServices): Handler[] {
  const subject = 'vpcOrigin'
  const { kept } = vpcOrigins
  const idIn = ({ parts: [id = ''] }: Call): string => id
  const refuseInUse = (call: Call, code: string): void => {
    kept.get(idIn(call))
    if (isInUse(idIn(call))) throw new CloudFrontError(code, 'A distribution has this VPC origin.')
  }
  const list = ({ query }: Call): Answer => {
    const page = pageOf(kept.list(), ({ id }) => id, { query, cap: maxPageSize })
    const items = page.items.map((one) => element('VpcOriginSummary', ...identity(one), ...endpoint(one)))
    return { status: 200, body: markedList('VpcOriginList', page, items) }
  }
  const create = (call: Call): Answer => {
    const body = readDocument(call.body, 'CreateVpcOriginRequest')
    const wanted = tags.readFrom(body)
    const made = vpcOrigins.create(required(body, CONFIG))
    tags.put(vpcOriginArn(made.id), wanted)
    const answer = answerOf(made, 202)
    const location = locationOf(`vpc-origin/${made.id}`)
    return {
      ...answer,
      headers: { ...answer.headers, location },
      audit: { vpcOrigin: made.id, etag: made.etag },
    }
  }
  const update = (call: Call): Answer => {
    // Changing what a VPC origin points at while a distribution sends traffic there is what AWS forbids.
    refuseInUse(call, 'CannotUpdateEntityWhileInUse')
    const updated = kept.replace(idIn(call), call.ifMatch, readDocument(call.body, CONFIG))
    return { ...answerOf(updated, 202), audit: { etag: updated.etag } }
  }
  const remove = (call: Call): Answer => {
    refuseInUse(call, 'CannotDeleteEntityWhileInUse')
    const gone = kept.delete(idIn(call), call.ifMatch)
    tags.forget(vpcOriginArn(gone.id))
    return answerOf(gone, 202)
  }
  const get = (call: Call): Answer => answerOf(kept.get(idIn(call)), 200)
  return [
    { operation: 'ListVpcOrigins', handle: list },
    { operation: 'CreateVpcOrigin', handle: create },
    { operation: 'GetVpcOrigin', subject, handle: get },
    { operation: 'UpdateVpcOrigin', subject, handle: update },
    { operation: 'DeleteVpcOrigin', subject, handle: remove },
  ]
}

/** Amazon resource name of a VPC origin. */
export function vpcOriginArn(id: string): string {
  return arnOf('vpcorigin', id)
}

function identity({ id, created, modified, config }: KeptConfig): XmlElement[] {
  return [
    element('Id', id),
    element('Name', textOf(config, 'Name') ?? ''),
    element('Arn', vpcOriginArn(id)),
    element('Status', 'Deployed'),
    element('CreatedTime', created),
    element('LastModifiedTime', modified),
  ]
}

/** A summary tells the endpoint's ARN, and not the rest of its configuration. */
function endpoint({ config }: KeptConfig): XmlElement[] {
  return [element('OriginEndpointArn', textOf(config, 'Arn') ?? '')]
}

function answerOf(one: KeptConfig, status: number): Answer {
  const body = element('VpcOrigin', ...identity(one).filter(({ name }) => name !== 'Name'), one.config)
  return { status, headers: { etag: one.etag }, body: document(body) }
}
