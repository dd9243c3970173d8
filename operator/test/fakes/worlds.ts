/** Worlds for tables: blue and green as they stand between two releases, to be changed where a case needs it. */
import type { Color } from '../../api/names.ts'
import type { Attempt, ModelRelease, Spec, Status } from '../../api/release.ts'
import type { DistributionFacts, OriginFacts } from '../../planner/model/distribution.ts'
import { renderRevision } from '../../planner/manifests/children.ts'
import { originMark } from '../../planner/model/pointer-view.ts'
import { attemptIdOf, meaningOf, revisionOf } from '../../planner/model/revision.ts'
import type { ColorState, StoredRevision, Observation } from '../../planner/model/observation.ts'
import { housing } from './simulated-world.ts'

export const NOW = Date.parse('2026-01-01T00:00:00Z')
const DEFAULTS = { serverImage: 'model-server:1' }

export function releaseOf(spec: Spec, status?: Status): ModelRelease {
  const metadata = { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 2, resourceVersion: '1' }
  return { metadata, spec, ...(status ? { status } : {}) }
}

/** What a spec renders, as a first attempt would store it. */
export function storedOf(spec: Spec, defaults = DEFAULTS, release = releaseOf(spec)): StoredRevision {
  return renderRevision(release, { id: attemptIdOf(spec), revision: revisionOf(spec) }, undefined, defaults)
}

/** A color that holds a spec's revision, every pod ready. */
export function holding(spec: Spec, color: Color, ready: 'Yes' | 'No' = 'Yes'): ColorState {
  const revision = revisionOf(spec)
  return {
    workload: {
      uid: `uid-${color}`,
      resourceVersion: '1',
      revision,
      replicas: spec.replicas ?? 1,
      observed: 'Yes',
      ownership: 'Free',
      leaving: 'No',
    },
    pods: Array.from({ length: spec.replicas ?? 1 }, (_, index) => ({
      name: `${color}-${index}`,
      ip: `10.0.0.${index}`,
      revision,
      ready,
    })),
    service: {
      uid: `service-${color}`,
      resourceVersion: '1',
      address: `10.1.0.${color === 'blue' ? 1 : 2}`,
      targetPort: spec.port,
      ownership: 'Free',
      origin: originMark(spec, color),
    },
    // What is about something else need not wait for them.
    budgetsUnknown: '',
  }
}

export function attemptAt(spec: Spec, changes: Partial<Attempt> = {}): Attempt {
  return {
    id: attemptIdOf(spec),
    revision: revisionOf(spec),
    meaning: meaningOf(spec),
    startedAt: '2025-12-31T23:59:00Z',
    deadline: '2026-01-01T00:09:00Z',
    direction: 'Forward',
    ...changes,
  }
}

const before = housing(1)
const after = housing(2)

/** Version 2 was promoted to blue; version 1 is warm in green. */
export function promotedWorld(
  changes: Partial<Observation> & { attempt?: Partial<Attempt>; status?: Status } = {},
): Observation {
  const { attempt, status, ...rest } = changes
  return {
    now: NOW,
    firstReconcile: 'No',
    release: releaseOf(after, {
      observedGeneration: 2,
      liveColor: 'blue',
      attempt: attemptAt(after, { outcome: 'Promoted', reason: 'Promoted', ...attempt }),
      traffic: { verified: revisionOf(after) },
      colors: {
        green: { revision: revisionOf(before), replicas: 2, ready: 2, idleSince: '2025-12-31T23:59:30Z' },
      },
      history: [],
      ...status,
    }),
    colors: { blue: holding(after, 'blue'), green: holding(before, 'green') },
    revisions: [before, after].map((spec) => storedOf(spec)),
    pointer: pointingAt('housing-blue'),
    claim: { type: 'Held' },
    defaults: DEFAULTS,
    ...rest,
  }
}

export function pointingAt(
  names: string,
  propagated: 'Yes' | 'No' = 'Yes',
): Extract<Observation['pointer'], { type: 'Read' }> {
  return {
    type: 'Read',
    token: 'v7',
    targets: [{ part: '*', names }],
    origins: ['housing-blue', 'housing-green'],
    propagated,
    timeoutSeconds: 30,
  }
}

/** A distribution that suits the housing release. */
export function factsOf(): DistributionFacts {
  const origin = (color: Color): OriginFacts => ({
    id: `housing-${color}`,
    kind: 'Custom',
    domainName: `${color}.models.example.com`,
    path: '',
    protocol: 'http-only',
    httpPort: 80,
    httpsPort: 443,
    headers: [],
    timeoutSeconds: 30,
  })
  return {
    origins: [origin('blue'), origin('green')],
    groups: [],
    behaviors: [
      {
        pathPattern: '*',
        target: 'housing-blue',
        methods: ['HEAD', 'DELETE', 'POST', 'GET', 'OPTIONS', 'PUT', 'PATCH'],
        caching: { policyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad' },
        forwardedHeaders: [],
      },
    ],
    errorCaching: [],
  }
}

/** The same world with another command. */
export function commanded(observation: Observation, value: string): Observation {
  const { release } = observation
  const annotations = { 'modelrelease.io/command': value }
  return { ...observation, release: { ...release, metadata: { ...release.metadata, annotations } } }
}
