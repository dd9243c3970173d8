/** Where room is short, what is live comes first: a candidate, or one that is kept for a look, gives its own up. */
import type { Color } from '../../api/names.ts'
import { endAttempt } from '../state/persisted-state.ts'
import { SHORT_OF_NODES_MS, SHORT_OF_QUOTA_MS } from '../model/timing.ts'
import { runningAttempt, type Decision, type PlanContext } from '../context.ts'
import { wantOfRoom } from '../model/color.ts'
import type { Trouble } from '../model/observation.ts'

/** The attempt ends: what is live lacks pods that the candidate has the room of, and has lacked them for a while. */
export function candidateGivesWay(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const { live, state, serving, observation } = context
  const builds = attempt?.direction === 'Forward' ? attempt.builds : undefined
  if (!live || !builds || serving.includes(builds) || state.intent || !holdsRoom(context, builds))
    return undefined
  const why = shortForLong(context)
  if (!why) return undefined
  const message = `${live}, which is live, lacks pods for want of room (${why.reason}: ${why.message}), so ${builds}, which was being built, gives up its own`
  const ending = { outcome: 'Failed', reason: 'LiveColorLacksRoom', message } as const
  return { state: endAttempt(state, observation.now, ending) }
}

function holdsRoom({ observation }: PlanContext, color: Color): boolean {
  return observation.colors[color].pods.some(({ ready }) => ready !== 'Terminating')
}

/** What the live color lacks room for, once that has lasted; undefined while it has not. */
export function shortForLong(context: PlanContext): Trouble | undefined {
  const short = shortness(context)
  return short && short.leftMs <= 0 && context.observation.firstReconcile === 'No' ? short.why : undefined
}

/** Milliseconds until it has lasted; undefined where nothing is lacking, or it has. */
export function untilShortForLongMs(context: PlanContext): number | undefined {
  const short = shortness(context)
  if (!short) return undefined
  // Time that nobody watched counts only once the world was looked at.
  const leftMs = context.observation.firstReconcile === 'Yes' ? Math.max(1000, short.leftMs) : short.leftMs
  return leftMs > 0 ? leftMs : undefined
}

function shortness({ live, state, observation }: PlanContext): { why: Trouble; leftMs: number } | undefined {
  const since = live && state.colors[live]?.shortSince
  const why = live && wantOfRoom(observation.colors[live])
  if (since === undefined || !why) return undefined
  const patienceMs = why.reason === 'Unschedulable' ? SHORT_OF_NODES_MS : SHORT_OF_QUOTA_MS
  return { why, leftMs: since + patienceMs - observation.now }
}
