/** The stories that the goldens tell: what a team does with a release, and what the operator makes of it. */
import { without } from '../../planner/state/persisted-state.ts'
import type { Spec } from '../../api/release.ts'
import type { DistributionFacts } from '../../planner/model/distribution.ts'
import { apply } from './acts.ts'
import { DRAINS } from './drains.ts'
import { HAND_EDITS } from './hand-edits.ts'
import { PINS } from './pins.ts'
import { SHORT_ROOM } from './short-room.ts'
import type { Act, Story } from './simulation.ts'
import { factsOf } from '../fakes/worlds.ts'
import {
  housing,
  housingBehindService,
  housingBehindStore,
  knownHouse,
  withCredential,
  type Behavior,
  type SimulatedWorld,
} from '../fakes/simulated-world.ts'

const phase = (wanted: string) => (world: SimulatedWorld) => world.status?.phase === wanted
const outcome = (wanted: string) => (world: SimulatedWorld) => world.status?.attempt?.outcome === wanted

/** Promoted, and the old color still warm. */
const promotedTwice = (world: SimulatedWorld): boolean =>
  outcome('Promoted')(world) &&
  world.status?.history?.length === 2 &&
  world.deployments.blue !== undefined &&
  world.deployments.green !== undefined

function swapped(): Spec {
  const spec = housing(2)
  const distribution = spec.traffic.cloudFrontDistribution
  if (distribution) distribution.origins = { blue: 'housing-green', green: 'housing-blue' }
  return spec
}

function container(version: 1 | 2 | 3): Spec {
  const rest = without(housingBehindService(version), 'model')
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

/** A container that gets a setting from a ConfigMap. */
function configured(annotation: string): Spec {
  const env = [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'web', key: 'V' } } }]
  const web = {
    name: 'web',
    image: 'dashboard:version-1',
    env,
    readinessProbe: { httpGet: { path: '/', port: 8080 } },
  }
  const template = { metadata: { annotations: { config: annotation } }, spec: { containers: [web] } }
  return { ...without(housingBehindService(1), 'model'), template }
}

function withoutProbe(): Spec {
  const rest = without(housing(2), 'model')
  return { ...rest, template: { spec: { containers: [{ name: 'web', image: 'web:version-2' }] } } }
}

function putToken(world: SimulatedWorld, authorization: string): void {
  world.putSecret('gate-token', { authorization })
  world.demanded = authorization
}

/** The same through another pointer. */
function through(pointer: Partial<Spec['traffic']['cloudFrontDistribution']>, spec: Spec): Spec {
  const distribution = housing(1).traffic.cloudFrontDistribution
  if (!distribution) throw new Error('the housing release has a distribution')
  const changed = { ...distribution, ...spec.traffic.cloudFrontDistribution, ...pointer }
  return { ...spec, traffic: { type: 'CloudFrontDistribution', cloudFrontDistribution: changed } }
}

const elsewhere = (spec: Spec): Spec => through({ distributionId: 'E456EXAMPLE' }, spec)

const wrongWithGate = housing(2, { behavior: 'wrong', gates: [knownHouse(99)] })

const twoBehaviors = (version: 1 | 2): Spec =>
  through({ behaviors: [{ pathPattern: '*' }, { pathPattern: '/ui/*' }] }, housing(version))

const twoBehindStore = (version: 1 | 2): Spec =>
  housingBehindStore(version, { behaviors: [{ pathPattern: '*' }, { pathPattern: '/ui/*' }] })

/** A container whose second version serves another port. */
function onPort(version: 1 | 2, port: number): Spec {
  return { ...container(version), port }
}

function verifiedByPost(version: 1 | 2): Spec {
  const spec = housing(version)
  const verify = spec.traffic.cloudFrontDistribution?.verify
  return verify ? through({ verify: { ...verify, method: 'POST' } }, spec) : spec
}

function allowing(...methods: string[]): DistributionFacts {
  const facts = factsOf()
  return { ...facts, behaviors: facts.behaviors.map((behavior) => ({ ...behavior, methods })) }
}

function repairing(spec: Spec): Spec {
  return through({ driftPolicy: 'Repair' }, spec)
}

function isPropagating(world: SimulatedWorld): boolean {
  return world.pointer.due.length > 0
}

/** Right answers came, and it is not sure yet that every edge follows the key. */
function seenEarly({ status }: SimulatedWorld): boolean {
  const saying = status?.conditions?.find(({ type }) => type === 'Reconciling')
  return saying?.message.startsWith('users are answered') === true
}

function isReturning(world: SimulatedWorld): boolean {
  return world.status?.attempt?.direction === 'Back'
}

const isTold = (reason: string) => (world: SimulatedWorld) =>
  world.status?.conditions?.some((one) => one.reason === reason) === true

/** The share of the clients that is at the candidate, as soon as that is told. */
const held = (weight: number) => (world: SimulatedWorld) => world.status?.traffic?.canary?.weight === weight

const STEPS = [
  { weight: 10, holdSeconds: 60 },
  { weight: 50, holdSeconds: 60 },
]

/** Behind a key, with a share of the clients first. */
function inSteps(version: 1 | 2 | 3, behavior: Behavior = 'right', gates?: Spec['gates']): Spec {
  return housingBehindStore(version, { canary: STEPS }, { behavior, ...(gates ? { gates } : {}) })
}

/** With half of the clients for so long that nobody waits for the end of it. */
function inADay(version: 2): Spec {
  return housingBehindStore(version, { canary: [{ weight: 50, holdSeconds: 86_400 }] })
}

/** For what waits until nobody can be answered by it any more. */
const later: Act = { tell: 'two minutes later', do: (world) => world.advanceTo(world.now + 120_000) }

/** The behaviors name an origin that is always there, so nothing has to follow the key. */
function alwaysThere(world: SimulatedWorld): void {
  world.fallBackTo('old-fleet')
}

/** A newer schema of the release fills in what nobody wrote. */
function growSchema(world: SimulatedWorld): void {
  world.schema = (spec) => ({
    ...spec,
    gates: (spec.gates ?? []).map((gate) => ({ ...gate, when: 'BeforeSwitch' })),
    traffic: { ...spec.traffic, hint: 'standard' } as Spec['traffic'],
    ...(spec.model ? { model: { ...spec.model, format: 'onnx' } as NonNullable<Spec['model']> } : {}),
  })
}

/** An upgrade of the schema, and then a spec that differs by the number of pods only, as an autoscaler writes it. */
function upgraded(spec: Spec): Act[] {
  return [{ tell: 'the schema gains defaults', do: growSchema }, apply('3 pods', { ...spec, replicas: 3 })]
}

/** The same pods as generators and formatters may write them. */
function rewritten(spec: Spec): Spec {
  const { spec: pods } = spec.template as { spec: { containers: object[] } }
  const containers = pods.containers.map((one) => ({
    ...one,
    imagePullPolicy: 'IfNotPresent',
    resources: { requests: { cpu: '10m', memory: '64Mi' } },
  }))
  const template = {
    metadata: { creationTimestamp: null, labels: {} },
    spec: { restartPolicy: 'Always', containers, volumes: [] },
  }
  return { ...spec, template }
}

/** With requests, in a notation of its own. */
function requesting(version: 1 | 2): Spec {
  const spec = container(version)
  const { spec: pods } = spec.template as { spec: { containers: object[] } }
  const resources = { requests: { cpu: 0.01, memory: '65536Ki' } }
  return {
    ...spec,
    template: { spec: { containers: pods.containers.map((one) => ({ ...one, resources })) } },
  }
}

const UNREACHABLE = { type: 'Unreachable', message: 'the CloudFront API does not answer' } as const

