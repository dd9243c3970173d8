import { codeOf } from './error-codes.ts'
import type { ErrorCode, RefusalStatus } from './error-codes.ts'

/** Beside the status, where it does not say all. */
type Details = { code: ErrorCode; retryAfterSeconds: number }

/** A request that is refused; the message goes to the client and says what was expected and what came. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: RefusalStatus
  readonly code: ErrorCode
  /** After which the client may try again; undefined where trying again does not help or nobody knows. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    status: RefusalStatus,
    message: string,
    { code, retryAfterSeconds, ...options }: ErrorOptions & Partial<Details> = {},
  ) {
    super(message, options)
    this.status = status
    this.code = code ?? codeOf(status)
    this.retryAfterSeconds = retryAfterSeconds
  }
}
