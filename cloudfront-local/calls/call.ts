/** One call of an API of AWS, whatever its service, and the answer to it. */
import type { CallEntry } from '../audit-log.ts'

/** What a call is about: the member of the audit entry and of a fault that names it. */
export type Subject = 'distribution' | 'store' | 'function' | 'policy' | 'vpcOrigin'

export type Call = {
  /** Decoded parts of the path that the route captured; the first is the id or name of the subject. */
  parts: readonly string[]
  query: URLSearchParams
  headers: Readonly<Record<string, string | string[] | undefined>>
  ifMatch: string | undefined
  body: string
}

/** `audit` is what the audit log says of the call beyond operation, subject and status. */
export type Answer = {
  status: number
  body: string
  headers?: Record<string, string>
  audit?: Partial<CallEntry>
}

/** A verb and a path of the API. `when` tells apart calls that differ by their query only. */
export type Route = {
  method: string
  path: RegExp
  when?: (query: URLSearchParams) => boolean
  operation: string
  subject?: Subject
  handle: (call: Call) => Answer | Promise<Answer>
}

/** One service on the wire. */
export type Service = {
  name: 'CloudFront' | 'KeyValueStore'
  routes: readonly Route[]
  contentType: string
  /** The name of the subject of a call, where paths carry something else. */
  nameOf?: (subject: string) => string
  /** Body and headers of an error answer. */
  describeError: (
    error: { code: string; status: number; message: string },
    requestId: string,
  ) => { body: string; headers?: Record<string, string> }
  /** What is said to a call that no route takes. */
  unknownCall: () => Error
}
