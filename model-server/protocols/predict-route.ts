import type { Express } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { addInferenceRoute, requireJson } from '../http/inference-route.ts'
import { sendJson } from '../http/send-json.ts'
import { encodePrediction } from './predict-codec.ts'

/** `POST /predict`, the route of the predictors that this server takes over from. */
export function addPredictRoute(app: Express, parts: ServerContext): void {
  addInferenceRoute(app, parts, {
    protocol: 'predict',
    path: '/predict',
    checkHeaders: requireJson,
    formOf: () => 'predict',
    infer: async ({ response, model: { infer }, asked: { inputs, rows, output: name }, call }) => {
      if (rows === 0) {
        sendJson(response, { prediction: [] })
        return
      }
      const results = await infer(inputs, [name], call)
      const output = results.get(name)
      if (!output) throw new Error(`the model gave no '${name}'`)
      sendJson(response, encodePrediction(output))
    },
  })
}
