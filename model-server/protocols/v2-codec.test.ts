import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RequestError } from '../http/request-error.ts'
import type { Datatype, Signature } from '../tensor/tensor.ts'
import { readJsonElements } from './v2-body.ts'
import { decodeInferRequest, encodeInferResponse, encodeMetadata } from './v2-codec.ts'
import type { InferRequest } from './v2-codec.ts'

const SIXTEEN = Array.from({ length: 16 }, (_, index) => index + 1)

const addsub: Signature = {
  inputs: [
    { name: 'INPUT0', datatype: 'INT32', shape: [1, 16] },
    { name: 'INPUT1', datatype: 'INT32', shape: [1, 16] },
  ],
  outputs: [
    { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16] },
    { name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16] },
  ],
}

function identity(datatype: Datatype, shape: number[] = [-1, -1]): Signature {
  return { inputs: [{ name: 'x', datatype, shape }], outputs: [{ name: 'y', datatype, shape }] }
}

function decode(body: unknown, signature: Signature): InferRequest {
  return decodeInferRequest(body, signature, readJsonElements)
}

/** Who asked, where that does not matter. */
const nobody = { id: undefined, binaryOutputs: new Set<string>() }

function input(changes: object = {}, name = 'INPUT0'): object {
  return { name, shape: [1, 16], datatype: 'INT32', data: SIXTEEN, ...changes }
}

function request(first: object, extra: object = {}): object {
  return { inputs: [first, input({}, 'INPUT1')], ...extra }
}

function refusal(body: unknown, signature: Signature): { status: number; message: string } {
  try {
    decode(body, signature)
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError)
    const { status, message } = error as RequestError
    return { status, message }
  }
  throw new Error('the request was accepted')
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level += 1) value = [value]
  return value
}

describe('a request that the model can answer', () => {
  test('gives every input by name and asks for all outputs', () => {
    const { id, inputs, outputs } = decode(request(input(), { id: '42' }), addsub)
    expect(id).toBe('42')
    expect(inputs.get('INPUT0')).toEqual({
      datatype: 'INT32',
      shape: [1, 16],
      data: Int32Array.from(SIXTEEN),
    })
    expect([...inputs.keys()]).toEqual(['INPUT0', 'INPUT1'])
    expect(outputs).toEqual(['OUTPUT0', 'OUTPUT1'])
  })

  test.each([
    ['nested as the shape says', [SIXTEEN]],
    ['nested deeper', [[[SIXTEEN]]]],
    ['nested unevenly', [SIXTEEN.slice(0, 3), [SIXTEEN.slice(3, 9)], ...SIXTEEN.slice(9)]],
  ])('may be %s', (_, data) => {
    const { inputs } = decode(request(input({ data })), addsub)
    expect(inputs.get('INPUT0')?.data).toEqual(Int32Array.from(SIXTEEN))
  })

  test('may ask for some outputs only, in its own order', () => {
    const outputs = [{ name: 'OUTPUT1' }, { name: 'OUTPUT0', parameters: { binary_data: false } }]
    expect(decode(request(input(), { outputs }), addsub).outputs).toEqual(['OUTPUT1', 'OUTPUT0'])
  })

  test.each([
    [2_500, 2.5],
    [0, undefined],
  ])('may give up after %d microseconds', (timeout, timeoutMs) => {
    expect(decode(request(input(), { parameters: { timeout } }), addsub).timeoutMs).toBe(timeoutMs)
  })

  test.each([
    ['all outputs', { parameters: { binary_data_output: true } }, ['OUTPUT0', 'OUTPUT1']],
    ['one output', { outputs: [{ name: 'OUTPUT1', parameters: { binary_data: true } }] }, ['OUTPUT1']],
    [
      'all outputs but one',
      {
        parameters: { binary_data_output: true },
        outputs: [{ name: 'OUTPUT0', parameters: { binary_data: false } }, { name: 'OUTPUT1' }],
      },
      ['OUTPUT1'],
    ],
  ])('may ask for %s as bytes', (_, extra, binary) => {
    expect([...decode(request(input(), extra), addsub).binaryOutputs]).toEqual(binary)
  })

  test('may be nested fifty deep', () => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: nested(50) }] }
    expect(decode(body, identity('FP32')).inputs.get('x')?.data).toEqual(Float32Array.of(1))
  })

  test('may have no elements', () => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [0, 6], data: [] }] }
    expect(decode(body, identity('FP32')).inputs.get('x')?.shape).toEqual([0, 6])
  })
})

