/** The functions and their two stages: what is developed, and what runs at the edges. */
import { CloudFrontError } from './cloudfront-error.ts'
import { arnOf } from './documents.ts'
import { judgeIfMatch, newIdentifier } from './etag.ts'
import type { FunctionCode } from '../functions/event.ts'
import type { Clock } from '../propagation/clock.ts'
import type { Propagation } from '../propagation/propagation.ts'
import type { Shelf } from '../state/shelf.ts'

export type Stage = 'DEVELOPMENT' | 'LIVE'

/** What a function is made of; `store` is the ARN of its KeyValueStore. */
export type FunctionParts = { code: string; comment: string; runtime: string; store?: string }

/** One stage. Times are ISO 8601. */
export type Staged = FunctionParts & { etag: string; modified: string }

/** `published` counts the publications. */
export type EdgeFunction = {
  name: string
  arn: string
  created: string
  published: number
  development: Staged
  live?: Staged
}

export type FunctionsOptions = {
  propagation: Propagation<FunctionCode>
  shelf: Shelf<EdgeFunction>
  clock: Clock
  pick: (choices: number) => number
  /** Throws EntityNotFound when no KeyValueStore has that ARN, InvalidArgument until it is READY. */
  assertStore: (arn: string) => void
}

const MAX_FUNCTIONS = 100
const MAX_CODE_BYTES = 10 * 1024
const RUNTIMES = new Set(['cloudfront-js-1.0', 'cloudfront-js-2.0'])

export class Functions {
  readonly #options: FunctionsOptions
  readonly #byName = new Map<string, EdgeFunction>()

  /** Begins with what the shelf holds, as if it had been on every edge for long. */
  constructor(options: FunctionsOptions) {
    this.#options = options
    for (const saved of options.shelf.all()) {
      this.#byName.set(saved.name, saved)
      this.#deliver(saved, 'AtOnce')
    }
  }

  /** By name. */
  list(): EdgeFunction[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Throws NoSuchFunctionExists. */
  get(name: string): EdgeFunction {
    const found = this.#byName.get(name)
    if (found === undefined)
      throw new CloudFrontError('NoSuchFunctionExists', `There is no function ${name}.`)
    return found
  }

  /** Throws NoSuchFunctionExists, also for the LIVE stage of a function that was never published. */
  stage(name: string, stage: Stage): Staged {
    const { development, live } = this.get(name)
    const found = stage === 'LIVE' ? live : development
    if (found === undefined) throw new CloudFrontError('NoSuchFunctionExists', `${name} was never published.`)
    return found
  }

  isPublished(arn: string): boolean {
    return this.list().some((one) => one.arn === arn && one.live !== undefined)
  }

  usesStore(arn: string): boolean {
    return this.list().some(({ development, live }) => development.store === arn || live?.store === arn)
  }

  isPropagated(arn: string): boolean {
    return this.#options.propagation.isPropagated(arn)
  }

  /** Throws CloudFrontError. */
  create(name: string, parts: FunctionParts): EdgeFunction {
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw new CloudFrontError('InvalidArgument', 'A name has 1 to 64 letters, digits, "-" and "_".')
    }
    if (this.#byName.has(name)) throw new CloudFrontError('FunctionAlreadyExists', `${name} exists already.`)
    if (this.#byName.size >= MAX_FUNCTIONS) {
      throw new CloudFrontError('TooManyFunctions', `More than ${MAX_FUNCTIONS} functions.`)
    }
    const development = this.#staged(parts)
    return this.#keep({
      name,
      arn: arnOf('function', name),
      created: development.modified,
      published: 0,
      development,
    })
  }

  /** Throws CloudFrontError. */
  update(name: string, ifMatch: string | undefined, parts: FunctionParts): EdgeFunction {
    const current = this.guarded(name, ifMatch, 'DEVELOPMENT')
    return this.#keep({ ...current, development: this.#staged(parts) })
  }

  /** DEVELOPMENT becomes LIVE and goes to every edge; a function of a seed is there at once. */
  publish(name: string, ifMatch: string | undefined, when: 'InTime' | 'AtOnce' = 'InTime'): EdgeFunction {
    const current = this.guarded(name, ifMatch, 'DEVELOPMENT')
    const live = this.#staged(current.development)
    const published = this.#keep({ ...current, live, published: current.published + 1 })
    this.#deliver(published, when)
    return published
  }

  /** Throws CloudFrontError. */
  delete(name: string, ifMatch: string | undefined): void {
    const { arn } = this.guarded(name, ifMatch, 'DEVELOPMENT')
    this.#byName.delete(name)
    this.#options.shelf.delete(name)
    this.#options.propagation.remove(arn)
  }

  /** The function, if the ETag is that of the stage. Throws CloudFrontError. */
  guarded(name: string, ifMatch: string | undefined, stage: Stage): EdgeFunction {
    const stale = judgeIfMatch(ifMatch, this.stage(name, stage).etag)
    if (stale !== undefined) throw stale
    return this.get(name)
  }

  #staged({ code, comment, runtime, store }: FunctionParts): Staged {
    if (Buffer.byteLength(code) > MAX_CODE_BYTES) {
      throw new CloudFrontError(
        'FunctionSizeLimitExceeded',
        `A function has ${MAX_CODE_BYTES} bytes at most.`,
      )
    }
    if (code === '') throw new CloudFrontError('InvalidArgument', 'FunctionCode is empty.')
    if (!RUNTIMES.has(runtime))
      throw new CloudFrontError('InvalidArgument', `There is no runtime "${runtime}".`)
    if (store !== undefined) {
      if (runtime !== 'cloudfront-js-2.0') {
        throw new CloudFrontError('InvalidArgument', 'Key value stores need the runtime cloudfront-js-2.0.')
      }
      this.#options.assertStore(store)
    }
    const { clock, pick } = this.#options
    const stamp = { etag: newIdentifier(pick), modified: clock.date().toISOString() }
    return { code, comment, runtime, ...(store === undefined ? {} : { store }), ...stamp }
  }

  #deliver({ arn, published: number, live }: EdgeFunction, when: 'InTime' | 'AtOnce'): void {
    if (live === undefined) return
    const { code, runtime, store } = live
    const value = { arn, number, code, runtime, ...(store === undefined ? {} : { store }) }
    if (when === 'AtOnce') this.#options.propagation.seed({ resource: arn, number, value })
    else this.#options.propagation.publish({ resource: arn, number, value })
  }

  #keep(one: EdgeFunction): EdgeFunction {
    this.#byName.set(one.name, one)
    this.#options.shelf.put(one.name, one)
    return one
  }
}
