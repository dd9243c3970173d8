/**
 * Counts a load run again, from its raw log and the samples alone, and compares with the summary the generator gave.
 * It shares no code with the generator on purpose: a mistake in one is not repeated in the other.
 *
 * `node demo/recount.ts --log FILE --samples FILE --summary FILE --version 1 --version 2 [--at-least N]`: exit 0 only if everything agrees
 * and no request failed but by a timeout while the machine stood still; 1 with a list of what is wrong; 2 on bad flags.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

type Json = Record<string, unknown>
type Inputs = {
  /** Texts of the three files. */
  log: string
  samples: string
  summary: string
  /** Text of when the machine stood still, as `{"stalls":[{"from":…,"to":…}],"notJudged":…}`; default: never. */
  machine?: string
  /** Versions that may answer, as NAME or NAME=NAME-IN-SAMPLES. */
  versions: readonly string[]
  /** Fewer requests prove too little. */
  atLeast: number
}
export type Recount = {
  requests: number
  failures: number
  /** Of the failures, those that a machine without time explains. */
  notJudged: number
  longestGapMs: number
  problems: string[]
}
type Machine = { stalls?: { from: number; to: number }[]; notJudged?: number }

type Line = {
  number: number
  seq: number
  due: number
  started: number
  completed: number
  latencyMs: number
  verdict: string
  fields: Json
}

/** Predictions differ by float32 rounding at most. */
const PREDICTION_TOLERANCE = 0.001
/** Log and summary are rounded to microseconds, and sums of rounded numbers drift by a few of them. */
const TIME_TOLERANCE_MS = 0.01

type Expectations = { samples: Json[]; versions: Map<string, string> }

/** Counts everything again; `problems` is empty only if the log, the samples and the summary agree and all is well. */
export function recount(inputs: Inputs): Recount {
  const problems: string[] = []
  const lines = readLines(inputs.log, problems)
  const expectations: Expectations = {
    samples: (JSON.parse(inputs.samples) as { samples: Json[] }).samples,
    versions: new Map(inputs.versions.map((name) => [name.replace(/=.*/, ''), name.replace(/.*=/, '')])),
  }
  const summary = JSON.parse(inputs.summary) as Json

  checkSequence(lines, summary, problems)
  checkSchedule(lines, summary, problems)
  const machine = JSON.parse(inputs.machine ?? '{}') as Machine
  const standing = [...(machine.stalls ?? []), ...lateness(lines)]
  let failures = 0
  let notJudged = 0
  for (const line of lines) {
    const wrong = whatIsWrong(line, expectations)
    if (wrong === undefined) continue
    failures++
    if (isExcused(line, standing)) notJudged++
    else problems.push(`line ${line.number}, seq ${line.seq}: ${wrong}`)
  }
  if (notJudged !== (machine.notJudged ?? 0))
    problems.push(`notJudged: the log says ${notJudged}, the judgment says ${machine.notJudged ?? 0}`)
  checkVersions(lines, problems)
  const measured = measure(lines, summary)
  checkSummary({ ...measured, failures }, summary, problems)
  checkIdentities(lines, summary, problems)
  if (lines.length < inputs.atLeast) {
    problems.push(`only ${lines.length} requests in the log, expected at least ${inputs.atLeast}`)
  }
  return { requests: lines.length, failures, notJudged, longestGapMs: measured.longestGapMs, problems }
}

/** The generator itself had no time. */
const LATE_MS = 100

function lateness(lines: Line[]): { from: number; to: number }[] {
  return lines.flatMap(({ due, started }) => (started - due > LATE_MS ? [{ from: due, to: started }] : []))
}

/** A timeout for the most of which the machine stood still, looked at millisecond by millisecond. */
function isExcused({ verdict, due, completed }: Line, standing: { from: number; to: number }[]): boolean {
  if (verdict !== 'timeout') return false
  const near = standing.filter(({ from, to }) => from < completed && to > due)
  let stood = 0
  for (let at = due + 0.5; at < completed; at += 1)
    if (near.some(({ from, to }) => from <= at && at < to)) stood++
  return stood > (completed - due) / 2
}

function readLines(log: string, problems: string[]): Line[] {
  if (!log.endsWith('\n')) problems.push('the log does not end with a complete line')
  const lines: Line[] = []
  for (const [index, text] of log.split('\n').entries()) {
    if (text === '') continue
    const line = readLine(text, index + 1)
    if (typeof line === 'string') problems.push(line)
    else lines.push(line)
  }
  return lines
}

