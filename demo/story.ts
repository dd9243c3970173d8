/** The story of the demo: releases that are promoted, undone, refused, given up, and one that survives its operator. */
import { otherColor } from '../operator/api/names.ts'
import { isAcceptedUpdate } from './cloudfront.ts'
import { dashboardAnswers, watchDashboard } from './dashboard-viewers.ts'
import { runningTimeout } from './deadline.ts'
import { dashboard, housing, type HousingOptions } from './housing.ts'
import { killInNode, leaderPod, operatorProcesses } from './operator-pods.ts'
import { DEMO_PLACE } from './place.ts'
import { followRelease, type ReleaseFollower, type SeenRelease } from './release-follower.ts'
import { apply, command, lastSequence, play, type Applied, type Stage } from './stage.ts'
import { sendViewers, type Viewers } from './viewers.ts'

/** Versions that may answer viewers; release 5 serves the model of version 1 again. */
export const VERSIONS = ['1', '2', '5=1']
/** Requests per second over all edges: ten thousand while the story lasts. */
const RATE = 90
const TIMEOUT_MS = 90_000
/** How long the accepted update's answer is held back, so that the operator dies before it can know of it. */
const ANSWER_HELD_MS = 8_000
/** Within this time every node's kube-proxy has followed a Service. */
const NODES_FOLLOW_MS = 15_000

export type Housing = {
  follower: ReleaseFollower
  /** A release of the predictor with what all of them have in common. */
  write: (options: Omit<HousingOptions, 'modelsUrl' | 'edge'>) => ReturnType<typeof housing>
}

/** Makes the namespace and follows the release that does not exist yet. */
export async function openHousing({ environment, say }: Stage): Promise<Housing> {
  await environment.makeNamespace(DEMO_PLACE.namespace)
  const { modelsUrl, cloudFront } = environment
  return {
    follower: followRelease({ environment, namespace: DEMO_PLACE.namespace, name: 'housing', say }),
    write: (options) => housing({ modelsUrl, edge: cloudFront.edgeForPods, ...options }),
  }
}

/** The first deploy: nothing serves before it, and it is gated all the same. */
export function firstRelease(stage: Stage, { follower, write }: Housing): Promise<SeenRelease> {
  return play(stage, {
    title: '1: first deploy',
    follower,
    act: () => apply(stage, write({ version: '1', model: '1' })),
    expected: 'Promoted',
    timeoutMs: TIMEOUT_MS,
  })
}

/** Constant load through all edges. */
export async function admitViewers({ environment, say }: Stage): Promise<Viewers> {
  const { cloudFront, logDir } = environment
  const viewers = await sendViewers({
    edges: cloudFront.edges,
    host: DEMO_PLACE.host,
    versions: VERSIONS,
    ratePerSecond: RATE,
    logDir,
  })
  environment.adopt(viewers.identity)
  say(`${RATE} requests per second through ${cloudFront.edges.length} edges from here on`)
  return viewers
}

/** Everything after the first deploy, under load. */
export async function tellStory(stage: Stage, scene: Housing): Promise<void> {
  await secondRelease(stage, scene)
  await refusedRelease(stage, scene)
  await crashingRelease(stage, scene)
  await survivingRelease(stage, scene)
  await unknownContainer(stage)
  await oldColorRetires(stage, scene)
}

async function secondRelease(stage: Stage, { follower, write }: Housing): Promise<void> {
  const shared = { follower, timeoutMs: TIMEOUT_MS }
  const promoted = await play(stage, {
    ...shared,
    title: '2: a better model',
    act: () => apply(stage, write({ version: '2', model: '2' })),
    expected: 'Promoted',
  })
  const undone = await play(stage, {
    ...shared,
    title: '2: undone at once',
    act: () => command(stage, 'undo', promoted),
    expected: 'RolledBack',
  })
  await play(stage, {
    ...shared,
    title: '2: again, from the warm color',
    act: () => command(stage, 'retry', undone),
    expected: 'Promoted',
  })
}

/** Nothing of the candidate stands any more. */
function candidateGone({ status }: SeenRelease): boolean {
  const { colors = {}, liveColor } = status ?? {}
  return liveColor !== undefined && colors[otherColor(liveColor)] === undefined
}

async function refusedRelease(stage: Stage, { follower, write }: Housing): Promise<void> {
  await play(stage, {
    title: '3: answers 200, and wrongly',
    follower,
    act: () => apply(stage, write({ version: '3', model: 'wrong', expects: '2' })),
    expected: 'Failed',
    timeoutMs: TIMEOUT_MS,
    until: { what: 'the removal of the refused candidate', isWanted: candidateGone },
  })
}