describe('a request that is refused with 400', () => {
  test.each<[string, unknown, string]>([
    ['is not an object', [1], 'the body: expected an object, got an array'],
    ['has no inputs', {}, 'inputs: expected an array, got nothing'],
    ['has an id that is no string', request(input(), { id: 7 }), 'id: expected a string, got 7'],
    [
      'misses an input',
      { inputs: [input()] },
      "input 'INPUT1': missing; this model takes 'INPUT0', 'INPUT1'",
    ],
    ['gives an input twice', { inputs: [input(), input()] }, "input 'INPUT0': given twice"],
    [
      'gives an unknown input',
      request(input({ name: 'INPUT9' })),
      `inputs[0].name: expected one of 'INPUT0', 'INPUT1', got "INPUT9"`,
    ],
    [
      'has another datatype',
      request(input({ datatype: 'FP32' })),
      `input 'INPUT0': expected datatype INT32, got "FP32"`,
    ],
    [
      'has too few elements',
      request(input({ data: SIXTEEN.slice(1) })),
      "input 'INPUT0': shape [1, 16] takes 16 elements, got 15",
    ],
    [
      'has too many elements',
      request(input({ data: [...SIXTEEN, 17, 18] })),
      "input 'INPUT0': shape [1, 16] takes 16 elements, got 18",
    ],
    [
      'has another shape',
      request(input({ shape: [16] })),
      "input 'INPUT0': expected shape [1, 16] (-1 is any), got [16]",
    ],
    [
      'has a negative dimension',
      request(input({ shape: [-1, 16] })),
      "input 'INPUT0': expected shape to be an array of non-negative integers, got [-1, 16]",
    ],
    [
      'has a dimension that is no integer',
      request(input({ shape: [1.5, 16] })),
      "input 'INPUT0': expected shape to be an array of non-negative integers, got [1.5, 16]",
    ],
    [
      'has no data',
      request(input({ data: undefined })),
      "input 'INPUT0': expected data to be an array, got nothing",
    ],
    [
      'has an element that the datatype cannot hold',
      request(input({ data: [...SIXTEEN.slice(1), 2 ** 31] })),
      "input 'INPUT0': expected an integer from -2147483648 to 2147483647 at element 15, got 2147483648",
    ],
    [
      'asks for an unknown output',
      request(input(), { outputs: [{ name: 'OUTPUT9' }] }),
      `outputs[0].name: expected one of 'OUTPUT0', 'OUTPUT1', got "OUTPUT9"`,
    ],
    [
      'asks for an output twice',
      request(input(), { outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] }),
      "output 'OUTPUT0': asked for twice",
    ],
    [
      'has a parameter that is no scalar',
      request(input(), { parameters: { priority: [1] } }),
      "parameters: 'priority': expected a string, number or boolean, got an array",
    ],
    [
      'has a timeout that is no number',
      request(input(), { parameters: { timeout: 'soon' } }),
      `parameters: 'timeout': expected microseconds as an integer, got "soon"`,
    ],
    [
      'asks for bytes with something else than true or false',
      request(input(), { outputs: [{ name: 'OUTPUT0', parameters: { binary_data: 1 } }] }),
      "output 'OUTPUT0': parameters: 'binary_data': expected true or false, got 1",
    ],
    [
      'asks for classes',
      request(input(), { outputs: [{ name: 'OUTPUT0', parameters: { classification: 3 } }] }),
      "outputs[0].parameters: 'classification': this server does not have that extension",
    ],
    [
      'says that its bytes are elsewhere',
      request(input({ parameters: { binary_data_size: 64 } })),
      "input 'INPUT0': binary_data_size needs the header inference-header-content-length",
    ],
  ])('because it %s', (_, body, message) => {
    expect(refusal(body, addsub)).toEqual({ status: 400, message })
  })

  test.each([
    ['whose product overflows', [16, 2 ** 53 - 1]],
    ['whose dimension is beyond the safe integers', [4, 2 ** 60]],
  ])('because of a shape %s, before anything is allocated', (_, shape) => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape, data: [1] }] }
    expect(refusal(body, identity('FP32')).status).toBe(400)
  })

  test('because it claims more rows than could be cut apart, with no elements in them', () => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [2 ** 40, 0], data: [] }] }
    expect(refusal(body, identity('FP32'))).toEqual({
      status: 400,
      message:
        "input 'x': expected dimensions beside a 0 to multiply to at most 1048576, got [1099511627776, 0]",
    })
  })

  test.each([101, 200_000])('because data is nested %d deep', (depth) => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: nested(depth) }] }
    expect(refusal(body, identity('FP32')).message).toBe("input 'x': data is nested deeper than 100 arrays")
  })

  test.each<[Datatype, unknown]>([
    ['BOOL', 1],
    ['UINT8', -1],
    ['UINT8', 256],
    ['UINT16', 2 ** 16],
    ['UINT32', -1],
    ['UINT64', -1],
    ['UINT64', 2 ** 53],
    ['INT8', 128],
    ['INT16', -32_769],
    ['INT32', 1.5],
    ['INT32', '1'],
    ['INT64', 2 ** 53],
    ['INT64', null],
    ['FP32', 3.5e38],
    ['FP32', '1'],
    ['FP32', Infinity],
    ['FP16', 70_000],
    ['FP64', true],
    ['BYTES', 1],
    ['BYTES', null],
    ['BYTES', '\ud800'],
    ['BYTES', 'a\0b'],
    ['BYTES', '\0'],
  ])('because %s cannot hold %j', (datatype, value) => {
    const body = { inputs: [{ name: 'x', datatype, shape: [1, 1], data: [value] }] }
    expect(refusal(body, identity(datatype)).status).toBe(400)
  })
})

