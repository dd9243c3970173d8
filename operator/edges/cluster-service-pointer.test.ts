import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { LABEL, MANAGER } from '../api/names.ts'
import type { ModelRelease } from '../api/release.ts'
import { pointerServiceOf } from '../core/manifests.ts'
import { Access } from '../runtime/access.ts'
import { FakeApiServer, status } from '../test/fake-api-server.ts'
import { Requests } from './cluster-requests.ts'
import { createServicePointer, moveFormer, readFormerPointers } from './cluster-service-pointer.ts'
import { ConflictError } from './errors.ts'
import type { Pointer } from './ports.ts'

const SERVICES = '/api/v1/namespaces/models/services'

const release = {
  metadata: { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 1, resourceVersion: '1' },
  spec: { traffic: { type: 'Service', service: { name: 'front' } } },
} as ModelRelease

const move = { type: 'MovePointer', to: 'green', names: 'green', targetPort: 9090 } as const

const server = new FakeApiServer()
let access: Access
let pointer: Pointer

beforeAll(async () => {
  access = new Access(await server.listen())
  pointer = createServicePointer(access)
})
afterAll(async () => {
  access.close()
  await server.close()
})
beforeEach(() => server.reset())

function putPointer(
  change: (service: ReturnType<typeof pointerServiceOf>) => void = () => undefined,
): string {
  const service = pointerServiceOf(release, 'blue', 8080)
  change(service)
  return server.put(SERVICES, { ...service }).metadata.resourceVersion
}

describe('reading', () => {
  test('no Service is no pointer yet', async () => {
    await expect(pointer.read(release)).resolves.toEqual({ type: 'Absent' })
  })

  test('our Service names the color of its selector', async () => {
    const token = putPointer()
    await expect(pointer.read(release)).resolves.toEqual({
      type: 'Read',
      token,
      targets: [{ part: 'selector', names: 'blue' }],
      origins: ['blue', 'green'],
      settled: 'Yes',
      timeoutSeconds: 30,
      ownership: 'Owned',
    })
  })

  test('a Service without our labels is not ours, and the message says which field to change', async () => {
    putPointer((service) => (service.metadata.labels = { app: 'theirs', [LABEL.managedBy]: 'Helm' }))
    const reading = await pointer.read(release)
    expect(reading).toMatchObject({ type: 'Unusable', reason: 'ServiceNotOurs' })
    expect(reading).toHaveProperty(
      'message',
      expect.stringMatching(
        /^spec\.traffic\.service\.name: .*models\/front.*Helm.*lacks.*housing.*Set another name/,
      ),
    )
  })

  test('a Service of ours is ours whatever a policy has made of managed-by', async () => {
    putPointer((service) => (service.metadata.labels[LABEL.managedBy] = 'Helm'))
    await expect(pointer.read(release)).resolves.toMatchObject({ targets: [{ names: 'blue' }] })
  })

  test('a color Service is not the pointer, even the release’s own', async () => {
    putPointer((service) => (service.metadata.labels[LABEL.color] = 'blue'))
    await expect(pointer.read(release)).resolves.toMatchObject({ reason: 'ServiceNotOurs' })
  })

  test('a Service on its way out says nothing about who serves', async () => {
    putPointer((service) => Object.assign(service.metadata, { deletionTimestamp: '2026-11-01T00:00:00Z' }))
    await expect(pointer.read(release)).resolves.toMatchObject({ type: 'Unreachable' })
  })

  test('trouble is a reading: no access', async () => {
    server.refuse = () => status(403, 'Forbidden', 'cannot get resource "services"')
    await expect(pointer.read(release)).resolves.toMatchObject({ type: 'Unusable', reason: 'AccessDenied' })
  })

  test('trouble is a reading: no answer', async () => {
    server.refuse = () => status(503, 'ServiceUnavailable', 'later')
    await expect(pointer.read(release)).resolves.toMatchObject({ type: 'Unreachable' })
  })
})

