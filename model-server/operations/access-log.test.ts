import { describe, expect, test } from '@jest/globals'
import { AccessLog } from './access-log.ts'
import type { Ending } from './access-log.ts'
import { RequestContext } from './request-context.ts'

const INFER: Ending = {
  method: 'POST',
  path: '/v2/models/housing/infer',
  status: 200,
  requestBytes: 120,
  responseBytes: 80,
}
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** What a log in that mode writes of a request. */
function lines(
  mode: 'all' | 'requests' | 'errors' | 'off',
  context: RequestContext,
  ending: Ending,
  minLevel = 30,
): Record<string, unknown>[] {
  const written: string[] = []
  const sink = { maxLineBytes: Infinity, write: (line: string) => written.push(line) }
  new AccessLog(mode, { color: 'green', minLevel }, sink).write(context, ending)
  return written.map((line) => JSON.parse(line) as Record<string, unknown>)
}

function asked(headers: Record<string, string> = {}): RequestContext {
  const context = new RequestContext({ 'x-request-id': '7f3c', ...headers })
  context.asked = { protocol: 'v2', model: { name: 'housing', version: '2' }, call: { rows: 3 } }
  return context
}

test('the line of an inference says who asked what of whom, and how it went', () => {
  expect(lines('requests', asked({ traceparent: TRACEPARENT }), INFER)).toEqual([
    {
      level: 30,
      time: expect.any(Number),
      requestId: '7f3c',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      parentSpanId: 'b7ad6b7169203331',
      protocol: 'v2',
      model: 'housing',
      version: '2',
      color: 'green',
      method: 'POST',
      path: '/v2/models/housing/infer',
      status: 200,
      durationMs: expect.any(Number),
      rows: 3,
      requestBytes: 120,
      responseBytes: 80,
      msg: 'Request',
    },
  ])
})

test('what is not known is not in the line', () => {
  const ending = { ...INFER, status: 404, requestBytes: undefined, responseBytes: undefined }
  const [line] = lines('requests', new RequestContext({ 'x-request-id': '7f3c' }), ending)
  expect(Object.keys(line ?? {})).toEqual([
    'level',
    'time',
    'requestId',
    'color',
    'method',
    'path',
    'status',
    'durationMs',
    'msg',
  ])
})

test('no path can write a line or a field of its own, nor a long one', () => {
  const path = `/"},\n{"status":200,${'x'.repeat(10_000)}`
  const [line, ...more] = lines('all', asked(), { ...INFER, path })
  expect(more).toEqual([])
  expect(line?.path).toBe(path.slice(0, 256))
})

describe.each([
  ['all', [true, true, true, true, true, true]],
  ['requests', [true, false, true, true, true, false]],
  ['errors', [false, false, true, true, true, false]],
  ['off', [false, false, false, false, false, false]],
] as const)('in mode %s', (mode, expected) => {
  test.each(
    [
      ['an answered POST', { ...INFER }],
      ['an answered GET', { ...INFER, method: 'GET' }],
      ['a refused GET', { ...INFER, method: 'GET', status: 404 }],
      ['a client that left', { ...INFER, status: 499 }],
      ['a failure', { ...INFER, status: 500 }],
      ['a probe of a server that is not ready', { ...INFER, method: 'GET', status: 503 }],
    ].map(([name, ending], index) => [name, expected[index], ending] as [string, boolean, Ending]),
  )('%s is written: %s', (_, written, ending) => {
    expect(lines(mode, asked(), ending)).toHaveLength(written ? 1 : 0)
  })
})

test.each([
  ['info', 30, 1, 1],
  ['warn', 40, 0, 1],
  ['silent', Infinity, 0, 0],
])('at level %s', (_, minLevel, answered, failed) => {
  expect(lines('all', asked(), INFER, minLevel)).toHaveLength(answered)
  expect(lines('all', asked(), { ...INFER, status: 503 }, minLevel)).toHaveLength(failed)
})