test('whatever JSON comes, it is decoded or refused with 400', () => {
  const almost = fc.record(
    {
      id: fc.jsonValue(),
      inputs: fc.array(
        fc.record(
          {
            name: fc.oneof(fc.constant('INPUT0'), fc.constant('INPUT1'), fc.jsonValue()),
            shape: fc.oneof(fc.constant([1, 16]), fc.array(fc.integer()), fc.jsonValue()),
            datatype: fc.oneof(fc.constant('INT32'), fc.jsonValue()),
            data: fc.oneof(fc.constant(SIXTEEN), fc.jsonValue()),
            parameters: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
      outputs: fc.jsonValue(),
      parameters: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(almost, fc.jsonValue()), (body) => {
      try {
        const { inputs, outputs } = decode(body, addsub)
        expect([...inputs.keys()].sort()).toEqual(['INPUT0', 'INPUT1'])
        expect(outputs.length).toBeGreaterThan(0)
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError)
        expect((error as RequestError).status).toBe(400)
      }
    }),
    { numRuns: 500 },
  )
})

test('null is nothing where something is optional', () => {
  const { data, ...head } = { name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }
  const input = { ...head, parameters: { content_type: 'np', headers: null }, data }
  const body = { id: null, parameters: null, inputs: [input], outputs: null }
  expect(decode(body, identity('FP32'))).toEqual(decode({ inputs: [{ ...head, data }] }, identity('FP32')))
  const outputs = [{ name: identity('FP32').outputs[0]?.name, parameters: null }]
  expect(decode({ inputs: [input], outputs }, identity('FP32')).outputs).toHaveLength(1)
})

test.each<Datatype>(['FP16', 'FP32', 'FP64'])('what JSON has no number for reaches %s', (datatype) => {
  const data = [null, 'NaN', 'Infinity', '-Infinity', 'inf', '-inf', 1.5]
  const { inputs } = decode({ inputs: [{ name: 'x', datatype, shape: [7, 1], data }] }, identity(datatype))
  const read = Array.from(inputs.get('x')?.data as Float32Array)
  expect(read).toEqual([NaN, NaN, Infinity, -Infinity, Infinity, -Infinity, 1.5])
})

describe('values survive the way through JSON and back', () => {
  const values: [Datatype, fc.Arbitrary<unknown>][] = [
    ['BOOL', fc.boolean()],
    ['UINT8', fc.integer({ min: 0, max: 255 })],
    ['INT16', fc.integer({ min: -32_768, max: 32_767 })],
    ['INT32', fc.integer()],
    ['INT64', fc.maxSafeInteger()],
    ['FP32', fc.float({ noNaN: true, noDefaultInfinity: true })],
    ['FP16', fc.float({ noNaN: true, noDefaultInfinity: true, min: -1, max: 1 }).map(Math.f16round)],
    ['FP64', fc.double({ noNaN: true, noDefaultInfinity: true })],
    ['BYTES', fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))],
  ]
  test.each(values)('%s', (datatype, arbitrary) => {
    fc.assert(
      fc.property(fc.array(arbitrary), (data) => {
        const body = { inputs: [{ name: 'x', datatype, shape: [1, data.length], data }] }
        const sent = JSON.parse(JSON.stringify(body)) as typeof body
        const { inputs } = decode(sent, identity(datatype))
        const answer = JSON.stringify(encodeInferResponse({ name: 'm', version: '1' }, nobody, inputs).json)
        expect((JSON.parse(answer) as { outputs: unknown[] }).outputs).toEqual(sent.inputs)
      }),
    )
  })
})

