/** From a model's bytes to an executor: tries the model, and decides by what it saw. */
import { availableParallelism } from 'node:os'
import type { Signature } from '../tensor/tensor.ts'
import type { ExecutionSettings } from './settings.ts'
import type { ExecutionObserver, Executor, Lanes, Runner } from './executor.ts'
import { inlineLane } from './inline.ts'
import { Scheduler } from './scheduler.ts'
import { SLOW_SECONDS, tryBatches, warmUp } from './trial.ts'
import type { Trial } from './trial.ts'
import { WorkerLanes } from './worker-lanes.ts'
import type { WorkerLog } from './worker-lanes.ts'
import type { WorkerRunner } from './worker-runner.ts'

/** What execution needs of the runtime and of the rest of the server. */
export type ExecutionParts = {
  load: (bytes: Uint8Array) => Promise<Runner>
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
  /** Requests that should be let in at a time, so that none waits much longer than a second. */
  suggestedQueue: number
}

/** Loading more than this takes so long that it is first done in a thread, whoever is served meanwhile. */
const LARGE_BYTES = 2 ** 25
/** One row that takes longer than this needs no further trial on the event loop. */
const CLEARLY_SLOW_SECONDS = 0.005

/** Longer than the longest wait for an answer that is likely to be set. */
const HOPELESS_MS = 30_000

/** How long the last request of a full queue should wait. */
const QUEUE_SECONDS = 1
const SHORTEST_QUEUE = 8
const LONGEST_QUEUE = 1_024

/**
 * Load, warm up, try, and decide. Nobody knows how long the first run of a model takes, and on the event loop everybody else
 * would wait for it: so it happens there only where nobody is served yet, or where the settings insist.
 * @throws Error where the model cannot be loaded or gives no answer
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
    await warmUp(runner)
    // The first run of a session is slower than all others.
    const seconds = await warmUp(runner)
    const insists = settings.servingMode === 'inline'
    if (insists || seconds < CLEARLY_SLOW_SECONDS) {
      const trial = await tryBatches(runner, settings.maxBatchSize)
      if (insists || trial.seconds <= SLOW_SECONDS) {
        return assemble('inline', inlineLane(runner, parts.accepted), runner.signature, {
          trial,
          settings,
          parts,
        })
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
  const start = (): Promise<WorkerRunner> => parts.startWorker(shared)
  const runner = await start()
  try {
    await warmUp(runner)
    const trial = await tryBatches(runner, settings.maxBatchSize)
    if (settings.servingMode === 'auto' && trial.seconds <= SLOW_SECONDS) {
      await runner.close()
      return await startTried(bytes, { trial, settings, parts })
    }
    const { backoffMs, log } = parts
    const size = settings.workers ?? Math.max(1, availableParallelism() - 1)
    const lanes = await WorkerLanes.start({ size, start, backoffMs, log }, runner)
    return assemble('workers', lanes, runner.signature, { trial, settings, parts })
  } catch (error) {
    await runner.close()
    throw error
  }
}

/** On the event loop, as a thread has shown that it is fast there. */
async function startTried(
  bytes: Uint8Array,
  from: { trial: Trial; settings: ExecutionSettings; parts: ExecutionParts },
): Promise<StartedExecutor> {
  const runner = await from.parts.load(bytes)
  try {
    await warmUp(runner)
    return assemble('inline', inlineLane(runner, from.parts.accepted), runner.signature, from)
  } catch (error) {
    await runner.close()
    throw error
  }
}

function assemble(
  mode: 'inline' | 'workers',
  lanes: Lanes,
  signature: Signature,
  from: { trial: Trial; settings: ExecutionSettings; parts: ExecutionParts },
): StartedExecutor {
  const { trial, settings, parts } = from
  const scheduler = new Scheduler({
    signature,
    lanes,
    batching: { maxRows: trial.maxRows, delayMs: settings.batchDelayMs },
    hopelessAfterMs: HOPELESS_MS,
    observer: parts.observer,
    warn: parts.log.warn,
  })
  return {
    infer: scheduler.infer,
    unavailableBecause: () => scheduler.unavailableBecause(),
    close: () => scheduler.close(),
    signature,
    mode,
    lanes: lanes.size,
    trial,
    suggestedQueue: suggestedQueue(lanes.size, trial),
  }
}

function suggestedQueue(lanes: number, { maxRows, seconds }: Trial): number {
  const perSecond = (lanes * maxRows) / seconds
  // At least what runs now and what runs next.
  const least = Math.max(SHORTEST_QUEUE, 2 * lanes * maxRows)
  return Math.min(Math.max(Math.round(QUEUE_SECONDS * perSecond), least), Math.max(LONGEST_QUEUE, least))
}
