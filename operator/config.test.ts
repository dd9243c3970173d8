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
    healthPort: 9091,
    logLevel: 'info',
    workers: 4,
    awsRegion: 'us-east-1',
    updateSpacingSeconds: 30,
    storePropagationSeconds: 60,
    storeEndpoint: undefined,
    watchNamespaces: undefined,
    allowList: [],
    probeAllowedRanges: [],
  })
})

test('the API of key value stores may be elsewhere', () => {
  const endpoint = 'http://127.0.0.1:4570'
  const told = { CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT: endpoint, CLOUDFRONT_STORE_PROPAGATION_SECONDS: '5' }
  expect(readConfig({ ...SET, ...told })).toMatchObject({
    storeEndpoint: endpoint,
    storePropagationSeconds: 5,
  })
  for (const wrong of ['127.0.0.1:4570', 'file:///etc', 'http://'])
    expect(() => readConfig({ ...SET, CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT: wrong })).toThrow(
      `CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT is "${wrong}": give a URL`,
    )
})

test('private ranges may be asked where they are named', () => {
  const read = (PROBE_ALLOWED_RANGES: string) => readConfig({ ...SET, PROBE_ALLOWED_RANGES })
  expect(read('10.0.0.0/8, fd12::/16').probeAllowedRanges).toEqual(['10.0.0.0/8', 'fd12::/16'])
  expect(() => read('10.0.0.0/8,all')).toThrow('PROBE_ALLOWED_RANGES: "all" is no range like 10.0.0.0/8')
})

test('probes have a port of their own', () => {
  expect(() => readConfig({ ...SET, HEALTH_PORT: '9090' })).toThrow(
    'HEALTH_PORT and METRICS_PORT are both 9090',
  )
  expect(readConfig({ ...SET, HEALTH_PORT: '0', METRICS_PORT: '0' })).toMatchObject({ healthPort: 0 })
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

test('every namespace may use every distribution only where somebody says so', () => {
  expect(readConfig(SET).allowList).toEqual([])
  expect(readConfig({ ...SET, CLOUDFRONT_ALLOW_ALL: 'true' }).allowList).toBeUndefined()
  expect(() => readConfig({ ...SET, CLOUDFRONT_ALLOW_ALL: 'yes' })).toThrow(
    'CLOUDFRONT_ALLOW_ALL is "yes": give true',
  )
  const both = { ...SET, CLOUDFRONT_ALLOW_ALL: 'true', CLOUDFRONT_ALLOW_LIST: '/list.yaml' }
  expect(() => readConfig(both, () => 'targets: []')).toThrow('are both set: remove one of them')
})

test('namespaces are watched one by one where they are named', () => {
  const read = (WATCH_NAMESPACES: string) => readConfig({ ...SET, WATCH_NAMESPACES }).watchNamespaces
  expect(read('models, other,models')).toEqual(['models', 'other'])
  expect(read('')).toBeUndefined()
  expect(() => read('models,')).toThrow('WATCH_NAMESPACES: "" is no name of a namespace')
  expect(() => read('Models')).toThrow('WATCH_NAMESPACES: "Models" is no name')
})
