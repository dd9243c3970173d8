import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { scratchFolder } from '../test/scratch-folder.ts'
import type { PayloadLogConfig } from '../config/logging.ts'
import { rotatingFile } from './line-sinks.ts'
import { PayloadLog } from './payload-log.ts'
import { RequestContext } from './request-context.ts'

const CONFIG: PayloadLogConfig = {
  path: undefined,
  sample: 1,
  redact: [],
  maxFileBytes: 2 ** 20,
  maxBodyBytes: 100,
}
const JSON_TYPE = { 'content-type': 'application/json' }

/** As our routes do it; what `writeHead` is given cannot be asked for. */
function json(response: ServerResponse): ServerResponse {
  return response.setHeader('content-type', 'application/json')
}

type Answering = (response: ServerResponse) => void

/** Requests with this body, answered that way one after the other, and the lines of the log that watched them. */
async function linesOf(
  config: Partial<PayloadLogConfig>,
  body: string,
  {
    answer = (response) => json(response).end('{"y":1}'),
    headers = JSON_TYPE,
    maxLineBytes = Infinity,
    random = () => 0,
    requests = 1,
  }: {
    answer?: Answering
    headers?: Record<string, string>
    maxLineBytes?: number
    random?: () => number
    requests?: number
  } = {},
): Promise<{ lines: Record<string, unknown>[]; answers: string[] }> {
  const written: string[] = []
  const sink = { maxLineBytes, write: (line: string) => written.push(line) }
  const log = new PayloadLog(
    { ...CONFIG, ...config },
    { sink, dropped: () => written.push('dropped'), random },
  )
  const closed: Promise<unknown>[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const context = new RequestContext({ 'x-request-id': '7f3c' })
    context.asked = { protocol: 'v2', model: { name: 'housing', version: '2' }, call: { rows: 1 } }
    const payload = { context, headers: request.headers, body: Buffer.from(body), columns: ['LSTAT'] }
    closed.push(once(response, 'close'))
    log.watch(payload, response)
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const answers: string[] = []
  for (let sent = 0; sent < requests; sent += 1) {
    answers.push(await (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })).text())
  }
  server.close()
  server.closeAllConnections()
  await Promise.all(closed)
  // One for each turn, the last after the turn in which its answer was closed.
  for (let turn = 0; turn <= requests; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  return { lines: written.map((line) => JSON.parse(line) as Record<string, unknown>), answers }
}

test('a line has the request, its answer, and whose they are', async () => {
  const { lines, answers } = await linesOf({}, '{\n "x": 1 }')
  expect(answers).toEqual(['{"y":1}'])
  expect(lines).toEqual([
    {
      msg: 'Payload',
      time: expect.any(Number),
      requestId: '7f3c',
      protocol: 'v2',
      model: 'housing',
      version: '2',
      status: 200,
      request: { json: { x: 1 } },
      response: { json: { y: 1 } },
    },
  ])
})

test('only the sample is written', async () => {
  const turns = [0.005, 0.5, 0.01, 0.0099]
  const random = (): number => turns.shift() ?? 1
  const { lines, answers } = await linesOf({ sample: 0.01 }, '{}', { random, requests: 4 })
  expect([lines.length, answers.length]).toEqual([2, 4])
})

test('an answer in several pieces is put together, and arrives as it was', async () => {
  const answer: Answering = (response) => {
    json(response)
    response.write('{"y"')
    response.write(Buffer.from(':"é'))
    response.end('"}', 'utf8')
  }
  const { lines, answers } = await linesOf({}, '{}', { answer })
  expect(answers).toEqual(['{"y":"é"}'])
  expect(lines[0]?.response).toEqual({ json: { y: 'é' } })
})

test('named fields are left out of both', async () => {
  const answer: Answering = (response) => json(response).end('{"lstat":1,"y":2}')
  const { lines } = await linesOf({ redact: ['lstat'] }, '{"LSTAT":{"0":4.98},"RM":6}', { answer })
  expect(lines[0]).toMatchObject({
    request: { json: { LSTAT: '[redacted]', RM: 6 } },
    response: { json: { lstat: '[redacted]', y: 2 } },
  })
})

