/** A scene to a planner that is made to believe something: for showing that tests notice. */
import { keyOf } from '../../planner/state/persisted-state.ts'
import { goalOf, type PlanContext } from '../../planner/context.ts'

/** The gates of the attempt are believed to have passed at every pod of its goal, asked or not. */
export function gatesPassed(context: PlanContext): PlanContext {
  const { attempt } = context.state
  const goal = attempt && goalOf(context, attempt)
  if (!goal) return context
  const pods = context.observation.colors[goal].pods.map(({ name }) => name)
  const { fingerprint = '' } = context.state.colors[goal] ?? {}
  const gates = { key: keyOf(attempt), result: 'Passed' as const, pods, results: [], fingerprint }
  return { ...context, state: { ...context.state, gates } }
}
