/** From a model's bytes to an executor: tries the model, and decides by what it saw. */
import { availableParallelism } from 'node:os'
import type { Signature } from '../tensor/tensor.ts'
import type { ExecutionSettings } from './settings.ts'
import type { ExecutionObserver, Executor, Lanes, Runner } from './executor.ts'
import { inlineLane } from './inline.ts'
import { Scheduler } from './scheduler.ts'
import { AdaptiveExecutor } from './adaptive.ts'
import { sizeOf } from './costs.ts'
import { QueueLimit } from './queue-limit.ts'
import { Sharing } from './sharing.ts'
import { SLOW_SECONDS, tryBatches, warmUp } from './trial.ts'
import type { Known, Trial } from './trial.ts'
import { WorkerLanes } from './worker-lanes.ts'
import type { WorkerLog } from './worker-lanes.ts'
import type { WorkerRunner } from './worker-runner.ts'

/** What execution needs of the runtime and of the rest of the server. */
export type ExecutionParts = {
  load: (bytes: Uint8Array) => Promise<Runner>
  /** What is known of what a model with these inputs will be asked. */
  known: (signature: Signature) => Known
  startWorker: (bytes: SharedArrayBuffer) => Promise<WorkerRunner>
  backoffMs: (attempt: number) => number
  /** Whether anybody could be waiting for the event loop. */
  isServing: () => boolean
  /** Connections that were accepted since the start. */
  accepted: () => number
  observer: ExecutionObserver
  log: WorkerLog
}

/** An executor, and what was found out about its model. */
export type StartedExecutor = Executor & {
  signature: Signature
  mode: 'inline' | 'workers'
  /** Runs that can go on at the same time. */
  lanes: number
  trial: Trial
  /** Requests that should be let in at a time, so that none waits much longer than a second; it follows what they take. */
  suggestedQueue: () => number
}

/** Loading more than this takes so long that it is first done in a thread, whoever is served meanwhile. */
const LARGE_BYTES = 2 ** 25
/** Requests that are expected to take longer go to threads: half of what the event loop may be held up for, since runs differ. */
const FAST_SECONDS = 0.0025
/** One row that takes longer than this needs no further trial on the event loop. */
const CLEARLY_SLOW_SECONDS = 0.005

/** Longer than the longest wait for an answer that is likely to be set. */
const HOPELESS_MS = 30_000

/**
 * Load, warm up, try, and decide. A model that could not be tried is served all the same, in threads, where nobody else waits for it;
 * what is wrong with it, if anything is, its samples say. Nobody knows how long the first run of a model takes, and on the event loop everybody else
 * would wait for it: so it happens there only where nobody is served yet, or where the settings insist.
 * @throws Error where the model cannot be loaded
 */
export async function startExecutor(
  bytes: Uint8Array,
  settings: ExecutionSettings,
  parts: ExecutionParts,
): Promise<StartedExecutor> {
  const { servingMode: mode } = settings
  const mayBlock = bytes.length <= LARGE_BYTES && !parts.isServing()
  const tryHere = mode === 'inline' || (mode === 'auto' && mayBlock)
  const inline = tryHere ? await startInline(bytes, settings, parts) : undefined
  return inline ?? startWorkers(bytes, settings, parts)
}

/** Undefined where the model is too slow for the event loop and nobody insists. */
async function startInline(
  bytes: Uint8Array,
  settings: ExecutionSettings,
  parts: ExecutionParts,
): Promise<StartedExecutor | undefined> {
  const runner = await parts.load(bytes)
  try {
    const warm = await warmUp(runner, parts.known(runner.signature))
    const insists = settings.servingMode === 'inline'
    if (insists || (warm.triedWith !== 'nothing' && warm.seconds < CLEARLY_SLOW_SECONDS)) {
      const trial = await tryBatches(runner, warm, settings.maxBatchSize)
      if (insists || trial.seconds <= SLOW_SECONDS) {
        return assembleInline(runner, bytes, { trial, settings, parts })
      }
    }
  } catch (error) {
    await runner.close()
    throw error
  }
  await runner.close()
  return undefined
}

