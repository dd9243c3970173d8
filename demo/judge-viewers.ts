/**
 * What viewers met, judged only where the machine let it be judged. Slowness is excused by stalls of the machine, and by
 * nothing else; what was refused, reset or answered wrong is never excused, since no lack of time makes an answer wrong.
 * Pure.
 */
import { countBy, gapsOf, type Entry, type Window } from './load.ts'
import { joined, stalledMs } from './stalls.ts'

export type Judged = {
  requests: number
  /** That count: neither `ok` nor not judged. */
  failures: number
  /** Given up by the viewer's own timeout, of which the machine stood still for the most. */
  notJudged: number
  /** How all requests ended. */
  verdicts: Record<string, number>
  /** The longest time in which the machine ran and nobody was answered; milliseconds, as the next two. */
  longestGapMs: number
  /** How long the machine stood still and nothing was seen of how viewers are answered, and of what time. */
  stalledMs: number
  spanMs: number
}

export type Limits = {
  requests: number
  /** Of all requests. */
  failureShare: number
  gapMs: number
}

/** A generator that is later than this was held up; with less, a busy machine is as usual. */
const LATE_MS = 100
/** Nobody was answered for longer than this: of that time nothing is known. Where answers come in, they tell enough. */
const UNSEEN_MS = 500
/** Of a request that timed out, or of the whole time. */
const MOST_STALLED = { request: 0.5, span: 0.2 }

/** Judges the requests that were due in a span. `stalls` are those of the machine; how late the generator was is added. */
export function judgeViewers(all: readonly Entry[], span: Window, stalls: readonly Window[]): Judged {
  const entries = all.filter(({ due }) => due >= span.from && due < span.to)
  const standing = joined([...stalls, ...lateness(entries)])
  const bad = entries.filter(({ verdict }) => verdict !== 'ok')
  const excused = bad.filter((entry) => isExcused(entry, standing))
  const gaps = gapsOf(
    entries.filter(({ verdict }) => verdict === 'ok'),
    span,
  )
  return {
    requests: entries.length,
    failures: bad.length - excused.length,
    notJudged: excused.length,
    verdicts: countBy(entries.map(({ verdict }) => verdict)),
    longestGapMs: longestGap(gaps, standing),
    stalledMs: Math.round(unseenMs([...gaps, ...excused.map(spanOf)], standing)),
    spanMs: Math.round(span.to - span.from),
  }
}

/** While nothing is sent, nobody can be answered. */
function lateness(entries: readonly Entry[]): Window[] {
  return entries
    .filter(({ due, started }) => started - due > LATE_MS)
    .map(({ due, started }) => ({ from: due, to: started }))
}

function isExcused(entry: Entry, stalls: readonly Window[]): boolean {
  if (entry.verdict !== 'timeout') return false
  return stalledMs(stalls, spanOf(entry)) > entry.latencyMs * MOST_STALLED.request
}

function spanOf({ due, latencyMs }: Entry): Window {
  return { from: due, to: due + latencyMs }
}

function longestGap(gaps: readonly Window[], stalls: readonly Window[]): number {
  let longest = 0
  for (const gap of gaps) {
    // Stalls only make a gap shorter, so few are worth looking at.
    if (lengthOf(gap) > longest) longest = Math.max(longest, lengthOf(gap) - stalledMs(stalls, gap))
  }
  return Math.round(longest)
}

function unseenMs(unanswered: readonly Window[], stalls: readonly Window[]): number {
  const unseen = joined(unanswered.filter((one) => lengthOf(one) > UNSEEN_MS))
  return unseen.reduce((sum, one) => sum + stalledMs(stalls, one), 0)
}

const lengthOf = ({ from, to }: Window): number => to - from

/** What is wrong with what they met; empty if nothing is, as far as could be judged. */
export function viewerProblems(judged: Judged, limits: Limits): string[] {
  const { requests, failures, longestGapMs, verdicts } = judged
  const problems: string[] = []
  if (requests < limits.requests)
    problems.push(`only ${requests} requests were sent, expected at least ${limits.requests}`)
  if (failures > requests * limits.failureShare)
    problems.push(`${failures} of ${requests} requests failed: ${JSON.stringify(verdicts)}`)
  if (!(longestGapMs <= limits.gapMs))
    problems.push(`nobody was answered for ${longestGapMs} ms (at most ${limits.gapMs} ms are fine)`)
  return problems
}

/** The machine stood still for so much of the time that what was seen says too little. */
export function isTooBusy({ stalledMs: stalled, spanMs, notJudged, requests }: Judged): boolean {
  return stalled > spanMs * MOST_STALLED.span || notJudged > requests * MOST_STALLED.span
}

/** What was left out of the judgment; '' where nothing was. */
export function busyNote({ stalledMs: stalled, spanMs, notJudged }: Judged): string {
  if (stalled === 0 && notJudged === 0) return ''
  const seconds = (ms: number): string => (ms / 1000).toFixed(1)
  return `the machine stood still for ${seconds(stalled)} of ${seconds(spanMs)} s, ${notJudged} timeouts within are not judged`
}
