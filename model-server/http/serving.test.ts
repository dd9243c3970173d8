/** How the real process serves: requests that share a run, a model in threads, a full queue, deadlines, and leaving. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { slowModel, squaring } from '../test/onnx-writer.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const folder = scratchFolder('model-server')
const slowPath = join(folder, 'slow.onnx')
// A few tenths of a second for each row.
writeFileSync(slowPath, slowModel(400))
const SLOW = { MODEL_NAME: 'slow', MODEL_URI: slowPath, MAX_BATCH_SIZE: '1' }

type Answer = { status: number | undefined; headers: IncomingHttpHeaders; body: unknown }

const agent = new Agent({ keepAlive: true })
afterAll(() => agent.destroy())

function begin(url: string, headers: Record<string, string | number> = {}): ClientRequest {
  return request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } })
}

async function answerOf(asked: ClientRequest): Promise<Answer> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) }
}

function post(url: string, body: unknown, headers: Record<string, string | number> = {}): Promise<Answer> {
  const asked = begin(url, headers)
  asked.end(JSON.stringify(body))
  return answerOf(asked)
}

/** One value of `/metrics`; of several the one whose labels hold `label`. */
async function metric(server: ServerProcess, name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${await server.opsOrigin()}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`model_server_${name}{`) && one.includes(label))
  return Number(line?.split(' ').at(-1))
}

/** Whether so many requests were in the server before `isOver`. */
async function inside(server: ServerProcess, count: number, isOver: () => boolean): Promise<boolean> {
  while (!isOver() && (await metric(server, 'queue_depth')) !== count);
  return !isOver()
}

test('a model that is fast for little takes a thread for much, and the event loop stays free', async () => {
  const path = join(folder, 'squaring.onnx')
  writeFileSync(path, squaring())
  const server = new ServerProcess({ MODEL_NAME: 'm', MODEL_URI: path })
  try {
    const origin = await server.origin()
    expect(await server.logged('Model tried')).toMatchObject({ mode: 'inline', triedWith: 'made-up inputs' })
    await server.logged('Model loaded and warmed up')
    const ask = (width: number): Promise<Answer> => {
      const data = new Array<number>(width).fill(0)
      return post(`${origin}/v2/models/m/infer`, {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, width], data }],
      })
    }
    const threads = 'Starting threads: requests are too slow for the event loop'
    expect((await ask(8)).status).toBe(200)
    expect(server.log.map(({ msg }) => msg)).not.toContain(threads)
    expect((await ask(3_000)).status).toBe(200)
    expect(server.log.map(({ msg }) => msg)).toContain(threads)
    expect(await metric(server, 'model_tried', 'with="made-up inputs"')).toBe(1)
    expect(await metric(server, 'sharing_ended_total')).toBe(0)
  } finally {
    await server.kill()
  }
})

describe('a fast model', () => {
  let server: ServerProcess
  let origin: string
  beforeAll(async () => {
    // On a busy machine requests of the same moment come one by one: each waits a little for company.
    server = new ServerProcess({
      MODEL_NAME: 'housing',
      MODEL_URI: housingModel('2').path,
      BATCH_DELAY_MS: '10',
    })
    origin = await server.origin()
    await server.logged('Model loaded and warmed up')
  })
  afterAll(() => server.kill())

  test('is run on the event loop', async () => {
    expect(await server.logged('Model tried')).toMatchObject({ mode: 'inline', lanes: 1 })
  })

  test('64 requests with a row each share runs, and each gets its own answer under its own id', async () => {
    const rows = Array.from({ length: 64 }, (_, index) => {
      const frame = housing.samples[index % housing.samples.length]?.request
      return housing.columns.map((column) => Object.values(frame?.[column] ?? {})[0] ?? 0)
    }).map((row, index) => row.map((value) => value * (1 + index / 100)))
    const ask = (row: number[], id: string): Promise<Answer> =>
      post(`${origin}/v2/models/housing/infer`, {
        id,
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 6], data: row }],
      })
    const alone: unknown[] = []
    for (const [index, row] of rows.entries()) alone.push((await ask(row, `${index}`)).body)
    const before = await metric(server, 'executions_total')

    const together = await Promise.all(rows.map((row, index) => ask(row, `${index}`)))
    expect(together.map(({ body }) => body)).toEqual(alone)
    expect((await metric(server, 'executions_total')) - before).toBeLessThan(64)
    expect(await metric(server, 'inferences_total')).toBe(128)
    // Otherwise it would not matter who got whose.
    expect(
      new Set(alone.map((body) => JSON.stringify((body as { outputs: unknown }).outputs))).size,
    ).toBeGreaterThan(10)
  })

  test('a request of many rows gets them all, from several runs', async () => {
    const data = Array.from({ length: 100 }, () => [0, 6.575, 296, 15.3, 396.9, 4.98])
    const { body } = await post(`${origin}/v2/models/housing/infer`, {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [100, 6], data }],
    })
    expect(body).toMatchObject({
      outputs: [{ shape: [100, 1], data: data.map(() => expect.closeTo(26.928011, 4) as unknown) }],
    })
  })

  test.each(['0', '-1', 'soon', '1.5'])('a deadline of %s milliseconds is none', async (milliseconds) => {
    const { status, body } = await post(`${origin}/predict`, {}, { 'x-request-timeout-ms': milliseconds })
    expect(status).toBe(400)
    expect(body).toEqual({
      code: 'invalid_request',
      error: `x-request-timeout-ms: expected milliseconds from 1 to 999999999, got '${milliseconds}'`,
    })
  })

  test('a body that is announced as too large is refused before it is sent', async () => {
    const asked = begin(`${origin}/predict`, { 'content-length': 2 ** 30, expect: '100-continue' })
    let wanted = false
    asked.once('continue', () => (wanted = true))
    asked.flushHeaders()
    expect(await answerOf(asked)).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect(wanted).toBe(false)
    while ((await metric(server, 'rejected_total', 'too_large')) !== 1);
  })

  test('a client that sends a body which is too large all the same gets the answer, and then is cut', async () => {
    const asked = begin(`${origin}/predict`, { 'transfer-encoding': 'chunked' })
    const cut = once(asked, 'close')
    asked.on('error', () => undefined)
    const chunk = Buffer.alloc(2 ** 20, ' ')
    const send = (): void => {
      while (!asked.destroyed && asked.write(chunk));
    }
    asked.on('drain', send)
    send()
    expect(await answerOf(asked)).toMatchObject({ status: 413, headers: { connection: 'close' } })
    await cut
  })
})

