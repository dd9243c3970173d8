/** The operations on distributions and their invalidations. */
import { CloudFrontError } from './cloudfront-error.ts'
import { configDocument, distributionArn, distributionDocument, listDocument } from './distribution-xml.ts'
import { document, list, locationOf, markedList, pageOf, readDocument, required } from './documents.ts'
import { contentOf, element, listItems, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { Commit, Distributions, Version } from './distributions.ts'
import type { Invalidation, Invalidations } from './invalidations.ts'
import type { Tags } from './tags.ts'
import type { XmlElement } from './xml.ts'

/** `maxPageSize` caps MaxItems of the list operations. */
export type DistributionServices = {
  distributions: Distributions
  invalidations: Invalidations
  tags: Tags
  maxPageSize: number
}

export function distributionRoutes(services: DistributionServices): Handler[] {
  const subject = 'distribution'
  const bind = (handle: (services: DistributionServices, call: Call) => Answer) => (call: Call) =>
    handle(services, call)
  return [
    { operation: 'ListDistributions', handle: bind(listDistributions) },
    { operation: 'CreateDistributionWithTags', handle: bind(createWithTags) },
    { operation: 'CreateDistribution', handle: bind(create) },
    { operation: 'GetDistribution', subject, handle: bind(get) },
    { operation: 'DeleteDistribution', subject, handle: bind(remove) },
    { operation: 'GetDistributionConfig', subject, handle: bind(getConfig) },
    { operation: 'UpdateDistribution', subject, handle: bind(update) },
    { operation: 'CopyDistribution', subject, handle: bind(copy) },
    { operation: 'UpdateDistributionWithStagingConfig', subject, handle: bind(promote) },
    { operation: 'ListInvalidations', subject, handle: bind(listInvalidations) },
    { operation: 'CreateInvalidation', subject, handle: bind(invalidate) },
    { operation: 'GetInvalidation', subject, handle: bind(getInvalidation) },
  ]
}

function idOf({ parts: [id = ''] }: Call): string {
  return id
}

function told({ distributions, invalidations }: DistributionServices, version: Version): string {
  return distributionDocument(version, {
    status: distributions.statusOf(version.distribution),
    invalidationsInProgress: invalidations.inProgress(version.distribution).length,
  })
}

function listDistributions({ distributions, maxPageSize }: DistributionServices, { query }: Call): Answer {
  const page = pageOf(distributions.list(), ({ distribution }) => distribution, { query, cap: maxPageSize })
  return { status: 200, body: listDocument(page, (id) => distributions.statusOf(id)) }
}

function get(services: DistributionServices, call: Call): Answer {
  const version = services.distributions.get(idOf(call))
  return { status: 200, headers: { etag: version.etag }, body: told(services, version) }
}

function getConfig({ distributions }: DistributionServices, call: Call): Answer {
  const version = distributions.get(idOf(call))
  return { status: 200, headers: { etag: version.etag }, body: configDocument(version) }
}

function update(services: DistributionServices, call: Call): Answer {
  return committed(services, services.distributions.update(idOf(call), call.ifMatch, call.body))
}

function promote(services: DistributionServices, call: Call): Answer {
  const staging = call.query.get('StagingDistributionId') ?? ''
  return committed(services, services.distributions.promote(idOf(call), staging, call.ifMatch))
}

function committed(services: DistributionServices, { version, targets, changed }: Commit): Answer {
  const { etag, number } = version
  const audit = { etag, version: number, targets, changed }
  return { status: 200, headers: { etag }, body: told(services, version), audit }
}

function create(services: DistributionServices, call: Call): Answer {
  return created(services, call, services.distributions.create(readDocument(call.body, 'DistributionConfig')))
}

function createWithTags(services: DistributionServices, call: Call): Answer {
  const body = readDocument(call.body, 'DistributionConfigWithTags')
  const tags = services.tags.read(required(body, 'Tags'))
  const version = services.distributions.create(required(body, 'DistributionConfig'))
  services.tags.put(distributionArn(version.distribution), tags)
  return created(services, call, version)
}

function copy(services: DistributionServices, call: Call): Answer {
  const body = readDocument(call.body, 'CopyDistributionRequest')
  if (call.headers.staging !== 'true') {
    throw new CloudFrontError('InvalidArgument', 'Only staging distributions can be made by copying.')
  }
  const wanted = {
    callerReference: contentOf(required(body, 'CallerReference')),
    enabled: textOf(body, 'Enabled') !== 'false',
  }
  return created(services, call, services.distributions.copy(idOf(call), call.ifMatch, wanted))
}

function created(services: DistributionServices, call: Call, version: Version): Answer {
  const { etag, distribution, number } = version
  const location = locationOf(`distribution/${distribution}`)
  return {
    status: 201,
    headers: { etag, location },
    body: told(services, version),
    audit: { distribution, etag, version: number },
  }
}

function remove({ distributions, invalidations, tags }: DistributionServices, call: Call): Answer {
  const id = idOf(call)
  distributions.delete(id, call.ifMatch)
  invalidations.forget(id)
  tags.forget(distributionArn(id))
  return { status: 204, body: '' }
}

function invalidate({ distributions, invalidations }: DistributionServices, call: Call): Answer {
  const id = idOf(call)
  distributions.get(id)
  const batch = readDocument(call.body, 'InvalidationBatch')
  const paths = listItems(batch, 'Paths').map(contentOf)
  if (Number(textOf(required(batch, 'Paths'), 'Quantity')) !== paths.length) {
    throw new CloudFrontError('InconsistentQuantities', 'Quantity and the number of paths do not match.')
  }
  const reference = contentOf(required(batch, 'CallerReference'))
  const invalidation = invalidations.create(id, reference, paths)
  const location = locationOf(`distribution/${id}/invalidation/${invalidation.id}`)
  const body = invalidationDocument(invalidations, invalidation)
  return { status: 201, headers: { location }, body, audit: { invalidation: invalidation.id } }
}

function getInvalidation({ distributions, invalidations }: DistributionServices, call: Call): Answer {
  const [distribution = '', id = ''] = call.parts
  distributions.get(distribution)
  return { status: 200, body: invalidationDocument(invalidations, invalidations.get(distribution, id)) }
}

function listInvalidations(services: DistributionServices, call: Call): Answer {
  const { distributions, invalidations, maxPageSize } = services
  distributions.get(idOf(call))
  const page = pageOf(invalidations.list(idOf(call)), ({ id }) => id, { query: call.query, cap: maxPageSize })
  const items = page.items.map((one) => element('InvalidationSummary', ...summary(invalidations, one)))
  return { status: 200, body: markedList('InvalidationList', page, items) }
}

function invalidationDocument(invalidations: Invalidations, invalidation: Invalidation): string {
  const paths = invalidation.paths.map((path) => element('Path', path))
  const batch = element(
    'InvalidationBatch',
    list('Paths', paths),
    element('CallerReference', invalidation.callerReference),
  )
  return document(element('Invalidation', ...summary(invalidations, invalidation), batch))
}

function summary(invalidations: Invalidations, { id, created: at }: Invalidation): XmlElement[] {
  return [
    element('Id', id),
    element('Status', invalidations.statusOf(id)),
    element('CreateTime', at.toISOString()),
  ]
}
