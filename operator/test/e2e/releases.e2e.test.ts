/** Releases of a real model on a real cluster, seen by viewers through the edges. One environment for all of them. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { applyCrdFlags } from '../../../cluster/kubectl.ts'
import type { SeedDistribution } from '../../../cloudfront-local/seed-content.ts'
import { distributionFor, ORIGINS } from '../../../demo/cloudfront.ts'
import { runningTimeout } from '../../../demo/deadline.ts'
import { openEnvironment, type Environment } from '../../../demo/environment.ts'
import { IMAGES, type ImageNames } from '../../../demo/install.ts'
import { dashboard, HOUSE_REQUEST, type WrittenRelease } from '../../../demo/housing.ts'
import { killInNode, leaderPod, processOf } from '../../../demo/operator-pods.ts'
import type { Place } from '../../../demo/place.ts'
import type { SeenRelease } from '../../../demo/release-follower.ts'
import { DEMO_DIR } from '../../../demo/running.ts'
import { command } from '../../../demo/stage.ts'
import { IDENTITY_HEADER, otherColor, type Color } from '../../api/names.ts'
import { without } from '../../planner/state/persisted-state.ts'
import { describeBadInput } from './bad-input.ts'
import { describePulledImages } from './pulled-images.ts'
import { openSite, type PodIdentity, type Site, type Version } from './site.ts'
import { judgedTest, underLoad as underLoadAt } from './under-load.ts'
import { checkOut, commitBefore } from './version-before.ts'

/** The very first run on a machine builds Kubernetes. */
const SETUP_MS = 15 * 60_000
/** Most take a minute; what hangs is ended sooner, by a deadline that knows how busy the machine is. */
const TEST_MS = 60 * 60_000
const UNTIL_MS = 5 * 60_000
/** How soon a drain asks again for a pod that a budget keeps. */
const DRAIN_RETRY_MS = 1000
/** Logs of the last run stay, as those of the demo do. */
const LOG_DIR = join(DEMO_DIR, 'e2e')

let environment: Environment
let site: Site
const stopped = new AbortController()

beforeAll(async () => {
  rmSync(LOG_DIR, { recursive: true, force: true })
  environment = await openEnvironment({
    name: 'e2e',
    range: '10.233.0.0/16',
    logDir: LOG_DIR,
    report: () => undefined,
    // Moves of one site follow each other at once; that they keep their distance is tested elsewhere.
    operator: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '1' },
    signal: stopped.signal,
  })
}, SETUP_MS)

afterAll(async () => {
  await environment.close()
}, SETUP_MS)

/** A site where version 1 is live, and everything that is known of it. */
async function liveSite(
  distributionOf: (place: Place) => SeedDistribution = distributionFor,
): Promise<{ live: 'blue' | 'green'; pods: PodIdentity[] }> {
  site = await openSite(environment, distributionOf)
  const { status } = await site.play(site.write('1'))
  const live = status?.liveColor ?? 'blue'
  return { live, pods: await site.pods(live) }
}

/** Viewers of the site of this test. */
const underLoad = (versions: readonly Version[], act: () => Promise<void>): Promise<void> =>
  underLoadAt(site, versions, act)

const until = (what: string, isWanted: (release: SeenRelease) => boolean): Promise<SeenRelease> =>
  site.follower.until(what, isWanted, UNTIL_MS)

/** The candidate has pods, and is not switched to. */
async function candidateHasPods(live: 'blue' | 'green'): Promise<void> {
  await until('a candidate', ({ status }) => status?.colors?.[otherColor(live)] !== undefined)
}

/** Pods that are not on their way out; those of a candidate that was given up may still be. */
async function staying(color: Color): Promise<PodIdentity[]> {
  return (await site.pods(color)).filter(({ leaving }) => leaving === 'No')
}

async function killLeader(): Promise<void> {
  const leader = await leaderPod(environment.kubectl)
  if (leader === undefined) throw new Error('nobody leads')
  await killInNode(environment.provider, await processOf(environment, leader))
}

