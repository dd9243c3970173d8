/** What the protocols of others promise over HTTP beyond their bodies: paths, types, codes and the shape of a refusal. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const [sample] = housing.samples
const cells = housing.columns.map((column) => sample?.request[column]?.['0'])
const PRICE = expect.closeTo(26.928011, 4)

let server: ServerProcess
let origin: string
beforeAll(async () => {
  server = new ServerProcess({
    MODEL_NAME: 'housing',
    MODEL_VERSION: '2',
    MODEL_URI: housingModel('2').path,
    BASE_PATH: '/homes',
  })
  origin = await server.origin()
  await server.logged('Model loaded and warmed up')
})
afterAll(() => server.kill())

async function call(path: string, init: RequestInit = {}): Promise<{ response: Response; body: unknown }> {
  const response = await fetch(`${origin}${path}`, init)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { response, body: isJson && text !== '' ? JSON.parse(text) : text }
}

test.each<[string, string, object, object]>([
  ['V1, row by row', '/v1/models/housing:predict', { instances: [cells] }, { predictions: [[PRICE]] }],
  [
    'V1, column by column, of a version',
    '/v1/models/housing/versions/2:predict',
    { inputs: { x: [cells] } },
    { outputs: [[PRICE]] },
  ],
  [
    'MLflow, a frame',
    '/invocations',
    { dataframe_split: { columns: housing.columns, data: [cells] } },
    { predictions: [PRICE] },
  ],
  ['MLflow, tensors', '/invocations', { instances: [cells] }, { predictions: [PRICE] }],
  ['MLflow under the base path', '/homes/invocations', { instances: [cells] }, { predictions: [PRICE] }],
  ['pandas under the base path', '/homes/predict', sample?.request ?? {}, { prediction: [PRICE] }],
])('%s', async (_, path, sent, expected) => {
  const { response, body } = await call(path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(sent),
  })
  expect([response.status, body]).toEqual([200, expected])
})

test('MLflow, CSV with the columns in another order', async () => {
  const csv = `${housing.columns.toReversed().join(',')}\n${cells.toReversed().join(',')}\n`
  const { body } = await call('/invocations', {
    method: 'POST',
    headers: { 'content-type': 'text/csv; charset=utf-8' },
    body: csv,
  })
  expect(body).toEqual({ predictions: [PRICE] })
})

test.each([
  ['/v1/models', { models: ['housing'] }],
  [
    '/v1/models/housing',
    {
      name: 'housing',
      ready: true,
      model_version_status: [
        { version: '2', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
      ],
    },
  ],
  ['/v2/models', { models: ['housing'] }],
  ['/ping', '\n'],
  ['/health', '\n'],
  ['/version', '0.1.0'],
  ['/homes/v2/health/ready', { ready: true }],
  ['/homes/v2/health/live?from=probe', { live: true }],
  ['/homes', expect.stringMatching(/^model housing version 2/)],
  ['/homes/', expect.stringMatching(/^model housing version 2/)],
  ['/homes?x=1', expect.stringMatching(/^model housing version 2/)],
])('GET %s', async (path, expected) => {
  const { response, body } = await call(path)
  expect([response.status, body]).toEqual([200, expected])
})

test.each([
  ['python-httpx/0.28', '*/*'],
  ['other', 'application/json'],
])('%s, which accepts %s, is told that the server lives as KServe does', async (agent, accept) => {
  const { response, body } = await call('/', { headers: { 'user-agent': agent, accept } })
  expect([response.status, body]).toEqual([200, { status: 'alive' }])
})

test.each(['/homestead/predict', '/homes/homes/v2', '/HOMES/v2'])(
  'GET %s is not below the base path',
  async (path) => {
    expect((await call(path)).response.status).toBe(404)
  },
)

test.each(['/v2', '/v2/models/housing', '/v2/health/ready', '/v1/models/housing', '/ping', '/version'])(
  'HEAD %s says what GET does, without a body',
  async (path) => {
    const { response, body } = await call(path, { method: 'HEAD' })
    expect([response.status, body]).toEqual([200, ''])
  },
)

test.each([
  ['/v2', 'DELETE', 'GET, HEAD'],
  ['/v2/models', 'POST', 'GET, HEAD'],
  ['/v2/models/housing', 'PUT', 'GET, HEAD'],
  ['/v2/models/housing/infer', 'GET', 'POST'],
  ['/v1/models/housing:predict', 'GET', 'POST'],
  ['/v1/models/housing', 'POST', 'GET, HEAD'],
  ['/invocations', 'GET', 'POST'],
  ['/ping', 'POST', 'GET, HEAD'],
  ['/predict', 'PATCH', 'POST'],
])('%s refuses %s and names %s', async (path, method, allowed) => {
  const { response } = await call(path, { method })
  expect([response.status, response.headers.get('allow')]).toEqual([405, allowed])
})

test.each<[string, string | undefined]>([
  ['no type', undefined],
  ['a form', 'application/x-www-form-urlencoded'],
  ['a format of MLflow 1', 'application/json; format=pandas-split'],
  ['another alphabet', 'application/json; charset=latin1'],
])('/invocations refuses %s', async (_, type) => {
  const { response, body } = await call('/invocations', {
    method: 'POST',
    headers: type === undefined ? {} : { 'content-type': type },
    body: Buffer.from('{"instances":[1]}'),
  })
  expect([response.status, body]).toEqual([
    415,
    {
      error_code: 'BAD_REQUEST',
      message: expect.stringContaining(`got ${type ?? 'none'}`),
      code: 'unsupported_type',
    },
  ])
})

test.each<[string, string, number, object]>([
  [
    'MLflow',
    '/invocations',
    400,
    {
      error_code: 'BAD_REQUEST',
      message: expect.stringContaining('exactly one of'),
      code: 'invalid_request',
    },
  ],
  [
    'V1',
    '/v1/models/housing:predict',
    400,
    { error: 'the body: expected either instances or inputs, got neither', code: 'invalid_request' },
  ],
  [
    'V1 of another model',
    '/v1/models/cars:predict',
    404,
    { error: expect.stringContaining("got 'cars'"), code: 'model_not_found' },
  ],
])('a refusal of %s', async (_, path, status, expected) => {
  const { response, body } = await call(path, { method: 'POST', headers: JSON_TYPE, body: '{}' })
  expect([response.status, body]).toEqual([status, expected])
})
