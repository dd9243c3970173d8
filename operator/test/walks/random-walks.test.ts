/** Random people do random things at random moments, with faults; whatever they do, the invariants hold at every instant. */
import { describe, expect, test } from '@jest/globals'
import { COLORS, type Color } from '../../api/names.ts'
import { TransientError } from '../../ports/errors.ts'
import { factsOf } from '../fakes/worlds.ts'
import { RULES, type Rules } from '../../planner/plan.ts'
import { goalOf, runningAttempt } from '../../planner/context.ts'
import { run, type Act, type Story } from '../simulation/simulation.ts'
import {
  FAULT_KINDS,
  housing,
  housingBehindService,
  housingBehindStore,
  knownHouse,
  withCredential,
  type Fault,
  type SimulatedWorld,
} from '../fakes/simulated-world.ts'

/** Walks go on until this much time is used; each prints its seed when it fails, WALK=<seed> walks it again. */
const BUDGET_MS = 15_000
const FIRST_SEED = 1
const MOST_WALKS = 600
/** So many walks are enough to find what was planted. */
const MOST_PLANTED = 100

/** Numbers from 0 to 1 that a seed decides: the constants are those of mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Random = () => number

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

type Kind = Story['spec']['traffic']['type']
/** Makes the release of a version; in the steps of a canary where there are any. */
type Make = (version: 1 | 2 | 3, changes?: Parameters<typeof housing>[1]) => Story['spec']

const MAKE: Record<Kind, Make> = {
  Service: housingBehindService,
  CloudFrontDistribution: housing,
  CloudFrontKeyValueStore: (version, changes) => housingBehindStore(version, {}, changes),
}

function inSteps(version: 1 | 2 | 3, changes: Parameters<Make>[1]): Story['spec'] {
  const canary = [
    { weight: 10, holdSeconds: 20 },
    { weight: 50, holdSeconds: 90 },
  ]
  return housingBehindStore(version, { canary }, changes)
}

function specsOf(kind: Kind): Story['spec'][] {
  const make = MAKE[kind]
  const quick = { progressDeadlineSeconds: 20 }
  const returning = { ...quick, liveFailurePolicy: 'ReturnWhileWarm' as const }
  return [
    make(1, quick),
    make(1, returning),
    make(2, quick),
    make(2, returning),
    make(3, returning),
    make(3, quick),
    make(2, { ...quick, behavior: 'wrong' }),
    make(3, { ...quick, behavior: 'crashing' }),
    make(2, { ...quick, behavior: 'broken-through-edges' }),
    make(2, { ...quick, minReadySeconds: 10 }),
    make(2, { ...quick, digest: 'Open' }),
    make(3, { ...quick, digest: 'Open', gates: [] }),
    make(1, { ...quick, gates: [knownHouse(1)] }),
    make(2, { ...quick, replicas: 4, retireAfterSeconds: 0 }),
    make(3, { replicas: 4, behavior: 'crashing' }),
    make(1, { ...quick, deletionPolicy: 'Delete' }),
    withCredential(make(2, quick)),
    withCredential(make(3, returning)),
    // Behind a key, whoever meets an edge that cannot read it may be led to a candidate, and such ones fall by themselves.
    ...(kind === 'CloudFrontKeyValueStore' ? [] : fallingSpecs(make, quick)),
    ...(kind === 'Service' ? [] : [repairing(make(2, quick)), repairing(make(3, quick))]),
    ...(kind === 'CloudFrontKeyValueStore' ? sharedSpecs(quick) : []),
  ]
}

function fallingSpecs(make: Make, quick: { progressDeadlineSeconds: number }): Story['spec'][] {
  return [
    make(3, { ...quick, minReadySeconds: 10, behavior: 'dying' }),
    make(2, { ...quick, minReadySeconds: 5, behavior: 'with-a-sidecar-that-ends' }),
  ]
}

function sharedSpecs(quick: { progressDeadlineSeconds: number }): Story['spec'][] {
  return [
    inSteps(1, quick),
    inSteps(2, quick),
    inSteps(3, quick),
    inSteps(3, { ...quick, behavior: 'broken-through-edges' }),
    inSteps(2, { ...quick, replicas: 4 }),
    repairing(inSteps(3, { ...quick, retireAfterSeconds: 0 })),
  ]
}

/** The same, and the pointer is brought back from wherever somebody moves it. */
function repairing(spec: Story['spec']): Story['spec'] {
  const { cloudFrontDistribution, cloudFrontKeyValueStore } = spec.traffic
  const more = { driftPolicy: 'Repair' as const, invalidationPaths: ['/ui/*'] }
  const traffic = {
    ...spec.traffic,
    ...(cloudFrontDistribution ? { cloudFrontDistribution: { ...cloudFrontDistribution, ...more } } : {}),
    ...(cloudFrontKeyValueStore ? { cloudFrontKeyValueStore: { ...cloudFrontKeyValueStore, ...more } } : {}),
  }
  return { ...spec, traffic }
}

