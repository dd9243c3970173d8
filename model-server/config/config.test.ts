import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { scratchFolder } from '../test/scratch-folder.ts'
import { ConfigError, readConfig } from './config.ts'

const least = { MODEL_NAME: 'housing', MODEL_URI: '/models/housing.onnx' }

test('the least that is needed, with the defaults of the README', () => {
  expect(readConfig(least)).toEqual({
    port: 8080,
    opsPort: 8081,
    grpcPort: undefined,
    basePath: '',
    release: { name: undefined, color: undefined, revision: undefined },
    models: [
      {
        name: 'housing',
        version: '1',
        isDefault: false,
        location: { type: 'File', path: '/models/housing.onnx' },
        sha256: undefined,
        maxBytes: 512 * 2 ** 20,
        columns: undefined,
        warmUp: [],
        driftReference: undefined,
        maxQueue: undefined,
        servingMode: 'auto',
        workers: undefined,
        maxBatchSize: 512,
        batchDelayMs: 0,
      },
    ],
    repositoryApi: undefined,
    s3: { forcePathStyle: false },
    mlflow: undefined,
    mlflowNamed: false,
    maxBodyBytes: 8 * 2 ** 20,
    maxBodiesBytes: 64 * 2 ** 20,
    requestTimeoutMs: 30_000,
    drainDelayMs: 5_000,
    logLevel: 'info',
    logging: { access: 'requests', payload: undefined },
    publicMetadata: true,
    showSample: false,
  })
})

test('everything given', () => {
  const config = readConfig({
    ...least,
    PORT: '9000',
    MODEL_VERSION: '7',
    MODEL_SHA256: `sha256:${'AB'.repeat(32)}`,
    MODEL_COLUMNS: 'A, B',
    MODELRELEASE_NAME: 'housing',
    MODELRELEASE_COLOR: 'green',
    MODELRELEASE_REVISION: '5d4f',
    DRAIN_DELAY_MS: '0',
    LOG_LEVEL: 'warn',
  })
  expect(config.release).toEqual({ name: 'housing', color: 'green', revision: '5d4f' })
  expect(config.models[0]).toMatchObject({ version: '7', sha256: 'ab'.repeat(32), columns: ['A', 'B'] })
  expect(config).toMatchObject({ port: 9000, drainDelayMs: 0, logLevel: 'warn' })
})

test.each([
  [{}, 8080, 8081],
  [{ PORT: '8081' }, 8081, 8082],
  [{ PORT: '0' }, 0, 0],
  [{ PORT: '65535' }, 65_535, 0],
  [{ PORT: '0', OPS_PORT: '9100' }, 0, 9100],
])('the ports of %j are %d and %d', (env, port, opsPort) => {
  expect(readConfig({ ...least, ...env })).toMatchObject({ port, opsPort })
})

test.each([
  ['/', ''],
  ['/models/a/', '/models/a'],
])('the base path %s is taken as %j', (text, path) => {
  expect(readConfig({ ...least, BASE_PATH: text }).basePath).toBe(path)
})

describe('MLflow', () => {
  const uri = { MLFLOW_TRACKING_URI: 'http://mlflow:5000/' }

  test.each([
    [{}, undefined],
    [{ MLFLOW_TRACKING_TOKEN: 't' }, 'Bearer t'],
    [{ MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'p' }, 'Basic bWU6cA=='],
    [
      { MLFLOW_TRACKING_TOKEN: 't', MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'p' },
      'Basic bWU6cA==',
    ],
  ])('with %j is asked as %s', (env, authorization) => {
    const { mlflow } = readConfig({ ...least, ...uri, ...env })
    expect(mlflow?.trackingUri).toBe('http://mlflow:5000')
    expect(mlflow?.authorization?.reveal()).toBe(authorization)
  })

  test('shows its secrets nowhere', () => {
    const { mlflow } = readConfig({ ...least, ...uri, MLFLOW_TRACKING_TOKEN: 'hunter2' })
    for (const shown of [
      JSON.stringify(mlflow),
      inspect(mlflow, { showHidden: true }),
      String(mlflow?.authorization),
    ]) {
      expect(shown).toContain('[redacted]')
      expect(shown).not.toContain('hunter2')
    }
  })
})

