import { describe, expect, test } from '@jest/globals'
import type { AuditEntry } from './cloudfront.ts'
import type { Judged } from './judge-viewers.ts'
import { judgeDemo, type Evidence } from './verdict.ts'

const viewers: Judged = {
  requests: 6000,
  failures: 0,
  notJudged: 0,
  verdicts: { ok: 6000 },
  longestGapMs: 120,
  stalledMs: 0,
  spanMs: 100_000,
}

function update(sequence: number, to: string, changes: Partial<AuditEntry> = {}): AuditEntry {
  const entry = { type: 'Call', via: 'Api', operation: 'UpdateDistribution', status: 200 } as const
  const time = '2026-01-01T00:00:00.000Z'
  return {
    ...entry,
    sequence,
    time,
    targets: [{ pathPattern: '*', from: 'elsewhere', to }],
    ...changes,
  } as AuditEntry
}

const good: Evidence = {
  viewers,
  recount: { result: 'Agrees', report: 'recount: agrees' },
  audit: [update(1, 'housing-green'), update(2, 'housing-blue')],
  expectedMoves: ['housing-green', 'housing-blue'],
  atLeast: 5000,
  problems: [],
}

describe('the verdict', () => {
  test('passes when everything is true', () => {
    expect(judgeDemo(good)).toEqual({
      result: 'passed',
      line: 'demo: passed, 6000 requests, 0 failed',
      problems: [],
    })
  })

  test.each<{ name: string; changes: Partial<Evidence>; problem: RegExp }>([
    {
      name: 'a failed request',
      changes: { viewers: { ...viewers, failures: 1, verdicts: { ok: 5999, 'http-502': 1 } } },
      problem: /^1 of 6000 requests failed: .*http-502/,
    },
    {
      name: 'a gap',
      changes: { viewers: { ...viewers, longestGapMs: 1001 } },
      problem: /nobody was answered for 1001 ms/,
    },
    { name: 'too few requests', changes: { atLeast: 6001 }, problem: /only 6000 requests/ },
    {
      name: 'a recount that differs',
      changes: { recount: { result: 'Differs', report: 'seq 7' } },
      problem: /seq 7/,
    },
    { name: 'no load at all', changes: { viewers: undefined }, problem: /no viewer/ },
    {
      name: 'a problem of the story',
      changes: { problems: ['2: ended as Failed'] },
      problem: /ended as Failed/,
    },
    {
      name: 'a second update for one move',
      changes: { audit: [...good.audit, update(3, 'housing-blue')] },
      problem: /moved to housing-green, housing-blue, housing-blue/,
    },
    { name: 'a missing move', changes: { audit: good.audit.slice(0, 1) }, problem: /should have been/ },
  ])('fails with $name', ({ changes, problem }) => {
    const { result, line, problems } = judgeDemo({ ...good, ...changes })
    expect(result).toBe('failed')
    expect(line).toMatch(/^demo: failed, \d+ requests, \d+ failed$/)
    expect(problems.join('\n')).toMatch(problem)
  })

  test('is none where the machine was too busy to judge, unless something was wrong all the same', () => {
    const busy = { ...viewers, stalledMs: 20_001, notJudged: 7 }
    expect(judgeDemo({ ...good, viewers: busy })).toEqual({
      result: 'undecided',
      line: 'demo: undecided, 6000 requests, 0 failed',
      problems: [
        'machine too busy to judge: the machine stood still for 20.0 of 100.0 s, 7 timeouts within are not judged; end other work and run it again',
      ],
    })
    expect(judgeDemo({ ...good, viewers: { ...busy, failures: 1 } }).result).toBe('failed')
    expect(judgeDemo({ ...good, viewers: { ...viewers, stalledMs: 20_000 } }).result).toBe('passed')
  })

  test('does not count refused updates and foreign writers', () => {
    const audit = [...good.audit, update(3, 'x', { status: 412 }), update(4, 'x', { via: 'Admin' })]
    expect(judgeDemo({ ...good, audit }).result).toBe('passed')
  })
})
