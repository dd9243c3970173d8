/**
 * Open-loop load generator: viewers that keep coming at a constant rate, whatever happens to the earlier ones.
 * It only measures: nothing is retried, and failures are counted, logged and left for others to judge.
 *
 * As a program: `node demo/load.ts --edge http://127.0.0.1:8001 --version 1 --version 2 --samples FILE --log FILE`.
 * SIGTERM, SIGINT or the line `stop` on stdin end it after the requests in flight; the summary is the only output on
 * stdout. Exit 0 however many requests failed, 2 on bad flags.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

/** One house: the body that viewers send, and what each model version that may answer must answer to it. */
export type Sample = { request: unknown; predictions: Record<string, number> }

/**
 * How a request ended. `wrong-answer`: 200, but not the prediction of the version that answered. `unidentified`:
 * 200, but without color or revision, or by a version that may not answer, so it proves nothing.
 */
export type Verdict =
  'ok' | 'wrong-answer' | 'unidentified' | 'timeout' | `http-${number}` | `error:${string}`

/** One line of the raw log. Times are epoch milliseconds of a clock that never steps. */
export type Entry = {
  seq: number
  /** When the schedule wanted it sent, and the start of its latency. */
  due: number
  /** When it was really sent; later than due only if the generator itself was starved. */
  started: number
  /** From due to the last byte of the answer (or the failure), so waiting behind a stall is not hidden. */
  latencyMs: number
  edge: string
  connection: 'new' | 'reused'
  /** Index in the samples. */
  sample: number
  status: number | null
  color: string | null
  revision: string | null
  version: string | null
  prediction: number | null
  verdict: Verdict
  /** First characters of an answer that is not ok, or the message of the error. */
  detail?: string
}

/** Requests of one color, revision and version; null where the answer did not say (or there was none). */
export type Identity = { color: string | null; revision: string | null; version: string | null }

export type Measures = {
  requests: number
  ok: number
  failures: number
  verdicts: Record<string, number>
  /**
   * The gap: the longest time without any successful answer. That is the longest distance between two successive
   * completions (due + latencyMs) of `ok` requests, where the window's start and end count as completions too.
   */
  longestGapMs: number
  /**
   * The longest stretch of arrivals that failed: from the due time of its first failed request to the due time of
   * the next `ok` one (or the window's end). 0 without failures.
   */
  longestFailingStretchMs: number
  /** Of the `ok` requests, measured from the due time; null if there was none. */
  latencyMs: { p50: number; p99: number; max: number } | null
  /** How late the generator itself ever was; large values mean a starved machine, not slow edges. */
  maxStartDelayMs: number
  revisions: (Identity & { requests: number })[]
}

export type Summary = Measures & {
  ratePerSecond: number
  /** What the limits allowed; `requests` is smaller after an early stop. */
  planned: number
  /** Due time of request 0, and the last completion; epoch milliseconds. */
  startedAt: number
  endedAt: number
}

export type LoadOptions = {
  /** Base URLs; request k goes to edge k modulo their number. */
  edges: readonly URL[]
  samples: readonly Sample[]
  ratePerSecond: number
  maxRequests: number
  maxSeconds: number
  timeoutMs: number
  /** Every n-th round over the edges uses new connections, as viewers who just arrived do; 0: none. */
  freshEvery: number
  /** The Host header that viewers send, if not the edge's own address. */
  host?: string | undefined
}

export type Load = {
  /** No further request is sent; those in flight finish. */
  stop: () => void
  /** Resolves once the last request has ended; never rejects. */
  done: Promise<Summary>
}

/** A prediction may differ from the expected one by as much: float32 arithmetic on another CPU, not another model. */
const TOLERANCE = 1e-3
const DETAIL_CHARACTERS = 200

/** Monotonic, unlike Date.now(): a clock step during the run would forge or hide a gap. */
const monotonicNow = (): number => performance.timeOrigin + performance.now()

/** Microseconds are plenty, and log lines stay short. */
const roundMs = (ms: number): number => Math.round(ms * 1000) / 1000

/** When request k is due; fixed before the first one is sent. */
export function dueTime(startedAt: number, ratePerSecond: number, k: number): number {
  return startedAt + (k * 1000) / ratePerSecond
}

type Turn = { edge: number; sample: number; fresh: boolean }

