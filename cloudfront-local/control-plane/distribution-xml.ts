/** The documents that tell of distributions. */
import { membersOf } from '../model/model.ts'
import { withOwnMembers } from './defaults.ts'
import { arnOf, document, markedList } from './documents.ts'
import { child, element } from './xml.ts'
import type { Page } from './documents.ts'
import type { Status, Version } from './distributions.ts'
import type { XmlElement } from './xml.ts'

/** What a distribution's document says beside its newest version. */
export type Condition = { status: Status; invalidationsInProgress: number }

// The members that a DistributionSummary has in common with a DistributionConfig.
const SUMMARY_MEMBERS = Object.keys(membersOf('DistributionSummary')).filter(
  (name) => name in membersOf('DistributionConfig'),
)

/** Amazon resource name of a distribution. */
export function distributionArn(id: string): string {
  return arnOf('distribution', id)
}

/** Answer of GetDistributionConfig: the bare configuration, unknown elements included. */
export function configDocument({ config }: Version): string {
  return document(config)
}

/** Answer of GetDistribution, CreateDistribution, UpdateDistribution and CopyDistribution. */
export function distributionDocument(version: Version, condition: Condition): string {
  return document(
    element(
      'Distribution',
      ...identity(version, condition.status),
      element('InProgressInvalidationBatches', String(condition.invalidationsInProgress)),
      element('DomainName', version.domainName),
      element('ActiveTrustedSigners', element('Enabled', 'false'), element('Quantity', '0')),
      element('ActiveTrustedKeyGroups', element('Enabled', 'false'), element('Quantity', '0')),
      version.config,
    ),
  )
}

/** Answer of ListDistributions and of those that list distributions with something. */
export function listDocument(page: Page<Version>, statusOf: (id: string) => Status): string {
  return markedList(
    'DistributionList',
    page,
    page.items.map((version) => {
      const config = withOwnMembers(version.config)
      return element(
        'DistributionSummary',
        ...identity(version, statusOf(version.distribution)),
        element('ETag', version.etag),
        element('DomainName', version.domainName),
        ...SUMMARY_MEMBERS.map((name) => child(config, name)).filter((member) => member !== undefined),
      )
    }),
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
