import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ClusterError } from './cluster-error.ts'
import type { Layout } from './layout.ts'
import { childrenOf, identify, type ProcessIdentity } from './process-identity.ts'

/** The namespaces of a node, held by the process that will be its init. */
export interface World {
  readonly init: ProcessIdentity
  /** Lets the setup become the node's init and outlive this process. */
  go(): void
}

const NAMESPACES = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--net', '--uts', '--ipc']

/** Makes the namespaces. Until `go` is called they end with this process, however that ends. */
export async function openWorld(layout: Layout, binariesDir: string): Promise<World> {
  const setup = join(import.meta.dirname, 'init/setup.sh')
  const unshare = spawn(
    'unshare',
    [
      ...[...NAMESPACES, '--', setup, layout.stateDir, layout.runDir, binariesDir],
      ...[process.execPath, join(import.meta.dirname, '..')],
    ],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' },
  )
  const init = await identify(await firstChild(unshare))
  if (init === undefined) throw new ClusterError('the init process of the node ended at once')
  return {
    init,
    go: () => {
      unshare.stdin.end('go\n')
      unshare.unref()
    },
  }
}

async function firstChild(unshare: ChildProcess): Promise<number> {
  if (unshare.pid === undefined) await once(unshare, 'spawn')
  while (unshare.exitCode === null && unshare.signalCode === null) {
    const [child] = await childrenOf(unshare.pid ?? 0)
    if (child !== undefined) return child
    await wait(5)
  }
  throw new ClusterError(
    'the namespaces of the node could not be made; does this kernel, or container, allow them?',
  )
}
