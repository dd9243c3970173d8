import { readFile, readdir, readlink } from 'node:fs/promises'

/** A process that cannot be mistaken for a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot at which it started. */
  readonly startTime: string
  readonly bootId: string
}

/** A process inside a PID namespace, by the number that the machine knows it under. */
export interface NamespaceProcess {
  readonly pid: number
  readonly command: string
}

/** The fields of /proc/PID/stat behind the command name, which itself may hold spaces and parentheses. */
export function statFields(stat: string): { state: string; parent: number; startTime: string } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTime: fields[19] ?? '' }
}

/** Names a running process; undefined where there is none. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readOptional(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  const { state, startTime } = statFields(stat)
  if (state === 'Z' || state === 'X') return undefined
  return { pid, startTime, bootId: await bootId() }
}

/** Whether that very process still runs. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const found = await identify(identity.pid)
  return found?.startTime === identity.startTime && found.bootId === identity.bootId
}

/** The children of a process. */
export async function childrenOf(parent: number): Promise<number[]> {
  const stats = await Promise.all(
    (await allPids()).map(async (pid) => ({ pid, stat: await readOptional(`/proc/${pid}/stat`) })),
  )
  return stats
    .filter(({ stat }) => stat !== undefined && statFields(stat).parent === parent)
    .map(({ pid }) => pid)
}

/** Every process in the PID namespace of a process. */
export async function namespaceProcesses(init: number): Promise<NamespaceProcess[]> {
  const wanted = await linkOptional(`/proc/${init}/ns/pid`)
  if (wanted === undefined) return []
  const found = await Promise.all(
    (await allPids()).map(async (pid) =>
      (await linkOptional(`/proc/${pid}/ns/pid`)) === wanted
        ? { pid, command: (await readOptional(`/proc/${pid}/comm`))?.trim() ?? '' }
        : undefined,
    ),
  )
  return found.filter((process) => process !== undefined)
}

/** This boot of the machine; process numbers and start times mean nothing in another. */
async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}

async function allPids(): Promise<number[]> {
  return (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

async function linkOptional(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}
