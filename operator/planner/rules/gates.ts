/** Gates, intent, move: the same for both directions, so that a return is checked like a switch. */
import { SERVICE_PORT } from '../../api/names.ts'
import { keyValueStoreOf, minReadyMsOf, type GateReport, type Intent } from '../../api/release.ts'
import { claimTaken, pointerUnfit } from './blocked.ts'
import { referringVerify } from '../checks/credentials.ts'
import { unpinned } from './digest-pin.ts'
import type { MovePlan } from './move-plan.ts'
import { editText } from './edited-children.ts'
import { isBroken, isDecided, keyOf, without, type PersistedState } from '../state/persisted-state.ts'
import { originTarget } from '../checks/origin.ts'
import { steadyInMs, storedOf, type Decision, type PlanContext } from '../context.ts'
import { readyPods } from '../model/color.ts'
import { expectationOf } from './verify.ts'
import { nameOf, pointerId, type PointerView } from '../model/pointer-view.ts'
import type { PodState, Action, Target } from '../model/observation.ts'

/** Proves the color, writes the intent, moves the pointer: one of them per reconcile. The caller has seen that the color is available. */
export function proveAndMove(context: PlanContext, plan: MovePlan): Decision {
  // Parts of the pointer that another release holds are not moved, in no direction.
  return (
    claimTaken(context) ??
    edited(context, plan) ??
    unproven(context, plan) ??
    unpinned(context, plan) ??
    (plan.attempt.direction === 'Forward' ? pointerUnfit(context) : undefined) ??
    unsteady(context, plan) ??
    tooSoon(context, plan) ??
    intentMissing(context, plan) ??
    move(context, plan)
  )
}

/** Pods that became ready a moment ago may be about to fall. Back, what answers now is better than what is led away from. */
function unsteady(context: PlanContext, { attempt, goal }: MovePlan): Decision {
  const waitMs = attempt.direction === 'Back' ? 0 : steadyInMs(context, goal)
  if (waitMs <= 0) return undefined
  const seconds = minReadyMsOf(context.observation.release.spec) / 1000
  const message = `${goal} is proven; the pointer is moved to it when all of its containers have been up and ready for spec.minReadySeconds (${seconds} s) without a restart`
  return { waiting: { reason: 'Switching', message }, requeueAfterMs: waitMs }
}

/**
 * Pods that somebody edited are not those of the revision, so nobody is brought to them under its name. Where what is left is
 * known to be wrong they are what users had before, and are asked the gates.
 */
function edited(context: PlanContext, { attempt, failed, goal }: MovePlan): Decision {
  const text = goal === context.live || isBroken(attempt) ? undefined : editText(context, goal)
  return text === undefined ? undefined : failed(text)
}

/** Somebody wrote the pointer a moment ago, or the other side asked to be left alone. A return never waits. */
function tooSoon({ observation: { now, pointer } }: PlanContext, { attempt, goal }: MovePlan): Decision {
  const waitMs = pointer.type === 'Read' ? (pointer.writableAt ?? now) - now : 0
  if (waitMs <= 0 || attempt.direction === 'Back') return undefined
  const message = `${goal} is proven; the pointer is moved to it as soon as the distribution may be written again`
  return { waiting: { reason: 'Switching', message }, requeueAfterMs: waitMs }
}

function unproven(context: PlanContext, plan: MovePlan): Decision {
  const { goal } = plan
  const { state, observation } = context
  const report = state.gates?.key === gatesKeyOf(plan) ? state.gates : undefined
  if (!report) return asking(context, plan, 'asking the gates')
  const text = gatesText(context)
  const pods = readyPods(observation.colors[goal])
  switch (report.result) {
    case 'Passed':
    case 'NotAsked':
      return wereAsked(plan, pods, report) && isAboutThese(context, plan, report)
        ? undefined
        : asking(context, plan, text)
    case 'Failed':
      return plan.failed(text) ?? asking(context, plan, text)
    case 'Unknown':
      return plan.unknown(text) ?? asking(context, plan, text)
  }
}

/** All pods forward; back, one that is still ready is enough: more of the same revision come up all the while. */
function wereAsked({ attempt }: MovePlan, pods: readonly PodState[], report: GateReport): boolean {
  const isAsked = ({ name }: PodState): boolean => report.pods.includes(name)
  return attempt.direction === 'Back' ? pods.some(isAsked) : pods.every(isAsked)
}

/** Forward, none of them has restarted since: its containers may answer otherwise now. */
function isAboutThese(
  { state }: PlanContext,
  { attempt, goal }: MovePlan,
  { fingerprint }: GateReport,
): boolean {
  return attempt.direction === 'Back' || fingerprint === state.colors[goal]?.fingerprint
}

function gatesKeyOf({ attempt, gatesKey }: MovePlan): string {
  return gatesKey ?? keyOf(attempt)
}

/** The gates at every pod that is ready, through the Service and through the origin. */
export function asking(context: PlanContext, plan: MovePlan, message: string): Decision {
  const reason = plan.gatesKey === undefined ? 'Gating' : 'Canary'
  return { action: gatesStep(context, plan), waiting: { reason, message } }
}

