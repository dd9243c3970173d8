import type { Express } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { parseJson } from '../http/body.ts'
import { addInferenceRoute, requireJson } from '../http/inference-route.ts'
import { RequestError } from '../http/request-error.ts'
import { sendJson } from '../http/send-json.ts'
import { decodeFrame, encodePrediction } from './predict-codec.ts'

/** `POST /predict`, the route of the predictors that this server takes over from. */
export function addPredictRoute(app: Express, parts: ServerContext): void {
  addInferenceRoute(app, parts, {
    protocol: 'predict',
    path: '/predict',
    checkHeaders: requireJson,
    infer: async ({ response, model: { frame, infer }, body, call }) => {
      if (typeof frame === 'string') throw new RequestError(501, `/predict is not available: ${frame}`)
      const matrix = decodeFrame(parseJson(body), frame)
      if (matrix.shape[0] === 0) {
        sendJson(response, { prediction: [] })
        return
      }
      const inputs = new Map([[frame.input, matrix]])
      const results = await infer(inputs, [frame.output], call)
      const output = results.get(frame.output)
      if (!output) throw new Error(`the model gave no '${frame.output}'`)
      sendJson(response, encodePrediction(output))
    },
  })
}
