/** How long each part of a release took, from what was seen of it. */

/** Epoch milliseconds of what happened; undefined where it did not. */
export type Timeline = {
  /** The spec or the command was applied. */
  applied: number
  /** The last pod of the candidate became ready; undefined where none was built, or none became ready. */
  available: number | undefined
  /** The pointer accepted the move. */
  accepted: number | undefined
  /** The last edge followed. */
  propagated: number | undefined
  /** The status told the outcome. */
  ended: number
}

/** The columns of the table, in their order. */
export const PHASES = ['build', 'prove', 'propagate', 'verify'] as const
export type PhaseName = (typeof PHASES)[number]

/**
 * `build` until the candidate is available, `prove` until the pointer accepted the move (or the candidate was refused),
 * `propagate` until every edge follows, `verify` until the outcome. In milliseconds; what did not happen is left out.
 */
export function phasesOf(timeline: Timeline): Partial<Record<PhaseName, number>> {
  const { applied, available, accepted, propagated, ended } = timeline
  if (available === undefined && accepted === undefined) return { build: ended - applied }
  return {
    ...(available === undefined ? {} : { build: available - applied }),
    prove: (accepted ?? ended) - (available ?? applied),
    ...(accepted !== undefined && propagated !== undefined
      ? { propagate: propagated - accepted, verify: ended - propagated }
      : {}),
  }
}
