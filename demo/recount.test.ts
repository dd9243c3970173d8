import { describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLoad } from './load.ts'
import { recount, report } from './recount.ts'

const SAMPLES = [{ request: { RM: { 0: 6.575 } }, predictions: { 1: 30.72, wrong: 25.373 } }]
const IDENTITY = { 'x-modelrelease-color': 'blue', 'x-modelrelease-revision': 'abc', 'x-model-version': '1' }

type Files = { log: string; samples: string; summary: string }

/** A log and a summary that a real run left; every `failEach`-th answer is a 503. */
async function realRun(failEach = Infinity): Promise<Files> {
  let answered = 0
  const server = createServer((request, response) => {
    request.resume()
    const status = ++answered % failEach === 0 ? 503 : 200
    response.writeHead(status, IDENTITY).end('{"prediction":[30.72]}')
  })
  const { promise, resolve } = Promise.withResolvers<undefined>()
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => resolve(undefined))
  await promise
  const edges = [new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)]
  const limits = { ratePerSecond: 500, maxRequests: 20, maxSeconds: 60, timeoutMs: 60_000, freshEvery: 5 }
  const lines: string[] = []
  const load = startLoad({ edges, samples: SAMPLES, ...limits }, (entry) => lines.push(JSON.stringify(entry)))
  const summary = JSON.stringify(await load.done)
  server.close()
  server.closeAllConnections()
  return { log: `${lines.join('\n')}\n`, samples: JSON.stringify({ samples: SAMPLES }), summary }
}

const check = (files: Files, changes: { versions?: string[]; atLeast?: number } = {}): string[] =>
  recount({ ...files, versions: ['1'], atLeast: 1, ...changes }).problems

describe('recounting a real run', () => {
  test('agrees with it', async () => {
    const files = await realRun()
    expect(check(files)).toEqual([])
    const result = recount({ ...files, versions: ['1'], atLeast: 20 })
    expect(report(result)).toMatch(/^recount: agrees, 20 requests, 0 failed, longest gap \d+\.\d ms$/)
  })

  test('agrees with the counts of a run with failures, but does not pass it', async () => {
    const problems = check(await realRun(4))
    expect(problems).toHaveLength(5)
    for (const problem of problems) expect(problem).toMatch(/^line \d+, seq \d+: failed: http-503$/)
  })

  test('a server may call a version of the samples by another name, if the name is given', async () => {
    const files = await realRun()
    const renamed = { ...files, samples: files.samples.replace('"1"', '"7"') }
    expect(check(renamed, { versions: ['1=7'] })).toEqual([])
    expect(check(renamed).join('\n')).toContain('sample 0 has no prediction of 1')
  })

  /** Each tampers with one thing, and must be told. */
  const tampered: { name: string; tamper: (files: Files) => Files; says: string }[] = [
    { name: 'a dropped line', tamper: onLines((lines) => lines.toSpliced(7, 1)), says: 'is missing' },
    { name: 'a dropped last line', tamper: onLines((lines) => lines.slice(0, -1)), says: 'is missing' },
    {
      name: 'a duplicated line',
      tamper: onLines((lines) => [...lines, lines[3] ?? '']),
      says: 'is there twice',
    },
    {
      name: 'a line in the place of another',
      tamper: onLines((lines) => lines.with(4, lines[3] ?? '')),
      says: 'is missing',
    },
    { name: 'an extra request', tamper: onLine({ seq: 20 }), says: 'seq 20, but 20 requests were sent' },
    {
      name: 'a changed prediction',
      tamper: onLine({ prediction: 30.73 }),
      says: 'predicts 30.72, not 30.73',
    },
    {
      name: 'a prediction that is no number',
      tamper: onLine({ prediction: null }),
      says: 'predicts 30.72, not null',
    },
    {
      name: 'a version that may not answer',
      tamper: onLine({ version: 'wrong' }),
      says: 'wrong may not answer',
    },
    { name: 'a status that is not 200', tamper: onLine({ status: 500 }), says: 'called ok with status 500' },
    { name: 'a third color', tamper: onLine({ color: 'red' }), says: 'called ok with color red' },
    { name: 'no revision', tamper: onLine({ revision: '' }), says: 'called ok without a revision' },
    { name: 'another sample', tamper: onLine({ sample: 1 }), says: 'sample 1 has no prediction' },
    { name: 'another revision', tamper: onLine({ revision: 'def' }), says: 'the summary says 0' },
    {
      // Not a timeout, which a machine that stood still just then excuses.
      name: 'a failure called ok',
      tamper: onLine({ verdict: 'error:ECONNRESET' }),
      says: 'failed: error:ECONNRESET',
    },
    { name: 'a shifted due time', tamper: onLine({ due: 5 }), says: 'due is off the schedule' },
    { name: 'an early start', tamper: onLine({ started: 5 }), says: 'started before it was due' },
    { name: 'a hidden gap', tamper: onLine({ latencyMs: 90_000 }), says: 'longestGapMs: the log says' },
    {
      name: 'a cut-off line',
      tamper: (files) => ({ ...files, log: files.log.slice(0, -5) }),
      says: 'is not JSON',
    },
    { name: 'a line without times', tamper: onLine({ latencyMs: null }), says: 'lacks a time' },
    {
      name: 'fewer requests in the summary',
      tamper: onSummary({ requests: 19 }),
      says: 'requests: the log says 20',
    },
    { name: 'another gap in the summary', tamper: onSummary({ longestGapMs: 0 }), says: 'longestGapMs' },
    {
      name: 'a failure in the summary only',
      tamper: onSummary({ failures: 1 }),
      says: 'failures: the log says 0',
    },
    { name: 'no revisions in the summary', tamper: onSummary({ revisions: [] }), says: 'the summary says 0' },
    { name: 'no start in the summary', tamper: onSummary({ startedAt: null }), says: 'off the schedule' },
    {
      name: 'another p99 in the summary',
      tamper: onSummary({ latencyMs: { p50: 0, p99: 0 } }),
      says: 'latencyMs.p99',
    },
  ]
  test.each(tampered)('catches $name', async ({ tamper, says }) => {
    const problems = check(tamper(await realRun()))
    expect(problems.join('\n')).toContain(says)
  })

  test('one revision that answered with two versions', async () => {
    const files = onLine({ version: 'wrong', prediction: 25.373 })(await realRun())
    expect(check(files, { versions: ['1', 'wrong'] }).join('\n')).toContain('abc answered with versions')
  })

  describe('a timeout', () => {
    /** The sixth request, given up after five seconds. */
    const timedOut = async (): Promise<Files & { due: number }> => {
      const files = await realRun()
      const { due } = JSON.parse(files.log.split('\n')[5] ?? '') as { due: number }
      return { ...onLine({ verdict: 'timeout', latencyMs: 5000 })(files), due }
    }
    const stalled = (from: number, to: number, notJudged = 1): string =>
      JSON.stringify({ stalls: [{ from, to }], notJudged })
    const problemsOf = (files: Files, machine: string): string =>
      recount({ ...files, machine, versions: ['1'], atLeast: 1 }).problems.join('\n')

    test('while the machine stood still is counted and no failure', async () => {
      const files = await timedOut()
      const result = recount({
        ...files,
        machine: stalled(0, files.due + 60_000),
        versions: ['1'],
        atLeast: 1,
      })
      expect(result.notJudged).toBe(1)
      expect(problemsOf(files, stalled(0, files.due + 60_000))).not.toContain('failed: timeout')
    })

    test('at another time is a failure', async () => {
      const files = await timedOut()
      expect(problemsOf(files, stalled(0, files.due - 1, 0))).toContain('failed: timeout')
    })

    test('that is said to be excused and is not, or the other way round, is told', async () => {
      const files = await timedOut()
      expect(problemsOf(files, stalled(0, files.due - 1))).toContain('notJudged: the log says 0')
      expect(problemsOf(files, stalled(0, files.due + 60_000, 0))).toContain('notJudged: the log says 1')
    })

    test('is the only failure that a stall explains', async () => {
      const files = onLine({ verdict: 'http-503', status: 503 })(await realRun())
      expect(problemsOf(files, stalled(0, 1e15, 0))).toContain('failed: http-503')
    })
  })

  test('too few requests prove too little', async () => {
    expect(check(await realRun(), { atLeast: 5000 })).toEqual([
      'only 20 requests in the log, expected at least 5000',
    ])
  })

  test('many problems are cut short', () => {
    const problems = Array.from({ length: 30 }, (_, i) => `problem ${i}`)
    const text = report({ requests: 1, failures: 0, notJudged: 0, longestGapMs: 0, problems })
    expect(text.split('\n')).toHaveLength(22)
    expect(text).toContain('- and 10 more')
  })
})

