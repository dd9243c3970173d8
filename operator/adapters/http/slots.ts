/** How many may do something at one time: some of one tenant, so that others always find room, and some of all. */
export type SlotLimits = { readonly ofOne: number; readonly ofAll: number }

export type SlotUse = {
  readonly tenant: string
  /** Ends the wait for a slot; the act begins at once then, and has to look at the signal itself. */
  readonly signal: AbortSignal
}

type Waiting = { readonly tenant: string; readonly begin: () => void }

export class Slots {
  readonly #limits: SlotLimits
  readonly #used = new Map<string, number>()
  #all = 0
  /** In the order in which they came; the first whose tenant has room goes first. */
  #waiting: Waiting[] = []

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  async use<Result>({ tenant, signal }: SlotUse, act: () => Promise<Result>): Promise<Result> {
    if (signal.aborted || this.#hasRoom(tenant)) this.#count(tenant, 1)
    else await this.#turn(tenant, signal)
    try {
      return await act()
    } finally {
      this.#count(tenant, -1)
      this.#next()
    }
  }

  #hasRoom(tenant: string): boolean {
    return this.#all < this.#limits.ofAll && (this.#used.get(tenant) ?? 0) < this.#limits.ofOne
  }

  #turn(tenant: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const begin = (): void => {
        signal.removeEventListener('abort', begin)
        this.#waiting = this.#waiting.filter((one) => one !== waiting)
        this.#count(tenant, 1)
        resolve()
      }
      const waiting = { tenant, begin }
      signal.addEventListener('abort', begin, { once: true })
      this.#waiting.push(waiting)
    })
  }

  #next(): void {
    this.#waiting.find(({ tenant }) => this.#hasRoom(tenant))?.begin()
  }

  #count(tenant: string, change: 1 | -1): void {
    const used = (this.#used.get(tenant) ?? 0) + change
    this.#all += change
    if (used === 0) this.#used.delete(tenant)
    else this.#used.set(tenant, used)
  }
}
