import { SCRIPTS, type Shell } from '../completion/scripts.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import type { Io } from '../io.ts'

/** Prints what a shell is to read. */
export function completion(shell: Shell, io: Io): ExitCode {
  io.stdout.write(SCRIPTS[shell])
  return EXIT.done
}
