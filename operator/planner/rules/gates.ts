/** Gates, intent, move: the same for both directions, so that a return is checked like a switch. */
import { SERVICE_PORT } from '../../api/names.ts'
import { keyValueStoreOf, minReadyMsOf, type GateReport, type Intent } from '../../api/release.ts'
import { claimTaken, pointerUnfit } from './blocked.ts'
import { referringVerify } from '../checks/credentials.ts'
import { unpinned } from './digest-pin.ts'
import type { MovePlan } from './move-plan.ts'
import { editText } from './edited-children.ts'
import { isBroken, isDecided, keyOf, without, type Memory } from '../state/persisted-state.ts'
import { originTarget } from '../checks/origin.ts'
import { readyPods, steadyInMs, storedOf, type Found, type Scene } from '../context.ts'
import { expectationOf } from './verify.ts'
import { nameOf, pointerId, type PointerView } from '../model/pointer-view.ts'
import type { PodState, Step, Target } from '../model/observation.ts'

/** Proves the color, writes the intent, moves the pointer: one of them per pass. The caller has seen that the color is available. */
export function proveAndMove(scene: Scene, plan: MovePlan): Found {
  // Parts of the pointer that another release holds are not moved, in no direction.
  return (
    claimTaken(scene) ??
    edited(scene, plan) ??
    unproven(scene, plan) ??
    unpinned(scene, plan) ??
    (plan.attempt.direction === 'Forward' ? pointerUnfit(scene) : undefined) ??
    unsteady(scene, plan) ??
    tooSoon(scene, plan) ??
    intentMissing(scene, plan) ??
    move(scene, plan)
  )
}

/** Pods that became ready a moment ago may be about to fall. Back, what answers now is better than what is led away from. */
function unsteady(scene: Scene, { attempt, goal }: MovePlan): Found {
  const waitMs = attempt.direction === 'Back' ? 0 : steadyInMs(scene, goal)
  if (waitMs <= 0) return undefined
  const seconds = minReadyMsOf(scene.world.release.spec) / 1000
  const message = `${goal} is proven; the pointer is moved to it when all of its containers have been up and ready for spec.minReadySeconds (${seconds} s) without a restart`
  return { waiting: { reason: 'Switching', message }, recheckMs: waitMs }
}

/**
 * Pods that somebody edited are not those of the revision, so nobody is brought to them under its name. Where what is left is
 * known to be wrong they are what users had before, and are asked the gates.
 */
function edited(scene: Scene, { attempt, failed, goal }: MovePlan): Found {
  const text = goal === scene.live || isBroken(attempt) ? undefined : editText(scene, goal)
  return text === undefined ? undefined : failed(text)
}

/** Somebody wrote the pointer a moment ago, or the other side asked to be left alone. A return never waits. */
function tooSoon({ world: { now, pointer } }: Scene, { attempt, goal }: MovePlan): Found {
  const waitMs = pointer.type === 'Read' ? (pointer.writableAt ?? now) - now : 0
  if (waitMs <= 0 || attempt.direction === 'Back') return undefined
  const message = `${goal} is proven; the pointer is moved to it as soon as the distribution may be written again`
  return { waiting: { reason: 'Switching', message }, recheckMs: waitMs }
}

function unproven(scene: Scene, plan: MovePlan): Found {
  const { goal } = plan
  const { memory, world } = scene
  const report = memory.gates?.key === gatesKeyOf(plan) ? memory.gates : undefined
  if (!report) return asking(scene, plan, 'asking the gates')
  const text = gatesText(scene)
  const pods = readyPods(world.colors[goal])
  switch (report.result) {
    case 'Passed':
    case 'NotAsked':
      return wereAsked(plan, pods, report) && isAboutThese(scene, plan, report)
        ? undefined
        : asking(scene, plan, text)
    case 'Failed':
      return plan.failed(text) ?? asking(scene, plan, text)
    case 'Unknown':
      return plan.unknown(text) ?? asking(scene, plan, text)
  }
}

/** All pods forward; back, one that is still ready is enough: more of the same revision come up all the while. */
function wereAsked({ attempt }: MovePlan, pods: readonly PodState[], report: GateReport): boolean {
  const isAsked = ({ name }: PodState): boolean => report.pods.includes(name)
  return attempt.direction === 'Back' ? pods.some(isAsked) : pods.every(isAsked)
}

/** Forward, none of them has restarted since: its containers may answer otherwise now. */
function isAboutThese({ memory }: Scene, { attempt, goal }: MovePlan, { fingerprint }: GateReport): boolean {
  return attempt.direction === 'Back' || fingerprint === memory.colors[goal]?.fingerprint
}

