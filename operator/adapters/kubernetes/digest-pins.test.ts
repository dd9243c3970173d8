import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { without } from '../../planner/state/persisted-state.ts'
import { deploymentOf, digestPinOf, storedRevisionOf } from '../../planner/manifests/children.ts'
import type { PinReading } from '../../planner/model/observation.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { FakeApiServer, status } from '../../test/fakes/api-server.ts'
import { housingBehindService } from '../../test/fakes/simulated-world.ts'
import { releaseOf, storedOf } from '../../test/fakes/worlds.ts'
import { createCluster } from './cluster.ts'
import type { Cluster } from '../../ports/ports.ts'

const CONFIG_MAPS = '/api/v1/namespaces/models/configmaps'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/models/deployments'
const REVISIONS = '/apis/apps/v1/namespaces/models/controllerrevisions'

const release = releaseOf(housingBehindService(1, { digest: 'Open' }))
const stored = storedOf(release.spec, { serverImage: 'model-server:1' }, release)
const { revision } = stored
const pin = { type: 'PinDigest', revision, digest: 'ff', ownership: 'Owned' } as const
const place = `${CONFIG_MAPS}/housing-${revision}-digest`

const server = new FakeApiServer()
let access: ApiClient
let cluster: Cluster

beforeAll(async () => {
  access = new ApiClient(await server.listen())
  cluster = createCluster({ transport: access, log: { warn: () => undefined }, now: () => 0 })
})

afterAll(async () => {
  access.close()
  await server.close()
})

beforeEach(() => server.reset())

describe('the pin of a revision', () => {
  async function seen(): Promise<PinReading | undefined> {
    const deployment = deploymentOf({ release, color: 'blue', stored, replicas: 1, ownership: 'Free' })
    server.put(DEPLOYMENTS, { ...deployment })
    return (await cluster.colors(release)).blue.workload?.pin
  }

  test('is open until it is made, and says then what it was made with', async () => {
    expect(await seen()).toEqual({ type: 'Open' })
    await cluster.pinDigest(release, pin)
    expect(await seen()).toEqual({ type: 'Pinned', digest: 'ff' })
    expect(server.at(place)).toMatchObject({ immutable: true, data: { sha256: 'ff' } })
  })

  test('that may not be read keeps nobody from looking after what serves', async () => {
    server.refuse = ({ access: wanted }) =>
      wanted === 'get configmaps' ? status(403, 'Forbidden', 'may not') : undefined
    expect(await seen()).toEqual({ type: 'Unread' })
  })

  test('is not asked for where an earlier version, or the spec, rendered none', async () => {
    const own = storedOf(housingBehindService(1))
    server.put(DEPLOYMENTS, {
      ...deploymentOf({ release, color: 'blue', stored: own, replicas: 1, ownership: 'Free' }),
    })
    expect((await cluster.colors(release)).blue.workload).not.toHaveProperty('pin')
    expect(server.seen.map((one) => one.access)).not.toContain('get configmaps')
  })

  test('made twice is made once', async () => {
    await cluster.pinDigest(release, pin)
    await expect(cluster.pinDigest(release, pin)).resolves.toBeUndefined()
  })

  test('is never made to say something else', async () => {
    await cluster.pinDigest(release, pin)
    const other = cluster.pinDigest(release, { ...pin, digest: 'ee' })
    await expect(other).rejects.toMatchObject({ name: 'ConflictError' })
    expect(server.at(place)).toMatchObject({ data: { sha256: 'ff' } })
  })

  test('is not taken over from a ConfigMap of somebody else', async () => {
    const made = digestPinOf(release, pin)
    server.put(CONFIG_MAPS, { ...made, metadata: without(made.metadata, 'labels') })
    await expect(cluster.pinDigest(release, pin)).rejects.toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining(`configmaps models/housing-${revision}-digest stands already`),
    })
    await cluster.forgetRevision(release, {
      type: 'ForgetRevision',
      attempt: stored.attempt,
      pinOf: revision,
    })
    expect(server.at(place)).toBeDefined()
  })

  test('goes, and stays, with what is stored of the revision', async () => {
    server.put(REVISIONS, { ...storedRevisionOf(release, stored, 'Owned') })
    await cluster.pinDigest(release, pin)
    const { attempt } = stored
    const free = { type: 'SetOwnership', of: 'Revision', attempt, ownership: 'Free' } as const
    await cluster.setOwnership(release, free)
    expect(server.at(place)?.metadata).toMatchObject({ ownerReferences: [] })
    await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt })
    expect(server.at(place)).toBeDefined()
    await cluster.forgetRevision(release, { type: 'ForgetRevision', attempt, pinOf: revision })
    expect(server.at(place)).toBeUndefined()
  })
})
