/** Which releases are looked at before the others. */
import type { Status } from '../../api/release.ts'
import { RULES } from '../plan.ts'

/**
 * Whether users depend on the next reconcile: the pointer is on its way, something goes back, or what serves was just kept
 * serving. Whoever only builds or proves a candidate waits for these.
 */
export function isUrgent({ rule, status }: { rule?: string; status: Status }): boolean {
  const { attempt, traffic } = status
  const isReturning = attempt?.direction === 'Back' && attempt.outcome === undefined
  const isKeeping = rule !== undefined && Object.hasOwn(RULES.keepServing, rule)
  return isReturning || isKeeping || traffic?.intent !== undefined
}
