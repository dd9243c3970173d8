/**
 * When the machine had no time for those on the way of a viewer's request: the load generator, the edges, the model
 * servers. Pure; demo/stall-meter.ts measures. What the system did wrong is no stall: whoever hangs, sleeps or spins
 * does not wait for a processor.
 */

import type { Window } from './load.ts'

/** Milliseconds in which a process ran, and in which it wanted to run and was not let. */
export type Work = { ranMs: number; waitedMs: number }

/** What was seen of each process, by its name, from one moment to the next; epoch milliseconds. */
export type Sample = { from: number; to: number; processes: Readonly<Record<string, Work>> }

/**
 * Who rests for less of a sample than this cannot keep up: what it has to do piles up. Who waits for as much as this
 * could, if it were let. To wait for the most of the time is not enough: measured with ten processes for each processor,
 * edges and servers wait for half of it, a few milliseconds for each request, and nobody notices.
 */
const RESTED_SHARE = 0.2
const WAITED_SHARE = 0.5

/** The stalls of all processes of a trace, joined where they touch, oldest first. */
export function stallsOf(samples: readonly Sample[]): Window[] {
  const names = new Set(samples.flatMap(({ processes }) => Object.keys(processes)))
  return joined([...names].flatMap((name) => stallsOfProcess(samples, name)))
}

/**
 * From when a process cannot keep up, for want of a processor, until it rests again. One that never rested yet is still
 * starting, and nobody depends on it.
 */
function stallsOfProcess(samples: readonly Sample[], name: string): Window[] {
  const stalls: Window[] = []
  let state: State = 'Starting'
  let before: Seen | undefined
  for (const { from, to, processes } of samples) {
    const work = processes[name]
    const seen = work && seenIn({ from, to }, work)
    state = seen ? nextState(state, before, seen) : 'Starting'
    const since = before && !hasRested(before) ? before.from : from
    // The kernel counts a wait when it ends, so it may have begun before the sample.
    if (work && state === 'Stalled') stalls.push({ from: Math.min(since, to - work.waitedMs), to })
    before = seen
  }
  return stalls
}

type State = 'Starting' | 'Resting' | 'Stalled'

function nextState(state: State, before: Seen | undefined, seen: Seen): State {
  // What was waited for in one sample may be counted in the next: two of them together may tell more.
  const full = [seen, ...(before ? [sumOf(before, seen)] : [])].filter((one) => !hasRested(one))
  if (full.length === 0) return 'Resting'
  return state === 'Resting' && full.some(hasWaited) ? 'Stalled' : state
}

type Seen = Work & { from: number; elapsedMs: number }

/** A wait that began before the sample is counted in it, but did not take more of it than there is. */
function seenIn({ from, to }: Window, { ranMs, waitedMs }: Work): Seen {
  return { from, elapsedMs: to - from, ranMs, waitedMs: Math.min(waitedMs, to - from) }
}

function sumOf(a: Seen, b: Seen): Seen {
  return {
    from: a.from,
    elapsedMs: a.elapsedMs + b.elapsedMs,
    ranMs: a.ranMs + b.ranMs,
    waitedMs: a.waitedMs + b.waitedMs,
  }
}

function hasWaited({ elapsedMs, waitedMs }: Seen): boolean {
  return waitedMs >= elapsedMs * WAITED_SHARE
}

function hasRested({ elapsedMs, ranMs, waitedMs }: Seen): boolean {
  return ranMs + waitedMs < elapsedMs * (1 - RESTED_SHARE)
}

/** The same time, each moment of it once, oldest first. */
export function joined(spans: readonly Window[]): Window[] {
  const result: Window[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to)
    else result.push({ ...span })
  }
  return result
}

/** How much of a time the machine stood still; `stalls` are joined. */
export function stalledMs(stalls: readonly Window[], { from, to }: Window): number {
  return stalls.reduce(
    (sum, stall) => sum + Math.max(0, Math.min(stall.to, to) - Math.max(stall.from, from)),
    0,
  )
}
