import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { LABEL, MANAGER } from '../../api/names.ts'
import type { ModelRelease, Status } from '../../api/release.ts'
import { colorServiceOf, deploymentOf, storedRevisionOf } from '../../planner/manifests/children.ts'
import { readyPods } from '../../planner/model/color.ts'
import type { StoredRevision } from '../../planner/model/observation.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { FakeApiServer, status } from '../../test/fakes/api-server.ts'
import { createCluster } from './cluster.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'
import type { Cluster } from '../../ports/ports.ts'

const MODELS = '/namespaces/models'
const RELEASES = `/apis/modelrelease.io/v1alpha1${MODELS}/modelreleases`
const DEPLOYMENTS = `/apis/apps/v1${MODELS}/deployments`
const REVISIONS = `/apis/apps/v1${MODELS}/controllerrevisions`
const SERVICES = `/api/v1${MODELS}/services`
const PODS = `/api/v1${MODELS}/pods`
const EVENTS = `/api/v1${MODELS}/events`

const release: ModelRelease = {
  metadata: { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 1, resourceVersion: '1' },
  spec: {
    replicas: 2,
    template: { spec: { containers: [{ name: 'server', image: 'x' }] } },
    port: 8080,
    traffic: { type: 'Service' },
    retireAfterSeconds: 600,
    failedCandidateRetentionSeconds: 0,
    minReadySeconds: 0,
    liveFailurePolicy: 'Tell',
    progressDeadlineSeconds: 600,
  },
}

const stored: StoredRevision = {
  attempt: 'abc-1',
  revision: 'abc',
  generation: 1,
  template: { spec: { containers: [{ name: 'server', image: 'x' }] } },
  port: 8080,
  gates: [],
  identity: 'None',
}

const create = { type: 'CreateWorkload', color: 'blue', stored, replicas: 2, ownership: 'Owned' } as const
const applyService = {
  type: 'ApplyColorService',
  color: 'blue',
  targetPort: 8080,
  origin: 'Service/blue',
  ownership: 'Owned',
} as const

const server = new FakeApiServer()
const warn = jest.fn()
let access: ApiClient
let cluster: Cluster

beforeAll(async () => {
  access = new ApiClient(await server.listen())
  cluster = createCluster({ transport: access, log: { warn }, now: () => Date.UTC(2026, 10, 1) })
})

afterAll(async () => {
  access.close()
  await server.close()
})

beforeEach(() => {
  server.reset()
  warn.mockReset()
})

/** The Deployment as it would stand after `createWorkload`, changed by somebody. */
function putDeployment(change: Record<string, unknown> = {}): { uid: string; resourceVersion: string } {
  return server.put(DEPLOYMENTS, { ...deploymentOf({ release, ...create }), ...change }).metadata
}

function pod(name: string, color: string): Record<string, unknown> {
  const labels = { [LABEL.name]: 'housing', [LABEL.color]: color, [LABEL.revision]: 'abc' }
  const status = { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] }
  return {
    metadata: { name, namespace: 'models', labels },
    spec: { containers: [{ name: 'server' }] },
    status,
  }
}

