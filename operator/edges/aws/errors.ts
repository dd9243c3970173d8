/** The errors of AWS's services and of its SDK in our words, as far as all services have them in common. */
import { ConflictError, RefusedError, TransientError } from '../errors.ts'

/** What was tried, for messages. */
export type Called = {
  /** The API operation with the prefix of its IAM action, for example `cloudfront:GetDistribution`. */
  action: string
  /** For example `distribution E123EXAMPLE`. */
  subject: string
  /** What the IAM action is needed on. */
  arn: string
}

export type Foreign = Partial<Error> & { code?: unknown; $metadata?: { httpStatusCode?: number } }

/** What a service says in words of its own. */
export type Dialect = {
  /** Names of errors that mean: changed since it was read. */
  conflicts: RegExp
  /** Names of errors that mean: it does not exist; and what to say then. */
  notFound: RegExp
  missing: { reason: string; message: string }
}

// None of them is in the service models; the throttle of CloudFront is Throttling with status 400 and "Rate exceeded".
const TRANSIENT =
  /^(Throttl|TooManyInvalidationsInProgress|TooManyRequests|RequestLimitExceeded|SlowDown|RequestTimeout|RequestTimeTooSkewed|RequestExpired|ExpiredToken|ServiceUnavailable|InternalError|InternalFailure|InternalServer|AbortError|TimeoutError|CredentialsProviderError)/
const DENIALS =
  /^(AccessDenied|UnrecognizedClient|InvalidClientTokenId|SignatureDoesNotMatch|InvalidSignature)/
const OUTDATED = /^(ExpiredToken|TokenRefreshRequired|UnrecognizedClient|InvalidClientTokenId)/
const MAX_MESSAGE = 300

/**
 * ConflictError: changed meanwhile. TransientError: throttled, 5xx, no answer; a write may or may not have happened.
 * RefusedError: the missing one's reason, AccessDenied or, for everything else that the service says no to, InvalidSpec.
 * What is none of these is a mistake of ours and comes back as it is.
 */
export function translate(error: unknown, called: Called, dialect: Dialect): unknown {
  const { name = '', message = '' } = (error ?? {}) as Foreign
  const options = { cause: error }
  const said = `${name}: ${oneLine(message)}`
  switch (kindOf(error ?? {}, dialect)) {
    case 'Conflict':
      return new ConflictError(`${called.subject} changed meanwhile (${name})`, options)
    case 'Transient':
      return new TransientError(describe(called, said), options)
    case 'NotFound':
      return new RefusedError(dialect.missing.reason, dialect.missing.message, options)
    case 'Denied':
      return new RefusedError('AccessDenied', describeDenial(called, said), options)
    case 'Refused':
      return new RefusedError('InvalidSpec', describe(called, said), options)
    case 'Unexpected':
      return error
  }
}

/** Whether the credentials that were used are known no more, so that others are to be found before the next call. */
export function isOutdatedIdentity(error: unknown): boolean {
  return OUTDATED.test((error as Foreign | undefined)?.name ?? '')
}

type Kind = 'Conflict' | 'Transient' | 'NotFound' | 'Denied' | 'Refused' | 'Unexpected'

function kindOf({ name = '', message = '', code, $metadata }: Foreign, dialect: Dialect): Kind {
  const status = $metadata?.httpStatusCode
  if (dialect.conflicts.test(name) || status === 412) return 'Conflict'
  if (TRANSIENT.test(name)) return 'Transient'
  if (dialect.notFound.test(name)) return 'NotFound'
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

function describe({ action, subject }: Called, said: string): string {
  return `${action.replace(/^.*:/, '')} of ${subject}: ${said}`.slice(0, MAX_MESSAGE)
}

function describeDenial({ action, arn }: Called, said: string): string {
  return `the operator's credentials need the IAM action ${action} on ${arn} (${said})`.slice(0, MAX_MESSAGE)
}

function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
}
