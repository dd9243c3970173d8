import type { Express, Request } from 'express'
import type { Parts } from '../app.ts'
import { parseJson } from '../http/body.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { addInferenceRoute, pathPart, requireJson, servedModel } from '../http/inference-route.ts'
import { sendJson } from '../http/send-json.ts'
import type { ModelSlot } from '../models/model-slot.ts'
import { modelNotReadyBecause } from '../models/readiness.ts'
import { decodeInferRequest, encodeInferResponse, encodeMetadata } from './v2-codec.ts'

const SERVER_NAME = 'modelrelease-model-server'
const MODEL_PATHS = ['/v2/models/:model', '/v2/models/:model/versions/:version']

/** The Open Inference Protocol V2 over REST, JSON tensors. */
export function addV2Routes(app: Express, parts: Parts): void {
  const { repository, drain, serverVersion } = parts
  const slotOf = (request: Request): ModelSlot =>
    repository.find(pathPart(request, 'model'), pathPart(request, 'version'))

  app
    .route('/v2')
    .get((_request, response) => {
      response.json({ name: SERVER_NAME, version: serverVersion, extensions: [] })
    })
    .all(methodNotAllowed('GET, HEAD'))

  for (const path of MODEL_PATHS) {
    app
      .route(path)
      .get((request, response) => {
        const slot = slotOf(request)
        response.json(encodeMetadata(slot.config, servedModel(slot).signature))
      })
      .all(methodNotAllowed('GET, HEAD'))
    app
      .route(`${path}/ready`)
      .get((request, response) => {
        const { config, state } = slotOf(request)
        const reason = modelNotReadyBecause(state, drain.draining)
        if (reason === undefined) response.json({ name: config.name, ready: true })
        else response.status(503).json({ name: config.name, ready: false, error: reason })
      })
      .all(methodNotAllowed('GET, HEAD'))
    addInferenceRoute(app, parts, {
      protocol: 'v2',
      path: `${path}/infer`,
      checkHeaders: requireJson,
      infer: async ({ response, model, body, call }) => {
        const { id, inputs, outputs } = decodeInferRequest(parseJson(body), model.signature)
        sendJson(response, encodeInferResponse(model, id, await model.infer(inputs, outputs, call)))
      },
    })
  }
}
