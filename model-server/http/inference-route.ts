import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express, Request } from 'express'
import type { ServerContext } from './server-context.ts'
import type { Config } from '../config/config.ts'
import { Call } from '../execution/call.ts'
import type { ModelSlot } from '../models/model-slot.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Asked, Decoded, HttpForm } from '../decoding/decoders.ts'
import type { Protocol } from '../operations/model-metrics.ts'
import { contextOf } from '../operations/request-context.ts'
import { checkContentLength, readBody } from './body.ts'
import { errorAnswer, methodNotAllowed } from './error-answer.ts'
import type { ErrorShape } from './error-answer.ts'
import type { Answer } from './fast-lane.ts'
import { JSON_LENGTH_HEADER } from './json-length.ts'
import { isJson, mediaType } from './media-type.ts'
import { introduceModel } from './introduce-model.ts'
import { Place } from './place.ts'
import { RequestError } from './request-error.ts'
import { whenEnded } from './when-ended.ts'

const TIMEOUT_HEADER = 'x-request-timeout-ms'

/** One request on its way: what it asks, which model answers, and what it still has. */
export type Exchange<Form extends HttpForm> = {
  response: ServerResponse
  model: ServedModel
  asked: Decoded[Form]
  call: Call
  /** When its headers were read, on the clock of `performance.now()`. */
  arrivedMs: number
}

/** Where a protocol takes its requests, and how it answers them. */
export type InferenceRoute<Form extends HttpForm> = {
  protocol: Protocol
  /** With `:model` and `:version` where the path names them; the default model otherwise. */
  path: string
  /** Throws RequestError 415 where the headers say that the body cannot be read. */
  checkHeaders: (request: IncomingMessage) => void
  /** What the body is written in, by its headers. */
  formOf: (request: IncomingMessage) => Form
  /** The byte of the body from which on numbers lie. */
  alignAt?: (request: IncomingMessage) => number
  /** Sends the answer; what it throws becomes one. */
  infer: (exchange: Exchange<Form>) => Promise<void>
  /** Of its errors; `{error}` without. */
  errorShape?: ErrorShape
}

/**
 * Add a POST route. Whatever can be refused without the body is refused before it is read, in this order: model (404, 503),
 * headers (415), length (413), queue (503).
 */
export function addInferenceRoute<Form extends HttpForm>(
  app: Express,
  parts: ServerContext,
  route: InferenceRoute<Form>,
): void {
  const answerError = errorAnswer(parts.log, route.errorShape)
  app
    .route(route.path)
    .post((request, response) => {
      const [name, version] = [pathPart(request, 'model'), pathPart(request, 'version')]
      const answer: Answer = async (asked, answered) => {
        try {
          await exchange(asked, answered, parts, { route, name, version })
        } catch (error) {
          answerError(error, asked, answered)
        }
      }
      // Of what anybody may ask for only that is worth remembering which is there.
      if (parts.repository.has(name, version)) parts.lane?.remember(request.originalUrl, answer)
      return answer(request, response)
    })
    .all(methodNotAllowed('POST'))
}

type Target<Form extends HttpForm> = {
  route: InferenceRoute<Form>
  name: string | undefined
  version: string | undefined
}

async function exchange<Form extends HttpForm>(
  request: IncomingMessage,
  response: ServerResponse,
  parts: ServerContext,
  { route, name, version }: Target<Form>,
): Promise<void> {
  const started = performance.now()
  const { config, repository } = parts
  const slot = repository.find(name, version)
  const call = beginCall(response, { slot, protocol: route.protocol, started, config })
  const loaded = servedModel(slot)
  route.checkHeaders(request)
  limitTime(request, call, started)
  checkContentLength(request, config.maxBodyBytes)
  const place = new Place(loaded)
  const held = parts.bodies.hold()
  whenEnded(response, () => {
    place.leave()
    held.release()
  })
  const reading = readBody(request, config.maxBodyBytes, { alignAt: route.alignAt?.(request), held })
  const find = (): ServedModel => servedModel(repository.find(name, version))
  const body = await place.keepWhile(reading, find)
  const columns = typeof place.host.frame === 'string' ? [] : place.host.frame.columns
  parts.payloadLog?.watch({ context: contextOf(response), headers: request.headers, body, columns }, response)
  const form = route.formOf(request)
  const jsonLength = form === 'v2' ? request.headers[JSON_LENGTH_HEADER]?.toString() : undefined
  const asked = await decodeFor(place, find, (model) =>
    parts.decoding.decode({ form, body, model, call, jsonLength }),
  )
  await route.infer({ response, model: place.host, asked, call, arrivedMs: started })
}

/** What is asked of whom the place is with in the end: while a large body is decoded another version may have begun to serve. */
async function decodeFor<T>(
  place: Place<ServedModel>,
  find: () => ServedModel,
  decode: (model: Asked) => T | Promise<T>,
): Promise<T> {
  for (;;) {
    const { host } = place
    const decoded = decode(host)
    const asked = decoded instanceof Promise ? await place.keepWhile(decoded, find) : decoded
    if (place.host === host) return asked
  }
}

/** Begin the clock of an inference request, and see to it that its end is counted. */
export function beginCall(
  response: ServerResponse,
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
function limitTime(request: IncomingMessage, call: Call, started: number): void {
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
export function requireJson(request: IncomingMessage): void {
  const type = mediaType(request)
  if (type !== undefined && isJson(type)) return
  throw new RequestError(
    415,
    `content-type: expected application/json, got ${request.headers['content-type'] ?? 'none'}`,
  )
}
