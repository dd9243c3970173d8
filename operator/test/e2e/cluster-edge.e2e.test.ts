import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { LABEL, type Color } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import type { StoredRevision } from '../../planner/model/observation.ts'
import { createClaims } from '../../adapters/kubernetes/claims.ts'
import type { Pod } from '../../adapters/kubernetes/objects.ts'
import { podOf } from '../../adapters/kubernetes/reading.ts'
import { createServicePointer } from '../../adapters/kubernetes/service-pointer.ts'
import { createCluster } from '../../adapters/kubernetes/cluster.ts'
import { ConflictError } from '../../ports/errors.ts'
import type { Claims, Cluster, Pointer } from '../../ports/ports.ts'
import {
  accessOf,
  CLUSTER_UP_MS,
  PLAIN_IMAGE,
  realCluster,
  type AnyObject,
  type RealCluster,
} from './real-cluster.ts'

/** Nobody reconciles here: the edge is used by hand, with the rights of the operator's ServiceAccount. */

type Json = Record<string, unknown>

/** What hangs is ended sooner, by a deadline that knows how busy the machine is. */
const READY_MS = 30 * 60_000

let world: RealCluster
let cluster: Cluster
let pointer: Pointer
let claims: Claims

beforeAll(async () => {
  world = await realCluster('edge')
  container.image = await world.loadPlainImage()
  const warn = (data: object): void => {
    throw new Error(JSON.stringify(data))
  }
  cluster = createCluster({ transport: world.operator, log: { warn }, now: Date.now })
  pointer = createServicePointer(world.operator)
  claims = createClaims(world.operator, 'modelrelease-system')
}, CLUSTER_UP_MS)
afterAll(() => world.close())

const container = {
  name: 'server',
  image: PLAIN_IMAGE,
  imagePullPolicy: 'IfNotPresent',
  readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
}

/** A release that stands in the cluster, as the operator reads it. */
async function releaseOf(name: string, spec: Json = {}): Promise<ModelRelease> {
  await world.apply({
    apiVersion: 'modelrelease.io/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name, namespace: world.namespace },
    spec: spec.model ? spec : { template: { spec: { containers: [container] } }, ...spec },
  })
  const read = await cluster.release({ namespace: world.namespace, name })
  if (!read) throw new Error('it stands and is not read')
  return read
}

function storedOf(change: Json = {}, more: Json = {}): StoredRevision {
  return {
    attempt: 'abc-1',
    revision: 'abc',
    generation: 1,
    template: {
      spec: { containers: [{ ...container, ...change }], terminationGracePeriodSeconds: 1, ...more },
    },
    port: 8080,
    gates: [],
    identity: 'None',
  }
}

function createStep(stored: StoredRevision, replicas = 1): Parameters<Cluster['createWorkload']>[1] {
  return { type: 'CreateWorkload', color: 'blue', stored, replicas, ownership: 'Owned' }
}

