import { expect, test } from '@jest/globals'
import { ConfigError, readConfig } from './config.ts'

const least = { MODEL_NAME: 'housing', MODEL_URI: '/models/housing.onnx' }

test('bodies are written only where somebody said so', () => {
  expect(readConfig({ ...least, PAYLOAD_LOG_SAMPLE: '1' }).logging.payload).toBeUndefined()
})

test('the payload log with its defaults', () => {
  expect(readConfig({ ...least, PAYLOAD_LOG: '/var/log/payloads.jsonl' }).logging.payload).toEqual({
    path: '/var/log/payloads.jsonl',
    sample: 0.01,
    redact: [],
    maxFileBytes: 64 * 2 ** 20,
    maxBodyBytes: 64 * 1024,
  })
})

test('the payload log to standard output, with fields that nobody may read', () => {
  const env = { PAYLOAD_LOG: 'stdout', PAYLOAD_LOG_SAMPLE: '1', PAYLOAD_LOG_REDACT: 'LSTAT, patient ,' }
  expect(readConfig({ ...least, ...env }).logging.payload).toMatchObject({
    path: undefined,
    sample: 1,
    redact: ['lstat', 'patient'],
  })
})

test.each([
  ['ACCESS_LOG', 'yes', "ACCESS_LOG: expected one of all, requests, errors, off, got 'yes'"],
  ['PAYLOAD_LOG_SAMPLE', '0', "PAYLOAD_LOG_SAMPLE: expected a number above 0 and at most 1, got '0'"],
  ['PAYLOAD_LOG_SAMPLE', '1%', "PAYLOAD_LOG_SAMPLE: expected a number above 0 and at most 1, got '1%'"],
  ['PAYLOAD_LOG_MAX_FILE_BYTES', '1', 'PAYLOAD_LOG_MAX_FILE_BYTES: expected an integer from 1048576 to'],
])('%s=%s is a problem', (variable, value, message) => {
  const read = (): unknown => readConfig({ ...least, [variable]: value })
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(message)
})
