import { configMapNames } from './planner/model/config-maps.ts'
import { plan, RULES, type Plan, type Rules } from './planner/plan.ts'
import { happeningsOf } from './planner/output/events.ts'
import { pointerProblem } from './planner/checks/spec.ts'
import { statusAfter } from './planner/output/status.ts'
import type { Did, FailingStep, Step, World } from './planner/model/observation.ts'
import type { ModelRelease, Status } from './api/release.ts'
import {
  aboutStep,
  doneLast,
  failedAgain,
  isAside,
  isUndone,
  undoneText,
} from './planner/state/failed-actions.ts'
import { ConflictError, RefusedError, TransientError } from './ports/errors.ts'
import type { Claims, Cluster, Key, Pointer, Prober, SelfReports } from './ports/ports.ts'
import { isSameJson } from './planner/model/revision.ts'

/** How a pass ended when it did not throw: nothing more to do until something changes, or look again after a while. */
export type PassResult = { done: true } | { recheckMs: number }

export interface Worlds {
  cluster: Cluster
  /** The pointer that this release names. */
  pointerOf: (release: ModelRelease) => Pointer
  claims: Claims
  prober: Prober
  /** Absent: pods that are not ready are not asked why. */
  selfReports?: SelfReports
}

/** What a pass tells whoever runs it: one line per pass, for logs and metrics. */
export interface PassReport {
  rule?: string
  step?: Step['type']
  did?: Did
  /** Steps that failed in this pass for a reason that may pass, with what was thrown. */
  failed: readonly Failed[]
  status: Status
  before?: Status
  /** The version of the release with this status, where that was to be written. */
  written?: string
}

interface Failed {
  step: Step['type']
  error: Error
}

/** What failed lately, per release: kept by the process, since after a start everything may be tried at once. */
export class StepFailures {
  readonly #ofRelease = new Map<string, readonly FailingStep[]>()

  of({ namespace, name }: Key): readonly FailingStep[] {
    return this.#ofRelease.get(`${namespace}/${name}`) ?? []
  }

  keep(key: Key, failing: readonly FailingStep[]): void {
    if (failing.length === 0) this.forget(key)
    else this.#ofRelease.set(`${key.namespace}/${key.name}`, failing)
  }

  forget({ namespace, name }: Key): void {
    this.#ofRelease.delete(`${namespace}/${name}`)
  }
}

export interface ReconcileOptions {
  worlds: Worlds
  defaults: World['defaults']
  /** Milliseconds since the epoch. */
  now: () => number
  /** Whether this process has looked at the release before. */
  seenBefore: (release: ModelRelease) => boolean
  failures: StepFailures
  report: (release: ModelRelease, report: PassReport) => void
  /** Told right before a step is carried out. */
  acting?: (release: ModelRelease, step: Step) => void
  /** Other rules than the shipped ones, for tests that show what each rule is for. */
  rules?: Rules
}

/**
 * One pass: observe, plan, perform one step at most (and another only where the world refused or failed the first), plan again to report, write the status if it differs.
 * Every crash point is harmless, since the next pass looks at the world anew. A step that fails for a reason that may pass ends
 * no pass: it is left alone for a while, and what does not depend on it goes on. Throws what the edges throw where nothing
 * could be seen, told or decided: the queue tries again.
 */
export async function reconcile(key: Key, options: ReconcileOptions): Promise<PassResult> {
  const release = await options.worlds.cluster.release(key)
  // A release that is being deleted has nothing to lose that its deletion policy wants to keep.
  if (!release) return { done: true }
  if (release.metadata.deletionTimestamp) return letGo(release, options.worlds.cluster)
  try {
    return await pass(release, options)
  } catch (error) {
    await tellThrown(release, error, options)
    throw error
  }
}

async function pass(release: ModelRelease, options: ReconcileOptions): Promise<PassResult> {
  const acted = await act(release, await observeWell(release, options), options)
  const { told } = acted
  options.failures.keep(release.metadata, told.failing)
  const written = await tell(release, told, options.worlds.cluster)
  options.report(release, { ...reportOf(release, acted), ...(written === undefined ? {} : { written }) })
  return told.recheckMs === undefined ? { done: true } : { recheckMs: told.recheckMs }
}

/**
 * Deleted with its children left behind (`--cascade=orphan`): the garbage collector takes the release from their owners, and
 * cannot patch what an earlier version stored. Nothing else is done for a release that is being deleted.
 */
async function letGo(release: ModelRelease, cluster: Cluster): Promise<PassResult> {
  if (!release.metadata.finalizers?.includes('orphan')) return { done: true }
  for (const { attempt, kept } of await cluster.revisions(release))
    if (kept?.form === 'Old')
      await cluster.renewRevision(release, { type: 'RenewRevision', attempt, ownership: 'Free' })
  return { done: true }
}

/**
 * Whoever waits for the release must not wait for ever because nothing could be seen or decided. What passes by itself is not
 * told: the queue tries again, and the API server may be what does not answer.
 */
