/** ListDistributionsBy…: which distributions have something. */
import { OPERATIONS, SHAPES } from '../model/cloudfront.ts'
import { payloadOf } from '../model/model.ts'
import { CloudFrontError } from './cloudfront-error.ts'
import { listDocument } from './distribution-xml.ts'
import { markedList, pageOf, readDocument } from './documents.ts'
import { referencesIn } from './references.ts'
import { element, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { Distributions } from './distributions.ts'
import type { KeptByKind } from './kept-kinds.ts'
import type { ReferenceKind } from './references.ts'
import type { XmlElement } from './xml.ts'

export type DistributionListServices = {
  distributions: Distributions
  byKind: KeptByKind
  maxPageSize: number
}

/** Which distributions a call asks for. Throws CloudFrontError. */
type Wanted = (config: XmlElement) => boolean
type Choice = { operation: string; wanted: (call: Call, services: DistributionListServices) => Wanted }

const BY_REFERENCE: Readonly<Record<string, ReferenceKind>> = {
  CachePolicyId: 'CachePolicy',
  OriginRequestPolicyId: 'OriginRequestPolicy',
  ResponseHeadersPolicyId: 'ResponseHeadersPolicy',
  KeyGroup: 'KeyGroup',
  VpcOriginId: 'VpcOrigin',
  AnycastIpListId: 'AnycastIpList',
  ConnectionFunction: 'ConnectionFunction',
  TrustStore: 'TrustStore',
}

const CHOICES: readonly Choice[] = [
  ...Object.entries(BY_REFERENCE).map(([by, kind]) => ({
    operation: `ListDistributionsBy${by}`,
    wanted: (call: Call, { byKind }: DistributionListServices) => {
      // In the path, but for two that have it in the query.
      const id = call.parts[0] ?? call.query.get(`${kind}Identifier`) ?? ''
      byKind[kind]?.get(id)
      return (config: XmlElement) => referencesIn(config, kind).includes(id)
    },
  })),
  {
    operation: 'ListDistributionsByWebACLId',
    wanted: ({ parts: [id = ''] }) => {
      // "null" asks for those that have none.
      const acl = id === 'null' ? '' : id
      return (config) => (textOf(config, 'WebACLId') ?? '') === acl
    },
  },
  {
    operation: 'ListDistributionsByConnectionMode',
    wanted: ({ parts: [mode = ''] }) => {
      if (mode !== 'direct' && mode !== 'tenant-only') {
        throw new CloudFrontError('InvalidArgument', `There is no connection mode "${mode}".`)
      }
      return (config) => (textOf(config, 'ConnectionMode') ?? 'direct') === mode
    },
  },
  {
    operation: 'ListDistributionsByRealtimeLogConfig',
    wanted: ({ body }) => {
      const arn = textOf(
        readDocument(body, 'ListDistributionsByRealtimeLogConfigRequest'),
        'RealtimeLogConfigArn',
      )
      return (config) => referencesIn(config, 'RealtimeLogConfig').includes(arn ?? '')
    },
  },
]

export function distributionListRoutes(services: DistributionListServices): Handler[] {
  return CHOICES.map(({ operation, wanted }) => ({
    operation,
    handle: (call) => listed(operation, call, services, wanted(call, services)),
  }))
}

function listed(
  operation: string,
  { query }: Call,
  { distributions, maxPageSize: cap }: DistributionListServices,
  wanted: Wanted,
): Answer {
  const all = distributions.list().filter(({ config }) => wanted(config))
  const page = pageOf(all, ({ distribution }) => distribution, { query, cap })
  const { root = '' } = payloadOf(OPERATIONS[operation]?.output) ?? {}
  if (root === 'DistributionList') {
    return { status: 200, body: listDocument(page, (id) => distributions.statusOf(id)) }
  }
  const ids = SHAPES.DistributionIdListSummary
  const item = ids !== undefined && 'item' in ids ? ids.item : ''
  return {
    status: 200,
    body: markedList(
      root,
      page,
      page.items.map(({ distribution }) => element(item, distribution)),
    ),
  }
}
