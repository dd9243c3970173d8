/** What an edge does with its cache: whether a request may be answered from it, and which answers it keeps. */
import { acceptedEncoding, cacheKey } from './cache-key.ts'
import { freshSeconds } from './freshness.ts'
import { MAX_CACHED_BODY_BYTES, ResponseCache } from './response-cache.ts'
import { answerFromCache } from './visit.ts'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../propagation/clock.ts'
import type { Target } from './served.ts'
import type { Visit } from './visit.ts'

/** Answered: the viewer has its answer. Otherwise the visit goes on to the origin, and `onAnswer` sees what comes. */
export type Lookup =
  { type: 'Answered' } | { type: 'Ask'; visit: Visit; onAnswer?: (answer: IncomingMessage) => void }

export class EdgeCache {
  readonly #answers = new ResponseCache()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Forget what an invalidation names; see ResponseCache.purge. */
  purge(distribution: string, paths: readonly string[]): void {
    this.#answers.purge(distribution, paths)
  }

  /** Answer the viewer from the cache, or say how to ask the origin. */
  lookUp(visit: Visit, target: Target): Lookup {
    if (!isCacheable(visit.request, target)) return { type: 'Ask', visit }
    const { served, path: url } = target
    const { cachePolicy: policy } = target.behavior
    const headers = byName(visit.headers)
    const key = cacheKey({ distribution: served.distribution, url, headers, policy })
    const now = this.#clock.now()
    const known = this.#answers.find(key.key, now)
    if (known !== undefined) {
      answerFromCache(visit, known, now)
      return { type: 'Answered' }
    }
    const asked =
      policy === undefined
        ? visit
        : { ...visit, headers: withEncoding(visit.headers, acceptedEncoding(headers, policy)) }
    return visit.request.method === 'GET'
      ? { type: 'Ask', visit: asked, onAnswer: this.#recorder(target, key) }
      : { type: 'Ask', visit: asked }
  }

  /** Keeps the answer that passes by, if it may be given again. */
  #recorder({ behavior, served }: Target, { key, path }: { key: string; path: string }) {
    const { purges } = this.#answers
    return (answer: IncomingMessage): void => {
      const status = answer.statusCode ?? 0
      const now = this.#clock.now()
      const rules = {
        policy: behavior.cachePolicy,
        errorTtlSeconds: served.settings.errorTtlSeconds.get(status),
      }
      const seconds = freshSeconds({ status, headers: answer.headers }, rules, now)
      if (seconds <= 0) return
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= MAX_CACHED_BODY_BYTES) chunks.push(chunk)
      })
      answer.on('end', () => {
        if (!answer.complete || size > MAX_CACHED_BODY_BYTES || this.#answers.purges !== purges) return
        this.#answers.store(key, {
          distribution: served.distribution,
          path,
          status,
          statusMessage: answer.statusMessage ?? '',
          headers: answer.rawHeaders,
          body: Buffer.concat(chunks),
          storedAt: now,
          freshUntil: now + seconds * 1000,
        })
      })
    }
  }
}

function isCacheable({ method, headers }: IncomingMessage, { behavior, served }: Target): boolean {
  const keepsAnything = behavior.cachePolicy !== undefined || served.settings.errorTtlSeconds.size > 0
  return keepsAnything && (method === 'GET' || method === 'HEAD') && headers.range === undefined
}

function byName(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let index = 0; index < raw.length; index += 2) {
    headers[(raw[index] ?? '').toLowerCase()] = raw[index + 1] ?? ''
  }
  return headers
}

function withEncoding(raw: readonly string[], encoding: string): string[] {
  const kept = raw.filter((_, index) => raw[index - (index % 2)]?.toLowerCase() !== 'accept-encoding')
  return encoding === '' ? kept : [...kept, 'Accept-Encoding', encoding]
}
