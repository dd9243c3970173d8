/** Stories of nodes that are drained, and of the disruption budgets that keep what serves meanwhile. */
import { apply, by, promotedTwice } from './acts.ts'
import type { Story } from './simulation.ts'
import {
  housing,
  housingBehindService,
  housingBehindStore,
  type SimulatedWorld,
} from '../fakes/simulated-world.ts'

function drainNodes(world: SimulatedWorld): void {
  world.drainedSince = world.now
}

function areEdgesFollowing({ pointer, status }: SimulatedWorld): boolean {
  return pointer.due.length > 0 && status?.liveColor === 'blue'
}

const undo = by('undo', (world) => world.command('undo', '1'), promotedTwice)

export const DRAINS: Record<string, Story> = {
  'nodes-drained': {
    title: 'All nodes are drained while the old color is warm: of what serves one pod goes at a time',
    spec: housing(1, { replicas: 3 }),
    acts: [
      apply('version 2', housing(2, { replicas: 3 })),
      by('the nodes are drained', drainNodes, promotedTwice),
    ],
  },
  'nodes-drained-in-a-switch': {
    title: 'All nodes are drained while edges follow the pointer: both colors serve, and neither is emptied',
    spec: housing(1, { replicas: 3 }),
    acts: [
      apply('version 2', housing(2, { replicas: 3 })),
      by('the nodes are drained', drainNodes, areEdgesFollowing),
    ],
  },
  'nodes-drained-in-a-canary': {
    title: 'All nodes are drained while a share of the clients is at the candidate',
    spec: housingBehindStore(1, { canary: [{ weight: 10, holdSeconds: 20 }] }),
    acts: [
      apply('version 2', housingBehindStore(2, { canary: [{ weight: 10, holdSeconds: 20 }] })),
      by('the nodes are drained', drainNodes, ({ status }) => status?.traffic?.canary?.weight === 10),
    ],
  },
  'budget-edited': {
    title: 'Somebody edits the budget of the live color, and deletes it: it is put back',
    spec: housingBehindService(1),
    acts: [
      by('it may never be evicted', ({ budgets: { blue } }) => {
        if (blue) blue.differs = 'spec.minAvailable is 100% instead of spec.maxUnavailable 1'
      }),
      by('it is deleted', ({ budgets }) => Reflect.deleteProperty(budgets, 'blue')),
      apply('Retain', housingBehindService(1, { deletionPolicy: 'Retain' })),
    ],
  },
  'budget-of-the-user': {
    title:
      'Somebody has a budget for all pods of the release: ours goes, and it is told; his goes, and ours is made',
    spec: housingBehindService(1),
    acts: [
      by('kubectl apply -f pdb.yaml', (world) => {
        world.otherBudget = { name: 'web', counts: 'Both' }
      }),
      apply('version 2', housingBehindService(2)),
      by('it is narrowed to one color each', (world) => {
        world.otherBudget = { name: 'web', counts: 'Color' }
      }),
      by('it is gone', (world) => {
        world.otherBudget = undefined
      }),
    ],
  },
  'budgets-forbidden': {
    title:
      'The Role of an earlier version: nothing is held up, and it is told until the Role is brought up to date',
    spec: housing(1),
    acts: [
      by('the operator of this version comes', (world) => {
        world.budgetsUnknown = 'the operator may not list poddisruptionbudgets.policy'
      }),
      apply('version 2', housing(2)),
      undo,
      by('the Role is applied', (world) => {
        world.budgetsUnknown = undefined
      }),
    ],
  },
  'budget-refused': {
    title: 'A policy refuses budgets: a release goes on without, and it is told and tried again',
    spec: housing(1),
    acts: [
      by('the policy comes', (world) => {
        world.budgetRefused = 'a policy admits no PodDisruptionBudget'
      }),
      apply('version 2', housing(2)),
      by('the policy goes, and the operator starts anew', (world) => {
        world.budgetRefused = undefined
        world.stopOperator(1000)
      }),
    ],
  },
  'budget-webhook-down': {
    title: 'A webhook for budgets is down: release and undo go on without, and it is told and tried again',
    spec: housing(1),
    acts: [
      by('the webhook goes down', (world) => world.failing.add('PodDisruptionBudget')),
      apply('version 2', housing(2)),
      undo,
      by('the webhook is up', (world) => world.failing.clear()),
    ],
  },
  'budget-none': {
    title: 'The spec asks for no budget, and for one again',
    spec: housing(1, { disruptionBudget: 'None' }),
    acts: [
      apply('Make', housing(1, { disruptionBudget: 'Make' })),
      apply('None', housing(1, { disruptionBudget: 'None' })),
    ],
  },
}
