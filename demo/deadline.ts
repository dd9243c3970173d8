/**
 * Deadlines that count the time in which the machine ran for us. On one with five times as much to do as it has
 * processors, everything takes five times as long, and a deadline there is five times as far away.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const TICK_MS = 1000
const SHORTEST_TICK_MS = 20
/** However busy the machine is, a deadline is never further away than so many times its length. */
export const MOST_TIMES = 10
/** A tick that comes later than this was slept through, by this process or by the whole machine. */
const LONGEST_TICK_MS = 2 * TICK_MS

/** Processes that run or wait for a processor, and how many processors there are. */
export type Demand = { runnable: number; processors: number }

/** How much of the time between two ticks the machine ran for one process among all that wanted to; milliseconds. */
export function runningMs(elapsedMs: number, { runnable, processors }: Demand): number {
  const share = Math.min(1, processors / Math.max(1, runnable))
  const ran = Math.min(elapsedMs, LONGEST_TICK_MS) * share
  return Math.max(ran, elapsedMs / MOST_TIMES)
}

/** Calls back once so much running time is over; returns what cancels it. Keeps no process alive. */
export function afterRunning(ms: number, late: () => void, demand: () => Demand = currentDemand): () => void {
  let leftMs = ms
  let last = performance.now()
  const stop = (): void => clearTimeout(timer)
  const tick = (): void => {
    const now = performance.now()
    leftMs -= runningMs(now - last, demand())
    last = now
    if (leftMs <= 0) late()
    else timer = wait()
  }
  const wait = (): NodeJS.Timeout =>
    setTimeout(tick, Math.min(TICK_MS, Math.max(leftMs, SHORTEST_TICK_MS))).unref()
  let timer = wait()
  return stop
}

/** `AbortSignal.timeout`, in running time. */
export function runningTimeout(ms: number): AbortSignal {
  const controller = new AbortController()
  afterRunning(ms, () => controller.abort(new DOMException(`no end within ${ms / 1000} s`, 'TimeoutError')))
  return controller.signal
}

/** More processes want to run than twice as many processors could take. */
export function isBusy({ runnable, processors }: Demand = currentDemand()): boolean {
  return runnable > 2 * processors
}

/** As the kernel counts it; where there is no such kernel, nobody else is taken to want the processors. */
function currentDemand(): Demand {
  return { runnable: runnableIn(procStat()), processors: availableParallelism() }
}

/** The number of runnable processes in the text of /proc/stat. */
export function runnableIn(stat: string): number {
  return Number(/^procs_running (\d+)$/m.exec(stat)?.[1] ?? 1)
}

function procStat(): string {
  try {
    return readFileSync('/proc/stat', 'utf8')
  } catch {
    return ''
  }
}
