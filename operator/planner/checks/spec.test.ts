import { runInNewContext } from 'node:vm'
import { describe, expect, test } from '@jest/globals'
import type { Distribution, Spec } from '../../api/release.ts'
import {
  housing,
  housingBehindService,
  housingBehindStore,
  knownHouse,
} from '../../test/fakes/simulated-world.ts'
import { problemsOf } from './spec.ts'
import { without } from '../state/persisted-state.ts'
import { podsOf } from '../model/revision.ts'

function distribution(changes: Partial<Distribution>): Spec {
  const spec = housing(1)
  const known = spec.traffic.cloudFrontDistribution
  if (!known) throw new Error('the housing release has a distribution')
  return { ...spec, traffic: { ...spec.traffic, cloudFrontDistribution: { ...known, ...changes } } }
}

function withCanary(spec: Spec): Spec {
  const distribution = spec.traffic.cloudFrontDistribution
  if (distribution) distribution.canary = [{ weight: 10, holdSeconds: 60 }]
  return spec
}

function verified(changes: Partial<Distribution['verify']>): Spec {
  const verify = { type: 'Answers', method: 'GET', consecutive: 1, ...changes } as const
  return distribution({ verify })
}

function template(containers: unknown, traffic: Spec = housingBehindService(1)): Spec {
  return { ...without(traffic, 'model'), template: { spec: { containers } } }
}

const probe = { readinessProbe: { httpGet: { path: '/', port: 8080 } } }
const request = { method: 'POST' as const, path: '/' }

describe('a spec', () => {
  test.each<[string, Spec, RegExp]>([
    ['both sources', { ...housing(1), template: {} }, /spec\.model and spec\.template are both set: keep/],
    ['no source', without(housing(1), 'model'), /neither spec\.model nor spec\.template is set: set/],
    ['no containers', template([]), /spec\.template\.spec\.containers .*: name the container/],
    ['no list of containers', template('web'), /spec\.template\.spec\.containers .*: name the container/],
    [
      'a container that is nothing',
      template([null, { name: 'web', ...probe }]),
      /spec\.template\.spec\.containers/,
    ],
    ['no probe', template([{ name: 'web' }]), /containers "web" has no readinessProbe: add one/],
    [
      'a probe at another container than the one that serves',
      template([
        { name: 'side', ...probe },
        { name: 'web', ports: [{ containerPort: 8080 }] },
      ]),
      /containers "web" has no readinessProbe/,
    ],
    [
      'env that is no list',
      template([{ name: 'web', env: {}, ...probe }]),
      /"web": env is \{\}: make it a list/,
    ],
    [
      'a number in env',
      template([{ name: 'web', env: [{ name: 'A', value: 1 }], ...probe }]),
      /containers "web": env "A" has the value 1, which is no text: put it in quotes/,
    ],
    [
      'a boolean in env of a model',
      {
        ...housing(1),
        model: { name: 'm', version: '1', uri: 'file:///m', env: [{ name: 'A', value: true as never }] },
      },
      /spec\.model: env "A" has the value true/,
    ],
    ...['64mb', '1 Gi', '', 'much'].map((memory): [string, Spec, RegExp] => [
      `memory "${memory}"`,
      template([{ name: 'web', resources: { limits: { memory } }, ...probe }]),
      /resources\.limits\.memory is ".*", which is no quantity: write it like 64Mi/,
    ]),
    [
      'cpu of a model that is no quantity',
      {
        ...housing(1),
        model: { name: 'm', version: '1', uri: 'file:///m', resources: { requests: { cpu: '2 cores' } } },
      },
      /spec\.model: resources\.requests\.cpu is "2 cores".*like 500m or 2/,
    ],
    [
      'ports that are no list',
      template([{ name: 'web', ports: 1, ...probe }]),
      /"web": ports is 1: make it a list/,
    ],
    [
      'a gate with two bodies',
      {
        ...housing(1),
        gates: [
          { name: 'g', smoke: { ...knownHouse(1).smoke, request: { ...request, json: {}, body: '' } } },
        ],
      },
      /spec\.gates "g": request has both json and body: keep one/,
    ],
    [
      'a stray distribution',
      { ...housing(1), traffic: { ...housing(1).traffic, type: 'Service' } },
      /cloudFrontDistribution is set but spec\.traffic\.type is Service: set the type .* or remove/,
    ],
    [
      'a stray Service',
      { ...housing(1), traffic: { ...housing(1).traffic, service: {} } },
      /spec\.traffic\.service is set but .*: set the type to Service or remove/,
    ],
    [
      'a stray store',
      {
        ...housing(1),
        traffic: { ...housing(1).traffic, ...housingBehindStore(1).traffic, type: 'Service' },
      },
      /cloudFrontKeyValueStore is set but spec\.traffic\.type is Service: set the type to CloudFrontKeyValueStore/,
    ],
    [
      'no store',
      { ...housing(1), traffic: { type: 'CloudFrontKeyValueStore' } },
      /spec\.traffic\.cloudFrontKeyValueStore is required/,
    ],
    [
      'one origin twice behind a store',
      housingBehindStore(1, { origins: { blue: 'a', green: 'a' } }),
      /cloudFrontKeyValueStore\.origins\.blue and \.green are both "a": name two/,
    ],
    [
      'a canary that does not grow',
      housingBehindStore(1, {
        canary: [
          { weight: 50, holdSeconds: 1 },
          { weight: 50, holdSeconds: 1 },
        ],
      }),
      /cloudFrontKeyValueStore\.canary has weight 50 after 50: make each weight greater/,
    ],
    [
      'cookies to tell clients by',
      housingBehindStore(1, { canaryClientHeader: 'cookie' }),
      /canaryClientHeader "cookie" tells no client from another: name a header/,
    ],
    [
      'the host to tell clients by',
      housingBehindStore(1, { canaryClientHeader: 'host' }),
      /canaryClientHeader "host" tells no client from another: name a header/,
    ],
    [
      'a canary that a distribution cannot make',
      withCanary(housing(1)),
      /cloudFrontDistribution\.canary needs .*: set spec\.traffic\.type to CloudFrontKeyValueStore .* or remove/,
    ],
    [
      'no distribution',
      { ...housing(1), traffic: { type: 'CloudFrontDistribution' } },
      /spec\.traffic\.cloudFrontDistribution is required/,
    ],
    [
      'one origin twice',
      distribution({ origins: { blue: 'a', green: 'a' } }),
      /origins\.blue and \.green are both "a": name two/,
    ],
    ['nothing to ask', verified({}), /verify\.url is required; .* set verify\.type to DeployedOnly/],
    [
      'an impossible URL',
      verified({ url: 'https://[::1' }),
      /verify\.url "https:\/\/\[::1" is not a URL: write it like/,
    ],
    [
      'a template whose answers cannot be told apart',
      {
        ...without(verified({ url: 'https://models.example.com/' }), 'model'),
        template: { spec: { containers: [{ name: 'web', ...probe }] } },
      },
      /verify\.expect needs json or bodyContains with spec\.template/,
    ],
  ])('with %s is refused', (_name, spec, problem) => {
    expect(problemsOf(spec).join('\n')).toMatch(problem)
  })

  test.each<[string, Spec]>([
    ['a model behind a distribution', housing(1)],
    ['a model behind a Service', housingBehindService(1)],
    ['a model behind a store', housingBehindStore(1, { canary: [{ weight: 10, holdSeconds: 60 }] })],
    ['a header to tell clients by', housingBehindStore(1, { canaryClientHeader: 'x-user-id' })],
    ['a template with a probe', template([{ name: 'web', ...probe }])],
    ['no verification but the status', verified({ type: 'DeployedOnly' })],
  ])('with %s is taken', (_name, spec) => {
    expect(problemsOf(spec)).toEqual([])
  })

  test('with gates that no deadline holds says how long they may take', () => {
    const gates = Array.from({ length: 20 }, (_, n) => {
      const gate = { ...knownHouse(1), name: `g${n}` }
      return { ...gate, smoke: { ...gate.smoke, consecutive: 100, timeoutSeconds: 60 } }
    })
    const message =
      'spec.gates may take 120000 s at one pod (consecutive × timeoutSeconds, of all gates together), and spec.progressDeadlineSeconds leaves 86400 s'
    const spec = { ...housing(1), gates, progressDeadlineSeconds: 86_400 }
    expect(problemsOf(spec)).toEqual([expect.stringContaining(message)])
    expect(problemsOf({ ...spec, gates: gates.slice(0, 14) })).toEqual([])
    // A short deadline cuts off what the usual one would hold.
    const short = { ...housing(1, { progressDeadlineSeconds: 10 }), gates: [{ ...knownHouse(1) }] }
    expect(problemsOf(short)).toEqual([])
  })

  test('with several problems names them all', () => {
    const spec = { ...without(distribution({ origins: { blue: 'a', green: 'a' } }), 'model'), gates: [] }
    expect(problemsOf(spec)).toHaveLength(2)
  })
})

