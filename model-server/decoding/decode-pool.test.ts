/** Large bodies in real threads: what comes back is what decoding here gives. */
import { expect, test } from '@jest/globals'
import { Call } from '../execution/call.ts'
import { RequestError } from '../http/request-error.ts'
import type { Datatype, Signature } from '../tensor/tensor.ts'
import { DecodePool, INLINE_BYTES } from './decode-pool.ts'
import { DECODERS } from './decoders.ts'
import type { Asked, HttpForm } from './decoders.ts'

const ROWS = 50_000
const numbers = Array.from({ length: ROWS }, (_, n) => n % 120)
const frame = {
  ...{ input: 'x', datatype: 'FP32' as const, columns: ['a', 'b'], output: 'y' },
}

function modelOf(datatype: Datatype, shape: readonly number[] = [-1]): Asked {
  const signature: Signature = {
    inputs: [{ name: 'x', datatype, shape }],
    outputs: [{ name: 'y', datatype, shape }],
  }
  return { signature, frame }
}

function v2(datatype: Datatype, data: unknown): Buffer {
  return Buffer.from(JSON.stringify({ id: 'one', inputs: [{ name: 'x', datatype, shape: [ROWS], data }] }))
}

function frameOf(value: (row: number) => unknown): object {
  return Object.fromEntries(numbers.map((_, row) => [row, value(row)]))
}

type Case = [string, HttpForm, Asked, Buffer] | [string, HttpForm, Asked, Buffer, string]

const head = Buffer.from(
  JSON.stringify({
    parameters: { padding: ' '.repeat(INLINE_BYTES) },
    inputs: [{ name: 'x', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } }],
  }),
)

const CASES: Case[] = [
  [
    'numbers',
    'v2',
    modelOf('FP32'),
    v2(
      'FP32',
      numbers.map((n) => n + 0.123456),
    ),
  ],
  [
    'halves',
    'v2',
    modelOf('FP16'),
    v2(
      'FP16',
      numbers.map((n) => n + 0.123456),
    ),
  ],
  [
    'NaN and null',
    'v2',
    modelOf('FP64'),
    Buffer.from(
      v2(
        'FP64',
        numbers.map((n) => [n, null][n % 2]),
      )
        .toString()
        .replace('0,', 'NaN,'),
    ),
  ],
  [
    'integers of 64 bits',
    'v2',
    modelOf('INT64'),
    Buffer.from(v2('INT64', numbers).toString().replace('[0,', '[9007199254740993,')),
  ],
  [
    'truths',
    'v2',
    modelOf('BOOL'),
    v2(
      'BOOL',
      numbers.map((n) => n % 2 === 0),
    ),
  ],
  [
    'texts',
    'v2',
    modelOf('BYTES'),
    v2(
      'BYTES',
      numbers.map((n) => `ä${n}`),
    ),
  ],
  [
    'tensors behind much JSON',
    'v2',
    modelOf('FP32'),
    Buffer.concat([head, Buffer.alloc(8, 1)]),
    String(head.length),
  ],
  [
    'instances',
    'v1',
    modelOf('FP32', [-1, 1]),
    Buffer.from(JSON.stringify({ instances: numbers.map((n) => [n]) })),
  ],
  [
    'a split frame',
    'mlflow',
    modelOf('FP32', [-1, 2]),
    Buffer.from(
      JSON.stringify({ dataframe_split: { columns: ['b', 'a'], data: numbers.map((n) => [n, -n]) } }),
    ),
  ],
  ['CSV', 'csv', modelOf('FP32', [-1, 2]), Buffer.from(`b,a\n${numbers.map((n) => `${n},\n`).join('')}`)],
  [
    'a frame by columns',
    'predict',
    modelOf('FP32', [-1, 2]),
    Buffer.from(JSON.stringify({ a: frameOf((row) => row), b: frameOf(() => null) })),
  ],
]

test.each(CASES.map((one) => [one[0], one] as const))(
  '%s come back from a thread as they are decoded here',
  async (_, [, form, model, body, jsonLength]) => {
    const before = Buffer.from(body)
    const decoded = new DecodePool().decode({ form, model, body, jsonLength, call: new Call() })
    expect(decoded).toHaveProperty('then')
    const expected = DECODERS[form](body, model, jsonLength)
    const { inputs, ...others } = await decoded
    const { inputs: wanted, ...wantedOthers } = expected
    expect(others).toEqual(wantedOthers)
    expect([...inputs.keys()]).toEqual([...wanted.keys()])
    for (const [name, tensor] of wanted) {
      const got = inputs.get(name)
      expect(got?.datatype).toBe(tensor.datatype)
      expect(got?.shape).toEqual(tensor.shape)
      expect(got?.data.constructor.name).toBe(tensor.data.constructor.name)
      expect(String(got?.data)).toBe(String(tensor.data))
    }
    // The body may be logged, and is still here.
    expect(body.equals(before)).toBe(true)
  },
)

test('small bodies are decoded at once', () => {
  const small = Buffer.from(JSON.stringify({ instances: [1, 2] }))
  expect(
    new DecodePool().decode({ form: 'v1', model: modelOf('FP32'), body: small, call: new Call() }),
  ).toEqual(DECODERS.v1(small, modelOf('FP32'), undefined))
})

test('a refusal comes back with its status and words', async () => {
  const pool = new DecodePool()
  const model = modelOf('FP32')
  const wrong = v2(
    'FP32',
    numbers.map((n) => (n === 5 ? 'five' : n)),
  )
  const refused = pool.decode({ form: 'v2', model, body: wrong, call: new Call() })
  await expect(refused).rejects.toEqual(
    new RequestError(
      400,
      `input 'x': expected a number within the range of float32 at element 5, got "five"`,
    ),
  )
  const none = { ...model, frame: 'it has no columns' }
  const body = Buffer.from(JSON.stringify({ a: frameOf(() => 1) }))
  await expect(pool.decode({ form: 'predict', model: none, body, call: new Call() })).rejects.toMatchObject({
    status: 501,
  })
})

test('more bodies than threads are all decoded, and one that runs out of time costs the others nothing', async () => {
  const pool = new DecodePool()
  const model = modelOf('FP32', [-1, 2])
  const columns = Array.from({ length: 500_000 }, (_, n) => n)
  const slow = Buffer.from(JSON.stringify({ dataframe_split: { columns, data: [] } }))
  const quick = v2('FP32', numbers)
  const late = Array.from({ length: 3 }, () =>
    Promise.resolve(
      pool.decode({ form: 'mlflow', model, body: slow, call: new Call(performance.now() + 1) }),
    ),
  )
  const well = Array.from({ length: 5 }, () =>
    Promise.resolve(pool.decode({ form: 'v2', model: modelOf('FP32'), body: quick, call: new Call() })),
  )
  const abandoned = new Call()
  abandoned.abandoned = true
  const left = Promise.resolve(
    pool.decode({ form: 'v2', model: modelOf('FP32'), body: quick, call: abandoned }),
  )
  const all = await Promise.allSettled([...late, left])
  expect(all.map((one) => (one.status === 'rejected' ? (one.reason as RequestError).status : 200))).toEqual([
    504, 504, 504, 504,
  ])
  for (const { inputs } of await Promise.all(well)) expect(inputs.get('x')?.shape).toEqual([ROWS])
})
