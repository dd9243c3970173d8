import { plan, RULES, type Plan, type Rules } from './core/plan.ts'
import type { Did, Step, World } from './core/world.ts'
import type { ModelRelease, Status } from './api/release.ts'
import { RefusedError } from './edges/errors.ts'
import type { Claims, Cluster, Key, Pointer, Prober } from './edges/ports.ts'
import { canonicalJson } from './core/revision.ts'

/** How a pass ended when it did not throw: nothing more to do until something changes, or look again after a while. */
export type PassResult = { done: true } | { recheckMs: number }

export interface Worlds {
  cluster: Cluster
  /** The pointer that this release names. */
  pointerOf: (release: ModelRelease) => Pointer
  claims: Claims
  prober: Prober
}

/** What a pass tells whoever runs it: one line per pass, for logs and metrics. */
export interface PassReport {
  rule?: string
  step?: Step['type']
  did?: Did
  status: Status
  before?: Status
}

export interface ReconcileOptions {
  worlds: Worlds
  defaults: World['defaults']
  /** Milliseconds since the epoch. */
  now: () => number
  /** Whether this process has looked at the release before. */
  seenBefore: (release: ModelRelease) => boolean
  report: (release: ModelRelease, report: PassReport) => void
  /** Told right before a step is carried out. */
  acting?: (release: ModelRelease, step: Step) => void
  /** Other rules than the shipped ones, for tests that show what each rule is for. */
  rules?: Rules
}

/**
 * One pass: observe, plan, perform one step at most (and one more only where the world refused the first), plan again to report, write the status if it differs.
 * Every crash point is harmless, since the next pass looks at the world anew. Throws what the edges throw: ConflictError
 * and TransientError are tried again by the queue.
 */
export async function reconcile(key: Key, options: ReconcileOptions): Promise<PassResult> {
  const release = await options.worlds.cluster.release(key)
  // A release that is being deleted has nothing to lose that its deletion policy wants to keep.
  if (!release || release.metadata.deletionTimestamp) return { done: true }
  const world = await observeWell(release, options)
  const acted = await act(release, world, options)
  const { told } = acted
  await tell(release, told, options.worlds.cluster)
  options.report(release, reportOf(release, acted))
  return told.recheckMs === undefined ? { done: true } : { recheckMs: told.recheckMs }
}

interface Acted {
  decided: Plan
  did?: Did
  told: Plan
}

/**
 * Performs what the plan decides. Where the world refuses a step that would keep something serving, that step must not stand
 * in the way of a return or a command: the pass goes on with what the plan decides without it, if that is anything.
 */
async function act(release: ModelRelease, world: World, options: ReconcileOptions): Promise<Acted> {
  let { rules = RULES } = options
  for (;;) {
    const decided = plan(world, rules)
    if (!decided.step) return { decided, told: decided }
    const did = await perform(release, decided.step, options)
    const acted = { decided, did, told: plan({ ...world, now: options.now(), did }, rules) }
    if (did.type !== 'Refused' || !isKeeping(decided.rule)) return acted
    rules = leftOut(rules, decided.rule)
    const instead = plan(world, rules)
    if (!instead.step && instead.recheckMs !== 0) return acted
  }
}

function isKeeping(rule: string | undefined): rule is keyof Rules['keepServing'] {
  return rule !== undefined && Object.hasOwn(RULES.keepServing, rule)
}

function leftOut(rules: Rules, rule: keyof Rules['keepServing']): Rules {
  return { ...rules, keepServing: { ...rules.keepServing, [rule]: () => undefined } }
}

function reportOf(release: ModelRelease, { decided, did, told }: Acted): PassReport {
  return {
    status: told.status,
    ...(decided.rule ? { rule: decided.rule } : {}),
    ...(decided.step ? { step: decided.step.type } : {}),
    ...(did ? { did } : {}),
    ...(release.status ? { before: release.status } : {}),
  }
}