function readLine(text: string, number: number): Line | string {
  let fields: Json
  try {
    fields = JSON.parse(text) as Json
  } catch {
    return `line ${number} is not JSON`
  }
  const { seq, due, started, latencyMs, verdict } = fields
  if (!Number.isInteger(seq) || typeof verdict !== 'string') return `line ${number} lacks seq or verdict`
  const times = [due, started, latencyMs]
  if (!times.every((time) => typeof time === 'number' && time >= 0)) {
    return `line ${number} lacks a time, or has a negative one`
  }
  const [dueAt = 0, startedAt = 0, latency = 0] = times as number[]
  return {
    number,
    seq: seq as number,
    due: dueAt,
    started: startedAt,
    completed: dueAt + latency,
    latencyMs: latency,
    verdict,
    fields,
  }
}

/** Every number from 0 to requests - 1 must be there exactly once. */
function checkSequence(lines: Line[], summary: Json, problems: string[]): void {
  const requests = Number(summary.requests)
  const seen = new Set<number>()
  for (const { seq, number } of lines) {
    if (seen.has(seq)) problems.push(`line ${number}: seq ${seq} is there twice`)
    if (seq < 0 || seq >= requests)
      problems.push(`line ${number}: seq ${seq}, but ${requests} requests were sent`)
    seen.add(seq)
  }
  for (let seq = 0; seq < requests; seq++) {
    if (!seen.has(seq)) problems.push(`seq ${seq} is missing`)
  }
}

/** Request k is due at t0 + k/rate and never starts early: the load was really constant and open-loop. */
function checkSchedule(lines: Line[], summary: Json, problems: string[]): void {
  const t0 = Number(summary.startedAt)
  const intervalMs = 1000 / Number(summary.ratePerSecond)
  for (const { seq, due, started, number } of lines) {
    // Written so that NaN, from a summary without these fields, is a problem too.
    if (!(Math.abs(t0 + seq * intervalMs - due) <= TIME_TOLERANCE_MS)) {
      problems.push(`line ${number}, seq ${seq}: due is off the schedule`)
    }
    if (started < due - TIME_TOLERANCE_MS)
      problems.push(`line ${number}, seq ${seq}: started before it was due`)
  }
}

/** Why this request counts as failed; undefined if it was answered, by somebody known, and rightly. */
function whatIsWrong({ verdict, fields }: Line, expectations: Expectations): string | undefined {
  const { status, color, revision } = fields
  if (verdict !== 'ok') return `failed: ${verdict}`
  if (status !== 200) return `called ok with status ${String(status)}`
  if (color !== 'blue' && color !== 'green') return `called ok with color ${String(color)}`
  if (typeof revision !== 'string' || revision === '') return 'called ok without a revision'
  return wrongPrediction(fields, expectations)
}

function wrongPrediction(fields: Json, { samples, versions }: Expectations): string | undefined {
  const version = String(fields.version)
  const model = versions.get(version)
  if (model === undefined) return `called ok, but version ${version} may not answer`
  const { prediction, sample } = fields
  const predictions = samples[Number(sample)]?.predictions as Json | undefined
  const expected = predictions?.[model]
  if (typeof expected !== 'number')
    return `called ok, but sample ${String(sample)} has no prediction of ${model}`
  // Written so that NaN is wrong too.
  if (typeof prediction === 'number' && Math.abs(prediction - expected) <= PREDICTION_TOLERANCE)
    return undefined
  return `called ok, but version ${version} predicts ${expected}, not ${String(prediction)}`
}

/** A revision is a hash of the model too, so it cannot answer with two versions. */
function checkVersions(lines: Line[], problems: string[]): void {
  const versions = new Map<string, string>()
  for (const { number, seq, fields } of lines) {
    if (typeof fields.revision !== 'string' || typeof fields.version !== 'string') continue
    const first = versions.get(fields.revision) ?? fields.version
    versions.set(fields.revision, first)
    if (first !== fields.version) {
      const both = `${first} and ${fields.version}`
      problems.push(`line ${number}, seq ${seq}: revision ${fields.revision} answered with versions ${both}`)
    }
  }
}

type Measured = {
  requests: number
  ok: number
  longestGapMs: number
  longestFailingStretchMs: number
  p50: number | undefined
  p99: number | undefined
}

function measure(lines: Line[], summary: Json): Measured {
  const start = Number(summary.startedAt)
  const end = lines.reduce((last, { completed }) => Math.max(last, completed), start)
  const good = lines.filter(({ verdict }) => verdict === 'ok')
  const marks = Float64Array.from([start, end, ...good.map(({ completed }) => completed)]).sort()
  const latencies = Float64Array.from(good.map(({ latencyMs }) => latencyMs)).sort()
  return {
    requests: lines.length,
    ok: good.length,
    longestGapMs: marks.reduce(
      (gap, mark, i) => Math.max(gap, i === 0 ? 0 : mark - (marks[i - 1] ?? mark)),
      0,
    ),
    longestFailingStretchMs: failingStretch(lines, end),
    p50: latencies[Math.ceil(latencies.length * 0.5) - 1],
    p99: latencies[Math.ceil(latencies.length * 0.99) - 1],
  }
}

