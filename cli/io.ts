/** What the program has of the machine: everything that a test replaces. */
import type { Environment } from './config.ts'

/** Where text goes. */
export type Sink = {
  write(text: string): unknown
  /** Whether a person sits before it. */
  isTTY?: boolean | undefined
  columns?: number | undefined
  rows?: number | undefined
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

export type Io = {
  stdout: Sink
  stderr: Sink
  /** All of the standard input. */
  readStdin(): Promise<string>
  environment: Environment
  /** Milliseconds since the epoch. */
  now(): number
  /** Returns after so many milliseconds, or as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Aborts when a person ends the program. */
  signal: AbortSignal
}

/** One line on the standard output. */
export function say(io: Pick<Io, 'stdout'>, line: string): void {
  io.stdout.write(`${line}\n`)
}

/** One line that is no part of the result. */
export function warn(io: Pick<Io, 'stderr'>, line: string): void {
  io.stderr.write(`${line}\n`)
}