describe('reading', () => {
  test('a release that is gone is undefined', async () => {
    await expect(cluster.release({ namespace: 'models', name: 'housing' })).resolves.toBeUndefined()
  })

  test('an empty namespace has two empty colors', async () => {
    await expect(cluster.colors(release)).resolves.toEqual({ blue: { pods: [] }, green: { pods: [] } })
  })

  test('ConfigMaps are hashes by key; what cannot be read is left out, and what is not there is said', async () => {
    const maps = '/api/v1/namespaces/models/configmaps'
    const put = (name: string, data: object): unknown =>
      server.put(maps, { metadata: { name, namespace: 'models' }, ...data })
    put('web', { data: { V: 'no business of ours' }, binaryData: { B: 'AAEC' } })
    put('same', { data: { W: 'no business of ours' } })
    put('empty', {})
    server.refuse = ({ path }) =>
      path.endsWith('/forbidden')
        ? status(403, 'Forbidden', 'no')
        : path.endsWith('/busy')
          ? status(500, 'x', 'y')
          : undefined
    const read = await cluster.config(release, ['web', 'same', 'empty', 'gone', 'forbidden', 'busy'])
    expect(Object.keys(read)).toEqual(['web', 'same', 'empty', 'gone'])
    expect(read).toMatchObject({
      web: { V: expect.any(String), B: expect.any(String) },
      empty: {},
      gone: 'Absent',
    })
    expect((read.web as Record<string, string>).V).toBe((read.same as Record<string, string>).W)
    expect(JSON.stringify(read)).not.toContain('business')
  })

  describe('pods that are older than the Deployment of their color', () => {
    const TEN = '2026-01-01T10:00:00Z'
    const NINE = '2026-01-01T09:00:00Z'

    function putOlder(status: Record<string, unknown>, names: string[], leaving: string[] = []): void {
      const made = deploymentOf({ release, ...create }) as { metadata: object }
      putDeployment({ metadata: { ...made.metadata, creationTimestamp: TEN, generation: 1 }, status })
      for (const name of [...names, ...leaving]) {
        const { metadata, ...rest } = pod(name, 'blue') as { metadata: object }
        const deletionTimestamp = leaving.includes(name) ? { deletionTimestamp: TEN } : {}
        server.put(PODS, {
          ...rest,
          metadata: { ...metadata, creationTimestamp: NINE, ...deletionTimestamp },
        })
      }
    }

    const cases: Record<
      string,
      { status: Record<string, unknown>; pods: string[]; leaving?: string[]; former: number }
    > = {
      'are its own where it has taken them over': {
        status: { observedGeneration: 1, replicas: 2 },
        pods: ['a', 'b'],
        former: 0,
      },
      'are its own beside those of before that have begun to end': {
        status: { observedGeneration: 1, replicas: 2 },
        pods: ['a', 'b'],
        leaving: ['c'],
        former: 0,
      },
      'go with the one before while it counts fewer than there are': {
        status: { observedGeneration: 1, replicas: 1 },
        pods: ['a', 'b'],
        former: 2,
      },
      'go with the one before until its controller has seen it': {
        status: {},
        pods: ['a'],
        former: 1,
      },
      'go with the one before where its controller has seen an older spec': {
        status: { observedGeneration: 0, replicas: 2 },
        pods: ['a', 'b'],
        former: 2,
      },
    }

    test.each(Object.entries(cases))('%s', async (_name, { status: counted, pods, leaving = [], former }) => {
      putOlder(counted, pods, leaving)
      const { blue } = await cluster.colors(release)
      expect(blue.pods.filter((one) => one.former && one.ready !== 'Terminating')).toHaveLength(former)
      expect(readyPods(blue)).toHaveLength(pods.length - former)
    })

    test('are counted after the Deployment was read', async () => {
      putOlder({ observedGeneration: 1, replicas: 1 }, ['a'])
      // Its own pod is made between the two reads.
      let reads = 0
      server.refuse = ({ path }) => {
        if (path !== PODS) return undefined
        reads += 1
        const { metadata, ...rest } = pod('b', 'blue') as { metadata: object }
        if (reads === 2) server.put(PODS, { ...rest, metadata: { ...metadata, creationTimestamp: TEN } })
        return undefined
      }
      const { blue } = await cluster.colors(release)
      expect(blue.pods.map(({ name, former }) => [name, former])).toEqual([
        ['a', 'Yes'],
        ['b', undefined],
      ])
    })
  })

  test('both colors are put together from what stands under our names', async () => {
    putDeployment()
    await cluster.applyColorService(release, applyService)
    server.put(PODS, pod('blue-1', 'blue'))
    server.put(PODS, pod('green-1', 'green'))
    const { blue, green } = await cluster.colors(release)
    expect(blue).toMatchObject({
      workload: { revision: 'abc', replicas: 2, ownership: 'Owned' },
      pods: [{ name: 'blue-1', ready: 'Yes' }],
      service: { targetPort: 8080, origin: 'Service/blue' },
    })
    expect(green).toEqual({ pods: [expect.objectContaining({ name: 'green-1' })] })
  })

  test('pods on every page of a long list are seen, pods of other releases are not', async () => {
    for (let i = 0; i < 7; i += 1) server.put(PODS, pod(`blue-${i}`, 'blue'))
    const other = pod('other', 'blue') as { metadata: { labels: Record<string, string> } }
    other.metadata.labels[LABEL.name] = 'other'
    server.put(PODS, other)
    server.pageSize = 3
    const { blue } = await cluster.colors(release)
    expect(blue.pods.map((one) => one.name)).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `blue-${i}`))
  })

  test('a list whose page expired is looked at again', async () => {
    server.refuse = (seen) => (seen.path === PODS ? status(410, 'Expired', 'too old') : undefined)
    await expect(cluster.colors(release)).rejects.toThrow(ConflictError)
  })

  test('an API server that does not answer is transient', async () => {
    server.refuse = () => status(503, 'ServiceUnavailable', 'etcd leader changed')
    await expect(cluster.revisions(release)).rejects.toThrow(TransientError)
  })
})

