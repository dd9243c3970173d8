/** What the edges have of one thing of AWS, version by version. */

export type TrailOptions<Content> = {
  edges: number
  etag: string
  /** What every edge has at the beginning, as version 1. */
  content: Content
}

/** Edges are counted from 1. */
export class Trail<Content> {
  /** Of the newest version. */
  etag: string
  readonly #versions: Map<number, Content>
  readonly #applied: number[]
  #newest = 1

  constructor({ edges, etag, content }: TrailOptions<Content>) {
    this.etag = etag
    this.#versions = new Map([[1, content]])
    this.#applied = Array.from({ length: edges }, () => 1)
  }

  get newest(): Content {
    return this.#of(this.#newest)
  }

  /** What the edge has. */
  at(edge: number): Content {
    return this.#of(this.#applied[edge - 1] ?? 1)
  }

  /** The number of the version that each edge has. */
  get applied(): readonly number[] {
    return this.#applied
  }

  /** Edges that do not have the newest version yet. */
  get behind(): number[] {
    return this.#applied.flatMap((version, index) => (version < this.#newest ? [index + 1] : []))
  }

  get isMoving(): boolean {
    return this.behind.length > 0
  }

  /** What some edge has or will have. */
  get current(): Content[] {
    const oldest = Math.min(...this.#applied)
    return [...this.#versions].flatMap(([version, content]) => (version >= oldest ? [content] : []))
  }

  follow(edge: number, version: number): void {
    this.#applied[edge - 1] = version
  }

  /** Without a version only the ETag is new. */
  wrote(etag: string, written?: { version: number; content: Content }): void {
    this.etag = etag
    if (!written) return
    this.#versions.set(written.version, written.content)
    this.#newest = written.version
  }

  /** Nobody has what was never written. */
  #of(version: number): Content {
    return this.#versions.get(version) as Content
  }
}
