/** What users apply in walks, by the words in which a walk tells it. */
import type { Distribution, KeyValueStore, Spec } from '../../../api/release.ts'
import { housing, knownHouse, type Behavior } from '../../fakes/simulated-world.ts'
import { HOST, PARTS, USER_HEADER } from './edges.ts'

/** A distribution as the emulator knows it; ids of distributions are `E` and 13 letters or digits. */
export const DISTRIBUTION = 'E1HOUSINGLOCAL'
export const KEY = 'housing'

type Changes = Partial<Spec> & {
  behavior?: Behavior
  distribution?: Partial<Distribution>
}

/** The release of the housing model through the emulator. */
export function release(version: 1 | 2 | 3, { distribution = {}, ...changes }: Changes = {}): Spec {
  const spec = housing(version, { retireAfterSeconds: 120, progressDeadlineSeconds: 30, ...changes })
  const settings = spec.traffic.cloudFrontDistribution
  if (!settings) throw new Error('the housing release has a distribution')
  const cloudFrontDistribution = {
    ...settings,
    distributionId: DISTRIBUTION,
    behaviors: PARTS.map((pathPattern) => ({ pathPattern })),
    verify: { ...settings.verify, url: `http://${HOST}/predict` },
    ...distribution,
  }
  return { ...spec, traffic: { ...spec.traffic, cloudFrontDistribution } }
}

/** The same by a key; which store has it is known when there is one. */
function byKey({ traffic, ...spec }: Spec, settings: Partial<KeyValueStore> = {}): Spec {
  const { cloudFrontDistribution } = traffic
  if (!cloudFrontDistribution) throw new Error('what a key decides is behind a distribution')
  const cloudFrontKeyValueStore = { ...cloudFrontDistribution, keyValueStoreArn: '', key: KEY, ...settings }
  return { ...spec, traffic: { type: 'CloudFrontKeyValueStore', cloudFrontKeyValueStore } }
}

const repaired: Changes['distribution'] = { driftPolicy: 'Repair', invalidationPaths: ['/ui/*'] }

export const SPECS: Record<string, Spec> = {
  'version 1': release(1),
  'version 2': release(2),
  'version 3': release(3),
  'version 2, four pods': release(2, { replicas: 4 }),
  'version 3, one pod, not kept warm': release(3, { replicas: 1, retireAfterSeconds: 0 }),
  'version 2, which answers wrong': release(2, { behavior: 'wrong' }),
  'version 3, which crashes': release(3, { behavior: 'crashing' }),
  'version 2, which answers wrong through edges': release(2, { behavior: 'broken-through-edges' }),
  'version 3, which edges cannot reach': release(3, { behavior: 'lost-through-edges' }),
  'version 1 with a gate that it fails': release(1, { gates: [knownHouse(1)] }),
  'version 2 for the default behavior only': release(2, {
    distribution: { behaviors: [{ pathPattern: '*' }] },
  }),
  'version 2, repaired': release(2, { distribution: repaired }),
  'version 3, repaired': release(3, { distribution: repaired }),
}

const canary = [
  { weight: 30, holdSeconds: 20 },
  { weight: 70, holdSeconds: 40 },
]
const inSteps = { canary, canaryClientHeader: USER_HEADER }

export const KEY_SPECS: Record<string, Spec> = {
  ...Object.fromEntries(Object.entries(SPECS).map(([name, spec]) => [name, byKey(spec)])),
  'version 1 in steps': byKey(release(1), inSteps),
  'version 2 in steps': byKey(release(2), inSteps),
  'version 3 in steps': byKey(release(3), inSteps),
  'version 2 in steps, four pods': byKey(release(2, { replicas: 4 }), inSteps),
  'version 3 in steps, repaired, not kept warm': byKey(
    release(3, { retireAfterSeconds: 0, distribution: repaired }),
    inSteps,
  ),
  'version 2 in many steps': byKey(release(2), {
    ...inSteps,
    canary: [10, 20, 30, 40, 50, 60, 70, 80, 90].map((weight) => ({ weight, holdSeconds: 5 })),
  }),
  'version 2 in steps by address': byKey(release(2), { canary }),
  'version 3 in another step': byKey(release(3), {
    ...inSteps,
    canary: [{ weight: 50, holdSeconds: 100 }],
  }),
  'version 3 in steps, which answers wrong through edges': byKey(
    release(3, { behavior: 'broken-through-edges' }),
    inSteps,
  ),
  'version 2 in steps, which edges cannot reach': byKey(
    release(2, { behavior: 'lost-through-edges' }),
    inSteps,
  ),
}

const lastGate = { gates: [{ ...knownHouse(30.72), name: 'at-last' }] }

/** What is right whatever was before; a gate of its own makes it an attempt that no failure of before stands in the way of. */
export const AT_LAST: Spec = release(1, lastGate)
export const AT_LAST_BY_KEY: Spec = byKey(AT_LAST)