describe('storing a revision', () => {
  const store = { type: 'StoreRevision', stored } as const

  test('has every child checked before anything is stored', async () => {
    await cluster.storeRevision(release, store)
    const writes = server.seen.map((seen) => `${seen.access} ${seen.query.get('dryRun') ?? ''}`.trim())
    expect(writes).toEqual([
      'create deployments.apps All',
      'create services All',
      'create controllerrevisions.apps',
    ])
    await expect(cluster.revisions(release)).resolves.toEqual([
      { ...stored, kept: expect.objectContaining({ form: 'Canonical', ownership: 'Owned' }) },
    ])
  })

  test('is checked under names that the API server takes for a release as long as its colors let it be', async () => {
    // https://kubernetes.io/docs/concepts/overview/working-with-objects/names/: a Service's is a DNS label, the others' are subdomains.
    server.refuse = ({ method, path, body }) => {
      const { name } = (body as { metadata?: { name?: string } }).metadata ?? {}
      if (method !== 'POST' || (name ?? '').length <= (path === SERVICES ? 63 : 253)) return undefined
      return status(422, 'Invalid', 'must be no more than 63 characters', [
        { field: 'metadata.name', message: 'must be no more than 63 characters' },
      ])
    }
    const named = (length: number): ModelRelease => ({
      ...release,
      metadata: { ...release.metadata, name: 'h'.repeat(length) },
    })
    const storing = { ...store, stored: { ...stored, attempt: '5f3c0a1b2c-9d8e7f6a' } }
    for (const length of [43, 44, 57]) {
      await cluster.storeRevision(named(length), storing)
      await cluster.applyColorService(named(length), { ...applyService, color: 'green' })
    }
    await expect(cluster.storeRevision(named(58), storing)).rejects.toThrow(
      /^metadata\.name: must be no more than 63 characters/,
    )
  })

  test('is found whatever a policy has made of managed-by', async () => {
    server.admit = (object) => ({
      ...object,
      metadata: {
        ...(object.metadata as object),
        labels: { [LABEL.name]: 'housing', [LABEL.managedBy]: 'Helm' },
      },
    })
    await cluster.storeRevision(release, store)
    await expect(cluster.revisions(release)).resolves.toHaveLength(1)
  })

  test('is refused with the field of the spec, and nothing stands afterwards', async () => {
    const causes = [{ field: 'spec.template.spec.containers[0].image', message: 'Required value' }]
    server.refuse = (seen) =>
      seen.path === DEPLOYMENTS ? status(422, 'Invalid', 'is invalid', causes) : undefined
    const refusal = cluster.storeRevision(release, store)
    await expect(refusal).rejects.toMatchObject({ name: 'RefusedError', reason: 'InvalidSpec' })
    await expect(refusal).rejects.toThrow('spec.template.spec.containers[0].image: Required value')
    expect(server.seen).toHaveLength(1)
  })

  test('is refused when the API server drops a field that it does not know', async () => {
    const misspelt = {
      spec: { containers: [{ name: 'server', image: 'x', readinesProbe: { tcpSocket: {} } }] },
    }
    server.admit = (object) => {
      const text = JSON.stringify(object)
      return JSON.parse(text.replace(/"readinesProbe":\{[^}]*\}\}/, '"stdin":true')) as typeof object
    }
    const refusal = cluster.storeRevision(release, {
      type: 'StoreRevision',
      stored: { ...stored, template: misspelt },
    })
    await expect(refusal).rejects.toThrow(
      /^spec\.template\.spec\.containers\[0\]\.readinesProbe: the API server does/,
    )
    expect(server.at(`${REVISIONS}/housing-abc-1`)).toBeUndefined()
  })

  test.each(['blue', 'green'] as const)('finds a dropped field whichever color stands: %s', async (color) => {
    server.put(DEPLOYMENTS, { ...deploymentOf({ release, ...create, color }) })
    server.put(SERVICES, { ...colorServiceOf({ release, ...applyService, color }) })
    await cluster.storeRevision(release, store)
    expect(server.at(`${REVISIONS}/housing-abc-1`)).toBeDefined()
    server.admit = (object) =>
      JSON.parse(JSON.stringify(object).replace('"imag":"x"', '"tty":true')) as typeof object
    const template = { spec: { containers: [{ name: 'server', imag: 'x' }] } }
    const misspelt = { ...stored, attempt: 'def-1', template }
    await expect(cluster.storeRevision(release, { type: 'StoreRevision', stored: misspelt })).rejects.toThrow(
      /containers\[0\]\.imag: the API server does/,
    )
  })

  test('is not refused for a quota that counts what is to be replaced', async () => {
    server.refuse = ({ query }) =>
      query.has('dryRun')
        ? status(403, 'Forbidden', 'deployments.apps "x" is forbidden: exceeded quota: counts, requested: 1')
        : undefined
    await cluster.storeRevision(release, store)
    expect(server.at(`${REVISIONS}/housing-abc-1`)).toBeDefined()
  })

  test('succeeds a second time after a crash before the report', async () => {
    await cluster.storeRevision(release, store)
    await cluster.storeRevision(release, store)
    await expect(cluster.revisions(release)).resolves.toHaveLength(1)
  })

  describe('in the order in which an earlier version made it', () => {
    const renew = { type: 'RenewRevision', attempt: 'abc-1', ownership: 'Free' } as const
    const path = `${REVISIONS}/housing-abc-1`

    beforeEach(() => {
      const { attempt, revision, ...rest } = stored
      server.put(REVISIONS, { ...storedRevisionOf(release, stored), data: { attempt, revision, ...rest } })
    })

    test('is stored anew before the old one goes, and forgotten as any other', async () => {
      await cluster.renewRevision(release, renew)
      const [one, ...others] = await cluster.revisions(release)
      expect(others).toEqual([])
      expect(one).toEqual({
        ...stored,
        kept: expect.objectContaining({ form: 'Canonical', ownership: 'Free' }),
      })
      expect(server.seen.filter(({ method }) => method !== 'GET').map(({ access }) => access)).toEqual([
        'create controllerrevisions.apps',
        'delete controllerrevisions.apps',
      ])
      await cluster.renewRevision(release, renew)
      await expect(cluster.revisions(release)).resolves.toHaveLength(1)
      await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt: 'abc-1' })
      await expect(cluster.revisions(release)).resolves.toEqual([])
    })

    test('stays where the new one cannot be written, and is gone on with after a crash', async () => {
      server.refuse = ({ method }) =>
        method === 'POST' ? status(503, 'ServiceUnavailable', 'no') : undefined
      await expect(cluster.renewRevision(release, renew)).rejects.toThrow(TransientError)
      expect(server.at(path)).toBeDefined()
      server.refuse = ({ method }) =>
        method === 'DELETE' ? status(503, 'ServiceUnavailable', 'no') : undefined
      await expect(cluster.renewRevision(release, renew)).rejects.toThrow(TransientError)
      await expect(cluster.revisions(release)).resolves.toHaveLength(2)
      server.refuse = () => undefined
      await cluster.renewRevision(release, renew)
      await expect(cluster.revisions(release)).resolves.toHaveLength(1)
    })
  })

  test('changes its owner with the others', async () => {
    await cluster.storeRevision(release, store)
    const own = { type: 'SetOwnership', of: 'Revision', attempt: 'abc-1' } as const
    await cluster.setOwnership(release, { ...own, ownership: 'Free' })
    expect(server.at(`${REVISIONS}/housing-abc-1`)).toMatchObject({ metadata: { ownerReferences: [] } })
    await cluster.setOwnership(release, { ...own, ownership: 'Owned' })
    expect(server.at(`${REVISIONS}/housing-abc-1`)).toMatchObject({
      metadata: { ownerReferences: [{ uid: 'uid-1' }] },
    })
  })

  test('is forgotten once, and as good when it is gone already', async () => {
    await cluster.storeRevision(release, store)
    await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt: 'abc-1' })
    await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt: 'abc-1' })
    await expect(cluster.revisions(release)).resolves.toEqual([])
  })

  test('never forgets a ControllerRevision of somebody else', async () => {
    server.put(REVISIONS, { ...storedRevisionOf(release, stored), metadata: { name: 'housing-abc-1' } })
    await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt: 'abc-1' })
    expect(server.at(`${REVISIONS}/housing-abc-1`)).toBeDefined()
  })
})

