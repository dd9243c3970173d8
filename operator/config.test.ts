import { expect, test } from '@jest/globals'
import { ConfigError, readConfig } from './config.ts'

const SET = {
  POD_NAME: 'operator-1',
  OPERATOR_NAMESPACE: 'modelrelease-system',
  MODEL_SERVER_IMAGE: 'model-server:1',
}

test('what is not set has its default', () => {
  expect(readConfig(SET)).toEqual({
    podName: 'operator-1',
    namespace: 'modelrelease-system',
    modelServerImage: 'model-server:1',
    metricsPort: 9090,
    logLevel: 'info',
    workers: 4,
    awsRegion: 'us-east-1',
    updateSpacingSeconds: 30,
    storeSettleSeconds: 60,
    storeEndpoint: undefined,
    allowList: undefined,
  })
})

test('the API of key value stores may be elsewhere', () => {
  const endpoint = 'http://127.0.0.1:4570'
  const told = { CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT: endpoint, CLOUDFRONT_STORE_SETTLE_SECONDS: '5' }
  expect(readConfig({ ...SET, ...told })).toMatchObject({ storeEndpoint: endpoint, storeSettleSeconds: 5 })
  for (const wrong of ['127.0.0.1:4570', 'file:///etc', 'http://'])
    expect(() => readConfig({ ...SET, CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT: wrong })).toThrow(
      `CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT is "${wrong}": give a URL`,
    )
})

test('the allow-list is a file of YAML', () => {
  const list = 'targets:\n  - { namespaces: [models], distributionId: E123EXAMPLE }\n'
  const { allowList } = readConfig({ ...SET, CLOUDFRONT_ALLOW_LIST: '/etc/list.yaml' }, (path) =>
    path === '/etc/list.yaml' ? list : '',
  )
  expect(allowList).toEqual([{ namespaces: ['models'], distributionId: 'E123EXAMPLE' }])
})

test.each<[string, () => string, string[]]>([
  [
    'is not there',
    () => {
      throw new Error("ENOENT: no such file or directory, open '/etc/list.yaml'")
    },
    ['ENOENT'],
  ],
  ['is no YAML', () => 'targets: [', ['CLOUDFRONT_ALLOW_LIST "/etc/list.yaml": ']],
  ['is empty', () => '', ['input is empty']],
  ['holds something else', () => 'namespaces: []', ['targets is not a list']],
  [
    'has several problems',
    () => 'targets: [{ namespaces: [], distributionId: x }]',
    ['targets[0].namespaces', 'targets[0].distributionId'],
  ],
])('an allow-list that %s keeps the operator from starting', (_, read, told) => {
  const start = (): unknown => readConfig({ ...SET, CLOUDFRONT_ALLOW_LIST: '/etc/list.yaml' }, read)
  expect(start).toThrow(ConfigError)
  for (const words of told) expect(start).toThrow(words)
})

test('every problem is told at once, with the variable, its value and the remedy', () => {
  const read = (): unknown => readConfig({ METRICS_PORT: 'x', WORKERS: '0', LOG_LEVEL: 'loud' })
  expect(read).toThrow(ConfigError)
  for (const told of [
    'POD_NAME is not set',
    'OPERATOR_NAMESPACE is not set',
    'MODEL_SERVER_IMAGE is not set',
    'METRICS_PORT is "x": give a whole number from 0 to 65535',
    'WORKERS is "0": give a whole number from 1 to 64',
    'LOG_LEVEL is "loud": give one of trace, debug, info, warn, error',
  ])
    expect(read).toThrow(told)
})
