import { oneLine, shorten } from './text.ts'
import type { Condition } from './release.ts'

/**
 * Condition types with the closed list of their reasons. `Reconciling` and `Stalled` are absent while they do not hold,
 * as kstatus wants, and so is `Warned`; the others always stand.
 */
export const REASONS = {
  Serving: [
    'LiveColorReady',
    'LiveColorSmall',
    'BothColorsReady',
    'NoReadyPods',
    'NothingLive',
    'AdoptedOrigin',
    'PointerUnknown',
  ],
  Ready: ['Promoted', 'Progressing', 'Drifted', 'Failed', 'Aborted', 'RolledBack', 'Stalled'],
  Reconciling: [
    'Starting',
    'Building',
    'CandidateNotAvailable',
    'MakingRoom',
    'Gating',
    'Canary',
    'Switching',
    'Propagating',
    'PropagatingSlowly',
    'Verifying',
    'RollingBack',
    'PointerUnreachable',
  ],
  Stalled: [
    'InternalError',
    'InvalidSpec',
    'AccessDenied',
    'NotAllowed',
    'BehaviorClaimed',
    'BehaviorNotFound',
    'DistributionNotFound',
    'DistributionDisabled',
    'OriginNotFound',
    'OriginRemapped',
    'PointerChanged',
    'PointerUnknown',
    'RoutedElsewhere',
    'ServiceNotOurs',
    'UnsafeUpdate',
    'StoreNotFound',
    'FunctionNotAssociated',
    'FunctionFails',
    'GateFailed',
    'CanaryFailed',
    'CandidateRefused',
    'ProgressDeadlineExceeded',
    'VerifyFailed',
    'BothColorsBroken',
    'Aborted',
    'Undone',
    'UnknownAttempt',
    'LiveColorLacksRoom',
    'LiveColorLeaving',
    'LiveColorFailed',
    'PointerMoved',
    'DeploymentEdited',
    'DriftFight',
  ],
  CandidateAvailable: ['AllPodsReady', 'PodsNotReady', 'NoCandidate'],
  GatesPassed: ['AllPassed', 'NoGates', 'GateFailed', 'NotAnswered', 'NotAsked'],
  TrafficSwitched: ['Verified', 'Propagating', 'PropagatingSlowly', 'Verifying', 'NotSwitched'],
  Drifted: ['PointerMoved', 'Repairing', 'AsPromoted'],
  Warned: [
    'LiveColorFailing',
    'StepFailing',
    'DrainsUnlimited',
    'FallbackBehind',
    'DeploymentEdited',
    'DeploymentExtended',
    'ConfigChanged',
    'FormerPointer',
    'RevisionNotStored',
    'DistributionRisky',
    'SpecRisky',
  ],
} as const

export type ConditionType = keyof typeof REASONS
export type ReasonOf<T extends ConditionType> = (typeof REASONS)[T][number]

/** One thing that is to be said; a status of its own per type keeps the reasons closed. */
export interface Statement<T extends ConditionType = ConditionType> {
  type: T
  status: 'True' | 'False' | 'Unknown'
  reason: ReasonOf<T>
  message: string
}

/** A longer message would crowd out the rest of the object; the logs have it whole. */
export const MESSAGE_LENGTH = 1024

/**
 * The conditions to write: what is said now, in a fixed order. The time of the last transition stays until the status
 * flips; a type about which nothing is said is gone.
 */
export function conditionsFrom(
  before: readonly Condition[],
  statements: readonly Statement[],
  { generation, now }: { generation: number; now: string },
): Condition[] {
  return statements.map(({ type, status, reason, message }) => {
    const known = before.find((condition) => condition.type === type)
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : now
    const short = shorten(oneLine(message), MESSAGE_LENGTH)
    return { type, status, reason, message: short, lastTransitionTime, observedGeneration: generation }
  })
}
