import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ClusterError } from './cluster-error.ts'

const ROOT = '/sys/fs/cgroup'
const REMOVAL_ATTEMPTS = 250
const REMOVAL_PAUSE_MS = 20
const UNIFIED_CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'pids', 'hugetlb']

/** The roots of the machine's cgroup hierarchies: one on version 2, one for each controller on version 1. */
export async function hierarchies(): Promise<string[]> {
  if (await exists(join(ROOT, 'cgroup.controllers'))) return [ROOT]
  const entries = await readdir(ROOT, { withFileTypes: true })
  // Links such as `cpu -> cpu,cpuacct` name a hierarchy twice.
  const roots = entries.filter((entry) => entry.isDirectory()).map((entry) => join(ROOT, entry.name))
  const present = await Promise.all(roots.map((root) => exists(join(root, 'cgroup.procs'))))
  return roots.filter((_, index) => present[index])
}

/** Makes the node's cgroup in every hierarchy and puts a process, and so all that it will start, into it. */
export async function enterCgroup(name: string, pid: number): Promise<void> {
  for (const root of await hierarchies()) {
    const parent = join(root, name)
    const own = join(parent, 'system')
    await mkdir(own, { recursive: true })
    await delegateControllers(root, parent)
    for (const directory of [parent, own]) await fillCpuset(directory)
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

/** Version 2 hands controllers down one level at a time, and only to groups without processes of their own. */
async function delegateControllers(root: string, parent: string): Promise<void> {
  if (!(await exists(join(parent, 'cgroup.subtree_control')))) return
  for (const directory of [root, parent]) {
    const available = (await readFile(join(directory, 'cgroup.controllers'), 'utf8')).trim().split(' ')
    const wanted = UNIFIED_CONTROLLERS.filter((controller) => available.includes(controller))
    if (wanted.length === 0) return
    await writeFile(join(directory, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '))
  }
}

/** A version 1 cpuset starts empty and takes no process until it has CPUs and memory. */
async function fillCpuset(directory: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const path = join(directory, file)
    if (!directory.startsWith(join(ROOT, 'cpuset')) || !(await exists(path))) continue
    await writeFile(path, await readFile(join(directory, '..', file)))
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
