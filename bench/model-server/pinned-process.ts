/** Processes on a core of their own, and what they used of it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

/** Linux counts the time of processes in hundredths of a second whatever the kernel's own tick is (USER_HZ). */
const TICKS_PER_SECOND = 100
const READY_MS = 120_000
const POLL_MS = 5

/** Where servers run and where those run who ask them. */
export type Cores = { server: number; client: number }

/** The first two cores that this process may use. */
export function pickCores(): Cores {
  const [server, client] = parseCpuList(statusOf('self', 'Cpus_allowed_list') ?? '')
  if (server === undefined || client === undefined) {
    throw new Error(
      `needs two cores, one for the server and one for its clients; there is ${availableParallelism()}`,
    )
  }
  return { server, client }
}

/** `0-2,5` as the kernel writes it. */
export function parseCpuList(text: string): number[] {
  return text
    .split(',')
    .filter(Boolean)
    .flatMap((range) => {
      const [first = NaN, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 || 0 }, (_, index) => first + index)
    })
}

/** What to start. The environment is only what is given here, so that no setting of whoever measures leaks in. */
export type Command = {
  core: number
  argv: readonly [string, ...string[]]
  env?: Readonly<Record<string, string>>
  cwd?: string
  logFile: string
}

/** A process that was pinned to a core before its first instruction. */
export class PinnedProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly #logFile: string
  readonly #exited: Promise<unknown>

  constructor({ core, argv, env = {}, cwd, logFile }: Command) {
    const log = openSync(logFile, 'a')
    // taskset becomes the program: the process that we start is the one that is measured.
    this.child = spawn('/usr/bin/taskset', ['--cpu-list', String(core), ...argv], {
      env: { ...env },
      stdio: ['ignore', log, log],
      ...(cwd === undefined ? {} : { cwd }),
    })
    closeSync(log)
    this.pid = this.child.pid ?? 0
    this.#logFile = logFile
    this.#exited = once(this.child, 'exit')
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Until a GET, or a connection where there is no path to ask for, succeeds. */
  async ready(url: string): Promise<void> {
    const started = performance.now()
    while (!(await answers(url))) {
      if (!this.isRunning) throw new Error(`a server ended before it was ready; see ${this.#logFile}`)
      if (performance.now() - started > READY_MS) throw new Error(`not ready in time; see ${this.#logFile}`)
      await wait(POLL_MS)
    }
  }

  /** User and system time so far, of this process, its threads and its children. */
  cpuSeconds(): number {
    return [this.pid, ...childrenOf(this.pid)].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  }

  /** Resident memory now, of this process alone. */
  residentMiB(): number {
    return kibibytes(statusOf(String(this.pid), 'VmRSS')) / 1024
  }

  /** The most that was ever resident. */
  peakResidentMiB(): number {
    return kibibytes(statusOf(String(this.pid), 'VmHWM')) / 1024
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.child.kill('SIGTERM')
    const ended = await Promise.race([this.#exited.then(() => true), wait(1_500, false)])
    if (!ended) this.child.kill('SIGKILL')
    await this.#exited
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.arrayBuffer()
    // A peer knows no route for health: that it answers at all is what it can say.
    return response.ok || response.status === 404 || response.status === 405
  } catch {
    return false
  }
}

/** `utime` and `stime` of /proc/PID/stat; the name before them may hold spaces and brackets. */
export function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function cpuSecondsOf(pid: number): number {
  return parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')) / TICKS_PER_SECOND
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

function statusOf(pid: string, name: string): string | undefined {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}

function kibibytes(text: string | undefined): number {
  return Number.parseInt(text ?? '', 10)
}
