/** The logs of the real process, as they come out of it. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

let server: ServerProcess
let origin: string

const payloads = join(scratchFolder('payloads'), 'payloads.jsonl')

beforeAll(async () => {
  server = new ServerProcess({
    MODEL_NAME: 'housing',
    MODEL_VERSION: '2',
    MODEL_URI: housingModel('2').path,
    MODELRELEASE_COLOR: 'blue',
    DRAIN_DELAY_MS: '0',
    PAYLOAD_LOG: payloads,
    PAYLOAD_LOG_SAMPLE: '1',
    PAYLOAD_LOG_REDACT: 'LSTAT',
  })
  origin = await server.origin()
  await server.logged('Model loaded and warmed up')
})
afterAll(() => server.kill())

function predict(headers: Record<string, string>): Promise<Response> {
  return fetch(`${origin}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(housing.samples[0]?.request),
  })
}

test('a request gets its id and its span back, and its line says what became of it', async () => {
  const traceparent = `00-${TRACE}-b7ad6b7169203331-01`
  const answer = await predict({ 'x-request-id': '7f3c', traceparent })
  const text = await answer.text()
  expect(answer.headers.get('x-request-id')).toBe('7f3c')

  const line = await server.logged('Request')
  expect(line).toMatchObject({
    level: 30,
    requestId: '7f3c',
    traceId: TRACE,
    parentSpanId: 'b7ad6b7169203331',
    protocol: 'predict',
    model: 'housing',
    version: '2',
    color: 'blue',
    path: '/predict',
    status: 200,
    rows: 1,
    responseBytes: text.length,
  })
  expect(answer.headers.get('traceresponse')).toBe(`00-${TRACE}-${String(line.spanId)}-01`)
})

test('every answer has an id, also a refusal and that of a probe', async () => {
  for (const path of ['/nowhere', '/v2/health/ready', '/predict']) {
    const answer = await fetch(`${origin}${path}`)
    await answer.text()
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{12}-\w+$/)
    expect(answer.headers.get('traceresponse')).toBeNull()
  }
})

test('no line is lost when the process leaves, and none is of a probe that went well', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => predict({ 'x-request-id': `n${index}` })),
  )
  await Promise.all(answers.map((answer) => answer.text()))
  // Not only gone: everything that it wrote was read.
  const closed = once(server.child, 'close')
  server.child.kill('SIGTERM')
  expect(await closed).toEqual([0, null])
  const requests = server.log.filter(({ msg }) => msg === 'Request')
  const ids = requests.map(({ requestId }) => requestId)
  expect(ids).toEqual(expect.arrayContaining(Array.from({ length: 50 }, (_, index) => `n${index}`)))
  expect(requests.map(({ path }) => path)).not.toContain('/v2/health/ready')
})

test('the bodies of the sample are in their file, without what nobody may read', () => {
  const lines = readFileSync(payloads, 'utf8').trim().split('\n')
  expect(lines).toHaveLength(51)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    requestId: '7f3c',
    request: { json: { RM: { 0: 6.575 }, LSTAT: '[redacted]' } },
    response: { json: { prediction: [expect.closeTo(26.928011, 4)] } },
  })
})

test('a payload log that cannot be written is a problem of the configuration', async () => {
  const refused = new ServerProcess({
    MODEL_NAME: 'a',
    MODEL_URI: '/a.onnx',
    PAYLOAD_LOG: `${payloads}/below-a-file`,
  })
  expect(await refused.exited).toBe(2)
  expect(refused.stderr).toMatch(/^invalid configuration:\n- PAYLOAD_LOG: E/)
})
