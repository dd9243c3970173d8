import type { Express } from 'express'
import type { Parts } from '../app.ts'
import { addInferenceRoute } from '../http/inference-route.ts'
import { decodeFrame, encodePrediction } from './predict-codec.ts'
import { RequestError } from '../http/request-error.ts'

/** `POST /predict`, the route of the predictors that this server takes over from. */
export function addPredictRoute(app: Express, parts: Parts): void {
  addInferenceRoute(app, parts, {
    protocol: 'predict',
    path: '/predict',
    infer: async (request, response, { frame, run }) => {
      if (typeof frame === 'string') throw new RequestError(501, `/predict is not available: ${frame}`)
      const inputs = new Map([[frame.input, decodeFrame(request.body, frame)]])
      const results = await run(inputs, [frame.output])
      const output = results.get(frame.output)
      if (!output) throw new Error(`the model gave no '${frame.output}'`)
      response.json(encodePrediction(output))
    },
  })
}