/** Whole, and going to stay so. */
function isHealthy(world: SimulatedWorld, color: Color): boolean {
  return (
    world.isAvailable(color) && !world.pods.some((pod) => pod.color === color && pod.fallsAt !== undefined)
  )
}

/** Where another writer may point without breaking anything himself. */
function pointAtHealthy(world: SimulatedWorld, random: Random): void {
  const color = pick(random, COLORS)
  const name = world.pointer.kind === 'Service' ? color : `housing-${color}`
  if (isHealthy(world, color) && world.services[color]) {
    world.pointElsewhere(name)
    leaveNodes(world)
  }
}

/** Nodes are drained one after another, while what serves has more than one pod. */
function drainNodes(world: SimulatedWorld): void {
  const serving = COLORS.filter((color) => world.isRouted(color) && world.deployments[color])
  if (serving.every((color) => world.budgets[color] && world.replicasOf(color) > 1))
    world.drainedSince = world.now
}

/** Whoever leads users by hand to a color that was idle, and has no budget yet, does not drain nodes in the same moment. */
function leaveNodes(world: SimulatedWorld): void {
  world.drainedSince = undefined
}

/** Where somebody may send a share of the clients by hand without breaking anything himself. */
function shareWithHealthy(world: SimulatedWorld, random: Random): void {
  const [live] = world.pointer.kind === 'CloudFrontKeyValueStore' ? Object.values(world.pointer.targets) : []
  const color = pick(random, COLORS)
  if (live === undefined || !isHealthy(world, color) || !world.services[color]) return
  world.writeKey(live, { names: `housing-${color}`, weight: pick(random, [10, 30, 50]) })
  leaveNodes(world)
}

/** Of pods: more than any walk makes. */
const PLENTY = 1000

function makeBudgetsPossible(world: SimulatedWorld): void {
  leaveNodes(world)
  world.budgetsUnknown = undefined
  world.otherBudget = undefined
}

type Doing = (world: SimulatedWorld, random: Random) => void

