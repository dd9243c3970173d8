import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { LABEL, MANAGER } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { pointerServiceOf } from '../../planner/manifests/children.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { FakeApiServer, status } from '../../test/fakes/api-server.ts'
import { Requests } from './requests.ts'
import { createServicePointer, mendPointer, moveFormer, readFormerPointers } from './service-pointer.ts'
import { ConflictError } from '../../ports/errors.ts'
import type { Pointer } from '../../ports/ports.ts'

const SERVICES = '/api/v1/namespaces/models/services'

const release = {
  metadata: { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 1, resourceVersion: '1' },
  spec: { traffic: { type: 'Service', service: { name: 'front' } } },
} as ModelRelease

const move = { type: 'MovePointer', to: 'green', names: 'green', targetPort: 9090 } as const

const server = new FakeApiServer()
let access: ApiClient
let pointer: Pointer

beforeAll(async () => {
  access = new ApiClient(await server.listen())
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
      propagated: 'Yes',
      timeoutSeconds: 30,
      ownership: 'Owned',
      targetPort: 8080,
    })
  })

  test('what somebody changed of it is told, but for where it leads', async () => {
    putPointer(({ metadata, spec }) => {
      Reflect.deleteProperty(metadata.labels, LABEL.name)
      spec.selector = { ...(spec.selector as object), version: '2' }
      spec.publishNotReadyAddresses = true
      spec.ports = [{ port: 8000, targetPort: 8080 }]
    })
    const { differs, targets } = (await pointer.read(release)) as { differs?: string; targets: unknown }
    expect(targets).toEqual([{ part: 'selector', names: 'blue' }])
    for (const text of [
      'label modelrelease.io/name is missing',
      'version=2 instead of',
      'no port 80',
      'not ready',
    ])
      expect(differs).toContain(text)
  })

  test('a selector that leads to no color is told as it is', async () => {
    putPointer(({ spec }) => (spec.selector = { app: 'x' }))
    await expect(pointer.read(release)).resolves.toMatchObject({ foreignSelector: 'app=x' })
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

describe('mending', () => {
  const step = { type: 'MendPointer', to: 'blue', targetPort: 8080, differs: '' } as const

  function putEdited(): string {
    return putPointer(({ metadata, spec }) => {
      Reflect.deleteProperty(metadata.labels, LABEL.name)
      metadata.labels.team = 'a'
      spec.selector = { ...(spec.selector as object), version: '2' }
      spec.type = 'LoadBalancer'
      spec.ports = [
        { port: 80, targetPort: 'web', protocol: 'UDP', nodePort: 30080 },
        { port: 9, targetPort: 9 },
      ]
    })
  }

  test('puts back what is ours and leaves what somebody else added', async () => {
    await mendPointer(new Requests(access), release, { ...step, token: putEdited() })
    expect(server.at(`${SERVICES}/front`)).toMatchObject({
      metadata: { labels: { [LABEL.name]: 'housing', [LABEL.managedBy]: MANAGER, team: 'a' } },
      spec: {
        type: 'LoadBalancer',
        selector: { [LABEL.name]: 'housing', [LABEL.color]: 'blue' },
        ports: [
          { port: 80, targetPort: 8080, protocol: 'TCP', nodePort: 30080 },
          { port: 9, targetPort: 9 },
        ],
      },
    })
    const reading = (await pointer.read(release)) as { differs?: string }
    expect(reading.differs).toBeUndefined()
  })

  test('is for what was read only', async () => {
    putEdited()
    const mended = mendPointer(new Requests(access), release, { ...step, token: '1' })
    await expect(mended).rejects.toBeInstanceOf(ConflictError)
  })
})