async function crashingRelease(stage: Stage, { follower, write }: Housing): Promise<void> {
  const crashing = write({ version: '4', model: '2', changes: { progressDeadlineSeconds: 20 } })
  const { model } = crashing.spec
  if (model) model.env = [{ name: 'MODEL_MAX_BYTES', value: 'many' }]
  await play(stage, {
    title: '4: crashes at its start',
    follower,
    act: () => apply(stage, crashing),
    expected: 'Failed',
    timeoutMs: TIMEOUT_MS,
    until: { what: 'the removal of the candidate that crashed', isWanted: candidateGone },
  })
}

async function survivingRelease(stage: Stage, { follower, write }: Housing): Promise<void> {
  const { environment, say } = stage
  const since = await lastSequence(stage)
  const act = async (): Promise<Applied> => {
    const processes = await operatorProcesses(environment)
    const leader = await leaderPod(environment.kubectl)
    const victim = processes.find(({ pod }) => pod === leader)
    if (!victim) throw new Error(`the leader ${leader ?? 'nobody'} is none of the operator's pods`)
    await environment.cloudFront.addFault({
      ...{ operation: 'UpdateDistribution', distribution: DEMO_PLACE.distributionId },
      ...{ latencyMs: ANSWER_HELD_MS, phase: 'AfterCommit' },
    })
    const before = follower.release()?.status?.liveColor
    const applied = await apply(
      stage,
      write({ version: '5', model: '1', changes: { retireAfterSeconds: 10 } }),
    )
    const accepted = await environment.cloudFront.waitFor(isAcceptedUpdate, since, environment.signal)
    await killInNode(environment.provider, victim)
    const late = Date.now() - Date.parse(accepted.time)
    say(
      `  the update stands in the audit log (${accepted.sequence}); ${victim.pod} was killed ${late} ms later`,
    )
    const { traffic, liveColor } = (await statusNow(stage)) ?? {}
    const unwritten = late < ANSWER_HELD_MS && liveColor === before && traffic?.intent !== undefined
    if (!unwritten)
      stage.problems.push('5: the operator was not killed between the accepted update and its status')
    else
      say(
        `  no answer had reached it, and the status still says that users are led to ${liveColor ?? 'nobody'}`,
      )
    return applied
  }
  await play(stage, {
    title: '5: its operator is killed',
    follower,
    act,
    expected: 'Promoted',
    timeoutMs: TIMEOUT_MS,
  })
  const updates = (await environment.cloudFront.audit(since)).filter(isAcceptedUpdate).length
  if (updates !== 1) stage.problems.push(`5: ${updates} updates were accepted, not 1`)
  const leader = await leaderPod(environment.kubectl)
  say(`  ${leader ?? 'nobody'} leads now and saw it through; updates accepted: ${updates}`)
}

async function statusNow({ environment }: Stage): Promise<SeenRelease['status']> {
  const answer = await environment.kubectl(['-n', DEMO_PLACE.namespace, 'get', 'mr', 'housing', '-o', 'json'])
  return (JSON.parse(answer) as SeenRelease).status
}

async function unknownContainer(stage: Stage): Promise<void> {
  const { environment, say } = stage
  const follower = followRelease({ environment, namespace: DEMO_PLACE.namespace, name: 'dashboard', say })
  const shared = { follower, expected: 'Promoted', timeoutMs: TIMEOUT_MS } as const
  await play(stage, {
    ...shared,
    title: 'dashboard 1: knows nothing of us',
    act: () => apply(stage, dashboard('1', environment.images)),
  })
  const query = [
    '-n',
    DEMO_PLACE.namespace,
    'get',
    'service',
    'dashboard',
    '-o',
    'jsonpath={.spec.clusterIP}',
  ]
  const url = `http://${await environment.kubectl(query)}/`
  const soon = AbortSignal.any([environment.signal, runningTimeout(NODES_FOLLOW_MS)])
  await dashboardAnswers(url, ['1'], soon)
  const viewers = watchDashboard(url, ['1', '2'])
  try {
    await play(stage, {
      ...shared,
      title: 'dashboard 2',
      act: () => apply(stage, dashboard('2', environment.images)),
    })
    await viewers.seen('2', AbortSignal.any([environment.signal, runningTimeout(NODES_FOLLOW_MS)]))
  } finally {
    const { pages, failures, versions } = await viewers.leave()
    const [failure] = failures
    say(`  its own viewers got ${pages} pages (${JSON.stringify(versions)}), ${failures.length} failed`)
    if (failure !== undefined)
      stage.problems.push(`dashboard: ${failures.length} pages failed, the first: ${failure}`)
  }
}

async function oldColorRetires(stage: Stage, { follower }: Housing): Promise<void> {
  stage.say('the color that served before release 5 retires')
  await follower.until('the retirement of the old color', candidateGone, TIMEOUT_MS)
}