const DOINGS: Record<string, Doing> = {
  undo: (world, random) => world.command('undo', String(random())),
  abort: (world, random) => world.command('abort', String(random())),
  retry: (world, random) => world.command('retry', String(random())),
  'wipe the status': (world) => world.wipeStatus(),
  'another writer': pointAtHealthy,
  // Not while edges differ: then the damage would show later, and look like the operator's.
  'a color falls ill': (world, random) => {
    if (world.pointer.due.length === 0) world.sicken(pick(random, COLORS))
  },
  'a pod falls ill': (world, random) => world.sicken(pick(random, COLORS), 1),
  'both recover': (world) => {
    for (const color of COLORS) {
      world.heal(color)
      world.calm(color)
    }
  },
  'the pods of a color restart': (world, random) => {
    if (world.pointer.due.length === 0) world.crash(pick(random, COLORS))
  },
  'a color goes wrong': (world, random) => world.madden(pick(random, COLORS)),
  'a Deployment is deleted': (world, random) => {
    if (world.pointer.due.length === 0) world.deleteDeployment(pick(random, COLORS))
  },
  'a Service is edited': (world, random) => world.editService(pick(random, COLORS)),
  'the pointer Service is edited': (world) => world.editPointer('Ports'),
  'a template is edited': (world, random) => world.editTemplate(pick(random, COLORS), 'other:2'),
  'another file is put there': (world, random) => world.replaceFile(pick(random, [2, 3]), 'another file'),
  'the file is back': (world, random) => world.replaceFile(pick(random, [2, 3])),
  'a pod is deleted': (world, random) => {
    const color = pick(random, COLORS)
    if (world.servingPods(color).length > 1) world.deletePods(color, 'first')
  },
  'labels are edited': (world, random) => world.editLabels(pick(random, COLORS)),
  'the ControllerRevisions are old': (world) => world.storedLongAgo(),
  'scaled by hand': (world, random) => world.scaleByHand(pick(random, COLORS), 1 + Math.floor(random() * 4)),
  'the operator is away': (world, random) => world.stopOperator(Math.floor(random() * 100_000)),
  'the pointer is out of reach': (world) => {
    world.pointerTrouble = { type: 'Unreachable', message: 'no answer' }
  },
  'the pointer is back': (world) => {
    world.pointerTrouble = undefined
  },
  'the pointer cannot be read for a while': (world) => {
    world.pointerBlind = { reason: 'PointerUnreachable', message: 'Rate exceeded' }
  },
  'the pointer can be read': (world) => {
    world.pointerBlind = undefined
  },
  'the pointer is read rarely': (world) => {
    world.pointerKept = 'Rarely'
  },
  'the Secret of the gates is made, or another': (world, random) =>
    world.putSecret('gate-token', { authorization: `Bearer ${String(random())}` }),
  'the Secret of the gates is deleted': (world) => world.secrets.clear(),
  'no Secret can be read': (world) => {
    world.secretsTrouble = new TransientError('the key service is down')
  },
  'Secrets can be read': (world) => {
    world.secretsTrouble = undefined
  },
  'a share of the clients is sent by hand': shareWithHealthy,
  'the key is deleted': (world) => {
    const color = world.colorNamed(Object.values(world.distribution?.targets ?? {})[0] ?? '')
    if (world.pointer.kind !== 'CloudFrontKeyValueStore' || !color || !isHealthy(world, color)) return
    world.writeKey()
    leaveNodes(world)
  },
  'the behaviors may not be changed': (world) => {
    world.fallbackRefused = 'grant cloudfront:UpdateDistribution'
  },
  'the behaviors may be changed': (world) => {
    world.fallbackRefused = undefined
  },
  'moves keep a distance': (world, random) => {
    world.spacingMs = Math.floor(random() * 30_000)
  },
  'edges are slow': (world, random) => {
    world.slowness = 1 + Math.floor(random() * 50)
  },
  'a behavior of somebody else leads here': (world, random) => {
    const color = pick(random, COLORS)
    const isBehind = world.pointer.kind !== 'Service'
    if (!isBehind || !isHealthy(world, color) || !world.services[color]) return
    world.elsewhere = [{ part: '/old/*', names: `housing-${color}` }]
    leaveNodes(world)
  },
  'it leads elsewhere': (world) => {
    world.elsewhere = []
  },
  'origins lead nowhere': (world) => {
    world.facts = factsOf()
    world.originsSilent = 'Yes'
  },
  'origins lead to the colors': (world) => {
    world.originsSilent = 'No'
  },
  'writes of a kind fail': (world, random) => {
    world.failing.add(pick(random, ['Deployment', 'Service', 'ControllerRevision', 'PodDisruptionBudget']))
  },
  'writes are taken again': (world) => world.failing.clear(),
  'nodes are drained': drainNodes,
  'a budget is edited': (world, random) => {
    const budget = world.budgets[pick(random, COLORS)]
    if (budget) budget.differs = 'spec.maxUnavailable is 100% instead of 1'
  },
  'a budget is removed': (world, random) => {
    leaveNodes(world)
    Reflect.deleteProperty(world.budgets, pick(random, COLORS))
  },
  'budgets may not be read': (world) => {
    world.budgetsUnknown = 'grant list poddisruptionbudgets'
  },
  'somebody makes a budget for all pods': (world) => {
    world.otherBudget = { name: 'web', counts: 'Both' }
  },
  'budgets may be made': makeBudgetsPossible,
  'room is short': (world, random) => {
    world.room = world.pods.length + Math.floor(random() * 3)
  },
  'there is room': (world) => {
    world.room = PLENTY
  },
  'pods hang in Terminating': (world) => world.hangPods(),
  'pods that hung are gone': (world) => world.unhangPods(),
  'gates are silent': (world, random) => {
    world.gatesSilent = pick<Color | undefined>(random, [...COLORS])
  },
  'gates answer': (world) => {
    world.gatesSilent = undefined
  },
}

function actOf(random: Random, specs: Story['spec'][], doings = DOINGS): Act {
  let passes = Math.floor(random() * 25)
  const when = random() < 0.8 ? { when: () => passes-- <= 0 } : {}
  if (random() < 0.45) {
    const spec = pick(random, specs)
    return { tell: `apply ${JSON.stringify(spec.model?.uri)}`, do: (world) => world.apply(spec), ...when }
  }
  const [tell, doing] = pick(random, Object.entries(doings))
  return { tell, do: (world) => doing(world, random), ...when }
}

