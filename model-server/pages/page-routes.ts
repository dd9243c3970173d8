import type { Express, Request, Response } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { pathPart } from '../http/inference-route.ts'
import { CONTENT_SECURITY_POLICY, indexPage, modelPage } from './model-page.ts'
import type { Place } from './model-page.ts'
import { viewModels } from './model-view.ts'
import type { ModelView } from './model-view.ts'
import { openApiDocument } from './openapi.ts'
import { modelText, serverText } from './text-page.ts'

/** What a human, or a human's tools, ask first, unless that is switched off. */
export function addPageRoutes(app: Express, parts: ServerContext): void {
  app.get('/', (request, response, next) => {
    if (!wantsJson(request)) {
      next()
      return
    }
    response.setHeader('vary', 'accept')
    response.json({ status: 'alive' })
  })
  if (parts.config.publicMetadata) addPages(app, parts)
}

/** All of it is made from what is loaded at that moment. */
function addPages(app: Express, parts: ServerContext): void {
  const { config, repository, handler, serverVersion } = parts
  const { basePath, release } = config
  const place: Place = {
    basePath,
    serverVersion,
    color: release.color,
    release: release.name,
    revision: release.revision,
  }

  app
    .route('/openapi.json')
    .get((_request, response) => {
      const run = handler?.state.type === 'Loaded' ? handler.state.handler.description : undefined
      response.json(openApiDocument({ serverVersion, basePath, models: viewModels(parts), run }))
    })
    .all(methodNotAllowed('GET, HEAD'))

  app
    .route('/')
    .get((request, response) => {
      const models = viewModels(parts)
      const [only, ...others] = models
      answer(request, response, {
        text: () => serverText(models, place, handler !== undefined),
        html: () => (only && others.length === 0 ? modelPage(only, [], place) : indexPage(models, place)),
      })
    })
    .all(methodNotAllowed('GET, HEAD'))

  app
    .route(['/models/:model', '/models/:model/versions/:version'])
    .get((request, response) => {
      const { name, version } = repository.find(pathPart(request, 'model'), pathPart(request, 'version'))
      const models = viewModels(parts)
      const isIt = (model: ModelView): boolean => model.name === name && model.version === version
      const model = models.find(isIt)
      // It was found just now, and nothing was awaited since.
      if (!model) throw new Error(`no view of model '${name}' version '${version}'`)
      const others = models.filter((other) => !isIt(other))
      answer(request, response, {
        text: () => modelText(model, place),
        html: () => modelPage(model, others, place),
      })
    })
    .all(methodNotAllowed('GET, HEAD'))
}

/** KServe's V1 client asks here whether the server lives, and reads JSON whatever it gets; it says neither what it accepts. */
function wantsJson(request: Request): boolean {
  if (request.accepts(['text/plain', 'text/html', 'application/json']) === 'application/json') return true
  return request.headers['user-agent']?.startsWith('python-httpx/') ?? false
}

/** Text for curl, which accepts anything, and a page for who says that pages are welcome. */
function answer(
  request: Request,
  response: Response,
  { text, html }: { text: () => string; html: () => string },
): void {
  response.setHeader('vary', 'accept')
  if (request.accepts(['text/plain', 'text/html']) !== 'text/html') {
    response.type('text/plain').send(text())
    return
  }
  response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.type('text/html').send(html())
}
