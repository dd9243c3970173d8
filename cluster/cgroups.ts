import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ClusterError } from './cluster-error.ts'

const ROOT = '/sys/fs/cgroup'
const REMOVAL_ATTEMPTS = 250
const REMOVAL_PAUSE_MS = 20
const UNIFIED_CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'pids', 'hugetlb']

/**
 * The roots of the machine's cgroup hierarchies: one on version 2, one for each controller on version 1; hybrid machines
 * have an empty one of version 2 among these. `root` is where the machine mounts them.
 */
export async function hierarchies(root = ROOT): Promise<string[]> {
  if (await isUnified(root)) return [root]
  const entries = await readdir(root, { withFileTypes: true })
  // Links such as `cpu -> cpu,cpuacct` name a hierarchy twice.
  const roots = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name))
  const present = await Promise.all(roots.map((root) => exists(join(root, 'cgroup.procs'))))
  return roots.filter((_, index) => present[index])
}

function isUnified(root: string): Promise<boolean> {
  return exists(join(root, 'cgroup.controllers'))
}

/**
 * Makes the node's cgroup in every hierarchy and puts a process, and so all that it will start, into it.
 * Throws a ClusterError where the kernel allows no limits below the root.
 */
export async function enterCgroup(name: string, pid: number, root = ROOT): Promise<void> {
  const unified = await isUnified(root)
  for (const hierarchy of await hierarchies(root)) {
    const parent = join(hierarchy, name)
    const own = join(parent, 'system')
    await mkdir(own, { recursive: true })
    // On a hybrid machine the limits are those of version 1.
    if (unified) for (const directory of [hierarchy, parent]) await handDownControllers(directory)
    if (isCpuset(hierarchy)) for (const directory of [parent, own]) await fillCpuset(directory)
    await weigh(parent)
    await writeFile(join(own, 'cgroup.procs'), String(pid))
  }
}

/**
 * Ends whatever still runs in the node's cgroups and removes them; the kernel needs a moment after the last process
 * before it lets go. Throws a ClusterError where a process does not end.
 */
export async function removeCgroups(name: string): Promise<void> {
  for (const root of await hierarchies()) {
    const group = join(root, name)
    for (const pid of await processesIn(group)) endProcess(pid)
    for (let attempts = 0; !(await removeTree(group)); attempts += 1) {
      if (attempts === REMOVAL_ATTEMPTS) {
        throw new ClusterError(
          `processes in ${group} do not end; look for one in state D with ps, then run down again`,
        )
      }
      await wait(REMOVAL_PAUSE_MS)
    }
  }
}

/** Everything in a cgroup and below it: how a node is found whose record was lost. */
async function processesIn(group: string): Promise<number[]> {
  if (!(await exists(group))) return []
  const files = await readdir(group, { recursive: true })
  const lists = files.filter((file) => basename(file) === 'cgroup.procs')
  const texts = await Promise.all(lists.map((file) => readFile(join(group, file), 'utf8').catch(() => '')))
  return texts.flatMap((text) => text.split('\n').filter((line) => line !== '')).map(Number)
}

function endProcess(pid: number): void {
  try {
    // Zero, a process of another PID namespace, would be our own group.
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause
  }
}

/** Version 2 hands controllers down one level at a time, and only from groups without processes of their own. */
async function handDownControllers(directory: string): Promise<void> {
  const available = (await readFile(join(directory, 'cgroup.controllers'), 'utf8')).trim().split(' ')
  const wanted = UNIFIED_CONTROLLERS.filter((controller) => available.includes(controller))
  if (wanted.length === 0) return
  try {
    await writeFile(join(directory, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause
    throw new ClusterError(
      `processes stand in the root of the cgroups that this container sees (${directory}), so nothing below it can have limits; start the container with the machine's cgroups (docker run --privileged --cgroupns=host), or run this on the machine itself`,
      { cause },
    )
  }
}

/** Version 1 names a hierarchy after its controllers. */
function isCpuset(hierarchy: string): boolean {
  return basename(hierarchy).split(',').includes('cpuset')
}

/** A version 1 cpuset starts empty and takes no process until it has CPUs and memory. */
async function fillCpuset(directory: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    await writeFile(join(directory, file), await readFile(join(directory, '..', file)))
  }
}

/**
 * A group competes as if it were one process, and this one holds a whole node: with the usual weight, six busy
 * neighbors would leave its API server and all its pods together a seventh of each processor.
 */
const NODE_WEIGHT = 8
const USUAL_WEIGHTS = { 'cpu.shares': 1024, 'cpu.weight': 100 }

async function weigh(directory: string): Promise<void> {
  for (const [file, usual] of Object.entries(USUAL_WEIGHTS)) {
    const path = join(directory, file)
    if (await exists(path)) await writeFile(path, String(usual * NODE_WEIGHT))
  }
}

/** Whether nothing of the tree is left. */
async function removeTree(directory: string): Promise<boolean> {
  if (!(await exists(directory))) return true
  const entries = await readdir(directory, { withFileTypes: true })
  const children = entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name))
  for (const child of children) if (!(await removeTree(child))) return false
  return rmdir(directory).then(
    () => true,
    () => false,
  )
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
