import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Expectation } from '../../api/release.ts'
import { evaluate, judgeIdentity, MAX_MESSAGE } from './answer.ts'
import type { ProbeAnswer } from '../model/observation.ts'

type Answered = Extract<ProbeAnswer, { type: 'Answered' }>

function answered(changes: Partial<Answered> = {}): Answered {
  return {
    type: 'Answered',
    status: 200,
    headers: {},
    body: '{"prediction":[26.928]}',
    latencyMs: 12,
    ...changes,
  }
}

const named = (revision: string): Record<string, string> => ({ 'x-modelrelease-revision': revision })
const ok: Expectation = { status: 200 }
const near: Expectation = {
  status: 200,
  json: [{ path: '$.prediction[0]', equals: 26.928, absoluteTolerance: 0.01 }],
}
const at = (path: string, equals: unknown): Expectation => ({ status: 200, json: [{ path, equals }] })

describe('an answer is passed', () => {
  const cases: [string, Answered, Expectation][] = [
    ['with the expected status', answered(), ok],
    ['with an error status that was expected', answered({ status: 404 }), { status: 404 }],
    ['with a redirect that was expected', answered({ status: 302 }), { status: 302 }],
    ['with the number exactly', answered(), at('$.prediction[0]', 26.928)],
    [
      'with a number at the edge of the tolerance',
      answered({ body: '[3]' }),
      {
        status: 200,
        json: [{ path: '$[0]', equals: 1, absoluteTolerance: 2 }],
      },
    ],
    [
      'with an equal object in another order',
      answered({ body: '{"a":{"x":1,"y":[null,"z"]}}' }),
      at('$.a', { y: [null, 'z'], x: 1 }),
    ],
    ['with the whole body', answered({ body: 'true' }), at('$', true)],
    ['with a null that is there', answered({ body: '{"a":null}' }), at('$.a', null)],
    ['with the text', answered({ body: 'model ready' }), { status: 200, bodyContains: 'ready' }],
    ['within the latency', answered({ latencyMs: 500 }), { status: 200, maxLatencyMilliseconds: 500 }],
    ['with a miss in the cache', answered({ headers: { 'x-cache': 'Miss from cloudfront' } }), ok],
  ]
  test.each(cases)('%s', (_, answer, expectation) => {
    expect(evaluate(answer, expectation)).toEqual({ type: 'Passed' })
  })
})

describe('an answer has failed', () => {
  const cases: [string, Answered, Expectation, string][] = [
    [
      'with another status',
      answered({ status: 500, body: 'boom\n\tat x' }),
      ok,
      'expected status 200, got 500: boom at x',
    ],
    [
      'with a redirect',
      answered({ status: 307 }),
      ok,
      'expected status 200, got redirect 307: redirects are not followed',
    ],
    [
      'with a wrong number',
      answered({ body: '{"prediction":[13.2]}' }),
      near,
      '$.prediction[0]: expected 26.928 ± 0.01, got 13.2',
    ],
    [
      'with a text in place of a number',
      answered({ body: '{"prediction":["26.928"]}' }),
      near,
      '$.prediction[0]: expected 26.928 ± 0.01, got "26.928"',
    ],
    [
      'with a null in place of a number',
      answered({ body: '{"prediction":[null]}' }),
      near,
      '$.prediction[0]: expected 26.928 ± 0.01, got null',
    ],
    [
      'with NaN, which is not JSON',
      answered({ body: '{"prediction":[NaN]}' }),
      near,
      'expected a JSON body, got {"prediction":[NaN]}, which is not JSON',
    ],
    [
      'with a number beyond all numbers',
      answered({ body: '[1e999]' }),
      {
        status: 200,
        json: [{ path: '$[0]', equals: Infinity, absoluteTolerance: 1 }],
      },
      '$[0]: expected null ± 1, got null',
    ],
    [
      'with a tolerance for something that is no number',
      answered({ body: '[1]' }),
      {
        status: 200,
        json: [{ path: '$', equals: [1], absoluteTolerance: 1 }],
      },
      '$: expected [1] ± 1, but absoluteTolerance is for numbers only: remove it or make equals a number',
    ],
    [
      'with nothing at the path',
      answered({ body: '{"prediction":[]}' }),
      near,
      '$.prediction[0]: expected 26.928 ± 0.01, but the body holds no such value',
    ],
    [
      'with a member of every object',
      answered({ body: '{}' }),
      at('$.constructor', 1),
      '$.constructor: expected 1, but the body holds no such value',
    ],
    [
      'with the length of a list',
      answered({ body: '[1]' }),
      at('$.length', 1),
      '$.length: expected 1, but the body holds no such value',
    ],
    ['with a list in place of an object', answered({ body: '[]' }), at('$', {}), '$: expected {}, got []'],
    [
      'with more members',
      answered({ body: '{"a":1,"b":2}' }),
      at('$', { a: 1 }),
      '$: expected {"a":1}, got {"a":1,"b":2}',
    ],
    ['with an empty body', answered({ body: ' ' }), near, 'expected a JSON body, got an empty body'],
    [
      'with a body that is not JSON',
      answered({ body: '<html>' }),
      near,
      'expected a JSON body, got <html>, which is not JSON',
    ],
    [
      'without the text',
      answered({ body: '' }),
      { status: 200, bodyContains: 'ready' },
      'expected a body that contains ready, got an empty body',
    ],
    [
      'later than allowed',
      answered({ latencyMs: 500.2 }),
      { status: 200, maxLatencyMilliseconds: 500 },
      'expected an answer within 500 ms (expect.maxLatencyMilliseconds), got it after 501 ms',
    ],
    [
      'with a latency that is not a number',
      answered({ latencyMs: NaN }),
      { status: 200, maxLatencyMilliseconds: 500 },
      'expected an answer within 500 ms (expect.maxLatencyMilliseconds), got it after NaN ms',
    ],
  ]
  test.each(cases)('%s', (_, answer, expectation, message) => {
    expect(evaluate(answer, expectation)).toEqual({ type: 'Failed', message })
  })
})

