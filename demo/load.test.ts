import { afterEach, describe, expect, test } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pid } from 'node:process'
import {
  dueTime,
  judge,
  LoadConfigError,
  parseFlags,
  parseLog,
  parseSamples,
  plannedRequests,
  selectVersions,
  startLoad,
  summarize,
  turnOf,
} from './load.ts'
import type { Entry, LoadOptions, Sample, Summary } from './load.ts'

const SAMPLES: Sample[] = [
  { request: { RM: { 0: 6.575 } }, predictions: { 1: 30.72, 2: 26.928 } },
  { request: { RM: { 0: 5.631 } }, predictions: { 1: 13.485, 2: 15.513 } },
]
const IDENTITY = { 'x-modelrelease-color': 'blue', 'x-modelrelease-revision': 'abc', 'x-model-version': '1' }

/** Answers as version 1 would: the sample is recognized by its body. */
const answerRightly: RequestListener = (request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    const sample = SAMPLES.find((one) => JSON.stringify(one.request) === body)
    response.writeHead(200, IDENTITY).end(JSON.stringify({ prediction: [sample?.predictions[1]] }))
  })
}

const servers = new Set<Server>()

// A failed test must not leave a server that keeps the test runner alive.
afterEach(() => Promise.all([...servers].map(kill)))

async function listen(server: Server, { hostname = '127.0.0.1', port = '0' } = {}): Promise<URL> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  servers.add(server)
  // Node's 5 s are over when a busy machine goes on, and would cut a connection under a request.
  server.keepAliveTimeout = 60_000
  server.listen(Number(port), hostname, () => resolve(undefined))
  await promise
  return new URL(`http://${hostname}:${(server.address() as AddressInfo).port}`)
}

/** An address that no other process listens on, whose ports stay free while nobody listens. */
function ownAddress(): string {
  return `127.${100 + (pid % 100)}.${(pid >> 8) & 255}.${1 + (pid & 127)}`
}

async function kill(server: Server): Promise<void> {
  servers.delete(server)
  const { promise, resolve } = Promise.withResolvers<undefined>()
  server.close(() => resolve(undefined))
  server.closeAllConnections()
  await promise
}

function options(edges: URL[], changes: Partial<LoadOptions> = {}): LoadOptions {
  const limits = { ratePerSecond: 500, maxRequests: 20, maxSeconds: 60, timeoutMs: 60_000, freshEvery: 4 }
  return { edges, samples: SAMPLES, ...limits, ...changes }
}

/** Ends only when it is told to: far more requests than are due when a machine that stood still goes on, and so slow that it keeps up. */
const ENDLESS = { ratePerSecond: 50, maxRequests: 1_000_000, maxSeconds: 36_000 }

/** Runs a whole load against one listener. */
async function run(
  listener: RequestListener,
  changes: Partial<LoadOptions> = {},
): Promise<{ entries: Entry[]; summary: Summary; requestsSeen: number; hosts: Set<string> }> {
  const hosts = new Set<string>()
  let requestsSeen = 0
  const server = createServer((request, response) => {
    requestsSeen++
    hosts.add(request.headers.host ?? '')
    listener(request, response)
  })
  const edge = await listen(server)
  const entries: Entry[] = []
  const summary = await startLoad(options([edge], changes), (entry) => entries.push(entry)).done
  await kill(server)
  return { entries, summary, requestsSeen, hosts }
}

