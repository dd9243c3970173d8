/** Somebody else moved the pointer after a promotion: told, brought back, or left alone, as the spec says. */
import { distributionOf, type Attempt, type Distribution } from '../../api/release.ts'
import { without } from '../state/persisted-state.ts'
import { BLOCKED_RECHECK_MS } from '../model/timing.ts'
import { commandLine } from '../output/command-line.ts'
import { describeTargets } from '../model/pointer-view.ts'
import { proveAndMove } from './gates.ts'
import { colorRunning, isDrifted, storedOf, type Decision, type PlanContext } from '../context.ts'
import { unavailable } from '../model/color.ts'
import { invalidating, propagating } from './verify.ts'

/** So often it is brought back from the same place before it is left there: whoever does it again will do so for ever. */
const MOST_REPAIRS = 3
/** After so long in peace it is another matter. */
const PEACE_MS = 3_600_000

/** What to do about it; a Service pointer of ours is told. */
export function driftPolicyOf({ observation }: PlanContext): NonNullable<Distribution['driftPolicy']> {
  return distributionOf(observation.release.spec)?.driftPolicy ?? 'Warn'
}

/** Whether another controller brings the pointer to the same place again and again, and must be stopped by a person. */
export function isFight(context: PlanContext): boolean {
  return driftPolicyOf(context) === 'Repair' && repairsOf(context) >= MOST_REPAIRS && !isDecided(context)
}

/** A repair of what is seen now was decided: what is counted by its move is no reason to stop it. */
function isDecided({ state: { intent }, observation: { pointer } }: PlanContext): boolean {
  return pointer.type === 'Read' && intent?.token === pointer.token
}

/** How often it was brought back lately from where it is now. */
function repairsOf({ state: { drift }, observation: { now, pointer } }: PlanContext): number {
  if (!drift || pointer.type !== 'Read' || drift.pointer !== describeTargets(pointer)) return 0
  return now - Date.parse(drift.at) < PEACE_MS ? drift.repairs : 0
}

/** The pointer is brought back to what was promoted, proven like in any other switch. */
export function driftRepaired(context: PlanContext): Decision {
  const { attempt } = context.state
  if (attempt?.outcome !== 'Promoted') return undefined
  if (!isDrifted(context)) return seenThrough(context)
  if (driftPolicyOf(context) !== 'Repair') return undefined
  return repaired(context) ?? (isFight(context) ? fought(context) : repair(context, attempt))
}

/**
 * Only a move that was made is counted. One that others kept from being made is decided anew, and they need not mean this
 * pointer: every key of a store has the same version.
 */
function repaired(context: PlanContext): Decision {
  const { state, observation } = context
  if (observation.result?.type !== 'Done' || observation.result.action !== 'MovePointer') return undefined
  return { state: { ...state, drift: counted(context) } }
}

function repair(context: PlanContext, attempt: Attempt): Decision {
  const goal = colorRunning(context, attempt.revision)
  const stored = storedOf(context, attempt.revision)
  // What was promoted cannot take over, so whatever is there now is the better of the two.
  if (!goal || !stored || unavailable(context.observation.colors[goal])) return undefined
  const askLater = (): Decision => ({ requeueAfterMs: BLOCKED_RECHECK_MS })
  const asked = context.observation.result?.type === 'GatesRan'
  return proveAndMove(context, {
    attempt,
    goal,
    stored,
    failed: () => (asked ? askLater() : undefined),
    unknown: () => (asked ? askLater() : undefined),
  })
}

function counted(context: PlanContext): NonNullable<PlanContext['state']['drift']> {
  const { now, pointer } = context.observation
  return {
    pointer: pointer.type === 'Read' ? describeTargets(pointer) : '',
    repairs: repairsOf(context) + 1,
    at: new Date(now).toISOString(),
  }
}

function fought({ state: { drift, attempt }, observation }: PlanContext): Decision {
  const message = `somebody else has brought the pointer to the same place ${drift?.repairs ?? MOST_REPAIRS} times (${drift?.pointer ?? ''}), and it was brought back as often: find the other controller (Terraform, CloudFormation, another operator) and have it ignore TargetOriginId, then give the command ${commandLine(observation.release, 'retry', attempt)}`
  return { stalled: { reason: 'DriftFight', message }, requeueAfterMs: BLOCKED_RECHECK_MS }
}

/** A repair that has arrived leaves no intent behind. */
function seenThrough(context: PlanContext): Decision {
  const { intent } = context.state
  if (!intent || intent.to !== context.live) return undefined
  return propagating(context) ?? invalidating(context) ?? { state: without(context.state, 'intent') }
}
