import type { ExecutionObserver, Executor, Lanes, Runner } from './executor.ts'
import { Scheduler } from './scheduler.ts'

/** One runner, on the event loop. */
export function inlineLane(runner: Runner): Lanes {
  let free = true
  return {
    size: 1,
    acquire: () => {
      if (!free) return undefined
      free = false
      return runner
    },
    release: () => {
      free = true
    },
    onFree: () => undefined,
    unavailableBecause: () => undefined,
    close: () => runner.close(),
  }
}

/** Each request is one run, on the event loop. */
export function inlineExecutor(runner: Runner, ran: ExecutionObserver['ran']): Executor {
  return new Scheduler({
    signature: runner.signature,
    lanes: inlineLane(runner),
    batching: { maxRows: 1, delayMs: 0 },
    hopelessAfterMs: Infinity,
    observer: { ran, queued: () => undefined },
    warn: () => undefined,
  })
}