/** Which edge, sample and kind of connection request k uses. Samples shift each cycle, so that every edge sees all. */
export function turnOf(k: number, counts: { edges: number; samples: number; freshEvery: number }): Turn {
  const round = Math.floor(k / counts.edges)
  const cycle = Math.floor(k / counts.samples)
  return {
    edge: k % counts.edges,
    sample: (k + cycle) % counts.samples,
    fresh: counts.freshEvery > 0 && round % counts.freshEvery === counts.freshEvery - 1,
  }
}

type Answer = Identity & { status: number; body: string }
type Judgement = { prediction: number | null; verdict: Verdict; detail?: string }

/** Judges one complete answer: status, then who answered, then whether that one answers so. */
export function judge(answer: Answer, sample: Sample): Judgement {
  const prediction = predictionOf(answer.body)
  const failed = (verdict: Verdict): Judgement => ({
    prediction,
    verdict,
    detail: answer.body.slice(0, DETAIL_CHARACTERS),
  })
  if (answer.status !== 200) return failed(`http-${answer.status}`)
  if (!answer.color || !answer.revision || !answer.version) return failed('unidentified')
  const expected = Object.hasOwn(sample.predictions, answer.version)
    ? sample.predictions[answer.version]
    : undefined
  if (expected === undefined) return failed('unidentified')
  if (prediction === null || Math.abs(prediction - expected) > TOLERANCE) return failed('wrong-answer')
  return { prediction, verdict: 'ok' }
}

/** The number of `{"prediction":[x]}`; null for anything else, as one house has exactly one price. */
function predictionOf(body: string): number | null {
  try {
    const { prediction } = JSON.parse(body) as { prediction?: unknown }
    if (!Array.isArray(prediction) || prediction.length !== 1) return null
    return typeof prediction[0] === 'number' ? prediction[0] : null
  } catch {
    return null
  }
}

/** Starts the load at once; `record` is called once per request, in the order in which they end. */
export function startLoad(
  options: LoadOptions,
  record: (entry: Entry) => void,
  now: () => number = monotonicNow,
): Load {
  const planned = plannedRequests(options)
  const viewer = createViewer(options, now)
  const entries: Entry[] = []
  const startedAt = roundMs(now())
  let sent = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const { promise: done, resolve } = Promise.withResolvers<Summary>()

  const endIfIdle = (): void => {
    if ((sent < planned && !stopped) || entries.length < sent) return
    viewer.leave()
    resolve(summarizeRun(entries, { options, planned, startedAt }))
  }
  const ended = (entry: Entry): void => {
    entries.push(entry)
    record(entry)
    endIfIdle()
  }
  // Everything that is due is sent, even in a burst after a late wake-up: lateness must never lower the rate.
  const sendDue = (): void => {
    for (; sent < planned; sent++) {
      const due = dueTime(startedAt, options.ratePerSecond, sent)
      const waitMs = due - now()
      if (waitMs > 0) {
        // Timers count whole milliseconds; rounded down, each request would cost a second, useless wake-up.
        timer = setTimeout(sendDue, Math.ceil(waitMs))
        return
      }
      viewer.ask(sent, due, ended)
    }
  }
  const stop = (): void => {
    if (stopped) return
    stopped = true
    clearTimeout(timer)
    endIfIdle()
  }
  timer = setTimeout(sendDue, 0)
  return { stop, done }
}

/** How many requests the limits allow; the schedule ends there. */
export function plannedRequests(
  limits: Pick<LoadOptions, 'ratePerSecond' | 'maxRequests' | 'maxSeconds'>,
): number {
  return Math.min(limits.maxRequests, Math.ceil(limits.ratePerSecond * limits.maxSeconds))
}

type Viewer = { ask: (seq: number, due: number, ended: (entry: Entry) => void) => void; leave: () => void }

/**
 * Sends the requests. node:http with an Agent costs the least here: measured against undici 8 (pool, request and
 * dispatch) and fetch, see bench/README.md.
 */