describe('an answer proves nothing', () => {
  const cases: [string, ProbeAnswer, string | undefined, string][] = [
    [
      'when there is none',
      { type: 'NoAnswer', message: 'connect ECONNREFUSED' },
      undefined,
      'connect ECONNREFUSED',
    ],
    ['with status 503', answered({ status: 503 }), undefined, 'status 503, which asks to try again'],
    ['with an age', answered({ headers: { age: '0' } }), undefined, 'a cached answer'],
    ['with a hit', answered({ headers: { 'x-cache': 'Hit from cloudfront' } }), undefined, 'a cached answer'],
    [
      'with a refreshed hit',
      answered({ headers: { 'x-cache': 'RefreshHit from cloudfront' } }),
      undefined,
      'a cached answer',
    ],
    ['of another revision', answered({ headers: named('old') }), 'new', 'revision old answered, not new'],
    [
      'of nobody, even where it is wrong',
      answered({ status: 404 }),
      'new',
      'status 404 without a x-modelrelease-revision header',
    ],
    [
      'of another revision, even where it is wrong',
      answered({ status: 404, headers: named('old') }),
      'new',
      'revision old answered',
    ],
  ]
  test.each(cases)('%s', (_, answer, revision, message) => {
    expect(evaluate(answer, ok, { revision })).toEqual({
      type: 'Unknown',
      message: expect.stringContaining(message) as unknown,
    })
  })

  test('with status 503, even where 503 is expected', () => {
    expect(evaluate(answered({ status: 503 }), { status: 503 }).type).toBe('Unknown')
  })
})

describe('messages', () => {
  test('show no value of a request header that the server echoes', () => {
    const secret = 'Bearer abcdefgh'
    const body = JSON.stringify({ pad: 'x'.repeat(100), authorization: secret })
    const inBody = evaluate(answered({ status: 401, body }), ok, { secrets: [secret] })
    const inJson = evaluate(answered({ body }), at('$.authorization', 'x'), { secrets: [secret] })
    expect(JSON.stringify([inBody, inJson])).not.toContain('Bearer')
    expect(JSON.stringify(inJson)).toContain('(header value)')
  })

  test('are short, whole characters and on one line, whatever came back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 600 }),
        fc.integer({ min: 400, max: 499 }),
        (body, status) => {
          const verdict = evaluate(answered({ status, body }), ok)
          const message = verdict.type === 'Failed' ? verdict.message : ''
          return (
            message.length > 0 &&
            message.length <= MAX_MESSAGE &&
            message.isWellFormed() &&
            !/[\n\r\p{Cc}]/u.test(message)
          )
        },
      ),
    )
  })
})

