import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ClusterError } from './cluster-error.ts'
import { run } from './command.ts'

/** What was made in a cluster of the user's, and only that, so that it can be taken out again; in a file beside its kubeconfig. */
export interface Borrowed {
  /** Writes down what is about to be made, as `kind/name`. Throws a ClusterError, and nothing is written, where any is there. */
  claim(objects: readonly string[]): Promise<void>
  /**
   * Removes what was claimed, namespaces with all that is in them first, and waits until it is gone. Throws a ClusterError
   * where the cluster does not answer, or is another one than that in which something was made, and forgets nothing of it.
   */
  giveBack(): Promise<void>
}

interface BorrowedOptions {
  readonly context: string
  readonly file: string
  /** Runs kubectl in that cluster. */
  readonly kubectl: (args: readonly string[]) => Promise<string>
}

/** What is written down. A cluster is known by its kube-system: another one may come to have the same context and address. */
interface Claims {
  readonly cluster: string
  readonly objects: readonly string[]
}

export function borrowed({ context, file, kubectl }: BorrowedOptions): Borrowed {
  const read = async (): Promise<Claims[]> => {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    // What an earlier version wrote is of one cluster.
    return text === undefined ? [] : [JSON.parse(text) as Claims | Claims[]].flat()
  }
  const write = async (claims: readonly Claims[]): Promise<void> => {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(`${file}.partial`, JSON.stringify(claims))
    await rename(`${file}.partial`, file)
  }
  const thisCluster = (): Promise<string> =>
    kubectl(['get', 'namespace/kube-system', '--request-timeout=30s', '--output=jsonpath={.metadata.uid}'])
  return {
    claim: async (objects) => {
      const cluster = await thisCluster()
      const written = await read()
      const others = written.filter((one) => one.cluster !== cluster)
      const claimed = written.find((one) => one.cluster === cluster)?.objects ?? []
      const added = objects.filter((object) => !claimed.includes(object))
      if (added.length === 0) return
      const there = await kubectl(['get', ...added, '--ignore-not-found', '--output=name'])
      if (there !== '') {
        throw new ClusterError(
          `context ${context} has ${there.split('\n').join(', ')} already, and this would change it; nothing was changed: name another cluster, or remove what nobody uses`,
        )
      }
      await write([...others, { cluster, objects: [...claimed, ...added] }])
    },
    giveBack: async () => {
      const written = await read()
      if (written.length === 0) return
      const reached = await thisCluster().catch((cause: unknown) => {
        throw new ClusterError(silent({ context, file, objects: objectsOf(written) }, cause), { cause })
      })
      for (const { cluster, objects } of written) if (cluster === reached) await removeAll(objects, kubectl)
      const others = written.filter(({ cluster }) => cluster !== reached)
      if (others.length > 0) {
        await write(others)
        throw new ClusterError(elsewhere({ context, file, objects: objectsOf(others) }))
      }
      await rm(file, { force: true })
    },
  }
}

function objectsOf(claims: readonly Claims[]): string[] {
  return claims.flatMap(({ objects }) => objects)
}

async function removeAll(objects: readonly string[], kubectl: BorrowedOptions['kubectl']): Promise<void> {
  const isNamespace = (object: string): boolean => /^namespace\//i.test(object)
  // What lies in a namespace may need the rest to end in order, such as a custom resource its definition.
  for (const some of [objects.filter(isNamespace), objects.filter((one) => !isNamespace(one))])
    if (some.length > 0) await kubectl(['delete', ...some, '--ignore-not-found', '--timeout=180s'])
}

function silent(
  { context, file, objects }: Pick<BorrowedOptions, 'context' | 'file'> & Pick<Claims, 'objects'>,
  cause: unknown,
): string {
  const why = (cause as Error).message.trim().split('\n').at(-1) ?? ''
  return `context ${context} does not answer (${why}), and an earlier run made ${objects.join(', ')} there. Once it answers, run this again. If that cluster is gone for good: rm ${file}`
}

function elsewhere({
  context,
  file,
  objects,
}: Pick<BorrowedOptions, 'context' | 'file'> & Pick<Claims, 'objects'>): string {
  return `context ${context} leads to another cluster now, and an earlier run made ${objects.join(', ')} in the one before; in this one nothing of it was touched. Have the context lead to that cluster, then run up and down. If that cluster is gone for good: rm ${file}`
}

/** A runner of kubectl in one cluster. */
export function kubectlIn(program: string, kubeconfig: string): (args: readonly string[]) => Promise<string> {
  return (args) => run(program, ['--kubeconfig', kubeconfig, ...args])
}
