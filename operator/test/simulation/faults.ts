/**
 * Stories with a fault at one of their writes: each must end where the undisturbed run ended, and at no instant on the way may
 * anything be broken that must hold.
 */
import { expect, test } from '@jest/globals'
import { run } from './simulation.ts'
import { STORIES } from './stories.ts'
import { FAULT_KINDS, type FaultKind } from '../fakes/simulated-world.ts'

/** `turn` counts the writes of a story, from another number in each story, up to `writes` of them. */
type Place = { turn: number; writes: number }

export const isPointerWrite = (write: string): boolean => write.startsWith('point')

/** One kind, another one each turn. */
export const kindInTurn = (turn: number): readonly FaultKind[] =>
  FAULT_KINDS.slice(turn % FAULT_KINDS.length).slice(0, 1)

/** A test for each story, with the faults that are to strike at each of its writes. */
export function eachStoryWithFaults(faultsAt: (write: string, place: Place) => readonly FaultKind[]): void {
  test.each(Object.entries(STORIES).map(([name, story], index) => ({ name, story, index })))(
    '$name',
    async ({ story, index }) => {
      const undisturbed = await run(story)
      const { writes } = undisturbed.world
      for (const [atWrite, write] of writes.entries()) {
        for (const kind of faultsAt(write, { turn: atWrite + index, writes: writes.length })) {
          const { end, violations } = await run(story, { fault: { kind, atWrite } })
          const at = `${kind} at ${write} (${atWrite})`
          expect({ at, end, violations }).toEqual({ at, end: undisturbed.end, violations: [] })
        }
      }
    },
    5 * 60_000,
  )
}