/** Creates the blue workload of one pod and waits until that pod is as wanted. */
async function untilPod(
  name: string,
  stored: StoredRevision,
  isWanted: (pod: Pod) => boolean,
): Promise<ModelRelease> {
  const release = await releaseOf(name)
  await cluster.createWorkload(release, createStep(stored))
  await untilDeployment(`${name}-blue`, (it) => Number((it?.status as Json | undefined)?.replicas ?? 0) === 1)
  const pod = await world.kubectlOk(['get', 'pods', '-l', `${LABEL.name}=${name}`, '-o', 'name'])
  await world.until(`/api/v1/namespaces/${world.namespace}/pods`, pod.replace(/^pod\//, ''), (it) =>
    isWanted(it as unknown as Pod),
  )
  return release
}

async function untilDeployment(
  name: string,
  isWanted: (object: AnyObject | undefined) => boolean,
): Promise<void> {
  await world.until(`/apis/apps/v1/namespaces/${world.namespace}/deployments`, name, isWanted)
}

function readyReplicas(object: AnyObject | undefined): number {
  return Number((object?.status as Json | undefined)?.readyReplicas ?? 0)
}

describe('storing a revision', () => {
  const storing = async (stored: StoredRevision, spec?: Json): Promise<string> => {
    const release = await releaseOf(spec ? 'stored-model' : 'stored', spec)
    const error: unknown = await cluster
      .storeRevision(release, { type: 'StoreRevision', stored })
      .catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'RefusedError', reason: 'InvalidSpec' })
    await expect(cluster.revisions(release)).resolves.toEqual([])
    return (error as Error).message
  }

  test('names a value of the template that the API server refuses', async () => {
    // An equals sign is in no environment variable's name; newer API servers take nearly everything else.
    const message = await storing(storedOf({ env: [{ name: 'NOT=VALID', value: 'x' }] }))
    expect(message).toMatch(
      /^spec\.template\.spec\.containers\[0\]\.env\[0\]\.name: Invalid value: "NOT=VALID"/,
    )
  })

  test('names a value of the wrong type', async () => {
    expect(await storing(storedOf({ image: 7 }))).toMatch(/image/i)
  })

  test('names a quantity that is none', async () => {
    expect(await storing(storedOf({ resources: { requests: { cpu: 'lots' } } }))).toMatch(/quantit/)
  })

  test('names a misspelt field', async () => {
    const message = await storing(storedOf({ readinesProbe: { httpGet: { port: 1 } } }))
    expect(message).toContain('spec.template.spec.containers[0].readinesProbe')
  })

  test('names a member of the model', async () => {
    const stored = storedOf({
      env: [
        { name: 'MODEL_URI', value: 'x' },
        { name: 'A=B', value: 'x' },
      ],
    })
    const model = { name: 'housing', version: '7', uri: 'file:///m', env: [{ name: 'A=B', value: 'x' }] }
    expect(await storing(stored, { model })).toMatch(/^spec\.model\.env\[0\]\.name: Invalid value: "A=B"/)
  })

  test('keeps what is right, once, and gives it back unchanged', async () => {
    const release = await releaseOf('stored')
    const stored = storedOf()
    await cluster.storeRevision(release, { type: 'StoreRevision', stored })
    await cluster.storeRevision(release, { type: 'StoreRevision', stored })
    await expect(cluster.revisions(release)).resolves.toEqual([
      { ...stored, kept: expect.objectContaining({ form: 'Canonical', ownership: 'Owned' }) },
    ])
    expect((await world.kubectlOk(['get', 'deployments,services', '-o', 'name'])).trim()).toBe('')
    await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt: 'abc-1' })
    await expect(cluster.revisions(release)).resolves.toEqual([])
  })
})

