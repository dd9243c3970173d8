/** Those who ask: wrk for what a server can do at most, open-loop.ts for how long it lets one wait, and a checker beside both. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { OpenLoopOptions, OpenLoopResult } from './open-loop.ts'
import type { Question } from './questions.ts'

/** What wrk saw. Its latencies are of all answers, from the moment at which it sent the request. */
export type WrkResult = {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  maxMs: number
  not2xx: number
  broken: number
}

/** How hard wrk asks. */
export type WrkOptions = { core: number; connections: number; seconds: number; scratch: string }

const POST = fileURLToPath(new URL('post.lua', import.meta.url))
const OPEN_LOOP = fileURLToPath(new URL('open-loop.ts', import.meta.url))

/** Ask as often as the answers allow. */
export async function wrk(origin: string, question: Question, options: WrkOptions): Promise<WrkResult> {
  const { core, connections, seconds, scratch } = options
  mkdirSync(scratch, { recursive: true })
  const body = join(scratch, 'body')
  writeFileSync(body, question.body)
  const headers = Object.entries(question.headers).map(([name, value]) => `${name}: ${value}`)
  const size = [
    '--threads',
    '1',
    '--connections',
    String(connections),
    '--duration',
    `${seconds}s`,
    '--timeout',
    '30s',
  ]
  const argv = ['wrk', ...size, '--script', POST, `${origin}${question.path}`, '--', body, ...headers]
  return lastLineOf(await pinned(core, argv)) as WrkResult
}

/** Ask at a fixed rate. */
export async function openLoop(core: number, options: OpenLoopOptions): Promise<OpenLoopResult> {
  const argv = [process.execPath, '--disable-warning=ExperimentalWarning', OPEN_LOOP, JSON.stringify(options)]
  return lastLineOf(await pinned(core, argv)) as OpenLoopResult
}

/** Run a program on a core and return what it wrote to stdout. */
export async function pinned(core: number, argv: readonly string[]): Promise<string> {
  const child = spawn('/usr/bin/taskset', ['--cpu-list', String(core), ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0)
    throw new Error(`${argv.slice(0, 3).join(' ')} ended with ${code}: ${said.join('').slice(-500)}`)
  return said.join('')
}

/** Ask one thing and judge the answer. */
export async function ask(origin: string, question: Question): Promise<void> {
  const { path, headers, body } = question
  const response = await fetch(origin + path, { method: 'POST', headers, body: new Uint8Array(body) })
  question.check({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: Buffer.from(await response.arrayBuffer()),
  })
}

const SAMPLE_EVERY_MS = 100

/** Ask beside the load, ten times a second, until `work` ends; a wrong answer makes all of it worthless. */
export async function checkedDuring<T>(
  origin: string,
  questions: readonly Question[],
  work: () => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const checking = sample(origin, questions, over.signal)
  // It is looked at below; until then a failure must not end the process.
  checking.catch(() => undefined)
  try {
    return await work()
  } finally {
    over.abort()
    await checking
  }
}

async function sample(origin: string, questions: readonly Question[], signal: AbortSignal): Promise<void> {
  for (let count = 0; !signal.aborted; count += 1) {
    const question = questions[count % questions.length]
    if (question) await ask(origin, question)
    await wait(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

function lastLineOf(text: string): unknown {
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown
}
