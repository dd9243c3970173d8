import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ClusterError } from './cluster-error.ts'
import { run } from './command.ts'

/** What was made in a cluster of the user's, and only that, so that it can be taken out again; in a file beside its kubeconfig. */
export interface Borrowed {
  /** Writes down what is about to be made, as `kind/name`. Throws a ClusterError, and nothing is written, where any is there. */
  claim(objects: readonly string[]): Promise<void>
  /** Removes what was claimed, namespaces with all that is in them first, and waits until it is gone. */
  giveBack(): Promise<void>
}

interface BorrowedOptions {
  readonly context: string
  readonly file: string
  /** Runs kubectl in that cluster. */
  readonly kubectl: (args: readonly string[]) => Promise<string>
}

export function borrowed({ context, file, kubectl }: BorrowedOptions): Borrowed {
  const read = async (): Promise<string[]> =>
    JSON.parse(await readFile(file, 'utf8').catch(() => '[]')) as string[]
  return {
    claim: async (objects) => {
      const claimed = await read()
      const added = objects.filter((object) => !claimed.includes(object))
      if (added.length === 0) return
      const there = await kubectl(['get', ...added, '--ignore-not-found', '--output=name'])
      if (there !== '') {
        throw new ClusterError(
          `context ${context} has ${there.split('\n').join(', ')} already, and this would change it; nothing was changed: name another cluster, or remove what nobody uses`,
        )
      }
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await writeFile(`${file}.partial`, JSON.stringify([...claimed, ...added]))
      await rename(`${file}.partial`, file)
    },
    giveBack: async () => {
      const claimed = await read()
      const isNamespace = (object: string): boolean => /^namespace\//i.test(object)
      // What lies in a namespace may need the rest to end in order, such as a custom resource its definition.
      for (const objects of [claimed.filter(isNamespace), claimed.filter((one) => !isNamespace(one))])
        if (objects.length > 0) await kubectl(['delete', ...objects, '--ignore-not-found', '--timeout=180s'])
      await rm(file, { force: true })
    },
  }
}

/** A runner of kubectl in one cluster. */
export function kubectlIn(program: string, kubeconfig: string): (args: readonly string[]) => Promise<string> {
  return (args) => run(program, ['--kubeconfig', kubeconfig, ...args])
}