test.each(['64Mi', '2', 2, '500m', '1e3', '.5', '2Gi', '1.5G'])('%p is a quantity', (memory) => {
  const containers = [{ name: 'web', resources: { limits: { memory } }, ...probe }]
  expect(problemsOf(template(containers)).join()).not.toContain('quantity')
})

describe('a value of a million digits costs a moment, and is told in a few', () => {
  const digits = '1'.repeat(1_000_000)
  // Ended by force and not waited for: without a bound each of them takes hours.
  const within = <Result>(act: () => Result): Result =>
    runInNewContext('act()', { act }, { timeout: 30_000 }) as Result

  test.each<[string, unknown, RegExp]>([
    ['that is no quantity', `${digits}x`, /limits\.memory is "1{50,100}…, which is no quantity/],
    ['that is one', digits, /limits\.memory is "1{50,100}…, which is no quantity/],
    ['with a fraction', `${digits}.${digits}Ki`, /limits\.memory is "1{50,100}…, which is no quantity/],
  ])('%s', (_name, memory, problem) => {
    const spec = template([{ name: 'web', resources: { limits: { memory } }, ...probe }])
    const [told = '', ...others] = within(() => problemsOf(spec))
    expect(told).toMatch(problem)
    expect(others).toEqual([])
    expect(told.length).toBeLessThan(400)
    expect(within(() => podsOf(spec))).toHaveLength(10)
  })

  test('nor does the size of a volume, or a divisor', () => {
    const sizeLimit = `${digits}x`
    const env = [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'cpu', divisor: sizeLimit } } }]
    const spec = template([{ name: 'web', env, ...probe }])
    const volumes = [{ name: 'v', emptyDir: { sizeLimit } }]
    const whole = { ...spec, template: { spec: { ...(spec.template?.spec as object), volumes } } }
    expect(within(() => podsOf(whole))).toHaveLength(10)
  })
})