/**
 * The pointer may have been read a while ago, which is enough to wait on. What takes away what might serve is decided on
 * the pointer as it is now. A move needs no such look: it is accepted only if the pointer is still what was read.
 */
async function observeWell(release: ModelRelease, options: ReconcileOptions): Promise<World> {
  const world = await observe(release, options)
  const { step } = plan(world, options.rules)
  if (world.pointer.type !== 'Read' || world.pointer.fresh !== 'No' || !step || !takesAway(step, world))
    return world
  return { ...world, pointer: await options.worlds.pointerOf(release).read(release, 'Live') }
}

function takesAway(step: Step, { colors }: World): boolean {
  if (step.type === 'ScaleWorkload') return step.replicas < (colors[step.color].workload?.replicas ?? 0)
  return step.type === 'RemoveWorkload'
}

async function observe(release: ModelRelease, options: ReconcileOptions): Promise<World> {
  const { cluster, pointerOf, claims } = options.worlds
  const firstLook = options.seenBefore(release) ? 'No' : 'Yes'
  const [colors, revisions, pointer, claim] = await Promise.all([
    cluster.colors(release),
    cluster.revisions(release),
    pointerOf(release).read(release),
    claims.read(release),
  ])
  return {
    now: options.now(),
    firstLook,
    release,
    colors,
    revisions,
    pointer,
    claim,
    defaults: options.defaults,
  }
}

/** Carries out one step. A refusal is an answer, to be reported; everything else that fails is thrown. */
async function perform(
  release: ModelRelease,
  step: Step,
  { worlds, acting }: ReconcileOptions,
): Promise<Did> {
  acting?.(release, step)
  try {
    return await carryOut(release, step, worlds)
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return { type: 'Refused', step: step.type, reason: error.reason, message: error.message }
  }
}

async function carryOut(
  release: ModelRelease,
  step: Step,
  { cluster, pointerOf, claims, prober }: Worlds,
): Promise<Did> {
  switch (step.type) {
    case 'RunGates':
      return prober.runGates(step)
    case 'Verify':
      return prober.verify(step)
    case 'Invalidate':
      await pointerOf(release).invalidate?.(release, step)
      return { type: 'Invalidated', reference: step.reference }
    case 'CollectLogs':
      return { type: 'LogsCollected', logs: await cluster.logs(release, step.color) }
    case 'TakeClaim':
      await claims.take(release)
      break
    case 'MovePointer':
      await pointerOf(release).move(release, step)
      break
    case 'MoveFallback':
      await pointerOf(release).moveFallback?.(release, step)
      break
    default:
      await write(release, step, cluster)
  }
  return { type: 'Done', step: step.type }
}

type ClusterStep = Exclude<
  Step,
  {
    type: 'RunGates' | 'Verify' | 'Invalidate' | 'CollectLogs' | 'TakeClaim' | 'MovePointer' | 'MoveFallback'
  }
>

async function write(release: ModelRelease, step: ClusterStep, cluster: Cluster): Promise<void> {
  switch (step.type) {
    case 'StoreRevision':
      return cluster.storeRevision(release, step)
    case 'ForgetRevision':
      return cluster.forgetRevision(release, step)
    case 'CreateWorkload':
      return cluster.createWorkload(release, step)
    case 'ScaleWorkload':
      return cluster.scaleWorkload(release, step)
    case 'RemoveWorkload':
      return cluster.removeWorkload(release, step)
    case 'ApplyColorService':
      return cluster.applyColorService(release, step)
    case 'SetOwnership':
      return cluster.setOwnership(release, step)
  }
}

/** Writes the status if it says anything new; Events come after it, so that a lost write tells nothing twice. */
async function tell(release: ModelRelease, { status, happenings }: Plan, cluster: Cluster): Promise<void> {
  if (canonicalJson(status) !== canonicalJson(release.status ?? {}))
    await cluster.writeStatus(release, status)
  for (const happening of happenings) await cluster.record(release, happening)
}
