/** A pointer Service that got another name, or gave way to another kind of pointer: its users move when they get around to it. */
import type { FormerPointer } from './observation.ts'
import { runningAttempt, storedOf, type Decision, type PlanContext } from '../context.ts'
import { propagating } from '../rules/verify.ts'

/** It follows to what is live, once users are proven to be answered there, and never to a candidate. */
export function formerPointerBehind(context: PlanContext): Decision {
  const { live, state, observation } = context
  const behind = observation.former?.find(({ color }) => color !== live)
  if (!live || !behind || propagating(context) || runningAttempt(context)?.direction === 'Back')
    return undefined
  const revision = observation.colors[live].workload?.revision
  const stored = storedOf(context, revision)
  // A new pointer may name a color by chance: nobody follows it before users were seen to be answered there.
  if (!stored || state.verified !== revision) return undefined
  const { name, uid, resourceVersion } = behind
  return { action: { type: 'MoveFormer', name, uid, resourceVersion, to: live, targetPort: stored.port } }
}

export function formerTexts({ observation: { former = [], release } }: PlanContext): string[] {
  return former.map(
    ({ name }: FormerPointer) =>
      `Service ${release.metadata.namespace}/${name} was the pointer before spec.traffic was changed: it follows what is live for as long as it stands, so that whoever still calls it is answered; have its users call the pointer of now`,
  )
}
