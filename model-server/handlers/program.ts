/** Programs that handlers start, for example ffmpeg: without a shell, without input, and never longer than their request. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { ExecOptions, ExecResult } from './handler.ts'

const MAX_STDOUT_BYTES = 16 * 2 ** 20
const STDERR_BYTES = 8 * 2 ** 10

/** A program to run, and everything it sees of this process. */
export type Program = {
  program: string
  args: readonly string[]
  options: ExecOptions
  /** Where programs are looked for; the only variable of the environment that they get. */
  path: string
  /** Kills it, and what it started. */
  signal: AbortSignal
}

const running = new Set<ChildProcess>()
// Programs that a dying server leaves behind would go on working for nobody.
process.once('exit', () => running.forEach(kill))

/** Run a program to its end. Rejects where it cannot be started, writes too much, or is killed by the signal. */
export async function runProgram({ program, args, options, path, signal }: Program): Promise<ExecResult> {
  signal.throwIfAborted()
  const { cwd = '/', maxStdoutBytes = MAX_STDOUT_BYTES } = options
  const child = spawn(program, args, {
    cwd,
    env: { PATH: path, LANG: 'C.UTF-8' },
    // A group of its own can be killed whole.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const stop = (): void => kill(child)
  signal.addEventListener('abort', stop, { once: true })
  try {
    const result = await collect(child, maxStdoutBytes)
    signal.throwIfAborted()
    if (!result) throw new Error(`${program} wrote more than ${maxStdoutBytes} bytes`)
    return result
  } finally {
    signal.removeEventListener('abort', stop)
    running.delete(child)
  }
}

/** Undefined where it wrote too much. */
function collect(child: ChildProcess, maxStdoutBytes: number): Promise<ExecResult | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  let stderr = Buffer.alloc(0)
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxStdoutBytes) chunks.push(chunk)
    else kill(child)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_BYTES)
  })
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new Error(`cannot run ${child.spawnfile}: ${cause.message}`, { cause })),
    )
    child.once('close', (code) => {
      if (size > maxStdoutBytes) resolve(undefined)
      else resolve({ code, stdout: joined(chunks, size), stderr: stderr.toString() })
    })
  })
}

/** In memory of its own: what is sent to a thread takes its whole memory along. */
function joined(chunks: readonly Buffer[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended on its own in this very moment.
  }
}
