/** The repository API of the real process. */
import { copyFileSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const folder = scratchFolder('model-server-repository')
const tokenFile = join(folder, 'token')
const TOKEN = 'a token that nobody guesses'.replaceAll(' ', '-')
writeFileSync(tokenFile, `${TOKEN}\n`)

const one = housingModel('1')
const two = housingModel('2')
const [sample] = housing.samples
const JSON_TYPE = { 'content-type': 'application/json' }

let server: ServerProcess
let origin: string
let opsOrigin: string

async function start(models: readonly object[], env: Record<string, string> = {}): Promise<void> {
  const file = join(mkdtempSync(join(folder, 'models-')), 'models.json')
  writeFileSync(file, JSON.stringify({ models }))
  server = new ServerProcess({
    MODELS_FILE: file,
    REPOSITORY_TOKEN_FILE: tokenFile,
    REPOSITORY_URIS: [folder, one.path, two.path].join(','),
    ...env,
  })
  origin = await server.origin()
  opsOrigin = await server.opsOrigin()
}

type Answer = { status: number; body: unknown }

async function call(path: string, body?: unknown, token = TOKEN): Promise<Answer> {
  const response = await fetch(`${opsOrigin}/v2/repository/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...JSON_TYPE },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? '' : (JSON.parse(text) as unknown) }
}

async function ready(): Promise<Answer> {
  const response = await fetch(`${origin}/v2/health/ready`)
  return { status: response.status, body: await response.json() }
}

async function predict(): Promise<{ status: number; prediction: number | undefined }> {
  const response = await fetch(`${origin}/predict`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(sample?.request),
  })
  const { prediction } = (await response.json()) as { prediction?: number[] }
  return { status: response.status, prediction: prediction?.[0] }
}

function versionOf(prediction: number | undefined): string | undefined {
  const expected = Object.entries(sample?.predictions ?? {})
  return expected.find(([, value]) => Math.abs(value - (prediction ?? NaN)) < 1e-4)?.[0]
}

async function loaded(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const look = setInterval(() => {
    if (server.log.filter(({ msg }) => msg === 'Model loaded and warmed up').length >= count)
      resolve(undefined)
  }, 10)
  await promise
  clearInterval(look)
}

describe('two versions of a model', () => {
  beforeAll(async () => {
    await start([
      { name: 'housing', version: '2', uri: two.path, sha256: two.sha256 },
      { name: 'housing', version: '1', uri: one.path },
    ])
    await loaded(2)
  })
  afterAll(() => server.kill())

  test('both answer, and the newer one where none is asked for', async () => {
    expect(await ready()).toEqual({ status: 200, body: { ready: true } })
    expect(versionOf((await predict()).prediction)).toBe('2')
    const tensor = { name: 'x', datatype: 'FP32', shape: [1, 6], data: [0, 6.575, 296, 15.3, 396.9, 4.98] }
    for (const version of ['1', '2']) {
      const response = await fetch(`${origin}/v2/models/housing/versions/${version}/infer`, {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({ inputs: [tensor] }),
      })
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'x-model-name': 'housing',
        'x-model-version': version,
        'x-model-digest': `sha256:${housingModel(version).sha256}`,
      })
      const answer = (await response.json()) as { model_version: string; outputs: [{ data: [number] }] }
      expect(answer.model_version).toBe(version)
      expect(versionOf(answer.outputs[0].data[0])).toBe(version)
    }
  })

  test('the index lists them', async () => {
    expect(await call('index', {})).toEqual({
      status: 200,
      body: [
        { name: 'housing', version: '2', state: 'READY', reason: '' },
        { name: 'housing', version: '1', state: 'READY', reason: '' },
      ],
    })
  })

  test('one is unloaded, and the other answers; loaded again, it answers again', async () => {
    expect(await call('models/housing/unload', { parameters: { version: '2' } })).toEqual({
      status: 200,
      body: '',
    })
    expect(versionOf((await predict()).prediction)).toBe('1')
    expect((await call('index', {})).body).toContainEqual({
      name: 'housing',
      version: '2',
      state: 'UNAVAILABLE',
      reason: 'the model was unloaded',
    })
    expect((await call('index', { ready: true })).body).toHaveLength(1)
    expect((await ready()).status).toBe(200)

    expect(await call('models/housing/load', { parameters: { version: '2' } })).toEqual({
      status: 200,
      body: '',
    })
    expect(versionOf((await predict()).prediction)).toBe('2')
  })

  test.each<[string, string, unknown, number, string]>([
    ['a name with a slash', 'models/a%2Fb/load', {}, 400, 'the name of the model: expected letters'],
    ['a name that climbs', 'models/..%2F..%2Fetc/load', {}, 400, 'the name of the model: expected letters'],
    ['a blank name', 'models/%20/load', {}, 400, 'the name of the model: expected letters'],
    ['a long name', `models/${'a'.repeat(256)}/load`, {}, 400, 'the name of the model: expected letters'],
    ['an unknown model', 'models/other/load', {}, 404, 'unknown model'],
    ['an unknown version', 'models/housing/load', { parameters: { version: '9' } }, 404, 'unknown model'],
    ['an unknown model to unload', 'models/other/unload', {}, 404, 'unknown model'],
    [
      'a file in the request',
      'models/housing/load',
      { parameters: { 'file:1/model.onnx': 'AAAA' } },
      400,
      'parameters: expected some of version, uri, sha256, columns, warmUp, got "file:1/model.onnx"',
    ],
    [
      'a configuration of another server',
      'models/housing/load',
      { parameters: { config: '{}' } },
      400,
      'got "config"',
    ],
    ['a handler', 'models/housing/load', { parameters: { handler: '/tmp/a.ts' } }, 400, 'got "handler"'],
    [
      'a place that is not allowed',
      'models/housing/load',
      { parameters: { version: '3', uri: '/etc/passwd' } },
      403,
      "got '/etc/passwd'",
    ],
    [
      'a place that is not allowed, by a way around',
      'models/housing/load',
      { parameters: { version: '3', uri: `${folder}/../../etc/passwd` } },
      403,
      'parameters.uri: allowed are ',
    ],
    [
      'a place without a version',
      'models/housing/load',
      { parameters: { uri: one.path } },
      400,
      'parameters.version',
    ],
    [
      'another digest',
      'models/housing/load',
      { parameters: { version: '1', sha256: '0'.repeat(64) } },
      422,
      'sha256 is',
    ],
    [
      'what is not there',
      'models/housing/load',
      { parameters: { version: '3', uri: `${folder}/nowhere.onnx` } },
      503,
      'ENOENT',
    ],
    [
      'what is no model',
      'models/housing/load',
      { parameters: { version: '3', uri: tokenFile } },
      422,
      'cannot be served',
    ],
    ['no JSON', 'index', '{', 400, 'the body: expected JSON'],
    ['ready as text', 'index', { ready: 'yes' }, 400, 'ready: expected true or false, got "yes"'],
    [
      'brackets without end',
      'index',
      `{"ready":${'['.repeat(250_000)}${']'.repeat(250_000)}}`,
      400,
      'got an array',
    ],
    [
      'parameters as a list',
      'models/housing/load',
      { parameters: [] },
      400,
      'parameters: expected an object',
    ],
  ])('refuses %s, and goes on', async (_, path, body, status, message) => {
    const answer = await call(path, body)
    expect(answer).toEqual({
      status,
      body: { error: expect.stringContaining(message), code: expect.any(String) },
    })
    expect((await ready()).status).toBe(200)
    expect(versionOf((await predict()).prediction)).toBe('2')
  })

  test('nothing goes without the token', async () => {
    const bare = await fetch(`${opsOrigin}/v2/repository/index`, { method: 'POST' })
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect((await call('index', {}, `${TOKEN}x`)).status).toBe(403)
    expect((await call('models/housing/unload', {}, 'wrong')).status).toBe(403)
    expect((await predict()).status).toBe(200)
  })

  test('the token may change under way', async () => {
    writeFileSync(tokenFile, 'another-token-that-nobody-guesses')
    expect((await call('index', {})).status).toBe(403)
    writeFileSync(tokenFile, TOKEN)
    expect((await call('index', {})).status).toBe(200)
  })

  test('all are unloaded, and then nobody should come', async () => {
    expect((await call('models/housing/unload')).status).toBe(200)
    expect(await ready()).toEqual({
      status: 503,
      body: { ready: false, error: 'the server has no model', code: 'not_ready' },
    })
    expect((await predict()).status).toBe(503)
    expect((await call('models/housing/unload')).status).toBe(404)
  })
})

describe('a server of its own', () => {
  afterEach(() => server.kill())

  test('a version is replaced under load: every request is answered, and by one version or the other', async () => {
    const path = join(folder, 'current.onnx')
    copyFileSync(one.path, path)
    await start([{ name: 'housing', uri: path }])
    await loaded(1)

    let swapping = true
    const seen: string[] = []
    const failed: unknown[] = []
    const client = async (): Promise<void> => {
      while (swapping) {
        const { status, prediction } = await predict()
        const version = versionOf(prediction)
        if (status === 200 && version !== undefined) seen.push(version)
        else failed.push({ status, prediction })
      }
    }
    const clients = Promise.all(Array.from({ length: 8 }, client))
    for (const next of [two, one, two, one, two]) {
      copyFileSync(next.path, `${path}.new`)
      renameSync(`${path}.new`, path)
      expect((await call('models/housing/load')).status).toBe(200)
      expect(versionOf((await predict()).prediction)).toBe(next === one ? '1' : '2')
    }
    swapping = false
    await clients
    expect(failed).toEqual([])
    expect(new Set(seen)).toEqual(new Set(['1', '2']))

    const metrics = await (await fetch(`${opsOrigin}/metrics`)).text()
    expect(metrics).toContain(`sha256="${two.sha256}"`)
    expect(metrics).not.toContain(`sha256="${one.sha256}"`)
  })

  test('what fails to load again leaves what is there, and the index says so', async () => {
    const path = join(folder, 'spoiled.onnx')
    copyFileSync(one.path, path)
    await start([{ name: 'housing', uri: path }])
    await loaded(1)
    writeFileSync(path, 'no model')
    expect((await call('models/housing/load')).status).toBe(422)
    expect(versionOf((await predict()).prediction)).toBe('1')
    expect((await ready()).status).toBe(200)
    expect((await call('index', {})).body).toEqual([
      {
        name: 'housing',
        version: '1',
        state: 'READY',
        reason: expect.stringContaining('the last load failed, and changed nothing: the model (sha256 '),
      },
    ])
  })

  describe('what is not ready says so in the index', () => {
    const warmUp = [{ frame: sample?.request, expect: [20.35], absoluteTolerance: 0.01 }]

    test.each<[string, object, string, string]>([
      [
        'a wrong answer',
        { uri: two.path, warmUp },
        'UNAVAILABLE',
        'element 0: expected 20.35 within 0.01, got 26.928',
      ],
      ['another digest', { uri: two.path, sha256: '0'.repeat(64) }, 'UNAVAILABLE', `sha256 is ${two.sha256}`],
      ['no model', { uri: tokenFile }, 'UNAVAILABLE', 'cannot be served'],
    ])('%s', async (_, model, state, reason) => {
      await start([{ name: 'housing', ...model }])
      await server.logged('Model refused; not ready until restarted')
      const because = expect.stringContaining(reason)
      expect(await ready()).toEqual({
        status: 503,
        body: { ready: false, error: because, code: 'not_ready', final: true },
      })
      expect((await call('index', {})).body).toEqual([
        { name: 'housing', version: '1', state, reason: because },
      ])
    })

    test('what cannot be had yet', async () => {
      await start([{ name: 'housing', uri: join(folder, 'nowhere.onnx') }])
      await server.logged('Model not fetched; trying again')
      const because = expect.stringContaining('ENOENT')
      expect((await ready()).status).toBe(503)
      expect((await call('index', {})).body).toEqual([
        { name: 'housing', version: '1', state: 'LOADING', reason: because },
      ])
    })
  })

  test('an answer as expected is one', async () => {
    const warmUp = [{ frame: sample?.request, expect: [26.928011], absoluteTolerance: 1e-4 }]
    await start([{ name: 'housing', uri: two.path, warmUp }])
    await loaded(1)
    expect((await ready()).status).toBe(200)
  })

  test('a server that begins with no model is not ready before somebody loads one', async () => {
    await start([])
    expect(await ready()).toEqual({
      status: 503,
      body: { ready: false, error: 'the server has no model', code: 'not_ready' },
    })
    expect((await call('index', {})).body).toEqual([])
    expect((await predict()).status).toBe(503)

    const parameters = { version: '2', uri: two.path, sha256: two.sha256 }
    expect(await call('models/housing/load', { parameters })).toEqual({ status: 200, body: '' })
    expect((await ready()).status).toBe(200)
    expect(versionOf((await predict()).prediction)).toBe('2')
  })

  test('without a token there is no such API', async () => {
    await start([{ name: 'housing', uri: two.path }], { REPOSITORY_TOKEN_FILE: '', REPOSITORY_URIS: '' })
    expect(await call('models/housing/unload')).toEqual({
      status: 404,
      body: { error: 'the repository API is off; REPOSITORY_TOKEN_FILE turns it on', code: 'path_not_found' },
    })
  })
})
