import type { Fetched } from './api.ts'

/**
 * To which origins the edges may be routing while not all of them have the newest configuration. Configurations reach
 * every edge in order, so after `Deployed` each behavior leads where it says, and from then on also to what we wrote.
 * A configuration that is on its way and that we did not write may follow others that nobody here has seen.
 */
export class Routes {
  /** The configuration that `#parts` is about; undefined while nothing is certain. */
  #etag: string | undefined
  #parts = new Map<string, Set<string>>()

  saw({ etag, document }: Fetched): void {
    if (document.status !== 'Deployed') {
      if (etag !== this.#etag) this.#etag = undefined
      return
    }
    this.#etag = etag
    this.#parts = new Map(
      document.behaviors.map(({ pathPattern, target }) => [pathPattern, new Set([target])]),
    )
  }

  /** A write is about to leave; the returned function takes it back. */
  mayLead(targets: ReadonlyMap<string, string>): () => void {
    const before = new Map([...this.#parts].map(([part, names]) => [part, new Set(names)]))
    for (const [part, name] of targets) this.#parts.get(part)?.add(name)
    return () => {
      this.#parts = before
    }
  }

  /** Our own write made one configuration of the other. */
  wrote(before: string, after: string): void {
    this.#etag = this.#etag === before ? after : undefined
  }

  /** Everything that edges may route requests of this behavior to; undefined where that is not known. */
  of(part: string): ReadonlySet<string> | undefined {
    return this.#etag === undefined ? undefined : this.#parts.get(part)
  }
}
