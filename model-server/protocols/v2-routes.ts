import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express, Request } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { addInferenceRoute, pathPart, requireJson, servedModel } from '../http/inference-route.ts'
import type { Exchange } from '../http/inference-route.ts'
import { JSON_LENGTH_HEADER } from '../http/json-length.ts'
import { isJson, mediaType } from '../http/media-type.ts'
import { RequestError } from '../http/request-error.ts'
import { sendJson } from '../http/send-json.ts'
import type { ModelSlot } from '../models/model-slot.ts'
import { modelNotReadyBecause } from '../models/readiness.ts'
import { encodeInferResponse, encodeMetadata } from './v2-codec.ts'
import type { InferAnswer } from './v2-codec.ts'

/** How this server introduces itself. */
export const SERVER_NAME = 'modelrelease-model-server'
/** What it does beyond the protocol, by the names of Triton, who wrote these extensions. */
export const EXTENSIONS: readonly string[] = ['binary_tensor_data']
/** Answers up to this are copied together; beyond, that costs more than it saves. */
const ONE_PIECE_BYTES = 16 * 2 ** 10
const MODEL_PATHS = ['/v2/models/:model', '/v2/models/:model/versions/:version']

/** The Open Inference Protocol V2 over REST, with tensors as JSON or as bytes. */
export function addV2Routes(app: Express, parts: ServerContext): void {
  const { repository, drain, config } = parts
  const slotOf = (request: Request): ModelSlot =>
    repository.find(pathPart(request, 'model'), pathPart(request, 'version'))

  for (const path of MODEL_PATHS) {
    addInferenceRoute(app, parts, {
      protocol: 'v2',
      path: `${path}/infer`,
      checkHeaders,
      formOf: () => 'v2',
      alignAt,
      infer,
    })
    app
      .route(`${path}/ready`)
      .get((request, response) => {
        const { name, state } = slotOf(request)
        const reason = modelNotReadyBecause(state, drain.draining)
        if (reason === undefined) response.json({ name, ready: true })
        else response.status(503).json({ name, ready: false, error: reason, code: 'not_ready' })
      })
      .all(methodNotAllowed('GET, HEAD'))
  }
  if (config.publicMetadata) addMetadataRoutes(app, parts)
}

function addMetadataRoutes(app: Express, { repository, serverVersion }: ServerContext): void {
  app
    .route(MODEL_PATHS)
    .get((request, response) => {
      const slot = repository.find(pathPart(request, 'model'), pathPart(request, 'version'))
      response.json(encodeMetadata(servedModel(slot), repository.loadedVersions(slot.name)))
    })
    .all(methodNotAllowed('GET, HEAD'))
  app
    .route('/v2')
    .get((_request, response) => {
      response.json({ name: SERVER_NAME, version: serverVersion, extensions: EXTENSIONS })
    })
    .all(methodNotAllowed('GET, HEAD'))
  app
    .route('/v2/models')
    .get((_request, response) => {
      response.json({ models: repository.names })
    })
    .all(methodNotAllowed('GET, HEAD'))
}

// Triton's clients send no content type at all, and with tensors in the body it is not JSON anyway.
function checkHeaders(request: IncomingMessage): void {
  const { 'content-type': type, [JSON_LENGTH_HEADER]: jsonLength } = request.headers
  if (type === undefined) return
  if (jsonLength === undefined) requireJson(request)
  else if (!isBinaryOrJson(mediaType(request))) {
    throw new RequestError(415, `content-type: expected application/octet-stream, got ${type}`)
  }
}

/** Where the tensors begin; a header that says something else is refused when the body is there. */
function alignAt(request: IncomingMessage): number {
  const length = Number(request.headers[JSON_LENGTH_HEADER] ?? 0)
  return Number.isSafeInteger(length) && length > 0 ? length : 0
}

function isBinaryOrJson(type: string | undefined): boolean {
  return type === 'application/octet-stream' || (type !== undefined && isJson(type))
}

async function infer({ response, model, asked, call, arrivedMs }: Exchange<'v2'>): Promise<void> {
  if (asked.timeoutMs !== undefined) call.expireBy(arrivedMs + asked.timeoutMs)
  const outputs = await model.infer(asked.inputs, asked.outputs, call)
  sendAnswer(response, encodeInferResponse(model, asked, outputs))
}

function sendAnswer(response: ServerResponse, { json, tail }: InferAnswer): void {
  if (tail.length === 0) {
    sendJson(response, json)
    return
  }
  const head = Buffer.from(JSON.stringify(json))
  const length = tail.reduce((sum, bytes) => sum + bytes.length, head.length)
  response.setHeader('content-type', 'application/octet-stream')
  response.setHeader(JSON_LENGTH_HEADER, head.length)
  response.setHeader('content-length', length)
  if (length <= ONE_PIECE_BYTES) {
    // What bytes are as text of one byte each goes out with the headers in one write, which costs less than to gather pieces.
    response.end(Buffer.concat([head, ...tail], length).toString('latin1'), 'latin1')
    return
  }
  // One packet where it fits, and no copy of what may be megabytes.
  response.cork()
  response.write(head)
  for (const bytes of tail) response.write(bytes)
  response.uncork()
  response.end()
}
