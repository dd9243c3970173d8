/** Where uploads lie while they are worked on. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

const PREFIX = 'model-server-'

/** One upload, from before its first byte. */
export type Upload = {
  folder: string
  /** Whether there is room for as many more bytes of it; then they are taken. */
  takeRoom: (bytes: number) => boolean
  /** Delete the folder and all that is in it, if it was made at all, and give back its room. */
  remove: () => Promise<void>
}

/** A folder of this process below TMPDIR, with a folder for each upload. */
export class UploadFolder {
  readonly #path: string
  readonly #maxBytes: number
  #bytes = 0
  #given = 0

  /**
   * Delete what processes that are gone left behind, and make the folder.
   * @param maxBytes of all uploads that are here at a time
   * @throws Error where the place cannot be written
   */
  constructor(parent: string, maxBytes: number, pid = process.pid) {
    for (const name of readdirSync(parent)) {
      const owner = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length)) : NaN
      // In a container this process always has the same id, so what has our id is of our predecessor.
      if (Number.isInteger(owner) && (owner === pid || !isAlive(owner))) {
        rmSync(join(parent, name), { recursive: true, force: true })
      }
    }
    this.#maxBytes = maxBytes
    this.#path = join(parent, `${PREFIX}${pid}`)
    mkdirSync(this.#path, { mode: 0o700 })
  }

  /** Another upload, whose folder is still to be made. */
  newUpload(): Upload {
    this.#given += 1
    const folder = join(this.#path, String(this.#given))
    let taken = 0
    let isOver = false
    return {
      folder,
      takeRoom: (bytes) => {
        // Nobody would give back what the last bytes of a refused upload take.
        if (isOver || this.#bytes + bytes > this.#maxBytes) return false
        this.#bytes += bytes
        taken += bytes
        return true
      },
      remove: async () => {
        isOver = true
        // What a handler goes on writing may stand in the way; the end of the process deletes it.
        await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined)
        this.#bytes -= taken
        taken = 0
      },
    }
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