describe('a release through the edges', () => {
  afterEach(async () => {
    // What a test left held must not hold the next one.
    await environment.cloudFront.release()
  })

  judgedTest(
    'is promoted and undone, with one update per move',
    async () => {
      await liveSite()
      await underLoad(['1', '2'], async () => {
        const promoted = await site.play(site.write('2'))
        const both = [await site.pods('blue'), await site.pods('green')]
        const undo = await command({ environment, say: () => undefined }, 'undo', promoted)
        const { status } = await site.ended('the undo', undo)
        expect(status?.attempt?.outcome).toBe('RolledBack')
        expect([await site.pods('blue'), await site.pods('green')]).toEqual(both)
      })
      const moves = (await site.updates()).map(({ targets = [] }) => targets.map(({ to }) => to))
      expect(moves).toEqual([
        ['housing-green', 'housing-green'],
        ['housing-blue', 'housing-blue'],
        ['housing-green', 'housing-green'],
      ])
    },
    TEST_MS,
  )

  judgedTest(
    'whose status is wiped while the pointer moves is seen through, and nothing that serves is touched',
    async () => {
      const { live, pods } = await liveSite()
      await underLoad(['1', '2'], async () => {
        await environment.cloudFront.hold()
        const applied = await site.apply(site.write('2'))
        await site.nextUpdate(1)
        await wipeStatus()
        await until('a new status', ({ status }) => status?.attempt !== undefined)
        expect(await site.pods(live)).toEqual(pods)
        await environment.cloudFront.release()
        const { status } = await site.ended('the end of version 2', applied)
        expect(status?.attempt?.outcome).toBe('Promoted')
        expect(await site.pods(live)).toEqual(pods)
      })
      expect(await site.updates()).toHaveLength(2)
    },
    TEST_MS,
  )

  judgedTest(
    'whose origin ids are swapped is refused, and nothing moves until they are put back',
    async () => {
      const { live, pods } = await liveSite()
      const swapped = site.write('2')
      const { cloudFrontDistribution } = swapped.spec.traffic ?? {}
      if (cloudFrontDistribution)
        cloudFrontDistribution.origins = { blue: 'housing-green', green: 'housing-blue' }
      await underLoad(['1', '2'], async () => {
        await site.apply(swapped)
        await until('a refusal', (release) => stalledBy(release) === 'OriginRemapped')
        expect(await site.updates()).toHaveLength(1)
        expect(await site.pods(live)).toEqual(pods)
        expect(await site.pods(otherColor(live))).toEqual([])
        await site.play(site.write('2'))
        expect(await site.pods(live)).toEqual(pods)
      })
    },
    TEST_MS,
  )

  judgedTest(
    'whose origin would answer wrong is refused before any viewer meets it, although its pods are right',
    async () => {
      // Blue takes the second version, because the first is built where the pointer does not lead.
      await liveSite((place) => withOriginPath(distributionFor(place), 'blue', '/behind-a-prefix'))
      await underLoad(['1'], async () => {
        const { status } = await site.play(site.write('2'), 'Failed')
        expect(status?.attempt?.message).toMatch(/-house at origin housing-blue: /)
        expect(status?.liveColor).toBe('green')
      })
      expect(await site.updates()).toHaveLength(1)
    },
    TEST_MS,
  )

  judgedTest(
    'that is deleted at any instant leaves what serves alone, and is taken up again as it stands',
    async () => {
      const { live, pods } = await liveSite()
      await underLoad(['1', '2'], async () => {
        // While nothing happens.
        await deleteRelease()
        await site.play(site.write('1'))
        expect(await site.pods(live)).toEqual(pods)
        // While a candidate is built.
        await site.apply(site.write('2'))
        await candidateHasPods(live)
        await deleteRelease()
        await site.play(site.write('1'))
        expect(await site.pods(live)).toEqual(pods)
        expect(await site.updates()).toHaveLength(1)
        // While edges disagree.
        await environment.cloudFront.hold()
        await site.apply(site.write('2'))
        await site.nextUpdate(1)
        const candidate = await staying(otherColor(live))
        await deleteRelease()
        await environment.cloudFront.release()
        await site.play(site.write('2'))
        expect(await site.pods(live)).toEqual(pods)
        expect(await staying(otherColor(live))).toEqual(candidate)
      })
      expect(await site.updates()).toHaveLength(2)
    },
    TEST_MS,
  )

  judgedTest(
    'is never emptied by a drain of its nodes, while the old color is warm',
    async () => {
      await liveSite()
      const { status } = await site.play(site.write('2'))
      const live = status?.liveColor ?? 'blue'
      const before = await site.pods(live)
      await underLoad(['2'], async () => {
        const refused = await Promise.all(before.map(({ name }) => evicted(name)))
        // All were asked to go at once, so all but one had to wait for another to become ready.
        expect(refused.filter((times) => times > 0).length).toBeGreaterThanOrEqual(before.length - 1)
        await until('new pods', ({ status: now }) => now?.colors?.[live]?.ready === before.length)
      })
      const names = new Set(before.map(({ name }) => name))
      expect((await staying(live)).filter(({ name }) => names.has(name))).toEqual([])
      expect(await budgets()).toEqual([`housing-${live}`])
    },
    TEST_MS,
  )

  judgedTest(
    'survives its operator, whenever that is killed',
    async () => {
      const { live, pods } = await liveSite()
      await underLoad(['1', '2'], async () => {
        const applied = await site.apply(site.write('2'))
        await candidateHasPods(live)
        await killLeader()
        // The update is under way and not committed: it may still come from a leader that is dead.
        await environment.cloudFront.addFault({
          ...{ operation: 'UpdateDistribution', distribution: site.place.distributionId },
          ...{ latencyMs: 3000, phase: 'BeforeCommit' },
        })
        await until('an intent', ({ status }) => status?.traffic?.intent !== undefined)
        await killLeader()
        const { status } = await site.ended('the end of version 2', applied)
        expect(status?.attempt?.outcome).toBe('Promoted')
        expect(await site.pods(live)).toEqual(pods)
      })
      expect(await site.updates()).toHaveLength(2)
    },
    TEST_MS,
  )

  judgedTest(
    'goes on with another version of its operator, and stands while there is none',
    async () => {
      const { live, pods } = await liveSite()
      const next = await otherOperator()
      await underLoad(['1', '2'], async () => {
        // The pointer moves, and every edge still follows to where it was.
        await environment.cloudFront.hold()
        const applied = await site.apply(site.write('2'))
        await candidateHasPods(live)
        await environment.installOperator(next)
        await site.nextUpdate(1)
        const candidate = await staying(otherColor(live))
        try {
          await environment.uninstallOperator()
          await environment.cloudFront.release()
          await everyEdgeFollowsAlone()
          expect([await site.pods(live), await staying(otherColor(live))]).toEqual([pods, candidate])
        } finally {
          // The version before; what comes after this test needs one as well.
          await environment.installOperator(environment.images)
        }
        const { status } = await site.ended('the end of version 2', applied)
        expect(status?.attempt?.outcome).toBe('Promoted')
        expect([await site.pods(live), await staying(otherColor(live))]).toEqual([pods, candidate])
      })
      expect(await site.updates()).toHaveLength(2)
    },
    TEST_MS,
  )

  const before = commitBefore()
  // A clone without the history has no other version.
  const judgedWhereKnown = before === undefined ? test.skip : judgedTest
  judgedWhereKnown(
    'is finished by the version before, and by this one again',
    async () => {
      const { live, pods } = await liveSite()
      const old = await operatorOf(before ?? '')
      await underLoad(['1', '2', '5'], async () => {
        await takenOver(site.write('2'), live, () => downgrade(old))
        expect(await site.pods(live)).toEqual(pods)
        await takenOver(site.write('5'), otherColor(live), () =>
          environment.installOperator(environment.images),
        )
      })
      expect(await site.updates()).toHaveLength(3)
    },
    TEST_MS,
  )

  judgedTest(
    'makes room for a third one at once, and its pods answer what they still owe',
    async () => {
      site = await openSite(environment)
      const { status: first } = await site.play(patient(site.write('1')))
      const live = first?.liveColor ?? 'blue'
      await underLoad(['1', '2', '5'], async () => {
        const moves = (await site.updates()).length
        await site.apply(patient(site.write('2')))
        await site.nextUpdate(moves)
        const owed = await unfinishedRequest(live)
        await site.apply(patient(site.write('5')))
        const revision = first?.colors?.[live]?.revision
        await until('a third revision in the first color', ({ status }) => {
          const now = status?.colors?.[live]?.revision
          return now !== undefined && now !== revision
        })
        expect(await site.pods(live)).toContainEqual(expect.objectContaining({ leaving: 'Yes' }))
        expect(await owed.finish()).toEqual({ status: 200, revision })
        await until('the end of version 5', ({ status }) => status?.attempt?.outcome === 'Promoted')
      })
    },
    TEST_MS,
  )

  judgedTest(
    'gives way to a third one before it was switched to, and no viewer ever meets it',
    async () => {
      const { live } = await liveSite()
      // Version 2 may not answer anybody: one answer of it would be a failure.
      await underLoad(['1', '5'], async () => {
        await site.apply(site.write('2'))
        await candidateHasPods(live)
        const { status } = await site.play(site.write('5'))
        expect(status?.history?.map(({ outcome }) => outcome)).toEqual(['Promoted', 'Superseded', 'Promoted'])
      })
      expect(await site.updates()).toHaveLength(2)
    },
    TEST_MS,
  )

  judgedTest(
    'with a container that ends six seconds after its start is never switched to, though it is ready in between',
    async () => {
      await liveSite()
      await underLoad(['1'], async () => {
        const { status } = await site.play(withEndingSidecar(), 'Failed')
        expect(status?.attempt?.reason).toBe('ProgressDeadlineExceeded')
      })
      expect(await site.updates()).toHaveLength(1)
    },
    TEST_MS,
  )
})

