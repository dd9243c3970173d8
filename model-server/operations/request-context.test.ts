import { expect, test } from '@jest/globals'
import { RequestContext, traceparentOf } from './request-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

test.each(['7f3c', 'Root=1-67891233-abcdef012345678912345678', 'a'.repeat(128)])(
  'the id %s of a caller is kept',
  (id) => {
    expect(new RequestContext({ 'x-request-id': id }).id).toBe(id)
  },
)

test.each([
  ['none', undefined],
  ['an empty one', ''],
  ['one that would break a line of the log', 'a","status":200,"b":"'],
  ['one that is too long', 'a'.repeat(129)],
  ['one with spaces', 'a b'],
])('%s is replaced by a new one', (_, id) => {
  const made = new RequestContext(id === undefined ? {} : { 'x-request-id': id }).id
  expect(made).toMatch(/^[A-Za-z0-9_-]{12}-[a-z0-9]+$/)
})

test('no two new ids are the same', () => {
  const ids = Array.from({ length: 1_000 }, () => new RequestContext({}).id)
  expect(new Set(ids).size).toBe(1_000)
})

test.each([
  ['a recorded trace', `00-${TRACE}-${PARENT}-01`, '01'],
  ['one that is not recorded', `00-${TRACE}-${PARENT}-00`, '00'],
  ['a version of the future, of whose flags one is known', `cc-${TRACE}-${PARENT}-0b-what-else`, '01'],
])('takes part in %s', (_, traceparent, flags) => {
  const { trace } = new RequestContext({ traceparent, tracestate: 'a=1' })
  expect(trace).toEqual({
    traceId: TRACE,
    parentSpanId: PARENT,
    spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
    flags,
    state: 'a=1',
  })
})

test.each([
  ['nothing', undefined],
  ['other text', 'trace me'],
  ['upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
  ['no trace', `00-${'0'.repeat(32)}-${PARENT}-01`],
  ['no parent', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['the version that is none', `ff-${TRACE}-${PARENT}-01`],
  ['more than version 00 has', `00-${TRACE}-${PARENT}-01-more`],
  ['less', `00-${TRACE}-${PARENT}`],
])('starts no trace of its own from %s', (_, traceparent) => {
  expect(new RequestContext(traceparent === undefined ? {} : { traceparent }).trace).toBeUndefined()
})

test('every request is a span of its own, over more of them than random bytes are taken at once', () => {
  const spans = Array.from(
    { length: 1_200 },
    () => new RequestContext({ traceparent: `00-${TRACE}-${PARENT}-01` }).trace?.spanId,
  )
  expect(new Set(spans).size).toBe(1_200)
})

test('what is called further is a child of this request', () => {
  const context = new RequestContext({
    'x-request-id': '7f3c',
    traceparent: `00-${TRACE}-${PARENT}-01`,
    tracestate: 'a=1',
  })
  const { trace } = context
  expect(trace && context.outgoingHeaders).toEqual({
    'x-request-id': '7f3c',
    traceparent: `00-${TRACE}-${trace?.spanId}-01`,
    tracestate: 'a=1',
  })
  expect(trace && traceparentOf(trace)).toBe(`00-${TRACE}-${trace?.spanId}-01`)
})

test('without a trace only the id is passed on, and a state of no use is not', () => {
  expect(new RequestContext({ 'x-request-id': '7f3c', tracestate: 'a=1' }).outgoingHeaders).toEqual({
    'x-request-id': '7f3c',
  })
  const long = new RequestContext({
    traceparent: `00-${TRACE}-${PARENT}-01`,
    tracestate: `a=${'1'.repeat(600)}`,
  })
  expect(long.outgoingHeaders).not.toHaveProperty('tracestate')
})
