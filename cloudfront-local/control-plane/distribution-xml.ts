/** The documents that the control plane answers with. */
import { XML_NAMESPACE } from './cloudfront-error.ts'
import { child, element, renderDocument } from './xml.ts'
import type { Version } from '../propagation/propagation.ts'
import type { XmlElement } from './xml.ts'

export type Status = 'InProgress' | 'Deployed'

// The members that a DistributionSummary has in common with a DistributionConfig, in the order of the service model.
const SUMMARY_MEMBERS = [
  'Aliases',
  'Origins',
  'OriginGroups',
  'DefaultCacheBehavior',
  'CacheBehaviors',
  'CustomErrorResponses',
  'Comment',
  'PriceClass',
  'Enabled',
  'ViewerCertificate',
  'Restrictions',
  'WebACLId',
  'HttpVersion',
  'IsIPV6Enabled',
  'Staging',
]

// The account that AWS uses in its documentation.
const ACCOUNT = '123456789012'

/** Amazon resource name of a distribution. */
export function distributionArn(id: string): string {
  return `arn:aws:cloudfront::${ACCOUNT}:distribution/${id}`
}

/** Answer of GetDistributionConfig: the bare configuration, unknown elements included. */
export function configDocument({ config }: Version): string {
  return document(config)
}

/** Answer of GetDistribution and UpdateDistribution. */
export function distributionDocument(version: Version, status: Status): string {
  return document(
    element(
      'Distribution',
      ...identity(version, status),
      element('InProgressInvalidationBatches', '0'),
      element('DomainName', version.domainName),
      element('ActiveTrustedSigners', element('Enabled', 'false'), element('Quantity', '0')),
      element('ActiveTrustedKeyGroups', element('Enabled', 'false'), element('Quantity', '0')),
      version.config,
    ),
  )
}

/** One page of ListDistributions. */
export type Page = {
  marker: string
  maxItems: number
  nextMarker?: string | undefined
  items: { version: Version; status: Status }[]
}

/** Answer of ListDistributions. */
export function listDocument({ marker, maxItems, nextMarker, items }: Page): string {
  const summaries = items.map(({ version, status }) =>
    element(
      'DistributionSummary',
      ...identity(version, status),
      element('ETag', version.etag),
      element('DomainName', version.domainName),
      ...SUMMARY_MEMBERS.map((name) => child(version.config, name)).filter((member) => member !== undefined),
    ),
  )
  return document(
    element(
      'DistributionList',
      element('Marker', marker),
      ...(nextMarker === undefined ? [] : [element('NextMarker', nextMarker)]),
      element('MaxItems', String(maxItems)),
      element('IsTruncated', String(nextMarker !== undefined)),
      element('Quantity', String(items.length)),
      ...(items.length === 0 ? [] : [element('Items', ...summaries)]),
    ),
  )
}

function identity({ distribution, modified }: Version, status: Status): XmlElement[] {
  return [
    element('Id', distribution),
    element('ARN', distributionArn(distribution)),
    element('Status', status),
    element('LastModifiedTime', modified.toISOString()),
  ]
}

function document(root: XmlElement): string {
  return renderDocument({ ...root, attributes: { xmlns: XML_NAMESPACE } })
}
