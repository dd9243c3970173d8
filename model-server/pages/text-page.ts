/** The pages for a terminal. */
import type { Place } from './model-page.ts'
import type { ModelView } from './model-view.ts'

const WIDTH = 48

/** All models, and the routes that name none. */
export function serverText(models: readonly ModelView[], place: Place, hasHandler: boolean): string {
  const takesFrames = models.some(({ isDefault, loaded }) => isDefault && loaded?.columns !== undefined)
  return lines([
    ...(models.length === 0 ? ['the server has no model'] : models.map((model) => modelText(model, place))),
    ...(takesFrames ? [route('POST', '/predict', 'a pandas frame: {column: {row: value}}', place)] : []),
    route('POST', '/invocations', 'MLflow', place),
    ...(hasHandler ? [route('POST', '/run', 'the handler before and after the model', place)] : []),
    route('GET', '/openapi.json', 'every route with its schemas, OpenAPI 3.1', place),
    route('GET', '/v2/health/ready', 'whether every model can answer', place),
    '',
  ])
}

/** One version and its routes. */
export function modelText({ name, version, isPreferred, notReadyBecause }: ModelView, place: Place): string {
  const color = place.color === undefined ? '' : ` (${place.color})`
  const state = notReadyBecause === undefined ? 'ready' : `not ready: ${notReadyBecause}`
  const path = isPreferred ? name : `${name}/versions/${version}`
  return lines([
    `model ${name} version ${version}${color}: ${state}`,
    route('GET', `/v2/models/${path}`, 'inputs and outputs', place),
    route('POST', `/v2/models/${path}/infer`, 'Open Inference Protocol V2', place),
    route('POST', `/v1/models/${path}:predict`, 'V1, as TensorFlow Serving', place),
  ])
}

function route(method: string, path: string, what: string, { basePath }: Place): string {
  return `${method.padEnd(5)}${(basePath + path).padEnd(WIDTH)}${what}`
}

function lines(all: readonly string[]): string {
  return all.join('\n')
}