test(
  'a color from nothing to ready, scaled, freed, and gone',
  async () => {
    const release = await releaseOf('whole')
    const step = createStep(storedOf(), 2)
    await cluster.createWorkload(release, step)
    await cluster.createWorkload(release, step)
    const service = {
      type: 'ApplyColorService',
      color: 'blue',
      targetPort: 8080,
      origin: 'Service/blue',
      ownership: 'Owned',
    } as const
    await cluster.applyColorService(release, service)
    await untilDeployment('whole-blue', (it) => readyReplicas(it) === 2)

    const { blue, green } = await cluster.colors(release)
    expect(green).toEqual({ pods: [] })
    expect(blue.workload).toMatchObject({ revision: 'abc', replicas: 2, observed: 'Yes', ownership: 'Owned' })
    expect(blue.pods).toHaveLength(2)
    expect(blue.pods.every((pod) => pod.ready === 'Yes' && pod.revision === 'abc' && pod.ip)).toBe(true)
    expect(blue.service).toMatchObject({ targetPort: 8080, ownership: 'Owned', origin: 'Service/blue' })
    expect(blue.service?.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)

    const stale = blue.workload
    await cluster.setOwnership(release, {
      type: 'SetOwnership',
      color: 'blue',
      of: 'Deployment',
      ownership: 'Free',
    })
    await cluster.applyColorService(release, { ...service, targetPort: 9090, ownership: 'Free' })
    const freed = (await cluster.colors(release)).blue
    expect(freed).toMatchObject({
      workload: { ownership: 'Free' },
      service: { ownership: 'Free', targetPort: 9090, address: blue.service?.address },
    })
    expect(freed.pods.map((pod) => pod.name).toSorted()).toEqual(blue.pods.map((pod) => pod.name).toSorted())

    const { uid = '', resourceVersion: old = '' } = stale ?? {}
    const remove = { type: 'RemoveWorkload', color: 'blue', uid } as const
    await expect(cluster.removeWorkload(release, { ...remove, resourceVersion: old })).rejects.toThrow(
      ConflictError,
    )
    const scale = { type: 'ScaleWorkload', color: 'blue', replicas: 1 } as const
    await expect(cluster.scaleWorkload(release, { ...scale, resourceVersion: old })).rejects.toThrow(
      ConflictError,
    )
    await cluster.scaleWorkload(release, { ...scale, resourceVersion: freed.workload?.resourceVersion ?? '' })
    await untilDeployment('whole-blue', (it) => (it?.status as Json).replicas === 1)

    const now = (await cluster.colors(release)).blue.workload?.resourceVersion ?? ''
    await cluster.removeWorkload(release, { ...remove, resourceVersion: now })
    await untilDeployment('whole-blue', (it) => it === undefined)
    expect((await cluster.colors(release)).blue.workload).toBeUndefined()
  },
  READY_MS,
)

describe('the trouble of a real pod', () => {
  interface Case {
    stored: StoredRevision
    reason: RegExp
    message: RegExp
  }
  const crash = ['node', '-e', 'console.log("no such model"); process.exit(3)']
  const cases: Record<string, Case> = {
    'that ends at once': {
      stored: storedOf({ command: crash }),
      reason: /^(Error|CrashLoopBackOff)$/,
      message: /ended with exit code 3/,
    },
    'whose image is nowhere': {
      stored: storedOf({ image: 'modelrelease/nowhere:1' }),
      reason: /^(ErrImageNeverPull|ErrImagePull|ImagePullBackOff)$/,
      message: /modelrelease\/nowhere:1/,
    },
    'that no node has room for': {
      stored: storedOf({ resources: { requests: { cpu: '1000' } } }),
      reason: /^Unschedulable$/,
      message: /Insufficient cpu/,
    },
    'whose configuration is missing': {
      stored: storedOf({ envFrom: [{ configMapRef: { name: 'missing' } }] }),
      reason: /^CreateContainerConfigError$/,
      message: /configmap "missing" not found/,
    },
    'that is never ready': {
      stored: storedOf({ readinessProbe: { httpGet: { path: '/', port: 9999 }, periodSeconds: 1 } }),
      reason: /^NotReady$/,
      message: /readiness probe \(GET \/ at port 9999\) has not succeeded/,
    },
  }
  test.each(Object.entries(cases).map(([name, one], index) => ({ name, index, ...one })))(
    '$name',
    async ({ index, stored, reason, message }) => {
      const name = `trouble-${index}`
      const release = await untilPod(name, stored, (pod) =>
        reason.test(podOf(pod)?.pod.trouble?.reason ?? ''),
      )
      const seen = (await cluster.colors(release)).blue.pods[0]
      expect(seen?.ready).toBe('No')
      expect(seen?.trouble?.reason).toMatch(reason)
      expect(seen?.trouble?.message).toMatch(message)
      await world.kubectlOk(['delete', 'deployment', `${name}-blue`, '--wait=false'])
    },
    READY_MS,
  )

  test(
    'is told with its last words',
    async () => {
      const stored = storedOf({ command: crash })
      const release = await untilPod('words', stored, (pod) =>
        JSON.stringify(pod.status).includes('"exitCode":3'),
      )
      await expect(
        cluster.logs(release, { type: 'CollectLogs', color: 'blue', revision: 'abc' }),
      ).resolves.toMatch(/ended with exit code 3 \(Error\):\nno such model$/)
    },
    READY_MS,
  )

  test(
    'that a quota forbids stands at the Deployment',
    async () => {
      const release = await releaseOf('quota')
      await world.kubectlOk(['create', 'quota', 'none', '--hard=pods=0'])
      await cluster.createWorkload(release, createStep(storedOf()))
      await untilDeployment('quota-blue', (it) => JSON.stringify(it?.status ?? {}).includes('ReplicaFailure'))
      const { workload, pods } = (await cluster.colors(release)).blue
      expect(workload?.trouble?.message).toMatch(/exceeded quota/)
      expect(pods).toEqual([])
      await world.kubectlOk(['delete', 'quota', 'none'])
    },
    READY_MS,
  )
})

