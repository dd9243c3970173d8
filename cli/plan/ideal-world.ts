/**
 * A world in which everything succeeds at once: pods are ready, gates pass, every edge follows. The operator's own planner is
 * run in it, so that what a plan says is what the operator would decide. Pure.
 */
import { COLORS, type Color } from '../../operator/api/names.ts'
import { keyValueStoreOf, type ModelRelease, type Spec, type Status } from '../../operator/api/release.ts'
import { without } from '../../operator/planner/state/persisted-state.ts'
import { plan } from '../../operator/planner/plan.ts'
import type {
  ColorState,
  Did,
  PointerReading,
  Step,
  World,
} from '../../operator/planner/model/observation.ts'

/** What the operator would do, in order. */
export type Foreseen = {
  steps: { step: Step; atMs: number }[]
  /** What time is waited for, and how long. */
  waits: { reason: string; ms: number }[]
  /** The status at the end of it. */
  status: Status
  /** Milliseconds that pass though everything succeeds at once. */
  leastMs: number
}

/** More decisions than any release takes. */
const MOST_DECISIONS = 300

/** Runs the planner until the attempt has ended, or cannot go on. */
export function foresee(start: World): Foreseen {
  let world = start
  const steps: Foreseen['steps'] = []
  const waits: Foreseen['waits'] = []
  for (let decision = 0; decision < MOST_DECISIONS; decision += 1) {
    const decided = plan(world)
    world = withStatus(world, decided.status)
    if (isOver(world)) break
    if (decided.step) {
      steps.push({ step: decided.step, atMs: world.now - start.now })
      const done = carriedOut(world, decided.step)
      world = withStatus(done, plan({ ...done, did: didOf(world, decided.step) }).status)
    } else if (decided.recheckMs) {
      waits.push({ reason: reasonOf(decided.status), ms: decided.recheckMs })
      world = { ...world, now: world.now + decided.recheckMs }
    } else if (decided.recheckMs === undefined) break
  }
  return { steps, waits, status: world.release.status ?? {}, leastMs: world.now - start.now }
}

function isOver({ release }: World): boolean {
  const { attempt, conditions = [], observedGeneration } = release.status ?? {}
  if (observedGeneration !== release.metadata.generation) return false
  return attempt?.outcome !== undefined || conditions.some(({ type }) => type === 'Stalled')
}

function reasonOf({ conditions = [] }: Status): string {
  return conditions.find(({ type }) => type === 'Reconciling')?.reason ?? ''
}

function withStatus(world: World, status: Status): World {
  return { ...world, release: { ...world.release, status } }
}

function didOf(world: World, step: Step): Did {
  switch (step.type) {
    case 'RunGates':
      return {
        type: 'GatesRan',
        key: step.key,
        pods: step.pods.map(({ name }) => name),
        results: step.gates.map(({ name }) => ({ name, result: 'Passed' })),
        // Every pod answers with the digest of its model.
        digest: world.release.spec.model?.sha256 ?? '0'.repeat(64),
      }
    case 'Verify':
      return { type: 'Verified', result: { type: 'New' } }
    case 'Invalidate':
      return { type: 'Invalidated', reference: step.reference }
    case 'CollectLogs':
      return { type: 'LogsCollected', logs: '' }
    default:
      return { type: 'Done', step: step.type }
  }
}

function carriedOut(world: World, step: Step): World {
  switch (step.type) {
    case 'TakeClaim':
      return { ...world, claim: { type: 'Held' } }
    case 'StoreRevision':
      return { ...world, revisions: [...world.revisions, step.stored] }
    case 'ForgetRevision':
      return { ...world, revisions: world.revisions.filter(({ attempt }) => attempt !== step.attempt) }
    case 'MovePointer':
      return { ...world, pointer: movedTo(world.release, world.pointer, step) }
    default:
      return carriedOutInTheCluster(world, step)
  }
}

function carriedOutInTheCluster(world: World, step: Step): World {
  switch (step.type) {
    case 'MoveFormer':
      return {
        ...world,
        former: (world.former ?? []).map((one) =>
          one.name === step.name ? { ...one, color: step.to } : one,
        ),
      }
    case 'MoveFallback':
      return { ...world, pointer: withFallback(world.pointer, step.names) }
    case 'CreateWorkload':
    case 'ScaleWorkload':
    case 'RemoveWorkload':
    case 'ApplyColorService':
      return withColor(world, step.color, colorAfter(world, step))
    case 'ApplyBudget':
      return withColor(world, step.color, {
        ...world.colors[step.color],
        budget: { ownership: step.ownership },
      })
    case 'RemoveBudget':
      return withColor(world, step.color, without(world.colors[step.color], 'budget'))
    case 'SetOwnership':
      return owned(world, step)
    default:
      return world
  }
}

