/** Whether the demo passed: what the numbers, the audit log and the recount say. */
import { isAcceptedUpdate, type AuditEntry } from './cloudfront.ts'
import { busyNote, isTooBusy, viewerProblems, type Judged } from './judge-viewers.ts'

export type Evidence = {
  /** Undefined where no load ran. */
  viewers: Judged | undefined
  recount: { result: 'Agrees' | 'Differs'; report: string } | undefined
  audit: readonly AuditEntry[]
  /** Colors' origins that the pointer was to be moved to, in their order; undefined where the story was cut short. */
  expectedMoves: readonly string[] | undefined
  /** Fewer requests prove too little. */
  atLeast: number
  /** What the story itself found wrong. */
  problems: readonly string[]
}

/** `undecided`: nothing was wrong as far as could be seen, and the machine was too busy for the most to be seen. */
export type Verdict = {
  result: 'passed' | 'failed' | 'undecided'
  line: string
  problems: readonly string[]
}

const LONGEST_GAP_MS = 1000

/** Passed only if every request that can be judged was answered rightly and everything else is as it must be. */
export function judgeDemo(evidence: Evidence): Verdict {
  const { viewers, expectedMoves, audit } = evidence
  const problems = [
    ...evidence.problems,
    ...loadProblems(evidence),
    ...(expectedMoves ? moveProblems(audit, expectedMoves) : []),
  ]
  const counts = `${viewers?.requests ?? 0} requests, ${viewers?.failures ?? 0} failed`
  if (problems.length > 0) return { result: 'failed', line: `demo: failed, ${counts}`, problems }
  if (!viewers || !isTooBusy(viewers)) return { result: 'passed', line: `demo: passed, ${counts}`, problems }
  return {
    result: 'undecided',
    line: `demo: undecided, ${counts}`,
    problems: [`machine too busy to judge: ${busyNote(viewers)}; end other work and run it again`],
  }
}

function loadProblems({ viewers, recount, atLeast }: Evidence): string[] {
  if (!viewers || !recount) return ['no viewer was counted']
  return [
    ...viewerProblems(viewers, { requests: atLeast, failureShare: 0, gapMs: LONGEST_GAP_MS }),
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
