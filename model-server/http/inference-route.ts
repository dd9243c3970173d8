import type { Express, Request, Response } from 'express'
import type { Parts } from '../app.ts'
import type { Config } from '../config/config.ts'
import { Call } from '../execution/call.ts'
import type { ModelSlot } from '../models/model-slot.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Protocol } from '../operations/model-metrics.ts'
import { contextOf } from '../operations/request-context.ts'
import { checkContentLength, readBody } from './body.ts'
import { methodNotAllowed } from './error-answer.ts'
import { introduceModel } from './introduce-model.ts'
import { RequestError } from './request-error.ts'
import { whenEnded } from './when-ended.ts'

const TIMEOUT_HEADER = 'x-request-timeout-ms'

/** One request on its way: what came, which model answers, and what it still has. */
export type Exchange = {
  request: Request
  response: Response
  model: ServedModel
  /** Whole and inflated. */
  body: Buffer
  call: Call
  /** When its headers were read, on the clock of `performance.now()`. */
  arrivedMs: number
}

/** Where a protocol takes its requests, and how it answers them. */
export type InferenceRoute = {
  protocol: Protocol
  /** With `:model` and `:version` where the path names them; the default model otherwise. */
  path: string
  /** Throws RequestError 415 where the headers say that the body cannot be read. */
  checkHeaders: (request: Request) => void
  /** Sends the answer; what it throws becomes one. */
  infer: (exchange: Exchange) => Promise<void>
}

/**
 * Add a POST route. Whatever can be refused without the body is refused before it is read, in this order: model (404, 503),
 * headers (415), length (413), queue (503).
 */
export function addInferenceRoute(app: Express, parts: Parts, route: InferenceRoute): void {
  app
    .route(route.path)
    .post((request, response) => exchange(request, response, parts, route))
    .all(methodNotAllowed('POST'))
}

async function exchange(
  request: Request,
  response: Response,
  parts: Parts,
  route: InferenceRoute,
): Promise<void> {
  const started = performance.now()
  const { config, repository } = parts
  const slot = repository.find(pathPart(request, 'model'), pathPart(request, 'version'))
  const call = beginCall(response, { slot, protocol: route.protocol, started, config })
  const model = servedModel(slot)
  route.checkHeaders(request)
  limitTime(request, call, started)
  checkContentLength(request, config.maxBodyBytes)
  takePlace(model, response)
  const body = await readBody(request, config.maxBodyBytes)
  const columns = typeof model.frame === 'string' ? [] : model.frame.columns
  parts.payloadLog?.watch({ context: contextOf(response), headers: request.headers, body, columns }, response)
  await route.infer({ request, response, model, body, call, arrivedMs: started })
}

/** Begin the clock of an inference request, and see to it that its end is counted. */
export function beginCall(
  response: Response,
  {
    slot,
    protocol,
    started,
    config,
  }: { slot: ModelSlot; protocol: Protocol; started: number; config: Config },
): Call {
  const call = new Call(started + config.requestTimeoutMs)
  introduceModel(response, slot)
  contextOf(response).asked = { protocol, model: slot.config, call }
  whenEnded(response, () => {
    call.abandoned = !response.writableFinished
    // nginx's code for a client that left; there is no answer to count.
    const code = call.abandoned ? 499 : response.statusCode
    slot.metrics.answered(protocol, code, (performance.now() - started) / 1000)
    if (code === 413) slot.metrics.rejected('too_large')
    if (code === 504) slot.metrics.rejected('deadline')
  })
  return call
}

/** A client may want its answer earlier than the server would wait, never later. */
function limitTime(request: Request, call: Call, started: number): void {
  const given = request.headers[TIMEOUT_HEADER]
  if (given === undefined) return
  const milliseconds = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (milliseconds < 1) {
    throw new RequestError(
      400,
      `${TIMEOUT_HEADER}: expected milliseconds from 1 to 999999999, got '${String(given)}'`,
    )
  }
  call.expireBy(started + milliseconds)
}

/** Until the answer is out or its client gone. */
function takePlace({ admission, metrics }: ServedModel, response: Response): void {
  try {
    admission.enter()
  } catch (error) {
    metrics.rejected('queue_full')
    throw error
  }
  whenEnded(response, () => admission.leave())
}

/**
 * The model in a slot.
 * @throws RequestError 503 with the reason why there is none
 */
export function servedModel(slot: ModelSlot): ServedModel {
  if (slot.state.type !== 'Loaded') throw new RequestError(503, slot.state.reason)
  const { model } = slot.state
  const reason = model.unavailableBecause()
  if (reason !== undefined) throw new RequestError(503, reason)
  return model
}

/** A named part of the path, which express may also give as a list. */
export function pathPart(request: Request, name: string): string | undefined {
  const part = request.params[name]
  return typeof part === 'string' ? part : undefined
}

/** For routes that take JSON only. */
export function requireJson(request: Request): void {
  const type = request.headers['content-type']
  if (type === 'application/json' || request.is(['json', '+json']) !== false) return
  throw new RequestError(415, `content-type: expected application/json, got ${type ?? 'none'}`)
}
