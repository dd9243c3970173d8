/** Rules that stop every advance until the world or a person changes something. */
import { COLORS } from '../../api/names.ts'
import { distributionField } from '../../api/release.ts'
import { refusalsOf } from '../checks/distribution.ts'
import { foreignSelectorText } from './edited-children.ts'
import { problemsOf } from '../checks/spec.ts'
import { BLOCKED_RECHECK_MS, PROPAGATION_POLL_MS } from '../model/timing.ts'
import { isRemapped, missingOrigins, nameOf } from '../model/pointer-view.ts'
import type { Decision, PlanContext } from '../context.ts'
import { originName } from '../model/observation.ts'

export function refusedByTheWorld({ observation }: PlanContext): Decision {
  // What serves where a key cannot be read stands in nobody's way: it is told, and kept.
  if (observation.result?.type !== 'Refused' || observation.result.action === 'MoveFallback') return undefined
  const { reason, message } = observation.result
  return { stalled: { reason, message }, requeueAfterMs: BLOCKED_RECHECK_MS }
}

export function specInvalid({ observation }: PlanContext): Decision {
  const problems = problemsOf(observation.release.spec)
  return problems.length > 0
    ? { stalled: { reason: 'InvalidSpec', message: problems.join('; ') } }
    : undefined
}

export function pointerUnreadable({ observation: { pointer } }: PlanContext): Decision {
  if (pointer.type === 'Unusable')
    return {
      stalled: { reason: pointer.reason, message: pointer.message },
      requeueAfterMs: BLOCKED_RECHECK_MS,
    }
  if (pointer.type === 'Unreachable')
    return {
      waiting: { reason: 'PointerUnreachable', message: pointer.message },
      requeueAfterMs: PROPAGATION_POLL_MS,
    }
  // How things were is known, which is enough to tell and too little to decide anything.
  return pointer.type === 'Read' && pointer.outdated ? unseen(pointer.outdated) : undefined
}

function unseen({ reason, message }: { reason: string; message: string }): Decision {
  if (reason !== 'PointerUnreachable')
    return { stalled: { reason, message }, requeueAfterMs: BLOCKED_RECHECK_MS }
  return { waiting: { reason, message }, requeueAfterMs: PROPAGATION_POLL_MS }
}

/** A key that no function is seen to read: nothing is built for it and nobody brought forward by it. */
export function pointerUnfit({ observation: { pointer } }: PlanContext): Decision {
  return pointer.type === 'Read' && pointer.unfit ? unseen(pointer.unfit) : undefined
}

export function originMissing({ observation }: PlanContext): Decision {
  const message = missingOrigins(observation.release.spec, observation.pointer)
  return message
    ? { stalled: { reason: 'OriginNotFound', message }, requeueAfterMs: BLOCKED_RECHECK_MS }
    : undefined
}

/** What the distribution is like would surely make the release fail. */
export function distributionUnfit({ observation: { pointer, release } }: PlanContext): Decision {
  const facts = pointer.type === 'Read' ? pointer.distribution : undefined
  const problems = facts ? refusalsOf(release.spec, facts) : []
  if (problems.length === 0) return undefined
  return {
    stalled: { reason: 'InvalidSpec', message: problems.join('; ') },
    requeueAfterMs: BLOCKED_RECHECK_MS,
  }
}

/** The pointer's name for a color is for life: edits that would make the live origin mean the other color are refused. */
export function originRemapped({ observation }: PlanContext): Decision {
  const { spec } = observation.release
  const changed = COLORS.filter((color) => isRemapped(spec, color, observation.colors[color]))
  if (changed.length === 0) return undefined
  const fields = changed.map(
    (color) =>
      `${distributionField(spec)}.origins.${color} is "${originName(spec, color)}" but ${color} has been "${nameOf(spec, color, observation.colors)}"`,
  )
  return {
    stalled: {
      reason: 'OriginRemapped',
      message: `${fields.join(' and ')}: put the origins back; they never change while a color may serve`,
    },
  }
}

/**
 * Nobody gets a claim for what he could not use: a pointer that leads to somebody else, or that nothing follows. A release
 * that was promoted here once has it back in any case, since all that it has to repair comes after.
 */
export function claimUnfit(context: PlanContext): Decision {
  const { state, observation } = context
  const wasPromoted = state.history.some(({ outcome }) => outcome === 'Promoted')
  if (observation.claim.type !== 'Free' || wasPromoted) return undefined
  return pointerSplit(context) ?? pointerUnfit(context)
}

export function claimTaken({ observation: { claim } }: PlanContext): Decision {
  if (claim.type === 'Free') return { action: { type: 'TakeClaim' } }
  if (claim.type === 'Held') return undefined
  const message = `${claim.part} belongs to the release ${claim.by}: name another, or have that release name another pointer first`
  return { stalled: { reason: 'BehaviorClaimed', message }, requeueAfterMs: BLOCKED_RECHECK_MS }
}

export function pointerSplit(context: PlanContext): Decision {
  const { view } = context
  if (view.type !== 'Split') return undefined
  const message =
    foreignSelectorText(context) ??
    `${view.message}, and only the two origins of the spec are known: point every behavior at one of them`
  return { stalled: { reason: 'PointerUnknown', message }, requeueAfterMs: BLOCKED_RECHECK_MS }
}
