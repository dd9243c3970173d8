/** Stories of people and tools that edit the children of a release. */
import { apply, by, promotedTwice } from './acts.ts'
import type { Story } from './simulation.ts'
import {
  housing,
  housingBehindService,
  type Behavior,
  type SimulatedWorld,
} from '../fakes/simulated-world.ts'

function renamed(version: 1 | 2 | 3, behavior: Behavior = 'right'): Story['spec'] {
  return housingBehindService(version, { behavior, traffic: { type: 'Service', service: { name: 'front' } } })
}

function editBoth(world: SimulatedWorld): void {
  world.editService('green')
  world.editService('blue')
}

export const HAND_EDITS: Record<string, Story> = {
  'revisions-deleted': {
    title:
      'Somebody deletes the ControllerRevisions: what is live is stored again, and brought back from that',
    spec: housingBehindService(1),
    acts: [
      by('the ControllerRevisions are deleted', (world) => world.deleteStored()),
      by('the live Deployment is deleted', (world) => world.deleteDeployment('blue')),
    ],
  },
  'revisions-deleted-with-live': {
    title: 'Deployment and ControllerRevisions are deleted together: the spec says what stood there',
    spec: housing(1),
    acts: [
      by('both are deleted', (world) => {
        world.deleteStored()
        world.deleteDeployment('green')
      }),
    ],
  },
  'revisions-deleted-after-undo': {
    title: 'What is live is not what the spec renders, and nothing is stored of it: it is told',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      {
        tell: 'the ControllerRevisions are deleted',
        when: (world) => world.status?.attempt?.outcome === 'RolledBack',
        do: (world) => world.deleteStored(),
      },
    ],
  },
  'service-edited': {
    title:
      'Somebody changes the selector of the Service of the live color, and of the other: both are put back, and told',
    spec: housing(1),
    acts: [
      by('the live one', (world) => world.editService('green')),
      apply('version 2', housing(2)),
      {
        tell: 'both',
        when: promotedTwice,
        do: editBoth,
      },
    ],
  },
  'pointer-service-edited': {
    title: 'Somebody changes the ports of the pointer Service, twice: they are put back, and told each time',
    spec: housingBehindService(1),
    acts: [
      by('the ports', (world) => world.editPointer('Ports')),
      by('the ports, once more', (world) => world.editPointer('Ports')),
    ],
  },
  'pointer-selector-edited': {
    title:
      'Somebody has the pointer Service lead to other pods: it is told, left as it is, and over when it is set back',
    spec: housingBehindService(1),
    acts: [
      by('another selector', (world) => world.editPointer('Selector')),
      apply('version 2', housingBehindService(2)),
      by('the selector is set back', (world) => world.pointElsewhere('blue')),
    ],
  },
  'live-template-edited': {
    title: 'Somebody sets the image of the Deployment that serves: it is told, and gone when it is set back',
    spec: housing(1),
    acts: [
      by('kubectl set image', (world) => world.editTemplate('green', 'other:2')),
      by('kubectl set image, as it was', (world) => world.editTemplate('green')),
    ],
  },
  'live-field-removed': {
    title:
      'Somebody removes variables from the Deployment that serves: it is told, and gone when they are set back',
    spec: housing(1),
    acts: [
      by('kubectl set env VERSION-', (world) => world.editVariables('green', 'Fewer')),
      by('they are set back', (world) => world.editVariables('green')),
    ],
  },
  'warm-field-added': {
    title: 'A policy puts a variable into the warm Deployment: it is told, and undo leads to it',
    spec: housing(1, { retireAfterSeconds: 3600 }),
    acts: [
      apply('version 2', housing(2, { retireAfterSeconds: 3600 })),
      {
        tell: 'the policy, and undo',
        when: promotedTwice,
        do: (world) => {
          world.editVariables('green', 'More')
          world.command('undo', '1')
        },
      },
    ],
  },
  'command-written-again': {
    title:
      'A tool writes an undo once more that was followed by a retry: it is refused, and nothing is moved',
    spec: housing(1, { retireAfterSeconds: 3600 }),
    acts: [
      apply('version 2', housing(2, { retireAfterSeconds: 3600 })),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      {
        tell: 'retry',
        when: (world) => world.status?.attempt?.outcome === 'RolledBack',
        do: (world) => world.command('retry', '2'),
      },
      {
        tell: 'the same undo',
        when: (world) => world.status?.attempt?.outcome === 'Promoted',
        do: (world) => world.command('undo', '1'),
      },
    ],
  },
  'warm-template-edited': {
    title: 'Somebody sets the image of the warm Deployment: no undo leads to it',
    spec: housing(1, { retireAfterSeconds: 3600 }),
    acts: [
      apply('version 2', housing(2, { retireAfterSeconds: 3600 })),
      {
        tell: 'kubectl set image, and undo',
        when: promotedTwice,
        do: (world) => {
          world.editTemplate('green', 'other:2')
          world.command('undo', '1')
        },
      },
    ],
  },
  'pointer-service-renamed': {
    title: 'The pointer Service gets another name: the old one follows what is live, and never a candidate',
    spec: housingBehindService(1),
    acts: [
      apply('another name', renamed(1)),
      apply('version 2', renamed(2)),
      apply('version 3, which is wrong', renamed(3, 'wrong')),
      apply('version 1 again', renamed(1)),
    ],
  },
  'labels-edited': {
    title: 'Somebody takes labels from the Deployment that serves: they are put back, and told',
    spec: housingBehindService(1),
    acts: [by('the label is removed', (world) => world.editLabels('blue'))],
  },
  'refused-before-room': {
    title: 'What the API server refuses takes no room: the warm color stays, and undo with it',
    spec: housing(1, { retireAfterSeconds: 3600 }),
    acts: [
      apply('version 2', housing(2, { retireAfterSeconds: 3600 })),
      {
        tell: 'version 3, which is refused',
        when: promotedTwice,
        do: (world) => {
          world.templateRefused = 'spec.template.spec.restartPolicy: Unsupported value: "Never"'
          world.apply(housing(3, { retireAfterSeconds: 3600 }))
        },
      },
    ],
  },
  'stored-long-ago': {
    title: 'What an earlier version stored in a form that no patch is accepted of is stored anew',
    spec: housingBehindService(1),
    acts: [
      by('an operator of this version comes', (world) => world.storedLongAgo()),
      apply('Retain', housingBehindService(1, { deletionPolicy: 'Retain' })),
    ],
  },
}