describe('judging one answer', () => {
  const right = { status: 200, color: 'blue', revision: 'abc', version: '1', body: '{"prediction":[30.72]}' }
  const [sample] = SAMPLES as [Sample]
  const cases = [
    { name: 'the expected prediction', answer: right, verdict: 'ok' },
    {
      name: 'a prediction within float32 rounding',
      answer: { ...right, body: '{"prediction":[30.7209]}' },
      verdict: 'ok',
    },
    {
      name: 'a prediction just outside it',
      answer: { ...right, body: '{"prediction":[30.7211]}' },
      verdict: 'wrong-answer',
    },
    {
      name: 'the prediction of another version',
      answer: { ...right, version: '2' },
      verdict: 'wrong-answer',
    },
    { name: 'no JSON', answer: { ...right, body: '<html>' }, verdict: 'wrong-answer' },
    { name: 'JSON null', answer: { ...right, body: 'null' }, verdict: 'wrong-answer' },
    {
      name: 'two predictions',
      answer: { ...right, body: '{"prediction":[30.72,1]}' },
      verdict: 'wrong-answer',
    },
    {
      name: 'a prediction that is text',
      answer: { ...right, body: '{"prediction":["30.72"]}' },
      verdict: 'wrong-answer',
    },
    { name: 'no version', answer: { ...right, version: null }, verdict: 'unidentified' },
    { name: 'no color', answer: { ...right, color: null }, verdict: 'unidentified' },
    { name: 'no revision', answer: { ...right, revision: null }, verdict: 'unidentified' },
    { name: 'a version that may not answer', answer: { ...right, version: '9' }, verdict: 'unidentified' },
    {
      name: 'a version named like a property of every object',
      answer: { ...right, version: 'toString' },
      verdict: 'unidentified',
    },
    { name: 'the right body with another status', answer: { ...right, status: 203 }, verdict: 'http-203' },
    { name: 'an unavailable server', answer: { ...right, status: 503, version: null }, verdict: 'http-503' },
  ]
  test.each(cases)('$name is $verdict', ({ answer, verdict }) => {
    expect(judge(answer, sample).verdict).toBe(verdict)
  })
})

describe('the schedule', () => {
  test('request k is due at t0 + k/rate', () => {
    expect([0, 1, 250].map((k) => dueTime(1000, 100, k))).toEqual([1000, 1010, 3500])
  })

  test('the stricter of both limits ends it', () => {
    expect(plannedRequests({ ratePerSecond: 100, maxRequests: 50, maxSeconds: 10 })).toBe(50)
    expect(plannedRequests({ ratePerSecond: 100, maxRequests: 5000, maxSeconds: 10 })).toBe(1000)
  })

  test.each([
    { edges: 3, samples: 27 },
    { edges: 2, samples: 8 },
    { edges: 1, samples: 1 },
  ])('$edges edges in turn, each with all of $samples samples and new connections', (counts) => {
    const turns = Array.from({ length: 1000 }, (_, k) => turnOf(k, { ...counts, freshEvery: 10 }))
    expect(turns.map(({ edge }) => edge)).toEqual(turns.map((_, k) => k % counts.edges))
    for (let edge = 0; edge < counts.edges; edge++) {
      const own = turns.filter((turn) => turn.edge === edge)
      expect(new Set(own.map(({ sample }) => sample)).size).toBe(counts.samples)
      expect(own.filter(({ fresh }) => fresh).length).toBe(Math.floor(own.length / 10))
    }
  })

  test('does not slow down when the server stalls', async () => {
    const waiting: ServerResponse[] = []
    // Nothing is answered before the last request is here: a closed loop would wait for ever.
    const stalled: RequestListener = (request, response) => {
      waiting.push(response)
      request.resume()
      if (waiting.length < 20) return
      for (const one of waiting) one.writeHead(200, IDENTITY).end('{"prediction":[30.72]}')
    }
    const { entries, summary } = await run(stalled, { samples: SAMPLES.slice(0, 1) })
    expect(summary).toMatchObject({ requests: 20, ok: 20, failures: 0 })
    for (const { seq, due, started } of entries) {
      expect(due).toBeCloseTo(dueTime(summary.startedAt, 500, seq), 2)
      expect(started).toBeGreaterThanOrEqual(due)
    }
    // Measured from the due time, the first request has waited for all the others.
    const first = entries.find(({ seq }) => seq === 0)
    expect(first?.latencyMs).toBeGreaterThanOrEqual(19 * 2)
  })

  test('latency counts from the due time when the generator itself is late', async () => {
    let late = 0
    const clock = (): number => 1_000_000 + performance.now() + late
    const server = createServer(answerRightly)
    const entries: Entry[] = []
    const load = startLoad(
      options([await listen(server)], { maxRequests: 5 }),
      (one) => entries.push(one),
      clock,
    )
    late = 700
    const summary = await load.done
    await kill(server)
    expect(entries).toHaveLength(5)
    for (const { latencyMs } of entries) expect(latencyMs).toBeGreaterThanOrEqual(690)
    expect(summary.maxStartDelayMs).toBeGreaterThanOrEqual(700)
  })
})

