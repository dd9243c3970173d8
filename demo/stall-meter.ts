/**
 * Watches what the kernel says of those on the way of a viewer's request: `node demo/stall-meter.ts FILE PID CLUSTER`,
 * where PID is the process that starts the load generator and the edges, and the servers run in CLUSTER. Writes a line to stdout once it watches, and then samples
 * into the file, one JSON object a line, until it is ended. It is late itself where the machine stood still altogether
 * (a virtual one that was paused), which no process is counted to have waited for.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { statFields } from '../cluster/process-identity.ts'
import { IDENTITY_ENV } from '../operator/api/names.ts'
import type { Sample, Work } from './stalls.ts'

const SAMPLE_MS = 500
/** How often new processes are looked for. */
const SEARCH_MS = 2000

type Followed = { name: string; before: Work }

const [file = '', parent = '', cluster = ''] = process.argv.slice(2)
const trace = openSync(file, 'w')
const followed = new Map<string, Followed>()

/** The clock of the load generator. */
const now = (): number => performance.timeOrigin + performance.now()

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Of the first thread, which answers the requests; undefined where the process is gone or the kernel does not count. */
function workOf(pid: string): Work | undefined {
  const [ran = 0, waited] = read(`/proc/${pid}/schedstat`)?.split(' ').map(Number) ?? []
  return waited === undefined ? undefined : { ranMs: ran / 1e6, waitedMs: waited / 1e6 }
}

/** All that are not followed yet are looked at again: a process may become another program after its start. */
function search(): void {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || followed.has(pid)) continue
    const name = nameOf(pid)
    const before = name === undefined ? undefined : workOf(pid)
    if (name !== undefined && before) followed.set(pid, { name: `${name} ${pid}`, before })
  }
}

/** A program of ours, or the color of a server; undefined for one that no request of a viewer passes. */
function nameOf(pid: string): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  if (stat !== undefined && String(statFields(stat).parent) === parent) {
    const program = read(`/proc/${pid}/cmdline`)
      ?.split('\0')
      .find((word) => word.endsWith('.ts'))
    if (program !== undefined) return program
  }
  if (isOfAnotherCluster(pid)) return undefined
  const variables = read(`/proc/${pid}/environ`)?.split('\0') ?? []
  return variables.find((variable) => variable.startsWith(`${IDENTITY_ENV.color}=`))?.replace(/^.*=/, '')
}

/** Nodes of ours have cgroups that are named after their cluster. */
function isOfAnotherCluster(pid: string): boolean {
  const name = /\/modelrelease-([^/\n]+)/.exec(read(`/proc/${pid}/cgroup`) ?? '')?.[1]
  return name !== undefined && name !== cluster
}

/** What each one did since it was last looked at; those that are gone are followed no more. */
function look(): Sample['processes'] {
  const processes: Record<string, Work> = {}
  for (const [pid, one] of followed) {
    const work = workOf(pid)
    if (!work) followed.delete(pid)
    else {
      processes[one.name] = {
        ranMs: round(work.ranMs - one.before.ranMs),
        waitedMs: round(work.waitedMs - one.before.waitedMs),
      }
      one.before = work
    }
  }
  return processes
}

const round = (ms: number): number => Math.round(ms * 10) / 10

function sample(from: number, searchedAt: number): void {
  setTimeout(() => {
    const to = now()
    const isDue = to - searchedAt >= SEARCH_MS
    const clock = { ranMs: 0, waitedMs: round(Math.max(0, to - from - SAMPLE_MS)) }
    writeSync(trace, `${JSON.stringify({ from, to, processes: { ...look(), clock } } satisfies Sample)}\n`)
    if (isDue) search()
    sample(to, isDue ? to : searchedAt)
  }, SAMPLE_MS)
}

search()
sample(now(), now())
process.stdout.write('watching\n')