export const STORIES: Record<string, Story> = {
  ...HAND_EDITS,
  ...PINS,
  ...DRAINS,
  ...SHORT_ROOM,
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
  'ready-for-a-moment': {
    title: 'An app that dies six seconds after it has become ready is never promoted',
    spec: housing(1, { minReadySeconds: 10 }),
    acts: [
      apply(
        'version 2, dying',
        housing(2, { behavior: 'dying', minReadySeconds: 10, progressDeadlineSeconds: 120 }),
      ),
    ],
  },
  'sidecar-that-ends': {
    title: 'A second container without a probe that ends again and again: never promoted',
    spec: housingBehindService(1, { minReadySeconds: 10 }),
    acts: [
      apply(
        'version 2, with a sidecar that ends',
        housingBehindService(2, {
          behavior: 'with-a-sidecar-that-ends',
          minReadySeconds: 10,
          progressDeadlineSeconds: 120,
        }),
      ),
    ],
  },
  'ready-long-enough': {
    title: 'The candidate stays ready for its least time before the switch; undo waits for no such time',
    spec: housing(1, { minReadySeconds: 10 }),
    acts: [
      apply('version 2', housing(2, { minReadySeconds: 10 })),
      {
        tell: 'the pods of the old color restart; undo as soon as one of them is ready',
        when: promotedTwice,
        do: (world) => {
          world.crash('green')
          world.advanceTo(world.now + 2000)
          world.command('undo', '1')
        },
      },
    ],
  },
  'restarts-after-its-gates': {
    title:
      'A candidate whose pods restart once after they have passed the gates is asked again, and takes longer',
    spec: housing(1, { minReadySeconds: 10 }),
    acts: [
      apply('version 2', housing(2, { minReadySeconds: 10 })),
      {
        tell: 'its pods restart',
        when: (world) => world.status?.gates?.result === 'Passed' && phase('Switching')(world),
        do: (world) => world.crash('blue'),
      },
    ],
  },
  'live-falls-while-warm': {
    title:
      'All pods of what is live crash again and again while the old color is warm: users are led back, once',
    spec: housing(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      apply('version 2', housing(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      { tell: 'its pods begin to crash', when: promotedTwice, do: (world) => world.breakDown('blue') },
      {
        tell: 'they recover, and those of the old color fall ill',
        when: outcome('RolledBack'),
        do: (world) => {
          world.mend('blue')
          world.sicken('green')
        },
      },
    ],
  },
  'live-unready-while-warm': {
    title:
      'No pod of what is live is ready any more, behind a Service, while the old color is warm: users are led back',
    spec: housingBehindService(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      apply('version 2', housingBehindService(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      { tell: 'it falls ill', when: promotedTwice, do: (world) => world.sicken('green') },
      { tell: 'it recovers', do: (world) => world.heal('green') },
    ],
  },
  'live-drained-while-warm': {
    title: 'Pods of what is live come and go while the old color is warm: nobody is led back',
    spec: housing(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      apply('version 2', housing(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      { tell: 'its nodes are drained', when: promotedTwice, do: (world) => world.drain('blue') },
      {
        tell: 'one of its pods falls ill',
        when: (world) => world.isAvailable('blue'),
        do: (world) => world.sicken('blue', 1),
      },
    ],
  },
  'live-falls-and-is-told': {
    title: 'What is live crashes while the old color is warm, and the spec asks to be told only',
    spec: housing(1, { liveFailurePolicy: 'Tell' }),
    acts: [
      apply('version 2', housing(2, { liveFailurePolicy: 'Tell' })),
      { tell: 'its pods begin to crash', when: promotedTwice, do: (world) => world.breakDown('blue') },
      { tell: 'they recover', when: isTold('LiveColorFailing'), do: (world) => world.mend('blue') },
    ],
  },
  'live-crashed-long-ago': {
    title:
      'Pods of what is live have crashed, and come up for good; when one of them misses its readiness, nobody is led back',
    spec: housing(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      apply('version 2', housing(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      {
        tell: 'its pods crash four times within a moment',
        when: promotedTwice,
        do: (world) => {
          for (let time = 0; time < 4; time += 1) {
            world.crash('blue')
            world.advanceTo(world.now + 2000)
          }
        },
      },
      { ...later, when: (world) => world.isAvailable('blue') },
      { tell: 'one of them falls ill', when: () => true, do: (world) => world.sicken('blue', 1) },
      { ...later, when: () => true },
      { tell: 'it recovers', when: () => true, do: (world) => world.heal('blue') },
    ],
  },
  'live-falls-after-many-failures': {
    title:
      'Many versions fail, one is promoted and falls: that the old color was proven is remembered, and users are led back',
    spec: housing(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      ...Array.from({ length: 10 }, (_, turn) =>
        apply(
          `version 2, wrong, for the ${turn + 1}. time`,
          housing(2, { liveFailurePolicy: 'ReturnWhileWarm', behavior: 'wrong', port: 9000 + turn }),
        ),
      ),
      apply('version 2', housing(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      {
        tell: 'it falls ill',
        when: (world) => outcome('Promoted')(world) && world.status?.liveColor === 'blue',
        do: (world) => world.sicken('blue'),
      },
    ],
  },
  'live-falls-and-third-spec': {
    title:
      'What is live fails while the old color is warm, and another spec is applied before that has lasted: users are led back first',
    spec: housing(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      apply('version 2', housing(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      {
        tell: 'a minute later it falls ill, and version 3 is applied',
        when: promotedTwice,
        do: (world) => {
          world.advanceTo(world.now + 60_000)
          world.sicken('blue')
          world.apply(housing(3, { liveFailurePolicy: 'ReturnWhileWarm' }))
        },
      },
    ],
  },
  'live-leaving-and-third-spec': {
    title:
      'Somebody deletes what is live, and applies another spec before its pods have ended: users are led back first',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'a minute later the Deployment is deleted, and version 3 is applied',
        when: promotedTwice,
        do: (world) => {
          world.advanceTo(world.now + 60_000)
          world.deleteInForeground('blue', 120_000)
          world.apply(housing(3))
        },
      },
    ],
  },
  'live-falls-and-is-told-and-third-spec': {
    title:
      'The same where the spec asks to be told only: the color that answers is not taken until a person sees to it',
    spec: housing(1, { liveFailurePolicy: 'Tell' }),
    acts: [
      apply('version 2', housing(2, { liveFailurePolicy: 'Tell' })),
      {
        tell: 'a minute later it falls ill, and version 3 is applied',
        when: promotedTwice,
        do: (world) => {
          world.advanceTo(world.now + 60_000)
          world.sicken('blue')
          world.apply(housing(3, { liveFailurePolicy: 'Tell' }))
        },
      },
      { tell: 'it recovers', do: (world) => world.heal('blue') },
    ],
  },
  'live-falls-while-both-are-wrong': {
    title:
      'What is live fails, and what served before is wrong by now: it is tried once, and a person decides',
    spec: housingBehindService(1, { liveFailurePolicy: 'ReturnWhileWarm' }),
    acts: [
      apply('version 2', housingBehindService(2, { liveFailurePolicy: 'ReturnWhileWarm' })),
      {
        tell: 'it falls ill, and the old color goes wrong',
        when: promotedTwice,
        do: (world) => {
          world.sicken('green')
          world.madden('blue')
        },
      },
      later,
    ],
  },
  'verify-left-behind': {
    title:
      'What users will be asked for was left at the old version: known before anybody is led to the new one',
    spec: housing(1),
    acts: [
      apply('version 2, verified as version 1', { ...housing(2), traffic: housing(1).traffic }),
      apply('version 2, verified as such', housing(2)),
    ],
  },
  'model-refused': {
    title: 'A model that the server refuses for good ends its attempt at once',
    spec: housing(1),
    acts: [
      apply('version 2, of another digest', housing(2, { behavior: 'refused' })),
      apply('version 3', housing(3)),
    ],
  },
  'image-missing': {
    title: 'An image that its registry does not have ends the attempt when the nodes have asked twice',
    spec: housing(1),
    acts: [
      apply('version 2, of an image that is nowhere', housing(2, { behavior: 'no-image' })),
      apply('version 3', housing(3)),
    ],
  },
  'refused-and-kept': {
    title: 'What was kept of a refused candidate does not end a retry, which may have been mended',
    spec: housing(1),
    acts: [
      apply(
        'version 2, of another digest, to be kept',
        housing(2, { behavior: 'refused', failedCandidateRetentionSeconds: 900 }),
      ),
      {
        tell: 'retry a minute later',
        do: (world) => {
          world.advanceTo(world.now + 60_000)
          world.command('retry', '1')
        },
        when: outcome('Failed'),
      },
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
    title: 'Undo to a color that has no ready pod waits for one, and is told as pending',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'undo, while the old color is ill',
        when: promotedTwice,
        do: (world) => {
          world.sicken('green')
          world.command('undo', '1')
        },
      },
      { tell: 'one of its pods recovers', do: (world) => world.heal('green', 1) },
    ],
  },
  'undo-withdrawn': {
    title: 'An undo that waits for a ready pod is withdrawn by retry, and another by a new spec',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'undo, while the old color is ill',
        when: promotedTwice,
        do: (world) => {
          world.sicken('green')
          world.command('undo', '1')
        },
      },
      { tell: 'retry', do: (world) => world.command('retry', '2') },
      { tell: 'undo again', when: outcome('Promoted'), do: (world) => world.command('undo', '3') },
      apply('version 3', housing(3)),
    ],
  },
  'undo-to-small': {
    title: 'One pod of the old color is ready: undo goes back to it, and it is told that it is small',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'a pod of the old color falls ill: undo',
        when: promotedTwice,
        do: (world) => {
          world.sicken('green', 1)
          world.command('undo', '1')
        },
      },
    ],
  },
  'undo-after-scale-up': {
    title: 'Undo right after a scale-up does not wait for the new pods',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: '5 pods and undo',
        when: promotedTwice,
        do: (world) => {
          world.apply(housing(2, { replicas: 5 }))
          world.command('undo', '1')
        },
      },
    ],
  },
  'abort-to-sick': {
    title: 'Abort after the switch while the old color has no ready pod: kept in mind until it has one',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the old color falls ill, abort',
        when: isPropagating,
        do: (world) => {
          world.sicken('green')
          world.command('abort', '1')
        },
      },
      { tell: 'one of its pods recovers', do: (world) => world.heal('green', 1) },
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
      { tell: 'abort', when: isPropagating, do: (world) => world.command('abort', '1') },
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
  'superseded-while-propagating': {
    title:
      'A third spec waits for the pointer to propagate, and for the drain, before it takes the idle color',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('version 3', housing(3), (world) => world.pointer.due.length > 0),
    ],
  },
  'hotfix-of-a-container': {
    title:
      'A third template right after the second: the pods of the first may end at once, so they have the time of an answer',
    spec: container(1),
    acts: [apply('version 2', container(2)), apply('version 3', container(3), promotedTwice)],
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
  'status-wiped-while-propagating': {
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
  'claim-of-somebody-elses-behavior': {
    title:
      'A first release names a behavior that somebody else uses: it gets no claim that would keep him from it',
    spec: housing(1),
    before: (world) => world.pointElsewhere('shop'),
    acts: [],
  },
  'live-deployment-deleted': {
    title: 'Somebody deletes the Deployment that serves: exactly what stood there comes back',
    spec: housing(1),
    acts: [{ tell: 'the live Deployment is deleted', do: (world) => world.deleteDeployment('green') }],
  },
  'live-deployment-leaving': {
    title:
      'Somebody deletes the Deployment that serves in the foreground while the old color is warm: users are led there, and a retry brings the new one back',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the live Deployment is deleted in the foreground, and its pods take a minute to end',
        when: promotedTwice,
        do: (world) => world.deleteInForeground('blue', 60_000),
      },
      { tell: 'retry', do: (world) => world.command('retry', '1') },
    ],
  },
  'warm-color-makes-room': {
    title:
      'There is no room for two colors of 3 pods: the live one comes first, and the warm one goes in its time',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'there is room for 4 pods, 3 pods each',
        when: promotedTwice,
        do: (world) => {
          world.room = 4
          world.apply(housing(2, { replicas: 3 }))
        },
      },
    ],
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
  'pointer-service-deleted-while-small': {
    title: 'Somebody deletes the pointer Service while a pod is not ready: it is made again at once',
    spec: housingBehindService(1),
    acts: [
      {
        tell: 'a pod falls ill, and the pointer Service is deleted',
        do: (world) => {
          world.sicken('green', 1)
          world.sicken('blue', 1)
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
  'deletion-policy-service': {
    title: 'With Retain, the pointer Service outlives the release too',
    spec: housingBehindService(1),
    acts: [apply('Retain', housingBehindService(1, { deletionPolicy: 'Retain' }))],
  },
  'drift-to-retired': {
    title: 'Another writer points at a color that has retired: it is told, and retry brings the pointer back',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'somebody points at the retired color',
        do: (world) => world.pointElsewhereAtOnce('housing-green'),
      },
      { tell: 'retry', do: (world) => world.command('retry', '1') },
    ],
  },
  'undo-while-scaling-refused': {
    title: 'A refused scale does not stand in the way of an undo',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'scaling is refused, 4 pods, and undo',
        when: promotedTwice,
        do: (world) => {
          world.scaleRefused = 'Yes'
          world.apply(housing(2, { replicas: 4 }))
          world.command('undo', '1')
        },
      },
    ],
  },
  'undo-while-service-is-policed': {
    title:
      'A policy changes the Service of what is live again whenever it is put back: told, tried more and more rarely, and undo leads users back all the same',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the policy comes',
        when: promotedTwice,
        do: (world) => {
          world.policedService = 'blue'
          world.editService('blue')
        },
      },
      { tell: 'undo', when: isTold('StepFailing'), do: (world) => world.command('undo', '1') },
      {
        tell: 'the policy is gone',
        do: (world) => {
          world.policedService = undefined
        },
      },
    ],
  },
  'undo-while-webhook-down': {
    title:
      'No Deployment can be written: an undo is taken and made all the same, and the scale follows when it can',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'a webhook for Deployments is down, 3 pods and undo',
        when: promotedTwice,
        do: (world) => {
          world.failing.add('Deployment')
          world.apply(housing(2, { replicas: 3 }))
          world.command('undo', '1')
        },
      },
      {
        tell: 'the webhook is back, half a minute later',
        do: (world) => {
          world.failing.clear()
          world.advanceTo(world.now + 30_000)
        },
      },
    ],
  },
  'wrong-while-webhook-down': {
    title: 'No Deployment can be written, and users get wrong answers: the pointer returns all the same',
    spec: housing(1),
    acts: [
      apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' })),
      {
        tell: 'a webhook for Deployments is down, 3 pods',
        when: isPropagating,
        do: (world) => {
          world.failing.add('Deployment')
          world.apply(housing(2, { behavior: 'broken-through-edges', replicas: 3 }))
        },
      },
    ],
  },
  'silent-while-webhook-down': {
    title:
      'No Deployment can be written, and no proof comes from the edges: the time for it is over all the same',
    spec: housing(1),
    acts: [
      apply(
        'version 2, lost through the edges',
        housing(2, { behavior: 'lost-through-edges', progressDeadlineSeconds: 60 }),
      ),
      {
        tell: 'a webhook for Deployments is down, 3 pods',
        when: isPropagating,
        do: (world) => {
          world.failing.add('Deployment')
          world.apply(
            housing(2, { behavior: 'lost-through-edges', progressDeadlineSeconds: 60, replicas: 3 }),
          )
        },
      },
    ],
  },
  'built-while-webhook-down': {
    title: 'The candidate cannot be made: told, given up at the deadline, and made by a retry',
    spec: housing(1),
    acts: [
      {
        tell: 'a webhook for Deployments is down, version 2',
        do: (world) => {
          world.failing.add('Deployment')
          world.apply(housing(2, { progressDeadlineSeconds: 60 }))
        },
      },
      {
        tell: 'the webhook is back: retry',
        do: (world) => {
          world.failing.clear()
          world.command('retry', '1')
        },
      },
    ],
  },
  'aborted-while-webhook-down': {
    title: 'The candidate cannot be made: abort and another spec are looked at all the same',
    spec: housing(1),
    acts: [
      {
        tell: 'ControllerRevisions cannot be written, version 2',
        do: (world) => {
          world.failing.add('ControllerRevision')
          world.apply(housing(2))
        },
      },
      {
        tell: 'abort',
        when: (world) => world.status?.conditions?.some(({ reason }) => reason === 'StepFailing') === true,
        do: (world) => world.command('abort', '1'),
      },
      {
        tell: 'they can again, version 3',
        do: (world) => {
          world.failing.clear()
          world.apply(housing(3))
        },
      },
    ],
  },
  'replicas-left-out': {
    title: 'Nobody gives a number any more: it stays what it is, through a release and a lost Deployment',
    spec: housing(1),
    acts: [
      apply('4 pods', housing(1, { replicas: 4 })),
      apply('no number', without(housing(1), 'replicas')),
      apply('version 2, no number', without(housing(2), 'replicas')),
      { tell: 'the live Deployment is deleted', do: (world) => world.deleteDeployment('blue') },
    ],
  },
  'replicas-never-given': {
    title: 'A first release without a number has one pod; a scale gives one',
    spec: without(housing(1), 'replicas'),
    acts: [apply('3 pods', housing(1, { replicas: 3 }))],
  },
  'shrinks-with-new-revision': {
    title:
      'A smaller number that comes with a new revision is that revision’s: what is live keeps its pods until it is live',
    spec: housing(1, { replicas: 4 }),
    acts: [
      apply('version 2, crashing, with 1 pod', housing(2, { replicas: 1, behavior: 'crashing' })),
      apply('version 3 with 2 pods', housing(3, { replicas: 2 })),
    ],
  },
  'scaled-up-and-down-after-failure': {
    title:
      'A version that came with 2 pods fails; an autoscaler goes to 8 and back to 2: what is live follows both ways',
    spec: housing(1),
    acts: [
      apply('version 2, wrong', housing(2, { behavior: 'wrong' })),
      apply('8 pods', housing(2, { behavior: 'wrong', replicas: 8 })),
      apply('2 pods', housing(2, { behavior: 'wrong' })),
      apply('8 pods, for a moment', housing(2, { behavior: 'wrong', replicas: 8 })),
      apply('2 pods, at once', housing(2, { behavior: 'wrong' }), (world) => world.replicasOf('green') === 8),
    ],
  },
  'shrinks-while-building': {
    title: 'A smaller number that comes while a revision is built is about what is live',
    spec: housing(1, { replicas: 4 }),
    acts: [
      apply('version 2', housing(2, { replicas: 4 })),
      apply('3 pods', housing(2, { replicas: 3 }), (world) => world.deployments.blue !== undefined),
    ],
  },
  'schema-grows-when-promoted': {
    title: 'The schema gains defaults under a promoted release: nothing starts, and no pod',
    spec: housing(1),
    acts: [apply('version 2', housing(2)), ...upgraded(housing(2))],
  },
  'schema-grows-after-undo': {
    title: 'The schema gains defaults after an undo: what was undone stays undone',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      ...upgraded(housing(2)),
    ],
  },
  'schema-grows-after-return': {
    title: 'The schema gains defaults after a return from wrong answers: nothing is switched to again',
    spec: housing(1),
    acts: [
      apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' })),
      ...upgraded(housing(2, { behavior: 'broken-through-edges' })),
    ],
  },
  'schema-grows-after-failure': {
    title: 'The schema gains defaults after a failed gate: what failed is not tried again',
    spec: housing(1),
    acts: [
      apply('version 2, wrong', housing(2, { behavior: 'wrong' })),
      ...upgraded(housing(2, { behavior: 'wrong' })),
    ],
  },
  'schema-grows-after-abort': {
    title:
      'The schema gains defaults after an abort, and the operator was away: nothing starts but by a retry',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'abort',
        when: (world) => phase('Building')(world) && world.deployments.blue !== undefined,
        do: (world) => world.command('abort', '1'),
      },
      {
        tell: 'the schema gains defaults while the operator is away',
        do: (world) => {
          growSchema(world)
          world.stopOperator(60_000)
        },
      },
      { tell: 'retry', do: (world) => world.command('retry', '2') },
    ],
  },
  'schema-grows-while-building': {
    title: 'The schema gains defaults while a candidate is built: it is the same attempt',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the schema gains defaults',
        when: (world) => phase('Building')(world) && world.deployments.blue !== undefined,
        do: growSchema,
      },
    ],
  },
  'written-otherwise': {
    title: 'The same pods in another notation are the same revision, live, undone and with another gate',
    spec: requesting(1),
    acts: [
      apply('version 1, written otherwise', rewritten(container(1))),
      apply('version 2', requesting(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      apply('version 2, written otherwise', rewritten(container(2)), outcome('RolledBack')),
      apply('version 1 with another gate, written otherwise', {
        ...rewritten(container(1)),
        gates: [{ ...knownHouse(30.72), name: 'another' }],
      }),
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
  'former-pods-never-end': {
    title:
      'Pods of before that never end, where nothing tells whose answer it is: they fail nothing, and are not waited for',
    spec: container(1),
    acts: [
      {
        tell: 'pods never end any more, version 2, and the old color retires at once',
        do: (world) => {
          world.graceMs = Infinity
          world.apply({ ...container(2), retireAfterSeconds: 0 })
        },
      },
      apply('version 1 again', { ...container(1), progressDeadlineSeconds: 20, retireAfterSeconds: 0 }),
    ],
  },
  'former-pods-take-long': {
    title:
      'Pods of before that take longer to end than the deadline is, and end: the deadline does not count it',
    spec: container(1),
    acts: [
      {
        tell: 'pods take 20 seconds to end, version 2, and the old color retires at once',
        do: (world) => {
          world.graceMs = 20_000
          world.apply({ ...container(2), retireAfterSeconds: 0 })
        },
      },
      apply(
        'version 1 again',
        { ...container(1), progressDeadlineSeconds: 10, retireAfterSeconds: 0 },
        (world) => outcome('Promoted')(world) && world.deployments.blue === undefined,
      ),
    ],
  },
  'name-taken-and-freed': {
    title:
      'The name of the candidate is taken for longer than the deadline: freed, it has the time that it had left',
    spec: housing(1),
    acts: [
      {
        tell: 'the name is taken, version 2',
        do: (world) => {
          world.createRefused = 'Deployment "housing-blue" is not of this release'
          world.apply(housing(2, { progressDeadlineSeconds: 60 }))
        },
      },
      {
        tell: 'two minutes later the name is free',
        do: (world) => {
          world.advanceTo(world.now + 120_000)
          world.createRefused = undefined
        },
      },
    ],
  },
  'gates-of-what-is-live': {
    title:
      'Only the gates are changed: what is live is asked before it is promoted; where it fails, it is told and stays',
    spec: housing(1),
    acts: [
      apply('another gate, which passes', housing(1, { gates: [{ ...knownHouse(30.72), name: 'again' }] })),
      apply('a gate that is wrong', housing(1, { gates: [knownHouse(1)] })),
      apply('the gate corrected', housing(1)),
    ],
  },
  'gates-of-what-is-live-are-silent': {
    title:
      'Only the gates are changed, and nobody answers them: told at the deadline, and nothing is taken away',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'nobody answers the gates, and they are changed',
        when: promotedTwice,
        do: (world) => {
          world.gatesSilent = 'blue'
          const gates = [{ ...knownHouse(26.93), name: 'again' }]
          world.apply(housing(2, { gates, progressDeadlineSeconds: 30 }))
        },
      },
    ],
  },
  'two-behaviors': {
    title: 'Behaviors that differ: both colors serve, and nothing moves until somebody decides',
    spec: twoBehaviors(1),
    acts: [
      apply('version 2', twoBehaviors(2)),
      {
        tell: 'somebody points one behavior at the old color, and version 1 is applied, 3 pods',
        when: promotedTwice,
        do: (world) => {
          world.pointPart('/ui/*', 'housing-green')
          world.apply({ ...twoBehaviors(1), replicas: 3 })
        },
      },
      { tell: 'pointed back', do: (world) => world.pointPart('/ui/*', 'housing-blue') },
    ],
  },
  'origin-missing': {
    title: 'An origin that the distribution lacks is refused before any pod is made',
    spec: housing(1),
    acts: [
      apply(
        'an origin that nobody made, version 2',
        through({ origins: { blue: 'housing-azure', green: 'housing-green' } }, housing(2)),
      ),
      apply('the origin put right', housing(2)),
    ],
  },
  'pointer-changed': {
    title: 'Another distribution is named: a switch without new pods',
    spec: housing(1),
    acts: [apply('the other distribution', elsewhere(housing(1)))],
  },
  'pointer-type-changed': {
    title: 'From a Service to a distribution',
    spec: housingBehindService(1),
    acts: [apply('version 1 behind the distribution', housing(1))],
  },
  'pointer-and-model-changed': {
    title: 'Pointer and model change at once: refused, since nobody sees who still uses the old pointer',
    spec: housing(1),
    acts: [
      apply('version 2 behind the other distribution', elsewhere(housing(2))),
      apply('version 1 behind the other distribution', elsewhere(housing(1))),
    ],
  },
  'pointer-changed-and-failed': {
    title: 'A pointer change whose gates fail removes nothing that serves behind the old pointer',
    spec: housing(1),
    acts: [
      apply('the other distribution, with a wrong gate', elsewhere(housing(1, { gates: [knownHouse(5)] }))),
      apply('the gate put right', elsewhere(housing(1))),
    ],
  },
  'pointer-changed-while-propagating': {
    title: 'Another distribution is named in the middle of a switch',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('the other distribution', elsewhere(housing(2)), isPropagating),
    ],
  },
  'silent-gates': {
    title: 'Gates that nobody answers fail at the deadline; the retry passes',
    spec: housing(1),
    acts: [
      {
        tell: 'version 2, whose gates nobody answers',
        do: (world) => {
          world.gatesSilent = 'blue'
          world.apply(housing(2, { progressDeadlineSeconds: 20 }))
        },
      },
      {
        tell: 'they answer again: retry',
        do: (world) => {
          world.gatesSilent = undefined
          world.command('retry', '1')
        },
      },
    ],
  },
  impostor: {
    title: 'Right answers from another revision are no proof',
    spec: housing(1),
    acts: [
      apply(
        'version 2, which calls itself another revision',
        housing(2, { behavior: 'impostor', progressDeadlineSeconds: 20 }),
      ),
    ],
  },
  'undo-then-new-spec': {
    title: 'Undo, then a third version: it takes the color of what was undone',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      apply('version 3', housing(3), outcome('RolledBack')),
    ],
  },
  'undo-to-silent': {
    title: 'Undo to a color that is ready but does not answer is given up in time',
    spec: housing(1, { progressDeadlineSeconds: 20 }),
    acts: [
      apply('version 2', housing(2, { progressDeadlineSeconds: 20 })),
      {
        tell: 'undo, while the old color is silent',
        when: promotedTwice,
        do: (world) => {
          world.gatesSilent = 'green'
          world.command('undo', '1')
        },
      },
    ],
  },
  'lost-through-edges': {
    title:
      'Every edge follows, but the origin of the new color cannot be reached through them: the pointer returns in time',
    spec: housing(1),
    acts: [
      apply(
        'version 2, lost through the edges',
        housing(2, { behavior: 'lost-through-edges', progressDeadlineSeconds: 60 }),
      ),
    ],
  },
  'command-found-on-wiped-status': {
    title: 'A command that was taken before the status was wiped is not taken again',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      { tell: 'retry', when: outcome('RolledBack'), do: (world) => world.command('retry', '2') },
      {
        tell: 'the undo is written back by a repository, and the status wiped',
        when: (world) => world.status?.history?.length === 4,
        do: (world) => {
          world.command('undo', '1')
          world.wipeStatus()
        },
      },
    ],
  },
  'abort-of-what-another-holds': {
    title: 'Abort of a release whose behavior another release holds moves nothing',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'a second behavior that another release holds, and abort',
        when: promotedTwice,
        do: (world) => {
          world.claimedBy = 'models/other'
          world.pointer.targets = { ...world.pointer.targets, '/ui/*': 'other-blue' }
          world.apply(twoBehaviors(2))
        },
      },
      { tell: 'abort', do: (world) => world.command('abort', '1') },
    ],
  },
  'both-broken': {
    title:
      'Users get wrong answers, and the old color fails its gates too: nothing is moved or removed until it recovers',
    spec: housing(1),
    acts: [
      apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' })),
      {
        tell: 'the old color goes wrong',
        when: isPropagating,
        do: (world) => world.madden('green'),
      },
      { tell: 'it recovers', do: (world) => world.calm('green') },
    ],
  },
  'first-release-wrong': {
    title:
      'The first release answers wrong for a while: there is nothing to return to, so that is told until it is right',
    spec: housing(1),
    acts: [
      { tell: 'the first color goes wrong', when: isPropagating, do: (world) => world.madden('green') },
      {
        tell: 'nobody is answered through the edges',
        do: (world) => {
          world.edgesSilent = 'Yes'
        },
      },
      {
        tell: 'the way is mended, and the first color recovers',
        do: (world) => {
          world.edgesSilent = 'No'
          world.calm('green')
        },
      },
    ],
  },
  'first-release-wrong-and-replaced': {
    title: 'The first release answers wrong: another spec leads out',
    spec: housing(1, { behavior: 'broken-through-edges' }),
    acts: [apply('version 2', housing(2))],
  },
  'wrong-while-old-is-down': {
    title:
      'Users get wrong answers, and the old color is not complete: it is returned to as soon as it can take over',
    spec: housing(1),
    acts: [
      apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' })),
      { tell: 'the old color falls ill', when: isPropagating, do: (world) => world.sicken('green') },
      { tell: 'it recovers', do: (world) => world.heal('green') },
    ],
  },
  'wrong-while-old-is-small': {
    title: 'Users get wrong answers, and one pod of the old color is left: it is returned to all the same',
    spec: housing(1),
    acts: [
      apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' })),
      {
        tell: 'a pod of the old color is lost',
        when: isPropagating,
        do: (world) => world.sicken('green', 1),
      },
    ],
  },
  'first-release-silent': {
    title:
      'The first release cannot be reached through the edges: that is told, and it is promoted once the way is mended',
    spec: housing(1, { progressDeadlineSeconds: 60 }),
    acts: [
      {
        tell: 'nobody is answered through the edges',
        when: isPropagating,
        do: (world) => {
          world.edgesSilent = 'Yes'
        },
      },
      {
        tell: 'the way is mended',
        when: phase('Stalled'),
        do: (world) => {
          world.edgesSilent = 'No'
        },
      },
    ],
  },
  'both-broken-then-fixed': {
    title: 'Both colors are wrong: a third version leads out',
    spec: housing(1),
    acts: [
      apply('version 2, broken through the edges', housing(2, { behavior: 'broken-through-edges' })),
      {
        tell: 'the old color goes wrong',
        when: isPropagating,
        do: (world) => world.madden('green'),
      },
      apply('version 3', housing(3)),
    ],
  },
  'live-breaks-before-retirement': {
    title: 'The live color breaks while the old one is warm: the healthy one is kept, and undo returns to it',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'the live color falls ill', when: promotedTwice, do: (world) => world.sicken('blue') },
      {
        tell: 'long after the retire delay: undo',
        do: (world) => {
          world.advanceTo(world.now + 3_600_000)
          world.command('undo', '1')
        },
      },
    ],
  },
  'scaled-while-warm': {
    title: 'Scaling up while the old color is warm: it follows, so that undo is never small',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('5 pods', housing(2, { replicas: 5 }), promotedTwice),
      {
        tell: 'undo',
        when: (world) => world.replicasOf('green') === 5 && world.isAvailable('green'),
        do: (world) => world.command('undo', '1'),
      },
    ],
  },
  'old-color-scaled-by-hand': {
    title: 'The color that some edges still use is not shrunk, whoever made it big',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'somebody scales the old Deployment',
        when: isPropagating,
        do: (world) => world.scaleByHand('green', 5),
      },
    ],
  },
  'scaling-refused': {
    title: 'The cluster refuses to scale: it is told, and not asked without end',
    spec: housing(1),
    acts: [
      {
        tell: 'scaling is refused, 4 pods',
        do: (world) => {
          world.scaleRefused = 'Yes'
          world.apply(housing(1, { replicas: 4 }))
        },
      },
      {
        tell: 'it is allowed again',
        do: (world) => {
          world.scaleRefused = 'No'
        },
      },
    ],
  },
  'operator-stopped': {
    title: 'An hour without operator in the middle of a build: what became ready meanwhile is not overdue',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the operator is away for an hour',
        when: (world) => world.deployments.blue !== undefined,
        do: (world) => world.stopOperator(3_600_000),
      },
      apply('version 3, crashing', housing(3, { behavior: 'crashing' })),
      {
        tell: 'the operator is away for an hour',
        when: (world) => world.describe('green').includes('crashing'),
        do: (world) => world.stopOperator(3_600_000),
      },
    ],
  },
  'pointer-unreachable': {
    title:
      'The pointer cannot be reached: nothing moves, and what may serve still follows the scale and comes back',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'no answer from the pointer, while every edge follows it; 4 pods',
        when: isPropagating,
        do: (world) => {
          world.pointerTrouble = UNREACHABLE
          world.apply(housing(2, { replicas: 4 }))
        },
      },
      { tell: 'the live Deployment is deleted', do: (world) => world.deleteDeployment('blue') },
      {
        tell: 'it answers again',
        do: (world) => {
          world.pointerTrouble = undefined
        },
      },
    ],
  },
  'abort-while-unreachable': {
    title:
      'Abort after the switch while the pointer cannot be reached: the traffic comes back as soon as it can',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'no answer from the pointer',
        when: isPropagating,
        do: (world) => {
          world.pointerTrouble = UNREACHABLE
        },
      },
      { tell: 'abort', when: () => true, do: (world) => world.command('abort', '1') },
      {
        tell: 'it answers again',
        do: (world) => {
          world.pointerTrouble = undefined
        },
      },
    ],
  },
  'access-denied': {
    title: 'The pointer may not be read: told, nothing is moved',
    spec: housing(1),
    acts: [
      {
        tell: 'access denied, version 2',
        do: (world) => {
          world.pointerTrouble = {
            type: 'Unusable',
            reason: 'AccessDenied',
            message: 'grant cloudfront:GetDistribution',
          }
          world.apply(housing(2))
        },
      },
      {
        tell: 'granted',
        do: (world) => {
          world.pointerTrouble = undefined
        },
      },
    ],
  },
  'port-changed': {
    title: 'The next version serves another port',
    spec: onPort(1, 8080),
    acts: [apply('version 2 on port 9090', onPort(2, 9090))],
  },
  'verify-silent': {
    title: 'A verification that nobody answers proves nothing either way: it never returns by itself',
    spec: housing(1),
    acts: [
      {
        tell: 'version 2, and nobody answers the verification',
        do: (world) => {
          world.edgesSilent = 'Yes'
          world.apply(housing(2))
        },
      },
      {
        tell: 'it is answered',
        when: phase('Verifying'),
        do: (world) => {
          world.edgesSilent = 'No'
        },
      },
    ],
  },
  'retire-after-restart': {
    title: 'The retire delay is honored after a restart of the operator',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'the operator is away for 5 minutes',
        when: promotedTwice,
        do: (world) => world.stopOperator(300_000),
      },
    ],
  },
  'foreign-write-before-move': {
    title: 'Another writer changes the distribution between the intent and the move: the intent is made anew',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'somebody else writes the distribution',
        when: (world) => world.status?.traffic?.intent !== undefined,
        do: (world) => world.pointElsewhere('housing-green'),
      },
    ],
  },
  'foreign-write-at-move': {
    title: 'Another writer is faster by an instant: the move is refused, looked at and decided again',
    spec: housing(1),
    acts: [
      {
        tell: 'version 2, and somebody else writes at the instant of the move',
        do: (world) => {
          world.racesAtMove = 1
          world.apply(housing(2))
        },
      },
    ],
  },
  'foreign-move-and-back': {
    title: 'Another writer moves the pointer away and back: the proof is made anew',
    spec: housing(1, { retireAfterSeconds: 3600 }),
    acts: [
      apply('version 2', housing(2, { retireAfterSeconds: 3600 })),
      {
        tell: 'somebody points at the old color',
        when: promotedTwice,
        do: (world) => world.pointElsewhere('housing-green'),
      },
      { tell: 'and back', do: (world) => world.pointElsewhere('housing-blue') },
    ],
  },
  'third-spec-while-going-back': {
    title: 'A third version while the pointer returns: the return is seen through first',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      apply('version 3', housing(3), isReturning),
    ],
  },
  'origins-swapped-while-going-back': {
    title: 'The origins are swapped while the pointer returns: it returns to the right color all the same',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
      apply('origins swapped', swapped(), isReturning),
      apply('put back', housing(2)),
    ],
  },
  'gate-tried-and-taken-back': {
    title: 'Another gate is tried and taken back: the first attempt is asked its own gates',
    spec: housing(1),
    acts: [
      apply('version 2, wrong', housing(2, { behavior: 'wrong' })),
      apply('a gate that takes the wrong answer for right', wrongWithGate),
      {
        tell: 'abort',
        when: (world) => phase('Building')(world) && world.deployments.blue !== undefined,
        do: (world) => world.command('abort', '1'),
      },
      apply('the first gate', housing(2, { behavior: 'wrong' })),
    ],
  },
  'aborted-before-it-took-a-color': {
    title: 'An attempt that took no color yet is aborted: the warm color retires all the same',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('version 3', housing(3), promotedTwice),
      {
        tell: 'abort',
        when: (world) => world.status?.history?.length === 2 && phase('Building')(world),
        do: (world) => world.command('abort', '1'),
      },
    ],
  },
  'long-command': {
    title: 'A command that is far too long is refused once',
    spec: housing(1),
    acts: [{ tell: 'a long command', do: (world) => world.command('undo', 'x'.repeat(500)) }],
  },
  'pointer-throttled': {
    title:
      'Nobody may look at the pointer for half an hour: how it was is told, nothing is given up, and the old color retires afterwards',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'CloudFront throttles',
        when: promotedTwice,
        do: (world) => {
          world.pointerBlind = { reason: 'PointerUnreachable', message: 'Rate exceeded' }
        },
      },
      {
        tell: 'half an hour later, 4 pods',
        do: (world) => {
          world.advanceTo(world.now + 1_800_000)
          world.apply(housing(2, { replicas: 4 }))
        },
      },
      {
        tell: 'it answers again',
        do: (world) => {
          world.pointerBlind = undefined
        },
      },
    ],
  },
  'foreign-move-unseen': {
    title:
      'Another writer points at the warm color, and the operator has not looked since: it looks before it removes',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'somebody points at the old color, unseen',
        when: promotedTwice,
        do: (world) => {
          world.pointerKept = 'Yes'
          world.pointElsewhereAtOnce('housing-green')
        },
      },
    ],
  },
  'distribution-unfit': {
    title: 'A distribution that does not allow how answers are verified is refused before any pod is made',
    spec: housing(1),
    acts: [
      {
        tell: 'only GET is allowed, and version 2 is verified by POST',
        do: (world) => {
          world.facts = allowing('HEAD', 'GET')
          world.apply(verifiedByPost(2))
        },
      },
      {
        tell: 'POST is allowed',
        do: (world) => {
          world.facts = allowing('HEAD', 'GET', 'POST')
        },
      },
    ],
  },
  'origin-leads-nowhere': {
    title:
      'The origin of the candidate leads nowhere: its pods are right, and users are never sent there; mended and tried again, they are',
    spec: housing(1),
    acts: [
      {
        tell: 'the origins lead nowhere, version 2',
        do: (world) => {
          world.facts = factsOf()
          world.originsSilent = 'Yes'
          world.apply(housing(2, { progressDeadlineSeconds: 20 }))
        },
      },
      {
        tell: 'they lead to the colors: retry',
        do: (world) => {
          world.originsSilent = 'No'
          world.command('retry', '1')
        },
      },
    ],
  },
  'drift-repaired': {
    title: 'The pointer is brought back from wherever somebody moves it, and the old color retires',
    spec: repairing(housing(1)),
    acts: [
      apply('version 2', repairing(housing(2))),
      {
        tell: 'somebody points at the old color',
        when: promotedTwice,
        do: (world) => world.pointElsewhere('housing-green'),
      },
      {
        tell: 'somebody points at the retired color',
        do: (world) => world.pointElsewhereAtOnce('housing-green'),
      },
      {
        tell: 'somebody points at nobody knows what',
        do: (world) => world.pointElsewhereAtOnce('old-fleet'),
      },
    ],
  },
  'drift-fought': {
    title: 'Another controller insists: after three times it is left alone, until a retry',
    spec: repairing(housing(1, { retireAfterSeconds: 3600 })),
    acts: [
      apply('version 2', repairing(housing(2, { retireAfterSeconds: 3600 }))),
      ...[1, 2, 3, 4].map((time) => ({
        tell: `the other controller points at the old color, time ${time}`,
        when: (world: SimulatedWorld) =>
          promotedTwice(world) &&
          !isPropagating(world) &&
          !world.status?.traffic?.intent &&
          world.status?.liveColor === 'blue',
        do: (world: SimulatedWorld) => world.pointElsewhere('housing-green'),
      })),
      { tell: 'the other controller is taught: retry', do: (world) => world.command('retry', '1') },
    ],
  },
  'drift-repaired-in-a-busy-store': {
    title:
      'A key is brought back while others write other keys of the store: their writes are no fight about this one',
    spec: housingBehindStore(1, { driftPolicy: 'Repair' }),
    acts: [
      apply('version 2', housingBehindStore(2, { driftPolicy: 'Repair' })),
      {
        tell: 'somebody points at the old color, and others write the store four times',
        when: promotedTwice,
        do: (world) => {
          world.pointElsewhereAtOnce('housing-green')
          world.racesAtMove = 4
        },
      },
    ],
  },
  'drift-ignored': {
    title: 'Nobody minds who moves the pointer',
    spec: through({ driftPolicy: 'Ignore' }, housing(1)),
    acts: [
      apply('version 2', through({ driftPolicy: 'Ignore' }, housing(2))),
      {
        tell: 'somebody points at the old color',
        when: promotedTwice,
        do: (world) => world.pointElsewhere('housing-green'),
      },
    ],
  },
  'adopted-and-undone': {
    title:
      'The pointer names another fleet, which is taken over from; an undo goes back to it, a retry leads here again',
    spec: through({ adopt: true, behaviors: [{ pathPattern: '/v2/*' }] }, housing(1)),
    acts: [
      {
        tell: 'the pointer names another fleet',
        when: () => true,
        do: (world) => world.pointElsewhereAtOnce('old-fleet'),
      },
      { tell: 'undo', when: outcome('Promoted'), do: (world) => world.command('undo', '1') },
      { tell: 'retry', when: outcome('RolledBack'), do: (world) => world.command('retry', '2') },
      apply(
        'version 2',
        through({ adopt: true, behaviors: [{ pathPattern: '/v2/*' }] }, housing(2)),
        outcome('Promoted'),
      ),
      {
        tell: 'undo, to the color and not to the other fleet',
        when: (world) => world.status?.history?.length === 4 && outcome('Promoted')(world),
        do: (world) => world.command('undo', '3'),
      },
    ],
  },
  'adopted-and-wrong': {
    title:
      'The first release after another fleet answers users wrong: they are back at the fleet, and the color goes',
    spec: through({ adopt: true }, housing(1, { behavior: 'broken-through-edges' })),
    acts: [
      {
        tell: 'the pointer names another fleet',
        when: () => true,
        do: (world) => world.pointElsewhereAtOnce('old-fleet'),
      },
      { tell: 'eleven minutes later', do: (world) => world.advanceTo(world.now + 660_000) },
    ],
  },
  'caches-invalidated': {
    title: 'What edges cached is removed once all of them follow: after the switch and after the undo',
    spec: through({ invalidationPaths: ['/ui/*'] }, housing(1)),
    acts: [
      apply('version 2', through({ invalidationPaths: ['/ui/*'] }, housing(2))),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
    ],
  },
  'pointer-forbidden-while-propagating': {
    title: 'The permission to look is lost in the middle of a switch: told, and gone on with when it is back',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'no permission',
        when: isPropagating,
        do: (world) => {
          world.pointerBlind = { reason: 'AccessDenied', message: 'grant cloudfront:GetDistribution' }
        },
      },
      {
        tell: 'granted',
        do: (world) => {
          world.pointerBlind = undefined
        },
      },
    ],
  },
  'moves-spaced': {
    title: 'A move waits its distance from the last one; a return does not',
    spec: housing(1),
    acts: [
      {
        tell: 'moves keep 30 seconds distance, version 2, broken through the edges',
        do: (world) => {
          world.spacingMs = 30_000
          world.apply(housing(2, { behavior: 'broken-through-edges' }))
        },
      },
      apply('version 3', housing(3), outcome('RolledBack')),
    ],
  },
  'slow-edges': {
    title: 'Edges that take twenty minutes to follow: told after ten, and waited for',
    spec: housing(1),
    acts: [
      {
        tell: 'edges become slow, version 2',
        do: (world) => {
          world.slowness = 200
          world.apply(housing(2))
        },
      },
    ],
  },
  'behavior-dropped': {
    title:
      'A behavior is dropped from the spec and still leads to the old color, which stays until it leads elsewhere',
    spec: twoBehaviors(1),
    acts: [
      {
        tell: 'only one behavior from now on, version 2',
        do: (world) => {
          world.pointer.targets = { '*': 'housing-green' }
          world.elsewhere = [{ part: '/ui/*', names: 'housing-green' }]
          world.apply(housing(2))
        },
      },
      apply('version 3', housing(3)),
      {
        tell: 'the behavior leads elsewhere',
        do: (world) => {
          world.elsewhere = [{ part: '/ui/*', names: 'ui' }]
        },
      },
    ],
  },
  'key-first-release': {
    title:
      'The first release behind a key that does not exist yet: users come from the color that the behaviors name, which follow',
    spec: housingBehindStore(1),
    acts: [],
  },
  'key-promote': {
    title:
      'A new version takes over within seconds; it is verified at once, the behaviors follow, the old color retires after that',
    spec: housingBehindStore(1),
    acts: [apply('version 2', housingBehindStore(2))],
  },
  'key-wrong-through-edges': {
    title: 'Users get wrong answers after the switch: the key returns before it has propagated',
    spec: housingBehindStore(1),
    acts: [
      apply(
        'version 2, broken through the edges',
        housingBehindStore(2, {}, { behavior: 'broken-through-edges' }),
      ),
    ],
  },
  'key-seen-too-early': {
    title:
      'Users get right answers before the key has propagated, which may come by the way before, and then wrong ones: the key returns',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', housingBehindStore(2)),
      {
        tell: 'the candidate goes wrong',
        when: (world) => seenEarly(world) && world.status?.liveColor === 'blue',
        do: (world) => world.madden('blue'),
      },
    ],
  },
  'key-undo': {
    title: 'Undo after the behaviors have followed: the key is back in seconds, and they follow again',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      { tell: 'undo', when: promotedTwice, do: (world) => world.command('undo', '1') },
    ],
  },
  'key-instead-of-distribution': {
    title:
      'From a distribution to a key of its function: nothing moves, and the next version is moved by the key',
    spec: housing(1),
    acts: [
      apply('version 1 behind a key', housingBehindStore(1)),
      apply('version 2 behind the key', housingBehindStore(2)),
    ],
  },
  'key-with-origins-swapped': {
    title:
      'From a distribution to a key of its function with the origins exchanged: refused, the live origin stays the color that it was',
    spec: housing(1),
    acts: [
      apply(
        'behind a key, origins exchanged',
        housingBehindStore(1, {
          origins: { blue: 'housing-green', green: 'housing-blue' },
          originProof: 'Waived',
        }),
      ),
      apply('put back', housingBehindStore(1)),
    ],
  },
  'key-behind-another-distribution': {
    title:
      'The same key behind another distribution with another model: refused, since what the first one names by itself would go',
    spec: housingBehindStore(1),
    acts: [
      {
        tell: 'version 2 behind the other distribution, which names the live color too',
        do: (world) => {
          world.apply(housingBehindStore(2, { distributionId: 'E456EXAMPLE' }))
          world.fallBackTo('housing-green')
        },
      },
      apply(
        'version 1 behind the other distribution',
        housingBehindStore(1, { distributionId: 'E456EXAMPLE' }),
      ),
    ],
  },
  'key-beside-another-fleet': {
    title:
      'The behaviors name another fleet: the first release that is wrong leaves them there, the next one comes',
    spec: housingBehindStore(1, {}, { behavior: 'broken-through-edges', retireAfterSeconds: 0 }),
    before: alwaysThere,
    acts: [
      later,
      apply('version 2', housingBehindStore(2)),
      { tell: 'undo, to the fleet', when: outcome('Promoted'), do: (world) => world.command('undo', '1') },
    ],
  },
  'key-first-release-refused': {
    title: 'The first release does not pass its gates: the key is never written',
    spec: housingBehindStore(1, {}, { behavior: 'wrong' }),
    before: alwaysThere,
    acts: [],
  },
  'key-deleted': {
    title:
      'Somebody deletes the key: users are at the fleet that the behaviors name, and it is told; a retry writes it again',
    spec: housingBehindStore(1),
    before: alwaysThere,
    acts: [
      { tell: 'the key is deleted', do: (world) => world.writeKey() },
      { tell: 'retry', do: (world) => world.command('retry', '1') },
    ],
  },
  'key-deleted-and-undone': {
    title:
      'Somebody deletes the key after the second version, which is brought back: an undo goes to the first version and not to no key',
    spec: housingBehindStore(1, { driftPolicy: 'Repair' }),
    before: alwaysThere,
    acts: [
      apply('version 2', housingBehindStore(2, { driftPolicy: 'Repair' })),
      { tell: 'the key is deleted', when: promotedTwice, do: (world) => world.writeKey() },
      {
        tell: 'undo, once version 2 is back and version 1 is gone',
        do: (world) => world.command('undo', '1'),
      },
    ],
  },
  'key-undone-beside-its-color': {
    title:
      'The first release beside another fleet, and somebody has the behaviors name its color: an undo by deleting the key is refused; while it is under way, it ends',
    spec: housingBehindStore(1),
    before: alwaysThere,
    acts: [
      { tell: 'the behaviors name blue', do: (world) => world.fallBackTo('housing-blue') },
      { tell: 'undo', do: (world) => world.command('undo', '1') },
      {
        tell: 'they name the fleet, and undo',
        do: (world) => {
          world.fallBackTo('old-fleet')
          world.command('undo', '2')
        },
      },
      {
        tell: 'they name blue again',
        when: (world) => isReturning(world) && Object.keys(world.pointer.targets).length === 0,
        do: (world) => world.fallBackTo('housing-blue'),
      },
    ],
  },
  'key-foreign-value': {
    title:
      'Somebody else writes the key: an unknown origin, then a share of the clients; each is told, and brought back',
    spec: housingBehindStore(1, { driftPolicy: 'Repair' }),
    acts: [
      { tell: 'an origin that nobody knows', do: (world) => world.writeKey('maintenance-page') },
      {
        tell: 'a share of the clients to another fleet',
        do: (world) => world.writeKey('housing-green', { names: 'old-fleet', weight: 30 }),
      },
    ],
  },
  'key-foreign-share': {
    title:
      'Somebody else sends a share of the clients away: it is told; the next version takes it back first',
    spec: housingBehindStore(1),
    acts: [
      {
        tell: 'a share of the clients to another fleet',
        do: (world) => world.writeKey('housing-green', { names: 'old-fleet', weight: 30 }),
      },
      apply('version 2', housingBehindStore(2)),
    ],
  },
  'fallback-refused': {
    title:
      'The behaviors may not be changed: it is told, the color that they name stays, and the next version that needs it waits',
    spec: housingBehindStore(1),
    acts: [
      {
        tell: 'no permission to change the distribution, version 2',
        do: (world) => {
          world.fallbackRefused = 'grant cloudfront:UpdateDistribution'
          world.apply(housingBehindStore(2))
        },
      },
      apply('version 3', housingBehindStore(3)),
      {
        tell: 'granted, five minutes later',
        do: (world) => {
          world.fallbackRefused = undefined
          world.advanceTo(world.now + 300_000)
        },
      },
    ],
  },
  'fallback-of-others': {
    title:
      'One behavior falls back to a fleet that is not of the release: only the other one follows the key',
    spec: twoBehindStore(1),
    acts: [
      {
        tell: 'one behavior falls back to the old fleet',
        do: (world) => world.fallBackTo('old-fleet', '/ui/*'),
      },
      apply('version 2', twoBehindStore(2)),
    ],
  },
  'fallback-behind-next-release': {
    title:
      'A third version right after the second: it waits for the behaviors to leave the color that it needs',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', housingBehindStore(2)),
      apply(
        'version 3',
        housingBehindStore(3),
        (world) => world.status?.history?.length === 2 && outcome('Promoted')(world),
      ),
    ],
  },
  'fallback-spaced': {
    title: 'The behaviors follow no sooner than the distribution may be written again',
    spec: housingBehindStore(1),
    acts: [
      {
        tell: 'writes of the distribution keep 10 minutes distance, version 2',
        do: (world) => {
          world.spacingMs = 600_000
          world.apply(housingBehindStore(2))
        },
      },
    ],
  },
  canary: {
    title:
      'A share of the clients first: 10 %, then 50 %, then all, with the gates asked again before each; but all at once where nobody serves them',
    spec: inSteps(1),
    acts: [apply('version 2', inSteps(2))],
  },
  'canary-first-release': {
    title:
      'The first release gets a share of the clients of an adopted fleet and goes wrong: all are back at the fleet',
    spec: housingBehindStore(1, { canary: STEPS, adopt: true }),
    before: (world) => {
      world.fallBackTo('old-fleet')
      world.pointElsewhereAtOnce('old-fleet')
    },
    acts: [{ tell: 'the candidate goes wrong', when: held(10), do: (world) => world.madden('blue') }],
  },
  'canary-gate-fails': {
    title: 'The candidate goes wrong with 10 % of the clients there: they are back, and it is removed',
    spec: housingBehindStore(1),
    acts: [
      // Too short a step for the gates to be asked in it.
      apply('version 2', housingBehindStore(2, { canary: [{ weight: 10, holdSeconds: 20 }] })),
      { tell: 'the candidate goes wrong', when: held(10), do: (world) => world.madden('blue') },
      later,
    ],
  },
  'canary-gate-fails-while-held': {
    title: 'The candidate goes wrong in a step of a day: the gates are asked all the while, and all are back',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inADay(2)),
      { tell: 'the candidate goes wrong', when: held(50), do: (world) => world.madden('blue') },
    ],
  },
  'canary-distribution-unfit': {
    title:
      'In a step of a day the distribution comes to refuse the release, and the candidate goes wrong: all are brought back',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inADay(2)),
      {
        tell: 'only HEAD is allowed, and the candidate goes wrong',
        when: held(50),
        do: (world) => {
          world.facts = allowing('HEAD')
          world.madden('blue')
        },
      },
    ],
  },
  'canary-bad-spec': {
    title: 'A bad spec in a step of a day: all are brought back before it is refused',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inADay(2)),
      {
        tell: 'steps that go down',
        when: held(50),
        do: (world) => {
          const canary = [50, 20].map((weight) => ({ weight, holdSeconds: 60 }))
          world.apply(housingBehindStore(2, { canary }))
        },
      },
    ],
  },
  'canary-silent-while-held': {
    title:
      'The candidate answers no gates in a step of a day: for a moment, which is borne, and then for good, so all are back',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inADay(2)),
      { tell: 'the candidate answers no gates', when: held(50), do: (world) => (world.gatesSilent = 'blue') },
      {
        tell: 'it answers again',
        when: (world) => world.status?.traffic?.canary?.unansweredSince !== undefined,
        do: (world) => (world.gatesSilent = undefined),
      },
      {
        tell: 'it answers no gates any more',
        when: (world) => world.status?.gates?.result === 'Passed',
        do: (world) => (world.gatesSilent = 'blue'),
      },
    ],
  },
  'canary-falls-ill': {
    title: 'The candidate falls ill with half of the clients there: they are back at once',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      { tell: 'the candidate falls ill', when: held(50), do: (world) => world.sicken('blue') },
    ],
  },
  'canary-pod-lost': {
    title:
      'One of two pods of the candidate is not ready for a moment, which ends nothing, and then for good, which does',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inADay(2)),
      { tell: 'a pod is not ready', when: held(50), do: (world) => world.sicken('blue', 1) },
      {
        tell: 'it is again',
        when: (world) => world.status?.traffic?.canary?.podsLostSince !== undefined,
        do: (world) => world.heal('blue'),
      },
      {
        tell: 'it is not any more',
        when: (world) => world.status?.traffic?.canary?.podsLostSince === undefined,
        do: (world) => world.sicken('blue', 1),
      },
    ],
  },
  'canary-live-misses-once': {
    title: 'No pod of the live color is ready for a moment: its clients stay, since all of them would follow',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      { tell: 'the live color is not ready', when: held(10), do: (world) => world.sicken('green') },
      {
        tell: 'it is again',
        when: (world) => world.status?.traffic?.canary?.othersLostSince !== undefined,
        do: (world) => world.heal('green'),
      },
    ],
  },
  'canary-function-removed': {
    title:
      'The function is taken from the behavior with 10 % of the clients at the candidate: nobody is brought forward, and all are back at once when it falls ill; nothing is built until the function is there again',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      {
        tell: 'the behavior runs no function',
        when: held(10),
        do: (world) => {
          world.unfit = { reason: 'FunctionNotAssociated', message: 'behavior "*" has no function' }
        },
      },
      { tell: 'the candidate falls ill', do: (world) => world.sicken('blue') },
      apply('version 3', inSteps(3)),
      {
        tell: 'it runs the function',
        do: (world) => {
          world.unfit = undefined
        },
      },
    ],
  },
  'key-function-removed': {
    title:
      'The function is taken from the behavior after the switch: the attempt is not over until it is there again; undo needs none',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', housingBehindStore(2)),
      {
        tell: 'the behavior runs no function',
        when: (world) => phase('Propagating')(world) || phase('Verifying')(world),
        do: (world) => {
          world.unfit = { reason: 'FunctionNotAssociated', message: 'behavior "*" has no function' }
        },
      },
      {
        tell: 'it runs the function',
        do: (world) => {
          world.unfit = undefined
        },
      },
      {
        tell: 'it does not again, and undo',
        when: promotedTwice,
        do: (world) => {
          world.unfit = { reason: 'AccessDenied', message: 'grant cloudfront:DescribeFunction' }
          world.command('undo', '1')
        },
      },
    ],
  },
  'canary-gate-silent': {
    title:
      'Nobody answers the gates after the first step: asked again for as long as users can bear it, then back',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', housingBehindStore(2, { canary: [{ weight: 10, holdSeconds: 20 }] })),
      {
        tell: 'the candidate answers no gates',
        when: held(10),
        do: (world) => {
          world.gatesSilent = 'blue'
        },
      },
    ],
  },
  'canary-abort': {
    title:
      'Abort with 10 % of the clients at the candidate: all are back first; a retry begins with the first step',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      { tell: 'abort', when: held(10), do: (world) => world.command('abort', '1') },
      { tell: 'retry', when: outcome('Aborted'), do: (world) => world.command('retry', '2') },
    ],
  },
  'canary-new-spec': {
    title: 'A third version with half of the clients at the second: all are back before it is looked at',
    spec: housingBehindStore(1),
    acts: [apply('version 2', inSteps(2)), apply('version 3', inSteps(3), held(50))],
  },
  'canary-other-pointer': {
    title:
      'Another key is named with 10 % of the clients at the candidate: refused until all clients are back',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      apply('the other key', housingBehindStore(2, { key: 'prices', canary: STEPS }), held(10)),
      apply('the first key', inSteps(2)),
    ],
  },
  'canary-other-pointer-abort': {
    title:
      'Another key is named with 10 % of the clients at the candidate, abort: from then on it is as any change of pointer and model at once',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      apply('the other key', housingBehindStore(2, { key: 'prices', canary: STEPS }), held(10)),
      { tell: 'abort', do: (world) => world.command('abort', '1') },
    ],
  },
  'canary-after-service': {
    title: 'From a Service to a key, with a share of the clients first where the key leads nobody to it yet',
    spec: housingBehindService(1),
    acts: [
      apply('version 2', housingBehindService(2)),
      apply('version 2 behind a key, beside behaviors that name version 1', inSteps(2), promotedTwice),
    ],
  },
  'canary-operator-stopped': {
    title: 'An hour without operator in each step: the gates are asked before the time that was over counts',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      {
        tell: 'the operator is away for an hour',
        when: held(10),
        do: (world) => world.stopOperator(3_600_000),
      },
      {
        tell: 'the operator is away for an hour, and the candidate goes wrong',
        when: held(50),
        do: (world) => {
          world.stopOperator(3_600_000)
          world.madden('blue')
        },
      },
    ],
  },
  'canary-without-gates': {
    title:
      'A release without gates is held all the same; of an hour without operator one look is taken before it counts',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2, 'right', [])),
      {
        tell: 'the operator is away for an hour',
        when: held(10),
        do: (world) => world.stopOperator(3_600_000),
      },
    ],
  },
  'canary-status-wiped': {
    title:
      'A wiped status with half of the clients at the candidate: nothing is known of them, so they begin anew',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      { tell: 'status wiped', when: held(50), do: (world) => world.wipeStatus() },
    ],
  },
  'canary-stopped-by-hand': {
    title: 'Somebody takes the share out of the key by hand: the attempt is given up, and not fought for',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      {
        tell: 'all clients to the live color, by hand',
        when: held(10),
        do: (world) => world.writeKey('housing-green'),
      },
    ],
  },
  'canary-scaled': {
    title:
      'Scaled to 4 with 10 % of the clients there: both colors grow, and only the pods to come are waited for',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      apply('4 pods', { ...inSteps(2), replicas: 4 }, held(10)),
      apply('1 pod', { ...inSteps(2), replicas: 1 }, held(50)),
    ],
  },
  'canary-live-falls-ill': {
    title: 'The live color falls ill with 10 % of the clients at the candidate: all of them follow at once',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      { tell: 'the live color falls ill', when: held(10), do: (world) => world.sicken('green') },
    ],
  },
  'canary-live-falls-ill-new-spec': {
    title:
      'The live color is down and a third version is applied with half of the clients at the second: all follow to the second first',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      {
        tell: 'the live color falls ill, version 3',
        when: held(50),
        do: (world) => {
          world.sicken('green')
          world.apply(inSteps(3))
        },
      },
    ],
  },
  'canary-live-falls-ill-abort': {
    title:
      'The live color is down, abort, and a third version: the candidate answers alone and is kept, until a retry has all follow to it',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      {
        tell: 'the live color falls ill, abort',
        when: held(50),
        do: (world) => {
          world.sicken('green')
          world.command('abort', '1')
        },
      },
      apply('version 3', inSteps(3)),
      { tell: 'retry', do: (world) => world.command('retry', '2') },
    ],
  },
  'credential-read-anew': {
    title: 'Gates and verify bring a credential from a Secret, as it is when they are asked',
    spec: withCredential(housing(1)),
    before: (world) => putToken(world, 'Bearer first-token'),
    acts: [
      {
        tell: 'another token, and version 2',
        do: (world) => {
          putToken(world, 'Bearer second-token')
          world.apply(withCredential(housing(2)))
        },
      },
    ],
  },
  'credential-missing': {
    title:
      'The Secret of the gates is not there yet: it is waited for, and the warm color is not given up meanwhile',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      apply('version 3, whose gates need a Secret', withCredential(housing(3)), promotedTwice),
      {
        tell: 'the Secret is created',
        when: (world) => world.now > Date.parse(world.status?.attempt?.startedAt ?? '') + 20_000,
        do: (world) => putToken(world, 'Bearer first-token'),
      },
    ],
  },
  'credential-taken-away': {
    title: 'The Secret of the gates is taken away while the candidate comes up: nobody is led to it',
    spec: housing(1, { progressDeadlineSeconds: 60 }),
    acts: [
      {
        tell: 'version 2, whose gates need a Secret',
        do: (world) => {
          putToken(world, 'Bearer first-token')
          world.apply(withCredential(housing(2, { progressDeadlineSeconds: 60 })))
        },
      },
      {
        tell: 'the Secret is deleted',
        when: (world) => world.deployments.green !== undefined && world.deployments.blue !== undefined,
        do: (world) => world.secrets.clear(),
      },
    ],
  },
  'credential-refused': {
    title: 'The pods refuse the credential, and give it back in their answer: nobody reads it in the status',
    spec: housing(1),
    acts: [
      {
        tell: 'version 2, with a credential that is not the right one',
        do: (world) => {
          putToken(world, 'Bearer first-token')
          world.demanded = 'Bearer another'
          world.apply(withCredential(housing(2)))
        },
      },
    ],
  },
  'credential-gone-undo': {
    title: 'The Secret of the gates is deleted, and undo: what has served is led to all the same',
    spec: withCredential(housing(1)),
    before: (world) => putToken(world, 'Bearer first-token'),
    acts: [
      apply('version 2', withCredential(housing(2))),
      {
        tell: 'the Secret is deleted, undo',
        when: promotedTwice,
        do: (world) => {
          world.secrets.clear()
          world.command('undo', '1')
        },
      },
    ],
  },
  'config-map-edited': {
    title:
      'A ConfigMap is edited under what is live: it is told until it is put back, or until all pods are of one content',
    spec: configured('1'),
    before: (world) => world.configMaps.set('web', { V: 'one' }),
    acts: [
      {
        tell: 'the ConfigMap is edited, and a node is drained',
        do: (world) => {
          world.configMaps.set('web', { V: 'two' })
          world.drain('blue')
        },
      },
      { tell: 'put back', do: (world) => world.configMaps.set('web', { V: 'one' }) },
      { tell: 'edited again', do: (world) => world.configMaps.set('web', { V: 'three' }) },
      apply('another annotation', configured('2')),
    ],
  },
  'canary-both-ill': {
    title: 'Candidate wrong and the live color down: nobody is sent to where nobody answers',
    spec: housingBehindStore(1),
    acts: [
      apply('version 2', inSteps(2)),
      {
        tell: 'the candidate goes wrong, and the live color falls ill',
        when: held(10),
        do: (world) => {
          world.madden('blue')
          world.sicken('green')
        },
      },
      { tell: 'the live color recovers', do: (world) => world.heal('green') },
    ],
  },
  deleted: {
    title: 'A release that is being deleted is left alone',
    spec: housing(1),
    acts: [
      apply('version 2', housing(2)),
      {
        tell: 'deleted while the candidate is being built',
        when: (world) => world.deployments.blue !== undefined,
        do: (world) => {
          world.deletionTimestamp = '2026-01-01T00:00:10Z'
        },
      },
    ],
  },
  'history-bounded': {
    title: 'Many versions: what no color holds and no history names is forgotten',
    spec: housing(1, { retireAfterSeconds: 0 }),
    acts: Array.from({ length: 12 }, (_, turn) =>
      apply(`turn ${turn}`, housing(1, { retireAfterSeconds: 0, port: 9000 + turn })),
    ),
  },
}
