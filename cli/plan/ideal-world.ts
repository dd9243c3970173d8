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
  ActionResult,
  PointerReading,
  Action,
  Observation,
} from '../../operator/planner/model/observation.ts'

/** What the operator would do, in order. */
export type Foreseen = {
  steps: { step: Action; atMs: number }[]
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
export function foresee(start: Observation): Foreseen {
  let observation = start
  const steps: Foreseen['steps'] = []
  const waits: Foreseen['waits'] = []
  for (let decision = 0; decision < MOST_DECISIONS; decision += 1) {
    const decided = plan(observation)
    observation = withStatus(observation, decided.status)
    if (isOver(observation)) break
    if (decided.action) {
      steps.push({ step: decided.action, atMs: observation.now - start.now })
      const done = carriedOut(observation, decided.action)
      observation = withStatus(done, plan({ ...done, result: didOf(observation, decided.action) }).status)
    } else if (decided.requeueAfterMs) {
      waits.push({ reason: reasonOf(decided.status), ms: decided.requeueAfterMs })
      observation = { ...observation, now: observation.now + decided.requeueAfterMs }
    } else if (decided.requeueAfterMs === undefined) break
  }
  return { steps, waits, status: observation.release.status ?? {}, leastMs: observation.now - start.now }
}

function isOver({ release }: Observation): boolean {
  const { attempt, conditions = [], observedGeneration } = release.status ?? {}
  if (observedGeneration !== release.metadata.generation) return false
  return attempt?.outcome !== undefined || conditions.some(({ type }) => type === 'Stalled')
}

function reasonOf({ conditions = [] }: Status): string {
  return conditions.find(({ type }) => type === 'Reconciling')?.reason ?? ''
}

function withStatus(observation: Observation, status: Status): Observation {
  return { ...observation, release: { ...observation.release, status } }
}

function didOf(observation: Observation, step: Action): ActionResult {
  switch (step.type) {
    case 'RunGates':
      return {
        type: 'GatesRan',
        key: step.key,
        pods: step.pods.map(({ name }) => name),
        results: step.gates.map(({ name }) => ({ name, result: 'Passed' })),
        // Every pod answers with the digest of its model.
        digest: observation.release.spec.model?.sha256 ?? '0'.repeat(64),
      }
    case 'Verify':
      return { type: 'Verified', result: { type: 'New' } }
    case 'Invalidate':
      return { type: 'Invalidated', reference: step.reference }
    case 'CollectLogs':
      return { type: 'LogsCollected', logs: '' }
    default:
      return { type: 'Done', action: step.type }
  }
}

function carriedOut(observation: Observation, step: Action): Observation {
  switch (step.type) {
    case 'TakeClaim':
      return { ...observation, claim: { type: 'Held' } }
    case 'StoreRevision':
      return { ...observation, revisions: [...observation.revisions, step.stored] }
    case 'ForgetRevision':
      return {
        ...observation,
        revisions: observation.revisions.filter(({ attempt }) => attempt !== step.attempt),
      }
    case 'MovePointer':
      return { ...observation, pointer: movedTo(observation.release, observation.pointer, step) }
    default:
      return carriedOutInTheCluster(observation, step)
  }
}

function carriedOutInTheCluster(observation: Observation, step: Action): Observation {
  switch (step.type) {
    case 'MoveFormer':
      return {
        ...observation,
        former: (observation.former ?? []).map((one) =>
          one.name === step.name ? { ...one, color: step.to } : one,
        ),
      }
    case 'MoveFallback':
      return { ...observation, pointer: withFallback(observation.pointer, step.names) }
    case 'CreateWorkload':
    case 'ScaleWorkload':
    case 'RemoveWorkload':
    case 'ApplyColorService':
      return withColor(observation, step.color, colorAfter(observation, step))
    case 'ApplyBudget':
      return withColor(observation, step.color, {
        ...observation.colors[step.color],
        budget: { ownership: step.ownership },
      })
    case 'RemoveBudget':
      return withColor(observation, step.color, without(observation.colors[step.color], 'budget'))
    case 'SetOwnership':
      return owned(observation, step)
    default:
      return observation
  }
}

function withColor(observation: Observation, color: Color, state: ColorState): Observation {
  return { ...observation, colors: { ...observation.colors, [color]: state } }
}

type ColorStep = Extract<
  Action,
  { type: 'CreateWorkload' | 'ScaleWorkload' | 'RemoveWorkload' | 'ApplyColorService' }
>

function colorAfter({ colors, now }: Observation, step: ColorStep): ColorState {
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
  step: Extract<Action, { type: 'MovePointer' }>,
): Read {
  const known: Read =
    pointer.type === 'Read'
      ? pointer
      : {
          type: 'Read',
          token: '0',
          targets: [{ part: 'the pointer', names: '' }],
          origins: [...COLORS],
          propagated: 'Yes',
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

function owned(observation: Observation, step: Extract<Action, { type: 'SetOwnership' }>): Observation {
  const { ownership } = step
  if (step.of === 'Pointer') {
    const { pointer } = observation
    return { ...observation, pointer: pointer.type === 'Read' ? { ...pointer, ownership } : pointer }
  }
  if (step.of === 'Revision') return observation
  const state = observation.colors[step.color]
  const { service, workload } = state
  if (step.of === 'Service')
    return withColor(observation, step.color, {
      ...state,
      ...(service ? { service: { ...service, ownership } } : {}),
    })
  return withColor(observation, step.color, {
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
    propagated: 'Yes',
    timeoutSeconds: 30,
  }
}
