import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import pino from 'pino'
import { Call } from '../execution/call.ts'
import { HandlerPool } from './handler-pool.ts'
import type { Job, Loss } from './handler-pool.ts'
import type { Outcome } from './messages.ts'

/** What a request says decides what the handler does. */
const HANDLER = `
let count = 0
export default {
  accepts: 'application/json',
  async preprocess({ act, ...input }, { exec, refuse, run, signal, state, log, settings, remainingMs }) {
    count += 1
    state.input = input
    switch (act) {
      case 'refuse': refuse(422, 'not this')
      case 'refuse badly': refuse(200, 'fine')
      case 'http-errors': throw Object.assign(new Error('from a package'), { status: 409, expose: true })
      case 'foreign status': throw Object.assign(new Error('of another server'), { status: 404 })
      case 'throw': throw new Error('secret')
      case 'exit': process.exit(7)
      case 'crash later': await new Promise(() => setTimeout(() => { throw new Error('boom') }))
      case 'loop': for (;;) ;
      case 'wait': await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      case 'ignore': await new Promise(() => {})
      case 'exec': return exec('sh', ['-c', input.script]).then(({ stdout }) => ({ y: Buffer.from(stdout).toString() }))
      case 'log': log.info('said', { count }); console.log('printed'); break
      case 'twice': state.first = await run({ x: 1 }); return { x: 2 }
      case 'settings': return { settings, env: Object.keys(process.env), hasTime: remainingMs() > 0 }
    }
    return { x: input.value }
  },
  postprocess(outputs, { state, model }) { return state.input.nothing ? undefined : { outputs, state, count, model: model.name } },
}`

const pools: HandlerPool[] = []
const losses: Loss[] = []
const lines: string[] = []

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
  losses.length = 0
  lines.length = 0
})

/** How long a thread of a machine that is busy may take to hear that it shall stop. */
const PATIENT_MS = 60_000

function newPool(source = HANDLER, { size = 1, graceMs = PATIENT_MS } = {}): HandlerPool {
  const pool = new HandlerPool({
    graceMs,
    data: { url: 'file:///nowhere/handler.js', source, pinned: true, settings: { a: 1 } },
    size,
    log: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }),
    lost: (loss) => losses.push(loss),
  })
  pools.push(pool)
  return pool
}

function job(input: unknown, more: Partial<Job> = {}): Job {
  return {
    work: { type: 'Json', body: new TextEncoder().encode(JSON.stringify(input)) },
    model: { name: 'm', version: '1', sha256: '', inputs: [], outputs: [] },
    services: {
      infer: (inputs) => Promise.resolve({ ...inputs, ran: true } as never),
      path: '/usr/bin:/bin',
    },
    call: new Call(performance.now() + 60_000),
    left: new AbortController().signal,
    settled: () => undefined,
    ...more,
  }
}

function read(outcome: Outcome): unknown {
  return outcome.type === 'Answered' ? JSON.parse(Buffer.from(outcome.body).toString()) : outcome
}

async function started(source?: string, more?: { size?: number; graceMs?: number }): Promise<HandlerPool> {
  const pool = newPool(source, more)
  await pool.start()
  return pool
}

test('a request goes through the handler, the model and the handler again', async () => {
  const pool = await started()
  expect(read(await pool.perform(job({ value: 5 })))).toEqual({
    outputs: { x: 5, ran: true },
    state: { input: { value: 5 } },
    count: 1,
    model: 'm',
  })
})

test('a handler may run the model more often, and knows its settings, its time and nothing of the environment', async () => {
  const pool = await started()
  expect(read(await pool.perform(job({ act: 'twice' })))).toMatchObject({
    outputs: { x: 2, ran: true },
    state: { first: { x: 1, ran: true } },
  })
  expect(read(await pool.perform(job({ act: 'settings' })))).toMatchObject({
    outputs: { settings: { a: 1 }, env: [], hasTime: true },
  })
})

describe('how a request may end without an answer', () => {
  test.each<[string, unknown, object]>([
    ['a refusal', { act: 'refuse' }, { type: 'Refused', status: 422, message: 'not this' }],
    [
      'a refusal that is none',
      { act: 'refuse badly' },
      { type: 'Failed', message: 'refuse: expected a status from 400 to 499, got 200 (fine)' },
    ],
    [
      'an error of http-errors',
      { act: 'http-errors' },
      { type: 'Refused', status: 409, message: 'from a package' },
    ],
    [
      'an error of another server, which says nothing of this one',
      { act: 'foreign status' },
      { type: 'Failed', message: 'of another server' },
    ],
    ['any other error', { act: 'throw' }, { type: 'Failed', message: 'secret' }],
    [
      'no answer',
      { nothing: true },
      { type: 'Failed', message: 'postprocess returned nothing that JSON can carry' },
    ],
  ])('%s', async (_, input, outcome) => {
    const pool = await started()
    expect(await pool.perform(job(input))).toMatchObject(outcome)
    expect(losses).toEqual([])
  })

  test('a body that is no JSON', async () => {
    const pool = await started()
    const work = { type: 'Json', body: new TextEncoder().encode('{x') } as const
    expect(await pool.perform(job({}, { work }))).toMatchObject({ type: 'Refused', status: 400 })
  })

  test('an error of the model that is for the client keeps its status', async () => {
    const pool = await started()
    const { RequestError } = await import('../http/request-error.ts')
    const infer = (): Promise<never> => Promise.reject(new RequestError(503, 'full'))
    expect(await pool.perform(job({}, { services: { infer, path: '' } }))).toEqual({
      type: 'Refused',
      status: 503,
      message: 'full',
    })
  })
})

