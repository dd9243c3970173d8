/** The codes with which a request is refused because of what it asks or because of the server's state. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 501 | 503 | 504

/** A request that is refused; the message goes to the client and says what was expected and what came. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: RefusalStatus
  /** After which the client may try again; undefined where trying again does not help or nobody knows. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    status: RefusalStatus,
    message: string,
    { retryAfterSeconds, ...options }: ErrorOptions & { retryAfterSeconds?: number } = {},
  ) {
    super(message, options)
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
  }
}
