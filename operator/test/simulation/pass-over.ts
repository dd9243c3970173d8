/** One run of the real reconcile over a simulated world. */
import { createProber } from '../../adapters/http/prober.ts'
import { reconcile, type ReconcileResult, type ReconcileOptions } from '../../reconcile.ts'
import type { SimulatedWorld } from '../fakes/simulated-world.ts'

type Options = Pick<ReconcileOptions, 'seenBefore' | 'failures'> &
  Partial<Pick<ReconcileOptions, 'report' | 'acting' | 'rules'>> & {
    /** Default: the world's own. */
    pointerOf?: ReconcileOptions['ports']['pointerOf']
  }

export function passOver(
  world: SimulatedWorld,
  { pointerOf, ...options }: Options,
): Promise<ReconcileResult> {
  return reconcile(
    { namespace: 'models', name: 'housing' },
    {
      ports: {
        cluster: world,
        pointerOf: pointerOf ?? (() => world.pointerPort),
        claims: world.claimsPort,
        prober: createProber(world.ask, world.readSecret),
      },
      defaults: { serverImage: 'model-server:1' },
      now: () => world.now,
      report: () => undefined,
      ...options,
    },
  )
}
