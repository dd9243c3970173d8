/** Errors say whether trying again can help; foreign errors are translated once, at their edge, keeping `cause`. */

/** The world changed under the decision: look again at once and decide anew. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError'
}

/** The world did not answer, or asked to be left alone for a while: look again later. */
export class TransientError extends Error {
  override readonly name = 'TransientError'
}

/** The world answered with how it was before something that is known of it: such an answer says nothing, look again later. */
export class OlderError extends TransientError {}

/** The world understood and said no; only a person's change can help. Becomes `Stalled` with this reason. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly reason: string

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
