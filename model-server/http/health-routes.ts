import type { Express } from 'express'
import type { ServerContext } from './server-context.ts'
import { methodNotAllowed } from './error-answer.ts'
import { neverReady, notReadyBecause } from '../models/readiness.ts'

/** What a kubelet and a load balancer ask. */
export function addHealthRoutes(app: Express, { repository, drain }: ServerContext): void {
  // Liveness does not look at the model: a restart would only fetch the same bytes again.
  app
    .route('/v2/health/live')
    .get((_request, response) => {
      response.json({ live: true })
    })
    .all(methodNotAllowed('GET, HEAD'))
  app
    .route('/v2/health/ready')
    .get((_request, response) => {
      const reason = notReadyBecause(repository, drain.draining)
      if (reason === undefined) response.json({ ready: true })
      else {
        const isFinal = !drain.draining && neverReady(repository)
        response.status(503).json({ ready: false, error: reason, ...(isFinal ? { final: true } : {}) })
      }
    })
    .all(methodNotAllowed('GET, HEAD'))
}