describe('a workload', () => {
  test('is created once, also after a crash before the report', async () => {
    await cluster.createWorkload(release, create)
    await cluster.createWorkload(release, create)
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)).toMatchObject({ spec: { replicas: 2 } })
  })

  test('of another revision in the color is a conflict', async () => {
    putDeployment()
    const next = { ...create, stored: { ...stored, revision: 'def' } }
    await expect(cluster.createWorkload(release, next)).rejects.toThrow(ConflictError)
  })

  test('that is on its way out is a conflict', async () => {
    const { metadata } = deploymentOf({ release, ...create })
    putDeployment({ metadata: { ...metadata, deletionTimestamp: '2026-11-01T00:00:00Z' } })
    await expect(cluster.createWorkload(release, create)).rejects.toThrow(ConflictError)
  })

  test('under whose name stands somebody else’s is refused with the remedy, and that one stays', async () => {
    const labels = { app: 'theirs' }
    server.put(DEPLOYMENTS, { metadata: { name: 'housing-blue', namespace: 'models', labels }, spec: {} })
    const refusal = cluster.createWorkload(release, create)
    await expect(refusal).rejects.toMatchObject({ reason: 'InvalidSpec' })
    await expect(refusal).rejects.toThrow(
      /deployments.apps models\/housing-blue stands already.*modelrelease.io\/revision=abc.*freed the name/,
    )
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)?.metadata.labels).toEqual(labels)
  })

  test('whose labels and strategy somebody changed is put back', async () => {
    const { metadata, spec } = deploymentOf({ release, ...create })
    const labels = { team: 'a' }
    const edited = { metadata: { ...metadata, labels }, spec: { ...spec, strategy: { type: 'Recreate' } } }
    const { resourceVersion } = server.put(DEPLOYMENTS, edited).metadata
    const { workload } = (await cluster.colors(release)).blue
    expect(workload).toMatchObject({ revision: 'abc', replicas: 2 })
    const mend = { type: 'MendWorkload', color: 'blue', revision: 'abc', differs: '' } as const
    await cluster.mendWorkload(release, { ...mend, resourceVersion })
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)).toMatchObject({
      metadata: { labels: { ...metadata.labels, team: 'a' } },
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } } },
    })
    expect((await cluster.colors(release)).blue.workload).not.toHaveProperty('differs')
  })

  test('that a policy changes again at once is left alone for a while', async () => {
    const { resourceVersion } = putDeployment()
    server.refuse = ({ method }) =>
      method === 'PATCH'
        ? { status: 200, body: { metadata: {}, spec: { strategy: { type: 'Recreate' } } } }
        : undefined
    const mend = { type: 'MendWorkload', color: 'blue', revision: 'abc', differs: '' } as const
    await expect(cluster.mendWorkload(release, { ...mend, resourceVersion })).rejects.toThrow(TransientError)
  })

  test('is scaled only as the one that was read', async () => {
    const { resourceVersion } = putDeployment()
    const scale = { type: 'ScaleWorkload', color: 'blue', replicas: 5, resourceVersion } as const
    await cluster.scaleWorkload(release, scale)
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)).toMatchObject({ spec: { replicas: 5 } })
    await expect(cluster.scaleWorkload(release, { ...scale, replicas: 1 })).rejects.toThrow(ConflictError)
  })

  test('is removed only as the one that was read', async () => {
    const old = putDeployment()
    const now = putDeployment()
    const remove = { type: 'RemoveWorkload', color: 'blue' } as const
    await expect(cluster.removeWorkload(release, { ...remove, ...old })).rejects.toThrow(ConflictError)
    await cluster.removeWorkload(release, { ...remove, ...now })
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)).toBeUndefined()
    expect(server.seen.at(-1)?.body).toMatchObject({ propagationPolicy: 'Background' })
    await cluster.removeWorkload(release, { ...remove, ...now })
  })
})

