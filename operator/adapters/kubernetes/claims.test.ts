import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { ModelRelease } from '../../api/release.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { FakeApiServer, status, type Seen } from '../../test/fakes/api-server.ts'
import { claimName, createClaims, partsOf } from './claims.ts'
import { ConflictError, TransientError } from '../../ports/errors.ts'
import type { Claims } from '../../ports/ports.ts'

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/modelrelease-system/leases'

function releaseOf(name: string, ...patterns: string[]): ModelRelease {
  return {
    metadata: { name, namespace: 'models', uid: `uid-${name}`, generation: 1, resourceVersion: '1' },
    spec: {
      traffic: {
        type: 'CloudFrontDistribution',
        cloudFrontDistribution: {
          distributionId: 'E123456',
          behaviors: patterns.map((pathPattern) => ({ pathPattern })),
        },
      },
    },
  } as ModelRelease
}

const server = new FakeApiServer()
let access: ApiClient
let claims: Claims

beforeAll(async () => {
  access = new ApiClient(await server.listen())
  claims = createClaims(access, 'modelrelease-system')
})
afterAll(async () => {
  access.close()
  await server.close()
})
beforeEach(() => server.reset())

/** The release stands in the cluster. */
function stand(release: ModelRelease): ModelRelease {
  server.put(`/apis/modelrelease.io/v1alpha1/namespaces/models/modelreleases`, { ...release })
  return release
}

function gone(release: ModelRelease): void {
  server.delete(`/apis/modelrelease.io/v1alpha1/namespaces/models/modelreleases/${release.metadata.name}`)
}

function holder(pathPattern: string): unknown {
  const lease = server.at(`${LEASES}/${claimName({ distributionId: 'E123456', pathPattern })}`)
  return (lease?.spec as { holderIdentity?: string } | undefined)?.holderIdentity
}

test('a Service pointer needs no claim', async () => {
  const release = { ...releaseOf('a'), spec: { traffic: { type: 'Service' } } } as ModelRelease
  await expect(claims.read(release)).resolves.toEqual({ type: 'Held' })
  expect(server.seen).toEqual([])
})

test('a behavior that nobody holds is free, then held by whom took it', async () => {
  const a = stand(releaseOf('a', '*'))
  await expect(claims.read(a)).resolves.toEqual({ type: 'Free' })
  await claims.take(a)
  await expect(claims.read(a)).resolves.toEqual({ type: 'Held' })
  expect(holder('*')).toBe('models/a/uid-a')
  await claims.take(a)
  await expect(claims.read(a)).resolves.toEqual({ type: 'Held' })
})

test('a behavior that another release follows is taken, and the refusal names that release', async () => {
  await claims.take(stand(releaseOf('a', '*')))
  const b = stand(releaseOf('b', '*'))
  await expect(claims.read(b)).resolves.toEqual({ type: 'Taken', part: '*', by: 'models/a' })
  const refusal = claims.take(b)
  await expect(refusal).rejects.toMatchObject({ name: 'RefusedError', reason: 'BehaviorClaimed' })
  await expect(refusal).rejects.toThrow('"*" of distribution E123456 follows release models/a')
})

describe('a release behind a key value store', () => {
  const keyValueStoreArn = 'arn:aws:cloudfront::123456789012:key-value-store/1'

  function storeOf(name: string, key: string, pattern: string): ModelRelease {
    const behaviors = [{ pathPattern: pattern }]
    const store = { keyValueStoreArn, key, distributionId: 'E123456', behaviors }
    const traffic = { type: 'CloudFrontKeyValueStore', cloudFrontKeyValueStore: store }
    return { ...releaseOf(name), spec: { traffic } } as ModelRelease
  }

  test('claims its key, which no other release may then move, behind whatever behavior', async () => {
    await claims.take(stand(storeOf('a', 'housing', '*')))
    const lease = server.at(`${LEASES}/${claimName({ keyValueStoreArn, key: 'housing' })}`)
    expect(lease?.metadata).toHaveProperty('annotations', {
      'modelrelease.io/key-value-store': keyValueStoreArn,
      'modelrelease.io/key': 'housing',
    })
    const b = stand(storeOf('b', 'housing', '/b/*'))
    await expect(claims.read(b)).resolves.toEqual({ type: 'Taken', part: 'key housing', by: 'models/a' })
    await expect(claims.take(b)).rejects.toThrow(`"housing" of ${keyValueStoreArn} follows release models/a`)
    await claims.take(stand(storeOf('c', 'prices', '/c/*')))
  })

  test('claims its behaviors too, which no release behind the distribution may then move', async () => {
    await claims.take(stand(storeOf('a', 'housing', '*')))
    const b = stand(releaseOf('b', '*'))
    await expect(claims.read(b)).resolves.toEqual({ type: 'Taken', part: '*', by: 'models/a' })
    await expect(claims.read(stand(releaseOf('a', '*')))).resolves.toEqual({ type: 'Held' })
  })
})