describe('against a server', () => {
  test('right answers are ok, on new and on reused connections', async () => {
    // A clock that waits: an answer takes 1 ms, and the next request is due 1 ms after it is here, so that it finds a
    // free connection on any machine.
    let time = 1_000_000
    const server = createServer((request, response) => {
      time++
      answerRightly(request, response)
    })
    const entries: Entry[] = []
    const load = startLoad(
      options([await listen(server)]),
      (one) => {
        entries.push(one)
        time++
      },
      () => time,
    )
    const summary = await load.done
    await kill(server)
    expect(summary).toMatchObject({ requests: 20, ok: 20, failures: 0, verdicts: { ok: 20 }, planned: 20 })
    expect(summary.revisions).toEqual([{ color: 'blue', revision: 'abc', version: '1', requests: 20 }])
    expect(summary.longestFailingStretchMs).toBe(0)
    expect(entries.map(({ seq }) => seq)).toEqual([...Array(20).keys()])
    const counts = { edges: 1, samples: 2, freshEvery: 4 }
    const expected = entries.map(({ seq }) => (seq === 0 || turnOf(seq, counts).fresh ? 'new' : 'reused'))
    expect(entries.map(({ connection }) => connection)).toEqual(expected)
  })

  test('each request is sent once, however fast they are due', async () => {
    const { entries, requestsSeen } = await run(answerRightly)
    expect(requestsSeen).toBe(20)
    expect(entries.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual([...Array(20).keys()])
  })

  test('edges get the requests in turn, under the host name of the distribution', async () => {
    const { entries, hosts } = await run(answerRightly, { host: 'd1.cloudfront.test' })
    expect(entries).toHaveLength(20)
    expect(hosts).toEqual(new Set(['d1.cloudfront.test']))
  })

  test('wrong answers are failures, and their beginning is kept', async () => {
    const { entries, summary } = await run((request, response) => {
      request.resume()
      response.writeHead(200, IDENTITY).end('{"prediction":[1.5]}')
    })
    expect(summary).toMatchObject({ failures: 20, verdicts: { 'wrong-answer': 20 }, latencyMs: null })
    expect(entries[0]).toMatchObject({ status: 200, prediction: 1.5, detail: '{"prediction":[1.5]}' })
    expect(summary.longestGapMs).toBeCloseTo(summary.endedAt - summary.startedAt, 2)
  })

  test('an answer that does not say who gave it is a failure', async () => {
    const { summary } = await run((request, response) => {
      request.resume()
      response.writeHead(200).end('{"prediction":[30.72]}')
    })
    expect(summary.verdicts).toEqual({ unidentified: 20 })
    expect(summary.revisions).toEqual([{ color: null, revision: null, version: null, requests: 20 }])
  })

  test('a server error is a failure, not retried', async () => {
    const { summary, requestsSeen } = await run((request, response) => {
      request.resume()
      response.writeHead(503).end()
    })
    expect(summary.verdicts).toEqual({ 'http-503': 20 })
    expect(requestsSeen).toBe(20)
  })

  test('a request that is never answered times out', async () => {
    const { summary, entries } = await run((request) => request.resume(), { maxRequests: 3, timeoutMs: 50 })
    expect(summary.verdicts).toEqual({ timeout: 3 })
    for (const { latencyMs } of entries) expect(latencyMs).toBeGreaterThanOrEqual(49)
  })

  test('an answer cut off in the middle is a failure', async () => {
    const { summary } = await run((request, response) => {
      request.resume()
      response.writeHead(200, { ...IDENTITY, 'content-length': 100 }).write('{"prediction":[', () => {
        response.destroy()
      })
    })
    expect(summary.verdicts).toEqual({ 'error:ECONNRESET': 20 })
  })

  test('a killed server costs failures and a gap that lasts until it is back', async () => {
    const server = createServer(answerRightly)
    const edge = await listen(server, { hostname: ownAddress() })
    const entries: Entry[] = []
    let killed: Promise<void> | undefined
    let back: Server | undefined
    let [ok, refused] = [0, 0]
    const load = startLoad(options([edge], ENDLESS), (entry) => {
      entries.push(entry)
      if (entry.verdict === 'ok') ok++
      if (entry.verdict === 'error:ECONNREFUSED') refused++
      if (ok === 10) killed ??= kill(server)
      if (refused === 20 && !back) {
        back = createServer(answerRightly)
        void killed?.then(() => back && listen(back, edge))
      }
      if (refused >= 20 && entry.verdict === 'ok') load.stop()
    })
    const summary = await load.done
    if (back) await kill(back)

    expect(summary.failures).toBe(entries.filter(({ verdict }) => verdict !== 'ok').length)
    expect(summary.failures).toBeGreaterThanOrEqual(20)
    expect(summary.verdicts).toMatchObject({ 'error:ECONNREFUSED': expect.any(Number) as unknown })
    // Entries are in the order in which they ended, so these two answers stand around the outage.
    const firstRefused = entries.findIndex(({ verdict }) => verdict === 'error:ECONNREFUSED')
    const before = entries.slice(0, firstRefused).findLast(({ verdict }) => verdict === 'ok')
    const after = entries.slice(firstRefused).find(({ verdict }) => verdict === 'ok')
    const completed = (entry?: Entry): number => (entry ? entry.due + entry.latencyMs : NaN)
    expect(summary.longestGapMs).toBeGreaterThanOrEqual(completed(after) - completed(before) - 0.01)
    expect(summary.longestFailingStretchMs).toBeGreaterThan(0)
  })

  test('after stop no request is sent, and those in flight still count', async () => {
    const waiting: ServerResponse[] = []
    let arrived = 0
    const server = createServer((request, response) => {
      request.resume()
      waiting.push(response)
      if (++arrived < 5) return
      load.stop()
      for (const one of waiting.splice(0)) one.writeHead(200, IDENTITY).end('{"prediction":[30.72]}')
    })
    const edge = await listen(server)
    const entries: Entry[] = []
    const load = startLoad(options([edge], { ...ENDLESS, samples: SAMPLES.slice(0, 1) }), (entry) =>
      entries.push(entry),
    )
    const summary = await load.done
    // Requests may be on their way when the fifth arrives; they are waited for by the same rule.
    expect(summary.requests).toBe(entries.length)
    expect(summary.requests).toBeGreaterThanOrEqual(5)
    expect(summary.requests).toBeLessThan(ENDLESS.maxRequests)
    expect(summary.planned).toBe(ENDLESS.maxRequests)
    await kill(server)
  })
})

describe('measuring', () => {
  /** Ten requests, 100 ms apart from 1000 on, each answered in 10 ms. */
  function entries(changes: Record<number, Partial<Entry>> = {}): Entry[] {
    return Array.from({ length: 10 }, (_, seq) => ({
      seq,
      due: 1000 + seq * 100,
      started: 1000 + seq * 100,
      latencyMs: 10,
      edge: 'http://127.0.0.1:1',
      connection: 'reused' as const,
      sample: 0,
      status: 200,
      color: 'blue',
      revision: 'abc',
      version: '1',
      prediction: 30.72,
      verdict: 'ok' as const,
      ...changes[seq],
    }))
  }
  const whole = { from: 1000, to: 1910 }
  const failed = { verdict: 'http-503' as const }

  test.each([
    { name: 'all ok: the interval', changes: {}, gap: 100, stretch: 0 },
    { name: 'one failure: until the next success', changes: { 4: failed }, gap: 200, stretch: 100 },
    {
      name: 'two stretches: the longer',
      changes: { 1: failed, 5: failed, 6: failed },
      gap: 300,
      stretch: 200,
    },
    { name: 'failing from the start', changes: { 0: failed, 1: failed }, gap: 210, stretch: 200 },
    { name: 'failing to the end', changes: { 8: failed, 9: failed }, gap: 200, stretch: 110 },
    {
      name: 'a slow answer: a gap without a failure',
      changes: { 4: { latencyMs: 90 } },
      gap: 180,
      stretch: 0,
    },
    { name: 'an answer that overtakes others', changes: { 3: { latencyMs: 250 } }, gap: 200, stretch: 0 },
  ])('$name', ({ changes, gap, stretch }) => {
    const measures = summarize(entries(changes), whole)
    expect(measures.longestGapMs).toBe(gap)
    expect(measures.longestFailingStretchMs).toBe(stretch)
  })

  test('all failed: the gap and the stretch are the whole run', () => {
    const measures = summarize(
      entries(Object.fromEntries([...Array(10).keys()].map((k) => [k, failed]))),
      whole,
    )
    expect(measures).toMatchObject({ ok: 0, failures: 10, longestGapMs: 910, longestFailingStretchMs: 910 })
  })

  test('a part of the run counts only what was due in it', () => {
    const measures = summarize(entries({ 1: failed, 5: failed }), { from: 1300, to: 1600 })
    expect(measures).toMatchObject({ requests: 3, ok: 2, failures: 1, verdicts: { ok: 2, 'http-503': 1 } })
  })

  test('percentiles are those of the answered requests', () => {
    const measures = summarize(entries({ 0: { latencyMs: 50 }, 1: { ...failed, latencyMs: 5000 } }), whole)
    expect(measures.latencyMs).toEqual({ p50: 10, p99: 50, max: 50 })
  })

  test('requests are counted per color, revision and version', () => {
    const measures = summarize(entries({ 8: { color: 'green' }, 9: { color: 'green', version: '2' } }), whole)
    expect(measures.revisions).toEqual([
      { color: 'blue', revision: 'abc', version: '1', requests: 8 },
      { color: 'green', revision: 'abc', version: '1', requests: 1 },
      { color: 'green', revision: 'abc', version: '2', requests: 1 },
    ])
  })
})

describe('flags and samples', () => {
  const good = [
    '--edge',
    'http://127.0.0.1:8001',
    '--version',
    '1',
    '--samples',
    's.json',
    '--log',
    'raw.log',
  ]

  test('defaults', () => {
    expect(parseFlags(good)).toMatchObject({ ratePerSecond: 100, maxRequests: 60_000, timeoutMs: 5000 })
  })

  test.each([
    { edge: 'http://127.1.2.3:80' },
    { edge: 'http://127.1/' },
    { edge: 'http://10.99.0.2:8001', allow: '10.99.0.2' },
    { edge: 'http://localhost:8001', allow: 'localhost' },
  ])('edge $edge is accepted (allowed: $allow)', ({ edge, allow }) => {
    const flags = [...good, '--edge', edge, ...(allow === undefined ? [] : ['--allow-host', allow])]
    expect(parseFlags(flags).edges).toHaveLength(2)
  })

  test.each([
    { name: 'another machine', flags: ['--edge', 'http://192.0.2.1'], says: '--allow-host 192.0.2.1' },
    {
      name: 'a name that looks local',
      flags: ['--edge', 'http://127.example.com'],
      says: 'outside 127.0.0.0/8',
    },
    {
      name: 'a name that could resolve anywhere',
      flags: ['--edge', 'http://localhost'],
      says: 'outside 127',
    },
    {
      name: 'user info that looks local',
      flags: ['--edge', 'http://127.0.0.1@192.0.2.1'],
      says: '192.0.2.1 is',
    },
    { name: 'https', flags: ['--edge', 'https://127.0.0.1'], says: 'http:// URL' },
    { name: 'no URL', flags: ['--edge', 'nonsense'], says: 'http:// URL' },
    { name: 'no rate', flags: ['--rate', 'fast'], says: '--rate is "fast"' },
    { name: 'a flood', flags: ['--rate', '1e6'], says: 'from 0.1 to 2000' },
    { name: 'no bound', flags: ['--max-seconds', 'Infinity'], says: '--max-seconds' },
    { name: 'an unknown flag', flags: ['--retry', '3'], says: '--retry' },
  ])('refuses $name', ({ flags, says }) => {
    expect(() => parseFlags([...good, ...flags])).toThrow(says)
  })

  test('all problems are said at once', () => {
    expect(() => parseFlags(['--rate', '0'])).toThrow(/--rate[^]*--version[^]*--edge[^]*--samples[^]*--log/)
  })

  test.each([
    { name: 'no list', text: '{}', says: '"samples"' },
    { name: 'an empty list', text: '{"samples":[]}', says: 'non-empty' },
    { name: 'no request', text: '{"samples":[{"predictions":{"1":2}}]}', says: 'samples[0].request' },
    {
      name: 'a prediction that is text',
      text: '{"samples":[{"request":{},"predictions":{"1":"2"}}]}',
      says: 'samples[0].predictions',
    },
  ])('refuses samples with $name', ({ text, says }) => {
    expect(() => parseSamples(text)).toThrow(says)
  })

  test('only the named versions may answer, under the name their server uses', () => {
    const [sample] = selectVersions(SAMPLES, parseFlags([...good, '--version', '5=2']).versions)
    expect(sample?.predictions).toEqual({ 1: 30.72, 5: 26.928 })
    expect(() => selectVersions(SAMPLES, new Map([['3', '3']]))).toThrow(LoadConfigError)
  })

  test('the samples of the housing example are usable', () => {
    const text = readFileSync(join(import.meta.dirname, '../examples/housing/samples.json'), 'utf8')
    expect(parseSamples(text).length).toBeGreaterThan(1)
  })
})

describe('as a program', () => {
  const program = join(import.meta.dirname, 'load.ts')

  test('bad flags exit with 2 and say why', async () => {
    const { promise, resolve } = Promise.withResolvers<{ code: unknown; stderr: string }>()
    execFile(process.execPath, [program, '--edge', 'http://192.0.2.1'], (error, _, stderr) =>
      resolve({ code: error?.code, stderr }),
    )
    const { code, stderr } = await promise
    expect(code).toBe(2)
    expect(stderr).toContain('192.0.2.1')
    expect(stderr).toContain('--samples is missing')
  })

  test.each(['stop', 'SIGTERM', 'SIGINT'] as const)(
    '%s ends it with a log and a summary, and exit 0',
    async (how) => {
      const folder = mkdtempSync(join(tmpdir(), 'load-'))
      const [samples, log] = [join(folder, 'samples.json'), join(folder, 'raw.log')]
      writeFileSync(samples, JSON.stringify({ samples: SAMPLES }))
      let seen = 0
      const server = createServer((request, response) => {
        answerRightly(request, response)
        if (++seen !== 10) return
        if (how === 'stop') child.stdin.write('stop\n')
        else child.kill(how)
      })
      const edge = await listen(server)
      const flags = [
        '--edge',
        edge.href,
        '--samples',
        samples,
        '--log',
        log,
        '--version',
        '1',
        '--timeout-ms',
        '60000',
        '--max-requests',
        '1000000',
        '--max-seconds',
        '3600',
      ]
      const child = spawn(process.execPath, [program, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] })
      let stdout = ''
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
      const { promise, resolve } = Promise.withResolvers<number | null>()
      child.on('close', resolve)

      expect(await promise).toBe(0)
      const summary = JSON.parse(stdout) as Summary
      const entries = parseLog(readFileSync(log, 'utf8'))
      expect(summary).toMatchObject({ failures: 0, planned: 360_000, requests: seen })
      expect(entries).toHaveLength(seen)
      expect(seen).toBeLessThan(360_000)
      await kill(server)
      rmSync(folder, { recursive: true })
    },
  )
})
