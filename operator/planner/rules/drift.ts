/** Somebody else moved the pointer after a promotion: told, brought back, or left alone, as the spec says. */
import { distributionOf, type Attempt, type Distribution } from '../../api/release.ts'
import { without } from '../state/persisted-state.ts'
import { BLOCKED_RECHECK_MS } from '../model/timing.ts'
import { commandLine } from '../output/command-line.ts'
import { describeTargets } from '../model/pointer-view.ts'
import { proveAndMove } from './gates.ts'
import { holderOf, isDrifted, storedOf, unavailable, type Found, type Scene } from '../context.ts'
import { invalidating, settling } from './verify.ts'

/** So often it is brought back from the same place before it is left there: whoever does it again will do so for ever. */
const MOST_REPAIRS = 3
/** After so long in peace it is another matter. */
const PEACE_MS = 3_600_000

/** What to do about it; a Service pointer of ours is told. */
export function driftPolicyOf({ world }: Scene): NonNullable<Distribution['driftPolicy']> {
  return distributionOf(world.release.spec)?.driftPolicy ?? 'Warn'
}

/** Whether another controller brings the pointer to the same place again and again, and must be stopped by a person. */
export function isFight(scene: Scene): boolean {
  return driftPolicyOf(scene) === 'Repair' && repairsOf(scene) >= MOST_REPAIRS && !isDecided(scene)
}

/** A repair of what is seen now was decided: what is counted by its move is no reason to stop it. */
function isDecided({ memory: { intent }, world: { pointer } }: Scene): boolean {
  return pointer.type === 'Read' && intent?.token === pointer.token
}

/** How often it was brought back lately from where it is now. */
function repairsOf({ memory: { drift }, world: { now, pointer } }: Scene): number {
  if (!drift || pointer.type !== 'Read' || drift.pointer !== describeTargets(pointer)) return 0
  return now - Date.parse(drift.at) < PEACE_MS ? drift.repairs : 0
}

/** The pointer is brought back to what was promoted, proven like in any other switch. */
export function driftRepaired(scene: Scene): Found {
  const { attempt } = scene.memory
  if (attempt?.outcome !== 'Promoted') return undefined
  if (!isDrifted(scene)) return seenThrough(scene)
  if (driftPolicyOf(scene) !== 'Repair') return undefined
  return repaired(scene) ?? (isFight(scene) ? fought(scene) : repair(scene, attempt))
}

/**
 * Only a move that was made is counted. One that others kept from being made is decided anew, and they need not mean this
 * pointer: every key of a store has the same version.
 */
function repaired(scene: Scene): Found {
  const { memory, world } = scene
  if (world.did?.type !== 'Done' || world.did.step !== 'MovePointer') return undefined
  return { memory: { ...memory, drift: counted(scene) } }
}

function repair(scene: Scene, attempt: Attempt): Found {
  const goal = holderOf(scene, attempt.revision)
  const stored = storedOf(scene, attempt.revision)
  // What was promoted cannot take over, so whatever is there now is the better of the two.
  if (!goal || !stored || unavailable(scene.world.colors[goal])) return undefined
  const askLater = (): Found => ({ recheckMs: BLOCKED_RECHECK_MS })
  const asked = scene.world.did?.type === 'GatesRan'
  return proveAndMove(scene, {
    attempt,
    goal,
    stored,
    failed: () => (asked ? askLater() : undefined),
    unknown: () => (asked ? askLater() : undefined),
  })
}

function counted(scene: Scene): NonNullable<Scene['memory']['drift']> {
  const { now, pointer } = scene.world
  return {
    pointer: pointer.type === 'Read' ? describeTargets(pointer) : '',
    repairs: repairsOf(scene) + 1,
    at: new Date(now).toISOString(),
  }
}

function fought({ memory: { drift, attempt }, world }: Scene): Found {
  const message = `somebody else has brought the pointer to the same place ${drift?.repairs ?? MOST_REPAIRS} times (${drift?.pointer ?? ''}), and it was brought back as often: find the other controller (Terraform, CloudFormation, another operator) and have it ignore TargetOriginId, then give the command ${commandLine(world.release, 'retry', attempt)}`
  return { stalled: { reason: 'DriftFight', message }, recheckMs: BLOCKED_RECHECK_MS }
}

/** A repair that has arrived leaves no intent behind. */
function seenThrough(scene: Scene): Found {
  const { intent } = scene.memory
  if (!intent || intent.to !== scene.live) return undefined
  return settling(scene) ?? invalidating(scene) ?? { memory: without(scene.memory, 'intent') }
}