describe('a claim ends when its holder', () => {
  const ends: Record<string, (a: ModelRelease) => void> = {
    'is gone': gone,
    'was made anew under the same name': (a) => {
      stand({ ...a, metadata: { ...a.metadata, uid: 'uid-new' } })
    },
    'names the behavior no more': () => {
      stand(releaseOf('a', '/other/*'))
    },
    'moved to a Service pointer': (a) => {
      stand({ ...a, spec: { ...a.spec, traffic: { type: 'Service' } } })
    },
  }
  test.each(Object.entries(ends))('%s', async (_name, end) => {
    const a = stand(releaseOf('a', '*'))
    await claims.take(a)
    end(a)
    const b = stand(releaseOf('b', '*'))
    await expect(claims.read(b)).resolves.toEqual({ type: 'Free' })
    await claims.take(b)
    expect(holder('*')).toBe('models/b/uid-b')
  })
})

test('a Lease that names nobody is free', async () => {
  const name = claimName({ distributionId: 'E123456', pathPattern: '*' })
  server.put(LEASES, { metadata: { name, namespace: 'modelrelease-system' }, spec: {} })
  const a = stand(releaseOf('a', '*'))
  await expect(claims.read(a)).resolves.toEqual({ type: 'Free' })
  await claims.take(a)
  expect(holder('*')).toBe('models/a/uid-a')
})

test('of two that find a claim free, one gets it and the other looks again', async () => {
  const a = stand(releaseOf('a', '*'))
  const b = stand(releaseOf('b', '*'))
  server.refuse = (seen) => {
    if (seen.method !== 'POST') return undefined
    server.refuse = () => undefined
    server.put(LEASES, { ...seen.body, spec: { holderIdentity: 'models/b/uid-b' } })
    return undefined
  }
  await expect(claims.take(a)).rejects.toThrow(ConflictError)
  await expect(claims.read(b)).resolves.toEqual({ type: 'Held' })
})

test('of two that want to replace a stale claim, one gets it and the other looks again', async () => {
  const old = releaseOf('old', '*')
  await claims.take(old)
  const a = stand(releaseOf('a', '*'))
  server.refuse = (seen) => {
    if (seen.method === 'PUT')
      server.put(LEASES, { ...seen.body, spec: { holderIdentity: 'models/b/uid-b' } })
    return undefined
  }
  await expect(claims.take(a)).rejects.toThrow(ConflictError)
  expect(holder('*')).toBe('models/b/uid-b')
})

describe('two releases that want overlapping behaviors', () => {
  test('take them in one order, whatever the order in their specs', () => {
    expect(partsOf(releaseOf('a', '/x/*', '*', '/y/*'))).toEqual(partsOf(releaseOf('a', '/y/*', '/x/*', '*')))
  })

  test('never hold half each: the one that holds the last part gets all', async () => {
    const [first = '', second = ''] = partsOf(releaseOf('a', '/x/*', '/y/*')).map((part) =>
      'pathPattern' in part ? part.pathPattern : '',
    )
    const b = stand(releaseOf('b', second))
    await claims.take(b)
    const a = stand(releaseOf('a', second, first))
    await expect(claims.take(a)).rejects.toMatchObject({ reason: 'BehaviorClaimed' })
    await expect(claims.read(a)).resolves.toEqual({ type: 'Taken', part: second, by: 'models/b' })
    await expect(claims.read(b)).resolves.toEqual({ type: 'Held' })
    gone(b)
    await claims.take(a)
    await expect(claims.read(a)).resolves.toEqual({ type: 'Held' })
  })
})

/** WATCH_NAMESPACES was narrowed, and with it what the operator may read. */
function onlyIn(...namespaces: string[]) {
  return ({ path, access }: Seen) =>
    access === 'get modelreleases.modelrelease.io' && !namespaces.includes(path.split('/')[5] ?? '')
      ? status(
          403,
          'Forbidden',
          'modelreleases.modelrelease.io is forbidden: User "operator" cannot get resource',
        )
      : undefined
}

