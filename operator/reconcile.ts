import { configMapNames } from './planner/model/config-maps.ts'
import { plan, RULES, type Plan, type Rules } from './planner/plan.ts'
import { eventsOf } from './planner/output/events.ts'
import { pointerProblem } from './planner/checks/spec.ts'
import { statusAfter } from './planner/output/status.ts'
import type { ActionResult, FailingAction, Action, Observation } from './planner/model/observation.ts'
import type { ModelRelease, Status } from './api/release.ts'
import {
  aboutAction,
  doneLast,
  failedAgain,
  isAside,
  isUndone,
  undoneText,
} from './planner/state/failed-actions.ts'
import { ConflictError, RefusedError, TransientError } from './ports/errors.ts'
import type { Claims, Cluster, NamespacedName, Pointer, Prober, SelfReports } from './ports/ports.ts'
import { isSameJson } from './planner/model/revision.ts'

/** How a reconcile ended when it did not throw: nothing more to do until something changes, or look again after a while. */
export type ReconcileResult = { done: true } | { requeueAfterMs: number }

export interface Ports {
  cluster: Cluster
  /** The pointer that this release names. */
  pointerOf: (release: ModelRelease) => Pointer
  claims: Claims
  prober: Prober
  /** Absent: pods that are not ready are not asked why. */
  selfReports?: SelfReports
}

/** What a reconcile tells whoever runs it: one line per reconcile, for logs and metrics. */
export interface ReconcileReport {
  rule?: string
  action?: Action['type']
  result?: ActionResult
  /** Actions that failed in this reconcile for a reason that may pass, with what was thrown. */
  failed: readonly Failed[]
  status: Status
  before?: Status
  /** The version of the release with this status, where that was to be written. */
  written?: string
}

interface Failed {
  action: Action['type']
  error: Error
}

/** What failed lately, per release: kept by the process, since after a start everything may be tried at once. */
export class ActionFailures {
  readonly #ofRelease = new Map<string, readonly FailingAction[]>()

  of({ namespace, name }: NamespacedName): readonly FailingAction[] {
    return this.#ofRelease.get(`${namespace}/${name}`) ?? []
  }

  keep(key: NamespacedName, failing: readonly FailingAction[]): void {
    if (failing.length === 0) this.forget(key)
    else this.#ofRelease.set(`${key.namespace}/${key.name}`, failing)
  }

  forget({ namespace, name }: NamespacedName): void {
    this.#ofRelease.delete(`${namespace}/${name}`)
  }
}

export interface ReconcileOptions {
  ports: Ports
  defaults: Observation['defaults']
  /** Milliseconds since the epoch. */
  now: () => number
  /** Whether this process has looked at the release before. */
  seenBefore: (release: ModelRelease) => boolean
  failures: ActionFailures
  report: (release: ModelRelease, report: ReconcileReport) => void
  /** Told right before an action is carried out. */
  acting?: (release: ModelRelease, action: Action) => void
  /** Other rules than the shipped ones, for tests that show what each rule is for. */
  rules?: Rules
}

/**
 * One reconcile: observe, plan, perform one action at most (and another only where the world refused or failed the first), plan again to report, write the status if it differs.
 * Every crash point is harmless, since the next reconcile looks at the world anew. An action that fails for a reason that may pass ends
 * no reconcile: it is left alone for a while, and what does not depend on it goes on. Throws what the adapters throw where nothing
 * could be seen, told or decided: the queue tries again.
 */
export async function reconcile(key: NamespacedName, options: ReconcileOptions): Promise<ReconcileResult> {
  const release = await options.ports.cluster.release(key)
  // A release that is being deleted has nothing to lose that its deletion policy wants to keep.
  if (!release) return { done: true }
  if (release.metadata.deletionTimestamp) return letGo(release, options.ports.cluster)
  try {
    return await pass(release, options)
  } catch (error) {
    await tellThrown(release, error, options)
    throw error
  }
}

async function pass(release: ModelRelease, options: ReconcileOptions): Promise<ReconcileResult> {
  const acted = await act(release, await observeWell(release, options), options)
  const { told } = acted
  options.failures.keep(release.metadata, told.failing)
  const written = await tell(release, told, options.ports.cluster)
  options.report(release, { ...reportOf(release, acted), ...(written === undefined ? {} : { written }) })
  return told.requeueAfterMs === undefined ? { done: true } : { requeueAfterMs: told.requeueAfterMs }
}

/**
 * Deleted with its children left behind (`--cascade=orphan`): the garbage collector takes the release from their owners, and
 * cannot patch what an earlier version stored. Nothing else is done for a release that is being deleted.
 */
