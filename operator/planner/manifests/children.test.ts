import { describe, expect, test } from '@jest/globals'
import type { Spec } from '../../api/release.ts'
import { housing, housingBehindService } from '../../test/fakes/simulated-world.ts'
import { releaseOf, storedOf } from '../../test/fakes/worlds.ts'
import {
  colorServiceOf,
  deploymentOf,
  digestPinOf,
  pinReadBy,
  pointerServiceOf,
  renderRevision,
  storedRevisionOf,
} from './children.ts'
import { without } from '../state/persisted-state.ts'

const DEFAULTS = { serverImage: 'model-server:1' }
const spec = housing(1)
const model = spec.model ?? { name: '', version: '', uri: '' }

type Env = { name: string; value?: string }[]
interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> }
  spec: {
    containers: { name: string; image: string; env: Env; securityContext?: object }[]
    [field: string]: unknown
  }
}

function deployment(of: Spec): ReturnType<typeof deploymentOf> {
  const release = releaseOf(of)
  const stored = storedOf(release.spec, DEFAULTS, release)
  return deploymentOf({ release, color: 'blue', stored, replicas: 3, ownership: 'Free' })
}

function podsOf(of: Spec): PodTemplate {
  return (deployment(of).spec as { template: PodTemplate }).template
}

function envOf(of: Spec): Record<string, string | undefined> {
  const [container] = podsOf(of).spec.containers
  return Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]))
}

describe('the Deployment of a model', () => {
  test('tells the server its model, its port and who it is', () => {
    const sha256 = 'a'.repeat(64)
    expect(envOf({ ...spec, port: 9000, model: { ...model, sha256 } })).toMatchObject({
      PORT: '9000',
      OPS_PORT: '9001',
      MODEL_URI: model.uri,
      MODEL_SHA256: sha256,
      MODELRELEASE_NAME: 'housing',
      MODELRELEASE_COLOR: 'blue',
    })
  })

  test('has its pods read the digest that was proven where the spec gives none, and its ConfigMap once there is one', () => {
    const open = { ...spec, model: without(model, 'sha256') }
    const release = releaseOf(open)
    const stored = storedOf(open, DEFAULTS, release)
    const [container] = podsOf(open).spec.containers
    const name = `housing-${stored.revision}-digest`
    expect(container?.env).toContainEqual({
      name: 'MODEL_SHA256',
      valueFrom: { configMapKeyRef: { name, key: 'sha256', optional: true } },
    })
    expect(pinReadBy(stored.template)).toBe(name)
    expect(pinReadBy(storedOf(spec).template)).toBeUndefined()
    const pin = digestPinOf(release, { revision: stored.revision, digest: 'ff', ownership: 'Owned' })
    expect(pin).toMatchObject({ immutable: true, data: { sha256: 'ff' }, metadata: { name } })
    expect(pin.metadata.ownerReferences).toHaveLength(1)
  })

  test('has metrics on the port beside the one that a distribution reaches', () => {
    expect(podsOf({ ...spec, port: 9000 }).spec.containers[0]).toMatchObject({
      ports: [
        { name: 'http', containerPort: 9000 },
        { name: 'ops', containerPort: 9001 },
      ],
    })
    expect(envOf({ ...spec, port: 65_535 })).toMatchObject({ OPS_PORT: '65534' })
    expect(podsOf(spec).spec.containers[0]).toMatchObject({
      readinessProbe: { httpGet: { port: 8081 } },
      livenessProbe: { httpGet: { port: 8081 } },
    })
  })

  test('answers under a prefix that a behavior forwards', () => {
    expect(envOf({ ...spec, model: { ...model, basePath: '/housing' } })).toMatchObject({
      BASE_PATH: '/housing',
    })
    expect(envOf(spec)).not.toHaveProperty('BASE_PATH')
  })

  test('is hardened', () => {
    const { spec: pod } = podsOf(spec)
    expect(pod.containers[0]?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
  })

  test('takes the image of the spec before that of the operator', () => {
    expect(podsOf(spec).spec.containers[0]?.image).toBe('model-server:1')
    const own = { ...spec, model: { ...model, serverImage: 'own:2' } }
    expect(podsOf(own).spec.containers[0]?.image).toBe('own:2')
  })

  test('takes no serving pod away for an edit of somebody', () => {
    expect(deployment(spec).spec).toMatchObject({
      replicas: 3,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels: { 'modelrelease.io/name': 'housing', 'modelrelease.io/color': 'blue' } },
    })
  })
})

describe('the Deployment of a template', () => {
  const template = {
    metadata: { labels: { app: 'web', 'modelrelease.io/color': 'green' }, annotations: { note: 'kept' } },
    spec: {
      containers: [{ name: 'web', image: 'web:1', env: [{ name: 'MODELRELEASE_COLOR', value: 'mine' }] }],
      hostNetwork: false,
    },
  }
  const of = { ...without(housingBehindService(1), 'model'), template }

  test('keeps what the user wrote, even under our names', () => {
    expect(envOf(of)).toMatchObject({ MODELRELEASE_COLOR: 'mine', MODELRELEASE_NAME: 'housing' })
    expect(podsOf(of)).toMatchObject({
      metadata: { annotations: { note: 'kept' } },
      spec: { hostNetwork: false },
    })
  })

  test('has our labels whatever the user wrote, since they decide who is asked', () => {
    expect(podsOf(of).metadata.labels).toMatchObject({ app: 'web', 'modelrelease.io/color': 'blue' })
  })
})

test('a revision that was stored before is rendered as it was, with new gates only', () => {
  const before = { ...storedOf(spec, DEFAULTS), template: { kept: true } }
  const again = renderRevision(
    releaseOf({ ...spec, gates: [] }),
    { id: 'another', revision: before.revision },
    before,
    { serverImage: 'newer:2' },
  )
  expect(again).toMatchObject({ template: { kept: true }, gates: [] })
  expect(again.attempt).not.toBe(before.attempt)
})

test('Services forward port 80 to the port of the pods that they select', () => {
  const release = releaseOf(housingBehindService(1))
  const service = colorServiceOf({
    release,
    color: 'green',
    targetPort: 9000,
    origin: 'Service/green',
    ownership: 'Owned',
  })
  const ports = [{ port: 80, targetPort: 9000 }]
  const selector = { 'modelrelease.io/color': 'green' }
  expect(service).toMatchObject({
    metadata: {
      annotations: { 'modelrelease.io/origin': 'Service/green' },
      ownerReferences: [{ uid: 'uid-1' }],
    },
    spec: { type: 'ClusterIP', ports, selector },
  })
  expect(pointerServiceOf(release, 'green', 9000)).toMatchObject({
    metadata: { name: 'housing' },
    spec: { ports, selector },
  })
})

test.each<[string, Spec, boolean]>([
  ['Retain', spec, false],
  ['Delete', housingBehindService(1), true],
])('with %s a stored revision has an owner: %s', (_policy, of, owned) => {
  const release = releaseOf(of)
  const { metadata } = storedRevisionOf(release, storedOf(release.spec, DEFAULTS, release))
  expect(metadata.ownerReferences !== undefined).toBe(owned)
})