describe('moving', () => {
  test('a pointer that is absent is made, by the first of two writers only', async () => {
    await pointer.move(release, { ...move, token: 'absent' })
    expect(server.at(`${SERVICES}/front`)).toMatchObject({
      metadata: { labels: { [LABEL.managedBy]: MANAGER, [LABEL.name]: 'housing' } },
      spec: {
        type: 'ClusterIP',
        selector: { [LABEL.color]: 'green' },
        ports: [{ port: 80, targetPort: 9090 }],
      },
    })
    await expect(pointer.move(release, { ...move, token: 'absent' })).rejects.toThrow(ConflictError)
  })

  test('selector and target port change in one write, what others set stays', async () => {
    const token = putPointer((service) => {
      Object.assign(service.spec, {
        type: 'NodePort',
        clusterIP: '10.1.0.9',
        ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }],
        selector: { [LABEL.name]: 'housing', [LABEL.color]: 'blue', track: 'stable' },
      })
    })
    await pointer.move(release, { ...move, token })
    expect(server.seen.filter((seen) => seen.method !== 'GET')).toHaveLength(1)
    expect(server.at(`${SERVICES}/front`)?.spec).toEqual({
      type: 'NodePort',
      clusterIP: '10.1.0.9',
      selector: { [LABEL.name]: 'housing', [LABEL.color]: 'green' },
      ports: [{ name: 'http', port: 80, targetPort: 9090, nodePort: 30080 }],
    })
  })

  test('a pointer that was changed since is left alone', async () => {
    const token = putPointer()
    putPointer((service) => (service.spec.type = 'NodePort'))
    await expect(pointer.move(release, { ...move, token })).rejects.toThrow(ConflictError)
    expect(server.seen.every((seen) => seen.method === 'GET')).toBe(true)
  })

  test('a change between our read and our write is a conflict', async () => {
    const token = putPointer()
    server.refuse = (seen) => {
      if (seen.method === 'PATCH') putPointer()
      return undefined
    }
    await expect(pointer.move(release, { ...move, token })).rejects.toThrow(ConflictError)
    expect(server.at(`${SERVICES}/front`)).toMatchObject({ spec: { selector: { [LABEL.color]: 'blue' } } })
  })

  test('a pointer that went away since is a conflict', async () => {
    await expect(pointer.move(release, { ...move, token: '7' })).rejects.toThrow(ConflictError)
  })
})

describe('a pointer that had another name', () => {
  const before = {
    ...release,
    spec: { traffic: { type: 'Service', service: { name: 'before' } } },
  } as ModelRelease

  function putFormer(): void {
    server.put(SERVICES, { ...pointerServiceOf(before, 'blue', 8080) })
    server.put(SERVICES, {
      ...pointerServiceOf(before, 'blue', 8080),
      metadata: { name: 'theirs', namespace: 'models' },
    })
    putPointer()
  }

  test.each(['Service', 'CloudFrontDistribution'])(
    'is found behind a pointer of type %s, and nothing of others',
    async (type) => {
      putFormer()
      const now = { ...release, spec: { traffic: { ...release.spec.traffic, type } } } as ModelRelease
      const former = await readFormerPointers(new Requests(access), now)
      const names = type === 'Service' ? ['before'] : ['before', 'front']
      expect(former.map(({ name }) => name).toSorted()).toEqual(names)
      expect(former).toContainEqual(expect.objectContaining({ name: 'before', color: 'blue' }))
    },
  )

  test('follows in one write, as the one that was read', async () => {
    putFormer()
    const [former] = await readFormerPointers(new Requests(access), release)
    if (!former) throw new Error('it was not found')
    const step = { type: 'MoveFormer', ...former, to: 'green', targetPort: 9090 } as const
    await moveFormer(new Requests(access), release, step)
    expect(server.at(`${SERVICES}/before`)).toMatchObject({
      spec: { selector: { [LABEL.color]: 'green' }, ports: [{ port: 80, targetPort: 9090 }] },
    })
    await expect(moveFormer(new Requests(access), release, step)).rejects.toThrow(ConflictError)
  })
})