describe('a thread that dies takes its request with it, and is replaced', () => {
  test.each([
    ['by leaving', 'exit', 'ended with code 7'],
    ['of an error that nobody caught', 'crash later', 'boom'],
  ])('%s', async (_, act, message) => {
    const pool = await started()
    await expect(pool.perform(job({ act }))).rejects.toThrow(message)
    expect(read(await pool.perform(job({ value: 1 })))).toMatchObject({ count: 1 })
    expect(losses).toEqual(['Crashed'])
  })
})

test('a handler that dies again and again is started more and more slowly', async () => {
  const channel = new BroadcastChannel('death')
  const mortal = "new BroadcastChannel('death').onmessage = () => { throw new Error('boom') }; "
  const pool = await started(mortal + HANDLER)
  // The first is replaced at once, the second after a while.
  for (const deaths of [1, 2]) {
    while (pool.alive === 0) await turn()
    channel.postMessage('die')
    while (losses.length < deaths) await turn()
  }
  channel.close()
  await pool.close()
  const delays = lines
    .map((line) => JSON.parse(line) as { msg: string; delayMs?: number })
    .filter(({ msg }) => msg === 'Replacing a thread of the handler')
    .map(({ delayMs }) => delayMs)
  expect(delays).toEqual([0, expect.any(Number)])
  expect(delays[1]).toBeGreaterThanOrEqual(250)
})

describe('a deadline', () => {
  test.each([
    ['that the handler heeds costs no thread', 'wait', PATIENT_MS, []],
    ['that it does not heed costs its thread', 'ignore', 50, ['DidNotStop']],
    ['also where it never comes to rest', 'loop', 50, ['DidNotStop']],
  ])('%s', async (_, act, graceMs, lost) => {
    const pool = await started(HANDLER, { graceMs })
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const late = job({ act }, { call: new Call(performance.now() + 50), settled: () => resolve(undefined) })
    await expect(pool.perform(late)).rejects.toMatchObject({ status: 504 })
    await promise
    expect(read(await pool.perform(job({ value: 1 })))).toMatchObject({ outputs: { x: 1 } })
    expect(losses).toEqual(lost)
  })

  test('that passes while waiting for a thread: the handler never sees the request', async () => {
    const pool = await started()
    const left = new AbortController()
    const first = pool.perform(job({ act: 'wait' }, { left: left.signal }))
    const second = pool.perform(job({}, { call: new Call(performance.now() + 20) }))
    await expect(second).rejects.toMatchObject({ status: 504 })
    left.abort()
    await expect(first).rejects.toThrow('the client left')
    expect(read(await pool.perform(job({})))).toMatchObject({ count: 2 })
  })
})

test('when the client leaves, the program that the handler waits for is killed and the thread goes on', async () => {
  const pool = await started()
  const left = new AbortController()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const running = pool.perform(
    job({ act: 'exec', script: 'sleep 1000' }, { left: left.signal, settled: () => resolve(undefined) }),
  )
  left.abort()
  await expect(running).rejects.toThrow('the client left')
  await promise
  expect(losses).toEqual([])
  expect(read(await pool.perform(job({ act: 'exec', script: 'echo $PATH' })))).toMatchObject({
    outputs: { y: '/usr/bin:/bin\n' },
  })
})

test('each thread does one task at a time, and tasks wait their turn', async () => {
  const pool = await started(HANDLER, { size: 2 })
  const left = new AbortController()
  const stuck = pool.perform(job({ act: 'wait' }, { left: left.signal }))
  const answers = await Promise.all([1, 2, 3].map((value) => pool.perform(job({ value }))))
  expect(answers.map(read)).toMatchObject([1, 2, 3].map((x) => ({ outputs: { x }, count: x })))
  left.abort()
  await expect(stuck).rejects.toThrow('the client left')
})

test('what a handler logs and prints becomes lines of the log', async () => {
  const pool = await started()
  await pool.perform(job({ act: 'log' }))
  // Printing is asynchronous between threads; once the thread is gone, all of it is here.
  await pool.close()
  const messages = lines.map((line) => JSON.parse(line) as { msg: string; data?: unknown; line?: string })
  expect(messages).toContainEqual(expect.objectContaining({ msg: 'said', data: { count: 1 } }))
  expect(messages).toContainEqual(
    expect.objectContaining({ msg: 'Handler wrote to stdout', line: 'printed' }),
  )
})

describe('a module that cannot be used, and why', () => {
  test.each([
    ['it is no JavaScript', 'export default {', 'Unexpected end of input'],
    ['it throws', 'throw new Error("at load")', 'at load'],
    ['it ends the thread', 'process.exit(3)', 'ended with code 3'],
    ['it exports something else', 'export default 5', 'expected a default export'],
    [
      'it is pinned and imports what no digest covers',
      'import "./other.js"; export default {}',
      "imports './other.js', which HANDLER_SHA256 does not cover",
    ],
  ])('%s', async (_, source, problem) => {
    await expect(newPool(source).start()).rejects.toThrow(problem)
  })
})
