/**
 * Every story again with faults at the writes of everything but pointers (statuses above all). The kinds take turns, another
 * one at the same write of the next story, which keeps all stories within minutes. `FAULTS=all` tries each kind at each write,
 * `FAULTS=few` (`make test`) fewer writes.
 */
import { describe } from '@jest/globals'
import { FAULT_KINDS } from '../fakes/simulated-world.ts'
import { eachStoryWithFaults, isPointerWrite, kindInTurn } from './faults.ts'

/** Longer stories repeat themselves: so many of their writes, evenly spread, are enough. */
const WRITES_OF_STORY = process.env.FAULTS === 'few' ? 3 : 10

describe('a story with a fault at any of its other writes ends as without', () => {
  eachStoryWithFaults((write, { turn, writes }) => {
    if (isPointerWrite(write)) return []
    if (process.env.FAULTS === 'all') return FAULT_KINDS
    const stride = Math.ceil(writes / WRITES_OF_STORY)
    if (turn % stride !== 0) return []
    return kindInTurn(turn / stride)
  })
})
