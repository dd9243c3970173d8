import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { busyNote, isTooBusy, judgeViewers, viewerProblems, type Judged } from './judge-viewers.ts'
import type { Entry, Verdict, Window } from './load.ts'
import { stallsOf, type Sample } from './stalls.ts'

const STRICT = { requests: 10, failureShare: 0, gapMs: 1000 }
const WHOLE: Window = { from: 0, to: 20_000 }

/** Ten requests a second for twenty seconds, each answered after 10 ms, but for what `change` makes of it. */
function entries(change: (due: number) => Partial<Entry> = () => ({})): Entry[] {
  return Array.from({ length: 200 }, (_, seq) => {
    const due = seq * 100
    return { seq, due, started: due, latencyMs: 10, verdict: 'ok', ...change(due) } as Entry
  })
}

/** What becomes of requests that are due within a time. */
const within =
  (from: number, to: number, change: (due: number) => Partial<Entry>) =>
  (due: number): Partial<Entry> =>
    due >= from && due < to ? change(due) : {}

const ended =
  (verdict: Verdict, latencyMs = 10) =>
  (): Partial<Entry> => ({ verdict, latencyMs })

/** Answered when it is over, whatever held it up. */
const heldUntil =
  (end: number) =>
  (due: number): Partial<Entry> => ({ latencyMs: end - due })

function problems(all: readonly Entry[], stalls: readonly Window[] = []): string {
  return viewerProblems(judgeViewers(all, WHOLE, stalls), STRICT).join('\n')
}

describe('slowness is excused by a stall, and nothing else', () => {
  test.each<{ name: string; all: Entry[]; stalls: Window[]; says: string | RegExp }>([
    { name: 'all went well', all: entries(), stalls: [], says: '' },
    {
      name: 'a gap in which the machine stood still',
      all: entries(within(5000, 8000, heldUntil(8000))),
      stalls: [{ from: 4950, to: 7900 }],
      says: '',
    },
    {
      name: 'the same gap on a machine that ran',
      all: entries(within(5000, 8000, heldUntil(8000))),
      stalls: [],
      says: /^nobody was answered for 3090 ms/,
    },
    {
      name: 'the same gap on one that stood still at another time',
      all: entries(within(5000, 8000, heldUntil(8000))),
      stalls: [{ from: 10_000, to: 13_000 }],
      says: /^nobody was answered for 3090 ms/,
    },
    {
      name: 'the same gap on one that stood still for a part of it',
      all: entries(within(5000, 8000, heldUntil(8000))),
      stalls: [{ from: 4000, to: 6500 }],
      says: /^nobody was answered for 1500 ms/,
    },
    {
      name: 'many short stalls, of which none is as long as what went wrong',
      all: entries(within(5000, 8000, heldUntil(8000))),
      stalls: [0, 1, 2, 3, 4].map((n) => ({ from: 5000 + n * 600, to: 5200 + n * 600 })),
      says: /^nobody was answered for 2090 ms/,
    },
    {
      name: 'a generator that was late itself',
      all: entries(within(5000, 8000, (due) => ({ started: 8000, latencyMs: 8010 - due }))),
      stalls: [],
      says: '',
    },
    {
      name: 'a timeout for the most of which the machine stood still',
      all: entries(within(5000, 5100, ended('timeout', 5000))),
      stalls: [{ from: 5500, to: 8500 }],
      says: '',
    },
    {
      name: 'a timeout for a part of which it did',
      all: entries(within(5000, 5100, ended('timeout', 5000))),
      stalls: [{ from: 5500, to: 8000 }],
      says: /^1 of 200 requests failed: .*"timeout":1/,
    },
    {
      name: 'a timeout after it did',
      all: entries(within(5000, 5100, ended('timeout', 5000))),
      stalls: [{ from: 1000, to: 5000 }],
      says: /^1 of 200 requests failed/,
    },
    ...(
      [
        'http-503',
        'http-504',
        'error:ECONNRESET',
        'error:ECONNREFUSED',
        'wrong-answer',
        'unidentified',
      ] as const
    ).map((verdict) => ({
      name: `${verdict} while the machine stood still`,
      all: entries(within(5000, 5100, ended(verdict, 3000))),
      stalls: [{ from: 4900, to: 8500 }],
      says: /^1 of 200 requests failed/,
    })),
    {
      name: 'few requests',
      all: entries().slice(0, 9),
      stalls: [],
      says: /^only 9 requests were sent, expected at least 10\n/,
    },
  ])('$name', ({ all, stalls, says }) => {
    expect(problems(all, stalls)).toEqual(typeof says === 'string' ? says : expect.stringMatching(says))
  })

  test('what is not judged is counted and told', () => {
    const all = entries(within(5000, 5300, ended('timeout', 5000)))
    const judged = judgeViewers(all, WHOLE, [{ from: 5000, to: 8600 }])
    expect(judged).toMatchObject({
      requests: 200,
      failures: 0,
      notJudged: 3,
      stalledMs: 3600,
      spanMs: 20_000,
    })
    expect(judged.verdicts).toEqual({ ok: 197, timeout: 3 })
    expect(busyNote(judged)).toBe(
      'the machine stood still for 3.6 of 20.0 s, 3 timeouts within are not judged',
    )
    expect(busyNote(judgeViewers(entries(), WHOLE, []))).toBe('')
  })
})

