/** The codes with which a request is refused because of what it asks or because of the server's state. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 501 | 503 | 504

/** A request that is refused; the message goes to the client and says what was expected and what came. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: RefusalStatus

  constructor(status: RefusalStatus, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}
