/** CloudFront's and the SDK's errors in our words. */
import { ConflictError, RefusedError, TransientError } from '../errors.ts'

/** What was tried: the API operation, which is also the name of its IAM action, on which distribution. */
export type Attempted = {
  operation: 'GetDistribution' | 'UpdateDistribution' | 'CreateInvalidation'
  distributionId: string
}

type Foreign = Partial<Error> & { code?: unknown; $metadata?: { httpStatusCode?: number } }

const CONFLICTS = new Set(['PreconditionFailed', 'InvalidIfMatchVersion'])
// None of them is in the service model; CloudFront's own throttle is Throttling with status 400 and "Rate exceeded".
const TRANSIENT =
  /^(Throttl|TooManyInvalidationsInProgress|TooManyRequests|RequestLimitExceeded|SlowDown|RequestTimeout|RequestTimeTooSkewed|RequestExpired|ExpiredToken|ServiceUnavailable|InternalError|InternalFailure|AbortError|TimeoutError|CredentialsProviderError)/
const DENIALS =
  /^(AccessDenied|UnrecognizedClient|InvalidClientTokenId|SignatureDoesNotMatch|InvalidSignature)/
const OUTDATED = /^(ExpiredToken|TokenRefreshRequired|UnrecognizedClient|InvalidClientTokenId)/
const MAX_MESSAGE = 300

/**
 * ConflictError: changed meanwhile. TransientError: throttled, 5xx, no answer; a write may or may not have happened.
 * RefusedError: DistributionNotFound, AccessDenied or, for everything else that CloudFront says no to, InvalidSpec.
 * What is none of these is a mistake of ours and comes back as it is.
 */
export function translate(error: unknown, attempted: Attempted): unknown {
  const { name = '', message = '' } = (error ?? {}) as Foreign
  const options = { cause: error }
  const said = `${name}: ${oneLine(message)}`
  const id = attempted.distributionId
  switch (kindOf(error ?? {})) {
    case 'Conflict':
      return new ConflictError(`distribution ${id} changed meanwhile (${name})`, options)
    case 'Transient':
      return new TransientError(describe(attempted, said), options)
    case 'NotFound':
      return new RefusedError(
        'DistributionNotFound',
        `spec.traffic.cloudFrontDistribution.distributionId "${id}" does not exist in the account of the operator's credentials: correct the field or the credentials`,
        options,
      )
    case 'Denied':
      return new RefusedError('AccessDenied', describeDenial(attempted, said), options)
    case 'Refused':
      return new RefusedError('InvalidSpec', describe(attempted, said), options)
    case 'Unexpected':
      return error
  }
}

/** Whether the credentials that were used are known no more, so that others are to be found before the next call. */
export function isOutdatedIdentity(error: unknown): boolean {
  return OUTDATED.test((error as Foreign | undefined)?.name ?? '')
}

type Kind = 'Conflict' | 'Transient' | 'NotFound' | 'Denied' | 'Refused' | 'Unexpected'

function kindOf({ name = '', message = '', code, $metadata }: Foreign): Kind {
  const status = $metadata?.httpStatusCode
  if (CONFLICTS.has(name) || status === 412) return 'Conflict'
  if (TRANSIENT.test(name)) return 'Transient'
  if (name === 'NoSuchDistribution') return 'NotFound'
  if (DENIALS.test(name)) return 'Denied'
  if (status !== undefined) return kindOfStatus(status)
  // A connection that failed has the system's code and no status; what is no Error of the SDK's own realm, it wraps
  // and loses the code.
  const wrapped = message.startsWith('AWS SDK error wrapper for ')
  return typeof code === 'string' || wrapped ? 'Transient' : 'Unexpected'
}

function kindOfStatus(status: number): Kind {
  // Below 400: an answer that could not be read, for example a page of a proxy.
  if (status < 400 || status === 429 || status >= 500) return 'Transient'
  return status === 401 || status === 403 ? 'Denied' : 'Refused'
}

function describe({ operation, distributionId }: Attempted, said: string): string {
  return `${operation} of distribution ${distributionId}: ${said}`.slice(0, MAX_MESSAGE)
}

function describeDenial({ operation, distributionId }: Attempted, said: string): string {
  const resource = `arn:aws:cloudfront::*:distribution/${distributionId}`
  return `the operator's credentials need the IAM action cloudfront:${operation} on ${resource} (${said})`.slice(
    0,
    MAX_MESSAGE,
  )
}

function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
}
