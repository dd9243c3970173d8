import express from 'express'
import type { Express, Request, RequestHandler, Response } from 'express'
import type { Parts } from '../app.ts'
import { methodNotAllowed } from './error-answer.ts'
import type { Metrics, Protocol } from '../operations/metrics.ts'
import type { LoadedModel, ModelSlot } from '../models/model-slot.ts'
import { RequestError } from './request-error.ts'

/** What answers a parsed request with a loaded model. */
export type Inference = (request: Request, response: Response, model: LoadedModel) => Promise<void>

/** Where a protocol takes its requests, and how it answers them. */
export type InferenceRoute = { protocol: Protocol; path: string; infer: Inference }

/** Add a POST route with a JSON body. Whatever can be refused without the body is refused before it is read. */
export function addInferenceRoute(
  app: Express,
  parts: Parts,
  { protocol, path, infer }: InferenceRoute,
): void {
  const { config, slot, metrics } = parts
  app
    .route(path)
    .post(
      counted(metrics, protocol),
      (request, _response, next) => {
        checkModelNamed(request.params, slot)
        loadedModel(slot)
        requireJson(request)
        next()
      },
      express.json({ limit: config.maxBodyBytes, type: () => true, strict: false }),
      (request, response) => infer(request, response, loadedModel(slot)),
    )
    .all(methodNotAllowed('POST'))
}

/**
 * The model in the slot.
 * @throws RequestError 503 with the reason why there is none
 */
export function loadedModel(slot: ModelSlot): LoadedModel {
  if (slot.state.type === 'Loaded') return slot.state.model
  throw new RequestError(503, slot.state.reason)
}

/**
 * Check the `:model` and `:version` of a path against the one model there is.
 * @throws RequestError 404 naming both
 */
export function checkModelNamed(params: Request['params'], { config }: ModelSlot): void {
  const { model = config.name, version = config.version } = params
  if (model === config.name && version === config.version) return
  throw new RequestError(
    404,
    `unknown model: expected '${config.name}' version '${config.version}', got '${String(model)}' version '${String(version)}'`,
  )
}

function requireJson(request: Request): void {
  if (request.is(['json', '+json']) !== false) return
  const type = request.headers['content-type'] ?? 'none'
  throw new RequestError(415, `content-type: expected application/json, got ${type}`)
}

function counted(metrics: Metrics, protocol: Protocol): RequestHandler {
  return (_request, response, next) => {
    const started = performance.now()
    response.once('close', () => {
      // nginx's code for a client that left; there is no answer to count.
      const code = response.writableFinished ? response.statusCode : 499
      metrics.answered(protocol, code, (performance.now() - started) / 1000)
    })
    next()
  }
}
