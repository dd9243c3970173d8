/** Which of two readings is the older one. Nobody else can tell: an ETag has no order, and a time is that of another's clock. */

/** A version of something. */
export type Version = {
  etag: string
  /** When it was changed last, by AWS's clock, in epoch milliseconds; not everything says so. */
  changedAt?: number | undefined
}

/** So many writes ago nobody answers any more. */
const REMEMBERED = 100

/** The versions that our own writes replaced. An ETag is never given twice, so none of them can come back. */
export class Replaced {
  readonly #etags = new Set<string>()

  /** A write that was guarded by `before` was accepted, and made `after` of it if that is known. */
  wrote(before: string, after: string | undefined): void {
    if (before === after) return
    this.#etags.add(before)
    const [first] = this.#etags
    if (this.#etags.size > REMEMBERED && first !== undefined) this.#etags.delete(first)
  }

  /** Why `read` is older than our own write or than `last`; undefined where it is not known to be. */
  older(read: Version, last: Version | undefined): string | undefined {
    if (this.#etags.has(read.etag)) return `its ETag ${read.etag} was replaced by a write of this operator`
    if (!last || read.etag === last.etag || !isBefore(read, last)) return undefined
    return `its ETag ${read.etag} was last modified before ${last.etag}, which was read already`
  }
}

function isBefore({ changedAt: one }: Version, { changedAt: other }: Version): boolean {
  return one !== undefined && other !== undefined && one < other
}