async function tellThrown(
  release: ModelRelease,
  error: unknown,
  { now, worlds: { cluster } }: ReconcileOptions,
): Promise<void> {
  if (!(error instanceof Error) || PASSING.has(error.name)) return
  const status = statusAfter(release, now(), {
    reason: error instanceof RefusedError ? error.reason : 'InternalError',
    message: error.message,
  })
  try {
    await tell(release, { status, happenings: happeningsOf(release.status, status) }, cluster)
  } catch {
    // What was thrown first says more, and is thrown again.
  }
}

const PASSING: ReadonlySet<string> = new Set(['ConflictError', 'TransientError', 'NotHeldError'])

interface Acted {
  decided: Plan
  did?: Did
  told: Plan
  failed: readonly Failed[]
}

/**
 * Performs what the plan decides. Where a step that would keep something serving is refused, or any step fails for a reason
 * that may pass, it must not stand in the way of a return, a command or a deadline: the pass goes on with what the plan
 * decides without it, if that is anything.
 */
async function act(release: ModelRelease, seen: Seen, options: ReconcileOptions): Promise<Acted> {
  let { rules = RULES } = options
  let { world, decided } = seen
  const failed: Failed[] = []
  for (;;) {
    if (!decided.step) return { decided, told: soonerBy(decided, failed, options.now() - world.now), failed }
    const result = undoneBy(world, decided) ?? (await perform(release, decided.step, options))
    if (result instanceof Error) {
      if (isOutdated(result, decided)) {
        options.failures.keep(release.metadata, world.failing ?? [])
        throw result
      }
      failed.push({ step: decided.step.type, error: result })
      world = withFailure(world, decided, { error: result, now: options.now() })
      decided = plan(world, rules)
      continue
    }
    const told = plan({ ...succeeded(world, decided, result), now: options.now(), did: result }, rules)
    const acted = { decided, did: result, told, failed }
    if (result.type !== 'Refused' || !isKeeping(decided.rule)) return acted
    rules = leftOut(rules, decided.rule)
    world = { refused: result, ...world }
    decided = plan(world, rules)
    if (!decided.step && decided.recheckMs !== 0) return acted
  }
}

/** The world changed under what was decided: it is looked at anew, unless something else is to be done meanwhile. */
function isOutdated(error: Error, { rule }: Plan): boolean {
  return error instanceof ConflictError && !isKeeping(rule)
}

/** What was planned at the time of the look, told so many milliseconds later, which some tries have taken. */
function soonerBy(told: Plan, failed: readonly Failed[], ms: number): Plan {
  return told.recheckMs === undefined || failed.length === 0
    ? told
    : { ...told, recheckMs: Math.max(0, told.recheckMs - ms) }
}

/** The time stays that of the look: however long it took to fail, what failed in this pass is not tried again in it. */
function withFailure(
  world: World,
  { rule = '', step }: Plan,
  { error, now }: { error: Error; now: number },
): World {
  if (!step) return world
  const before = world.failing?.find((one) => one.rule === rule)
  const undone = error instanceof UndoneError ? ({ undone: 'Yes' } as const) : {}
  const failed = { ...aboutStep(rule, step), ...undone, message: error.message }
  return withFailing(world, before, failedAgain(before, failed, now))
}

/** In its old place, so that what is told does not change with who is tried again first. */
function withFailing(world: World, before: FailingStep | undefined, now: FailingStep): World {
  const { failing = [] } = world
  return {
    ...world,
    failing: before ? failing.map((one) => (one === before ? now : one)) : [...failing, now],
  }
}

/** Somebody else undoes what is done to keep something serving: it must not be done on and on, nor stop what else is to be done. */
class UndoneError extends Error {
  override readonly name = 'UndoneError'
}

function undoneBy(world: World, { rule, step }: Plan): UndoneError | undefined {
  if (!step || !isKeeping(rule) || !isUndone(world, rule, step)) return undefined
  return new UndoneError(undoneText(step))
}

function succeeded(world: World, { rule, step }: Plan, did: Did): World {
  const { failing = [] } = world
  if (!step || !isKeeping(rule) || did.type !== 'Done')
    return { ...world, failing: failing.filter((one) => one.rule !== rule) }
  const before = failing.find((one) => one.rule === rule)
  return withFailing(world, before, doneLast(before, rule, step, world.now))
}

function isKeeping(rule: string | undefined): rule is keyof Rules['keepServing'] {
  return rule !== undefined && Object.hasOwn(RULES.keepServing, rule)
}

function leftOut(rules: Rules, rule: keyof Rules['keepServing']): Rules {
  return { ...rules, keepServing: { ...rules.keepServing, [rule]: () => undefined } }
}

function reportOf(release: ModelRelease, { decided, did, told, failed }: Acted): PassReport {
  return {
    status: told.status,
    failed,
    ...(decided.rule ? { rule: decided.rule } : {}),
    ...(decided.step ? { step: decided.step.type } : {}),
    ...(did ? { did } : {}),
    ...(release.status ? { before: release.status } : {}),
  }
}

/** A world, and what the rules make of it. */
interface Seen {
  world: World
  decided: Plan
}

/**
 * The pointer may have been read a while ago, which is enough to wait on. What takes away what might serve is decided on
 * the pointer as it is now. A move needs no such look: it is accepted only if the pointer is still what was read.
 */
