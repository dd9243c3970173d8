/** Rules that stop every advance until the world or a person changes something. */
import { COLORS } from '../../api/names.ts'
import { distributionField } from '../../api/release.ts'
import { refusalsOf } from '../checks/distribution.ts'
import { foreignSelectorText } from './edited-children.ts'
import { problemsOf } from '../checks/spec.ts'
import { BLOCKED_RECHECK_MS, SETTLE_POLL_MS } from '../model/timing.ts'
import { isRemapped, missingOrigins, nameOf } from '../model/pointer-view.ts'
import type { Found, Scene } from '../context.ts'
import { originName } from '../model/observation.ts'

export function refusedByTheWorld({ world }: Scene): Found {
  // What serves where a key cannot be read stands in nobody's way: it is told, and kept.
  if (world.did?.type !== 'Refused' || world.did.step === 'MoveFallback') return undefined
  const { reason, message } = world.did
  return { stalled: { reason, message }, recheckMs: BLOCKED_RECHECK_MS }
}

export function specInvalid({ world }: Scene): Found {
  const problems = problemsOf(world.release.spec)
  return problems.length > 0
    ? { stalled: { reason: 'InvalidSpec', message: problems.join('; ') } }
    : undefined
}

export function pointerUnreadable({ world: { pointer } }: Scene): Found {
  if (pointer.type === 'Unusable')
    return { stalled: { reason: pointer.reason, message: pointer.message }, recheckMs: BLOCKED_RECHECK_MS }
  if (pointer.type === 'Unreachable')
    return { waiting: { reason: 'PointerUnreachable', message: pointer.message }, recheckMs: SETTLE_POLL_MS }
  // How things were is known, which is enough to tell and too little to decide anything.
  return pointer.type === 'Read' && pointer.outdated ? unseen(pointer.outdated) : undefined
}

function unseen({ reason, message }: { reason: string; message: string }): Found {
  if (reason !== 'PointerUnreachable') return { stalled: { reason, message }, recheckMs: BLOCKED_RECHECK_MS }
  return { waiting: { reason, message }, recheckMs: SETTLE_POLL_MS }
}

/** A key that no function is seen to read: nothing is built for it and nobody brought forward by it. */
export function pointerUnfit({ world: { pointer } }: Scene): Found {
  return pointer.type === 'Read' && pointer.unfit ? unseen(pointer.unfit) : undefined
}

export function originMissing({ world }: Scene): Found {
  const message = missingOrigins(world.release.spec, world.pointer)
  return message
    ? { stalled: { reason: 'OriginNotFound', message }, recheckMs: BLOCKED_RECHECK_MS }
    : undefined
}

/** What the distribution is like would surely make the release fail. */
export function distributionUnfit({ world: { pointer, release } }: Scene): Found {
  const facts = pointer.type === 'Read' ? pointer.distribution : undefined
  const problems = facts ? refusalsOf(release.spec, facts) : []
  if (problems.length === 0) return undefined
  return { stalled: { reason: 'InvalidSpec', message: problems.join('; ') }, recheckMs: BLOCKED_RECHECK_MS }
}

/** The pointer's name for a color is for life: edits that would make the live origin mean the other color are refused. */
export function originRemapped({ world }: Scene): Found {
  const { spec } = world.release
  const changed = COLORS.filter((color) => isRemapped(spec, color, world.colors[color]))
  if (changed.length === 0) return undefined
  const fields = changed.map(
    (color) =>
      `${distributionField(spec)}.origins.${color} is "${originName(spec, color)}" but ${color} has been "${nameOf(spec, color, world.colors)}"`,
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
export function claimUnfit(scene: Scene): Found {
  const { memory, world } = scene
  const wasPromoted = memory.history.some(({ outcome }) => outcome === 'Promoted')
  if (world.claim.type !== 'Free' || wasPromoted) return undefined
  return pointerSplit(scene) ?? pointerUnfit(scene)
}

export function claimTaken({ world: { claim } }: Scene): Found {
  if (claim.type === 'Free') return { step: { type: 'TakeClaim' } }
  if (claim.type === 'Held') return undefined
  const message = `${claim.part} belongs to the release ${claim.by}: name another, or have that release name another pointer first`
  return { stalled: { reason: 'BehaviorClaimed', message }, recheckMs: BLOCKED_RECHECK_MS }
}

export function pointerSplit(scene: Scene): Found {
  const { view } = scene
  if (view.type !== 'Split') return undefined
  const message =
    foreignSelectorText(scene) ??
    `${view.message}, and only the two origins of the spec are known: point every behavior at one of them`
  return { stalled: { reason: 'PointerUnknown', message }, recheckMs: BLOCKED_RECHECK_MS }
}