test('what columns stand for and what is not served is in the metadata', () => {
  const signature: Signature = {
    ...identity('FP32'),
    classes: new Map([['p', ['a', 'b']]]),
    notServed: new Map([['s', 'seq(tensor(float)) is no tensor']]),
  }
  expect(encodeMetadata({ name: 'm', sha256: '00', signature, triedWith: 'nothing' }, ['1'])).toMatchObject({
    parameters: {
      sha256: '00',
      tried_with: 'nothing',
      'classes.p': '["a","b"]',
      'not_served.s': 'seq(tensor(float)) is no tensor',
    },
  })
})

describe('an answer', () => {
  const model = { name: 'm', version: '1' }

  test('carries the id only where one was given', () => {
    expect(encodeInferResponse(model, { ...nobody, id: 'a' }, new Map()).json).toEqual({
      model_name: 'm',
      model_version: '1',
      id: 'a',
      outputs: [],
    })
    expect(encodeInferResponse(model, nobody, new Map()).json).not.toHaveProperty('id')
  })

  test('writes NaN and infinities as null and says so', () => {
    const y = { datatype: 'FP32', shape: [3], data: Float32Array.of(NaN, 1, Infinity) } as const
    expect(encodeInferResponse(model, nobody, new Map([['y', y]])).json.outputs).toEqual([
      { name: 'y', shape: [3], datatype: 'FP32', parameters: { non_finite: true }, data: [null, 1, null] },
    ])
  })

  test('writes 64-bit integers exactly', () => {
    const y = { datatype: 'INT64', shape: [2], data: BigInt64Array.of(2n ** 53n + 1n, -3n) } as const
    expect(JSON.stringify(encodeInferResponse(model, nobody, new Map([['y', y]])).json)).toContain(
      '"data":[9007199254740993,-3]',
    )
  })
})
