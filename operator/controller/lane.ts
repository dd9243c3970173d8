/**
 * Keys that wait for the workers of one lane. Whoever has the fewest keys at work goes first, so that a tenant with a
 * thousand of them is to another like a tenant with one; and the last worker is kept for somebody else.
 */
export class Lane {
  readonly #workers: number
  readonly #tenantOf: (key: string) => string
  /** By tenant in the order in which their turns come: keys in the order in which they came, and since when. */
  readonly #waiting = new Map<string, Map<string, number>>()
  /** Keys at work, by tenant. */
  readonly #running = new Map<string, number>()
  #atWork = 0
  #depth = 0

  constructor(workers: number, tenantOf: (key: string) => string) {
    this.#workers = workers
    this.#tenantOf = tenantOf
  }

  /** Keys that wait. */
  get depth(): number {
    return this.#depth
  }

  has(key: string): boolean {
    return this.#waiting.get(this.#tenantOf(key))?.has(key) === true
  }

  /** A key that does not wait here yet. */
  add(key: string, sinceMs: number): void {
    const tenant = this.#tenantOf(key)
    const keys = this.#waiting.get(tenant) ?? new Map<string, number>()
    this.#waiting.set(tenant, keys.set(key, sinceMs))
    this.#depth += 1
  }

  /** Since when the key waited, which it does no more; undefined where it did not. */
  remove(key: string): number | undefined {
    const tenant = this.#tenantOf(key)
    const keys = this.#waiting.get(tenant)
    const sinceMs = keys?.get(key)
    if (!keys || sinceMs === undefined) return undefined
    keys.delete(key)
    this.#depth -= 1
    // Served last, so its next turn comes last.
    this.#waiting.delete(tenant)
    if (keys.size > 0) this.#waiting.set(tenant, keys)
    return sinceMs
  }

  /** The next key, at work from now on, and since when it waited; undefined where no worker is free for any. */
  take(): { key: string; sinceMs: number } | undefined {
    if (this.#atWork >= this.#workers) return undefined
    const mostOfOne = Math.max(1, this.#workers - 1)
    let next: { key: string; running: number } | undefined
    for (const [tenant, keys] of this.#waiting) {
      const running = this.#running.get(tenant) ?? 0
      const [key] = keys.keys()
      if (key === undefined || running >= mostOfOne || running >= (next?.running ?? Infinity)) continue
      next = { key, running }
      if (running === 0) break
    }
    if (!next) return undefined
    this.#count(next.key, 1)
    return { key: next.key, sinceMs: this.remove(next.key) ?? 0 }
  }

  /** A key that was taken is at work no more. */
  ended(key: string): void {
    this.#count(key, -1)
  }

  clear(): void {
    this.#waiting.clear()
    this.#depth = 0
  }

  #count(key: string, change: 1 | -1): void {
    const tenant = this.#tenantOf(key)
    const running = (this.#running.get(tenant) ?? 0) + change
    this.#atWork += change
    if (running === 0) this.#running.delete(tenant)
    else this.#running.set(tenant, running)
  }
}
