/** One life of the operator: the real loop and the real driver over ports that it may die at. */
import { createAsk } from '../../../adapters/http/client.ts'
import type { HttpProbe, Pointer } from '../../../ports/ports.ts'
import { createProber } from '../../../adapters/http/prober.ts'
import type { Rules } from '../../../planner/plan.ts'
import { reconcile, ActionFailures, type ReconcileReport, type ReconcileResult } from '../../../reconcile.ts'
import { CrashError, type SimulatedWorld } from '../../fakes/simulated-world.ts'

const KEY = { namespace: 'models', name: 'housing' }

export type ProcessOptions = {
  world: SimulatedWorld
  pointer: Pointer
  ask: HttpProbe
  /** Virtual milliseconds since 1970. */
  now: () => number
  /** Told at every point where the process waits for somebody, before it does. */
  onWait: () => void
  report: (report: ReconcileReport) => void
  rules?: Rules | undefined
}

export class OperatorProcess {
  isDead = false
  readonly #options: ProcessOptions
  #seen = false
  readonly #failures = new ActionFailures()
  /** Points of waiting that are left to it; it dies at the last. */
  #left = Infinity

  constructor(options: ProcessOptions) {
    this.#options = options
  }

  /** Dies where it waits for the so-manieth time from now: right before somebody is asked, or right after the answer. */
  dieAt(point: number): void {
    this.#left = point
  }

  die(): void {
    this.isDead = true
  }

  /** Throws CrashError if it dies on the way. */
  async pass(): Promise<ReconcileResult> {
    const { world, ask, now, report, rules } = this.#options
    const pointer = this.#mortal(this.#options.pointer)
    try {
      return await reconcile(KEY, {
        ports: {
          cluster: this.#mortal(world),
          pointerOf: () => pointer,
          claims: this.#mortal(world.claimsPort),
          prober: createProber(this.#mortalAsk(ask)),
        },
        defaults: { serverImage: 'model-server:1' },
        now,
        seenBefore: () => this.#seen,
        failures: this.#failures,
        report: (_release, told) => {
          this.#seen = true
          report(told)
        },
        ...(rules ? { rules } : {}),
      })
    } catch (error) {
      if (error instanceof CrashError) this.die()
      throw this.isDead ? new CrashError('the operator', { cause: error }) : error
    }
  }

  /** The same port, each of whose calls has a point before and a point after it. */
  #mortal<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]): Promise<unknown> => {
          this.#wait()
          const result: unknown = await Reflect.apply(member, target, args)
          this.#wait()
          return result
        }
      },
    })
  }

  #mortalAsk(ask: HttpProbe): HttpProbe {
    return async (question) => {
      this.#wait()
      const answer = await ask(question)
      this.#wait()
      return answer
    }
  }

  #wait(): void {
    this.#options.onWait()
    if (!this.isDead && this.#left-- > 0) return
    this.die()
    throw new CrashError('the operator')
  }
}

/** Everything of these worlds is on this machine. */
const askForReal = createAsk({ allowedRanges: ['127.0.0.0/8'] })

/** The real client, with the names of the simulated world led to where they live here: `http://host:port` and the Host to send. */
export function askAt(
  whereIs: (hostname: string) => { origin: string; host?: string } | undefined,
): HttpProbe {
  return (question) => {
    const url = new URL(question.url)
    const place = whereIs(url.hostname)
    if (!place) return askForReal(question)
    const headers = place.host === undefined ? question.headers : { ...question.headers, host: place.host }
    return askForReal({ ...question, headers, url: `${place.origin}${url.pathname}${url.search}` })
  }
}
