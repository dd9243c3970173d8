import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RequestError } from '../http/request-error.ts'
import { readBytes } from '../tensor/tensor-bytes.ts'
import type { Datatype, Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'
import { decodeBody } from './v2-body.ts'
import { encodeInferResponse } from './v2-codec.ts'

function identity(...inputs: [Datatype, number[]][]): Signature {
  const specs = inputs.map(([datatype, shape], index) => ({ name: `x${index}`, datatype, shape }))
  return { inputs: specs, outputs: specs }
}

const two: Signature = identity(['FP32', [-1, 2]], ['INT64', [-1]])

function binary(name: string, datatype: Datatype, shape: number[], size: unknown): object {
  return { name, datatype, shape, parameters: { binary_data_size: size } }
}

function decode(json: object, tail: Uint8Array, signature: Signature, header?: string): Map<string, Tensor> {
  const head = Buffer.from(JSON.stringify(json))
  return new Map(decodeBody(Buffer.concat([head, tail]), header ?? String(head.length), signature).inputs)
}

function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError)
    expect((error as RequestError).status).toBe(400)
    return (error as RequestError).message
  }
  throw new Error('the request was accepted')
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('bytes of', () => {
  test.each<[Datatype, unknown, string]>([
    ['FP32', Float32Array.of(1, 2), '00 00 80 3f 00 00 00 40'],
    ['BOOL', Uint8Array.of(1, 0), '01 00'],
    ['INT64', BigInt64Array.of(2n ** 53n + 1n, -1n), '01 00 00 00 00 00 20 00 ff ff ff ff ff ff ff ff'],
    ['BYTES', ['abc', ''], '03 00 00 00 61 62 63 00 00 00 00'],
    ['UINT16', Uint16Array.of(1, 256), '01 00 00 01'],
    ['FP16', Float16Array.of(1, -2), '00 3c 00 c0'],
  ])('%s are little-endian and have no padding', (datatype, data, bytes) => {
    const tail = hex(bytes)
    const inputs = decode(
      { inputs: [binary('x0', datatype, [1, 2], tail.length)] },
      tail,
      identity([datatype, [-1, -1]]),
    )
    expect(inputs.get('x0')).toEqual({ datatype, shape: [1, 2], data })
    const answer = encodeInferResponse(
      { name: 'm', version: '1' },
      { id: undefined, binaryOutputs: new Set(['x0']) },
      inputs,
    )
    expect(Buffer.concat(answer.tail)).toEqual(tail)
    expect(answer.json.outputs).toEqual([
      { name: 'x0', datatype, shape: [1, 2], parameters: { binary_data_size: tail.length } },
    ])
  })

  const elements: [Datatype, number][] = [
    ['UINT8', 1],
    ['INT16', 2],
    ['FP16', 2],
    ['UINT32', 4],
    ['UINT64', 8],
    ['FP32', 4],
    ['FP64', 8],
  ]
  test.each(elements)('%s come back as they went, NaN and -0 too', (datatype, size) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(8), (some, shift) => {
        const bytes = Buffer.concat([
          Buffer.alloc(shift),
          some.subarray(0, some.length - (some.length % size)),
        ])
        const tail = bytes.subarray(shift)
        const shape = [tail.length / size]
        const data = readBytes('x', datatype, shape, tail)
        const { tail: answered } = encodeInferResponse(
          { name: 'm', version: '1' },
          { id: undefined, binaryOutputs: new Set(['x']) },
          new Map([['x', { datatype, shape, data }]]),
        )
        expect(Buffer.concat(answered)).toEqual(Buffer.from(tail))
      }),
    )
  })

  test('a tensor are copied only where its elements may not begin', () => {
    const body = Buffer.allocUnsafeSlow(9)
    const [aligned, odd] = [body.subarray(4, 8), body.subarray(5, 9)]
    odd.set(hex('00 00 80 3f'))
    const copy = readBytes('x', 'FP32', [1], odd)
    expect(copy).toEqual(Float32Array.of(1))
    aligned.set(hex('00 00 00 40'))
    const view = readBytes('x', 'FP32', [1], aligned)
    expect(view).toEqual(Float32Array.of(2))
    expect(copy).toEqual(Float32Array.of(1))
    expect((view as Float32Array).buffer).toBe(body.buffer)
  })
})

