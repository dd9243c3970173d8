/** The OpenAPI 3.1 document of a server: its routes, with the models that it holds at this moment. */
import type { ExampleRequest } from './example-requests.ts'
import type { LoadedView, ModelView } from './model-view.ts'
import {
  ERROR,
  MLFLOW_ERROR,
  MLFLOW_REQUEST,
  MLFLOW_RESPONSE,
  V1_REQUEST,
  V1_RESPONSE,
  frame,
  predictions,
  v2Metadata,
  v2Request,
  v2Response,
} from './openapi-schemas.ts'
import type { Schema } from './openapi-schemas.ts'

/** What `POST /run` takes, where there is a handler. */
export type RunView =
  | { accepts: 'application/json' }
  | { accepts: 'multipart/form-data'; fileField: string; textFields: readonly string[] }

/** What the document is about. */
export type ServerView = {
  serverVersion: string
  /** In front of every path; may be empty. */
  basePath: string
  models: readonly ModelView[]
  run: RunView | undefined
}

type PathItem = Record<string, unknown>

const BINARY =
  'JSON, followed by tensors as bytes; the header inference-header-content-length says where they begin.'
const FAILURES = {
  400: 'JSON, shape, datatype, names or number of elements are wrong.',
  404: 'Unknown model or version.',
  413: 'The body is too large.',
  415: 'The content type cannot be read.',
  500: 'The model failed on this request.',
  503: 'No model yet, a full queue, or the server leaves; retry-after says when to ask again.',
  504: 'The deadline passed first.',
}