function createViewer(options: LoadOptions, now: () => number): Viewer {
  const kept = new Agent({ keepAlive: true })
  const fresh = new Agent({ keepAlive: false })
  const bodies = options.samples.map((sample) => Buffer.from(JSON.stringify(sample.request)))
  const targets = options.edges.map((edge) => ({
    name: edge.origin,
    host: edge.hostname,
    port: edge.port === '' ? 80 : Number(edge.port),
    path: `${edge.pathname.replace(/\/$/, '')}/predict`,
  }))
  const counts = { edges: targets.length, samples: bodies.length, freshEvery: options.freshEvery }

  const ask: Viewer['ask'] = (seq, due, ended) => {
    const turn = turnOf(seq, counts)
    const target = targets[turn.edge]
    const body = bodies[turn.sample]
    const sample = options.samples[turn.sample]
    if (!target || !body || !sample) throw new RangeError('a load needs at least one edge and one sample')
    const started = now()
    const request = httpRequest({
      ...target,
      method: 'POST',
      agent: turn.fresh ? fresh : kept,
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        ...(options.host !== undefined && { host: options.host }),
      },
    })
    request.end(body)
    onceAnswered(request, options.timeoutMs, (outcome) => {
      const { status, color, revision, version, ...judgement } = judgeOutcome(outcome, sample)
      ended({
        seq,
        due: roundMs(due),
        started: roundMs(started),
        latencyMs: roundMs(now() - due),
        edge: target.name,
        connection: request.reusedSocket ? 'reused' : 'new',
        sample: turn.sample,
        status,
        color,
        revision,
        version,
        ...judgement,
      })
    })
  }
  const leave = (): void => {
    kept.destroy()
    fresh.destroy()
  }
  return { ask, leave }
}

type Outcome = { type: 'answer'; answer: Answer } | { type: 'timeout' } | { type: 'error'; error: Error }

/** Calls back exactly once: with the whole answer, the first error, or the timeout. */
function onceAnswered(request: ClientRequest, timeoutMs: number, callback: (outcome: Outcome) => void): void {
  let pending = true
  const end = (outcome: Outcome): void => {
    if (!pending) return
    pending = false
    clearTimeout(timer)
    callback(outcome)
  }
  const fail = (error: Error): void => end({ type: 'error', error })
  const giveUp = (): void => {
    end({ type: 'timeout' })
    request.destroy()
  }
  // After a stall of this process timers come first; an answer that is there already is in time.
  const timer = setTimeout(() => setImmediate(giveUp), timeoutMs)
  request.on('error', fail)
  request.on('response', (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (body += chunk))
    response.on('error', fail)
    response.on('end', () => end({ type: 'answer', answer: answerOf(response, body) }))
  })
}

function answerOf(response: IncomingMessage, body: string): Answer {
  const header = (name: string): string | null => {
    const value = response.headers[name]
    return typeof value === 'string' ? value : null
  }
  return {
    status: response.statusCode ?? 0,
    color: header('x-modelrelease-color'),
    revision: header('x-modelrelease-revision'),
    version: header('x-model-version'),
    body,
  }
}

const NOBODY = { status: null, color: null, revision: null, version: null, prediction: null }

function judgeOutcome(outcome: Outcome, sample: Sample): Identity & { status: number | null } & Judgement {
  if (outcome.type === 'timeout') return { ...NOBODY, verdict: 'timeout' }
  if (outcome.type === 'error') {
    const { code, message } = outcome.error as NodeJS.ErrnoException
    return { ...NOBODY, verdict: `error:${code ?? outcome.error.name}`, detail: message }
  }
  const { status, color, revision, version } = outcome.answer
  return { status, color, revision, version, ...judge(outcome.answer, sample) }
}

/** Measures the requests that were due in the window `from` (inclusive) to `to` (exclusive; epoch milliseconds). */
export function summarize(all: readonly Entry[], window: Window): Measures {
  const entries = all.filter(({ due }) => due >= window.from && due < window.to).sort((a, b) => a.seq - b.seq)
  const ok = entries.filter(({ verdict }) => verdict === 'ok')
  const gaps = gapsOf(ok, window)
  return {
    requests: entries.length,
    ok: ok.length,
    failures: entries.length - ok.length,
    verdicts: countBy(entries.map(({ verdict }) => verdict)),
    longestGapMs: roundMs(gaps.reduce((longest, { from, to }) => Math.max(longest, to - from), 0)),
    longestFailingStretchMs: longestFailingStretch(entries, window.to),
    latencyMs: percentiles(ok.map(({ latencyMs }) => latencyMs)),
    maxStartDelayMs: roundMs(entries.reduce((max, { due, started }) => Math.max(max, started - due), 0)),
    revisions: countRevisions(entries),
  }
}

function summarizeRun(
  entries: readonly Entry[],
  run: { options: LoadOptions; planned: number; startedAt: number },
): Summary {
  const endedAt = entries.reduce((last, entry) => Math.max(last, entry.due + entry.latencyMs), run.startedAt)
  return {
    ...summarize(entries, { from: run.startedAt, to: endedAt }),
    ratePerSecond: run.options.ratePerSecond,
    planned: run.planned,
    startedAt: run.startedAt,
    endedAt: roundMs(endedAt),
  }
}

