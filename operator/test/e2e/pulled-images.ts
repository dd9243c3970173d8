/** Releases of an image that the node pulls by its digest, from a registry that wants a password, as a cluster in production does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readConfig, type Registry } from '../../../cluster/config.ts'
import { kindIsUsable } from '../../../cluster/kind.ts'
import { runsHere } from '../../../cluster/node.ts'
import { providerFor } from '../../../cluster/provider.ts'
import { dashboardAnswers, watchDashboard, type PageCount } from '../../../demo/dashboard-viewers.ts'
import { runningTimeout } from '../../../demo/deadline.ts'
import type { Environment } from '../../../demo/environment.ts'
import { dashboard, type WrittenRelease, type WrittenSpec } from '../../../demo/housing.ts'
import { PLAIN_IMAGE } from '../../../demo/install.ts'
import { followRelease, type ReleaseFollower, type SeenRelease } from '../../../demo/release-follower.ts'
import { apply } from '../../../demo/stage.ts'
import { freePort } from '../../../scripts/free-port.ts'
import { ACCOUNT, startRegistry } from './local-registry.ts'

const { provider } = readConfig()
/** Elsewhere a registry is somebody's own, and images come from there in every test. */
const isOurNode =
  (provider === 'debian' || (provider === 'auto' && !(await kindIsUsable()))) && (await runsHere())
const when = isOurNode ? describe : describe.skip

const NAMESPACE = 'pulled'
const SECRET = 'registry'
const TEST_MS = 10 * 60_000
const UNTIL_MS = 5 * 60_000
/** Pods come in seconds, and in minutes where the machine has other work. */
const LONG_SECONDS = 600
/** For a kubelet that has much else to do to ask once. */
const SHORT_SECONDS = 60

export function describePulledImages(environmentNow: () => Environment): void {
  when('an image that the node pulls', () => {
    let environment: Environment
    let follower: ReleaseFollower
    let address: string
    let image: string
    const folder = mkdtempSync(join(tmpdir(), 'registry-'))

    beforeAll(async () => {
      environment = environmentNow()
      const { cluster, adopt, kubectl, makeNamespace } = environment
      // Free on one address is as good as free on all of them: the next few milliseconds decide anyway.
      address = `${cluster.hostAddress}:${await freePort()}`
      adopt(await startRegistry({ folder, address, cacheDir: readConfig().cacheDir }))
      image = await pushed(environment, address, folder)
      await makeNamespace(NAMESPACE)
      await kubectl([
        ...['-n', NAMESPACE, 'create', 'secret', 'docker-registry', SECRET],
        ...[`--docker-server=${address}`, `--docker-username=${ACCOUNT.user}`],
        `--docker-password=${ACCOUNT.password}`,
      ])
      follower = followRelease({ environment, namespace: NAMESPACE, name: 'dashboard', say: () => undefined })
    }, TEST_MS)
    afterAll(() => rmSync(folder, { recursive: true }))

    async function ended(release: WrittenRelease): Promise<SeenRelease> {
      const isAbout = await apply({ environment, say: () => undefined }, release)
      const isOver = (seen: SeenRelease): boolean =>
        isAbout(seen) && seen.status?.attempt?.outcome !== undefined
      return follower.until('the end', isOver, UNTIL_MS)
    }

    test(
      'runs as the very one that was pushed',
      async () => {
        expect((await ended(pulled('1', image))).status?.attempt).toMatchObject({ outcome: 'Promoted' })
        const digest = image.replace(/^.*@/, '')
        const query = 'jsonpath={.items[*].status.containerStatuses[*].imageID}'
        const ids = (await environment.kubectl(['-n', NAMESPACE, 'get', 'pods', '-o', query])).split(' ')
        expect(ids).toEqual([expect.stringContaining(digest), expect.stringContaining(digest)])
      },
      TEST_MS,
    )

    test.each([
      {
        name: 'that its registry does not have ends the attempt as soon as that is certain',
        change: () => image.replace(/@.*$/, `@sha256:${'0'.repeat(64)}`),
        changes: {},
        secrets: [SECRET],
        says: /correct the image in spec\.template: its registry has no such image/,
        reason: 'CandidateRefused',
      },
      {
        name: 'for which nobody has a password waits for one until the deadline, and says so',
        change: () => image.replace('/web/', '/other/'),
        changes: { progressDeadlineSeconds: SHORT_SECONDS },
        secrets: [],
        says: /give spec\.template\.spec\.imagePullSecrets a Secret that the registry accepts/,
        reason: 'ProgressDeadlineExceeded',
      },
    ])(
      '$name',
      async ({ change, changes, secrets, says, reason }) => {
        const query = 'jsonpath={.spec.clusterIP}'
        const ip = await environment.kubectl(['-n', NAMESPACE, 'get', 'service', 'dashboard', '-o', query])
        const url = `http://${ip}/`
        // The release before has just made this Service.
        const soon = AbortSignal.any([environment.signal, runningTimeout(UNTIL_MS)])
        await dashboardAnswers(url, ['1'], soon)
        const viewers = watchDashboard(url, ['1'])
        let seen: PageCount
        try {
          const { status } = await ended(pulled('2', change(), { secrets, changes }))
          expect(status?.attempt).toMatchObject({ outcome: 'Failed', reason })
          expect(status?.conditions?.find(({ type }) => type === 'Stalled')?.message).toMatch(says)
          await ended(pulled('1', image))
        } finally {
          seen = await viewers.leave()
        }
        expect(seen.failures).toEqual([])
        expect(seen.pages).toBeGreaterThan(0)
      },
      TEST_MS,
    )
  })
}

/** The dashboard, from another image. */
function pulled(
  version: string,
  image: string,
  { secrets = [SECRET], changes = {} }: { secrets?: readonly string[]; changes?: WrittenSpec } = {},
): WrittenRelease {
  const release = dashboard(version, new Map([[PLAIN_IMAGE, image]]))
  const { spec } = release.spec.template as { spec: object }
  const imagePullSecrets = secrets.map((name) => ({ name }))
  return {
    ...release,
    metadata: { ...release.metadata, namespace: NAMESPACE },
    spec: {
      ...release.spec,
      progressDeadlineSeconds: LONG_SECONDS,
      ...changes,
      template: { spec: { ...spec, imagePullSecrets } },
    },
  }
}

/** Pushes the dashboard's image with its password, and returns the name by which it is pulled. */
async function pushed({ cluster }: Environment, address: string, folder: string): Promise<string> {
  const auth = Buffer.from(`${ACCOUNT.user}:${ACCOUNT.password}`).toString('base64')
  const authFile = join(folder, 'auth.json')
  // As `buildah login` would leave it.
  writeFileSync(authFile, JSON.stringify({ auths: { [address]: { auth } } }))
  const registry: Registry = { prefix: `${address}/web`, tls: 'Any', authFile }
  const config = { ...readConfig({ name: cluster.name, provider: 'debian' }), registry }
  const handle = await (await providerFor({ config, report: () => undefined })).attach()
  return handle.load(PLAIN_IMAGE)
}
