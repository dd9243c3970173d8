/** The errors of AWS's services and of its SDK in our words, as far as all services have them in common. */
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'
import { NoAnswerError } from '../http/no-answer.ts'
import { describe, type Called, type Foreign } from './called.ts'
import { describeDenial, isUnknownIdentity, lacksPermission } from './denials.ts'

/** What a service says in words of its own. */
export type ErrorMap = {
  /** Names of errors that mean: changed since it was read. */
  conflicts: RegExp
  /** Names of errors that mean: it does not exist; and what to say then. */
  notFound: RegExp
  missing: { reason: string; message: string }
}

// None of them is in the service models; the throttle of CloudFront is Throttling with status 400 and "Rate exceeded".
const TRANSIENT =
  /^(Throttl|TooManyInvalidationsInProgress|TooManyRequests|RequestLimitExceeded|SlowDown|RequestTimeout|RequestTimeTooSkewed|RequestExpired|ExpiredToken|ServiceUnavailable|InternalError|InternalFailure|InternalServer|AbortError|TimeoutError|CredentialsProviderError)/
const OUTDATED = /^(ExpiredToken|TokenRefreshRequired|UnrecognizedClient|InvalidClientTokenId)/
/** Errors with such names have status 401 in the model, and speak of what is attached and not of who asks. */
const MISFIT = 'OwnerMismatch'

/**
 * ConflictError: changed meanwhile. TransientError: throttled, 5xx, no answer; a write may or may not have happened.
 * RefusedError: the missing one's reason, AccessDenied or, for everything else that the service says no to, InvalidSpec.
 * What is none of these is a mistake of ours and comes back as it is.
 */
export function translate(error: unknown, called: Called, dialect: ErrorMap): unknown {
  const foreign = (error ?? {}) as Foreign
  const options = { cause: error }
  switch (kindOf(foreign, dialect)) {
    case 'Conflict':
      return new ConflictError(`${called.subject} changed meanwhile (${foreign.name ?? ''})`, options)
    case 'Transient':
      return new TransientError(describe(called, foreign), options)
    case 'NotFound':
      return new RefusedError(dialect.missing.reason, dialect.missing.message, options)
    case 'Denied':
      return new RefusedError('AccessDenied', describeDenial(called, foreign), options)
    case 'Refused': {
      const said = describe(called, foreign)
      const message = called.advice === undefined ? said : `${said.replace(/\.$/, '')}; ${called.advice}`
      return new RefusedError('InvalidSpec', message, options)
    }
    case 'Unexpected':
      return error
  }
}

/** Whether the credentials that were used are known no more, so that others are to be found before the next call. */
export function isOutdatedIdentity(error: unknown): boolean {
  return OUTDATED.test((error as Foreign | undefined)?.name ?? '')
}

type Kind = 'Conflict' | 'Transient' | 'NotFound' | 'Denied' | 'Refused' | 'Unexpected'

function kindOf(foreign: Foreign, dialect: ErrorMap): Kind {
  const { message = '', code, $metadata } = foreign
  const status = $metadata?.httpStatusCode
  const kind = foreign instanceof NoAnswerError ? 'Transient' : kindOfName(foreign, dialect)
  if (kind !== undefined) return kind
  if (status !== undefined) return kindOfStatus(status, message)
  // A connection that failed has the system's code and no status; what is no Error of the SDK's own realm, it wraps
  // and loses the code.
  const wrapped = message.startsWith('AWS SDK error wrapper for ')
  return typeof code === 'string' || wrapped ? 'Transient' : 'Unexpected'
}

function kindOfName({ name = '', $metadata }: Foreign, dialect: ErrorMap): Kind | undefined {
  if (dialect.conflicts.test(name) || $metadata?.httpStatusCode === 412) return 'Conflict'
  if (TRANSIENT.test(name)) return 'Transient'
  if (dialect.notFound.test(name)) return 'NotFound'
  if (name.endsWith(MISFIT)) return 'Refused'
  return name.startsWith('AccessDenied') || isUnknownIdentity(name) ? 'Denied' : undefined
}

function kindOfStatus(status: number, message: string): Kind {
  // Below 400: an answer that could not be read, for example a page of a proxy.
  if (status < 400 || status === 429 || status >= 500) return 'Transient'
  return status === 401 || status === 403 || lacksPermission(message) ? 'Denied' : 'Refused'
}
