import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { once } from 'node:events'
import { ClusterError } from './cluster-error.ts'

/** A held lock. */
export interface Lock {
  /** Gives it up; a second time does nothing. */
  release(): Promise<void>
}

/**
 * Takes an exclusive lock on a file, waiting for whoever holds it; `onWait` is called once where it has to wait.
 * The kernel frees it with the process, however that ends.
 */
export async function lock(file: string, onWait: () => void, signal?: AbortSignal): Promise<Lock> {
  await mkdir(dirname(file), { recursive: true })
  const waiting = setTimeout(onWait, 300)
  // flock holds the lock while `cat` runs, and `cat` ends when this process's end of its stdin closes.
  const holder = spawn('flock', ['--no-fork', file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const abandon = (): void => void holder.kill('SIGKILL')
  signal?.addEventListener('abort', abandon, { once: true })
  try {
    const held = await Promise.race([
      once(holder.stdout, 'data').then(() => true),
      once(holder, 'close').then(() => false),
    ])
    signal?.throwIfAborted()
    if (!held) throw new ClusterError(`cannot lock ${file}: is the package util-linux installed?`)
  } catch (cause) {
    // Also where it was had: aborted between, its holder would keep it, and this process, for good.
    abandon()
    throw cause
  } finally {
    clearTimeout(waiting)
    signal?.removeEventListener('abort', abandon)
  }
  return {
    release: async () => {
      if (holder.exitCode !== null || holder.signalCode !== null) return
      const ended = once(holder, 'close')
      holder.stdin.end()
      await ended
    },
  }
}