/** At the end everybody makes good what he broke, and applies a version that is right. */
function makeGood(specs: Story['spec'][]): Act {
  return {
    tell: 'everything is put right, and version 1 applied',
    do: (world) => {
      for (const color of COLORS) world.editTemplate(color)
      world.replaceFile(2)
      world.replaceFile(3)
      for (const color of COLORS) world.deletePods(color, 'refusing')
      world.pointerTrouble = undefined
      world.gatesSilent = undefined
      world.failing.clear()
      world.room = PLENTY
      world.unhangPods()
      makeBudgetsPossible(world)
      world.pointerBlind = undefined
      world.pointerKept = 'No'
      world.elsewhere = []
      world.originsSilent = 'No'
      world.fallbackRefused = undefined
      DOINGS['both recover']?.(world, Math.random)
      // Another gate makes it an attempt of its own, so that no failure of before stands in its way.
      world.apply({ ...(specs[0] ?? world.spec), gates: [{ ...knownHouse(30.72), name: 'at-last' }] })
    },
  }
}

const KINDS: readonly Kind[] = [
  'Service',
  'CloudFrontDistribution',
  'CloudFrontDistribution',
  'CloudFrontKeyValueStore',
  'CloudFrontKeyValueStore',
]

/** What somebody planted, and all that people do meanwhile besides applying specs. */
interface Planting {
  rules?: Rules
  doings?: Record<string, Doing>
  /** Which specs are applied; default: all. */
  applies?: (spec: Story['spec']) => boolean
}

async function walk(seed: number, { rules, doings, applies = () => true }: Planting = {}): Promise<void> {
  const random = randomOf(seed)
  const specs = specsOf(pick(random, KINDS))
  const applied = specs.filter(applies)
  const acts = Array.from({ length: 2 + Math.floor(random() * 7) }, () => actOf(random, applied, doings))
  const fault: Fault = { kind: pick(random, FAULT_KINDS), atWrite: Math.floor(random() * 80) }
  const spec = specs[0] ?? housing(1)
  const ran = await run(
    { title: `walk ${seed}`, spec, acts: [...acts, makeGood(specs)] },
    { fault, ...(rules ? { rules } : {}) },
  )
  const { attempt } = ran.world.status ?? {}
  // Whatever happened, a right version can always be brought to users.
  const answers = [...new Set(ran.world.userAnswers())]
  expect({ seed, violations: ran.violations, outcome: attempt?.outcome, answers }).toEqual({
    seed,
    violations: [],
    outcome: 'Promoted',
    answers: ['version 1'],
  })
}

test('random walks break nothing and lead out of everything', async () => {
  if (process.env.WALK) return walk(Number(process.env.WALK))
  const until = Date.now() + BUDGET_MS
  for (let seed = FIRST_SEED; seed < FIRST_SEED + MOST_WALKS && Date.now() < until; seed += 1) {
    try {
      await walk(seed)
    } catch (error) {
      throw new Error(`walk ${seed} (again with WALK=${seed})`, { cause: error })
    }
  }
}, 60_000)

/** What a careless operator would do, with what brings it to light. */
const MISTAKES: Record<
  string,
  { rules: Rules; doings: string[]; says: RegExp; applies?: (spec: Story['spec']) => boolean }
> = {
  'what serves has no budget': {
    rules: { ...RULES, keepServing: { ...RULES.keepServing, budgetDiffers: () => undefined } },
    doings: ['nodes are drained', 'undo'],
    says: /has no budget|serves without a budget|no pod behind/,
  },
  'a candidate keeps its room': {
    rules: { ...RULES, advance: { ...RULES.advance, candidateGivesWay: () => undefined } },
    doings: ['room is short'],
    applies: ({ replicas, progressDeadlineSeconds }) => replicas === 4 && progressDeadlineSeconds > 60,
    says: /has held room for minutes/,
  },
  'pods that hang in Terminating are waited for': {
    rules: {
      ...RULES,
      advance: {
        ...RULES.advance,
        switching: (scene) => {
          const attempt = runningAttempt(scene)
          const goal = attempt && goalOf(scene, attempt)
          const isEnding =
            goal && scene.observation.colors[goal].pods.some(({ ready }) => ready === 'Terminating')
          return isEnding ? { requeueAfterMs: 30_000 } : RULES.advance.switching(scene)
        },
      },
    },
    doings: ['pods hang in Terminating'],
    says: /Promoted|never at rest/,
  },
}

describe('a mistake that is planted is found', () => {
  test.each(Object.entries(MISTAKES))(
    '%s',
    async (_name, { rules, doings, says, applies }) => {
      const chosen = Object.fromEntries(doings.map((name) => [name, DOINGS[name] ?? (() => undefined)]))
      const found: string[] = []
      for (let seed = FIRST_SEED; seed < MOST_PLANTED && found.length === 0; seed += 1)
        await walk(seed, { rules, doings: chosen, ...(applies ? { applies } : {}) }).catch((error: unknown) =>
          found.push(String(error)),
        )
      expect(found.join('\n')).toMatch(says)
    },
    5 * 60_000,
  )
})
