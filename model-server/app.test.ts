/** The HTTP surface of the real process, over real sockets. Jest's own realm cannot load onnxruntime: its typed arrays are others. */
import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { housing, housingModel } from './test/housing.ts'
import { addsub, writeModel } from './test/onnx-writer.ts'
import type { Port } from './test/onnx-writer.ts'
import { ServerProcess } from './test/server-process.ts'
import { scratchFolder } from './test/scratch-folder.ts'

const folder = scratchFolder('model-server')
const [sample] = housing.samples

type Answer = { status: number; headers: Headers; body: unknown }

async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

function post(url: string, body: unknown, contentType = 'application/json'): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return call(url, { method: 'POST', headers: { 'content-type': contentType }, body: text })
}

/** Write a model and serve it. */
function serve(name: string, bytes: Buffer, env: Record<string, string> = {}): ServerProcess {
  const path = join(folder, `${name}.onnx`)
  writeFileSync(path, bytes)
  return new ServerProcess({ MODEL_NAME: name, MODEL_URI: path, ...env })
}

describe('the housing model', () => {
  let server: ServerProcess
  let origin: string

  beforeAll(async () => {
    const { path, sha256 } = housingModel('2')
    server = new ServerProcess({
      MODEL_NAME: 'housing',
      MODEL_VERSION: '2',
      MODEL_URI: path,
      MODEL_SHA256: sha256,
      MODELRELEASE_NAME: 'homes',
      MODELRELEASE_COLOR: 'green',
      MODELRELEASE_REVISION: '5d4f7',
      MAX_BODY_BYTES: '100000',
    })
    origin = await server.origin()
    await server.logged('Model loaded and warmed up')
  })
  afterAll(() => server.kill())

  test('answers the frame of the Flask predictor', async () => {
    const { status, body } = await post(`${origin}/predict`, sample?.request)
    expect(status).toBe(200)
    expect(body).toEqual({ prediction: [expect.closeTo(26.928011, 4)] })
  })

  test.each([
    ['an answer', '/v2/health/ready', 200],
    ['a refusal', '/nowhere', 404],
  ])('says who gave %s', async (_, path, status) => {
    const answer = await call(`${origin}${path}`)
    expect(answer.status).toBe(status)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-modelrelease-name': 'homes',
      'x-modelrelease-color': 'green',
      'x-modelrelease-revision': '5d4f7',
      'x-model-name': 'housing',
      'x-model-version': '2',
      'x-model-digest': `sha256:${housingModel('2').sha256}`,
    })
  })

  test.each([
    ['/v2', { name: 'modelrelease-model-server', version: '0.1.0', extensions: ['binary_tensor_data'] }],
    ['/v2/', { name: 'modelrelease-model-server', version: '0.1.0', extensions: ['binary_tensor_data'] }],
    ['/v2/health/live', { live: true }],
    ['/v2/health/ready', { ready: true }],
    ['/v2/models/housing/ready', { name: 'housing', ready: true }],
    ['/v2/models/housing/versions/2/ready', { name: 'housing', ready: true }],
    [
      '/v2/models/housing/versions/2',
      {
        name: 'housing',
        versions: ['2'],
        platform: 'onnx_onnxv1',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 6] }],
        outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1, 1] }],
        parameters: { sha256: housingModel('2').sha256 },
      },
    ],
  ])('GET %s', async (path, body) => {
    expect(await call(`${origin}${path}`)).toMatchObject({ status: 200, body })
  })

  test.each(['/metrics', '/v2/repository/index'])('%s is not for those who send to PORT', async (path) => {
    expect(await call(`${origin}${path}`, { method: path === '/metrics' ? 'GET' : 'POST' })).toMatchObject({
      status: 404,
    })
  })

  test.each([
    ['/v2/health/ready', 200],
    ['/metrics', 200],
    ['/predict', 404],
  ])('OPS_PORT answers %s with %d', async (path, status) => {
    expect(await call(`${await server.opsOrigin()}${path}`)).toMatchObject({ status })
  })

  test('GET / tells a human what there is', async () => {
    const { status, body } = await call(origin)
    expect(status).toBe(200)
    expect(body).toMatch(/^model housing version 2 \(green\): ready\n/)
  })

  const tensor = { name: 'x', datatype: 'FP32', shape: [1, 6], data: [0, 6.575, 296, 15.3, 396.9, 4.98] }

  test.each(['/v2/models/housing/infer', '/v2/models/housing/versions/2/infer'])('POST %s', async (path) => {
    const { status, body } = await post(`${origin}${path}`, { id: 'a', inputs: [tensor] })
    expect(status).toBe(200)
    expect(body).toEqual({
      model_name: 'housing',
      model_version: '2',
      id: 'a',
      outputs: [
        { name: 'prediction', datatype: 'FP32', shape: [1, 1], data: [expect.closeTo(26.928011, 4)] },
      ],
    })
  })

  test.each<[string, string, unknown, number, string]>([
    ['no JSON', '/predict', '{"a":', 400, 'the body: expected JSON: '],
    ['no body', '/predict', '', 400, 'the body: expected JSON, got nothing'],
    ['a missing column', '/predict', { CHAS: { 0: 0 } }, 400, "column 'RM': missing; got 'CHAS'"],
    [
      'a missing input',
      '/v2/models/housing/infer',
      { inputs: [] },
      400,
      "input 'x': missing; this model takes 'x'",
    ],
    [
      'another shape',
      '/v2/models/housing/infer',
      { inputs: [{ ...tensor, shape: [1, 7], data: [1, 2, 3, 4, 5, 6, 7] }] },
      400,
      "input 'x': expected shape [-1, 6] (-1 is any), got [1, 7]",
    ],
    [
      'brackets without end',
      '/v2/models/housing/infer',
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,6],"data":${'['.repeat(40_000)}${']'.repeat(40_000)}}]}`,
      400,
      "input 'x': data is nested deeper than 100 arrays",
    ],
    [
      'an unknown model',
      '/v2/models/cars/infer',
      {},
      404,
      "unknown model: expected 'housing' version '2', got 'cars'",
    ],
    [
      'an unknown version',
      '/v2/models/housing/versions/1/infer',
      {},
      404,
      "unknown model: expected 'housing' version '2', got 'housing' version '1'",
    ],
    ['an unknown path', '/v9/models/housing', {}, 404, 'no such path: /v9/models/housing'],
    ['a path that cannot be decoded', '/v2/models/%zz/infer', {}, 400, "Failed to decode param '%zz'"],
    ['a wrong method', '/v2/health/live', {}, 405, '/v2/health/live: expected GET, HEAD, got POST'],
    [
      'a body beyond the limit',
      '/predict',
      { CHAS: 'x'.repeat(100_001) },
      413,
      'the body: expected at most 100000 bytes (MAX_BODY_BYTES), got 100012',
    ],
  ])('refuses %s', async (_, path, sent, status, message) => {
    const answer = await post(`${origin}${path}`, sent)
    expect(answer.status).toBe(status)
    expect((answer.body as { error: string }).error).toContain(message)
  })

  test('a wrong method learns the right one', async () => {
    const { status, headers } = await call(`${origin}/predict`)
    expect([status, headers.get('allow')]).toEqual([405, 'POST'])
  })

  test.each(['application/x-www-form-urlencoded', 'text/csv', 'application/octet-stream'])(
    'refuses a body of type %s',
    async (type) => {
      const { status, body } = await post(`${origin}/predict`, '{}', type)
      expect([status, body]).toEqual([
        415,
        { error: `content-type: expected application/json, got ${type}`, code: 'unsupported_type' },
      ])
    },
  )

  test('a client that leaves in the middle of its body does no harm', async () => {
    const { port } = new URL(origin)
    const socket = connect(Number(port), '127.0.0.1')
    const head =
      'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{'
    await new Promise((resolve) => socket.write(head, resolve))
    socket.resetAndDestroy()
    expect((await post(`${origin}/predict`, sample?.request)).status).toBe(200)
  })

  test('keeps connections open for longer than a load balancer does', async () => {
    const { headers } = await new Promise<{ headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
      const asked = httpRequest(
        `${origin}/v2/health/live`,
        { headers: { connection: 'keep-alive' } },
        (response) => {
          response.resume()
          resolve(response)
        },
      )
      asked.on('error', reject)
      asked.end()
    })
    expect(headers['keep-alive']).toBe('timeout=75')
  })

  test('counts what it answered under model, version and color', async () => {
    const before = (await call(`${await server.opsOrigin()}/metrics`)).body as string
    await post(`${origin}/predict`, sample?.request)
    const after = (await call(`${await server.opsOrigin()}/metrics`)).body as string
    const labels = 'model="housing",version="2",protocol="predict",code="200",color="green"'
    expect(valueOf(after, `model_server_requests_total{${labels}}`)).toBe(
      valueOf(before, `model_server_requests_total{${labels}}`) + 1,
    )
    expect(after).toContain(
      `model_server_model_info{model="housing",version="2",sha256="${housingModel('2').sha256}"`,
    )
    expect(after).toMatch(/model_server_ready\{.*\} 1\n/)
  })
})

function valueOf(metrics: string, series: string): number {
  const line = metrics.split('\n').find((candidate) => candidate.startsWith(series))
  return Number(line?.slice(series.length) ?? 0)
}

describe.each(['1', '2', 'wrong'])('version %s of the housing model', (version) => {
  test('answers every sample as scikit-learn does, alone and all at once', async () => {
    const { path } = housingModel(version)
    const server = new ServerProcess({ MODEL_NAME: 'housing', MODEL_URI: path })
    try {
      const origin = await server.origin()
      await server.logged('Model loaded and warmed up')
      const expected = housing.samples.map(({ predictions }) => predictions[version] ?? NaN)
      expect(expected.length).toBeGreaterThanOrEqual(20)

      const alone: number[] = []
      for (const { request } of housing.samples) {
        const { body } = await post(`${origin}/predict`, request)
        alone.push(...(body as { prediction: number[] }).prediction)
      }
      expect(worstOf(alone, expected)).toBeLessThanOrEqual(1e-4)

      const frame = Object.fromEntries(
        housing.columns.map((column) => [
          column,
          Object.fromEntries(housing.samples.map(({ request }, row) => [row, request[column]?.['0']])),
        ]),
      )
      const { body } = await post(`${origin}/predict`, frame)
      expect(worstOf((body as { prediction: number[] }).prediction, expected)).toBeLessThanOrEqual(1e-4)
    } finally {
      await server.kill()
    }
  })
})

function worstOf(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length)
  return Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? NaN))))
}

describe('models of other shapes', () => {
  let server: ServerProcess | undefined
  afterAll(() => server?.kill())

  test('every datatype goes through the runtime unchanged', async () => {
    const values = {
      BOOL: [true, false],
      UINT8: [255, 0],
      UINT16: [65_535, 0],
      UINT32: [2 ** 32 - 1, 0],
      UINT64: [2 ** 53 - 1, 0],
      INT8: [-128, 127],
      INT16: [-32_768, 32_767],
      INT32: [-(2 ** 31), 2 ** 31 - 1],
      INT64: [-(2 ** 53 - 1), 2 ** 53 - 1],
      FP32: [0.5, -1.5],
      FP64: [1e-300, 0.1],
      BYTES: ['abc', 'é'],
    }
    const datatypes = Object.keys(values) as (keyof typeof values)[]
    const ports = (prefix: string): Port[] =>
      datatypes.map((datatype) => ({ name: prefix + datatype, datatype, shape: ['N', 'M'] }))
    const nodes = datatypes.map((type) => ({
      op: 'Identity',
      inputs: [`in-${type}`],
      outputs: [`out-${type}`],
    }))
    server = serve('all', writeModel({ inputs: ports('in-'), outputs: ports('out-'), nodes }))
    const origin = await server.origin()
    await server.logged('Model loaded and warmed up')

    const tensors = (prefix: string): object[] =>
      datatypes.map((datatype) => ({
        name: prefix + datatype,
        datatype,
        shape: [1, 2],
        data: values[datatype],
      }))
    const { status, body } = await post(`${origin}/v2/models/all/infer`, { inputs: tensors('in-') })
    expect(status).toBe(200)
    expect((body as { outputs: object[] }).outputs).toEqual(tensors('out-'))
    await server.kill()
  })

  test('two inputs, one of two outputs; and no /predict without columns', async () => {
    server = serve('addsub', addsub())
    const origin = await server.origin()
    await server.logged('Model loaded and warmed up')
    const data = Array.from({ length: 16 }, (_, index) => index + 1)
    const inputs = ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT32', shape: [1, 16], data }))
    const { body } = await post(`${origin}/v2/models/addsub/infer`, {
      inputs,
      outputs: [{ name: 'OUTPUT0' }],
    })
    expect((body as { outputs: object[] }).outputs).toEqual([
      { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16], data: data.map((x) => 2 * x) },
    ])
    const refused = await post(`${origin}/predict`, {})
    expect(refused).toMatchObject({
      status: 501,
      body: { error: expect.stringContaining('set MODEL_COLUMNS'), code: 'not_supported' },
    })
    await server.kill()
  })

  test('a failure inside the runtime is a 500 without its words, which stand in the log', async () => {
    const matrix = (name: string, shape: Port['shape']): Port => ({ name, datatype: 'FP32', shape })
    server = serve(
      'matmul',
      writeModel({
        inputs: [matrix('a', ['N', 'K']), matrix('b', ['K', 'M'])],
        outputs: [matrix('y', ['N', 'M'])],
        nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['y'] }],
      }),
    )
    const origin = await server.origin()
    await server.logged('Model loaded and warmed up')
    const zeros = (name: string, shape: number[]): object => ({ name, datatype: 'FP32', shape, data: [0, 0] })
    const bad = { inputs: [zeros('a', [1, 2]), zeros('b', [1, 2])] }
    expect(await post(`${origin}/v2/models/matmul/infer`, bad)).toMatchObject({
      status: 500,
      body: {
        error: 'the model failed on this request; the log of the server says why',
        code: 'model_failed',
      },
    })
    expect(await server.logged('Request failed')).toMatchObject({
      level: 40,
      path: '/v2/models/matmul/infer',
    })

    const good = { inputs: [zeros('a', [1, 2]), zeros('b', [2, 1])] }
    expect((await post(`${origin}/v2/models/matmul/infer`, good)).status).toBe(200)
    await server.kill()
  })
})