describe('a color Service', () => {
  test('is given back what somebody changed', async () => {
    await cluster.applyColorService(release, applyService)
    const made = server.at(`${SERVICES}/housing-blue`) as unknown as { spec: Record<string, unknown> }
    const spec = {
      ...made.spec,
      selector: { app: 'x' },
      publishNotReadyAddresses: true,
      ports: [{ port: 81 }],
    }
    server.put(SERVICES, { ...made, spec })
    expect((await cluster.colors(release)).blue.service?.differs).toContain('spec.selector')
    await cluster.applyColorService(release, applyService)
    expect(server.at(`${SERVICES}/housing-blue`)).toMatchObject({
      spec: {
        selector: { [LABEL.name]: 'housing', [LABEL.color]: 'blue' },
        ports: [{ port: 81 }, { port: 80 }],
      },
    })
    const { service } = (await cluster.colors(release)).blue
    expect(service).toMatchObject({ targetPort: 8080 })
    expect(service).not.toHaveProperty('differs')
  })

  test('is created, then mended in place: port and owner change, selector and cluster address do not', async () => {
    await cluster.applyColorService(release, applyService)
    const made = server.at(`${SERVICES}/housing-blue`) as unknown as { spec: Record<string, unknown> }
    const ports = [
      { name: 'http', port: 80, targetPort: 8080, nodePort: 30080 },
      { name: 'theirs', port: 81, targetPort: 81 },
    ]
    server.put(SERVICES, { ...made, spec: { ...made.spec, clusterIP: '10.1.0.5', ports } })
    await cluster.applyColorService(release, { ...applyService, targetPort: 9090, ownership: 'Free' })
    expect(server.at(`${SERVICES}/housing-blue`)).toMatchObject({
      metadata: { ownerReferences: [] },
      spec: {
        clusterIP: '10.1.0.5',
        selector: { [LABEL.name]: 'housing', [LABEL.color]: 'blue' },
        ports: [{ port: 80, targetPort: 9090, nodePort: 30080 }, ports[1]],
      },
    })
  })

  test('under whose name stands somebody else’s is refused, and that one stays', async () => {
    const theirs = {
      metadata: { name: 'housing-blue', namespace: 'models' },
      spec: { selector: { app: 'x' } },
    }
    server.put(SERVICES, theirs)
    await expect(cluster.applyColorService(release, applyService)).rejects.toThrow(RefusedError)
    expect(server.at(`${SERVICES}/housing-blue`)).toMatchObject(theirs)
  })
})