describe('a machine is too busy to judge', () => {
  const judged: Judged = {
    ...{ requests: 200, failures: 0, notJudged: 0, verdicts: {}, longestGapMs: 100 },
    ...{ stalledMs: 0, spanMs: 20_000 },
  }
  test.each([
    { name: 'not while a fifth of the time is lost', changes: { stalledMs: 4000 }, busy: false },
    { name: 'when more is', changes: { stalledMs: 4001 }, busy: true },
    { name: 'not while a fifth of the requests is not judged', changes: { notJudged: 40 }, busy: false },
    { name: 'when more are not', changes: { notJudged: 41 }, busy: true },
  ])('$name', ({ changes, busy }) => {
    expect(isTooBusy({ ...judged, ...changes })).toBe(busy)
  })

  test('by two stalls at the same time no more than by one', () => {
    const stalls = [
      { from: 0, to: 3000 },
      { from: 1000, to: 4000 },
    ]
    const silent = entries(within(0, 4000, heldUntil(4000)))
    expect(judgeViewers(silent, WHOLE, stalls).stalledMs).toBe(4000)
  })

  test('by no stall in which viewers were answered', () => {
    const judged = judgeViewers(entries(), WHOLE, [{ from: 0, to: 15_000 }])
    expect([judged.stalledMs, isTooBusy(judged)]).toEqual([0, false])
  })
})

/**
 * Recorded on a machine with two processors and twenty to thirty processes that wanted them: twenty requests a second of
 * a server that needs little (`busy`) or, of what it could get, all (`overloaded`). `hang`: from its twelfth second on it
 * answered nobody for three; `503`: it refused one.
 */
describe('what was recorded', () => {
  function recorded(name: string): { all: Entry[]; span: Window; stalls: Window[] } {
    const { samples, requests } = JSON.parse(
      readFileSync(join(import.meta.dirname, 'testdata', `${name}.json`), 'utf8'),
    ) as { samples: Sample[]; requests: [number, number, number, Verdict][] }
    const all = requests.map(
      ([due, started, latencyMs, verdict], seq) => ({ seq, due, started, latencyMs, verdict }) as Entry,
    )
    const to = Math.max(...all.map(({ due, latencyMs }) => due + latencyMs))
    return { all, span: { from: 0, to }, stalls: stallsOf(samples) }
  }

  test.each([
    { name: 'busy', says: '', decided: true },
    { name: 'busy-hang', says: /^nobody was answered for 3027 ms/, decided: true },
    { name: 'overloaded', says: '', decided: false },
    { name: 'overloaded-hang', says: /^nobody was answered for 2\d\d\d ms/m, decided: false },
    { name: 'overloaded-503', says: /^1 of 480 requests failed: .*"http-503":1/, decided: false },
  ])('$name', ({ name, says, decided }) => {
    const { all, span, stalls } = recorded(name)
    const judged = judgeViewers(all, span, stalls)
    const problems = viewerProblems(judged, STRICT).join('\n')
    expect(problems).toEqual(typeof says === 'string' ? says : expect.stringMatching(says))
    expect(isTooBusy(judged)).toBe(!decided)
  })

  test('would be called broken without a look at the machine', () => {
    const { all, span } = recorded('overloaded')
    const judged = judgeViewers(all, span, [])
    expect(viewerProblems(judged, STRICT).join('\n')).toMatch(/^\d+ of 480 requests failed: .*"timeout"/)
  })
})
