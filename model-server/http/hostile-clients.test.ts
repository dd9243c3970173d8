/** Clients that send anything at all: the real process refuses what is wrong, and goes on. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'

const FRAME = JSON.stringify(housing.samples[0]?.request)
const TENSOR = { name: 'x', datatype: 'FP32', shape: [1, 6], data: [0, 6.575, 296, 15.3, 396.9, 4.98] }
const INFER = JSON.stringify({ inputs: [TENSOR] })
const SPLIT = JSON.stringify({ dataframe_split: { columns: housing.columns, data: [TENSOR.data] } })
const BINARY_HEAD = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 6], parameters: { binary_data_size: 24 } }],
})

/** Where the kernel allows as many. */
const MORE_THAN_NODE_ASKS_FOR = Math.min(600, Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8')))

let server: ServerProcess
let origin: string
beforeAll(async () => {
  server = new ServerProcess({
    MODEL_NAME: 'housing',
    MODEL_URI: housingModel('2').path,
    MAX_BODY_BYTES: '100000',
    MAX_BODIES_BYTES: '400000',
  })
  origin = await server.origin()
  await server.logged('Model loaded and warmed up')
})
afterAll(() => server.kill())

async function stillAnswers(): Promise<void> {
  const response = await fetch(`${origin}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: FRAME,
  })
  expect(await response.json()).toEqual({ prediction: [expect.closeTo(26.928011, 4)] })
  expect(server.child.exitCode).toBeNull()
}

/**
 * Everything that comes back for these bytes, until the server closes. Node gives no answer to a client that closes its half
 * first, so that is left to those whose requests never end, once `patience` is over.
 */
function send(bytes: Uint8Array, patience?: Promise<unknown>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    // A server that refuses may close before it has read everything.
    socket.on('error', () => undefined)
    socket.write(bytes)
    void patience?.then(() => socket.end())
    socket.on('close', () => resolve(text))
  })
}

function statuses(answer: string): number[] {
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
}

const paths = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '/predict',
      '/v2/models/housing/infer',
      '/invocations',
      '/v1/models/housing:predict',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '/',
      '/v2',
      '/v2/models/housing',
      '/v2/health/ready',
      '/v2/models/housing/versions/1/infer',
      '/v2/models/%/infer',
      '/v2/models/__proto__/infer',
      '/run',
      '//predict',
      '*',
      'http://elsewhere/predict',
    ),
  },
  { weight: 1, arbitrary: fc.webPath() },
)
const methods = fc.oneof(
  { weight: 6, arbitrary: fc.constant('POST') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('GET', 'HEAD', 'PUT', 'OPTIONS', 'TRACE', 'CONNECT', 'post', 'BREW', ''),
  },
)
const value = fc.oneof(fc.integer().map(String), fc.string({ maxLength: 20 }), fc.constant('9'.repeat(40)))
const headers = fc.array(
  fc.oneof(
    fc.tuple(
      fc.constant('content-type'),
      fc.constantFrom(
        'application/json',
        'text/csv',
        'application/octet-stream',
        'multipart/form-data',
        ';;',
        'application/json; charset=x',
      ),
    ),
    fc.tuple(fc.constant('content-encoding'), fc.constantFrom('gzip', 'br', 'deflate', 'zstd', 'gzip, gzip')),
    fc.tuple(
      fc.constant('inference-header-content-length'),
      fc.oneof(fc.constantFrom('0', String(BINARY_HEAD.length)), value),
    ),
    fc.tuple(fc.constant('content-length'), value),
    fc.tuple(
      fc.constantFrom('transfer-encoding', 'expect', 'upgrade', 'connection', 'traceparent', 'x-request-id'),
      value,
    ),
    fc.tuple(
      fc.constant('x-bomb'),
      fc.constantFrom(100, 20_000).map((size) => 'x'.repeat(size)),
    ),
  ),
  { maxLength: 3 },
)
const valid = fc
  .constantFrom(
    FRAME,
    INFER,
    SPLIT,
    JSON.stringify({ instances: [TENSOR.data] }),
    `${housing.columns.join(',')}\n1,2,3,4,5,6\n`,
    Buffer.concat([Buffer.from(BINARY_HEAD), Buffer.alloc(24)]),
    gzipSync(INFER),
    gzipSync(Buffer.alloc(1_000_000)),
    `{"inputs":${'['.repeat(40_000)}`,
  )
  .map((body) => Buffer.from(body))
const mutated = fc
  .tuple(valid, fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(6))
  .map(([body, somewhere, bytes, cut]) => {
    const at = somewhere % body.length
    return Buffer.concat([body.subarray(0, at), bytes, body.subarray(at + cut)])
  })
const bodies = fc.oneof(
  valid,
  mutated,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
)

/** How the body is framed; only the first two are honest. */
const framings = fc.constantFrom<((body: Buffer) => [string, Buffer])[]>(
  (body) => [`content-length: ${body.length}\r\n`, body],
  (body) => [
    'transfer-encoding: chunked\r\n',
    Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]),
  ],
  (body) => [`content-length: ${body.length + 10}\r\n`, body],
  (body) => [`content-length: ${Math.max(0, body.length - 3)}\r\n`, body],
  (body) => ['transfer-encoding: chunked\r\n', body],
  (body) => ['transfer-encoding: chunked\r\n', Buffer.concat([Buffer.from('5\r\n'), body])],
  (body) => [`content-length: 5\r\ntransfer-encoding: chunked\r\n`, body],
  (body) => ['', body],
)

const requests = fc
  .record({ method: methods, path: paths, lines: headers, body: bodies, frame: framings })
  .map(({ method, path, lines, body, frame }) => {
    const [framing, framed] = frame(body)
    const extra = lines.map(([name, text]) => `${name}: ${text}\r\n`).join('')
    const head = `${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${extra}${framing}\r\n`
    return Buffer.concat([Buffer.from(head, 'latin1'), framed])
  })
/** Requests that the server answers, so that what comes between them is seen to leave them alone. */
const sound = fc
  .constantFrom(
    ['/predict', 'application/json', FRAME],
    ['/v2/models/housing/infer', 'application/json', INFER],
    ['/invocations', 'application/json', SPLIT],
    ['/invocations', 'text/csv', `${housing.columns.join(',')}\n1,2,3,4,5,6\n`],
  )
  .map(([path, type, body]) =>
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ),
  )
const noise = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes))

test('no request makes it fail, and none keeps its connection', async () => {
  const request = fc.oneof(
    { weight: 8, arbitrary: requests },
    { weight: 1, arbitrary: sound },
    { weight: 1, arbitrary: noise },
  )
  const seen = new Set<number>()
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 25, maxLength: 25 }), async (many) => {
      // Whoever came first has its answer soon after the last has got his.
      const patience = stillAnswers().then(() => wait(200))
      const answers = await Promise.all(many.map((bytes) => send(bytes, patience)))
      for (const status of answers.flatMap(statuses)) seen.add(status)
      expect(seen).not.toContain(500)
    }),
    { numRuns: 20 },
  )
  await stillAnswers()
  expect(server.log.filter(({ msg }) => msg === 'Request failed')).toEqual([])
  // What was sent came as far as the model, and to most of its guards.
  expect([...seen]).toEqual(expect.arrayContaining([200, 400, 404, 405, 415]))
})

test('clients that come all at once are all let in, and none has to try again', async () => {
  // While the process is stopped nobody accepts: the kernel keeps them. Beyond its queue it would ignore them for seconds.
  const sockets: Socket[] = []
  server.child.kill('SIGSTOP')
  try {
    for (let count = 0; count < MORE_THAN_NODE_ASKS_FOR; count += 1) {
      sockets.push(connect(Number(new URL(origin).port), '127.0.0.1'))
    }
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  } finally {
    server.child.kill('SIGCONT')
    for (const socket of sockets) socket.destroy()
  }
  await stillAnswers()
})

const post = (path: string, lines: string, body = ''): Buffer =>
  Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n${lines}\r\n${body}`,
  )

test.each<[string, Buffer, number[]]>([
  ['headers beyond all measure', post('/predict', `x: ${'x'.repeat(20_000)}\r\n`), [431]],
  ['a length that is no number', post('/predict', 'content-length: ten\r\n'), [400]],
  ['two lengths', post('/predict', 'content-length: 2\r\ncontent-length: 3\r\n', '{}}'), [400]],
  [
    'a length and chunks',
    post('/predict', 'content-length: 2\r\ntransfer-encoding: chunked\r\n', '{}'),
    [400],
  ],
  ['a length beyond the limit, before any of it came', post('/predict', 'content-length: 100001\r\n'), [413]],
  [
    'an encoding that nobody knows',
    post('/predict', 'content-length: 2\r\ncontent-encoding: zstd\r\n', '{}'),
    [415],
  ],
  [
    'an encoding that every object has',
    post('/predict', 'content-length: 2\r\ncontent-encoding: constructor\r\n', '{}'),
    [415],
  ],
  ['gzip that is none', post('/predict', 'content-length: 2\r\ncontent-encoding: gzip\r\n', '{}'), [400]],
  [
    'a long text under gzip',
    post('/predict', 'content-length: 90000\r\ncontent-encoding: gzip\r\n', '[]'.repeat(45_000)),
    [400],
  ],
  [
    'a bomb',
    Buffer.concat([
      post(
        '/predict',
        `content-length: ${gzipSync(Buffer.alloc(10_000_000)).length}\r\ncontent-encoding: gzip\r\n`,
      ),
      gzipSync(Buffer.alloc(10_000_000)),
    ]),
    [413],
  ],
  [
    'chunks beyond the limit',
    post('/predict', 'transfer-encoding: chunked\r\n', `30d40\r\n${'['.repeat(200_000)}\r\n0\r\n\r\n`),
    [413],
  ],
  ['a method that does not exist', Buffer.from('BREW / HTTP/1.1\r\nhost: a\r\n\r\n'), [400]],
])('%s is refused at once', async (_, bytes, expected) => {
  expect(statuses(await send(bytes))).toEqual(expected)
  await stillAnswers()
})

test('uploads that stall take no more than their share, and small requests still come through', async () => {
  const { port } = new URL(origin)
  const head =
    'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n'
  const stalled = Array.from({ length: 8 }, () => {
    const socket = connect(Number(port), '127.0.0.1')
    const said = new Promise<string>((resolve) => {
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString()))
      socket.on('error', () => resolve('reset'))
    })
    socket.write(`${head}${' '.repeat(90_000)}`)
    return { socket, said }
  })
  try {
    const first = await Promise.race(stalled.map(({ said }) => said))
    expect(first).toMatch(/^HTTP\/1\.1 503 /)
    expect(first).toContain('MAX_BODIES_BYTES')
    await stillAnswers()
  } finally {
    for (const { socket } of stalled) socket.destroy()
  }
})
