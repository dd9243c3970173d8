import type { Command } from 'commander'
import { EXIT, type ExitCode } from '../errors.ts'
import { say, type Io } from '../io.ts'
import { candidatesOf } from './candidates.ts'

/** As kubectl and cobra have it: https://github.com/spf13/cobra/blob/main/completions.go (ShellCompDirective). */
const DIRECTIVE = { files: 0, noFiles: 4 }

/** Longer than this nobody waits for a name. */
const NAMES_TIMEOUT = '3s'

/** Candidates, one a line with its description behind a tab, and a last line that says whether files go as well. */
export async function complete(program: Command, words: readonly string[], io: Io): Promise<ExitCode> {
  const { words: known, then } = candidatesOf(program, words)
  for (const [word, description] of known) say(io, description === '' ? word : `${word}\t${description}`)
  if (then === 'names') for (const name of await namesOf(words, io)) say(io, name)
  say(io, `:${then === 'files' ? DIRECTIVE.files : DIRECTIVE.noFiles}`)
  return EXIT.done
}

/** Names of releases that begin like the last word; none where the cluster does not answer. */
async function namesOf(words: readonly string[], io: Io): Promise<string[]> {
  try {
    const { openSession } = await import('../session.ts')
    const { releases, namespace } = openSession({ ...flagsIn(words), requestTimeout: NAMES_TIMEOUT }, io)
    const { items } = await releases.list(namespace)
    const current = words.at(-1) ?? ''
    return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(current))
  } catch {
    return []
  }
}

/** Where to look for names: the flags that stand on the line already. */
function flagsIn(words: readonly string[]): { namespace?: string; context?: string; kubeconfig?: string } {
  const flags: Record<string, string> = {}
  words.forEach((word, index) => {
    const [, name = '', value = words[index + 1]] =
      /^--?(n|namespace|context|kubeconfig)(?:=(.*))?$/.exec(word) ?? []
    if (name !== '' && value !== undefined) flags[name === 'n' ? 'namespace' : name] = value
  })
  return flags
}
