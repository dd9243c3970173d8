/** The control plane on the wire: REST-XML, API version 2020-05-31. */
import { answerHeaders, mayAnswer, needsIfMatch, OPERATION_PATTERNS } from '../model/model.ts'
import { CloudFrontError, errorBody } from './cloudfront-error.ts'
import { ifMatchMissing } from './etag.ts'
import type { Answer, Call, Route, Service, Subject } from '../calls/call.ts'

/** What is done for one operation of the model; the model says where it is called. */
export type Handler = {
  operation: string
  subject?: Subject
  handle: (call: Call) => Answer | Promise<Answer>
}

// What is found before an operation is known to lack the code; the chain ends at one that it has.
const INSTEAD: Readonly<Record<string, string>> = {
  PreconditionFailed: 'InvalidIfMatchVersion',
  InvalidIfMatchVersion: 'InvalidArgument',
  EntityNotFound: 'InvalidArgument',
  InconsistentQuantities: 'InvalidArgument',
  InvalidTagging: 'InvalidArgument',
  MissingBody: 'InvalidArgument',
  InvalidArgument: 'MalformedXML',
}

/** What an operation came to: its answer, or the error that is told instead. */
export type Outcome = { operation: string; answer: Answer } | { operation: string; error: CloudFrontError }

/**
 * The service that does these operations; every other one of the model says that it is not here. `inspect` sees every
 * outcome before the caller does.
 */
export function controlPlane(
  handlers: readonly Handler[],
  inspect: (outcome: Outcome) => void = () => undefined,
): Service {
  const known = new Map(handlers.map((handler) => [handler.operation, handler]))
  return {
    name: 'CloudFront',
    routes: OPERATION_PATTERNS.map(({ operation, ...place }): Route => {
      const handler = known.get(operation)
      if (handler === undefined) return { ...place, operation, handle: notHere(operation) }
      const { handle, ...about } = handler
      return { ...place, ...about, handle: inItsModel(operation, handle, inspect) }
    }),
    contentType: 'text/xml',
    describeError: (error, requestId) => ({ body: errorBody(error, requestId) }),
    unknownCall: () => new CloudFrontError('NotImplemented', 'CloudFront has no such operation.'),
  }
}

function notHere(operation: string): () => never {
  return () => {
    throw new CloudFrontError(
      'NotImplemented',
      `${operation} is not implemented here; the README of cloudfront-local lists what is.`,
    )
  }
}

/** The operation with the headers and the error codes that the model gives it. */
function inItsModel(
  operation: string,
  handle: Handler['handle'],
  inspect: (outcome: Outcome) => void,
): Handler['handle'] {
  const isGuarded = needsIfMatch(operation)
  return async (call) => {
    try {
      // Before it is looked for: a call without the header is wrong whatever it names.
      if (isGuarded && call.ifMatch === undefined) throw ifMatchMissing()
      const plain = await handle(call)
      const answer = { ...plain, headers: answerHeaders(operation, plain.headers ?? {}) }
      inspect({ operation, answer })
      return answer
    } catch (caught) {
      if (!(caught instanceof CloudFrontError)) throw caught
      const error = declaredAs(operation, caught)
      inspect({ operation, error })
      throw error
    }
  }
}

function declaredAs(operation: string, error: CloudFrontError): CloudFrontError {
  const instead = INSTEAD[error.code]
  if (instead === undefined || mayAnswer(operation, error.code)) return error
  return declaredAs(operation, new CloudFrontError(instead, error.message))
}