async function observeWell(release: ModelRelease, options: ReconcileOptions): Promise<Seen> {
  const world = await observe(release, options)
  const decided = plan(world, options.rules)
  const { step } = decided
  if (world.pointer.type !== 'Read' || world.pointer.fresh !== 'No' || !step || !takesAway(step, world))
    return { world, decided }
  const now = { ...world, pointer: await options.worlds.pointerOf(release).read(release, 'Live') }
  return { world: now, decided: plan(now, options.rules) }
}

function takesAway(step: Step, { colors }: World): boolean {
  if (step.type === 'ScaleWorkload') return step.replicas < (colors[step.color].workload?.replicas ?? 0)
  return step.type === 'RemoveWorkload'
}

async function observe(release: ModelRelease, options: ReconcileOptions): Promise<World> {
  const { cluster, pointerOf, claims, selfReports } = options.worlds
  const firstLook = options.seenBefore(release) ? 'No' : 'Yes'
  const problem = pointerProblem(release.spec)
  const [colors, revisions, former, pointer, claim] = await Promise.all([
    cluster.colors(release),
    cluster.revisions(release),
    cluster.formerPointers(release),
    problem === undefined ? pointerOf(release).read(release) : unnamed(problem),
    problem === undefined ? claims.read(release) : ({ type: 'Held' } as const),
  ])
  const names = configMapNames({ colors, revisions })
  const config = names.length > 0 ? await cluster.config(release, names) : undefined
  return {
    now: options.now(),
    firstLook,
    release,
    colors: selfReports?.told(release.metadata, colors) ?? colors,
    revisions,
    pointer,
    claim,
    former,
    ...(config ? { config } : {}),
    defaults: options.defaults,
    failing: options.failures.of(release.metadata),
  }
}

/** There is no pointer to read, and none that a claim could be about. */
function unnamed(message: string): World['pointer'] {
  return { type: 'Unusable', reason: 'InvalidSpec', message }
}

/**
 * Carries out one step. A refusal is an answer, to be reported; what may pass by itself, or what nothing waits for, is returned;
 * everything else is thrown.
 */
async function perform(
  release: ModelRelease,
  step: Step,
  { worlds, acting }: ReconcileOptions,
): Promise<Did | Error> {
  acting?.(release, step)
  try {
    return await carryOut(release, step, worlds)
  } catch (error) {
    if (error instanceof ConflictError || error instanceof TransientError) return error
    if (!(error instanceof RefusedError)) throw error
    if (isAside(step.type)) return error
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
      return { type: 'LogsCollected', logs: await cluster.logs(release, step) }
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
  return { type: 'Done', step: step.type, ...('differs' in step ? { mended: step.differs } : {}) }
}

type ClusterStep = Exclude<
  Step,
  {
    type: 'RunGates' | 'Verify' | 'Invalidate' | 'CollectLogs' | 'TakeClaim' | 'MovePointer' | 'MoveFallback'
  }
>

/** Every verb of the cluster that writes is the one of a step. */
const WRITES: {
  [T in ClusterStep['type']]: (
    cluster: Cluster,
    ...what: [ModelRelease, Extract<Step, { type: T }>]
  ) => Promise<void>
} = {
  StoreRevision: (cluster, ...what) => cluster.storeRevision(...what),
  PinDigest: (cluster, ...what) => cluster.pinDigest(...what),
  ForgetRevision: (cluster, ...what) => cluster.forgetRevision(...what),
  RenewRevision: (cluster, ...what) => cluster.renewRevision(...what),
  CreateWorkload: (cluster, ...what) => cluster.createWorkload(...what),
  ScaleWorkload: (cluster, ...what) => cluster.scaleWorkload(...what),
  MendWorkload: (cluster, ...what) => cluster.mendWorkload(...what),
  RemoveWorkload: (cluster, ...what) => cluster.removeWorkload(...what),
  ApplyColorService: (cluster, ...what) => cluster.applyColorService(...what),
  MendPointer: (cluster, ...what) => cluster.mendPointer(...what),
  MoveFormer: (cluster, ...what) => cluster.moveFormer(...what),
  ApplyBudget: (cluster, ...what) => cluster.applyBudget(...what),
  RemoveBudget: (cluster, ...what) => cluster.removeBudget(...what),
  SetOwnership: (cluster, ...what) => cluster.setOwnership(...what),
}

function write(release: ModelRelease, step: ClusterStep, cluster: Cluster): Promise<void> {
  // The step is of its own type, which TypeScript does not follow through the table.
  return WRITES[step.type](cluster, release, step as never)
}

/** Writes the status if it says anything new, and gives the version of the release then; Events come after it, so that a lost write tells nothing twice. */
async function tell(
  release: ModelRelease,
  { status, happenings }: Pick<Plan, 'status' | 'happenings'>,
  cluster: Cluster,
): Promise<string | undefined> {
  const isNew = !isSameJson(status, release.status ?? {})
  const written = isNew ? await cluster.writeStatus(release, status) : undefined
  for (const happening of happenings) await cluster.record(release, happening)
  return written
}