/** Epoch milliseconds. */
export type Window = { from: number; to: number }

/** From each successful completion to the next; start and end of the window count as completions. */
export function gapsOf(ok: readonly Entry[], window: Window): Window[] {
  const completions = ok.map(({ due, latencyMs }) => due + latencyMs).sort((a, b) => a - b)
  return [...completions, window.to].map((to, k) => ({ from: completions[k - 1] ?? window.from, to }))
}

function longestFailingStretch(bySeq: readonly Entry[], windowEnd: number): number {
  let longest = 0
  let firstFailed: number | undefined
  for (const { due, verdict } of bySeq) {
    if (verdict !== 'ok') {
      firstFailed ??= due
      continue
    }
    if (firstFailed !== undefined) longest = Math.max(longest, due - firstFailed)
    firstFailed = undefined
  }
  if (firstFailed !== undefined) longest = Math.max(longest, windowEnd - firstFailed)
  return roundMs(longest)
}

function percentiles(values: number[]): { p50: number; p99: number; max: number } | null {
  const sorted = values.sort((a, b) => a - b)
  const rank = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0
  return sorted.length === 0 ? null : { p50: rank(0.5), p99: rank(0.99), max: rank(1) }
}

export function countBy(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}

function countRevisions(entries: readonly Entry[]): (Identity & { requests: number })[] {
  const counts = new Map<string, Identity & { requests: number }>()
  for (const { color, revision, version } of entries) {
    const key = JSON.stringify([color, revision, version])
    const count = counts.get(key) ?? { color, revision, version, requests: 0 }
    count.requests++
    counts.set(key, count)
  }
  return [...counts.values()]
}

/** Reads a raw log back, for the measures of a part of the run. */
export function parseLog(text: string): Entry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry)
}

/** All problems of a command line or the samples at once, one per line. */
export class LoadConfigError extends Error {
  override name = 'LoadConfigError'
}

const FLAGS = {
  edge: { type: 'string', multiple: true, default: [] as string[] },
  samples: { type: 'string', default: '' },
  log: { type: 'string', default: '' },
  rate: { type: 'string', default: '100' },
  'max-requests': { type: 'string', default: '60000' },
  'max-seconds': { type: 'string', default: '600' },
  'timeout-ms': { type: 'string', default: '5000' },
  'fresh-every': { type: 'string', default: '10' },
  host: { type: 'string' },
  version: { type: 'string', multiple: true, default: [] as string[] },
  'allow-host': { type: 'string', multiple: true, default: [] as string[] },
} as const

export type LoadConfig = Omit<LoadOptions, 'samples'> & {
  samplesFile: string
  logFile: string
  /** From the version that a server names to the one whose predictions it must give. */
  versions: ReadonlyMap<string, string>
}

/** @throws LoadConfigError that lists every problem of the flags. */
export function parseFlags(args: readonly string[]): LoadConfig {
  const values = parsedValues(args)
  const problems: string[] = []
  const number = (flag: keyof typeof FLAGS & keyof typeof LIMITS): number => {
    const value = Number(values[flag])
    const { min, max } = LIMITS[flag]
    if (!(value >= min && value <= max)) {
      problems.push(`--${flag} is "${values[flag]}": give a number from ${min} to ${max}`)
    }
    return value
  }
  const config = {
    edges: values.edge.flatMap((edge) => edgeUrl(edge, values['allow-host'], problems)),
    samplesFile: values.samples,
    logFile: values.log,
    ratePerSecond: number('rate'),
    maxRequests: Math.floor(number('max-requests')),
    maxSeconds: number('max-seconds'),
    timeoutMs: number('timeout-ms'),
    freshEvery: Math.floor(number('fresh-every')),
    host: values.host,
    versions: new Map(values.version.map(servedAndExpected)),
  }
  if (config.versions.size === 0) {
    problems.push('--version is missing: give each version that may answer, as NAME or NAME=NAME-IN-SAMPLES')
  }
  if (values.edge.length === 0) problems.push('--edge is missing: give the URL of each edge')
  if (config.samplesFile === '') problems.push('--samples is missing: give the file of request samples')
  if (config.logFile === '') problems.push('--log is missing: give the file to write the raw log to')
  if (problems.length > 0) throw new LoadConfigError(problems.join('\n'))
  return config
}

