import { join } from 'node:path'
import { connect, type Api } from './api.ts'
import { enterCgroup } from './cgroups.ts'
import { ClusterError } from './cluster-error.ts'
import type { ClusterConfig } from './config.ts'
import { installPackages, NODE_PACKAGES, osRelease, refuseOtherSystems } from './debian.ts'
import type { ClusterHandle, ClusterOptions, ClusterProvider, ClusterState } from './handle.ts'
import { compileHelpers } from './helpers.ts'
import { connectNode, refuseOverlap } from './host-network.ts'
import { buildImage, loadImage, referenceOf } from './images.ts'
import { chooseKubernetes, ensureBinaries } from './kubernetes-build.ts'
import { KUBERNETES, type Kubernetes } from './kubernetes.ts'
import { layoutOf, type Layout } from './layout.ts'
import { lock, type Lock } from './lock.ts'
import { refuseMissingKernelFeatures, refuseOtherUsers } from './machine-checks.ts'
import { writeNodeFiles } from './node-files.ts'
import {
  containerdAnswers,
  findProblems,
  isNamed,
  isReadyNode,
  podNames,
  reachable,
  resolves,
} from './node-health.ts'
import { readRecord, writeRecord, type NodeRecord } from './node-record.ts'
import { keepLogs, removeNode } from './node-removal.ts'
import { openWorld } from './node-world.ts'
import { isRunning, type ProcessIdentity } from './process-identity.ts'
import { nodeRanges, type NodeRanges } from './ranges.ts'
import { pushImage, trustRegistry } from './registry.ts'

type RunningRecord = NodeRecord & { readonly init: ProcessIdentity }

const PAUSE_IMAGE = 'modelrelease/pause:1'
const RANGES_LOCK = '/run/modelrelease/.ranges.lock'
const READY_SECONDS = 90
const REPAIR_SECONDS = 60

/** A node of our own, from Debian's packages. */
export function debianNode(options: ClusterOptions): ClusterProvider {
  return {
    up: () => up(options),
    down: () => down(options),
    prepare: async () => {
      await refuseUnfitMachine()
      await prepare(options)
    },
    state: () => state(options.config),
    attach: () => attach(options),
    enter: async (command) => {
      const { pid } = (await runningRecord(options.config)).init
      return ['nsenter', '--target', String(pid), '--mount', '--uts', '--ipc', '--net', '--pid', ...command]
    },
  }
}

/**
 * Brings the node up and returns once it takes pods; a healthy one is left as it is, and one whose components
 * were killed is waited for, because its init starts them again.
 * What an earlier start left half-done is removed first. Throws a ClusterError that names the remedy.
 */
async function up(options: ClusterOptions): Promise<ClusterHandle> {
  await refuseUnfitMachine()
  const layout = layoutOf(options.config)
  await locked(layout, options, async () => {
    const started = Date.now()
    const record = await readRecord(layout)
    const running = await ifRunning(record)
    if (running === undefined) await startAnew(layout, record, options)
    else await becomeHealthy(layout, running, options)
    const already = running === undefined ? '' : 'already '
    options.report(`cluster ${options.config.name} is ${already}up (${seconds(started)})`)
  })
  return attach(options)
}

/** Whether this machine can have a node of our own: Debian 12, and this process is root. */
export async function runsHere(): Promise<boolean> {
  return refuseUnfitMachine().then(
    () => true,
    () => false,
  )
}

async function refuseUnfitMachine(): Promise<void> {
  refuseOtherUsers()
  refuseOtherSystems(await osRelease())
}

/** Stops the node and undoes everything that `up` changed on the machine; fine where there is none. */
async function down(options: Omit<ClusterOptions, 'signal'>): Promise<void> {
  refuseOtherUsers()
  const { config, report } = options
  const layout = layoutOf(config)
  await locked(layout, options, async () => {
    const started = Date.now()
    const record = await readRecord(layout)
    await removeNode(layout, record)
    report(`cluster ${config.name} ${record === undefined ? 'was not up' : 'is down'} (${seconds(started)})`)
  })
}

/** Looks at the node without changing anything. */
async function state(config: ClusterConfig): Promise<ClusterState> {
  refuseOtherUsers()
  const layout = layoutOf(config)
  const record = await readRecord(layout)
  if (record === undefined) return { type: 'Down' }
  if (record.start === 'Unfinished')
    return { type: 'Broken', reason: 'a start was cut short or is under way' }
  const running = await ifRunning(record)
  if (running === undefined) return { type: 'Broken', reason: 'its init process is gone' }
  const api = await connect(nodeRanges(record.range).nodeAddress, layout.pkiDir)
  const [problems, pods] = await Promise.all([
    findProblems(running.init.pid, api, layout.nodeName),
    podNames(api),
  ])
  return { type: 'Up', problems, pods }
}

