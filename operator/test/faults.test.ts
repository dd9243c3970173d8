/**
 * Every story again with a fault at its writes: it must end where the undisturbed run ended, and at no instant on the way
 * may anything be broken that must hold.
 */
import { describe, expect, test } from '@jest/globals'
import { run } from './simulation.ts'
import { FAULT_KINDS, type FaultKind } from './simulated-world.ts'
import { STORIES } from './stories.ts'

/** Longer stories repeat themselves: every fifth of their writes is enough. */
const LONG = 100

/**
 * A crash after a write, before anything was noted of it, is tried at every write. The other faults take turns: each
 * write meets one of them, another one in the next story, which keeps all stories within a minute. `FAULTS=all` tries
 * every fault at every write.
 */
function faultsAt(write: number, story: number): readonly FaultKind[] {
  if (process.env.FAULTS === 'all') return FAULT_KINDS
  const others = FAULT_KINDS.filter((kind) => kind !== 'crash after')
  const turn = others[(write + story) % others.length]
  return turn ? ['crash after', turn] : ['crash after']
}

describe('a story with a fault at any of its writes ends as without', () => {
  test.each(Object.entries(STORIES).map(([name, story], index) => ({ name, story, index })))(
    '$name',
    async ({ story, index }) => {
      const undisturbed = await run(story)
      const { length } = undisturbed.world.writes
      const stride = length > LONG && process.env.FAULTS !== 'all' ? 5 : 1
      for (let atWrite = 0; atWrite < length; atWrite += stride) {
        for (const kind of faultsAt(atWrite, index)) {
          const { end, violations } = await run(story, { fault: { kind, atWrite } })
          const at = `${kind} at ${undisturbed.world.writes[atWrite] ?? ''} (${atWrite})`
          expect({ at, end, violations }).toEqual({ at, end: undisturbed.end, violations: [] })
        }
      }
    },
    60_000,
  )
})
