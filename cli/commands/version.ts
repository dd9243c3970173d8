import { EXIT, type ExitCode } from '../errors.ts'
import { say, type Io } from '../io.ts'
import { formatOf, objectText } from '../print.ts'
import { programVersion } from '../version.ts'

export type VersionFlags = { output?: string }

/** Which version this is. */
export function version(flags: VersionFlags, io: Io): ExitCode {
  const format = formatOf(flags.output, ['json', 'yaml'])
  const known = { client: { version: programVersion(), node: process.versions.node } }
  if (format === 'json' || format === 'yaml') io.stdout.write(objectText(known, format))
  else say(io, `kubectl-modelrelease ${known.client.version} (Node ${known.client.node})`)
  return EXIT.done
}
