/** Where the lines of many requests go: behind buffers, so that a slow disk or reader holds up no answer. */
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import pino from 'pino'

/** Takes whole lines, and may drop them. */
export type LineSink = {
  write: (line: string) => unknown
  /** A longer one could get mixed with those of other writers. */
  maxLineBytes: number
}

/** The most that a pipe takes whole, so that lines of other writers cannot land inside ours (PIPE_BUF). */
const PIPE_BUF = 4096
/** More is dropped: a reader that does not keep up costs lines, not memory. */
const MAX_WAITING_BYTES = 4 * 2 ** 20
const FLUSH_MS = 200

/** Standard output, written when there is enough for one write, after 200 ms, and when the process exits. */
export function bufferedStdout(dropped: () => void): LineSink {
  const options = { maxWrite: PIPE_BUF, periodicFlush: FLUSH_MS, maxLength: MAX_WAITING_BYTES }
  const stdout = pino.destination({ dest: 1, sync: false, minLength: PIPE_BUF - 96, ...options })
  stdout.on('drop', dropped)
  // Nobody reads any more. It is no reason to stop answering.
  stdout.on('error', dropped)
  return { maxLineBytes: PIPE_BUF, write: (line) => stdout.write(line) }
}

/**
 * A file that begins anew when it has grown to `maxFileBytes`. The one before stays beside it with `.1` at its end, so that
 * both together take about twice as much at most. Only the owner can read them. `failed` is told of the first problem with
 * a file that could be opened once.
 * @throws Error where it cannot be opened
 */
export function rotatingFile(
  path: string,
  {
    maxFileBytes,
    dropped,
    failed,
  }: { maxFileBytes: number; dropped: () => void; failed: (err: Error) => void },
): LineSink {
  // The destination opens it later, and cannot live with a failure then.
  mkdirSync(dirname(path), { recursive: true })
  closeSync(openSync(path, 'a', 0o600))
  const options = { minLength: PIPE_BUF, periodicFlush: FLUSH_MS, maxLength: MAX_WAITING_BYTES }
  const file = pino.destination({ dest: path, sync: false, mode: 0o600, ...options })
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  let hasFailed = false
  const fail = (error: Error): void => {
    if (!hasFailed) failed(error)
    hasFailed = true
  }
  file.on('drop', dropped)
  file.on('error', fail)
  file.on('write', (bytes: number) => {
    size += bytes
    if (size < maxFileBytes) return
    size = 0
    try {
      renameSync(path, `${path}.1`)
      file.reopen()
    } catch (error) {
      fail(error as Error)
    }
  })
  return { maxLineBytes: Infinity, write: (line) => file.write(line) }
}