describe('a claim whose holder may not be read any more', () => {
  test('stays with him, is told with what to do, and keeps no release from what it has', async () => {
    await claims.take(stand(releaseOf('a', '*')))
    const own = releaseOf('b', '/b/*')
    const b = { ...own, metadata: { ...own.metadata, namespace: 'ours' } }
    await claims.take(b)
    server.refuse = onlyIn('ours')
    await expect(claims.read(b)).resolves.toEqual({ type: 'Held' })
    const both = { ...b, spec: releaseOf('b', '/b/*', '*').spec }
    const name = claimName({ distributionId: 'E123456', pathPattern: '*' })
    const by = `models/a (in a namespace that the operator may not read: name it in WATCH_NAMESPACES; if that release is gone for good, its claim may end: Lease modelrelease-system/${name})`
    await expect(claims.read(both)).resolves.toEqual({ type: 'Taken', part: '*', by })
    await expect(claims.take(both)).rejects.toThrow(by)
    expect(holder('*')).toBe('models/a/uid-a')
  })

  test('is still looked at again where the API server does not answer', async () => {
    await claims.take(stand(releaseOf('a', '*')))
    server.refuse = ({ access }) =>
      access === 'get modelreleases.modelrelease.io' ? status(503, 'ServiceUnavailable', 'no') : undefined
    await expect(claims.read(releaseOf('b', '*'))).rejects.toThrow(TransientError)
  })
})

describe('a sweep', () => {
  const count = (): number =>
    server.seen.filter(({ access }) => access === 'delete leases.coordination.k8s.io').length

  test('takes away what nobody has any more, and nothing else', async () => {
    const [a, b, c] = [
      stand(releaseOf('a', '/a/*')),
      stand(releaseOf('b', '/b/*')),
      stand(releaseOf('c', '/c/*')),
    ]
    for (const release of [a, b, c]) await claims.take(release)
    server.put(LEASES, {
      metadata: { name: 'modelrelease-operator', namespace: 'modelrelease-system' },
      spec: { holderIdentity: 'operator-1' },
    })
    server.put(LEASES, {
      metadata: {
        name: 'claim-of-nobody',
        namespace: 'modelrelease-system',
        labels: { 'app.kubernetes.io/managed-by': 'modelrelease' },
      },
      spec: {},
    })
    gone(a)
    stand(releaseOf('b', '/other/*'))
    await claims.sweep?.()
    expect([holder('/a/*'), holder('/b/*'), holder('/c/*')]).toEqual([undefined, undefined, 'models/c/uid-c'])
    expect(server.at(`${LEASES}/claim-of-nobody`)).toBeUndefined()
    expect(server.at(`${LEASES}/modelrelease-operator`)).toBeDefined()
    await claims.sweep?.()
    expect(count()).toBe(3)
  })

  test('leaves alone what somebody takes meanwhile', async () => {
    await claims.take(releaseOf('old', '*'))
    const a = stand(releaseOf('a', '*'))
    server.refuse = (seen) => {
      if (seen.method !== 'DELETE') return undefined
      const name = seen.path.split('/').at(-1) ?? ''
      server.put(LEASES, { metadata: { name }, spec: { holderIdentity: 'models/a/uid-a' } })
      return undefined
    }
    await claims.sweep?.()
    await expect(claims.read(a)).resolves.toEqual({ type: 'Held' })
  })

  test('goes on after claims that may not be read or removed, and tells of the latter', async () => {
    const releases = ['a', 'b', 'c'].map((name) => releaseOf(name, `/${name}/*`))
    const [unreadable = releaseOf('a'), ...others] = releases
    const kept = { ...unreadable, metadata: { ...unreadable.metadata, namespace: 'elsewhere' } }
    for (const release of [kept, ...others]) await claims.take(release)
    const refused = claimName({ distributionId: 'E123456', pathPattern: '/b/*' })
    const unread = onlyIn('models')
    server.refuse = (seen) =>
      seen.method === 'DELETE' && seen.path.endsWith(refused)
        ? status(403, 'Forbidden', 'leases is forbidden: a policy says so')
        : unread(seen)
    await expect(claims.sweep?.()).rejects.toThrow('1 of 3 claims could not be removed')
    expect([holder('/a/*'), holder('/b/*'), holder('/c/*')]).toEqual([
      'elsewhere/a/uid-a',
      'models/b/uid-b',
      undefined,
    ])
  })
})
