import type { Express } from 'express'
import type { Parts } from '../app.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { addInferenceRoute, checkModelNamed, loadedModel } from '../http/inference-route.ts'
import { notReadyBecause } from '../models/readiness.ts'
import { decodeInferRequest, encodeInferResponse, encodeMetadata } from './v2-codec.ts'

const SERVER_NAME = 'modelrelease-model-server'
const MODEL_PATHS = ['/v2/models/:model', '/v2/models/:model/versions/:version']

/** The Open Inference Protocol V2 over REST, JSON tensors. */
export function addV2Routes(app: Express, parts: Parts): void {
  const { slot, drain, serverVersion } = parts
  const model = slot.config

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
        checkModelNamed(request.params, slot)
        response.json(encodeMetadata(model, loadedModel(slot).signature))
      })
      .all(methodNotAllowed('GET, HEAD'))
    app
      .route(`${path}/ready`)
      .get((request, response) => {
        checkModelNamed(request.params, slot)
        const reason = notReadyBecause(slot.state, drain.draining)
        if (reason === undefined) response.json({ name: model.name, ready: true })
        else response.status(503).json({ name: model.name, ready: false, error: reason })
      })
      .all(methodNotAllowed('GET, HEAD'))
    addInferenceRoute(app, parts, {
      protocol: 'v2',
      path: `${path}/infer`,
      infer: async (request, response, { signature, run }) => {
        const { id, inputs, outputs } = decodeInferRequest(request.body, signature)
        response.json(encodeInferResponse(model, id, await run(inputs, outputs)))
      },
    })
  }
}