/** Bounds, so that a typing error cannot turn the generator into a flood. */
const LIMITS = {
  rate: { min: 0.1, max: 2000 },
  'max-requests': { min: 1, max: 1_000_000 },
  'max-seconds': { min: 0.1, max: 3600 },
  'timeout-ms': { min: 1, max: 60_000 },
  'fresh-every': { min: 0, max: 1_000_000 },
} as const

function parsedValues(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof FLAGS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values
  } catch (error) {
    throw new LoadConfigError((error as Error).message, { cause: error })
  }
}

/** Only this machine gets load, unless a host was allowed by name: the generator must never hit somebody's site. */
function edgeUrl(text: string, allowed: readonly string[], problems: string[]): URL[] {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:') {
    problems.push(`--edge is "${text}": give an http:// URL`)
    return []
  }
  // URL has already normalized other spellings of an address, such as 127.1.
  const local = isIPv4(url.hostname) && url.hostname.startsWith('127.')
  if (local || allowed.includes(url.hostname)) return [url]
  problems.push(
    `--edge is "${text}": host ${url.hostname} is outside 127.0.0.0/8; pass --allow-host ${url.hostname}`,
  )
  return []
}

/** `3=1`: what calls itself version 3 serves the model that the samples call 1. */
function servedAndExpected(text: string): [string, string] {
  const [served = '', expected = served] = text.split('=', 2)
  return [served, expected]
}

/**
 * Leaves only the versions that may answer, under the names that the servers use. The samples also know models that
 * must never reach a viewer, and their answers must not count as right.
 * @throws LoadConfigError if a sample has no prediction of such a version.
 */
export function selectVersions(samples: readonly Sample[], versions: ReadonlyMap<string, string>): Sample[] {
  return samples.map(({ request, predictions }, index) => {
    const selected: Record<string, number> = {}
    for (const [served, expected] of versions) {
      const prediction = Object.hasOwn(predictions, expected) ? predictions[expected] : undefined
      if (prediction === undefined) {
        throw new LoadConfigError(
          `--version names "${expected}", but samples[${index}] has no prediction of it`,
        )
      }
      selected[served] = prediction
    }
    return { request, predictions: selected }
  })
}

/** @throws LoadConfigError if the file has no usable samples; the tail of the message says which field. */
export function parseSamples(text: string): Sample[] {
  const problem = (what: string): never => {
    throw new LoadConfigError(`samples: ${what}`)
  }
  const { samples } = JSON.parse(text) as { samples?: unknown }
  if (!Array.isArray(samples) || samples.length === 0) return problem('expected a non-empty list "samples"')
  return samples.map((sample: Partial<Sample>, index) => {
    const { request, predictions } = sample
    if (request === undefined) return problem(`samples[${index}].request is missing`)
    const numbers = Object.values(predictions ?? {})
    if (!predictions || numbers.length === 0 || numbers.some((value) => typeof value !== 'number')) {
      return problem(`samples[${index}].predictions must map model versions to numbers`)
    }
    return { request, predictions }
  })
}

function readConfig(args: readonly string[]): { config: LoadConfig; samples: Sample[]; log: number } {
  const config = parseFlags(args)
  try {
    return {
      config,
      samples: selectVersions(parseSamples(readFileSync(config.samplesFile, 'utf8')), config.versions),
      log: openSync(config.logFile, 'w'),
    }
  } catch (error) {
    if (error instanceof LoadConfigError) throw error
    throw new LoadConfigError((error as Error).message, { cause: error })
  }
}

async function main(args: readonly string[]): Promise<void> {
  const { config, samples, log } = readConfig(args)
  // Written at once and synchronously (about 10 µs): the raw log must survive even a SIGKILL of this process.
  const load = startLoad({ ...config, samples }, (entry) => writeSync(log, `${JSON.stringify(entry)}\n`))
  process.on('SIGTERM', load.stop)
  process.on('SIGINT', load.stop)
  const commands = createInterface({ input: process.stdin })
  commands.on('line', (line) => {
    if (line.trim() === 'stop') load.stop()
  })
  const summary = await load.done
  commands.close()
  process.stdin.destroy()
  closeSync(log)
  process.stdout.write(`${JSON.stringify(summary)}\n`)
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof LoadConfigError)) throw error
    process.stderr.write(`load: cannot start:\n${error.message.replaceAll(/^/gm, '- ')}\n`)
    process.exitCode = 2
  }
}
