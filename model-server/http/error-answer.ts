import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import type { Logger } from 'pino'
import { codeOf } from './error-codes.ts'
import type { ErrorCode } from './error-codes.ts'
import { RequestError } from './request-error.ts'
import { sendUnread } from './unread-body.ts'

/** Seconds after which a client may ask again where nothing says how long it will take. */
const RETRY_AFTER = 1

/** The body of a refusal, in the words of a protocol. */
export type ErrorShape = (status: number, message: string, code: ErrorCode) => object

const FAILED = 'the model failed on this request; the log of the server says why'

/** Turns whatever a route threw into `{"error": message, "code": code}` or another shape. Only a failure of ours is logged, and its words stay in the log. */
export function answerErrors(log: Logger, shape?: ErrorShape): ErrorRequestHandler {
  const answer = errorAnswer(log, shape)
  return (error: unknown, request, response, next) => {
    if (response.headersSent) next(error)
    else answer(error, request, response)
  }
}

/** The same outside of express. */
export function errorAnswer(
  log: Logger,
  shape: ErrorShape = (_status, error, code) => ({ error, code }),
): (error: unknown, request: IncomingMessage, response: ServerResponse) => void {
  return (error, request, response) => {
    // What was sent cannot be taken back; that it breaks off tells the client.
    if (response.headersSent) {
      log.warn({ err: error }, 'Request failed after the beginning of its answer')
      response.destroy()
      return
    }
    const refusal = refusalOf(error)
    if (!refusal) {
      log.warn({ err: error, method: request.method, path: request.url?.split('?', 1)[0] }, 'Request failed')
      send(request, response, 500, shape(500, FAILED, 'model_failed'))
      return
    }
    const { status, message, code = codeOf(status), retryAfterSeconds = RETRY_AFTER } = refusal
    if (status === 503) response.setHeader('retry-after', retryAfterSeconds)
    send(request, response, status, shape(status, message, code))
  }
}

function send(request: IncomingMessage, response: ServerResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json; charset=utf-8')
  sendUnread(request, response, JSON.stringify(body))
}

/** The last handler of a route: its path is known, this method is not. */
export function methodNotAllowed(allowed: string): RequestHandler {
  return (request, response) => {
    response.setHeader('allow', allowed)
    throw new RequestError(405, `${request.path}: expected ${allowed}, got ${request.method}`)
  }
}

type Refusal = {
  status: number
  message: string
  code?: ErrorCode
  retryAfterSeconds?: number | undefined
}

/** Errors of express carry a status; anything that does not is a failure of ours. */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof RequestError) return error
  const { status, message } = error as { status?: number; message: string }
  return status !== undefined && status >= 400 && status < 500 ? { status, message } : undefined
}
