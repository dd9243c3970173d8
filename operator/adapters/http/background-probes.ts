/** Proofs that go on between the reconciles, so that a model that does not answer holds no worker: one per release at a time. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../planner/model/revision.ts'
import type { ActionResult, Action } from '../../planner/model/observation.ts'
import { sleep, type Clock } from '../../controller/clock.ts'
import type { ReadSecret } from './credentials.ts'
import type { HttpProbe, Prober } from '../../ports/ports.ts'
import { createProber } from './prober.ts'
import { Slots } from './slots.ts'

export type InquiriesOptions = {
  ask: HttpProbe
  /** Reads Secrets of a namespace; see cluster-secrets.ts. Absent: none is read. */
  secretsOf?: (namespace: string) => ReadSecret
  clock: Clock
  /** Told when the answers that a reconcile did not wait for are there. */
  onAnswered: (key: string) => void
}

/** The prober of one reconcile. */
export type PassProber = Prober & {
  /** The reconcile ended well. What it did not ask for any more (another spec, a command, another live color) is given up. */
  passed: () => void
}

type Asked = Extract<Action, { type: 'RunGates' | 'Verify' }>

type Inquiry = {
  /** Hash of the action: of other pods, gates or revisions it proves nothing. */
  about: string
  stop: AbortController
  did: Promise<ActionResult>
  state: 'Awaited' | 'LeftAlone' | 'Ended'
}

/** How long a reconcile waits for answers before it leaves its worker to others: nearly all models answer within it. */
const SLICE_MS = 1_000
/**
 * Requests at one time: an answer may be held whole, up to 1 MiB, and the memory of the operator is everybody's. Returns and
 * verifications, which users wait for, have slots of their own: they wait for no gate, and not for those of other tenants.
 */
const SLOTS = { Usual: { ofOne: 16, ofAll: 64 }, Urgent: { ofOne: 16, ofAll: 64 } } as const

export class Inquiries {
  readonly #options: InquiriesOptions
  readonly #running = new Map<string, Inquiry>()
  readonly #slots = { Usual: new Slots(SLOTS.Usual), Urgent: new Slots(SLOTS.Urgent) }
  #isStopped = false

  constructor(options: InquiriesOptions) {
    this.#options = options
  }

  /** For one pass over the release `key`, which is in the namespace `tenant`. */
  of(key: string, tenant: string): PassProber {
    let isAsked = false
    const asked = (step: Asked): Promise<ActionResult> => {
      isAsked = true
      return this.#answerTo(key, tenant, step)
    }
    // What was asked for decides what comes back.
    return {
      runGates: (step) => asked(step) as ReturnType<Prober['runGates']>,
      verify: (step) => asked(step) as ReturnType<Prober['verify']>,
      passed: () => {
        if (!isAsked) this.giveUp(key)
      },
    }
  }

  /** Nobody needs the answers any more. */
  giveUp(key: string): void {
    this.#running.get(key)?.stop.abort()
    this.#running.delete(key)
  }

  /** Ends everything that is being asked, for good: whoever asks again gets no answer. */
  stop(): void {
    this.#isStopped = true
    for (const key of [...this.#running.keys()]) this.giveUp(key)
  }

  /** Releases about which something is being asked. */
  get size(): number {
    return this.#running.size
  }

  async #answerTo(key: string, tenant: string, step: Asked): Promise<ActionResult> {
    if (this.#isStopped) return { type: 'Asking' }
    const about = createHash('sha256').update(canonicalJson(step)).digest('hex')
    const known = this.#running.get(key)
    if (known?.about === about) return known.state === 'Ended' ? this.#taken(key, known) : { type: 'Asking' }
    this.giveUp(key)
    const inquiry = this.#begun(key, tenant, { step, about })
    const waiting = new AbortController()
    await Promise.race([
      inquiry.did.catch(() => undefined),
      sleep(this.#options.clock, SLICE_MS, AbortSignal.any([waiting.signal, inquiry.stop.signal])),
    ])
    waiting.abort()
    if (inquiry.stop.signal.aborted) return { type: 'Asking' }
    if (isEnded(inquiry)) return this.#taken(key, inquiry)
    inquiry.state = 'LeftAlone'
    return { type: 'Asking' }
  }

  /** Its outcome, once: who asks again wants to know anew. */
  #taken(key: string, inquiry: Inquiry): Promise<ActionResult> {
    if (this.#running.get(key) === inquiry) this.#running.delete(key)
    return inquiry.did
  }

  #begun(key: string, tenant: string, { step, about }: { step: Asked; about: string }): Inquiry {
    const stop = new AbortController()
    const did = this.#ask(tenant, step, stop.signal)
    const inquiry: Inquiry = { about, stop, did, state: 'Awaited' }
    this.#running.set(key, inquiry)
    const end = (): void => {
      const isLeftAlone = inquiry.state === 'LeftAlone'
      inquiry.state = 'Ended'
      if (isLeftAlone && this.#running.get(key) === inquiry) this.#options.onAnswered(key)
    }
    did.then(end, end)
    return inquiry
  }

  #ask(tenant: string, step: Asked, signal: AbortSignal): Promise<ActionResult> {
    const { ask, secretsOf } = this.#options
    const slots = this.#slots[step.type === 'Verify' || step.direction === 'Back' ? 'Urgent' : 'Usual']
    const prober = createProber(
      (question) => slots.use({ tenant, signal }, () => ask({ ...question, signal })),
      secretsOf?.(tenant),
    )
    return step.type === 'Verify' ? prober.verify(step) : prober.runGates(step)
  }
}

/** Hides from the compiler that it looked before: an await in between can change the answer. */
function isEnded({ state }: Inquiry): boolean {
  return state === 'Ended'
}