describe('an answer through the edges is', () => {
  const content: Expectation = { status: 200, bodyContains: '26.9' }
  const cases: [string, string, ProbeAnswer, Expectation | undefined][] = [
    ['New', 'by its header', answered({ headers: named('new') }), undefined],
    [
      'New',
      'by its header, whatever status below 500, when nothing is expected',
      answered({ status: 405, headers: named('new') }),
      undefined,
    ],
    ['New', 'by its header and as expected', answered({ headers: named('new') }), content],
    ['New', 'by its content without a header', answered(), content],
    [
      'Wrong',
      'of the new revision and not as expected',
      answered({ headers: named('new'), body: 'x' }),
      content,
    ],
    ['Wrong', 'of the new revision and an error', answered({ headers: named('new'), status: 500 }), content],
    ['Old', 'by the header of another revision', answered({ headers: named('old') }), undefined],
    [
      'Old',
      'by the header of another revision, even with the content',
      answered({ headers: named('old') }),
      content,
    ],
    [
      'Old',
      'by the header of another revision, even as an error',
      answered({ status: 500, headers: named('old') }),
      content,
    ],
    ['Old', 'by its content without a header', answered({ body: 'x' }), content],
    ['Unknown', 'without a header and expectation', answered(), undefined],
    ['Unknown', 'without a header, when only a status is expected', answered(), ok],
    ['Unknown', 'cached', answered({ headers: { ...named('new'), age: '3' } }), content],
    [
      'Unknown',
      'cached and of another revision',
      answered({ headers: { ...named('old'), age: '3' } }),
      content,
    ],
    ['Unknown', 'status 503', answered({ status: 503, headers: named('new') }), content],
    [
      'Unknown',
      'an error of the new revision, when nothing is expected',
      answered({ status: 500, headers: named('new') }),
      undefined,
    ],
    ['Unknown', 'an error of an edge', answered({ status: 502 }), content],
    ['Unknown', 'a refusal of an edge', answered({ status: 403 }), content],
    ['Unknown', 'none', { type: 'NoAnswer', message: 'timeout' }, content],
  ]
  test.each(cases)('%s: %s', (type, _, answer, expectation) => {
    expect(judgeIdentity(answer, { revision: 'new', expect: expectation })).toMatchObject({ type })
  })
})

describe('for any answer', () => {
  const headers = fc.dictionary(
    fc.constantFrom('x-modelrelease-revision', 'age', 'x-cache', 'content-type'),
    fc.constantFrom('new', 'old', 'Hit from cloudfront', '0', 'Miss from cloudfront'),
  )
  const anyAnswer: fc.Arbitrary<ProbeAnswer> = fc.oneof(
    fc.record({ type: fc.constant('NoAnswer' as const), message: fc.string() }),
    fc.record({
      type: fc.constant('Answered' as const),
      status: fc.constantFrom(200, 204, 301, 400, 500, 502, 503),
      headers,
      body: fc.oneof(fc.json(), fc.string()),
      latencyMs: fc.double({ min: 0 }),
    }),
  )
  const anyExpectation: fc.Arbitrary<Expectation> = fc.record(
    {
      status: fc.constantFrom(200, 204, 301, 503),
      bodyContains: fc.string({ maxLength: 1 }),
      json: fc.array(fc.record({ path: fc.constantFrom('$', '$.a', '$[0]'), equals: fc.jsonValue() }), {
        maxLength: 2,
      }),
      maxLatencyMilliseconds: fc.integer({ min: 1 }),
    },
    { requiredKeys: ['status'] },
  )
  const provesNothing = (answer: ProbeAnswer): boolean =>
    answer.type === 'NoAnswer' ||
    answer.status === 503 ||
    answer.headers.age !== undefined ||
    /hit/i.test(answer.headers['x-cache'] ?? '')

  test('nothing proven is never a pass and never a failure', () => {
    fc.assert(
      fc.property(anyAnswer, anyExpectation, (answer, expectation) => {
        fc.pre(provesNothing(answer))
        expect(evaluate(answer, expectation).type).toBe('Unknown')
        expect(judgeIdentity(answer, { revision: 'new', expect: expectation }).type).toBe('Unknown')
      }),
    )
  })

  test('a pass is the expected status and, where asked for, the right revision', () => {
    fc.assert(
      fc.property(anyAnswer, anyExpectation, (answer, expectation) => {
        const verdict = evaluate(answer, expectation, { revision: 'new' })
        if (verdict.type !== 'Passed') return
        expect(answer).toMatchObject({ status: expectation.status, headers: named('new') })
      }),
    )
  })

  test('another revision is never New', () => {
    fc.assert(
      fc.property(anyAnswer, anyExpectation, fc.boolean(), (answer, expectation, withExpectation) => {
        fc.pre(answer.type === 'Answered' && answer.headers['x-modelrelease-revision'] === 'old')
        const wanted = { revision: 'new', expect: withExpectation ? expectation : undefined }
        expect(['Old', 'Unknown']).toContain(judgeIdentity(answer, wanted).type)
      }),
    )
  })

  test('a number passes exactly when it is within the tolerance', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(double, double, fc.double({ min: 0, noNaN: true }), (actual, equals, absoluteTolerance) => {
        const verdict = evaluate(answered({ body: JSON.stringify([actual]) }), {
          status: 200,
          json: [{ path: '$[0]', equals, absoluteTolerance }],
        })
        expect(verdict.type === 'Passed').toBe(Math.abs(actual - equals) <= absoluteTolerance)
      }),
    )
  })

  test('any JSON equals itself', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(
          evaluate(answered({ body: JSON.stringify(value) }), at('$', JSON.parse(JSON.stringify(value)))),
        ).toEqual({
          type: 'Passed',
        })
      }),
    )
  })
})

