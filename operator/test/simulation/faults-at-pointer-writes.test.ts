/**
 * Every story again with each kind of fault at each write of a pointer, which is what users are answered by. With `FAULTS=few`
 * (`make test`) the kinds take turns.
 */
import { describe } from '@jest/globals'
import { FAULT_KINDS } from '../fakes/simulated-world.ts'
import { eachStoryWithFaults, isPointerWrite, kindInTurn } from './faults.ts'

describe('a story with a fault at any write of its pointer ends as without', () => {
  eachStoryWithFaults((write, { turn }) => {
    if (!isPointerWrite(write)) return []
    return process.env.FAULTS === 'few' ? kindInTurn(turn) : FAULT_KINDS
  })
})
