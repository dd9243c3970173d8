/**
 * Every story again with a fault at its writes: it must end where the undisturbed run ended, and at no instant on the way
 * may anything be broken that must hold.
 */
import { describe, expect, test } from '@jest/globals'
import { run } from './simulation.ts'
import { FAULT_KINDS, type FaultKind } from './simulated-world.ts'
import { STORIES } from './stories.ts'

/** Longer stories repeat themselves: every third of their writes is enough. */
const LONG = 40

/**
 * Every fault at every write of a pointer. At the other writes (statuses above all) the faults take turns, another one at the same write of the next story, which keeps all stories within a minute. `FAULTS=all` tries
 * every fault at every write.
 */
function faultsAt(write: string, turn: number): readonly FaultKind[] {
  if (process.env.FAULTS === 'all' || write.startsWith('point')) return FAULT_KINDS
  return FAULT_KINDS.filter((_kind, index) => index === turn % FAULT_KINDS.length)
}

describe('a story with a fault at any of its writes ends as without', () => {
  test.each(Object.entries(STORIES).map(([name, story], index) => ({ name, story, index })))(
    '$name',
    async ({ story, index }) => {
      const undisturbed = await run(story)
      const { length } = undisturbed.world.writes
      const stride = length > LONG && process.env.FAULTS !== 'all' ? 3 : 1
      for (let atWrite = 0; atWrite < length; atWrite += stride) {
        for (const kind of faultsAt(undisturbed.world.writes[atWrite] ?? '', atWrite + index)) {
          const { end, violations } = await run(story, { fault: { kind, atWrite } })
          const at = `${kind} at ${undisturbed.world.writes[atWrite] ?? ''} (${atWrite})`
          expect({ at, end, violations }).toEqual({ at, end: undisturbed.end, violations: [] })
        }
      }
    },
    60_000,
  )
})
