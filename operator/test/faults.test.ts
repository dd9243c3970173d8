/**
 * Every story again with a fault at its writes: it must end where the undisturbed run ended, and at no instant on the way
 * may anything be broken that must hold.
 */
import { describe, expect, test } from '@jest/globals'
import { run } from './simulation.ts'
import { FAULT_KINDS, type FaultKind } from './simulated-world.ts'
import { STORIES } from './stories.ts'

/** Longer stories repeat themselves: so many of their writes, evenly spread, are enough. */
const WRITES_OF_STORY = 16

/**
 * Every fault at every write of a pointer. At the other writes (statuses above all) the faults take turns, another one at the
 * same write of the next story, which keeps all stories within a minute. `FAULTS=all` tries every fault at every write.
 */
function faultsAt(write: string, { turn, stride }: { turn: number; stride: number }): readonly FaultKind[] {
  if (process.env.FAULTS === 'all' || write.startsWith('point')) return FAULT_KINDS
  if (turn % stride !== 0) return []
  return FAULT_KINDS.filter((_kind, index) => index === (turn / stride) % FAULT_KINDS.length)
}

describe('a story with a fault at any of its writes ends as without', () => {
  test.each(Object.entries(STORIES).map(([name, story], index) => ({ name, story, index })))(
    '$name',
    async ({ story, index }) => {
      const undisturbed = await run(story)
      const { writes } = undisturbed.world
      const stride = Math.ceil(writes.length / WRITES_OF_STORY)
      for (const [atWrite, write] of writes.entries()) {
        for (const kind of faultsAt(write, { turn: atWrite + index, stride })) {
          const { end, violations } = await run(story, { fault: { kind, atWrite } })
          const at = `${kind} at ${write} (${atWrite})`
          expect({ at, end, violations }).toEqual({ at, end: undisturbed.end, violations: [] })
        }
      }
    },
    5 * 60_000,
  )
})
