/** What the stories are told with. */
import type { Spec } from '../../api/release.ts'
import type { Act } from './simulation.ts'
import type { SimulatedWorld } from '../fakes/simulated-world.ts'

/** Somebody applies a spec. */
export function apply(tell: string, spec: Spec, when?: Act['when']): Act {
  return by(tell, (world) => world.apply(spec), when)
}

export function by(tell: string, act: Act['do'], when?: Act['when']): Act {
  return { tell, do: act, ...(when ? { when } : {}) }
}

/** Two attempts have ended well, whatever else came of others. */
export function promotedTwice(world: SimulatedWorld): boolean {
  return world.status?.history?.filter(({ outcome }) => outcome === 'Promoted').length === 2
}
