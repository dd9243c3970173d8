import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { ConfigError, readConfig } from './config.ts'

const least = { MODEL_NAME: 'housing', MODEL_URI: '/models/housing.onnx' }

test('the least that is needed, with the defaults of the README', () => {
  expect(readConfig(least)).toEqual({
    port: 8080,
    release: { name: undefined, color: undefined, revision: undefined },
    models: [
      {
        name: 'housing',
        version: '1',
        location: { type: 'File', path: '/models/housing.onnx' },
        sha256: undefined,
        maxBytes: 512 * 2 ** 20,
        columns: undefined,
        maxQueue: 256,
      },
    ],
    maxBodyBytes: 8 * 2 ** 20,
    requestTimeoutMs: 30_000,
    drainDelayMs: 5_000,
    logLevel: 'info',
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

test('an empty value is an unset one', () => {
  expect(readConfig({ ...least, PORT: '', MODEL_SHA256: ' ' }).port).toBe(8080)
})

describe('where the model is', () => {
  test.each([
    ['models/a.onnx', { type: 'File', path: resolve('models/a.onnx') }],
    ['file:///models/a%20b.onnx', { type: 'File', path: '/models/a b.onnx' }],
    ['http://store/a.onnx', { type: 'Http', url: new URL('http://store/a.onnx') }],
    ['https://store/a.onnx?x=1', { type: 'Http', url: new URL('https://store/a.onnx?x=1') }],
  ])('%s', (uri, location) => {
    expect(readConfig({ ...least, MODEL_URI: uri }).models[0]?.location).toEqual(location)
  })
})

describe('a problem names the variable, its value and the remedy', () => {
  test.each([
    ['PORT', '70000', "PORT: expected an integer from 0 to 65535, got '70000'"],
    ['PORT', '8e3', "PORT: expected an integer from 0 to 65535, got '8e3'"],
    ['MODEL_NAME', 'a/b', "MODEL_NAME: expected letters, digits, '.', '_' and '-', at most 128, got 'a/b'"],
    [
      'MODEL_URI',
      's3://models/a.onnx',
      "MODEL_URI: the scheme 's3:' of 's3://models/a.onnx' is not supported; use a path, file:, http: or https:",
    ],
    ['MODEL_URI', 'http://', "MODEL_URI: 'http://' is not a URL; use a path, file:, http: or https:"],
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

  test('but never shows a password', () => {
    const read = (): unknown => readConfig({ ...least, MODEL_URI: 'https://me:hunter2@store/a.onnx' })
    expect(read).toThrow('MODEL_URI: must not hold a user name or password')
    expect(read).not.toThrow('hunter2')
  })

  test('and all come at once', () => {
    expect(() => readConfig({ PORT: 'x' })).toThrow(/- PORT: .*\n- MODEL_NAME: .*\n- MODEL_URI: /)
  })
})
