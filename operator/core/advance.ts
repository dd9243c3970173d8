/** Rules that bring the candidate forward, or the pointer back. They run only when nothing that serves needs care. */
import { specChanged } from './attempt.ts'
import { goingBack, liveFailed, liveLeaving } from './back.ts'
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
} from './blocked.ts'
import { canaryBlocked, canaryFailed, canarying, canaryWithdrawn } from './canary.ts'
import { commandGiven } from './commands.ts'
import { fallbackBehind } from './fallback.ts'
import { alreadyLive, building, checkedFirst, colorTaken, pointerMustSettle, switching } from './forward.ts'
import { driftRepaired } from './drift.ts'
import { failedCandidate, provenAgain, retiring, revisionForgotten, supersededCandidate } from './idle.ts'
import { lastWordsFirst } from './last-words.ts'
import { candidateRefused } from './refusals.ts'
import { candidateGivesWay } from './room.ts'
import { firstHit, type Finding, type Scene } from './scene.ts'
import { liveUnstored } from './stored.ts'

/** In the order in which they are asked. */
export const ADVANCE = {
  specChanged,
  commandGiven,
  pointerUnreadable,
  liveLeaving,
  liveFailed,
  goingBack,
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
  pointerMustSettle,
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

export function advance(scene: Scene, rules: typeof ADVANCE = ADVANCE): Finding | undefined {
  return lastWordsFirst(scene, firstHit(rules, scene))
}