/** The document, ready for JSON. */
export function openApiDocument({
  serverVersion,
  basePath,
  models,
  run,
}: ServerView): Record<string, unknown> {
  return {
    openapi: '3.1.1',
    info: {
      title: models.length === 1 ? `Model ${models[0]?.name ?? ''}` : 'Models',
      version: serverVersion,
      description: `Served by modelrelease-model-server ${serverVersion}.`,
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    tags: [{ name: 'server' }, ...[...new Set(models.map(({ name }) => name))].map((name) => ({ name }))],
    paths: {
      ...serverPaths(),
      ...Object.assign({}, ...models.map(modelPaths)),
      ...Object.assign({}, ...models.filter(({ isDefault }) => isDefault).map(defaultPaths)),
      ...(run ? { '/run': { post: runOperation(run) } } : {}),
    },
    components: { schemas: { Error: ERROR, MlflowError: MLFLOW_ERROR } },
  }
}

function serverPaths(): Record<string, PathItem> {
  const names = {
    type: 'object',
    required: ['models'],
    properties: { models: { type: 'array', items: { type: 'string' } } },
  }
  const metadata = {
    type: 'object',
    required: ['name', 'version', 'extensions'],
    properties: { name: { type: 'string' }, version: { type: 'string' }, extensions: { type: 'array' } },
  }
  return {
    '/v2': get('server', 'The server and its extensions', metadata),
    '/v2/health/live': get('server', 'Whether the process answers', flagged('live')),
    '/v2/health/ready': get('server', 'Whether every model can answer', flagged('ready'), [503]),
    '/v2/models': get('server', 'The names of the models', names),
    '/v1/models': get('server', 'The names of the models', names),
    '/ping': getText('Whether every model can answer, as MLflow and SageMaker ask', [503]),
    '/health': getText('The same as /ping', [503]),
    '/version': getText('The version of the server'),
    '/openapi.json': get('server', 'This document', { type: 'object' }),
  }
}

/** Of one version: below its own path, and below that of the model where it answers there. */
function modelPaths(model: ModelView): Record<string, PathItem> {
  const versioned = pathsBelow(model, `${model.name}/versions/${model.version}`)
  return model.isPreferred ? { ...pathsBelow(model, model.name), ...versioned } : versioned
}

function pathsBelow({ name, version, loaded }: ModelView, place: string): Record<string, PathItem> {
  const titled = (what: string): string => `${what} (version ${version})`
  const status = {
    type: 'object',
    required: ['model_version_status'],
    properties: { model_version_status: { type: 'array' } },
  }
  const paths = {
    [`/v2/models/${place}`]: get(name, titled('Inputs and outputs'), v2Metadata(name), [503]),
    [`/v2/models/${place}/ready`]: get(name, titled('Whether it can answer'), flagged('ready'), [503]),
    [`/v1/models/${place}`]: get(name, titled('The state of its versions'), status),
  }
  if (!loaded) return paths
  const { signature } = loaded
  return {
    ...paths,
    [`/v2/models/${place}/infer`]: {
      post: operation(name, titled('Infer, Open Inference Protocol V2'), {
        request: { ...json(v2Request(signature), exampleOf(loaded, 'v2')), ...binary() },
        response: { ...json(v2Response(signature, name)), ...binary() },
      }),
    },
    [`/v1/models/${place}:predict`]: {
      post: operation(name, titled('Predict, as TensorFlow Serving'), {
        request: json(V1_REQUEST, exampleOf(loaded, 'v1')),
        response: json(V1_RESPONSE),
      }),
    },
  }
}

/** The routes that name no model. */
function defaultPaths({ name, loaded }: ModelView): Record<string, PathItem> {
  if (!loaded) return {}
  const invocations = operation(name, 'Predict, as MLflow', {
    request: {
      ...json(MLFLOW_REQUEST, exampleOf(loaded, 'mlflow')),
      'text/csv': { schema: { type: 'string', description: 'The first line names the columns.' } },
    },
    response: json(MLFLOW_RESPONSE),
    error: 'MlflowError',
  })
  if (!loaded.columns) return { '/invocations': { post: invocations } }
  return {
    '/predict': {
      post: operation(name, 'Predict for a pandas frame', {
        request: json(frame(loaded.columns), exampleOf(loaded, 'predict')),
        response: json(predictions('prediction')),
      }),
    },
    '/invocations': { post: invocations },
  }
}

function runOperation(run: RunView): PathItem {
  const fields = run.accepts === 'multipart/form-data' ? run : undefined
  const form = {
    type: 'object',
    required: [fields?.fileField],
    properties: Object.fromEntries([
      [fields?.fileField, { type: 'string', contentMediaType: 'application/octet-stream' }],
      ...(fields?.textFields ?? []).map((field) => [field, { type: 'string' }]),
    ]) as unknown,
  }
  return operation('server', 'Ask the handler, which works before and after the model', {
    request: fields ? { 'multipart/form-data': { schema: form } } : json({}),
    response: json({}),
  })
}

function exampleOf({ examples }: LoadedView, protocol: ExampleRequest['protocol']): unknown {
  return examples.find((example) => example.protocol === protocol)?.body
}

function operation(
  tag: string,
  summary: string,
  { request, response, error = 'Error' }: { request: PathItem; response: PathItem; error?: string },
): PathItem {
  const failures = Object.entries(FAILURES).map(([code, description]) => [code, failure(description, error)])
  return {
    tags: [tag],
    summary,
    requestBody: { required: true, content: request },
    responses: {
      200: { description: 'The answer.', content: response },
      ...(Object.fromEntries(failures) as object),
    },
  }
}

function get(
  tag: string,
  summary: string,
  schema: Schema,
  failing: readonly (keyof typeof FAILURES)[] = [],
): PathItem {
  const failures = failing.map((code) => [code, failure('It says why as `error`.', 'Error')])
  return {
    get: {
      tags: [tag],
      summary,
      responses: {
        200: { description: 'The answer.', content: json(schema) },
        ...(Object.fromEntries(failures) as object),
      },
    },
  }
}

function getText(summary: string, failing: readonly number[] = []): PathItem {
  const content = { 'text/plain': { schema: { type: 'string' } } }
  const answers = [200, ...failing].map((code) => [code, { description: 'The answer.', content }])
  return { get: { tags: ['server'], summary, responses: Object.fromEntries(answers) as unknown } }
}

function failure(description: string, schema: string): PathItem {
  return {
    description,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
  }
}

function json(schema: Schema, example?: unknown): PathItem {
  return { 'application/json': { schema, ...(example === undefined ? {} : { example }) } }
}

function binary(): PathItem {
  return { 'application/octet-stream': { schema: { type: 'string', format: 'binary', description: BINARY } } }
}

function flagged(name: string): Schema {
  return { type: 'object', required: [name], properties: { [name]: { const: true } } }
}
