import { describe, expect, test } from '@jest/globals'
import { clusterConfig, ConfigError, parseInvocation, searchPath } from './config.ts'

const home = { HOME: '/home/ada' }
const defaults = {
  name: 'modelrelease',
  range: '10.213.0.0/16',
  provider: 'auto',
  context: undefined,
  registry: undefined,
  kubernetes: 'auto',
  kubectl: undefined,
  kindImage: undefined,
  cacheDir: '/home/ada/.cache/modelrelease',
}

describe('parseInvocation', () => {
  test.each([
    { argv: ['up'], verb: 'up', args: [], config: {} },
    {
      argv: ['up', '--name', 'b', '--range=10.9.0.0/16'],
      verb: 'up',
      args: [],
      config: { name: 'b', range: '10.9.0.0/16' },
    },
    { argv: ['--name', 'b', 'down'], verb: 'down', args: [], config: { name: 'b' } },
    { argv: ['build', 'a:1', 'a/Dockerfile'], verb: 'build', args: ['a:1', 'a/Dockerfile'], config: {} },
    { argv: ['load', 'a:1', 'b:2'], verb: 'load', args: ['a:1', 'b:2'], config: {} },
    { argv: ['exec', '--', 'ls', '-l', '--name'], verb: 'exec', args: ['ls', '-l', '--name'], config: {} },
    { argv: ['status', '--provider', 'kind'], verb: 'status', args: [], config: { provider: 'kind' } },
    { argv: ['up', '--kubernetes', '1.20'], verb: 'up', args: [], config: { kubernetes: '1.20' } },
    { argv: ['prepare'], verb: 'prepare', args: [], config: {} },
    { argv: ['kubectl', '--kubectl=/opt/k'], verb: 'kubectl', args: [], config: { kubectl: '/opt/k' } },
    { argv: ['up', '--kind-image=n:1'], verb: 'up', args: [], config: { kindImage: 'n:1' } },
    { argv: ['--help'], verb: 'help', args: [], config: {} },
    { argv: ['up', '-h'], verb: 'help', args: [], config: {} },
    {
      argv: ['up', '--context', 'mine'],
      verb: 'up',
      args: [],
      config: { provider: 'context', context: 'mine' },
    },
  ])('$argv', ({ argv, verb, args, config }) => {
    expect(parseInvocation(argv, home)).toEqual({ verb, args, config: { ...defaults, ...config } })
  })

  test.each([
    { argv: [], says: 'usage:' },
    { argv: ['start'], says: 'unknown verb start' },
    { argv: ['up', '--nmae', 'x'], says: "Unknown option '--nmae'" },
    { argv: ['build', 'a:1'], says: 'build needs a tag, the path of a Dockerfile, and a folder at most' },
    { argv: ['load'], says: 'load needs at least one image tag' },
    { argv: ['exec'], says: 'exec needs a command' },
  ])('$argv is refused', ({ argv, says }) => {
    expect(() => parseInvocation(argv, home)).toThrow(ConfigError)
    expect(() => parseInvocation(argv, home)).toThrow(says)
  })
})

describe('clusterConfig', () => {
  test('takes flags before the environment', () => {
    const env = { ...home, MODELRELEASE_CLUSTER_NAME: 'env', MODELRELEASE_CLUSTER_RANGE: '10.7.0.0/16' }
    expect(clusterConfig({ name: 'flag' }, env)).toEqual({ ...defaults, name: 'flag', range: '10.7.0.0/16' })
  })

  test('takes the release and the kubectl from the environment too', () => {
    const env = { ...home, MODELRELEASE_KUBERNETES: '1.20', MODELRELEASE_KUBECTL: '/opt/kubectl' }
    expect(clusterConfig({}, env)).toMatchObject({ kubernetes: '1.20', kubectl: '/opt/kubectl' })
    expect(clusterConfig({ kubernetes: 'auto' }, env)).toMatchObject({ kubernetes: 'auto' })
  })

  test('puts the cache where the desktop convention says', () => {
    expect(clusterConfig({}, { ...home, XDG_CACHE_HOME: '/big' }).cacheDir).toBe('/big/modelrelease')
  })

  test('lists every problem at once', () => {
    const flags = { name: 'Not OK', range: '10.1.0.0/24', provider: 'minikube', kubernetes: '1.37' }
    expect(() => clusterConfig(flags, home)).toThrow(
      [
        'invalid configuration:',
        '- name: "Not OK" is not 1 to 20 lower-case letters, digits and inner dashes',
        '- range: "10.1.0.0/24" is not an IPv4 /16 such as 10.213.0.0/16',
        '- provider: "minikube" is none of auto, debian, kind, context',
        '- kubernetes: "1.37" is none of auto, 1.36, 1.20',
      ].join('\n'),
    )
  })

  test.each([
    { flags: { provider: 'context' }, says: 'provider context needs --context NAME' },
    { flags: { provider: 'kind', context: 'c' }, says: 'goes with --provider context, not kind' },
    { flags: { name: 'a-name-that-is-too-long' }, says: 'name: "a-name-that-is-too-long"' },
    { flags: { registry: 'https://r.test/x' }, says: 'registry: "https://r.test/x" is not HOST' },
    { flags: { registry: 'r.test/x:1' }, says: 'without a scheme or a tag' },
    { flags: { name: '../etc' }, says: 'name: "../etc"' },
  ])('refuses $flags', ({ flags, says }) => expect(() => clusterConfig(flags, home)).toThrow(says))
})

test('a context and its registry may be named in the environment, for the runs that use one', () => {
  const env = {
    ...home,
    MODELRELEASE_CLUSTER_CONTEXT: 'mine',
    MODELRELEASE_REGISTRY: '10.0.0.1:5000/team/',
    MODELRELEASE_REGISTRY_TLS_VERIFY: 'false',
  }
  const registry = { prefix: '10.0.0.1:5000/team', tls: 'Any' }
  expect(clusterConfig({}, env)).toMatchObject({ provider: 'context', context: 'mine', registry })
  expect(clusterConfig({ context: 'other' }, env)).toMatchObject({ provider: 'context', context: 'other' })
  // A test that makes a node of its own is none of them.
  expect(clusterConfig({ provider: 'debian' }, env)).toMatchObject({
    ...{ provider: 'debian', context: undefined, registry: undefined },
  })
  expect(clusterConfig({ provider: 'debian', registry: 'r.test' }, env)).toMatchObject({
    ...{ provider: 'debian', registry: { prefix: 'r.test', tls: 'Any' } },
  })
  expect(clusterConfig({}, { ...env, REGISTRY_AUTH_FILE: '/run/auth.json' })).toMatchObject({
    registry: { ...registry, authFile: '/run/auth.json' },
  })
  expect(() => clusterConfig({}, { ...env, MODELRELEASE_REGISTRY_TLS_VERIFY: 'no' })).toThrow(
    'neither true nor false',
  )
})

test('searchPath leaves out empty entries, which would mean the current directory', () => {
  expect(searchPath({ PATH: '/usr/bin::/bin:' })).toEqual(['/usr/bin', '/bin'])
  expect(searchPath({})).toEqual([])
})
