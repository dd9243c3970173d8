import type { IncomingMessage } from 'node:http'
import type { Express } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { addInferenceRoute, pathPart, requireJson } from '../http/inference-route.ts'
import { sendJson } from '../http/send-json.ts'
import { encodePredictResponse, encodeStatus } from './v1-codec.ts'

const MODEL_PATHS = ['/v1/models/:model', '/v1/models/:model/versions/:version']

/** The V1 protocol: the REST API of TensorFlow Serving, of which KServe has `:predict` and the list of models. */
export function addV1Routes(app: Express, parts: ServerContext): void {
  const { repository, drain } = parts
  for (const path of MODEL_PATHS) {
    addInferenceRoute(app, parts, {
      protocol: 'v1',
      path: `${path}\\:predict`,
      checkHeaders,
      formOf: () => 'v1',
      infer: async ({ response, model, asked, call }) => {
        if (asked.rows === 0) {
          sendJson(response, { predictions: [] })
          return
        }
        const names = model.signature.outputs.map((output) => output.name)
        sendJson(response, encodePredictResponse(await model.infer(asked.inputs, names, call), asked))
      },
    })
    app
      .route(path)
      .get((request, response) => {
        const [name, version] = [pathPart(request, 'model'), pathPart(request, 'version')]
        const slot = repository.find(name, version)
        response.json(
          encodeStatus(
            slot.name,
            version === undefined ? repository.versions(slot.name) : [slot],
            drain.draining,
          ),
        )
      })
      .all(methodNotAllowed('GET, HEAD'))
  }
  if (!parts.config.publicMetadata) return
  app
    .route('/v1/models')
    .get((_request, response) => {
      response.json({ models: repository.names })
    })
    .all(methodNotAllowed('GET, HEAD'))
}

// TensorFlow Serving does not look at the type, and its users' scripts often give none.
function checkHeaders(request: IncomingMessage): void {
  if (request.headers['content-type'] !== undefined) requireJson(request)
}
