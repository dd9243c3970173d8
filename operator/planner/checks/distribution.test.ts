import { describe, expect, test } from '@jest/globals'
import type { Distribution, Spec } from '../../api/release.ts'
import { housing, housingBehindStore, knownHouse } from '../../test/fakes/simulated-world.ts'
import { factsOf } from '../../test/fakes/worlds.ts'
import type { BehaviorFacts, DistributionFacts, OriginFacts } from '../model/distribution.ts'
import { behaviorFor, refusalsOf, warningsOf } from './distribution.ts'

function facts(changes: {
  blue?: Partial<OriginFacts>
  green?: Partial<OriginFacts>
  behavior?: Partial<BehaviorFacts>
  behaviors?: Partial<BehaviorFacts>[]
  rest?: Partial<DistributionFacts>
}): DistributionFacts {
  const usual = factsOf()
  const [blue, green] = usual.origins
  const [behavior] = usual.behaviors
  if (!blue || !green || !behavior) throw new Error('the usual distribution has two origins')
  return {
    ...usual,
    origins: [
      { ...blue, ...changes.blue },
      { ...green, ...changes.green },
    ],
    behaviors: [
      { ...behavior, ...changes.behavior },
      ...(changes.behaviors ?? []).map((one) => ({ ...behavior, ...one })),
    ],
    ...changes.rest,
  }
}

/** The spec of a release whose settings of the distribution are changed. */
function spec(changes: Partial<Distribution> = {}, rest: Partial<Spec> = {}): Spec {
  const { cloudFrontDistribution: usual } = housing(1).traffic
  if (!usual) throw new Error('the housing release has a distribution')
  const cloudFrontDistribution = { ...usual, ...changes }
  return { ...housing(1), traffic: { type: 'CloudFrontDistribution', cloudFrontDistribution }, ...rest }
}

const post = { ...spec().traffic.cloudFrontDistribution?.verify, method: 'POST' } as Distribution['verify']
const GET_ONLY = { methods: ['HEAD', 'GET'] }

describe('a distribution is refused', () => {
  const same = { domainName: 'models.example.com' }

  test.each<[string, Spec, DistributionFacts, string]>([
    [
      'that leads both colors to one address',
      spec(),
      facts({ blue: same, green: { domainName: 'Models.example.com' } }),
      '.origins.blue "housing-blue" and .green "housing-green" are the same address models.example.com:80',
    ],
    [
      'that differs only in a port that is not used',
      spec(),
      facts({ blue: same, green: { ...same, httpsPort: 8443 } }),
      'are the same address',
    ],
    [
      'that does not allow how its answers are verified',
      spec({ verify: post }),
      facts({ behavior: GET_ONLY }),
      'verify.method "POST" is not allowed by behavior "*" of the distribution, which allows HEAD, GET',
    ],
  ])('%s', (_, about, distribution, message) => {
    expect(refusalsOf(about, distribution)).toEqual([expect.stringContaining(message)])
  })

  test.each<[string, Spec, DistributionFacts]>([
    ['that is as it should be', spec(), facts({})],
    ['with two ports', spec(), facts({ blue: same, green: { ...same, httpPort: 81 } })],
    ['with two paths', spec(), facts({ blue: same, green: { ...same, path: '/green' } })],
    [
      'with two headers',
      spec(),
      facts({ blue: same, green: { ...same, headers: [{ name: 'x-color', value: 'green' }] } }),
    ],
    ['with two TLS ports', spec(), facts({ blue: same, green: { ...same, protocol: 'https-only' } })],
    [
      'that does not allow it where another release is',
      spec({ verify: post, behaviors: [{ pathPattern: '/v2/*' }] }),
      facts({ behavior: GET_ONLY, behaviors: [{ pathPattern: '/v2/*' }] }),
    ],
    [
      'that is not verified by answers',
      spec({ verify: { ...post, type: 'DeployedOnly' } }),
      facts({ behavior: GET_ONLY }),
    ],
    [
      'whose behavior leads to a group of others where the key cannot be read',
      housingBehindStore(1),
      facts({
        behavior: { target: 'always' },
        rest: { groups: [{ id: 'always', members: ['ui', 'ui-2'] }] },
      }),
    ],
    [
      'that is none of this release',
      { ...spec(), traffic: { type: 'Service' } },
      facts({ blue: same, green: same }),
    ],
  ])('but not one %s', (_, about, distribution) => {
    expect(refusalsOf(about, distribution)).toEqual([])
  })
})