describe('ownership', () => {
  const give = { type: 'SetOwnership', color: 'blue', of: 'Deployment' } as const

  test('is taken away and given back, other owners stay', async () => {
    const theirs = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }
    const { metadata } = deploymentOf({ release, ...create })
    const ownerReferences = [theirs, ...(metadata.ownerReferences ?? [])]
    putDeployment({ metadata: { ...metadata, ownerReferences } })
    await cluster.setOwnership(release, { ...give, ownership: 'Free' })
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)).toMatchObject({
      metadata: { ownerReferences: [theirs] },
    })
    await cluster.setOwnership(release, { ...give, ownership: 'Owned' })
    await cluster.setOwnership(release, { ...give, ownership: 'Owned' })
    expect(server.at(`${DEPLOYMENTS}/housing-blue`)).toMatchObject({ metadata: { ownerReferences } })
  })

  test('of what is gone is a conflict: look again', async () => {
    await expect(cluster.setOwnership(release, { ...give, ownership: 'Free' })).rejects.toThrow(ConflictError)
  })
})

const LOGS = { type: 'CollectLogs', color: 'blue', revision: 'abc' } as const

describe('logs', () => {
  const failing = (name: string): Record<string, unknown> => ({
    ...pod(name, 'blue'),
    status: {
      containerStatuses: [
        {
          name: 'server',
          ready: false,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 3, reason: 'Error' } },
        },
      ],
    },
  })

  test('are of the run that failed, of the pods that are not ready', async () => {
    server.put(PODS, pod('blue-0', 'blue'))
    server.put(PODS, failing('blue-1'))
    server.logs.set(`${PODS}/blue-1/server/previous`, '\u001B[31mno such\u202E model\u001B[0m\r\n')
    await expect(cluster.logs(release, LOGS)).resolves.toBe(
      'blue-1/server ended with exit code 3 (Error):\nno such model',
    )
  })

  test('keep their end when they are long, two pods share 2 KiB', async () => {
    for (const name of ['blue-1', 'blue-2', 'blue-3']) {
      server.put(PODS, failing(name))
      server.logs.set(`${PODS}/${name}/server/previous`, `${'ä'.repeat(5000)} the end of ${name}`)
    }
    const logs = await cluster.logs(release, LOGS)
    expect(Buffer.byteLength(logs)).toBeLessThanOrEqual(2048)
    expect(logs).toMatch(/the end of blue-1\n[^]*the end of blue-2$/)
    expect(logs).not.toContain('�')
  })

  test('are of the revision that is asked for, and of no pod that is being deleted', async () => {
    const other = failing('blue-1')
    const labels = { [LABEL.name]: 'housing', [LABEL.color]: 'blue', [LABEL.revision]: 'before' }
    server.put(PODS, { ...other, metadata: { name: 'blue-1', namespace: 'models', labels } })
    const leaving = failing('blue-2')
    const metadata = { ...(leaving.metadata as object), deletionTimestamp: '2026-11-01T00:00:00Z' }
    server.put(PODS, { ...leaving, metadata })
    server.put(PODS, failing('blue-3'))
    for (const name of ['blue-1', 'blue-2', 'blue-3'])
      server.logs.set(`${PODS}/${name}/server/previous`, `I am ${name}`)
    await expect(cluster.logs(release, LOGS)).resolves.toMatch(/^blue-3\/[^]*I am blue-3$/)
  })

  test('that are empty are no heading without words', async () => {
    server.put(PODS, failing('blue-1'))
    server.logs.set(`${PODS}/blue-1/server/previous`, '\n')
    await expect(cluster.logs(release, LOGS)).resolves.toMatch(/:\n\(no log: the container wrote nothing\)$/)
  })

  test('of a container that never started say so instead of failing', async () => {
    server.put(PODS, failing('blue-1'))
    await expect(cluster.logs(release, LOGS)).resolves.toContain('no log: ')
  })

  test('of a color without pods are empty', async () => {
    await expect(cluster.logs(release, LOGS)).resolves.toBe('')
  })
})

