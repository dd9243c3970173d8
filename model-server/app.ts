/** Puts the routes together. Builds an express app and never listens. */
import express from 'express'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { stripBasePath } from './http/base-path.ts'
import { answerErrors } from './http/error-answer.ts'
import { FastLane } from './http/fast-lane.ts'
import { addHealthRoutes } from './http/health-routes.ts'
import { introduceModel } from './http/introduce-model.ts'
import { beginContext } from './operations/request-context.ts'
import { addPageRoutes } from './pages/page-routes.ts'
import { addMlflowRoutes } from './protocols/mlflow-routes.ts'
import { addPredictRoute } from './protocols/predict-route.ts'
import { addV1Routes } from './protocols/v1-routes.ts'
import { addRunRoute } from './protocols/run-route.ts'
import { RequestError } from './http/request-error.ts'
import type { ServerContext } from './http/server-context.ts'
import { addV2Routes } from './protocols/v2-routes.ts'

/** All routes of the data port. */
export function buildApp(serverParts: Omit<ServerContext, 'lane'>): RequestListener {
  const lane = new FastLane()
  const parts = { ...serverParts, lane }
  const { config, log } = parts
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')

  const begin = introduce(parts)
  app.use((request, response, next) => {
    begin(request, response)
    next()
  })
  if (config.basePath !== '') app.use(stripBasePath(config.basePath))
  addHealthRoutes(app, parts)
  addPredictRoute(app, parts)
  addRunRoute(app, parts)
  addV2Routes(app, parts)
  addV1Routes(app, parts)
  addMlflowRoutes(app, parts)
  addPageRoutes(app, parts)

  app.use((request) => {
    throw new RequestError(404, `no such path: ${request.path}; GET / lists those there are`, {
      code: 'path_not_found',
    })
  })
  app.use(answerErrors(log))
  return lane.listener(app, begin)
}

/** Every answer, also a refusal, says which release gave it, and which model and bytes where there is only one to ask. */
function introduce({
  config,
  repository,
  drain,
  accessLog,
}: ServerContext): (request: IncomingMessage, response: ServerResponse) => void {
  const { release } = config
  const headers = Object.entries({
    'x-modelrelease-name': release.name,
    'x-modelrelease-color': release.color,
    'x-modelrelease-revision': release.revision,
    // A cached answer would speak for a revision that may not serve any more.
    'cache-control': 'no-store',
  }).filter((header): header is [string, string] => header[1] !== undefined)

  return (request, response) => {
    drain.track(response)
    accessLog.follow(beginContext(request.headers, response), request, response)
    for (const [name, value] of headers) response.setHeader(name, value)
    const [only, another] = repository.slots
    if (only && !another) introduceModel(response, only)
  }
}
