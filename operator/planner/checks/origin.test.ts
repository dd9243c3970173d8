import { describe, expect, test } from '@jest/globals'
import type { Distribution, Spec } from '../../api/release.ts'
import { housing } from '../../test/fakes/simulated-world.ts'
import { factsOf, pointingAt } from '../../test/fakes/worlds.ts'
import type { BehaviorFacts, DistributionFacts, OriginFacts } from '../model/distribution.ts'
import { originTarget, unprovableOrigins } from './origin.ts'
import type { PointerReading, Target } from '../model/observation.ts'

const ALL_VIEWER = '216adef6-5c7f-47e4-b989-5492eafa07d3'
const ALL_VIEWER_EXCEPT_HOST = 'b689b0a8-53d0-40ab-baf2-68738e2966ac'

function settings(changes: Partial<Distribution> = {}): Distribution {
  const usual = housing(1).traffic.cloudFrontDistribution
  if (!usual) throw new Error('the housing release has a distribution')
  return { ...usual, ...changes }
}

function spec(changes: Partial<Distribution> = {}): Spec {
  return {
    ...housing(1),
    traffic: { type: 'CloudFrontDistribution', cloudFrontDistribution: settings(changes) },
  }
}

function reading(origin: Partial<OriginFacts> = {}, behavior: Partial<BehaviorFacts> = {}): PointerReading {
  const usual = factsOf()
  const distribution: DistributionFacts = {
    ...usual,
    origins: usual.origins.map((one) => ({ ...one, ...origin })),
    behaviors: usual.behaviors.map((one) => ({ ...one, ...behavior })),
  }
  return { ...pointingAt('housing-blue'), distribution }
}

const verify = settings().verify
const secret = { name: 'x-origin-secret', value: 's3cret' }

describe('a color is asked as CloudFront asks it', () => {
  test.each<[string, Target | undefined, Partial<Target>]>([
    [
      'by its name and port',
      originTarget(spec(), reading({ httpPort: 8080 }), 'green'),
      {
        name: 'origin housing-green',
        origin: 'http://green.models.example.com:8080',
        through: 'LoadBalancer',
      },
    ],
    [
      'by TLS, path and headers',
      originTarget(
        spec(),
        reading({ protocol: 'https-only', httpsPort: 8443, path: '/api', headers: [secret] }),
        'blue',
      ),
      { origin: 'https://blue.models.example.com:8443', path: '/api', headers: [secret] },
    ],
    [
      'as users come, over TLS',
      originTarget(spec(), reading({ protocol: 'match-viewer' }), 'blue'),
      { origin: 'https://blue.models.example.com:443' },
    ],
    [
      'as users come, in the clear',
      originTarget(
        spec({ verify: { ...verify, url: 'http://models.example.com/' } }),
        reading({ protocol: 'match-viewer' }),
        'blue',
      ),
      { origin: 'http://blue.models.example.com:80' },
    ],
    [
      'under the name that users ask for, where that is forwarded',
      originTarget(spec(), reading({ headers: [secret] }, { requestPolicyId: ALL_VIEWER }), 'blue'),
      { headers: [{ name: 'host', value: 'models.example.com' }, secret] },
    ],
    [
      'under the name that the verification sends',
      originTarget(
        spec({ verify: { ...verify, headers: [{ name: 'Host', value: 'other.example.com' }] } }),
        reading({}, { forwardedHeaders: ['Accept', 'host'] }),
        'blue',
      ),
      { headers: [{ name: 'host', value: 'other.example.com' }] },
    ],
    [
      'under its own name, where only the rest is forwarded',
      originTarget(spec(), reading({}, { requestPolicyId: ALL_VIEWER_EXCEPT_HOST }), 'blue'),
      { headers: [] },
    ],
    [
      'under its own name, where nothing says what users ask for',
      originTarget(
        spec({ verify: { type: 'DeployedOnly', method: 'GET', consecutive: 1 } }),
        reading({}, { forwardedHeaders: ['*'] }),
        'blue',
      ),
      { headers: [] },
    ],
  ])('%s', (_, target, expected) => {
    expect(target).toMatchObject(expected)
  })

  test.each<[string, Target | undefined]>([
    ['that is waived', originTarget(spec({ originProof: 'Waived' }), reading(), 'blue')],
    ['the distribution is not known', originTarget(spec(), pointingAt('housing-blue'), 'blue')],
    [
      'the pointer is a Service',
      originTarget({ ...spec(), traffic: { type: 'Service' } }, reading(), 'blue'),
    ],
  ])('but not where %s', (_, target) => {
    expect(target).toBeUndefined()
  })
})

describe('what cannot be asked', () => {
  const [blue, green] = factsOf().origins as [OriginFacts, OriginFacts]
  const field = 'spec.traffic.cloudFrontDistribution'
  const written = (changes: Partial<Distribution> = {}): Distribution & { field: string } => ({
    ...settings(changes),
    field,
  })

  test.each<[OriginFacts['kind'], string]>([
    ['Vpc', 'originProof is Required, and "housing-green" is a VPC origin'],
    ['S3', 'originProof is Required, and "housing-green" is an S3 origin'],
  ])('is refused unless it is waived: %s', (kind, message) => {
    const origins = [blue, { ...green, kind }, { ...green, id: 'assets', kind: 'S3' as const }]
    expect(unprovableOrigins(written(), origins)).toEqual([expect.stringContaining(message)])
    expect(unprovableOrigins(written({ originProof: 'Waived' }), origins)).toEqual([])
  })
})