/** Builds what a start needs, so that nobody waits for it later. */
async function prepare(options: ClusterOptions): Promise<void> {
  const kubernetes = await chooseKubernetes(options)
  await installPackages(NODE_PACKAGES, options.report, options.signal)
  await ensureBinaries(kubernetes, options)
}

/** The record of a node that runs. Throws a ClusterError where it is down. */
async function runningRecord(config: ClusterConfig): Promise<RunningRecord> {
  refuseOtherUsers()
  const running = await ifRunning(await readRecord(layoutOf(config)))
  if (running !== undefined) return running
  throw new ClusterError(`cluster ${config.name} is not up; run node cluster/cluster.ts up first`)
}

/** A handle on the node that runs. Throws a ClusterError where it is down. */
async function attach(options: ClusterOptions): Promise<ClusterHandle> {
  return handleFor(options, await runningRecord(options.config))
}

function handleFor(options: ClusterOptions, record: RunningRecord): ClusterHandle {
  const { config, report, signal } = options
  const { binariesDir } = record
  const { hostAddress, nodeAddress, serviceCidr, podCidr } = nodeRanges(record.range)
  return {
    name: config.name,
    kubeconfigPath: layoutOf(config).kubeconfig,
    kubectl: join(binariesDir, 'kubectl'),
    kubernetesMinor: KUBERNETES[record.kubernetes].minor,
    hostAddress,
    nodeAddress,
    serviceCidr,
    podCidr,
    build: async (spec) => {
      await buildImage(spec, { cacheDir: config.cacheDir, report, signal })
    },
    load: async (tag) => {
      const { registry, cacheDir } = config
      if (registry !== undefined) {
        await trustRegistry(layoutOf(config), registry)
        return pushImage(tag, { cacheDir, registry, signal })
      }
      await loadImage({ ...config, binariesDir }, tag, signal)
      return tag
    },
    claim: () => Promise.resolve(),
    down: () => down({ config, report }),
  }
}

/** The record where its node was ready once and its init still runs. */
async function ifRunning(record: NodeRecord | undefined): Promise<RunningRecord | undefined> {
  if (record?.init === undefined || record.start === 'Unfinished') return undefined
  return (await isRunning(record.init)) ? { ...record, init: record.init } : undefined
}

/** Waits until a node that runs is healthy; refuses one that was started with other settings. */
async function becomeHealthy(layout: Layout, record: RunningRecord, options: ClusterOptions): Promise<void> {
  const { config, report } = options
  if (record.range !== config.range) {
    throw new ClusterError(
      `cluster ${config.name} is up with the range ${record.range}, not ${config.range}; run down first or choose another --name`,
    )
  }
  if (config.kubernetes !== 'auto' && config.kubernetes !== record.kubernetes) {
    throw new ClusterError(
      `cluster ${config.name} is up with Kubernetes ${record.kubernetes}, not ${config.kubernetes}; run down first or choose another --name`,
    )
  }
  report(`Kubernetes ${KUBERNETES[record.kubernetes].version} (cluster ${config.name} runs it)`)
  const ranges = nodeRanges(record.range)
  const api = await connect(ranges.nodeAddress, layout.pkiDir)
  const problems = await findProblems(record.init.pid, api, layout.nodeName)
  if (problems.length === 0) return
  report(`waiting for the node to repair itself: ${problems.join(', ')}`)
  const signal = deadline(REPAIR_SECONDS, options.signal)
  try {
    await api.ready(signal)
    await takesPods(api, ranges, signal)
  } catch (cause) {
    options.signal?.throwIfAborted()
    const reasons = (await findProblems(record.init.pid, api, layout.nodeName)).join(', ')
    throw new ClusterError(
      `cluster ${config.name} did not recover in ${REPAIR_SECONDS} s (${reasons}); see ${layout.logDir}, or run down and up`,
      { cause },
    )
  }
}

async function startAnew(
  layout: Layout,
  record: NodeRecord | undefined,
  options: ClusterOptions,
): Promise<void> {
  const { config, report, signal } = options
  const kubernetes = await chooseKubernetes(options)
  if (record !== undefined) report('removing what an earlier start left behind')
  // Also without a record: a restart of the machine empties /run and leaves the files on disk.
  await removeNode(layout, record)
  // First, because even the look at the machine's routes takes a program that a bare machine lacks.
  await installPackages(NODE_PACKAGES, report, signal)
  await refuseOverlap(config.range)
  await refuseMissingKernelFeatures()
  const binariesDir = await binariesAndImages(kubernetes, options)
  const helpers = await compileHelpers(config.cacheDir, signal)
  await buildImage(
    {
      dockerfile: join(import.meta.dirname, 'pause/Dockerfile'),
      tag: PAUSE_IMAGE,
      context: helpers.pauseContext,
    },
    { cacheDir: config.cacheDir, report, signal },
  )
  const claim = await claimRange(options)
  try {
    await start(layout, { initProgram: helpers.init, claim, kubernetes, binariesDir }, options)
  } catch (cause) {
    const logs = await keepLogs(layout)
    await removeNode(layout, await readRecord(layout))
    signal?.throwIfAborted()
    throw new ClusterError(`${(cause as Error).message}; the components' logs are in ${logs}`, { cause })
  } finally {
    await claim.release()
  }
}

