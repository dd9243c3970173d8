/** One release behind a distribution of its own, in a namespace of its own, with its viewers; all on one environment. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import {
  distributionFor,
  isAcceptedUpdate,
  type AuditEntry,
  type UpdateEntry,
} from '../../../demo/cloudfront.ts'
import { runningTimeout } from '../../../demo/deadline.ts'
import type { SeedDistribution } from '../../../cloudfront-local/seed-content.ts'
import type { Environment } from '../../../demo/environment.ts'
import { housing, type WrittenRelease, type WrittenSpec } from '../../../demo/housing.ts'
import { judgeViewers, type Judged } from '../../../demo/judge-viewers.ts'
import type { Place } from '../../../demo/place.ts'
import { followRelease, type ReleaseFollower, type SeenRelease } from '../../../demo/release-follower.ts'
import { apply, type Applied } from '../../../demo/stage.ts'
import { sendViewers, type Viewers as SentViewers } from '../../../demo/viewers.ts'
import type { Outcome } from '../../api/release.ts'
import { LABEL, type Color } from '../../api/names.ts'

/** Versions of the housing predictor, and the model that each serves. */
const MODELS = { '1': '1', '2': '2', '5': '1' } as const
export type Version = keyof typeof MODELS

/** A pod as far as a test can tell whether it was touched. */
export type PodIdentity = { name: string; uid: string; restarts: number; leaving: 'Yes' | 'No' }

/** Viewers that come at a constant rate; `leave` tells what all of them met. */
export type Viewers = Pick<SentViewers, 'completed'> & { leave: () => Promise<Judged> }

export type Site = {
  place: Place
  follower: ReleaseFollower
  /** Everything that was seen of the release, for the message of a test that fails. */
  seen: readonly string[]
  write: (version: Version, changes?: WrittenSpec) => WrittenRelease
  apply: (release: WrittenRelease) => Promise<Applied>
  /** Applies a version and waits for its outcome. */
  play: (release: WrittenRelease, outcome?: Outcome) => Promise<SeenRelease>
  ended: (what: string, isAbout: Applied) => Promise<SeenRelease>
  viewers: (versions: readonly Version[], ratePerSecond?: number) => Promise<Viewers>
  pods: (color: Color) => Promise<PodIdentity[]>
  /** Updates of the distribution that were accepted, from anybody's API calls, oldest first. */
  updates: () => Promise<UpdateEntry[]>
  /** The next accepted update after so many. */
  nextUpdate: (known: number) => Promise<void>
}

const RATE = 40
/** Pods come in seconds, and in minutes where the machine has other work. */
const TIMEOUT_MS = 5 * 60_000
let sites = 0

/** Makes namespace and distribution; nothing is released yet. */
export async function openSite(
  environment: Environment,
  distributionOf: (place: Place) => SeedDistribution = distributionFor,
): Promise<Site> {
  const number = ++sites
  const place: Place = {
    namespace: `site-${number}`,
    distributionId: `E${String(number).padStart(13, '0')}`,
    host: `site-${number}.models.example.com`,
  }
  const { namespace, distributionId } = place
  await environment.makeNamespace(namespace)
  await environment.cloudFront.createDistribution(distributionOf(place))
  const seen: string[] = []
  const say = (line: string): void => void seen.push(line)
  const follower = followRelease({ environment, namespace, name: 'housing', say })
  const applyHere: Site['apply'] = (release) => apply({ environment, say }, release)
  const ended: Site['ended'] = (what, isAbout) =>
    follower.until(
      what,
      (release) => isAbout(release) && release.status?.attempt?.outcome !== undefined,
      TIMEOUT_MS,
    )
  const isOurUpdate = (entry: AuditEntry): entry is AuditEntry & UpdateEntry =>
    isAcceptedUpdate(entry) && entry.distribution === distributionId
  const updates = async (): Promise<UpdateEntry[]> =>
    (await environment.cloudFront.audit()).filter(isOurUpdate)
  return {
    place,
    follower,
    seen,
    write: (version, changes = {}) =>
      housing({
        modelsUrl: environment.modelsUrl,
        edge: environment.cloudFront.edgeForPods,
        place,
        version,
        model: MODELS[version],
        // The default of the API: pods come in seconds, and in minutes where the machine has other work.
        changes: { progressDeadlineSeconds: 600, ...changes },
      }),
    apply: applyHere,
    ended,
    play: async (release, outcome = 'Promoted') => {
      const title = `the end of version ${release.spec.model?.version ?? ''}`
      const { status, ...rest } = await ended(title, await applyHere(release))
      const actual = status?.attempt
      if (actual?.outcome !== outcome) throw new Error(`${title}: ${JSON.stringify(actual)}, not ${outcome}`)
      return { ...rest, ...(status ? { status } : {}) }
    },
    viewers: (versions, ratePerSecond = RATE) => viewersOf(environment, place, { versions, ratePerSecond }),
    pods: (color) => podsOf(environment, namespace, color),
    updates,
    nextUpdate: async (known) => {
      const last = (await updates())[known - 1]?.sequence ?? 0
      const signal = AbortSignal.any([environment.signal, runningTimeout(TIMEOUT_MS)])
      await environment.cloudFront.waitFor(isOurUpdate, last, signal)
    },
  }
}

/** In a process of their own: this one has so much else to do that it would be late. Returns once the first request has ended. */
async function viewersOf(
  { cloudFront, machine, logDir, adopt }: Environment,
  { host, namespace }: Place,
  { versions, ratePerSecond }: { versions: readonly Version[]; ratePerSecond: number },
): Promise<Viewers> {
  const viewers = await sendViewers({
    edges: cloudFront.edges,
    host,
    versions: versions.map((version) => `${version}=${MODELS[version]}`),
    ratePerSecond,
    logDir: mkdtempSync(join(logDir, `viewers-${namespace}-`)),
  })
  adopt(viewers.identity)
  await viewers.completed(1)
  return {
    completed: viewers.completed,
    leave: async () => {
      const { startedAt, endedAt } = await viewers.leave()
      return judgeViewers(viewers.entries(), { from: startedAt, to: endedAt }, machine.stalls())
    },
  }
}

type Pod = {
  metadata: { name: string; uid: string; deletionTimestamp?: string }
  status: { containerStatuses?: { restartCount: number }[] }
}

async function podsOf({ kubectl }: Environment, namespace: string, color: Color): Promise<PodIdentity[]> {
  const selector = `${LABEL.name}=housing,${LABEL.color}=${color}`
  const list = await kubectl(['-n', namespace, 'get', 'pods', '-l', selector, '-o', 'json'])
  return (JSON.parse(list) as { items: Pod[] }).items.map(({ metadata, status }) => ({
    name: metadata.name,
    uid: metadata.uid,
    restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
    leaving: metadata.deletionTimestamp === undefined ? 'No' : 'Yes',
  }))
}