describe('as a program', () => {
  async function exitCode(flags: string[]): Promise<{ code: number; stdout: string }> {
    const { promise, resolve } = Promise.withResolvers<{ code: number; stdout: string }>()
    execFile(process.execPath, [join(import.meta.dirname, 'recount.ts'), ...flags], (error, stdout) =>
      resolve({ code: error ? Number(error.code) : 0, stdout }),
    )
    return promise
  }

  test('exits with 0, 1 and 2', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recount-'))
    const files = await realRun()
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const flags = Object.keys(files).flatMap((name) => [`--${name}`, join(folder, name)])

    expect(await exitCode([...flags, '--version', '1'])).toMatchObject({ code: 0 })
    const failed = await exitCode([...flags, '--version', 'wrong'])
    expect(failed.code).toBe(1)
    expect(failed.stdout).toContain('version 1 may not answer')
    expect(await exitCode(flags)).toMatchObject({ code: 2 })
    rmSync(folder, { recursive: true })
  })
})

function onLines(change: (lines: string[]) => string[]): (files: Files) => Files {
  return (files) => ({ ...files, log: `${change(files.log.trimEnd().split('\n')).join('\n')}\n` })
}

/** Changes fields of the sixth line. */
function onLine(fields: Record<string, unknown>): (files: Files) => Files {
  return onLines((lines) => {
    const entry = JSON.parse(lines[5] ?? '') as Record<string, unknown>
    return lines.with(5, JSON.stringify({ ...entry, ...fields }))
  })
}

function onSummary(fields: Record<string, unknown>): (files: Files) => Files {
  return (files) => ({
    ...files,
    summary: JSON.stringify({ ...(JSON.parse(files.summary) as object), ...fields }),
  })
}
