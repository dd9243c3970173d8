/** What to say of a process that does not answer oneself, for the thread that stands in front of it. Pure, but for what it is given. */
import type { HealthAnswer } from './health-routes.ts'

/** The probes of the rendered pods give up after a second; half a turn of a busy event loop is normal. */
export const PATIENCE_MS = 100
/** Silent for so long, it answers nobody else either: traffic is better elsewhere. */
export const NOT_READY_MS = 10_000
/** For so long nothing that a client may send keeps it: it will not come back by itself. */
export const NOT_LIVE_MS = 60_000

/** What is answered here, and by which question. */
export const PATHS = { '/v2/health/live': 'live', '/v2/health/ready': 'ready' } as const

const STARTING: HealthAnswer = {
  status: 503,
  body: { ready: false, error: 'the server is starting', code: 'not_ready' },
}

type Time = { now: () => number; wait: (ms: number, signal: AbortSignal) => Promise<unknown> }

/** Asks the process how it is whenever somebody wants to know, waits a little, and falls back on what it said last. */
export class SilenceWatch {
  readonly #ask: () => void
  readonly #time: Time
  #last: HealthAnswer = STARTING
  /** The oldest question without an answer; undefined where there is none. */
  #askedMs: number | undefined
  #waiting: AbortController[] = []

  constructor(ask: () => void, time: Time) {
    this.#ask = ask
    this.#time = time
  }

  /** The process says how it is. */
  heard(answer: HealthAnswer): void {
    this.#last = answer
    this.#askedMs = undefined
    for (const waiting of this.#waiting.splice(0)) waiting.abort()
  }

  /** Said without waiting. */
  live(): Promise<HealthAnswer> {
    this.#wantAnswer()
    const silentMs = this.#silentMs
    if (silentMs < NOT_LIVE_MS) return Promise.resolve({ status: 200, body: { live: true } })
    return Promise.resolve({
      status: 503,
      body: { live: false, error: silence(silentMs), code: 'not_ready' },
    })
  }

  async ready(): Promise<HealthAnswer> {
    const waiting = new AbortController()
    this.#waiting.push(waiting)
    this.#wantAnswer()
    // Aborted is answered.
    await this.#time.wait(PATIENCE_MS, waiting.signal).catch(() => undefined)
    this.#waiting = this.#waiting.filter((one) => one !== waiting)
    const silentMs = this.#silentMs
    if (silentMs < NOT_READY_MS) return this.#last
    return { status: 503, body: { ready: false, error: silence(silentMs), code: 'not_ready' } }
  }

  get #silentMs(): number {
    return this.#askedMs === undefined ? 0 : this.#time.now() - this.#askedMs
  }

  #wantAnswer(): void {
    if (this.#askedMs !== undefined) return
    this.#askedMs = this.#time.now()
    this.#ask()
  }
}

function silence(ms: number): string {
  return `the server is busy with one thing for ${Math.floor(ms / 1000)} s, and answers nothing`
}