describe('a distribution is warned of', () => {
  const gate = knownHouse(1)
  const slow = { ...gate, smoke: { ...gate.smoke, timeoutSeconds: 60 } }

  test.each<[string, Spec, DistributionFacts, string]>([
    ...['/*', '* (ordered)'].map((taking): [string, Spec, DistributionFacts, string] => [
      `whose behavior ${taking} takes what one of the release should get`,
      spec({ behaviors: [{ pathPattern: '/v2/*' }] }),
      facts({
        behavior: { target: 'x' },
        behaviors: [
          { pathPattern: taking, target: 'x' },
          { pathPattern: '/v2/*', target: 'x' },
        ],
      }),
      `behaviors "/v2/*" is never reached: behavior "${taking}" of the distribution stands before it`,
    ]),
    [
      'that caches',
      spec(),
      facts({ behavior: { caching: { policyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' } } }),
      'behavior "*" has the cache policy 658327ea-f89d-4fab-a63d-7e88639e58f6',
    ],
    [
      'that caches without a policy',
      spec(),
      facts({ behavior: { caching: { longestSeconds: 60 } } }),
      'for up to 60 s',
    ],
    [
      'that remembers errors',
      spec(),
      facts({
        rest: {
          errorCaching: [
            { status: 404, seconds: 999 },
            { status: 502, seconds: 300 },
          ],
        },
      }),
      'status 502 from its cache for 300 s',
    ],
    [
      'that does not let users ask what a gate asks',
      spec(),
      facts({ behavior: GET_ONLY }),
      'gate "known-house" sends POST /predict, and behavior "*" of the distribution allows users only HEAD, GET',
    ],
    [
      'that gives up before a gate does',
      spec({}, { gates: [slow] }),
      facts({ green: { timeoutSeconds: 20 } }),
      'after 20 s, and gate "known-house" would let it take 60 s',
    ],
    [
      'of which another behavior leads to a color, even through a group',
      spec(),
      facts({
        behaviors: [{ pathPattern: '/old/*', target: 'either' }],
        rest: { groups: [{ id: 'either', members: ['ui', 'housing-green'] }] },
      }),
      'behavior "/old/*" leads to "either" and is not of this release',
    ],
    [
      'whose behavior leads to a group of a color where the key cannot be read',
      housingBehindStore(1),
      facts({
        behavior: { target: 'either' },
        rest: { groups: [{ id: 'either', members: ['housing-green', 'ui'] }] },
      }),
      'behavior "*" names the origin group "either", which does not follow the key and keeps green from retiring',
    ],
  ])('%s', (_, about, distribution, message) => {
    expect(warningsOf(about, distribution)).toEqual([expect.stringContaining(message)])
  })

  test.each<[string, Spec, DistributionFacts]>([
    ['that is as it should be', spec(), facts({})],
    ['that caches nothing without a policy', spec(), facts({ behavior: { caching: { longestSeconds: 0 } } })],
    [
      'that remembers errors as always',
      spec(),
      facts({ rest: { errorCaching: [{ status: 502, seconds: 10 }] } }),
    ],
    [
      'whose gate gives up first',
      spec(
        {},
        {
          gates: [
            { ...slow, smoke: { ...slow.smoke, expect: { status: 200, maxLatencyMilliseconds: 900 } } },
          ],
        },
      ),
      facts({}),
    ],
    [
      'whose other behaviors lead elsewhere, and cache',
      spec(),
      facts({ behaviors: [{ pathPattern: '/ui/*', target: 'ui', caching: { longestSeconds: 60 } }] }),
    ],
    [
      'that is none of this release',
      { ...spec(), traffic: { type: 'Service' } },
      facts({ behavior: GET_ONLY }),
    ],
  ])('but not one %s', (_, about, distribution) => {
    expect(warningsOf(about, distribution)).toEqual([])
  })
})

test.each([
  ['/v2/models', '/v2/*'],
  ['/v2/models?x=/v3/', '/v2/*'],
  ['/v2', '*'],
  ['/a1.json', '/a?.json'],
  ['/a12.json', '*'],
  ['/a1xjson', '*'],
  ['/x/images/y', '*/images/*'],
  ['/docs/a', 'docs/*'],
])('%s is of the behavior %s', (path, pattern) => {
  const behaviors = ['/v2/*', '/a?.json', '*/images/*', 'docs/*'].map((pathPattern) => ({ pathPattern }))
  expect(behaviorFor(facts({ behaviors }), path)?.pathPattern).toBe(pattern)
})
