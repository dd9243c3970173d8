import { describe, expect, test } from '@jest/globals'
import { phasesOf } from './phases.ts'

const none = undefined

describe('how long the parts of a release took', () => {
  test.each([
    {
      name: 'a promoted candidate has all four',
      timeline: { applied: 0, available: 4000, accepted: 4300, propagated: 8000, ended: 8100 },
      phases: { build: 4000, prove: 300, propagate: 3700, verify: 100 },
    },
    {
      name: 'an undo from the warm color builds nothing',
      timeline: { applied: 100, available: none, accepted: 400, propagated: 3400, ended: 3500 },
      phases: { prove: 300, propagate: 3000, verify: 100 },
    },
    {
      name: 'a refused candidate ends while it is proven',
      timeline: { applied: 0, available: 4000, accepted: none, propagated: none, ended: 4200 },
      phases: { build: 4000, prove: 200 },
    },
    {
      name: 'a candidate that never became ready was only built',
      timeline: { applied: 0, available: none, accepted: none, propagated: none, ended: 20_000 },
      phases: { build: 20_000 },
    },
  ])('$name', ({ timeline, phases }) => {
    expect(phasesOf(timeline)).toEqual(phases)
  })
})