describe('the status', () => {
  const next: Status = { phase: 'Live' }

  test('is replaced as long as nobody changed the release', async () => {
    const { metadata } = server.put(RELEASES, { ...release })
    const read = await cluster.release({ namespace: 'models', name: 'housing' })
    expect(read?.metadata.resourceVersion).toBe(metadata.resourceVersion)
    const version = await cluster.writeStatus(read ?? release, next)
    expect((await cluster.release({ namespace: 'models', name: 'housing' }))?.metadata.resourceVersion).toBe(
      version,
    )
    expect(server.at(`${RELEASES}/housing`)).toMatchObject({ spec: release.spec, status: next })
  })

  test('is not written over a release that was changed, or made anew under the same name', async () => {
    server.put(RELEASES, { ...release })
    await expect(cluster.writeStatus(release, next)).rejects.toThrow(ConflictError)
    expect(server.at(`${RELEASES}/housing`)).not.toHaveProperty('status')
  })
})

describe('an Event', () => {
  const happening = { type: 'Warning', reason: 'GateFailed', message: 'expected 26.9, got 0' } as const

  test('is told once and counted after that', async () => {
    await cluster.record(release, happening)
    await cluster.record(release, happening)
    await cluster.record(release, { ...happening, message: 'another' })
    const names = server.seen.filter((seen) => seen.method === 'POST').map((seen) => seen.body.metadata)
    const { name } = names[0] as { name: string }
    expect(server.at(`${EVENTS}/${name}`)).toMatchObject({
      count: 2,
      reason: 'GateFailed',
      involvedObject: { kind: 'ModelRelease', name: 'housing', uid: 'uid-1' },
      lastTimestamp: '2026-11-01T00:00:00.000Z',
    })
    expect(names[2]).not.toEqual(names[0])
  })

  test('that cannot be told fails nothing and is logged', async () => {
    server.refuse = () => status(500, 'InternalError', 'no')
    await cluster.record(release, happening)
    expect(warn).toHaveBeenCalledWith(
      expect.objectContaining({ modelrelease: 'models/housing', reason: 'GateFailed' }),
      'Event not recorded',
    )
  })
})

test('a replica that does not hold the lease writes nothing, and that is no transient failure', async () => {
  const standby = createCluster({ transport: access.guarded(() => false), log: { warn }, now: () => 0 })
  await expect(standby.createWorkload(release, create)).rejects.toMatchObject({ name: 'NotHeldError' })
  expect(server.seen).toEqual([])
  await expect(standby.colors(release)).resolves.toBeDefined()
})

test('objects are labeled as ours', async () => {
  await cluster.createWorkload(release, create)
  expect(server.at(`${DEPLOYMENTS}/housing-blue`)?.metadata.labels).toMatchObject({
    [LABEL.managedBy]: MANAGER,
  })
})
