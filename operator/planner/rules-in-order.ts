/** Rules that bring the candidate forward, or the pointer back. They run only when nothing that serves needs care. */
import { specChanged } from './rules/spec-change.ts'
import { rollingBack, liveFailed, liveLeaving } from './rules/rollback.ts'
import {
  claimTaken,
  claimUnfit,
  distributionUnfit,
  originMissing,
  originRemapped,
  pointerSplit,
  pointerUnfit,
  pointerUnreadable,
  specInvalid,
} from './rules/blocked.ts'
import { canaryBlocked, canaryFailed, canarying, canaryWithdrawn } from './rules/canary.ts'
import { commandGiven } from './rules/commands.ts'
import { fallbackBehind } from './rules/fallback.ts'
import {
  alreadyLive,
  building,
  checkedFirst,
  colorTaken,
  pointerMustPropagate,
  switching,
} from './rules/build-and-switch.ts'
import { driftRepaired } from './rules/drift.ts'
import {
  failedCandidate,
  provenAgain,
  retiring,
  revisionForgotten,
  supersededCandidate,
} from './rules/cleanup.ts'
import { lastWordsFirst } from './rules/last-logs.ts'
import { candidateRefused } from './rules/hopeless-candidate.ts'
import { candidateGivesWay } from './rules/capacity.ts'
import { firstHit, type NamedDecision, type PlanContext } from './context.ts'
import { liveUnstored } from './rules/revisions.ts'

/** In the order in which they are asked. */
export const ADVANCE = {
  specChanged,
  commandGiven,
  pointerUnreadable,
  liveLeaving,
  liveFailed,
  rollingBack,
  canaryWithdrawn,
  canaryFailed,
  supersededCandidate,
  specInvalid,
  canaryBlocked,
  originMissing,
  distributionUnfit,
  originRemapped,
  claimUnfit,
  claimTaken,
  driftRepaired,
  pointerSplit,
  liveUnstored,
  alreadyLive,
  canarying,
  pointerUnfit,
  pointerMustPropagate,
  fallbackBehind,
  checkedFirst,
  colorTaken,
  candidateGivesWay,
  building,
  candidateRefused,
  switching,
  provenAgain,
  failedCandidate,
  retiring,
  revisionForgotten,
}

export function advance(context: PlanContext, rules: typeof ADVANCE = ADVANCE): NamedDecision | undefined {
  return lastWordsFirst(context, firstHit(rules, context))
}