describe('an answer that is meant to hurt', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const TOO_DEEP = 'expected a JSON body, got one that is nested more than 500 levels deep'

  test.each([
    ['lists', deep, at('$', [])],
    ['objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, at('$.a.b', 1)],
    ['lists that never end', '['.repeat(100_000), at('$', [])],
  ])('by %s in one another fails its gate', (_name, body, expectation) => {
    expect(evaluate(answered({ body }), expectation)).toEqual({ type: 'Failed', message: TOO_DEEP })
  })

  test('that only speaks of brackets is read', () => {
    const body = JSON.stringify({ a: `\\"${'['.repeat(1000)}` })
    expect(evaluate(answered({ body }), at('$.a', `\\"${'['.repeat(1000)}`))).toEqual({ type: 'Passed' })
  })

  test('by secrets that are pieces of what hides them is told in short', () => {
    const secrets = Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? '(header ' : 'er value'))
    const body = '(header value)'.repeat(75_000)
    const verdict = evaluate(answered({ status: 500, body }), ok, { secrets })
    expect(verdict).toMatchObject({ type: 'Failed' })
    expect(JSON.stringify(verdict).length).toBeLessThan(MAX_MESSAGE)
  })

  test.each([
    ['that overlap', 'abcdefgh-ijklmnop', ['abcdefgh-ijkl', 'fgh-ijklmnop']],
    ['of which one is a piece of the other', 'abcdefgh-ijklmnop', ['abcdefgh', 'abcdefgh-ijklmnop']],
    ['behind a lot of white space', `${' '.repeat(1020)}abcdefgh-ijklmnop`, ['abcdefgh-ijklmnop']],
    ['that repeat', 'abababababababab', ['abababab']],
  ])('by secrets %s shows none', (_name, body, secrets) => {
    const verdict = evaluate(answered({ status: 500, body }), ok, { secrets })
    expect(verdict).toEqual({ type: 'Failed', message: 'expected status 200, got 500: (header value)' })
  })

  test('by directions and controls is one plain line', () => {
    const body = 'safe\u202Egpj\u0007\u009B31m\uD800'
    expect(evaluate(answered({ status: 500, body }), ok)).toEqual({
      type: 'Failed',
      message: 'expected status 200, got 500: safe gpj 31m\uFFFD',
    })
  })
})

describe('of an answer by a name that the spec chose', () => {
  const body = '{"secret":"of somebody else"}'
  const cases: [string, Answered, Expectation, string][] = [
    ['a wrong status', answered({ status: 403, body }), ok, 'expected status 200, got 403'],
    ['a wrong value', answered({ body }), at('$.secret', 1), '$.secret: expected 1, got another value'],
    [
      'a wrong text',
      answered({ body }),
      { ...ok, bodyContains: 'ready' },
      'expected a body that contains ready, got another one',
    ],
    ['no JSON', answered({ body: 'ssh-rsa A' }), at('$', 1), 'expected a JSON body, got what is not JSON'],
  ]
  test.each(cases)('nothing is told but that it is %s', (_name, answer, expectation, message) => {
    expect(evaluate(answer, expectation, { from: 'Named' })).toEqual({ type: 'Failed', message })
  })

  test('everything is told where it names the revision', () => {
    const answer = answered({ status: 500, body: 'boom', headers: named('r2') })
    const verdict = evaluate(answer, ok, { from: 'Named', revision: 'r2' })
    expect(verdict).toEqual({ type: 'Failed', message: 'expected status 200, got 500: boom' })
  })

  test('nothing is told through the edges either', () => {
    const verdict = judgeIdentity(answered({ body }), { revision: 'r2', expect: at('$.secret', 1) })
    expect(verdict).toEqual({
      type: 'Old',
      message: 'not yet the expected answer: $.secret: expected 1, got another value',
    })
  })
})
