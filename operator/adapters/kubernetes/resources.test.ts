import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { loadAll } from 'js-yaml'
import type { ModelRelease } from '../../api/release.ts'
import type { StoredRevision } from '../../planner/model/observation.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { leaseStore } from '../../controller/leader-lease.ts'
import { FakeApiServer } from '../../test/fakes/api-server.ts'
import { createClaims } from './claims.ts'
import {
  CLUSTER_WIDE,
  OPTED_IN,
  OWN_NAMESPACE,
  pathOf,
  PODS,
  resourceText,
  type Resource,
} from './resources.ts'
import { createServicePointer } from './service-pointer.ts'
import { createCluster } from './cluster.ts'

interface Role {
  kind: string
  metadata: { name: string }
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[]
}

/** `create deployments.apps`, sorted and each once. */
function declared(resources: readonly Resource[]): string[] {
  return sorted(resources.flatMap((one) => one.verbs.map((verb) => `${verb} ${resourceText(one)}`)))
}

function granted({ rules }: Role): string[] {
  return sorted(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const [plural = '', subresource] = resource.split('/')
          const text = resourceText({
            group,
            version: '',
            plural,
            verbs: [],
            ...(subresource ? { subresource } : {}),
          })
          return verbs.map((verb) => `${verb} ${text}`)
        }),
      ),
    ),
  )
}

function sorted(texts: string[]): string[] {
  return [...new Set(texts)].toSorted()
}

describe('the manifest grants exactly what is declared', () => {
  let roles: Role[]
  beforeAll(async () => {
    const files = ['cluster-role', 'role'].map((name) =>
      readFile(new URL(`../../../manifests/base/${name}.yaml`, import.meta.url), 'utf8'),
    )
    roles = (await Promise.all(files)).flatMap((text) => loadAll(text) as Role[])
  })

  test.each([
    ['ClusterRole', CLUSTER_WIDE],
    ['Role', OWN_NAMESPACE],
  ])('%s', (kind, resources) => {
    const role = roles.find((one) => one.kind === kind && one.metadata.name === 'modelrelease-operator')
    expect(role && granted(role)).toEqual(declared(resources))
  })
})

test('what is opted into is granted by name, in a namespace, and by nothing else', async () => {
  const text = await readFile(new URL('../../../manifests/credentials-role.yaml', import.meta.url), 'utf8')
  const [role, binding] = loadAll(text) as [Role & { rules: { resourceNames?: string[] }[] }, Role]
  expect(role.kind).toBe('Role')
  expect(granted(role)).toEqual(declared(OPTED_IN))
  // resourceNames hold for no list and no watch: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
  for (const { resourceNames = [], verbs } of role.rules) {
    expect(resourceNames.length).toBeGreaterThan(0)
    expect(verbs).toEqual(['get'])
  }
  const kustomization = await readFile(
    new URL('../../../manifests/base/kustomization.yaml', import.meta.url),
    'utf8',
  )
  expect(kustomization).not.toContain('credentials-role')
  expect(binding).toMatchObject({ kind: 'RoleBinding', roleRef: { kind: 'Role', name: role.metadata.name } })
})

describe('the code does exactly what is declared', () => {
  const server = new FakeApiServer()
  let access: ApiClient
  beforeAll(async () => {
    access = new ApiClient(await server.listen())
  })
  afterAll(async () => {
    access.close()
    await server.close()
  })

  test('every verb is used, and no other', async () => {
    await useEverything(access, server)
    const watched = ['list', 'watch'].flatMap((verb) =>
      ['modelreleases.modelrelease.io', 'deployments.apps', 'pods', 'services'].map(
        (one) => `${verb} ${one}`,
      ),
    )
    const used = sorted([...server.seen.map((seen) => seen.access), ...watched])
    expect(used).toEqual(declared([...CLUSTER_WIDE, ...OWN_NAMESPACE, ...OPTED_IN]))
  })

  test('a verb that is not declared is refused before it is sent', async () => {
    const { Requests } = await import('./requests.ts')
    const read = new Requests(access).get(PODS, { namespace: 'models', name: 'one' })
    await expect(read).rejects.toThrow('get pods is not declared in cluster-resources.ts')
  })
})

test('names and queries are escaped in paths', () => {
  expect(pathOf(PODS, { namespace: 'a/b', name: 'c?d' }, { labelSelector: 'x in (y,z)' })).toBe(
    '/api/v1/namespaces/a%2Fb/pods/c%3Fd?labelSelector=x+in+%28y%2Cz%29',
  )
})

