/** What the exit code of the program means; CI depends on it. */
export const EXIT = {
  /** Done; of a release that was waited for: promoted. */
  done: 0,
  /** The release failed, was aborted, rolled back, superseded, or is stalled; a command was refused; `diff` found differences. */
  failed: 1,
  /** Nothing is decided within --timeout. */
  timedOut: 2,
  /** Nothing was done: not found, invalid, forbidden, no cluster, a wrong command line. */
  notDone: 3,
  /** Ended by Ctrl-C, as shells have it. */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Why the program cannot do what it was asked; its message is all that people see. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = EXIT.notDone, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
