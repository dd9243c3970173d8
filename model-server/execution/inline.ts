import type { Lanes, Runner } from './executor.ts'

/** Turns of the event loop for which a run waits at most while clients come in; whoever only knocks keeps nobody out for longer. */
const MOST_TURNS = 32

/**
 * One runner, on the event loop. The loop accepts one connection a turn, and a run makes its turn long: where many clients come
 * at once, those who are in would be answered again and again while the others wait at the door. So a run waits for as long as
 * each turn brings another connection. A turn without a run takes some tens of microseconds.
 * @param accepted how many connections were accepted since the start
 */
export function inlineLane(runner: Runner, accepted: () => number = () => 0): Lanes {
  let free = true
  let tell = (): void => undefined
  let known = accepted()
  let turns = 0
  let lettingIn = false

  /** Whether this turn brought another one; whoever waits for a run is told in the next. */
  const broughtAnother = (): boolean => {
    const now = accepted()
    const brought = now !== known && turns < MOST_TURNS
    known = now
    turns = brought ? turns + 1 : 0
    if (brought) setImmediate(tellOfNext)
    return brought
  }
  const tellOfNext = (): void => {
    lettingIn = false
    tell()
  }
  return {
    size: 1,
    acquire: () => {
      if (!free || lettingIn) return undefined
      lettingIn = broughtAnother()
      if (lettingIn) return undefined
      free = false
      return runner
    },
    release: () => {
      free = true
    },
    onFree: (listener) => {
      tell = listener
    },
    unavailableBecause: () => undefined,
    close: () => runner.close(),
  }
}