test('inputs may be mixed, and their bytes follow in their order', () => {
  const json = {
    inputs: [binary('x1', 'INT64', [1], 8), { name: 'x0', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
  }
  const inputs = decode(json, hex('0500000000000000'), two)
  expect(inputs.get('x1')?.data).toEqual(BigInt64Array.of(5n))
  expect(inputs.get('x0')?.data).toEqual(Float32Array.of(1, 2))
})

test('an empty tensor has no bytes', () => {
  const inputs = decode({ inputs: [binary('x0', 'FP32', [0, 2], 0)] }, hex(''), identity(['FP32', [-1, 2]]))
  expect(inputs.get('x0')?.shape).toEqual([0, 2])
})

describe('a body with bytes is refused', () => {
  const one = identity(['FP32', [-1, 2]])
  const sized = (size: unknown, extra: object = {}): object => ({
    inputs: [{ ...binary('x0', 'FP32', [1, 2], size), ...extra }],
  })
  const eight = Buffer.alloc(8)

  test.each<[string, object, Buffer, string]>([
    [
      'where bytes are missing',
      sized(8),
      Buffer.alloc(5),
      "input 'x0': expected 8 bytes of binary data, got 5",
    ],
    [
      'where bytes are left over',
      sized(8),
      Buffer.alloc(11),
      'the body: expected its end after the last input, got 3 more bytes',
    ],
    [
      'where the size is not that of the shape',
      sized(4),
      Buffer.alloc(4),
      "input 'x0': shape [1, 2] of FP32 takes 8 bytes, got 4",
    ],
    [
      'with a negative size',
      sized(-8),
      eight,
      "input 'x0': expected binary_data_size to be a number of bytes, got -8",
    ],
    [
      'with half a byte',
      sized(7.5),
      eight,
      "input 'x0': expected binary_data_size to be a number of bytes, got 7.5",
    ],
    [
      'with a size in words',
      sized('8'),
      eight,
      `input 'x0': expected binary_data_size to be a number of bytes, got "8"`,
    ],
    [
      'with both kinds of data',
      sized(8, { data: [1, 2] }),
      eight,
      "input 'x0': expected data or binary_data_size, got both",
    ],
    [
      'with neither kind of data',
      sized(undefined),
      eight,
      "input 'x0': expected data to be an array, got nothing",
    ],
    [
      'where another input asks for the same bytes',
      sized(2 ** 52),
      eight,
      "input 'x0': expected 4503599627370496 bytes of binary data, got 8",
    ],
  ])('%s', (_, json, tail, message) => {
    expect(refusal(() => decode(json, tail, one))).toBe(message)
  })

  test.each(['-1', '1.5', 'x', '99999999999', '9'.repeat(40), '', '0x10'])(
    'with %j bytes of JSON',
    (header) => {
      expect(refusal(() => decode(sized(8), eight, one, header))).toMatch(
        /^inference-header-content-length: expected an integer from 0 to the \d+ bytes of the body, got/,
      )
    },
  )

  test.each([[[16, 2 ** 60 + 2]], [[4, 2 ** 60 + 2]], [[2 ** 30, 2 ** 30]]])(
    'with the shape %j, before anything is allocated',
    (shape) => {
      const json = { inputs: [binary('x0', 'FP32', shape, 8)] }
      expect(refusal(() => decode(json, eight, identity(['FP32', [-1, -1]])))).toContain('shape')
    },
  )

  test.each<[string, Datatype, string, string]>([
    ['a boolean that is neither', 'BOOL', '01 02', "input 'x0': expected 0 or 1 at element 1, got 2"],
    [
      'text that is no UTF-8',
      'BYTES',
      '01000000ff 00000000',
      "input 'x0': expected UTF-8 at element 0, got other bytes",
    ],
    [
      'an element beyond the end',
      'BYTES',
      '00000000 05000000 61',
      "input 'x0': element 1 ends beyond the 9 bytes of the tensor",
    ],
    [
      'half a length',
      'BYTES',
      '00000000 0500',
      "input 'x0': element 1 ends beyond the 6 bytes of the tensor",
    ],
    ['too few elements', 'BYTES', '00000000', "input 'x0': shape [1, 2] takes 2 elements, got 1"],
  ])('with %s', (_, datatype, bytes, message) => {
    const tail = hex(bytes)
    const json = { inputs: [binary('x0', datatype, [1, 2], tail.length)] }
    expect(refusal(() => decode(json, tail, identity([datatype, [-1, -1]])))).toBe(message)
  })
})

describe('a body without JSON', () => {
  test.each<[string, Datatype, number[], Buffer, number[]]>([
    ['fills the one open dimension', 'FP32', [-1, 2], Buffer.alloc(24), [3, 2]],
    ['is a batch of one where more is open', 'INT32', [-1, -1], Buffer.alloc(32), [1, 8]],
    ['fits an input without open dimensions', 'UINT8', [2, 2], Buffer.alloc(4), [2, 2]],
    ['is one text', 'BYTES', [-1], Buffer.from('abc'), [1]],
  ])('%s', (_, datatype, declared, body, shape) => {
    const { inputs, outputs, binaryOutputs } = decodeBody(body, '0', identity([datatype, declared]))
    expect(inputs.get('x0')?.shape).toEqual(shape)
    expect([...binaryOutputs]).toEqual(outputs)
  })

  test.each<[string, Signature, number, string]>([
    [
      'of another size',
      identity(['FP32', [-1, 2]]),
      9,
      "input 'x0': shape [1, 2] of FP32 takes 8 bytes, got 9",
    ],
    [
      'for two inputs',
      two,
      8,
      'a body without JSON (inference-header-content-length: 0) needs a model with one input, this one has 2',
    ],
    [
      'where two dimensions are open',
      identity(['FP32', [1, -1, -1]]),
      8,
      "input 'x0': a body without JSON leaves at most one dimension open, this input is [1, -1, -1]",
    ],
    [
      'of several texts',
      identity(['BYTES', [2]]),
      8,
      "input 'x0': a body without JSON is one element of BYTES, this input takes [2]",
    ],
  ])('is refused %s', (_, signature, size, message) => {
    expect(refusal(() => decodeBody(Buffer.alloc(size), '0', signature))).toBe(message)
  })
})

describe('integers beyond 2^53 keep their digits', () => {
  test.each<[Datatype, string]>([
    ['INT64', '9223372036854775807'],
    ['INT64', '-9223372036854775808'],
    ['INT64', '9007199254740993'],
    ['UINT64', '18446744073709551615'],
  ])('%s %s', (datatype, digits) => {
    const body = Buffer.from(
      `{"inputs":[{"name":"x0","datatype":"${datatype}","shape":[1],"data":[${digits}]}]}`,
    )
    const { inputs } = decodeBody(body, undefined, identity([datatype, [-1]]))
    expect(String(inputs.get('x0')?.data[0])).toBe(digits)
    const { json } = encodeInferResponse(
      { name: 'm', version: '1' },
      { id: undefined, binaryOutputs: new Set() },
      inputs,
    )
    expect(JSON.stringify(json)).toContain(`"data":[${digits}]`)
  })

  test.each<[Datatype, string]>([
    ['INT64', '9223372036854775808'],
    ['UINT64', '18446744073709551616'],
    ['UINT64', '-9007199254740993'],
    ['INT64', '9007199254740993.5'],
    ['INT64', '1e19'],
    ['INT64', '9'.repeat(100_000)],
  ])('%s %.40s is refused', (datatype, digits) => {
    const body = Buffer.from(
      `{"inputs":[{"name":"x0","datatype":"${datatype}","shape":[1],"data":[${digits}]}]}`,
    )
    expect(refusal(() => decodeBody(body, undefined, identity([datatype, [-1]])))).toContain('at element 0')
  })

  test('also where only another input is of 64 bits', () => {
    const body = Buffer.from(
      `{"inputs":[{"name":"x0","datatype":"FP32","shape":[1,2],"data":[[9007199254740993,1.5]]},
        {"name":"x1","datatype":"INT64","shape":[1],"data":[1]}]}`,
    )
    expect(decodeBody(body, undefined, two).inputs.get('x0')?.data).toEqual(Float32Array.of(2 ** 53, 1.5))
  })

  test('and brackets without end are refused by the exact parser too', () => {
    const deep = `{"a":1234567890123456,"inputs":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    expect(refusal(() => decodeBody(Buffer.from(deep), undefined, two))).toMatch(/^the body: |^inputs/)
  })
})

test('text that is no UTF-8 is refused rather than repaired', () => {
  expect(refusal(() => decodeBody(hex('7b22ff223a317d'), undefined, two))).toBe(
    'the body: expected JSON in UTF-8, got other bytes',
  )
})

test('whatever bytes come, under whatever header, they are decoded or refused with 400', () => {
  const valid = {
    inputs: [binary('x0', 'FP32', [1, 2], 8), { name: 'x1', datatype: 'INT64', shape: [1], data: [1] }],
  }
  const head = Buffer.from(JSON.stringify(valid))
  const whole = Buffer.concat([head, Buffer.alloc(8)])
  const mutated = fc
    .tuple(fc.nat(whole.length - 1), fc.uint8Array({ maxLength: 3 }), fc.nat(3))
    .map(([at, bytes, cut]) => Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + cut)]))
  const anything = fc.uint8Array().map((bytes) => Buffer.from(bytes))
  const header = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: head.length - 3, max: head.length + 3 }).map(String) },
    fc.nat().map(String),
    fc.string(),
    fc.constant(undefined),
  )
  const specs: readonly TensorSpec[] = two.inputs
  fc.assert(
    fc.property(fc.oneof(mutated, anything), header, (body, jsonLength) => {
      try {
        const { inputs } = decodeBody(body, jsonLength, two)
        for (const { name, shape } of specs) {
          const input = inputs.get(name)
          expect(input?.shape.length).toBe(shape.length)
          expect(input?.data.length).toBe(input?.shape.reduce((product, size) => product * size, 1))
        }
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError)
        expect((error as RequestError).status).toBe(400)
      }
    }),
    { numRuns: 3_000 },
  )
})