async function letGo(release: ModelRelease, cluster: Cluster): Promise<ReconcileResult> {
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
  { now, ports: { cluster } }: ReconcileOptions,
): Promise<void> {
  if (!(error instanceof Error) || PASSING.has(error.name)) return
  const status = statusAfter(release, now(), {
    reason: error instanceof RefusedError ? error.reason : 'InternalError',
    message: error.message,
  })
  try {
    await tell(release, { status, events: eventsOf(release.status, status) }, cluster)
  } catch {
    // What was thrown first says more, and is thrown again.
  }
}

const PASSING: ReadonlySet<string> = new Set(['ConflictError', 'TransientError', 'NotHeldError'])

interface Acted {
  decided: Plan
  result?: ActionResult
  told: Plan
  failed: readonly Failed[]
}

/**
 * Performs what the plan decides. Where an action that would keep something serving is refused, or any action fails for a reason
 * that may pass, it must not stand in the way of a return, a command or a deadline: the reconcile goes on with what the plan
 * decides without it, if that is anything.
 */
async function act(release: ModelRelease, seen: Seen, options: ReconcileOptions): Promise<Acted> {
  let { rules = RULES } = options
  let { observation, decided } = seen
  const failed: Failed[] = []
  for (;;) {
    if (!decided.action)
      return { decided, told: soonerBy(decided, failed, options.now() - observation.now), failed }
    const result = undoneBy(observation, decided) ?? (await perform(release, decided.action, options))
    if (result instanceof Error) {
      if (isOutdated(result, decided)) {
        options.failures.keep(release.metadata, observation.failing ?? [])
        throw result
      }
      failed.push({ action: decided.action.type, error: result })
      observation = withFailure(observation, decided, { error: result, now: options.now() })
      decided = plan(observation, rules)
      continue
    }
    const told = plan({ ...succeeded(observation, decided, result), now: options.now(), result }, rules)
    const acted = { decided, result, told, failed }
    if (result.type !== 'Refused' || !isKeeping(decided.rule)) return acted
    rules = leftOut(rules, decided.rule)
    observation = { refused: result, ...observation }
    decided = plan(observation, rules)
    if (!decided.action && decided.requeueAfterMs !== 0) return acted
  }
}

/** The world changed under what was decided: it is looked at anew, unless something else is to be done meanwhile. */
function isOutdated(error: Error, { rule }: Plan): boolean {
  return error instanceof ConflictError && !isKeeping(rule)
}

/** What was planned at the time of the look, told so many milliseconds later, which some tries have taken. */
function soonerBy(told: Plan, failed: readonly Failed[], ms: number): Plan {
  return told.requeueAfterMs === undefined || failed.length === 0
    ? told
    : { ...told, requeueAfterMs: Math.max(0, told.requeueAfterMs - ms) }
}

/** The time stays that of the look: however long it took to fail, what failed in this reconcile is not tried again in it. */
function withFailure(
  observation: Observation,
  { rule = '', action }: Plan,
  { error, now }: { error: Error; now: number },
): Observation {
  if (!action) return observation
  const before = observation.failing?.find((one) => one.rule === rule)
  const undone = error instanceof UndoneError ? ({ undone: 'Yes' } as const) : {}
  const failed = { ...aboutAction(rule, action), ...undone, message: error.message }
  return withFailing(observation, before, failedAgain(before, failed, now))
}

/** In its old place, so that what is told does not change with who is tried again first. */
function withFailing(
  observation: Observation,
  before: FailingAction | undefined,
  now: FailingAction,
): Observation {
  const { failing = [] } = observation
  return {
    ...observation,
    failing: before ? failing.map((one) => (one === before ? now : one)) : [...failing, now],
  }
}

/** Somebody else undoes what is done to keep something serving: it must not be done on and on, nor stop what else is to be done. */
class UndoneError extends Error {
  override readonly name = 'UndoneError'
}

function undoneBy(observation: Observation, { rule, action }: Plan): UndoneError | undefined {
  if (!action || !isKeeping(rule) || !isUndone(observation, rule, action)) return undefined
  return new UndoneError(undoneText(action))
}

function succeeded(observation: Observation, { rule, action }: Plan, result: ActionResult): Observation {
  const { failing = [] } = observation
  if (!action || !isKeeping(rule) || result.type !== 'Done')
    return { ...observation, failing: failing.filter((one) => one.rule !== rule) }
  const before = failing.find((one) => one.rule === rule)
  return withFailing(observation, before, doneLast(before, rule, action, observation.now))
}

function isKeeping(rule: string | undefined): rule is keyof Rules['keepServing'] {
  return rule !== undefined && Object.hasOwn(RULES.keepServing, rule)
}

function leftOut(rules: Rules, rule: keyof Rules['keepServing']): Rules {
  return { ...rules, keepServing: { ...rules.keepServing, [rule]: () => undefined } }
}