function withColor(world: World, color: Color, state: ColorState): World {
  return { ...world, colors: { ...world.colors, [color]: state } }
}

type ColorStep = Extract<
  Step,
  { type: 'CreateWorkload' | 'ScaleWorkload' | 'RemoveWorkload' | 'ApplyColorService' }
>

function colorAfter({ colors, now }: World, step: ColorStep): ColorState {
  const state = colors[step.color]
  const { service, workload } = state
  if (step.type === 'RemoveWorkload') return { pods: [], ...(service ? { service } : {}) }
  if (step.type === 'ApplyColorService') {
    const { targetPort, ownership, origin } = step
    return {
      ...state,
      service: { uid: 'planned', resourceVersion: '1', address: '10.0.0.1', targetPort, ownership, origin },
    }
  }
  const revision = step.type === 'CreateWorkload' ? step.stored.revision : (workload?.revision ?? '')
  const ownership = step.type === 'CreateWorkload' ? step.ownership : (workload?.ownership ?? 'Owned')
  const { color, replicas } = step
  const pods = Array.from({ length: replicas }, (_, index) => ({
    name: `${color}-${index}`,
    ip: `10.0.1.${index}`,
    revision,
    ready: 'Yes' as const,
    steadySince: now,
  }))
  const common = {
    uid: 'planned',
    resourceVersion: '1',
    observed: 'Yes',
    leaving: 'No',
    createdAt: now,
  } as const
  return { ...state, pods, workload: { ...common, revision, replicas, ownership } }
}

type Read = Extract<PointerReading, { type: 'Read' }>

function movedTo(
  { spec }: ModelRelease,
  pointer: PointerReading,
  step: Extract<Step, { type: 'MovePointer' }>,
): Read {
  const known: Read =
    pointer.type === 'Read'
      ? pointer
      : {
          type: 'Read',
          token: '0',
          targets: [{ part: 'the pointer', names: '' }],
          origins: [...COLORS],
          settled: 'Yes',
          timeoutSeconds: 0,
        }
  const rest = without(known, 'canary')
  const token = String(Number(known.token) + 1)
  if (step.weight !== undefined) {
    const { names, weight, salt = '' } = step
    const header = keyValueStoreOf(spec)?.canaryClientHeader
    return { ...rest, token, canary: { names, weight, salt, ...(header === undefined ? {} : { header }) } }
  }
  return { ...rest, token, targets: known.targets.map(({ part }) => ({ part, names: step.names })) }
}

function withFallback(pointer: PointerReading, names: string): PointerReading {
  if (pointer.type !== 'Read' || !pointer.fallback) return pointer
  const { fallback } = pointer
  return {
    ...pointer,
    fallback: { ...fallback, targets: fallback.targets.map(({ part }) => ({ part, names })) },
  }
}

function owned(world: World, step: Extract<Step, { type: 'SetOwnership' }>): World {
  const { ownership } = step
  if (step.of === 'Pointer') {
    const { pointer } = world
    return { ...world, pointer: pointer.type === 'Read' ? { ...pointer, ownership } : pointer }
  }
  if (step.of === 'Revision') return world
  const state = world.colors[step.color]
  const { service, workload } = state
  if (step.of === 'Service')
    return withColor(world, step.color, {
      ...state,
      ...(service ? { service: { ...service, ownership } } : {}),
    })
  return withColor(world, step.color, {
    ...state,
    ...(workload ? { workload: { ...workload, ownership } } : {}),
  })
}

/** What the operator last read of a pointer that cannot be read from here, as far as the status tells. */
export function pointerFrom(spec: Spec, { liveColor }: Status): Read {
  const distribution = spec.traffic.cloudFrontDistribution ?? spec.traffic.cloudFrontKeyValueStore
  const { blue = 'blue', green = 'green' } = distribution?.origins ?? {}
  const names = { blue, green }
  const store = keyValueStoreOf(spec)
  // Before the first release behaviors lead to one of the two origins; which one decides only the color's name.
  const named = liveColor ? names[liveColor] : store ? '' : blue
  const parts = store
    ? [`key ${store.key}`]
    : (distribution?.behaviors ?? []).map(({ pathPattern }) => pathPattern)
  return {
    type: 'Read',
    token: '1',
    targets: parts.map((part) => ({ part, names: named })),
    origins: [blue, green],
    settled: 'Yes',
    timeoutSeconds: 30,
  }
}