/** One of both waits for the network and the disk when the other could compute. Where one fails, the other is stopped. */
async function binariesAndImages(kubernetes: Kubernetes, options: ClusterOptions): Promise<string> {
  const { config, report, images = [] } = options
  const failure = new AbortController()
  const signal = AbortSignal.any([failure.signal, ...(options.signal ? [options.signal] : [])])
  const fail = (cause: unknown): void => failure.abort(cause)
  const binaries = ensureBinaries(kubernetes, { ...options, signal })
  const built = (async () => {
    for (const image of images) await buildImage(image, { cacheDir: config.cacheDir, report, signal })
  })()
  await Promise.all([binaries.catch(fail), built.catch(fail)])
  failure.signal.throwIfAborted()
  return binaries
}

/**
 * Keeps every other cluster from taking a range until this one's routes are there to be seen.
 * The range is looked at again, because a build lies between the first look and now.
 */
async function claimRange({ config, report, signal }: ClusterOptions): Promise<Lock> {
  const claim = await lock(RANGES_LOCK, () => report('waiting for another cluster to take its range'), signal)
  try {
    await refuseOverlap(config.range)
    return claim
  } catch (cause) {
    await claim.release()
    throw cause
  }
}

/** What a start is given beside the settings. */
interface Parts {
  readonly initProgram: string
  readonly claim: Lock
  readonly kubernetes: Kubernetes
  readonly binariesDir: string
}

/** From nothing to a node that takes pods. Whoever calls it cleans up where it throws. */
async function start(
  layout: Layout,
  { initProgram, claim, kubernetes, binariesDir }: Parts,
  options: ClusterOptions,
): Promise<void> {
  const { config, report } = options
  const signal = deadline(READY_SECONDS, options.signal)
  const ranges = nodeRanges(config.range)
  const phase = stopwatch(report)
  const record = { range: config.range, kubernetes: kubernetes.release, binariesDir }
  await writeRecord(layout, { ...record, start: 'Unfinished' })
  await writeNodeFiles({ layout, ranges, kubernetes, pauseImage: referenceOf(PAUSE_IMAGE), initProgram })
  phase('keys, certificates and configuration')

  const world = await openWorld(layout, binariesDir)
  await writeRecord(layout, { ...record, init: world.init, start: 'Unfinished' })
  await enterCgroup(layout.cgroup, world.init.pid)
  await connectNode(world.init.pid, layout, ranges)
  await claim.release()
  world.go()
  phase('namespaces and network')

  const api = await connect(ranges.nodeAddress, layout.pkiDir)
  await Promise.all([api.ready(signal), loadPause(config, binariesDir, signal)])
  phase('API server')
  await takesPods(api, ranges, signal)
  phase('node Ready')
  await writeRecord(layout, { ...record, init: world.init, start: 'Finished' })
}

async function takesPods(api: Api, ranges: NodeRanges, signal: AbortSignal): Promise<void> {
  await api.until('/api/v1/nodes', isReadyNode, signal)
  await api.until('/api/v1/namespaces/default/serviceaccounts', isNamed('default'), signal)
  await Promise.all([reachable(ranges.apiServiceAddress, signal), resolves(ranges.dnsAddress, signal)])
}

async function loadPause(config: ClusterConfig, binariesDir: string, signal: AbortSignal): Promise<void> {
  await containerdAnswers(layoutOf(config), binariesDir, signal)
  await loadImage({ ...config, binariesDir }, PAUSE_IMAGE, signal)
}

async function locked(
  layout: Layout,
  options: Omit<ClusterOptions, 'config'>,
  work: () => Promise<void>,
): Promise<void> {
  const held = await lock(
    layout.lockFile,
    () => options.report('waiting for another up or down of this cluster'),
    options.signal,
  )
  try {
    await work()
  } finally {
    await held.release()
  }
}

/** Ends at a time of its own or with the caller's signal, and says in words that a person can use which it was. */
function deadline(limitSeconds: number, signal: AbortSignal | undefined): AbortSignal {
  const late = new AbortController()
  const reason = new ClusterError(`the node was not ready after ${limitSeconds} s`)
  setTimeout(() => late.abort(reason), limitSeconds * 1000).unref()
  return AbortSignal.any([late.signal, ...(signal === undefined ? [] : [signal])])
}

/** Reports each phase with the seconds that it took. */
function stopwatch(report: (line: string) => void): (phase: string) => void {
  let since = Date.now()
  return (phase) => {
    report(`${phase} (${seconds(since)})`)
    since = Date.now()
  }
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