function gatesKeyOf({ attempt, gatesKey }: MovePlan): string {
  return gatesKey ?? keyOf(attempt)
}

/** The gates at every pod that is ready, through the Service and through the origin. */
export function asking(scene: Scene, plan: MovePlan, message: string): Found {
  const reason = plan.gatesKey === undefined ? 'Gating' : 'Canary'
  return { step: gatesStep(scene, plan), waiting: { reason, message } }
}

function gatesStep(scene: Scene, plan: MovePlan): Extract<Step, { type: 'RunGates' }> {
  const { world } = scene
  const { attempt, goal, stored } = plan
  const color = world.colors[goal]
  // A return is not held up by it: the color has served through its origin before.
  const origin =
    attempt.direction === 'Forward' ? originTarget(world.release.spec, world.pointer, goal) : undefined
  const pods = readyPods(color).map((pod) => targetOf(pod, stored.port))
  const afterMove = askedAfterMove(scene, plan)
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
    ...credentialsAfterMove(scene, plan),
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
  scene: Scene,
  { attempt, gatesKey, goal }: MovePlan,
): Extract<Step, { type: 'RunGates' }>['afterMove'] {
  const { live, world } = scene
  if (!live || live === goal || attempt.direction === 'Back' || gatesKey !== undefined) return undefined
  const gate = expectationOf(world.release.spec)
  const [pod] = readyPods(world.colors[live])
  const port = storedOf(scene, world.colors[live].workload?.revision)?.port
  return gate && pod && port !== undefined ? { gate, live: targetOf(pod, port) } : undefined
}

function credentialsAfterMove(
  { world }: Scene,
  { attempt }: MovePlan,
): Pick<Extract<Step, { type: 'RunGates' }>, 'credentialsAfterMove'> {
  const headers = attempt.direction === 'Forward' ? referringVerify(world.release.spec) : undefined
  return headers ? { credentialsAfterMove: headers } : {}
}

/** IPv6 addresses need brackets in a URL. */
function host(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** What the gates that did not pass found, for messages. */
export function gatesText({ memory }: Scene): string {
  const open = (memory.gates?.results ?? []).filter((one) => one.result !== 'Passed')
  return open
    .map((one) => `gate ${one.name} at ${one.target ?? 'the candidate'}: ${one.message ?? one.result}`)
    .join('; ')
}

/** The intent stands in the status before the move, made on the very observation that the move is guarded by. */
function intentMissing({ memory, view, world }: Scene, { attempt, goal, weight }: MovePlan): Found {
  const token = world.pointer.type === 'Read' ? world.pointer.token : 'absent'
  const key = keyOf(attempt)
  const { intent } = memory
  const share = weight === undefined ? {} : { weight, pointer: pointerId(world.release.spec) }
  const decided: Intent = { to: goal, token, attempt: key, ...share }
  if (isDecided(intent, decided)) return undefined
  // From here on it may serve at any moment.
  return {
    memory: {
      ...withUndoTarget(memory, view),
      attempt: without(attempt, 'builds'),
      intent: decided,
    },
  }
}

/** What the pointer names before a move is what an undo goes back to: an adopted origin, or else the color that stays warm. */
function withUndoTarget(memory: Memory, view: PointerView): Memory {
  if (view.type === 'Adopted') return { ...memory, adopted: view.origin }
  // A key that did not exist before the first release is gone back to by deleting it; one that was deleted later is not.
  const isFirst = !memory.history.some(({ outcome }) => outcome === 'Promoted')
  if (view.type === 'Nothing' && 'settled' in view && isFirst) return { ...memory, adopted: '' }
  return view.type === 'Names' ? without(memory, 'adopted') : memory
}

function move(scene: Scene, plan: MovePlan): Found {
  const { memory, world } = scene
  const { attempt, goal, stored } = plan
  if (!memory.intent) return undefined
  const { token } = memory.intent
  return {
    step: {
      type: 'MovePointer',
      to: goal,
      names: nameOf(world.release.spec, goal, world.colors),
      token,
      targetPort: stored.port,
      direction: attempt.direction,
      ...shareOf(scene, plan),
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

type Share = Pick<Extract<Step, { type: 'MovePointer' }>, 'weight' | 'live' | 'salt' | 'clientHeader'>

function shareOf({ world: { pointer, release } }: Scene, { attempt, weight }: MovePlan): Share {
  if (weight === undefined || pointer.type !== 'Read') return {}
  const clientHeader = keyValueStoreOf(release.spec)?.canaryClientHeader
  return {
    weight,
    live: pointer.targets[0]?.names ?? '',
    salt: attempt.id,
    ...(clientHeader === undefined ? {} : { clientHeader }),
  }
}
