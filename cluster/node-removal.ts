import { cp, mkdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { removeCgroups } from './cgroups.ts'
import { ClusterError } from './cluster-error.ts'
import { disconnectNode } from './host-network.ts'
import type { Layout } from './layout.ts'
import type { NodeRecord } from './node-record.ts'
import { isRunning, namespaceProcesses, type ProcessIdentity } from './process-identity.ts'
import { nodeRanges } from './ranges.ts'

/** Ends a node and removes all that it left on the machine; whatever part of it exists. */
export async function removeNode(layout: Layout, record: NodeRecord | undefined): Promise<void> {
  if (record?.init !== undefined) await endInit(record.init)
  await disconnectNode(layout, record === undefined ? undefined : nodeRanges(record.range))
  await removeCgroups(layout.cgroup)
  await removeDirectory(layout.stateDir)
  // The record goes last: until then a removal that was cut short can be repeated.
  await removeDirectory(layout.runDir)
  // Of several clusters the last one takes the directory with it.
  await rmdir(dirname(layout.stateDir)).catch(() => undefined)
}

/** Copies the components' logs to where they outlive the node; returns the directory. */
export async function keepLogs(layout: Layout): Promise<string> {
  await rm(layout.failedLogsDir, { recursive: true, force: true })
  await mkdir(layout.failedLogsDir, { recursive: true })
  await cp(layout.logDir, layout.failedLogsDir, { recursive: true }).catch(() => undefined)
  return layout.failedLogsDir
}

/** Kills the one process whose end is the end of all others of the node, and waits until the last is gone. */
async function endInit(init: ProcessIdentity): Promise<void> {
  if (!(await isRunning(init))) return
  const others = (await namespaceProcesses(init.pid)).length
  process.kill(init.pid, 'SIGKILL')
  for (let waited = 0; await isRunning(init); waited += 10) {
    if (waited > 20_000) {
      throw new ClusterError(
        `${others} processes of the node do not end; look for one in state D with ps, then run down again`,
      )
    }
    await wait(10)
  }
}

async function removeDirectory(directory: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount === directory || mount.startsWith(`${directory}/`))
  if (mounts.length > 0) {
    // The node's own mounts are in its namespace, so this one is somebody's and its content is not ours to delete.
    throw new ClusterError(`${mounts[0] ?? ''} is a mount of this machine; unmount it and run down again`)
  }
  await rm(directory, { recursive: true, force: true })
}
