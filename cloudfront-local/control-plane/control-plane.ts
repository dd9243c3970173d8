/** The control plane on the wire: REST-XML, API version 2020-05-31. */
import { CloudFrontError, errorBody } from './cloudfront-error.ts'
import type { Route, Service } from '../calls/call.ts'

/** The service that has these routes; every other operation says so. */
export function controlPlane(routes: readonly Route[]): Service {
  const known = [...new Set(routes.map(({ operation }) => operation))].sort()
  return {
    name: 'CloudFront',
    routes,
    contentType: 'text/xml',
    describeError: (error, requestId) => ({ body: errorBody(error, requestId) }),
    unknownCall: () =>
      new CloudFrontError('NotImplemented', `This stand-in has ${known.join(', ')}, and no more.`),
  }
}