/** Each port method once, on the paths that differ in their requests. */
async function useEverything(access: ApiClient, server: FakeApiServer): Promise<void> {
  const release: ModelRelease = {
    metadata: { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 1, resourceVersion: '1' },
    spec: {
      replicas: 1,
      port: 8080,
      traffic: { type: 'Service' },
      retireAfterSeconds: 0,
      failedCandidateRetentionSeconds: 0,
      minReadySeconds: 0,
      liveFailurePolicy: 'Tell',
      progressDeadlineSeconds: 600,
    },
  }
  server.put('/api/v1/namespaces/models/secrets', { metadata: { name: 'token' }, data: { token: 'eA==' } })
  const headers = [{ name: 'authorization', valueFrom: { secretKeyRef: { name: 'token', key: 'token' } } }]
  const smoke = {
    request: { method: 'GET', path: '/', headers },
    expect: { status: 200 },
    consecutive: 1,
    timeoutSeconds: 1,
  } as const
  const stored: StoredRevision = {
    attempt: 'abc-1',
    revision: 'abc',
    generation: 1,
    // Its pods read the digest of their model from a ConfigMap.
    template: {
      spec: {
        containers: [
          { env: [{ name: 'MODEL_SHA256', valueFrom: { configMapKeyRef: { name: 'housing-abc-digest' } } }] },
        ],
      },
    },
    port: 8080,
    gates: [{ name: 'known', smoke: { ...smoke, request: { ...smoke.request, headers } } }],
    identity: 'None',
  }
  const cluster = createCluster({ transport: access, log: { warn: fail }, now: () => 0 })
  server.put('/apis/modelrelease.io/v1alpha1/namespaces/models/modelreleases', { ...release })
  const read = (await cluster.release({ namespace: 'models', name: 'housing' })) ?? release
  await cluster.writeStatus(read, {})
  await cluster.storeRevision(read, { type: 'StoreRevision', stored })
  const color = 'blue'
  await cluster.createWorkload(read, {
    type: 'CreateWorkload',
    color,
    stored,
    replicas: 1,
    ownership: 'Free',
  })
  const service = {
    type: 'ApplyColorService',
    color,
    targetPort: 8080,
    origin: 'o',
    ownership: 'Free',
  } as const
  await cluster.applyColorService(read, service)
  await cluster.applyBudget(read, { type: 'ApplyBudget', color, ownership: 'Free' })
  await cluster.applyBudget(read, { type: 'ApplyBudget', color, ownership: 'Owned' })
  await cluster.removeBudget(read, { type: 'RemoveBudget', color })
  await cluster.setOwnership(read, { type: 'SetOwnership', color, of: 'Deployment', ownership: 'Owned' })
  const { workload } = (await cluster.colors(read)).blue
  const { uid = '', resourceVersion = '' } = workload ?? {}
  await cluster.removeWorkload(read, { type: 'RemoveWorkload', color, uid, resourceVersion })
  await cluster.revisions(read)
  await cluster.pinDigest(read, { type: 'PinDigest', revision: 'abc', digest: 'ff', ownership: 'Owned' })
  await cluster.config(read, ['web'])
  await cluster.setOwnership(read, {
    type: 'SetOwnership',
    of: 'Revision',
    attempt: 'abc-1',
    ownership: 'Free',
  })
  await cluster.forgetRevision(read, { type: 'ForgetRevision', attempt: 'abc-1', pinOf: 'abc' })
  const labels = {
    'modelrelease.io/name': 'housing',
    'modelrelease.io/color': color,
    'modelrelease.io/revision': 'abc',
  }
  server.put('/api/v1/namespaces/models/pods', {
    metadata: { name: 'one', labels },
    spec: { containers: [{ name: 'server' }] },
  })
  await cluster.logs(read, { type: 'CollectLogs', color, revision: 'abc' })
  const happening = { type: 'Normal', reason: 'Told', message: 'twice' } as const
  await cluster.record(read, happening)
  await cluster.record(read, happening)
  const pointer = createServicePointer(access)
  await pointer.move(read, {
    type: 'MovePointer',
    to: color,
    names: color,
    token: 'absent',
    targetPort: 8080,
  })
  const reading = await pointer.read(read)
  const token = reading.type === 'Read' ? reading.token : ''
  await pointer.move(read, { type: 'MovePointer', to: 'green', names: 'green', token, targetPort: 8080 })
  await useLeases(access, read)
}

/** A claim is taken from a release that is gone and swept when nobody has it, and the leader takes its own lease. */
async function useLeases(access: ApiClient, release: ModelRelease): Promise<void> {
  const cloudFrontDistribution = { distributionId: 'E123456', behaviors: [{ pathPattern: '*' }] }
  const traffic = {
    type: 'CloudFrontDistribution',
    cloudFrontDistribution,
  } as ModelRelease['spec']['traffic']
  const claims = createClaims(access, 'modelrelease-system')
  for (const uid of ['gone', release.metadata.uid]) {
    const claimant = { metadata: { ...release.metadata, uid }, spec: { ...release.spec, traffic } }
    await claims.take(claimant)
  }
  await claims.sweep?.()
  await leaseStore(access, 'modelrelease-system', 'leader').read()
}

function fail(data: object): void {
  throw new Error(JSON.stringify(data))
}