function gatesStep(context: PlanContext, plan: MovePlan): Extract<Action, { type: 'RunGates' }> {
  const { observation } = context
  const { attempt, goal, stored } = plan
  const color = observation.colors[goal]
  // A return is not held up by it: the color has served through its origin before.
  const origin =
    attempt.direction === 'Forward'
      ? originTarget(observation.release.spec, observation.pointer, goal)
      : undefined
  const pods = readyPods(color).map((pod) => targetOf(pod, stored.port))
  const afterMove = askedAfterMove(context, plan)
  return {
    type: 'RunGates',
    key: gatesKeyOf(plan),
    gates: stored.gates,
    pods,
    service: {
      name: `Service ${goal}`,
      origin: `http://${host(color.service?.address ?? '')}:${SERVICE_PORT}`,
    },
    ...(origin ? { origin } : {}),
    ...(afterMove ? { afterMove } : {}),
    ...credentialsAfterMove(context, plan),
    ...(attempt.direction === 'Back' ? { direction: attempt.direction } : {}),
    ...(stored.identity === 'Headers' ? { expectRevision: stored.revision } : {}),
    ...(color.workload?.pin && attempt.direction === 'Forward' ? { digest: 'Asked' as const } : {}),
  }
}

function targetOf({ name, ip }: PodState, port: number): Target {
  return { name, origin: `http://${host(ip ?? '')}:${port}` }
}

/** Only beside a live pod that can be asked the same, which tells whether the pods see the paths that users ask for. */
function askedAfterMove(
  context: PlanContext,
  { attempt, gatesKey, goal }: MovePlan,
): Extract<Action, { type: 'RunGates' }>['afterMove'] {
  const { live, observation } = context
  if (!live || live === goal || attempt.direction === 'Back' || gatesKey !== undefined) return undefined
  const gate = expectationOf(observation.release.spec)
  const [pod] = readyPods(observation.colors[live])
  const port = storedOf(context, observation.colors[live].workload?.revision)?.port
  return gate && pod && port !== undefined ? { gate, live: targetOf(pod, port) } : undefined
}

function credentialsAfterMove(
  { observation }: PlanContext,
  { attempt }: MovePlan,
): Pick<Extract<Action, { type: 'RunGates' }>, 'credentialsAfterMove'> {
  const headers = attempt.direction === 'Forward' ? referringVerify(observation.release.spec) : undefined
  return headers ? { credentialsAfterMove: headers } : {}
}

/** IPv6 addresses need brackets in a URL. */
function host(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** What the gates that did not pass found, for messages. */
export function gatesText({ state }: PlanContext): string {
  const open = (state.gates?.results ?? []).filter((one) => one.result !== 'Passed')
  return open
    .map((one) => `gate ${one.name} at ${one.target ?? 'the candidate'}: ${one.message ?? one.result}`)
    .join('; ')
}

/** The intent stands in the status before the move, made on the very observation that the move is guarded by. */
function intentMissing(
  { state, view, observation }: PlanContext,
  { attempt, goal, weight }: MovePlan,
): Decision {
  const token = observation.pointer.type === 'Read' ? observation.pointer.token : 'absent'
  const key = keyOf(attempt)
  const { intent } = state
  const share = weight === undefined ? {} : { weight, pointer: pointerId(observation.release.spec) }
  const decided: Intent = { to: goal, token, attempt: key, ...share }
  if (isDecided(intent, decided)) return undefined
  // From here on it may serve at any moment.
  return {
    state: {
      ...withUndoTarget(state, view),
      attempt: without(attempt, 'builds'),
      intent: decided,
    },
  }
}

/** What the pointer names before a move is what an undo goes back to: an adopted origin, or else the color that stays warm. */
function withUndoTarget(state: PersistedState, view: PointerView): PersistedState {
  if (view.type === 'Adopted') return { ...state, adopted: view.origin }
  // A key that did not exist before the first release is gone back to by deleting it; one that was deleted later is not.
  const isFirst = !state.history.some(({ outcome }) => outcome === 'Promoted')
  if (view.type === 'Nothing' && 'propagated' in view && isFirst) return { ...state, adopted: '' }
  return view.type === 'Names' ? without(state, 'adopted') : state
}

function move(context: PlanContext, plan: MovePlan): Decision {
  const { state, observation } = context
  const { attempt, goal, stored } = plan
  if (!state.intent) return undefined
  const { token } = state.intent
  return {
    action: {
      type: 'MovePointer',
      to: goal,
      names: nameOf(observation.release.spec, goal, observation.colors),
      token,
      targetPort: stored.port,
      direction: attempt.direction,
      ...shareOf(context, plan),
    },
    waiting: movingTo(goal, plan.weight),
  }
}

/** What is said of a move that was decided. */
export function movingTo(
  goal: string,
  weight: number | undefined,
): { reason: 'Canary' | 'Switching'; message: string } {
  if (weight === undefined) return { reason: 'Switching', message: `moving the pointer to ${goal}` }
  return { reason: 'Canary', message: `sending ${weight} % of the clients to ${goal}` }
}

type Share = Pick<Extract<Action, { type: 'MovePointer' }>, 'weight' | 'live' | 'salt' | 'clientHeader'>

function shareOf({ observation: { pointer, release } }: PlanContext, { attempt, weight }: MovePlan): Share {
  if (weight === undefined || pointer.type !== 'Read') return {}
  const clientHeader = keyValueStoreOf(release.spec)?.canaryClientHeader
  return {
    weight,
    live: pointer.targets[0]?.names ?? '',
    salt: attempt.id,
    ...(clientHeader === undefined ? {} : { clientHeader }),
  }
}
