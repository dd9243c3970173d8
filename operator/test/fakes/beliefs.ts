/** A scene to a planner that is made to believe something: for showing that tests notice. */
import { keyOf } from '../../planner/state/persisted-state.ts'
import { goalOf, type Scene } from '../../planner/context.ts'

/** The gates of the attempt are believed to have passed at every pod of its goal, asked or not. */
export function gatesPassed(scene: Scene): Scene {
  const { attempt } = scene.memory
  const goal = attempt && goalOf(scene, attempt)
  if (!goal) return scene
  const pods = scene.world.colors[goal].pods.map(({ name }) => name)
  const { fingerprint = '' } = scene.memory.colors[goal] ?? {}
  const gates = { key: keyOf(attempt), result: 'Passed' as const, pods, results: [], fingerprint }
  return { ...scene, memory: { ...scene.memory, gates } }
}