/** Walks backwards, so each failed request knows the due time of the next good one. */
function failingStretch(lines: Line[], end: number): number {
  let nextGood = end
  let longest = 0
  for (const { due, verdict } of lines.toSorted((a, b) => b.seq - a.seq)) {
    if (verdict === 'ok') nextGood = due
    else longest = Math.max(longest, nextGood - due)
  }
  return longest
}

function checkSummary(measured: Measured & { failures: number }, summary: Json, problems: string[]): void {
  const latency = (summary.latencyMs ?? {}) as Json
  const pairs: [string, number | undefined, unknown][] = [
    ['requests', measured.requests, summary.requests],
    ['ok', measured.ok, summary.ok],
    ['failures', measured.failures, summary.failures],
    ['longestGapMs', measured.longestGapMs, summary.longestGapMs],
    ['longestFailingStretchMs', measured.longestFailingStretchMs, summary.longestFailingStretchMs],
    ['latencyMs.p50', measured.p50, latency.p50],
    ['latencyMs.p99', measured.p99, latency.p99],
  ]
  for (const [name, counted, said] of pairs) {
    if (counted === undefined && said === undefined) continue
    if (typeof said === 'number' && counted !== undefined && Math.abs(said - counted) <= TIME_TOLERANCE_MS)
      continue
    problems.push(`${name}: the log says ${String(counted)}, the summary says ${String(said)}`)
  }
}

function checkIdentities(lines: Line[], summary: Json, problems: string[]): void {
  const name = ({ color, revision, version }: Json): string =>
    `color ${String(color)}, revision ${String(revision)}, version ${String(version)}`
  const counted = new Map<string, number>()
  for (const { fields } of lines) counted.set(name(fields), (counted.get(name(fields)) ?? 0) + 1)
  const said = new Map<string, number>()
  for (const row of (summary.revisions ?? []) as Json[]) said.set(name(row), Number(row.requests))
  for (const key of new Set([...counted.keys(), ...said.keys()])) {
    if (counted.get(key) === said.get(key)) continue
    problems.push(`${key}: the log says ${counted.get(key) ?? 0}, the summary says ${said.get(key) ?? 0}`)
  }
}

const MOST_PROBLEMS_SHOWN = 20

/** What the program prints: one line if all is well, else what is wrong. */
export function report({ requests, failures, notJudged, longestGapMs, problems }: Recount): string {
  const excused = notJudged === 0 ? '' : ` (${notJudged} not judged)`
  const counts = `${requests} requests, ${failures} failed${excused}, longest gap ${longestGapMs.toFixed(1)} ms`
  if (problems.length === 0) return `recount: agrees, ${counts}`
  const shown = problems.slice(0, MOST_PROBLEMS_SHOWN).map((problem) => `- ${problem}`)
  if (problems.length > shown.length) shown.push(`- and ${problems.length - shown.length} more`)
  return [`recount: failed, ${counts}`, ...shown].join('\n')
}

function readInputs(args: string[]): Inputs {
  const { values } = parseArgs({
    args,
    options: {
      log: { type: 'string' },
      samples: { type: 'string' },
      summary: { type: 'string' },
      machine: { type: 'string' },
      version: { type: 'string', multiple: true, default: [] },
      'at-least': { type: 'string', default: '1' },
    },
  })
  const { log, samples, summary, machine, version: versions } = values
  const atLeast = Number(values['at-least'])
  if (log === undefined || samples === undefined || summary === undefined || versions.length === 0) {
    throw new Error(
      'give --log FILE, --samples FILE, --summary FILE and a --version for each that may answer',
    )
  }
  if (!(atLeast >= 1)) throw new Error(`--at-least is "${values['at-least']}": give a number from 1`)
  const read = (file: string): string => readFileSync(file, 'utf8')
  return {
    log: read(log),
    samples: read(samples),
    summary: read(summary),
    versions,
    atLeast,
    ...(machine !== undefined && { machine: read(machine) }),
  }
}

function main(args: string[]): number {
  let inputs: Inputs
  try {
    inputs = readInputs(args)
  } catch (error) {
    process.stderr.write(`recount: cannot start: ${(error as Error).message}\n`)
    return 2
  }
  const result = recount(inputs)
  process.stdout.write(`${report(result)}\n`)
  return result.problems.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
