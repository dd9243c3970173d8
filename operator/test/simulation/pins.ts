/** Stories of files that change under a model whose digest the spec does not give. */
import { by, promotedTwice } from './acts.ts'
import type { Act, Story } from './simulation.ts'
import {
  housing,
  housingBehindService,
  type HousingChanges,
  type SimulatedWorld,
} from '../fakes/simulated-world.ts'

function open(version: 1 | 2 | 3, changes: HousingChanges = {}): Story['spec'] {
  return housing(version, { digest: 'Open', ...changes })
}

/** While the candidate, version 2, has pods that have loaded its file. */
function replacedUnderCandidate(when: Act['when']): Act {
  const edit = (world: SimulatedWorld): void => {
    world.replaceFile(2, 'another file')
    world.deletePods('blue', 'first')
  }
  return by('the file is replaced, and a pod deleted', edit, when)
}

export const PINS: Record<string, Story> = {
  'file-replaced-under-live': {
    title: 'Another file lies where the live model came from: a pod that comes later does not load it',
    spec: open(1),
    acts: [
      by('the file is replaced, and the release scaled', (world) => {
        world.replaceFile(1, 'another file')
        world.apply(open(1, { replicas: 3 }))
      }),
      by('the file is put back, and the pod that refused it deleted', (world) => {
        world.replaceFile(1)
        world.deletePods('green', 'refusing')
      }),
    ],
  },
  'file-replaced-while-building': {
    title: 'The pods of a candidate have found two files: none of them is promoted',
    spec: open(1),
    acts: [
      by('version 2', (world) => world.apply(open(2))),
      replacedUnderCandidate((world) => world.pods.some(({ color }) => color === 'blue')),
    ],
  },
  'file-replaced-after-its-gates': {
    title:
      'A pod comes between the gates and the pin, and has found another file: it is asked, and nothing is moved',
    spec: open(1),
    acts: [
      by('version 2', (world) => world.apply(open(2))),
      replacedUnderCandidate(
        (world) => world.status?.gates?.result === 'Passed' && world.status.attempt?.outcome === undefined,
      ),
    ],
  },
  'file-replaced-under-warm': {
    title: 'Another file lies where the warm model came from: undo leads to the one that was proven',
    spec: open(1, { retireAfterSeconds: 3600 }),
    acts: [
      by('version 2', (world) => world.apply(open(2, { retireAfterSeconds: 3600 }))),
      by(
        'the file is replaced, a warm pod deleted, and undo',
        (world) => {
          world.replaceFile(1, 'another file')
          world.deletePods('green', 'first')
          world.command('undo', '1')
        },
        promotedTwice,
      ),
    ],
  },
  'file-replaced-for-a-retry': {
    title: 'What passed its gates and was wrong for users is tried again with another file: it is not loaded',
    spec: open(1),
    acts: [
      by('version 2, which is wrong through the edges', (world) =>
        world.apply(open(2, { behavior: 'broken-through-edges' })),
      ),
      by('the file is replaced, the warm Deployment deleted, and retry', (world) => {
        world.replaceFile(2, 'another file')
        world.deleteDeployment('blue')
        world.command('retry', '1')
      }),
    ],
  },
  'pin-deleted': {
    title: 'Somebody deletes the pin of what is live: it is made again',
    spec: open(1),
    acts: [by('the ConfigMap is deleted', (world) => world.pins.clear())],
  },
  'pinned-without-gates': {
    title: 'Without gates the pods are asked which model they have loaded, and that is pinned',
    spec: housingBehindService(1, { digest: 'Open', gates: [] }),
    acts: [
      by('Retain', (world) =>
        world.apply(housingBehindService(1, { digest: 'Open', gates: [], deletionPolicy: 'Retain' })),
      ),
    ],
  },
  'pins-forgotten': {
    title: 'A pin goes with the last that is stored of its revision',
    spec: open(1, { retireAfterSeconds: 0 }),
    acts: Array.from({ length: 12 }, (_, index) =>
      by(`release ${index}`, (world) =>
        world.apply(open(index % 2 === 0 ? 2 : 3, { retireAfterSeconds: 0, port: 8100 + index })),
      ),
    ),
  },
}
