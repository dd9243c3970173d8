/** The answers that one edge keeps. Their keys say nothing of origins: a new origin does not empty a cache. */

export type CachedAnswer = {
  distribution: string
  /** Path and, where it is part of the key, query: what invalidations name. */
  path: string
  status: number
  statusMessage: string
  /** Flat name-value list, as the origin sent it. */
  headers: readonly string[]
  body: Buffer
  /** Milliseconds since 1970. */
  storedAt: number
  freshUntil: number
}

/** Largest body that is kept; CloudFront's own limit is 50 GB. */
export const MAX_CACHED_BODY_BYTES = 4 * 1024 * 1024
const MAX_BYTES = 64 * 1024 * 1024

export class ResponseCache {
  /** Oldest use first. */
  readonly #answers = new Map<string, CachedAnswer>()
  #bytes = 0
  #purges = 0

  /** How often something was purged: an answer that was asked for before the latest purge must not be stored. */
  get purges(): number {
    return this.#purges
  }

  get size(): number {
    return this.#answers.size
  }

  /** The answer under that key, if it is still fresh. */
  find(key: string, now: number): CachedAnswer | undefined {
    const answer = this.#answers.get(key)
    if (answer === undefined) return undefined
    this.#answers.delete(key)
    if (now >= answer.freshUntil) {
      this.#bytes -= answer.body.length
      return undefined
    }
    this.#answers.set(key, answer)
    return answer
  }

  store(key: string, answer: CachedAnswer): void {
    this.#delete(key)
    this.#answers.set(key, answer)
    this.#bytes += answer.body.length
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= MAX_BYTES) return
      this.#delete(oldest)
    }
  }

  /** Forget what an invalidation names: paths, or with `*` at the end everything that begins like this. */
  purge(distribution: string, paths: readonly string[]): void {
    this.#purges += 1
    for (const [key, answer] of this.#answers) {
      if (answer.distribution === distribution && paths.some((path) => isNamed(answer.path, path))) {
        this.#delete(key)
      }
    }
  }

  #delete(key: string): void {
    this.#bytes -= this.#answers.get(key)?.body.length ?? 0
    this.#answers.delete(key)
  }
}

function isNamed(path: string, named: string): boolean {
  return named.endsWith('*') ? path.startsWith(named.slice(0, -1)) : path === named
}
