/** Runners in threads, as many as there shall be; one that dies is replaced. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Lanes, Runner } from './executor.ts'
import type { WorkerRunner } from './worker-runner.ts'

/** What the lanes need from outside. */
export type WorkerLanesOptions = {
  size: number
  /** Starts a runner. The first one that was started may be given, and is used first. */
  start: () => Promise<WorkerRunner>
  /** How long to wait before the given attempt (1 is the first) to replace a runner; one that answers starts the count anew. */
  backoffMs: (attempt: number) => number
  log: WorkerLog
}

/** What happens to threads, for the log. */
export type WorkerLog = {
  warn: (data: object, message: string) => void
  info: (data: object, message: string) => void
}

/** Lanes whose runners come and go. */
export class WorkerLanes implements Lanes {
  readonly size: number
  readonly #options: WorkerLanesOptions
  #free: WorkerRunner[] = []
  readonly #alive = new Set<WorkerRunner>()
  /** Replacements since a runner last answered. */
  #failures = 0
  #lastDeath = ''
  #startsOnDemand = false
  readonly #closing = new AbortController()
  #tellFree = (): void => undefined

  private constructor(options: WorkerLanesOptions) {
    this.size = options.size
    this.#options = options
  }

  /** @throws Error where the first ones cannot be started */
  static async start(options: WorkerLanesOptions, first?: WorkerRunner): Promise<WorkerLanes> {
    const lanes = new WorkerLanes(options)
    if (first) lanes.#adopt(first)
    const missing = options.size - lanes.#alive.size
    const started = await Promise.allSettled(Array.from({ length: missing }, options.start))
    for (const result of started) if (result.status === 'fulfilled') lanes.#adopt(result.value)
    const failed = started.find((result) => result.status === 'rejected')
    if (!failed) return lanes
    await lanes.close()
    throw failed.reason
  }

  /** Starts none before the first is asked for. */
  static onDemand(options: WorkerLanesOptions): WorkerLanes {
    const lanes = new WorkerLanes(options)
    lanes.#startsOnDemand = true
    return lanes
  }

  readonly acquire = (): Runner | undefined => {
    if (this.#startsOnDemand) {
      this.#startsOnDemand = false
      this.#options.log.info(
        { threads: this.size },
        'Starting threads: requests are too slow for the event loop',
      )
      for (let count = 0; count < this.size; count += 1) void this.#startUntilAlive()
    }
    return this.#free.shift()
  }

  readonly release = (runner: Runner): void => {
    const alive = [...this.#alive].find((candidate) => candidate === runner)
    if (!alive) return
    this.#failures = 0
    this.#free.push(alive)
  }

  readonly onFree = (listener: () => void): void => {
    this.#tellFree = listener
  }

  readonly unavailableBecause = (): string | undefined =>
    this.#alive.size > 0 ? undefined : `no thread runs the model: ${this.#lastDeath}`

  readonly close = async (): Promise<void> => {
    this.#closing.abort()
    await Promise.all([...this.#alive].map((runner) => runner.close()))
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  #adopt(runner: WorkerRunner): void {
    this.#alive.add(runner)
    this.#free.push(runner)
    this.#tellFree()
    void runner.died.then((reason) => this.#replace(runner, reason))
  }

  async #replace(dead: WorkerRunner, reason: string): Promise<void> {
    this.#alive.delete(dead)
    this.#free = this.#free.filter((runner) => runner !== dead)
    this.#lastDeath = reason
    await this.#waitBeforeNext()
    await this.#startUntilAlive()
  }

  async #startUntilAlive(): Promise<void> {
    while (!this.#isClosing() && !(await this.#startAnother())) await this.#waitBeforeNext()
  }

  async #waitBeforeNext(): Promise<void> {
    if (this.#isClosing()) return
    this.#failures += 1
    const delayMs = Math.round(this.#options.backoffMs(this.#failures))
    this.#options.log.warn({ reason: this.#lastDeath, delayMs }, 'Thread of the model died; replacing it')
    await wait(delayMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }

  async #startAnother(): Promise<boolean> {
    if (this.#isClosing()) return true
    try {
      const runner = await this.#options.start()
      // It may have been told to close while the runner was on its way.
      if (this.#isClosing()) await runner.close()
      else this.#adopt(runner)
      this.#options.log.info({ alive: this.#alive.size }, 'Thread of the model started')
      return true
    } catch (error) {
      this.#lastDeath = (error as Error).message
      return false
    }
  }
}
