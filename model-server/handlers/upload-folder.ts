/** Where uploads lie while they are worked on. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

const PREFIX = 'model-server-'

/** A folder of this process below TMPDIR, with a folder for each upload. */
export class UploadFolder {
  readonly #path: string
  #given = 0

  /** Delete what processes that are gone left behind, and make the folder. @throws Error where the place cannot be written */
  constructor(parent: string, pid = process.pid) {
    for (const name of readdirSync(parent)) {
      const owner = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length)) : NaN
      // In a container this process always has the same id, so what has our id is of our predecessor.
      if (Number.isInteger(owner) && (owner === pid || !isAlive(owner))) {
        rmSync(join(parent, name), { recursive: true, force: true })
      }
    }
    this.#path = join(parent, `${PREFIX}${pid}`)
    mkdirSync(this.#path, { mode: 0o700 })
  }

  /** The path of a folder that is still to be made. */
  newPath(): string {
    this.#given += 1
    return join(this.#path, String(this.#given))
  }

  /** Delete a folder and all that is in it, if it was made at all. */
  async remove(folder: string): Promise<void> {
    // What a handler goes on writing may stand in the way; the end of the process deletes it.
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined)
  }

  /** Delete everything, at once; for the end of the process. */
  removeAll(): void {
    rmSync(this.#path, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
