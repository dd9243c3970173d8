/** Every story again with each kind of fault at each write of a pointer, which is what users are answered by. */
import { describe } from '@jest/globals'
import { FAULT_KINDS } from './simulated-world.ts'
import { eachStoryWithFaults, isPointerWrite } from './faults.ts'

describe('a story with a fault at any write of its pointer ends as without', () => {
  eachStoryWithFaults((write) => (isPointerWrite(write) ? FAULT_KINDS : []))
})