async function startWorkers(
  bytes: Uint8Array,
  settings: ExecutionSettings,
  parts: ExecutionParts,
): Promise<StartedExecutor> {
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  const runner = await parts.startWorker(shared)
  try {
    const warm = await warmUp(runner, parts.known(runner.signature))
    const trial = await tryBatches(runner, warm, settings.maxBatchSize)
    const isFast = trial.triedWith !== 'nothing' && trial.seconds <= SLOW_SECONDS
    if (settings.servingMode === 'auto' && isFast) {
      await runner.close()
      return await startTried(bytes, { trial, settings, parts })
    }
    const lanes = await WorkerLanes.start(
      { ...threadsOf(settings, parts), start: () => parts.startWorker(shared) },
      runner,
    )
    const from = { trial, settings, parts }
    const limit = new QueueLimit(lanes.size, trial)
    const scheduler = schedulerOver(lanes, runner.signature, { ...from, limit, sharing: sharingOf(from) })
    return startedFrom(scheduler, {
      mode: 'workers',
      lanes: lanes.size,
      signature: runner.signature,
      trial,
      limit,
    })
  } catch (error) {
    await runner.close()
    throw error
  }
}

/** On the event loop, as a thread has shown that it is fast there. */
async function startTried(bytes: Uint8Array, from: Tried): Promise<StartedExecutor> {
  const runner = await from.parts.load(bytes)
  try {
    await warmUp(runner, from.parts.known(runner.signature))
    return assembleInline(runner, bytes, from)
  } catch (error) {
    await runner.close()
    throw error
  }
}

/** What was seen of a model, and around what. */
type Tried = { trial: Trial; settings: ExecutionSettings; parts: ExecutionParts }

/** On the event loop; requests that would be slow there go to threads, which are started for the first of them. */
function assembleInline(runner: Runner, bytes: Uint8Array, from: Tried): StartedExecutor {
  const { trial, settings, parts } = from
  const { signature } = runner
  const sharing = sharingOf(from)
  const limit = new QueueLimit(1, trial)
  const lane = inlineLane(runner, parts.accepted)
  const started = { mode: 'inline', lanes: 1, signature, trial, limit } as const
  if (settings.servingMode === 'inline') {
    return startedFrom(schedulerOver(lane, signature, { ...from, limit, sharing }), started)
  }
  const lanes = WorkerLanes.onDemand({
    ...threadsOf(settings, parts),
    // Copied only where somebody needs it.
    start: onceShared(bytes, parts.startWorker),
  })
  const isFast = (size: number): boolean => trial.costs.expect(size) <= FAST_SECONDS
  const here = schedulerOver(lane, signature, { ...from, limit, sharing, mayRun: isFast })
  const inThreads = schedulerOver(lanes, signature, { ...from, limit, sharing })
  return startedFrom(new AdaptiveExecutor({ here, inThreads, isFast, sharing }), started)
}

function onceShared(
  bytes: Uint8Array,
  startWorker: ExecutionParts['startWorker'],
): () => Promise<WorkerRunner> {
  let shared: SharedArrayBuffer | undefined
  return () => {
    if (!shared) {
      shared = new SharedArrayBuffer(bytes.length)
      new Uint8Array(shared).set(bytes)
    }
    return startWorker(shared)
  }
}

function threadsOf(
  { workers }: Pick<ExecutionSettings, 'workers'>,
  { backoffMs, log }: ExecutionParts,
): { size: number; backoffMs: ExecutionParts['backoffMs']; log: WorkerLog } {
  return { size: workers ?? Math.max(1, availableParallelism() - 1), backoffMs, log }
}

function sharingOf({ trial, parts }: Tried): Sharing {
  return new Sharing(trial.maxRows, (reason) => {
    parts.log.warn({ reason }, 'Batching switched off')
    parts.observer.sharingEnded()
  })
}

function schedulerOver(
  lanes: Lanes,
  signature: Signature,
  {
    trial,
    settings,
    parts,
    limit,
    sharing,
    mayRun,
  }: Tried & {
    limit: QueueLimit
    sharing: Sharing
    mayRun?: (size: number) => boolean
  },
): Scheduler {
  return new Scheduler({
    signature,
    lanes,
    sharing,
    delayMs: settings.batchDelayMs,
    ...(mayRun ? { mayRun } : {}),
    hopelessAfterMs: HOPELESS_MS,
    observer: parts.observer,
    learn: (inputs, requests, seconds) => {
      trial.costs.learn(sizeOf(inputs), seconds)
      limit.learn(requests, seconds)
    },
  })
}

function startedFrom(
  { infer, unavailableBecause, close }: Executor,
  { limit, ...started }: Omit<StartedExecutor, keyof Executor | 'suggestedQueue'> & { limit: QueueLimit },
): StartedExecutor {
  return { infer, unavailableBecause, close, ...started, suggestedQueue: () => limit.requests }
}