describe('a slow model', () => {
  let server: ServerProcess
  let url: string
  async function start(env: Record<string, string> = {}): Promise<void> {
    server = new ServerProcess({ ...SLOW, ...env })
    url = `${await server.origin()}/v2/models/slow/infer`
    await server.logged('Model loaded and warmed up')
  }
  afterEach(() => server.kill())

  const ask = (value: number, headers = {}): Promise<Answer> =>
    post(url, { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [value] }] }, headers)

  /**
   * What `look` finds while the model is at a request. A busy machine may stand still until that is answered; then `look` finds
   * nothing, and looks again.
   */
  async function duringRun<Found>(
    look: (isOver: () => boolean) => Promise<Found | undefined>,
  ): Promise<Found> {
    for (;;) {
      let answered = false
      const isOver = (): boolean => answered
      const answer = ask(1).finally(() => (answered = true))
      const found = (await inside(server, 1, isOver)) ? await look(isOver) : undefined
      expect(await answer).toMatchObject({ status: 200 })
      if (found !== undefined) return found
    }
  }

  test('is run in threads, and health is told meanwhile', async () => {
    await start({ WORKERS: '1' })
    expect(await server.logged('Model tried')).toMatchObject({ mode: 'workers', lanes: 1, maxRows: 1 })
    const health = await duringRun(async (isOver) => {
      const { status } = await fetch(new URL('/v2/health/ready', url))
      return isOver() ? undefined : status
    })
    expect(health).toBe(200)
  })

  test('with a full queue refuses at once, before it wants a body, and says when to come again', async () => {
    await start({ WORKERS: '1', MAX_QUEUE: '1' })
    const refused = await duringRun(async () => {
      const second = begin(url, { 'content-length': 1_000, expect: '100-continue' })
      second.on('error', () => undefined)
      second.flushHeaders()
      // It wants the body, so the queue is empty by now.
      const wanted = once(second, 'continue').then(() => undefined)
      const answer = await Promise.race([answerOf(second), wanted])
      second.destroy()
      return answer
    })
    expect(refused).toMatchObject({
      status: 503,
      body: { error: 'the queue of the model is full (1 requests); try again later', code: 'queue_full' },
    })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(await metric(server, 'rejected_total', 'queue_full')).toBe(1)
    while ((await metric(server, 'queue_depth')) !== 0);
    expect(await ask(2)).toMatchObject({ status: 200 })
  })

  test('answers in time that it is late, and runs nothing for those who waited in vain or left', async () => {
    await start({ WORKERS: '1' })
    const before = await duringRun(async (isOver) => {
      const runs = await metric(server, 'executions_total')
      const rejected = await metric(server, 'rejected_total', 'deadline')
      const late = ask(2, { 'x-request-timeout-ms': '20' })
      const left = begin(url)
      left.on('error', () => undefined)
      left.end(JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [3] }] }))
      expect(await late).toMatchObject({ status: 504 })
      await inside(server, 2, isOver)
      left.destroy()
      await inside(server, 1, isOver)
      // A run counts when it ends; if it has, one of the two may have come after it.
      return (await metric(server, 'executions_total')) === runs ? { runs, rejected } : undefined
    })
    expect(await ask(4)).toMatchObject({ status: 200 })
    // One is the run that went on meanwhile.
    expect((await metric(server, 'executions_total')) - before.runs).toBe(2)
    expect((await metric(server, 'rejected_total', 'deadline')) - before.rejected).toBe(1)
  })

  test('answers during a run that the deadline passed, and then the next', async () => {
    await start({ WORKERS: '1' })
    const runs = (): Promise<number> => metric(server, 'executions_total')
    let [before, meanwhile, after] = [0, 0, 0]
    do {
      before = await runs()
      // Nobody knows when a busy machine lets it begin; if that is later, it does not run at all.
      expect(await ask(1, { 'x-request-timeout-ms': '20' })).toMatchObject({ status: 504 })
      meanwhile = await runs()
      expect(await ask(2)).toMatchObject({ status: 200 })
      after = await runs()
    } while (meanwhile !== before || after !== before + 2)
    expect([meanwhile, after]).toEqual([before, before + 2])
  })

  test('answers everybody who is there when it is told to leave', async () => {
    let inFlight: unknown
    do {
      await start({ WORKERS: '2', DRAIN_DELAY_MS: '0' })
      let answered = 0
      const answers = Array.from({ length: 8 }, (_, index) => ask(index).finally(() => (answered += 1)))
      await inside(server, 8, () => answered > 0)
      server.child.kill('SIGTERM')
      inFlight = (await server.logged('Draining')).inFlight
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(answers.map(() => 200))
      expect(await server.exited).toBe(0)
      // Fewer are there where the machine stood still before the signal.
    } while (inFlight !== 8)
    expect(inFlight).toBe(8)
  })
})
