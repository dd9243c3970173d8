/** The repository extension of V2: what is loaded, load, unload. On the port for operations, and behind a token. */
import { Router } from 'express'
import type { Express, Request } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import type { RepositoryApiConfig } from '../config/config.ts'
import { parseJson, readBody } from '../http/body.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { pathPart } from '../http/inference-route.ts'
import { RequestError } from '../http/request-error.ts'
import { Superseded } from '../models/model-slot.ts'
import type { ModelSlot, SlotState } from '../models/model-slot.ts'
import { ModelRefused } from '../sources/fetched-model.ts'
import { requireToken } from './bearer-token.ts'
import { indexRequest, loadRequest, unloadRequest } from './load-request.ts'

/** Samples for a warm-up may be images. */
const MAX_BODY_BYTES = 16 * 2 ** 20

/** Add the routes, or one that says how to get them. */
export function addRepositoryRoutes(app: Express, parts: ServerContext): void {
  const { repositoryApi } = parts.config
  if (repositoryApi) app.use('/v2/repository', routes(parts, repositoryApi))
  else {
    app.use('/v2/repository', () => {
      throw new RequestError(404, 'the repository API is off; REPOSITORY_TOKEN_FILE turns it on', {
        code: 'path_not_found',
      })
    })
  }
}

function routes({ repository, drain }: ServerContext, api: RepositoryApiConfig): Router {
  const router = Router()
  router.use(requireToken(api.tokenFile))
  router
    .route('/index')
    .post(async (request, response) => {
      const onlyReady = indexRequest(await jsonOf(request))
      const index = repository.slots.map(indexEntry)
      response.json(onlyReady ? index.filter(({ state }) => state === 'READY') : index)
    })
    .all(methodNotAllowed('POST'))
  router
    .route('/models/:model/load')
    .post(async (request, response) => {
      const body = await jsonOf(request)
      if (drain.draining) throw new RequestError(503, 'the server is draining')
      const configs = loadRequest(pathPart(request, 'model') ?? '', body, { repository, api })
      await Promise.all(configs.map((config) => repository.loadOne(config))).catch(refuse)
      response.end()
    })
    .all(methodNotAllowed('POST'))
  router
    .route('/models/:model/unload')
    .post(async (request, response) => {
      const slots = unloadRequest(pathPart(request, 'model') ?? '', await jsonOf(request), repository)
      await Promise.all(slots.map((slot) => slot.unload()))
      response.end()
    })
    .all(methodNotAllowed('POST'))
  return router
}

async function jsonOf(request: Request): Promise<unknown> {
  const body = await readBody(request, MAX_BODY_BYTES)
  return body.length === 0 ? {} : parseJson(body)
}

function refuse(error: unknown): never {
  if (error instanceof Superseded) throw new RequestError(409, error.message, { cause: error })
  if (error instanceof ModelRefused) throw new RequestError(422, error.message, { cause: error })
  throw new RequestError(503, `the model cannot be fetched: ${(error as Error).message}`, { cause: error })
}

const STATES: Record<SlotState['type'], string> = {
  Loading: 'LOADING',
  Refused: 'UNAVAILABLE',
  Loaded: 'READY',
  Unloading: 'UNLOADING',
  Unloaded: 'UNAVAILABLE',
}

function indexEntry({
  name,
  version,
  state,
}: ModelSlot): Record<'name' | 'version' | 'state' | 'reason', string> {
  return { name, version, state: STATES[state.type], reason: reasonOf(state) }
}

function reasonOf(state: SlotState): string {
  if (state.type !== 'Loaded') return state.reason
  return state.reloadFailed === undefined
    ? ''
    : `the last load failed, and changed nothing: ${state.reloadFailed}`
}
