import { ApiError } from '../calls/api-error.ts'
import { statusOf } from '../calls/status-codes.ts'
import { element, renderDocument } from './xml.ts'

/** Namespace of API version 2020-05-31; every root element of a response carries it. */
export const XML_NAMESPACE = 'http://cloudfront.amazonaws.com/doc/2020-05-31/'

/** An answer of the control plane that is an error, in CloudFront's own code and status. */
export class CloudFrontError extends ApiError {
  constructor(code: string, message: string) {
    super(code, message, statusOf(code) ?? 400)
  }
}

/** The body of an error answer. */
export function errorBody(error: Pick<ApiError, 'code' | 'status' | 'message'>, requestId: string): string {
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
