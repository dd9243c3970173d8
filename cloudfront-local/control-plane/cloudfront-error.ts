import { element, renderDocument } from './xml.ts'

/** Namespace of API version 2020-05-31; every root element of a response carries it. */
export const XML_NAMESPACE = 'http://cloudfront.amazonaws.com/doc/2020-05-31/'

/** HTTP status of the error codes that this stand-in knows, as the service model gives them. */
const STATUS_OF: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  CNAMEAlreadyExists: 409,
  IllegalUpdate: 400,
  InconsistentQuantities: 400,
  InternalError: 500,
  InvalidArgument: 400,
  InvalidIfMatchVersion: 400,
  MalformedXML: 400,
  MissingBody: 400,
  NoSuchDistribution: 404,
  NoSuchOrigin: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  ServiceUnavailable: 503,
  Throttling: 400,
  TooManyCacheBehaviors: 400,
  TooManyOrigins: 400,
}

/** The HTTP status that belongs to an error code; undefined for codes that this stand-in does not know. */
export function statusOf(code: string): number | undefined {
  return STATUS_OF[code]
}

/** An answer of the control plane that is an error, in CloudFront's own code and status. */
export class CloudFrontError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status: number = STATUS_OF[code] ?? 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** The body of an error answer. */
export function errorBody(error: CloudFrontError, requestId: string): string {
  const body = element(
    'ErrorResponse',
    element(
      'Error',
      element('Type', error.status >= 500 ? 'Receiver' : 'Sender'),
      element('Code', error.code),
      element('Message', error.message),
    ),
    element('RequestId', requestId),
  )
  return renderDocument({ ...body, attributes: { xmlns: XML_NAMESPACE } })
}
