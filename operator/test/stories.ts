/** The stories that the goldens tell: what a team does with a release, and what the operator makes of it. */
import type { Act, Story } from './simulation.ts'
import { housing, housingBehindService, knownHouse, type SimulatedWorld } from './simulated-world.ts'

function apply(tell: string, spec: Story['spec'], when?: Act['when']): Act {
  return { tell, do: (world) => world.apply(spec), ...(when ? { when } : {}) }
}

const phase = (wanted: string) => (world: SimulatedWorld) => world.status?.phase === wanted
const outcome = (wanted: string) => (world: SimulatedWorld) => world.status?.attempt?.outcome === wanted

/** Promoted, and the old color still warm. */
const promotedTwice = (world: SimulatedWorld): boolean =>
  outcome('Promoted')(world) &&
  world.status?.history?.length === 2 &&
  world.deployments.blue !== undefined &&
  world.deployments.green !== undefined

function swapped(): Story['spec'] {
  const spec = housing(2)
  const distribution = spec.traffic.cloudFrontDistribution
  if (distribution) distribution.origins = { blue: 'housing-green', green: 'housing-blue' }
  return spec
}

function container(version: 1 | 2): Story['spec'] {
  const { model: _model, ...rest } = housingBehindService(version)
  const template = {
    spec: {
      containers: [
        {
          name: 'web',
          image: `dashboard:version-${version}`,
          readinessProbe: { httpGet: { path: '/', port: 8080 } },
        },
      ],
    },
  }
  return { ...rest, template }
}

function withoutProbe(): Story['spec'] {
  const { model: _model, ...rest } = housing(2)
  return { ...rest, template: { spec: { containers: [{ name: 'web', image: 'web:version-2' }] } } }
}

