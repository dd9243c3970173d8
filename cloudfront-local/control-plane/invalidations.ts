/** Invalidations: which paths every edge's cache must forget, and how far that has come. */
import { CloudFrontError } from './cloudfront-error.ts'
import { newIdentifier } from './etag.ts'
import type { Clock } from '../propagation/clock.ts'
import type { Propagation } from '../propagation/propagation.ts'
import type { Shelf } from '../state/shelf.ts'

/** `paths` as they were asked for: from the root, `*` at the end for everything that begins like this. */
export type Invalidation = {
  id: string
  distribution: string
  callerReference: string
  paths: readonly string[]
  created: Date
}

export type SavedInvalidation = Omit<Invalidation, 'created'> & { created: string }

export type InvalidationsOptions = {
  propagation: Propagation<Invalidation>
  shelf: Shelf<SavedInvalidation>
  clock: Clock
  pick: (choices: number) => number
}

// CloudFront's quotas for what is in progress in one distribution.
const MAX_WILDCARDS = 15
const MAX_PATHS = 3000

export class Invalidations {
  readonly #options: InvalidationsOptions
  readonly #all = new Map<string, Invalidation>()

  /** Begins with what the shelf holds, all of it completed: the caches of a new process are empty. */
  constructor(options: InvalidationsOptions) {
    this.#options = options
    for (const saved of options.shelf.all()) {
      const invalidation = { ...saved, created: new Date(saved.created) }
      this.#all.set(saved.id, invalidation)
      options.propagation.seed(changeOf(invalidation))
    }
  }

  /** Newest first, as ListInvalidations gives them. */
  list(distribution: string): Invalidation[] {
    return [...this.#all.values()].filter((one) => one.distribution === distribution).reverse()
  }

  /** Throws NoSuchInvalidation. */
  get(distribution: string, id: string): Invalidation {
    const found = this.#all.get(id)
    if (found?.distribution === distribution) return found
    throw new CloudFrontError('NoSuchInvalidation', 'The specified invalidation does not exist.')
  }

  statusOf(id: string): 'InProgress' | 'Completed' {
    return this.#options.propagation.isPropagated(id) ? 'Completed' : 'InProgress'
  }

  inProgress(distribution: string): Invalidation[] {
    return this.list(distribution).filter(({ id }) => this.statusOf(id) === 'InProgress')
  }

  /**
   * CreateInvalidation. The same caller reference with the same paths is the earlier invalidation once more; with
   * other paths it is an error. Throws CloudFrontError.
   */
  create(distribution: string, callerReference: string, paths: readonly string[]): Invalidation {
    const earlier = this.list(distribution).find((one) => one.callerReference === callerReference)
    if (earlier !== undefined) return replay(earlier, paths)
    this.#refuse(distribution, paths)
    const { pick, clock, shelf, propagation } = this.#options
    const id = `I${newIdentifier(pick).slice(1)}`
    const invalidation = { id, distribution, callerReference, paths: [...paths], created: clock.date() }
    this.#all.set(id, invalidation)
    shelf.put(id, { ...invalidation, created: invalidation.created.toISOString() })
    propagation.publish(changeOf(invalidation))
    return invalidation
  }

  /** The distribution was deleted. */
  forget(distribution: string): void {
    for (const { id } of this.list(distribution)) {
      this.#all.delete(id)
      this.#options.shelf.delete(id)
      this.#options.propagation.remove(id)
    }
  }

  #refuse(distribution: string, paths: readonly string[]): void {
    if (paths.length === 0 || paths.some((path) => !/^[/*]/.test(path))) {
      throw new CloudFrontError(
        'InvalidArgument',
        'Your request contains one or more invalid invalidation paths.',
      )
    }
    if (paths.length > MAX_PATHS) {
      throw new CloudFrontError('BatchTooLarge', `More than ${MAX_PATHS} paths in one invalidation.`)
    }
    const active = this.inProgress(distribution).flatMap((one) => one.paths)
    const wildcards = [...active, ...paths].filter((path) => path.endsWith('*'))
    if (wildcards.length > MAX_WILDCARDS || active.length + paths.length > MAX_PATHS) {
      throw new CloudFrontError(
        'TooManyInvalidationsInProgress',
        `More than ${MAX_WILDCARDS} paths with a wildcard, or ${MAX_PATHS} paths, are in progress.`,
      )
    }
  }
}

function replay(earlier: Invalidation, paths: readonly string[]): Invalidation {
  if ([...earlier.paths].sort().join('\n') === [...paths].sort().join('\n')) return earlier
  throw new CloudFrontError(
    'InvalidArgument',
    'Your request contains a caller reference that was used for a previous invalidation batch for the same distribution.',
  )
}

function changeOf(value: Invalidation): { resource: string; number: number; value: Invalidation } {
  return { resource: value.id, number: 1, value }
}
