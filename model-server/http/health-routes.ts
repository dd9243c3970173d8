import type { Express } from 'express'
import type { ServerContext } from './server-context.ts'
import { methodNotAllowed } from './error-answer.ts'
import { neverReady, notReadyBecause } from '../models/readiness.ts'

export const LIVE_PATH = '/v2/health/live'
export const READY_PATH = '/v2/health/ready'

/** A status and its JSON. */
export type HealthAnswer = { status: 200 | 503; body: object }

/** What a kubelet and a load balancer ask. */
export function addHealthRoutes(app: Express, parts: Pick<ServerContext, 'repository' | 'drain'>): void {
  // Liveness does not look at the model: a restart would only fetch the same bytes again.
  app
    .route(LIVE_PATH)
    .get((_request, response) => {
      response.json({ live: true })
    })
    .all(methodNotAllowed('GET, HEAD'))
  app
    .route(READY_PATH)
    .get((_request, response) => {
      const { status, body } = readyAnswer(parts)
      response.status(status).json(body)
    })
    .all(methodNotAllowed('GET, HEAD'))
}

/** What `GET /v2/health/ready` says now. */
export function readyAnswer({
  repository,
  drain,
}: Pick<ServerContext, 'repository' | 'drain'>): HealthAnswer {
  const reason = notReadyBecause(repository, drain.draining)
  if (reason === undefined) return { status: 200, body: { ready: true } }
  const isFinal = !drain.draining && neverReady(repository)
  return {
    status: 503,
    body: { ready: false, error: reason, code: 'not_ready', ...(isFinal ? { final: true } : {}) },
  }
}
