/** Whether the demo passed: what the numbers, the audit log and the recount say. */
import { isAcceptedUpdate, type AuditEntry } from './cloudfront.ts'
import type { Summary } from './load.ts'

export type Evidence = {
  /** Undefined where no load ran. */
  summary: Summary | undefined
  recount: { result: 'Agrees' | 'Differs'; report: string } | undefined
  audit: readonly AuditEntry[]
  /** Colors' origins that the pointer was to be moved to, in their order; undefined where the story was cut short. */
  expectedMoves: readonly string[] | undefined
  /** Fewer requests prove too little. */
  atLeast: number
  /** What the story itself found wrong. */
  problems: readonly string[]
}

export type Verdict = { result: 'passed' | 'failed'; line: string; problems: readonly string[] }

const LONGEST_GAP_MS = 1000

/** Passed only if every request was answered rightly and everything else is as it must be. */
export function judgeDemo(evidence: Evidence): Verdict {
  const { summary, expectedMoves, audit } = evidence
  const problems = [
    ...evidence.problems,
    ...loadProblems(evidence),
    ...(expectedMoves ? moveProblems(audit, expectedMoves) : []),
  ]
  const result = problems.length === 0 ? 'passed' : 'failed'
  const counts = `${summary?.requests ?? 0} requests, ${summary?.failures ?? 0} failed`
  return { result, line: `demo: ${result}, ${counts}`, problems }
}

function loadProblems({ summary, recount, atLeast }: Evidence): string[] {
  if (!summary || !recount) return ['no viewer was counted']
  const { requests, failures, longestEdgeGapMs } = summary
  return [
    ...(requests >= atLeast ? [] : [`only ${requests} requests were sent, expected at least ${atLeast}`]),
    ...(failures === 0 ? [] : [`${failures} requests failed: ${JSON.stringify(summary.verdicts)}`]),
    ...(longestEdgeGapMs <= LONGEST_GAP_MS
      ? []
      : [
          `for ${Math.round(longestEdgeGapMs)} ms nobody got an answer (at most ${LONGEST_GAP_MS} ms are fine)`,
        ]),
    ...(recount.result === 'Agrees' ? [] : [recount.report]),
  ]
}

/** One accepted update per move, each to where it should go, for every behavior at once. */
function moveProblems(audit: readonly AuditEntry[], expected: readonly string[]): string[] {
  const moves = audit.filter(isAcceptedUpdate).map(({ targets = [] }) => {
    const names = new Set(targets.map(({ to }) => to))
    return [...names].join(' and ') || 'nowhere'
  })
  if (JSON.stringify(moves) === JSON.stringify(expected)) return []
  return [`the pointer was moved to ${moves.join(', ')}; it should have been ${expected.join(', ')}`]
}
