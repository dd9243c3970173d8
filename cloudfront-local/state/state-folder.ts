/** A folder that keeps the state: one JSON file per resource, each replaced as a whole. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shelf } from './shelf.ts'

/** The folder cannot be used; the message says why and what helps. */
export class StateError extends Error {}

const MARKER = 'cloudfront-local.json'
const FORMAT = 1
const SUFFIX = '.json'

export class StateFolder {
  readonly #path: string
  /** Whether nothing was ever kept here, so that a seed is wanted. */
  readonly isNew: boolean

  /** Makes the folder when it is missing. Throws StateError. */
  constructor(path: string) {
    this.#path = path
    try {
      mkdirSync(path, { recursive: true })
      this.isNew = !existsSync(join(path, MARKER))
      if (this.isNew && readdirSync(path).length > 0) {
        throw new StateError(`${path} holds other things; name a new or empty folder`)
      }
    } catch (error) {
      if (error instanceof StateError) throw error
      throw new StateError(`${path}: ${(error as Error).message}`, { cause: error })
    }
    if (!this.isNew) this.#refuseOtherFormat()
  }

  /** From now on the folder holds a state: the seed is in it. */
  settle(): void {
    this.#replace(join(this.#path, MARKER), { format: FORMAT })
  }

  shelf<T>(kind: string): Shelf<T> {
    const folder = join(this.#path, kind)
    mkdirSync(folder, { recursive: true })
    const file = (key: string): string => join(folder, `${encodeURIComponent(key)}${SUFFIX}`)
    return {
      all: () =>
        readdirSync(folder)
          .filter((name) => name.endsWith(SUFFIX))
          .sort()
          .map((name) => read(join(folder, name)) as T),
      put: (key, value) => {
        this.#replace(file(key), value)
      },
      delete: (key) => {
        rmSync(file(key), { force: true })
      },
    }
  }

  /** A reader sees the old file or the new one, never a half; a killed process leaves one of them. */
  #replace(file: string, value: unknown): void {
    writeFileSync(`${file}.new`, `${JSON.stringify(value, undefined, 2)}\n`)
    renameSync(`${file}.new`, file)
  }

  #refuseOtherFormat(): void {
    const { format } = read(join(this.#path, MARKER)) as { format?: unknown }
    if (format === FORMAT) return
    throw new StateError(`${this.#path} was written by another version; name a new folder`)
  }
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new StateError(`${file}: ${(error as Error).message}; repair or delete it`, { cause: error })
  }
}
