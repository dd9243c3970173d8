/** Puts the pieces of a body together. */

/** As far as a length is believed before anything like it came: whoever announces a body need not send it. */
const BELIEVED_BYTES = 2 ** 20
/** Of the largest numbers that a tensor has. */
const ALIGNMENT = 8

/**
 * The pieces of a body, which become one. Where its length is known they are laid at their place as they come, and their own
 * memory, which Node hands out anew for each, need not wait for the last of them.
 */
export class Whole {
  length = 0
  readonly #expected: number | undefined
  /** Bytes before the first, so that the one that matters lies well. */
  readonly #lead: number
  #pieces: Buffer[] = []
  #room = Buffer.alloc(0)

  /**
   * @param expected the value of `Content-Length`; undefined where nobody knows
   * @param alignAt the byte that shall lie well
   */
  constructor(expected: string | undefined, alignAt: number) {
    this.#expected = expected === undefined ? undefined : Number(expected)
    this.#lead = (ALIGNMENT - (alignAt % ALIGNMENT)) % ALIGNMENT
  }

  add(piece: Buffer): void {
    const start = this.#lead + this.length
    this.length += piece.length
    if (this.#expected === undefined || piece.length === this.#expected) {
      this.#pieces.push(piece)
      return
    }
    if (start + piece.length > this.#room.length) this.#grow(this.#expected, start + piece.length)
    this.#room.set(piece, start)
  }

  /** What has come so far; no copy of a single piece. */
  bytes(): Buffer {
    const [only, ...others] = this.#pieces
    if (this.#room.length > 0) return this.#room.subarray(this.#lead, this.#lead + this.length)
    return only && others.length === 0 ? only : Buffer.concat(this.#pieces, this.length)
  }

  /** Let go of what came. */
  clear(): void {
    this.#pieces = []
    this.#room = Buffer.alloc(0)
  }

  #grow(expected: number, least: number): void {
    const size = Math.min(this.#lead + expected, Math.max(BELIEVED_BYTES, 2 * least))
    // Not from Node's pool, and not zeroed: all of it that anybody sees is written before.
    const room = Buffer.allocUnsafeSlow(Math.max(size, least))
    room.set(this.#room)
    this.#room = room
  }
}