function reportOf(release: ModelRelease, { decided, result, told, failed }: Acted): ReconcileReport {
  return {
    status: told.status,
    failed,
    ...(decided.rule ? { rule: decided.rule } : {}),
    ...(decided.action ? { action: decided.action.type } : {}),
    ...(result ? { result } : {}),
    ...(release.status ? { before: release.status } : {}),
  }
}

/** An observation, and what the rules make of it. */
interface Seen {
  observation: Observation
  decided: Plan
}

/**
 * The pointer may have been read a while ago, which is enough to wait on. What takes away what might serve is decided on
 * the pointer as it is now. A move needs no such look: it is accepted only if the pointer is still what was read.
 */
async function observeWell(release: ModelRelease, options: ReconcileOptions): Promise<Seen> {
  const observation = await observe(release, options)
  const decided = plan(observation, options.rules)
  const { action } = decided
  if (
    observation.pointer.type !== 'Read' ||
    observation.pointer.fresh !== 'No' ||
    !action ||
    !takesAway(action, observation)
  )
    return { observation, decided }
  const now = { ...observation, pointer: await options.ports.pointerOf(release).read(release, 'Live') }
  return { observation: now, decided: plan(now, options.rules) }
}

function takesAway(action: Action, { colors }: Observation): boolean {
  if (action.type === 'ScaleWorkload') return action.replicas < (colors[action.color].workload?.replicas ?? 0)
  return action.type === 'RemoveWorkload'
}

async function observe(release: ModelRelease, options: ReconcileOptions): Promise<Observation> {
  const { cluster, pointerOf, claims, selfReports } = options.ports
  const firstReconcile = options.seenBefore(release) ? 'No' : 'Yes'
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
    firstReconcile,
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
function unnamed(message: string): Observation['pointer'] {
  return { type: 'Unusable', reason: 'InvalidSpec', message }
}

/**
 * Carries out one action. A refusal is an answer, to be reported; what may pass by itself, or what nothing waits for, is returned;
 * everything else is thrown.
 */
async function perform(
  release: ModelRelease,
  action: Action,
  { ports, acting }: ReconcileOptions,
): Promise<ActionResult | Error> {
  acting?.(release, action)
  try {
    return await carryOut(release, action, ports)
  } catch (error) {
    if (error instanceof ConflictError || error instanceof TransientError) return error
    if (!(error instanceof RefusedError)) throw error
    if (isAside(action.type)) return error
    return { type: 'Refused', action: action.type, reason: error.reason, message: error.message }
  }
}

async function carryOut(
  release: ModelRelease,
  action: Action,
  { cluster, pointerOf, claims, prober }: Ports,
): Promise<ActionResult> {
  switch (action.type) {
    case 'RunGates':
      return prober.runGates(action)
    case 'Verify':
      return prober.verify(action)
    case 'Invalidate':
      await pointerOf(release).invalidate?.(release, action)
      return { type: 'Invalidated', reference: action.reference }
    case 'CollectLogs':
      return { type: 'LogsCollected', logs: await cluster.logs(release, action) }
    case 'TakeClaim':
      await claims.take(release)
      break
    case 'MovePointer':
      await pointerOf(release).move(release, action)
      break
    case 'MoveFallback':
      await pointerOf(release).moveFallback?.(release, action)
      break
    default:
      await write(release, action, cluster)
  }
  return { type: 'Done', action: action.type, ...('differs' in action ? { mended: action.differs } : {}) }
}

type ClusterAction = Exclude<
  Action,
  {
    type: 'RunGates' | 'Verify' | 'Invalidate' | 'CollectLogs' | 'TakeClaim' | 'MovePointer' | 'MoveFallback'
  }
>

/** Every verb of the cluster that writes is the one of an action. */
const WRITES: {
  [T in ClusterAction['type']]: (
    cluster: Cluster,
    ...what: [ModelRelease, Extract<Action, { type: T }>]
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

function write(release: ModelRelease, action: ClusterAction, cluster: Cluster): Promise<void> {
  // The action is of its own type, which TypeScript does not follow through the table.
  return WRITES[action.type](cluster, release, action as never)
}

/** Writes the status if it says anything new, and gives the version of the release then; Events come after it, so that a lost write tells nothing twice. */
async function tell(
  release: ModelRelease,
  { status, events }: Pick<Plan, 'status' | 'events'>,
  cluster: Cluster,
): Promise<string | undefined> {
  const isNew = !isSameJson(status, release.status ?? {})
  const written = isNew ? await cluster.writeStatus(release, status) : undefined
  for (const happening of events) await cluster.record(release, happening)
  return written
}
