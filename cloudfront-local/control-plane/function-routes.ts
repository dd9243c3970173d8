/** The operations on functions. */
import { CloudFrontError } from './cloudfront-error.ts'
import { document, locationOf, pageOf, plainList, readDocument, required } from './documents.ts'
import { contentOf, element, listItems, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { Outcome, ViewerRequestEvent } from '../functions/event.ts'
import type { EdgeFunction, FunctionParts, Functions, Stage, Staged } from './functions.ts'
import type { Tags } from './tags.ts'
import type { XmlElement } from './xml.ts'

export type FunctionServices = {
  functions: Functions
  /** Whether a distribution runs the function of that ARN. */
  isAssociated: (arn: string) => boolean
  /** Run a stage outside of any edge. */
  test: (subject: EdgeFunction, stage: Staged, event: ViewerRequestEvent) => Promise<Outcome>
  tags: Tags
  maxPageSize: number
}

export function functionRoutes(services: FunctionServices): Handler[] {
  const subject = 'function'
  const bind =
    (handle: (services: FunctionServices, call: Call) => Answer | Promise<Answer>) => (call: Call) =>
      handle(services, call)
  return [
    { operation: 'ListFunctions', handle: bind(listFunctions) },
    { operation: 'CreateFunction', handle: bind(create) },
    { operation: 'GetFunction', subject, handle: bind(getCode) },
    { operation: 'UpdateFunction', subject, handle: bind(update) },
    { operation: 'DeleteFunction', subject, handle: bind(remove) },
    { operation: 'DescribeFunction', subject, handle: bind(describe) },
    { operation: 'TestFunction', subject, handle: bind(test) },
    { operation: 'PublishFunction', subject, handle: bind(publish) },
  ]
}

function nameIn({ parts: [name = ''] }: Call): string {
  return name
}

function stageIn(text: string | null | undefined): Stage {
  if (text === 'LIVE' || text === 'DEVELOPMENT') return text
  if (text === undefined || text === null) return 'DEVELOPMENT'
  throw new CloudFrontError('InvalidArgument', `There is no stage "${text}".`)
}

function summary(services: FunctionServices, one: EdgeFunction, stage: Stage): XmlElement {
  const { comment, runtime, store, modified } = services.functions.stage(one.name, stage)
  const stores =
    store === undefined
      ? [element('Quantity', '0')]
      : [
          element('Quantity', '1'),
          element('Items', element('KeyValueStoreAssociation', element('KeyValueStoreARN', store))),
        ]
  return element(
    'FunctionSummary',
    element('Name', one.name),
    element('Status', statusOf(services, one)),
    element(
      'FunctionConfig',
      element('Comment', comment),
      element('Runtime', runtime),
      element('KeyValueStoreAssociations', ...stores),
    ),
    element(
      'FunctionMetadata',
      element('FunctionARN', one.arn),
      element('Stage', stage),
      element('CreatedTime', one.created),
      element('LastModifiedTime', modified),
    ),
  )
}

function statusOf({ functions, isAssociated }: FunctionServices, { arn, live }: EdgeFunction): string {
  if (live === undefined) return 'UNPUBLISHED'
  if (!isAssociated(arn)) return 'UNASSOCIATED'
  return functions.isPropagated(arn) ? 'DEPLOYED' : 'IN_PROGRESS'
}

function partsIn(body: XmlElement): FunctionParts {
  const config = required(body, 'FunctionConfig')
  const stores = listItems(config, 'KeyValueStoreAssociations').map(
    (one) => textOf(one, 'KeyValueStoreARN') ?? '',
  )
  const [store, another] = stores
  if (another !== undefined) {
    throw new CloudFrontError('InvalidArgument', 'A function can have one key value store.')
  }
  return {
    code: Buffer.from(contentOf(required(body, 'FunctionCode')), 'base64').toString('utf8'),
    comment: contentOf(required(config, 'Comment')),
    runtime: contentOf(required(config, 'Runtime')),
    ...(store === undefined ? {} : { store }),
  }
}

function listFunctions(services: FunctionServices, { query }: Call): Answer {
  const asked = query.get('Stage')
  const stage = stageIn(asked)
  const all = services.functions.list().filter(({ live }) => stage === 'DEVELOPMENT' || live !== undefined)
  const page = pageOf(all, ({ name }) => name, { query, cap: services.maxPageSize })
  const items = page.items.map((one) => summary(services, one, stage))
  return { status: 200, body: plainList('FunctionList', page, items) }
}

function create(services: FunctionServices, call: Call): Answer {
  const body = readDocument(call.body, 'CreateFunctionRequest')
  const tags = services.tags.readFrom(body)
  const one = services.functions.create(contentOf(required(body, 'Name')), partsIn(body))
  services.tags.put(one.arn, tags)
  const { etag } = one.development
  return {
    status: 201,
    headers: { etag, location: locationOf(`function/${one.name}`) },
    body: document(summary(services, one, 'DEVELOPMENT')),
    audit: { function: one.name, etag },
  }
}

/** The code itself, as the body. */
function getCode({ functions }: FunctionServices, call: Call): Answer {
  const { code, etag } = functions.stage(nameIn(call), stageIn(call.query.get('Stage')))
  return { status: 200, headers: { etag, 'content-type': 'application/javascript' }, body: code }
}

function describe(services: FunctionServices, call: Call): Answer {
  const stage = stageIn(call.query.get('Stage'))
  const one = services.functions.get(nameIn(call))
  const { etag } = services.functions.stage(one.name, stage)
  return { status: 200, headers: { etag }, body: document(summary(services, one, stage)) }
}

function update(services: FunctionServices, call: Call): Answer {
  const parts = partsIn(readDocument(call.body, 'UpdateFunctionRequest'))
  const one = services.functions.update(nameIn(call), call.ifMatch, parts)
  const { etag } = one.development
  return {
    status: 200,
    headers: { etag },
    body: document(summary(services, one, 'DEVELOPMENT')),
    audit: { etag },
  }
}

function publish(services: FunctionServices, call: Call): Answer {
  const one = services.functions.publish(nameIn(call), call.ifMatch)
  const body = document(summary(services, one, 'LIVE'))
  return { status: 200, body, audit: { etag: one.live?.etag ?? '', version: one.published } }
}

function remove({ functions, isAssociated, tags }: FunctionServices, call: Call): Answer {
  const { arn } = functions.get(nameIn(call))
  if (isAssociated(arn)) {
    throw new CloudFrontError('FunctionInUse', 'A distribution runs the function.')
  }
  functions.delete(nameIn(call), call.ifMatch)
  tags.forget(arn)
  return { status: 204, body: '' }
}

async function test(services: FunctionServices, call: Call): Promise<Answer> {
  const body = readDocument(call.body, 'TestFunctionRequest')
  const stage = stageIn(textOf(body, 'Stage'))
  const one = services.functions.guarded(nameIn(call), call.ifMatch, stage)
  const event = eventIn(contentOf(required(body, 'EventObject')))
  const outcome = await services.test(one, services.functions.stage(one.name, stage), event)
  const logs = outcome.logs.map((line) => element('member', line))
  const result = element(
    'TestResult',
    summary(services, one, stage),
    // CloudFront tells percents of a limit that it does not publish.
    element('ComputeUtilization', '1'),
    element('FunctionExecutionLogs', ...logs),
    element('FunctionErrorMessage', outcome.type === 'Error' ? outcome.message : ''),
    element('FunctionOutput', outcome.type === 'Error' ? '' : JSON.stringify(outputOf(outcome))),
  )
  return { status: 200, body: document(result) }
}

function outputOf(outcome: Exclude<Outcome, { type: 'Error' }>): object {
  return outcome.type === 'Request' ? { request: outcome.request } : { response: outcome.response }
}

function eventIn(base64: string): ViewerRequestEvent {
  try {
    const event = JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Partial<ViewerRequestEvent>
    if (typeof event.request === 'object') return event as ViewerRequestEvent
  } catch {
    // Said below, like an object without a request.
  }
  throw new CloudFrontError('InvalidArgument', 'EventObject must be a JSON object with a request.')
}
