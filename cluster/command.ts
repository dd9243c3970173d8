import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { ClusterError } from './cluster-error.ts'

/** How a command is run. */
export interface RunOptions {
  readonly cwd?: string
  /** Variables set on top of the inherited ones. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Appends stdout and stderr to this file instead of returning them; the file is named where the command fails. */
  readonly logFile?: string
  readonly signal?: AbortSignal | undefined
  /** Gives the command a PID namespace of its own, so that ending it ends everything that it started. */
  readonly contained?: boolean
}

/** What came of a command that was allowed to fail. */
export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command and returns its stdout, trimmed.
 * Throws a ClusterError with the command's last words where it fails.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await attempt(command, args, options)
  if (result.code === 0) return result.stdout.trim()
  throw new ClusterError(`${command} failed: ${lastWords(result, options.logFile)}`)
}

/** Runs a command that may fail. Throws only where it cannot be started at all or was aborted. */
export async function attempt(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const log = options.logFile === undefined ? undefined : await open(options.logFile, 'a')
  try {
    return await execute(commandLine(command, args, options), options, log?.fd)
  } finally {
    await log?.close()
  }
}

/**
 * Before the words of a command: the kernel ends unshare with this process (--pdeathsig), its child with it (--kill-child),
 * and with that PID 1 the whole namespace, so that what is killed in any way leaves nothing running. More flags of unshare may
 * follow.
 */
export const CONTAINED = [
  'setpriv',
  ...['--pdeathsig', 'KILL'],
  'unshare',
  ...['--pid', '--fork', '--kill-child', '--mount-proc'],
] as const

function commandLine(command: string, args: readonly string[], options: RunOptions): string[] {
  const variables = Object.entries(options.env ?? {}).map(([key, value]) => `${key}=${value}`)
  const plain = variables.length === 0 ? [command, ...args] : ['env', ...variables, command, ...args]
  if (options.contained !== true) return plain
  return [...CONTAINED, ...plain]
}

function execute(
  [command, ...args]: string[],
  options: RunOptions,
  log: number | undefined,
): Promise<RunResult> {
  options.signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C reaches us alone, and we end the command in our own order.
    const child = spawn(command ?? '', args, {
      cwd: options.cwd,
      detached: true,
      // Node's pipes are sockets, and a bash whose stdin is one takes itself for a remote shell: it reads the user's
      // .bashrc, whose PATH then comes before ours. A make that calls bash built with the wrong Go that way.
      stdio: [options.input === undefined ? 'ignore' : 'pipe', log ?? 'pipe', log ?? 'pipe'],
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
    // A command that ends before it has read its input is judged by its exit code.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input)
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }
    options.signal?.addEventListener('abort', end, { once: true })
    child.on('error', (cause: NodeJS.ErrnoException) => {
      reject(new ClusterError(`cannot run ${command}: ${cause.code ?? cause.message}`, { cause }))
    })
    child.on('close', (code) => {
      options.signal?.removeEventListener('abort', end)
      if (options.signal?.aborted === true) reject(options.signal.reason as Error)
      else resolve({ code: code ?? 1, stdout: text(stdout), stderr: text(stderr) })
    })
  })
}

function lastWords(result: RunResult, logFile: string | undefined): string {
  if (logFile !== undefined) return `exit code ${result.code}, see ${logFile}`
  const lines = `${result.stdout}\n${result.stderr}`.trim().split('\n')
  return lines.slice(-4).join(' / ') || `exit code ${result.code}`
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8')
}