describe('the repository API', () => {
  const folder = scratchFolder('model-server-config')
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'long enough to be a token\n')

  test('has a token and the places from which it may load', () => {
    const env = {
      ...least,
      REPOSITORY_TOKEN_FILE: tokenFile,
      REPOSITORY_URIS: '/models/, s3://models/housing/',
    }
    expect(readConfig(env).repositoryApi).toEqual({
      tokenFile,
      allowed: ['/models', 's3://models/housing/'],
      serving: expect.objectContaining({ maxBytes: 512 * 2 ** 20 }),
    })
  })

  test('is refused in a pod of a release', () => {
    const env = { ...least, REPOSITORY_TOKEN_FILE: tokenFile, MODELRELEASE_REVISION: '5d4f' }
    expect(() => readConfig(env)).toThrow('REPOSITORY_TOKEN_FILE: a pod of a release')
  })

  test('has every problem told, also where both of its variables are wrong', () => {
    const env = { ...least, REPOSITORY_TOKEN_FILE: tokenFile, REPOSITORY_URIS: 'gs://models', PORT: 'x' }
    expect(() => readConfig(env)).toThrow(/- PORT: .*\n- REPOSITORY_URIS: expected a folder/)
  })

  test.each([
    ['that is not there', join(folder, 'nowhere'), 'ENOENT'],
    ['that is too short', '/dev/null', 'expected a file with a token of at least 16 characters'],
  ])('is refused with a token %s', (_, file, problem) => {
    expect(() => readConfig({ ...least, REPOSITORY_TOKEN_FILE: file })).toThrow(problem)
  })
})

test('an empty value is an unset one', () => {
  expect(readConfig({ ...least, PORT: '', MODEL_SHA256: ' ' }).port).toBe(8080)
})

describe('a problem names the variable, its value and the remedy', () => {
  test.each([
    ['PORT', '70000', "PORT: expected an integer from 0 to 65535, got '70000'"],
    ['PORT', '8e3', "PORT: expected an integer from 0 to 65535, got '8e3'"],
    ['MODEL_NAME', 'a/b', "MODEL_NAME: expected letters, digits, '.', '_' and '-', at most 128, got 'a/b'"],
    [
      'MODEL_URI',
      'mlflow:/models:/housing/1',
      'MLFLOW_TRACKING_URI: is required: a model comes from a registry of MLflow',
    ],
    ['MODEL_WARM_UP', '[', 'MODEL_WARM_UP: expected JSON: Unexpected end of JSON input'],
    [
      'MODEL_WARM_UP',
      '[{"frame": {}, "expected": [1]}]',
      "MODEL_WARM_UP: [0]: unknown key 'expected'; expected inputs, frame, shapes, expect, absoluteTolerance",
    ],
    ['OPS_PORT', '8080', "OPS_PORT: expected another port than PORT, got '8080'"],
    ['GRPC_PORT', '8081', "GRPC_PORT: expected another port than PORT and OPS_PORT, got '8081'"],
    ['BASE_PATH', '/a/../b', "BASE_PATH: expected a path such as /models/a, got '/a/../b'"],
    ['S3_FORCE_PATH_STYLE', 'yes', "S3_FORCE_PATH_STYLE: expected true or false, got 'yes'"],
    [
      'MLFLOW_TRACKING_URI',
      './mlruns',
      "MLFLOW_TRACKING_URI: expected an http: or https: URL, got './mlruns'",
    ],
    [
      'MLFLOW_TRACKING_USERNAME',
      'me',
      'MLFLOW_TRACKING_PASSWORD: is required: MLFLOW_TRACKING_USERNAME is set',
    ],
    [
      'REPOSITORY_URIS',
      's3://models/',
      'REPOSITORY_URIS: does nothing without REPOSITORY_TOKEN_FILE; set or unset both',
    ],
    [
      'MODEL_SHA256',
      'abc',
      "MODEL_SHA256: expected 64 hexadecimal digits (sha256sum FILE prints them), got 'abc'",
    ],
    ['MODEL_COLUMNS', 'A,,B', "MODEL_COLUMNS: expected names separated by commas, got 'A,,B'"],
    ['MODEL_COLUMNS', 'A,B,A', "MODEL_COLUMNS: column 'A' is named twice in 'A,B,A'"],
    ['MODELRELEASE_COLOR', 'red', "MODELRELEASE_COLOR: expected blue or green, got 'red'"],
    [
      'MODELRELEASE_REVISION',
      'a b',
      "MODELRELEASE_REVISION: expected at most 253 visible ASCII characters, got 'a b'",
    ],
    ['DRAIN_DELAY_MS', '-1', "DRAIN_DELAY_MS: expected an integer from 0 to 600000, got '-1'"],
    [
      'LOG_LEVEL',
      'loud',
      "LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, got 'loud'",
    ],
  ])('%s=%s', (variable, value, problem) => {
    expect(() => readConfig({ ...least, [variable]: value })).toThrow(
      new ConfigError(`invalid configuration:\n- ${problem}`),
    )
  })

  test.each(['MODEL_URI', 'MLFLOW_TRACKING_URI'])('but never shows a password: %s', (variable) => {
    const read = (): unknown => readConfig({ ...least, [variable]: 'https://me:hunter2@store/a.onnx' })
    expect(read).toThrow(`${variable}: must not hold a user name or password`)
    expect(read).not.toThrow('hunter2')
  })

  test('and all come at once', () => {
    expect(() => readConfig({ PORT: 'x' })).toThrow(/- PORT: .*\n- MODEL_NAME: .*\n- MODEL_URI: /)
  })
})
