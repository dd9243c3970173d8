/** Stories of quotas and nodes that have no room for both colors. */
import type { Story } from './simulation.ts'
import { housing, type SimulatedWorld } from '../fakes/simulated-world.ts'

function isBuilding({ deployments }: SimulatedWorld): boolean {
  return deployments.blue !== undefined && deployments.green !== undefined
}

const kept = { failedCandidateRetentionSeconds: 3600 }

export const SHORT_ROOM: Record<string, Story> = {
  'candidate-makes-room': {
    title:
      'The live color is to grow and has no room beside the candidate, which gives way; with room it is tried again',
    spec: housing(1),
    acts: [
      {
        tell: 'there is room for 4 pods, and version 2',
        do: (world) => {
          world.room = 4
          world.apply(housing(2))
        },
      },
      {
        tell: '3 pods each',
        when: isBuilding,
        do: (world) => world.apply(housing(2, { replicas: 3 })),
      },
      {
        tell: 'there is room, and retry',
        do: (world) => {
          world.room = Infinity
          world.command('retry', '1')
        },
      },
    ],
  },
  'kept-candidate-makes-room': {
    title: 'What is kept for a look goes sooner where the live color has no room beside it',
    spec: housing(1, kept),
    acts: [
      {
        tell: 'version 2, which is wrong',
        do: (world) => world.apply(housing(2, { ...kept, behavior: 'wrong' })),
      },
      {
        tell: 'there is room for 4 pods, and the live color is to have 3',
        do: (world) => {
          world.room = 4
          world.apply(housing(2, { ...kept, behavior: 'wrong', replicas: 3 }))
        },
      },
      { tell: 'two minutes, of which the operator saw nothing', do: (world) => world.stopOperator(120_000) },
    ],
  },
}
