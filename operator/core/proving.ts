/** Gates, intent, move: the same for both directions, so that a return is checked like a switch. */
import { SERVICE_PORT, type Color } from '../api/names.ts'
import { keyValueStoreOf, minReadyMsOf, type Attempt, type GateReport, type Intent } from '../api/release.ts'
import { claimTaken, pointerUnfit } from './blocked.ts'
import { referringVerify } from './credentials.ts'
import { unpinned } from './digest-pin.ts'
import { editText } from './edited.ts'
import { isBroken, isDecided, keyOf, without, type Memory } from './memory.ts'
import { originTarget } from './origin-proof.ts'
import { readyPods, steadyInMs, storedOf, type Found, type Scene } from './scene.ts'
import { expectationOf } from './verifying.ts'
import { nameOf, pointerId, type PointerView } from './pointer.ts'
import type { PodState, Step, StoredRevision, Target } from './world.ts'

/** A color on its way to the pointer. */
export interface Course {
  attempt: Attempt
  goal: Color
  /** What its pods were rendered from, with the gates to ask. */
  stored: StoredRevision
  /** What the gates are asked for, where they were passed before: in a canary. */
  gatesKey?: string
  /** Percent of the clients that are to go there; absent: all of them. */
  weight?: number
  /** What a wrong answer leads to; undefined means to ask again. */
  failed: (message: string) => Found
  /** What no answer leads to; undefined means to ask again. */
  unknown: (message: string) => Found
}

/** Proves the color, writes the intent, moves the pointer: one of them per pass. The caller has seen that the color is available. */
export function proveAndMove(scene: Scene, course: Course): Found {
  // Parts of the pointer that another release holds are not moved, in no direction.
  return (
    claimTaken(scene) ??
    edited(scene, course) ??
    unproven(scene, course) ??
    unpinned(scene, course) ??
    (course.attempt.direction === 'Forward' ? pointerUnfit(scene) : undefined) ??
    unsteady(scene, course) ??
    tooSoon(scene, course) ??
    intentMissing(scene, course) ??
    move(scene, course)
  )
}

/** Pods that became ready a moment ago may be about to fall. Back, what answers now is better than what is led away from. */
function unsteady(scene: Scene, { attempt, goal }: Course): Found {
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
function edited(scene: Scene, { attempt, failed, goal }: Course): Found {
  const text = goal === scene.live || isBroken(attempt) ? undefined : editText(scene, goal)
  return text === undefined ? undefined : failed(text)
}

/** Somebody wrote the pointer a moment ago, or the other side asked to be left alone. A return never waits. */
function tooSoon({ world: { now, pointer } }: Scene, { attempt, goal }: Course): Found {
  const waitMs = pointer.type === 'Read' ? (pointer.writableAt ?? now) - now : 0
  if (waitMs <= 0 || attempt.direction === 'Back') return undefined
  const message = `${goal} is proven; the pointer is moved to it as soon as the distribution may be written again`
  return { waiting: { reason: 'Switching', message }, recheckMs: waitMs }
}

function unproven(scene: Scene, course: Course): Found {
  const { goal } = course
  const { memory, world } = scene
  const report = memory.gates?.key === gatesKeyOf(course) ? memory.gates : undefined
  if (!report) return asking(scene, course, 'asking the gates')
  const text = gatesText(scene)
  const pods = readyPods(world.colors[goal])
  switch (report.result) {
    case 'Passed':
    case 'NotAsked':
      return wereAsked(course, pods, report) && isAboutThese(scene, course, report)
        ? undefined
        : asking(scene, course, text)
    case 'Failed':
      return course.failed(text) ?? asking(scene, course, text)
    case 'Unknown':
      return course.unknown(text) ?? asking(scene, course, text)
  }
}

/** All pods forward; back, one that is still ready is enough: more of the same revision come up all the while. */
function wereAsked({ attempt }: Course, pods: readonly PodState[], report: GateReport): boolean {
  const isAsked = ({ name }: PodState): boolean => report.pods.includes(name)
  return attempt.direction === 'Back' ? pods.some(isAsked) : pods.every(isAsked)
}

/** Forward, none of them has restarted since: its containers may answer otherwise now. */
function isAboutThese({ memory }: Scene, { attempt, goal }: Course, { fingerprint }: GateReport): boolean {
  return attempt.direction === 'Back' || fingerprint === memory.colors[goal]?.fingerprint
}

function gatesKeyOf({ attempt, gatesKey }: Course): string {
  return gatesKey ?? keyOf(attempt)
}

/** The gates at every pod that is ready, through the Service and through the origin. */
export function asking(scene: Scene, course: Course, message: string): Found {
  const reason = course.gatesKey === undefined ? 'Gating' : 'Canary'
  return { step: gatesStep(scene, course), waiting: { reason, message } }
}

function gatesStep(scene: Scene, course: Course): Extract<Step, { type: 'RunGates' }> {
  const { world } = scene
  const { attempt, goal, stored } = course
  const color = world.colors[goal]
  // A return is not held up by it: the color has served through its origin before.
  const origin =
    attempt.direction === 'Forward' ? originTarget(world.release.spec, world.pointer, goal) : undefined
  const pods = readyPods(color).map((pod) => targetOf(pod, stored.port))
  const afterMove = askedAfterMove(scene, course)
  return {
    type: 'RunGates',
    key: gatesKeyOf(course),
    gates: stored.gates,
    pods,
    service: {
      name: `Service ${goal}`,
      origin: `http://${host(color.service?.address ?? '')}:${SERVICE_PORT}`,
    },
    ...(origin ? { origin } : {}),
    ...(afterMove ? { afterMove } : {}),
    ...credentialsAfterMove(scene, course),
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
  { attempt, gatesKey, goal }: Course,
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
  { attempt }: Course,
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
function intentMissing({ memory, view, world }: Scene, { attempt, goal, weight }: Course): Found {
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

function move(scene: Scene, course: Course): Found {
  const { memory, world } = scene
  const { attempt, goal, stored } = course
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
      ...shareOf(scene, course),
    },
    waiting: movingTo(goal, course.weight),
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

function shareOf({ world: { pointer, release } }: Scene, { attempt, weight }: Course): Share {
  if (weight === undefined || pointer.type !== 'Read') return {}
  const clientHeader = keyValueStoreOf(release.spec)?.canaryClientHeader
  return {
    weight,
    live: pointer.targets[0]?.names ?? '',
    salt: attempt.id,
    ...(clientHeader === undefined ? {} : { clientHeader }),
  }
}