test.each([
  ['too long', `"${'x'.repeat(100)}"`, JSON_TYPE, { bytes: 102, omitted: 'too long' }],
  ['of another type', 'a,b', { 'content-type': 'text/csv' }, { bytes: 3, omitted: 'not JSON but text/csv' }],
  ['no JSON', '{', JSON_TYPE, { bytes: 1, omitted: 'no JSON, whatever its type says' }],
])('a body that is %s is left out with the reason', async (_, body, headers, request) => {
  const { lines } = await linesOf({}, body, { headers })
  expect(lines[0]).toMatchObject({ request, response: { json: { y: 1 } } })
})

test('a long answer is not kept to find out that it is too long', async () => {
  const answer: Answering = (response) => json(response).end(`"${'x'.repeat(1_000)}"`)
  const { lines } = await linesOf({}, '{}', { answer })
  expect(lines[0]?.response).toEqual({ bytes: 101, omitted: 'too long' })
})

test('a line that the sink cannot take whole goes without its bodies', async () => {
  const { lines } = await linesOf({}, '{"x":"0123456789"}', { maxLineBytes: 150 })
  expect(lines[0]).toMatchObject({
    requestId: '7f3c',
    request: { bytes: 18, omitted: 'too long' },
    response: { bytes: 7, omitted: 'too long' },
  })
})

test('what cannot be written in time is dropped and counted', () => {
  const written: string[] = []
  let dropped = 0
  const sink = { maxLineBytes: Infinity, write: (line: string) => written.push(line) }
  const log = new PayloadLog(CONFIG, { sink, dropped: () => (dropped += 1), random: () => 0 })
  const context = new RequestContext({})
  for (let request = 0; request < 300; request += 1) {
    const response = new EventTargetResponse()
    log.watch({ context, headers: {}, body: new Uint8Array(), columns: [] }, response as never)
    response.close()
  }
  expect(dropped).toBe(300 - 256)
})

/** A response that ends when it is told to. */
class EventTargetResponse {
  #close: () => void = () => undefined
  readonly statusCode = 200
  write(): void {
    return undefined
  }
  end(): void {
    return undefined
  }
  getHeader(): undefined {
    return undefined
  }
  once(_: 'close', listener: () => void): void {
    this.#close = listener
  }
  close(): void {
    this.#close()
  }
}

test('a file begins anew at its limit, and only its owner reads it', async () => {
  const path = join(scratchFolder('payloads'), 'new', 'payloads.jsonl')
  const file = rotatingFile(path, { maxFileBytes: 20_000, dropped: () => undefined, failed: fail })
  const line = (index: number): string => `${JSON.stringify({ index, filler: 'x'.repeat(5_000) })}\n`
  for (let index = 0; index < 6; index += 1) {
    file.write(line(index))
    const written = index < 4 ? index + 1 : index - 3
    await holds(path, written)
  }
  const indexes = (file: string): unknown[] =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as { index: number }).index)
  expect([indexes(`${path}.1`), indexes(path)]).toEqual([
    [0, 1, 2, 3],
    [4, 5],
  ])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

/** Resolves once a file has that many lines, or was moved away with them. */
async function holds(path: string, lines: number): Promise<void> {
  for (;;) {
    for (const file of [path, `${path}.1`]) {
      const stat = statSync(file, { throwIfNoEntry: false })
      if (stat && readFileSync(file, 'utf8').split('\n').length - 1 === lines) return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('a file that cannot be opened is known at once', () => {
  const parent = join(scratchFolder('payloads'), 'file')
  writeFileSync(parent, '')
  const open = (): unknown =>
    rotatingFile(join(parent, 'payloads.jsonl'), { maxFileBytes: 1, dropped: () => undefined, failed: fail })
  expect(open).toThrow('EEXIST')
})

function fail(error: Error): never {
  throw error
}