export const STORIES: Record<string, Story> = {
  'first-release': {
    title: 'The first release is gated too, and takes the color that the pointer does not name',
    spec: housing(1),
    acts: [],
  },
  'first-release-service': {
    title: 'The pointer is a Service that does not exist yet',
    spec: housingBehindService(1),
    acts: [],
  },
  promote: {
    title: 'A new version takes over; the old color retires after its delay',
    spec: housing(1),
    acts: [apply('version 2', housing(2))],
  },
  'promote-service': {
    title: 'A new version takes over behind a Service',
    spec: housingBehindService(1),
    acts: [apply('version 2', housingBehindService(2))],
  },
  'wrong-answer': {
    title: 'A candidate that answers 200 with wrong predictions is refused and removed',
    spec: housing(1),
    acts: [apply('version 2, wrong', housing(2, { behavior: 'wrong' }))],
  },
  'crash-loop': {
    title: 'A candidate that never becomes ready is given up at its deadline',
    spec: housing(1),
    acts: [
      apply('version 2, crashing', housing(2, { behavior: 'crashing' })),
      apply('version 3', housing(3)),
    ],
  },
  'kept-for-a-look': {
    title: 'A failed candidate is kept as long as the spec says',
    spec: housing(1),
    acts: [
      apply('version 2, wrong', housing(2, { behavior: 'wrong', failedCandidateRetentionSeconds: 300 })),
    ],
  },
  'wrong-through-edges': {
    title: 'Users get wrong answers after the switch: the pointer returns',
    spec: housing(1),
    acts: [apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' }))],
  },
  'undo-and-retry': {
    title: 'Undo at once and the same version again at once, both from the warm color',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      { tell: 'retry', when: outcome('RolledBack'), do: (world) => world.command('retry', '2') },
    ],
  },
  'undo-refused': {
    title: 'Undo after the old color has retired is refused',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo, too late', do: (world) => world.command('undo', '1') },
    ],
  },
  'undo-to-sick': {
    title: 'Undo to a color that does not pass its gates any more is given up',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'undo, while the old color falls ill',
        when: promotedTwice,
        do: (world) => {
          world.command('undo', '1')
          world.sicken('green')
        },
      },
    ],
  },
  'abort-before-switch': {
    title: 'Abort before the switch removes the candidate',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'abort',
        when: (world) => phase('Building')(world) && world.deployments.blue !== undefined,
        do: (world) => world.command('abort', '1'),
      },
    ],
  },
  'abort-after-switch': {
    title: 'Abort after the switch brings the traffic back first',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'abort', when: phase('Switching'), do: (world) => world.command('abort', '1') },
    ],
  },
  'abort-idle': {
    title: 'Abort with nothing in progress does nothing',
    spec: housing(1),
    acts: [{ tell: 'abort', do: (world) => world.command('abort', '1') }],
  },
  superseded: {
    title: 'A third spec while the second is being built: the third gets its own gates',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('version 3', housing(3), (world) => world.deployments.blue !== undefined),
    ],
  },
  'superseded-while-settling': {
    title: 'A third spec waits for the pointer to settle, and for the drain, before it takes the idle color',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('version 3', housing(3), (world) => world.pointer.due.length > 0),
    ],
  },
  'gate-corrected': {
    title: 'Fixing only the gate starts a new attempt at the same revision',
    spec: housing(1),
    acts: [
      apply('version 2 with a wrong expectation', housing(2, { gates: [knownHouse(1)] })),
      apply('the gate corrected', housing(2)),
    ],
  },
  'status-wiped': {
    title: 'A wiped status touches nothing that serves',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'status wiped while the old color is warm',
        when: promotedTwice,
        do: (world) => world.wipeStatus(),
      },
    ],
  },
  'status-wiped-while-settling': {
    title: 'A wiped status in the middle of a switch',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'status wiped',
        when: (world) => world.pointer.due.length > 0,
        do: (world) => world.wipeStatus(),
      },
    ],
  },
  'origins-swapped': {
    title: 'Swapping the origin ids is refused; nothing moves',
    spec: housing(1),
    acts: [apply('origins swapped', swapped()), apply('put back', housing(2))],
  },
  'foreign-move': {
    title: 'Another writer moves the pointer to the warm color: both colors are kept, and it is told',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'somebody points at the old color',
        when: promotedTwice,
        do: (world) => world.pointElsewhere('housing-green'),
      },
    ],
  },
  'foreign-origin': {
    title: 'Another writer points at an origin that nobody knows',
    spec: housing(1),
    acts: [
      { tell: 'somebody points at a third origin', do: (world) => world.pointElsewhere('maintenance-page') },
      apply('version 2', housing(2)),
      { tell: 'pointed back', do: (world) => world.pointElsewhere('housing-green') },
    ],
  },
  'live-deployment-deleted': {
    title: 'Somebody deletes the Deployment that serves: exactly what stood there comes back',
    spec: housing(1),
    acts: [{ tell: 'the live Deployment is deleted', do: (world) => world.deleteDeployment('green') }],
  },
  'live-service-deleted': {
    title: 'Somebody deletes the Service behind the live origin',
    spec: housing(1),
    acts: [
      { tell: 'the live Service is deleted', do: (world) => Reflect.deleteProperty(world.services, 'green') },
    ],
  },
  'pointer-service-deleted': {
    title: 'Somebody deletes the pointer Service',
    spec: housingBehindService(1),
    acts: [
      {
        tell: 'the pointer Service is deleted',
        do: (world) => {
          world.pointer.targets = {}
        },
      },
    ],
  },
  'scaled-during-release': {
    title: 'The release is scaled up while the candidate is being built, and down while the pointer moves',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('scaled to 5', housing(2, { replicas: 5 }), (world) => world.deployments.blue !== undefined),
      apply('scaled to 1', housing(2, { replicas: 1 }), (world) => world.pointer.due.length > 0),
    ],
  },
  'bad-spec': {
    title: 'A bad spec stops only the advance: the live color still follows the scale',
    spec: housing(1),
    acts: [
      apply('a template without readiness probe, 4 replicas', { ...withoutProbe(), replicas: 4 }),
      apply('version 2', housing(2)),
    ],
  },
  'deletion-policy': {
    title: 'Changing the deletion policy changes who owns what serves',
    spec: housing(1),
    acts: [
      apply('Delete', housing(1, { deletionPolicy: 'Delete' })),
      apply('Retain', housing(1, { deletionPolicy: 'Retain' })),
    ],
  },
  'behavior-claimed': {
    title: 'Another release holds the behavior',
    spec: housing(1),
    acts: [
      {
        tell: 'the claim is somebody else’s and version 2 comes',
        do: (world) => {
          world.claimedBy = 'models/other'
          world.apply(housing(2))
        },
      },
      {
        tell: 'the other release is gone',
        do: (world) => {
          world.claimedBy = undefined
        },
      },
    ],
  },
  'candidate-falls-ill': {
    title: 'The candidate falls ill between its gates and the switch: no switch',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the candidate falls ill',
        when: (world) => world.status?.traffic?.intent !== undefined,
        do: (world) => world.sicken('blue'),
      },
    ],
  },
  'unknown-container': {
    title: 'A container that knows nothing of us',
    spec: container(1),
    acts: [apply('version 2', container(2))],
  },
  'history-bounded': {
    title: 'Many versions: what no color holds and no history names is forgotten',
    spec: housing(1, { retireAfterSeconds: 0 }),
    acts: Array.from({ length: 12 }, (_, turn) =>
      apply(`turn ${turn}`, housing(1, { retireAfterSeconds: 0, port: 9000 + turn })),
    ),
  },
}
