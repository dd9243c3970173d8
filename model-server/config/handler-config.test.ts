import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { ConfigError, readConfig } from './config.ts'

const least = { MODEL_NAME: 'housing', MODEL_URI: '/models/housing.onnx' }

test('no handler unless there is one', () => {
  expect(readConfig(least).handler).toBeUndefined()
})

test('the least that is needed, with the defaults of the README', () => {
  expect(readConfig({ ...least, HANDLER: 'handler.js', TMPDIR: '/uploads' }).handler).toEqual({
    path: resolve('handler.js'),
    sha256: undefined,
    settings: {},
    threads: expect.any(Number),
    maxQueue: 16,
    maxUploadBytes: 64 * 2 ** 20,
    uploadFolder: '/uploads',
    timeoutMs: 30_000,
    programPath: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  })
})

test('everything given', () => {
  const { handler } = readConfig({
    ...least,
    HANDLER: '/handler.js',
    HANDLER_SHA256: `sha256:${'AB'.repeat(32)}`,
    HANDLER_SETTINGS: '{"a": 1}',
    HANDLER_THREADS: '3',
    HANDLER_MAX_QUEUE: '0',
    MAX_UPLOAD_BYTES: '1000',
    REQUEST_TIMEOUT_MS: '5000',
    PATH: '/bin',
  })
  expect(handler).toMatchObject({
    sha256: 'ab'.repeat(32),
    settings: { a: 1 },
    threads: 3,
    maxQueue: 0,
    maxUploadBytes: 1000,
    timeoutMs: 5000,
    programPath: '/bin',
  })
})

describe('a problem names the variable, its value and the remedy', () => {
  test.each([
    ['HANDLER_SETTINGS', '[1]', "HANDLER_SETTINGS: expected a JSON object, got '[1]'"],
    ['HANDLER_SETTINGS', '{', 'HANDLER_SETTINGS: expected a JSON object: '],
    ['HANDLER_THREADS', '0', "HANDLER_THREADS: expected an integer from 1 to 256, got '0'"],
    ['HANDLER_SHA256', 'abc', 'HANDLER_SHA256: expected 64 hexadecimal digits'],
    ['MAX_UPLOAD_BYTES', '64M', "MAX_UPLOAD_BYTES: expected an integer from 1 to 2147483647, got '64M'"],
  ])('%s=%s', (variable, value, problem) => {
    const read = (): unknown => readConfig({ ...least, HANDLER: '/handler.js', [variable]: value })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(`invalid configuration:\n- ${problem}`)
  })
})
