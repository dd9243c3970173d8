/** The routes for those who run the server. They have a port of their own: what a proxy forwards to users never reaches them. */
import express from 'express'
import type { Express } from 'express'
import type { ServerContext } from './http/server-context.ts'
import { answerErrors } from './http/error-answer.ts'
import { addHealthRoutes } from './http/health-routes.ts'
import { RequestError } from './http/request-error.ts'
import { addRepositoryRoutes } from './repository-api/repository-routes.ts'

/** All routes of the port for operations. */
export function buildOpsApp(parts: ServerContext): Express {
  const { metrics, log } = parts
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')

  addHealthRoutes(app, parts)
  addRepositoryRoutes(app, parts)
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })

  app.use((request) => {
    throw new RequestError(
      404,
      `no such path: ${request.path}; this port has /metrics, /v2/health and /v2/repository`,
      { code: 'path_not_found' },
    )
  })
  app.use(answerErrors(log))
  return app
}