test('somebody else’s Deployment under our name is refused and stays', async () => {
  const release = await releaseOf('taken')
  await world.kubectlOk(['create', 'deployment', 'taken-blue', `--image=${container.image}`, '--replicas=0'])
  const refusal = cluster.createWorkload(release, createStep(storedOf()))
  await expect(refusal).rejects.toMatchObject({ reason: 'InvalidSpec' })
  await expect(refusal).rejects.toThrow(/taken-blue stands already.*lacks the labels modelrelease.io\/name/)
  expect((await cluster.colors(release)).blue.workload).toBeUndefined()
})

describe('the status', () => {
  test('is written on what was read, and not over a change', async () => {
    const release = await releaseOf('status')
    await cluster.writeStatus(release, { phase: 'Building', selector: 'a=b' })
    await expect(cluster.writeStatus(release, { phase: 'Live' })).rejects.toThrow(ConflictError)
    const read = await cluster.release({ namespace: world.namespace, name: 'status' })
    expect(read).toMatchObject({
      status: { phase: 'Building', selector: 'a=b' },
      metadata: { generation: 1 },
    })
  })

  test('is not written to a release that was made anew under the same name', async () => {
    const release = await releaseOf('anew')
    await world.kubectlOk(['delete', 'mr', 'anew'])
    const again = await releaseOf('anew')
    const stranger = { ...release, metadata: { ...again.metadata, uid: release.metadata.uid } }
    await expect(cluster.writeStatus(stranger, { phase: 'Live' })).rejects.toThrow(ConflictError)
  })
})

test('an Event is shown by kubectl describe, counted when it happens again', async () => {
  const release = await releaseOf('told')
  const happening = { type: 'Warning', reason: 'GateFailed', message: 'expected 26.9, got 0' } as const
  await cluster.record(release, happening)
  await cluster.record(release, happening)
  const described = await world.kubectlOk(['describe', 'mr', 'told'])
  expect(described).toMatch(
    /Warning\s+GateFailed\s+\S+ \(x2 over \S+\)\s+modelrelease\s+expected 26\.9, got 0/,
  )
})

