import type { IncomingMessage } from 'node:http'
import type { Express } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { answerErrors, methodNotAllowed } from '../http/error-answer.ts'
import { addInferenceRoute } from '../http/inference-route.ts'
import { RequestError } from '../http/request-error.ts'
import { sendJson } from '../http/send-json.ts'
import { notReadyBecause } from '../models/readiness.ts'
import { encodePredictions, mlflowError } from './mlflow-codec.ts'

/** The routes of MLflow's scoring server, which SageMaker asks for too. */
export function addMlflowRoutes(app: Express, parts: ServerContext): void {
  const { config, repository, drain, serverVersion, log } = parts
  addInferenceRoute(app, parts, {
    protocol: 'mlflow',
    path: '/invocations',
    checkHeaders: checkType,
    errorShape: mlflowError,
    formOf: (request) => (typeOf(request).type === 'text/csv' ? 'csv' : 'mlflow'),
    infer: async ({ response, model, asked: invocation, call }) => {
      if (invocation.isEmpty) {
        sendJson(response, { predictions: [] })
        return
      }
      const names = model.signature.outputs.map((output) => output.name)
      const outputs = await model.infer(invocation.inputs, names, call)
      sendJson(response, encodePredictions(outputs, { ...invocation, isNamed: config.mlflowNamed }))
    },
  })
  app.use('/invocations', answerErrors(log, mlflowError))

  app
    .route(['/ping', '/health'])
    .get((_request, response) => {
      // MLflow says 404 to whoever asks for health without a model; what load balancers look at is that it is not 200.
      const reason = notReadyBecause(repository, drain.draining)
      response
        .status(reason === undefined ? 200 : 503)
        .type('text/plain')
        .send(`${reason ?? ''}\n`)
    })
    .all(methodNotAllowed('GET, HEAD'))
  app
    .route('/version')
    .get((_request, response) => {
      response.type('text/plain').send(serverVersion)
    })
    .all(methodNotAllowed('GET, HEAD'))
}

// Other parameters were formats of MLflow 1, and their bodies look like others do today.
function checkType(request: IncomingMessage): void {
  const { type, parameters } = typeOf(request)
  const isKnown = type === 'application/json' || type === 'text/csv'
  if (isKnown && parameters.every((parameter) => /^charset="?utf-?8"?$/.test(parameter))) return
  throw new RequestError(
    415,
    `content-type: expected application/json or text/csv, in UTF-8 and without other parameters, got ${request.headers['content-type'] ?? 'none'}`,
  )
}

function typeOf(request: IncomingMessage): { type: string; parameters: string[] } {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  return { type, parameters }
}
