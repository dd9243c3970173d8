/** A release in the operator's simulated world, run by the operator's real reconcile, with everything that could be seen of it. */
import type { ModelRelease, Spec } from '../../operator/api/release.ts'
import { ConflictError, TransientError } from '../../operator/ports/errors.ts'
import { ActionFailures } from '../../operator/reconcile.ts'
import { passOver } from '../../operator/test/simulation/pass-over.ts'
import { CrashError, SimulatedWorld } from '../../operator/test/fakes/simulated-world.ts'

export type Snapshot = { at: number; release: ModelRelease }

const LONG_MS = 30_000

export class PlayedRelease {
  readonly world: SimulatedWorld
  /** What a reader of the API server would have got after each pass and each act, oldest first. */
  readonly seen: Snapshot[] = []
  #failures = new ActionFailures()
  #seenBy = -1

  constructor(spec: Spec) {
    this.world = new SimulatedWorld({ spec })
  }

  /** Somebody does something; what can be read right after it is seen. */
  async act(act: (world: SimulatedWorld) => void): Promise<ModelRelease> {
    act(this.world)
    return this.#look()
  }

  /** Passes of the operator, at most so many; ends sooner where nothing is due any more. */
  async run(passes = 400): Promise<void> {
    for (let pass = 0; pass < passes; pass += 1) {
      const requeueAfterMs = await this.#pass()
      await this.#look()
      const next = this.#wakeAt(requeueAfterMs)
      if (next === undefined) return
      this.world.advanceTo(Math.max(next, this.world.now + 1))
    }
  }

  async #look(): Promise<ModelRelease> {
    const release = structuredClone(await this.world.release())
    this.seen.push({ at: this.world.now, release })
    return release
  }

  async #pass(): Promise<number | undefined> {
    const { world } = this
    const isKnown = this.#seenBy === world.restarts
    if (!isKnown) this.#failures = new ActionFailures()
    this.#seenBy = world.restarts
    try {
      const result = await passOver(world, { seenBefore: () => isKnown, failures: this.#failures })
      return 'requeueAfterMs' in result ? result.requeueAfterMs : undefined
    } catch (error) {
      if (error instanceof CrashError) world.restarts += 1
      else if (!(error instanceof ConflictError || error instanceof TransientError)) throw error
      return 5
    }
  }

  #wakeAt(requeueAfterMs: number | undefined): number | undefined {
    const { world } = this
    const event = world.nextEvent()
    const isOver = world.status?.attempt?.outcome !== undefined || this.#isStalled()
    const isIdle = requeueAfterMs === undefined || (isOver && requeueAfterMs >= LONG_MS)
    const recheck = isIdle ? undefined : world.now + requeueAfterMs
    if (event === undefined) return recheck
    return recheck === undefined ? event : Math.min(event, recheck)
  }

  #isStalled(): boolean {
    return this.world.status?.conditions?.some(({ type }) => type === 'Stalled') === true
  }
}
