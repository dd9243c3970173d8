import type { Lanes, Runner } from './executor.ts'

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