describe('the pointer Service', () => {
  const move = (to: Color, token: string, targetPort = 8080): Parameters<Pointer['move']>[1] => ({
    type: 'MovePointer',
    to,
    names: to,
    token,
    targetPort,
  })

  test('is made, read back, moved with its port in one write, and only by who saw it', async () => {
    const release = await releaseOf('pointer')
    await expect(pointer.read(release)).resolves.toEqual({ type: 'Absent' })
    await pointer.move(release, move('blue', 'absent'))
    await expect(pointer.move(release, move('green', 'absent'))).rejects.toThrow(ConflictError)
    const first = await pointer.read(release)
    if (first.type !== 'Read') throw new Error(first.type)
    expect(first.targets).toEqual([{ part: 'selector', names: 'blue' }])
    await pointer.move(release, move('green', first.token, 9090))
    await expect(pointer.move(release, move('blue', first.token))).rejects.toThrow(ConflictError)
    const service = JSON.parse(await world.kubectlOk(['get', 'service', 'pointer', '-o', 'json'])) as Json
    expect(service.spec).toMatchObject({
      type: 'ClusterIP',
      selector: { [LABEL.name]: 'pointer', [LABEL.color]: 'green' },
      ports: [{ port: 80, targetPort: 9090 }],
    })
  })

  test('keeps the node port that a user gave it', async () => {
    const release = await releaseOf('node-port')
    await pointer.move(release, move('blue', 'absent'))
    const patch = JSON.stringify({ spec: { type: 'NodePort' } })
    await world.kubectlOk(['patch', 'service', 'node-port', '--patch', patch])
    const ports = async (): Promise<Json[]> =>
      (
        JSON.parse(await world.kubectlOk(['get', 'service', 'node-port', '-o', 'json'])) as {
          spec: { ports: Json[] }
        }
      ).spec.ports
    const [before] = await ports()
    const reading = await pointer.read(release)
    await pointer.move(release, move('green', reading.type === 'Read' ? reading.token : '', 9090))
    expect(await ports()).toEqual([{ ...before, targetPort: 9090 }])
  })

  test('of somebody else is not ours and is never changed', async () => {
    const release = await releaseOf('front')
    await world.kubectlOk(['create', 'service', 'clusterip', 'front', '--tcp=80:80'])
    await expect(pointer.read(release)).resolves.toMatchObject({ type: 'Unusable', reason: 'ServiceNotOurs' })
  })
})

test('a claim is taken by one release, and by another only after that one gave the behavior up', async () => {
  // The id is this run's own: claims of all namespaces stand in one.
  const distributionId = `E${world.namespace.replace(/[^a-z0-9]/g, '').toUpperCase()}`
  const edges = (pathPattern: string): Json => ({
    traffic: {
      type: 'CloudFrontDistribution',
      cloudFrontDistribution: {
        distributionId,
        behaviors: [{ pathPattern }],
        origins: { blue: 'b', green: 'g' },
        verify: { type: 'DeployedOnly' },
      },
    },
  })
  const a = await releaseOf('claim-a', edges('*'))
  const b = await releaseOf('claim-b', edges('*'))
  await expect(claims.read(a)).resolves.toEqual({ type: 'Free' })
  await claims.take(a)
  await expect(claims.read(a)).resolves.toEqual({ type: 'Held' })
  await expect(claims.read(b)).resolves.toEqual({
    type: 'Taken',
    part: '*',
    by: `${world.namespace}/claim-a`,
  })
  await expect(claims.take(b)).rejects.toMatchObject({ reason: 'BehaviorClaimed' })
  await releaseOf('claim-a', edges('/other/*'))
  await claims.take(b)
  await expect(claims.read(b)).resolves.toEqual({ type: 'Held' })
  await expect(claims.read(a)).resolves.toMatchObject({ type: 'Taken', by: `${world.namespace}/claim-b` })
})

test('without the roles of the manifest, a refusal names the verb to grant', async () => {
  const nobody = accessOf(world.handle.kubeconfigPath, 'system:serviceaccount:default:nobody')
  const powerless = createCluster({ transport: nobody, log: { warn: () => undefined }, now: Date.now })
  const release = await releaseOf('powerless')
  const step = createStep(storedOf())
  await expect(powerless.createWorkload(release, step)).rejects.toMatchObject({
    reason: 'AccessDenied',
    message: expect.stringContaining('the operator may not create deployments.apps') as unknown,
  })
  await expect(powerless.colors(release)).rejects.toMatchObject({ reason: 'AccessDenied' })
  nobody.close()
})
