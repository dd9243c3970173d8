type Change = { readonly key: string; readonly meta: { readonly resourceVersion: string } }

/**
 * Changes that the reconciles of this process have made themselves. They tell it nothing: a reconcile that looks again at once because
 * of what it has just written would do so for ever, where what it writes is never twice the same.
 */
export class OwnChanges<T extends Change> {
  /** What was last seen of a key while its pass runs: only then is it known whether that is what the reconcile writes. */
  readonly #held = new Map<string, T | undefined>()
  readonly #written = new Map<string, string>()

  /** Whether the change is to be acted on now; what comes while a reconcile runs is given back at its end. */
  isNews(change: T): boolean {
    if (this.#held.has(change.key)) {
      // The version before was seen by the reconcile, or its write would have been refused.
      this.#held.set(change.key, change)
      return false
    }
    return this.#written.get(change.key) !== change.meta.resourceVersion
  }

  begun(key: string): void {
    this.#held.set(key, undefined)
  }

  /** A reconcile is over that has written this version, if any. Gives what came meanwhile, unless it is that. */
  ended(key: string, written?: string): T | undefined {
    const held = this.#held.get(key)
    this.#held.delete(key)
    if (written !== undefined) this.#written.set(key, written)
    return held && this.isNews(held) ? held : undefined
  }

  /** Nothing of this key is there any more. */
  forget(key: string): void {
    this.#written.delete(key)
  }
}
