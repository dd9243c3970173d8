/** The short way for paths that express has routed before. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** Answers a request, also with an error; it never rejects. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Longer ones, and more than these, only ever come from somebody who makes them up. */
const MAX_PATHS = 1_000
const MAX_LENGTH = 512

/**
 * Express costs a tenth of a small request: it gives every request and response another prototype, and tries one route after
 * the other. What it found for the path of an inference request cannot change while the process lives, so the next
 * request with the very same path is answered without it.
 */
export class FastLane {
  readonly #answers = new Map<string, Answer>()

  /** Express came to this answer for a POST to this path. */
  remember(path: string | undefined, answer: Answer): void {
    if (path === undefined || path.length > MAX_LENGTH || this.#answers.size >= MAX_PATHS) return
    this.#answers.set(path, answer)
  }

  /** Requests whose path is known go the short way, all others to `app`; `begin` is what express does with each of those first. */
  listener(
    app: RequestListener,
    begin: (request: IncomingMessage, response: ServerResponse) => void,
  ): RequestListener {
    return (request, response) => {
      const answer = request.method === 'POST' ? this.#answers.get(request.url ?? '') : undefined
      if (!answer) {
        app(request, response)
        return
      }
      begin(request, response)
      void answer(request, response)
    }
  }
}