/** The names of the images with another one of the operator: what is in it is the same, and its digest is new in every run. */
async function otherOperator(): Promise<ImageNames> {
  const [{ tag }] = IMAGES
  const other = `${tag}-next`
  const context = mkdtempSync(join(environment.logDir, 'next-'))
  const dockerfile = join(context, 'Dockerfile')
  writeFileSync(dockerfile, `FROM ${tag}\nLABEL org.opencontainers.image.version="next-${Date.now()}"\n`)
  await environment.cluster.build({ tag: other, dockerfile, context })
  return new Map([...environment.images, [tag, await environment.cluster.load(other)]])
}

/** An operator of another version, and the definition that came with it. */
type OlderOperator = { images: ImageNames; definition: string }

async function operatorOf(commit: string): Promise<OlderOperator> {
  const [{ tag, dockerfile: name }] = IMAGES
  // Not below the root, where jest would take its packages for ours.
  const folder = mkdtempSync(join(tmpdir(), 'modelrelease-before-'))
  try {
    const context = join(folder, 'source')
    checkOut(commit, context)
    const older = `${tag}-before`
    const dockerfile = join(context, name)
    // The npm of the base takes what package.json overrides for a fault of the tree, as today's Dockerfile says too.
    const asked = readFileSync(dockerfile, 'utf8').replaceAll('&& npm sbom', '&& npx --yes npm@11.19.1 sbom')
    writeFileSync(dockerfile, asked)
    await environment.cluster.build({ tag: older, dockerfile, context })
    const definition = readFileSync(join(context, 'crds/modelrelease.yaml'), 'utf8')
    return {
      images: new Map([...environment.images, [tag, await environment.cluster.load(older)]]),
      definition,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** As who applies an older overlay: the definition goes back as well, and what only the newer one knows is dropped from each status. */
async function downgrade({ images, definition }: OlderOperator): Promise<void> {
  await environment.installOperator(images)
  const flags = applyCrdFlags(environment.cluster.kubernetesMinor)
  await environment.kubectl(['apply', ...flags, '-f', '-'], definition)
}

/** A release that another version finds in the middle, and finishes: edges follow the pointer once it is there. */
async function takenOver(release: WrittenRelease, live: Color, install: () => Promise<void>): Promise<void> {
  await environment.cloudFront.hold()
  const applied = await site.apply(release)
  await candidateHasPods(live)
  await install()
  await environment.cloudFront.release()
  const { status } = await site.ended('the end of what another version began', applied)
  expect(status?.attempt?.outcome).toBe('Promoted')
}

/** Edges need nobody to follow a distribution that was moved. */
async function everyEdgeFollowsAlone(): Promise<void> {
  const { distributionId } = site.place
  const version = (await site.updates()).at(-1)?.version
  await environment.cloudFront.waitFor(
    (entry) =>
      entry.type === 'EdgeApplied' &&
      entry.distribution === distributionId &&
      entry.version === version &&
      entry.status === 'Deployed',
    0,
    AbortSignal.any([environment.signal, runningTimeout(UNTIL_MS)]),
  )
}

/** Asks for the pod to go as a drain does, until that is allowed; how often a budget refused it. */
async function evicted(name: string): Promise<number> {
  const { namespace } = site.place
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
  const signal = runningTimeout(UNTIL_MS)
  for (let refused = 0; ; refused += 1) {
    const answer = await environment.api.request({ method: 'POST', path, ...evictionOf(name, namespace) })
    if (answer.status < 300) return refused
    if (answer.status !== 429 || signal.aborted) throw new Error(`${path}: ${answer.status} ${answer.body}`)
    await sleep(DRAIN_RETRY_MS, undefined, { signal })
  }
}

function evictionOf(name: string, namespace: string): { contentType: string; body: string } {
  // Newer API servers take this version as well; policy/v1 is known from 1.22 on.
  const eviction = { apiVersion: 'policy/v1beta1', kind: 'Eviction', metadata: { name, namespace } }
  return { contentType: 'application/json', body: JSON.stringify(eviction) }
}

async function budgets(): Promise<string[]> {
  const { namespace } = site.place
  const list = await environment.kubectl([
    '-n',
    namespace,
    'get',
    'pdb',
    '-o',
    'jsonpath={.items[*].metadata.name}',
  ])
  return list.split(' ').filter(Boolean)
}

/** Whose server waits for the rest of a request for longer than any test takes. */
function patient(release: WrittenRelease): WrittenRelease {
  const { model } = release.spec
  if (!model) throw new Error('this release has no model')
  const env = [{ name: 'REQUEST_TIMEOUT_MS', value: '600000' }]
  return { ...release, spec: { ...release.spec, model: { ...model, env } } }
}

/** A request of which the last byte is still to come, as an edge has it under way at a color that users have just left. */
async function unfinishedRequest(
  color: Color,
): Promise<{ finish: () => Promise<{ status: number | undefined; revision: unknown }> }> {
  const { namespace } = site.place
  const where = ['-n', namespace, 'get', 'service', `housing-${color}`, '-o', 'jsonpath={.spec.clusterIP}']
  const body = JSON.stringify(HOUSE_REQUEST)
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    expect: '100-continue',
  }
  const sent = request(`http://${await environment.kubectl(where)}/predict`, { method: 'POST', headers })
  sent.flushHeaders()
  // The server has it now, and waits.
  await once(sent, 'continue')
  sent.write(body.slice(0, -1))
  return {
    finish: async () => {
      sent.end(body.slice(-1))
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      answer.resume()
      return { status: answer.statusCode, revision: answer.headers[IDENTITY_HEADER.revision] }
    },
  }
}

/** No probe looks at the second container, so the pod is ready while it is up. */
function withEndingSidecar(): WrittenRelease {
  const good = site.write('2', { minReadySeconds: 10, progressDeadlineSeconds: 60 })
  const { template } = dashboard('2', environment.images).spec
  const { containers } = (template as { spec: { containers: { image: string }[] } }).spec
  const command = ['node', '-e', 'setTimeout(() => process.exit(1), 6000)']
  const sidecar = { name: 'sidecar', image: containers[0]?.image, command }
  const { traffic } = good.spec
  // Its answers name no revision.
  const cloudFrontDistribution = {
    ...traffic?.cloudFrontDistribution,
    verify: { type: 'DeployedOnly' as const },
  }
  const spec = {
    ...without(good.spec, 'model'),
    gates: [],
    template: { spec: { containers: [...containers, sidecar] } },
    traffic: { ...traffic, cloudFrontDistribution },
  }
  return { ...good, spec }
}

describeBadInput(() => environment)

describePulledImages(() => environment)

function withOriginPath(seed: SeedDistribution, color: Color, originPath: string): SeedDistribution {
  const origins = seed.origins.map((one) => (one.id === ORIGINS[color] ? { ...one, originPath } : one))
  return { ...seed, origins }
}

async function wipeStatus(): Promise<void> {
  const path = `/apis/modelrelease.io/v1alpha1/namespaces/${site.place.namespace}/modelreleases/housing/status`
  const answer = await environment.api.request({
    method: 'PATCH',
    path,
    contentType: 'application/merge-patch+json',
    body: JSON.stringify({ status: null }),
  })
  expect(answer.status).toBe(200)
  expect((JSON.parse(answer.body) as SeenRelease).status).toBeUndefined()
}

/** With the policy Retain, which is the default behind CloudFront. */
async function deleteRelease(): Promise<void> {
  await environment.kubectl(['-n', site.place.namespace, 'delete', 'mr', 'housing'])
}

function stalledBy({ status }: SeenRelease): string | undefined {
  return status?.conditions?.find(({ type }) => type === 'Stalled')?.reason
}
