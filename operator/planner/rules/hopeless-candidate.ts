/** A candidate that will surely never be ready ends its attempt at once: whoever waits for it learns why, and nobody waits in vain. */
import type { Attempt } from '../../api/release.ts'
import { endAttempt } from '../state/persisted-state.ts'
import { isFinal } from '../output/remedy.ts'
import { goalOf, runningAttempt, type Decision, type PlanContext } from '../context.ts'
import { readyPods } from '../model/color.ts'
import type { ColorState, Instant, Trouble } from '../model/observation.ts'

/** A kubelet has asked the registry twice by then: an image that is being pushed at this moment is there at the second time. */
const IMAGE_CERTAIN_MS = 15_000

/** Clocks of the API server, of nodes and of the operator are that far apart at most; times there are whole seconds. */
const SKEW_MS = 5_000

/** What this attempt has built cannot become ready, whatever time it is given. */
export function candidateRefused(context: PlanContext): Decision {
  const attempt = runningAttempt(context)
  const goal = attempt?.builds
  if (!goal || goalOf(context, attempt) !== goal) return undefined
  const { state, observation } = context
  const color = observation.colors[goal]
  // One that is ready shows that it can be; the others may only have met a bad node.
  if (color.workload?.revision !== attempt.revision || readyPods(color).length > 0) return undefined
  const refused = refusalOf(context, attempt, color)
  if (!refused) return undefined
  const { reason, message, certainAt } = refused
  const why = `${goal} cannot become ready (${reason}: ${message})`
  if (observation.now < certainAt)
    return {
      waiting: { reason: 'CandidateNotAvailable', message: why },
      requeueAfterMs: certainAt - observation.now,
    }
  return {
    state: endAttempt(state, observation.now, {
      outcome: 'Failed',
      reason: 'CandidateRefused',
      message: why,
    }),
  }
}

function refusalOf(
  { observation }: PlanContext,
  attempt: Attempt,
  { pods, workload }: ColorState,
): (Trouble & { certainAt: Instant }) | undefined {
  const { spec } = observation.release
  // What was kept of a failed attempt tells what was, and not what is now that a person asks for it once more.
  const isOfAttempt = (at: Instant | undefined): boolean =>
    at !== undefined && at + SKEW_MS >= Date.parse(attempt.startedAt)
  const made = workload && { trouble: workload.trouble, at: workload.createdAt }
  const started = pods
    .filter(({ ready, former }) => ready === 'No' && !former)
    .map(({ trouble, startedAt }) => ({ trouble, at: startedAt }))
  for (const { trouble, at } of [...(made ? [made] : []), ...started]) {
    if (!trouble || at === undefined || !isOfAttempt(at)) continue
    const isImage = /^(?:ErrImagePull|ImagePullBackOff)$/.test(trouble.reason)
    if (trouble.final === 'Yes' || isFinal(spec, `${trouble.reason}: ${trouble.message}`))
      return {
        ...trouble,
        certainAt: Math.min(isImage ? at + IMAGE_CERTAIN_MS : at, Date.parse(attempt.deadline)),
      }
  }
  return undefined
}
