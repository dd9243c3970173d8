import { lintManifest } from '../checks/lint.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { say, type Io } from '../io.ts'
import { readManifests } from '../manifest.ts'

export type LintFlags = { filename: string[]; strict?: boolean }

/** Checks files without a cluster; exits with 3 where something would be refused. */
export async function lint({ filename, strict }: LintFlags, io: Io): Promise<ExitCode> {
  let refused = 0
  for (const { file, manifest } of await readManifests(filename, io)) {
    const { errors, warnings } = lintManifest(manifest)
    const where = `${file}: ${manifest.metadata.name}`
    for (const error of errors) say(io, `${where}: error: ${error}`)
    for (const warning of warnings) say(io, `${where}: warning: ${warning}`)
    if (errors.length + warnings.length === 0) say(io, `${where}: ok`)
    refused += errors.length + (strict ? warnings.length : 0)
  }
  return refused > 0 ? EXIT.notDone : EXIT.done
}
