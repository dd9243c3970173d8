/** What a client may send that is small, or allowed, on the wire and long in the making. For the tests, and for `npm run bench:abuse`. */
import { brotliCompressSync, gzipSync } from 'node:zlib'

/** One request. */
export type AbusiveBody = { path: string; type: string; body: Buffer; encoding?: string }

const JSON_TYPE = 'application/json'
const V2 = '/v2/models/housing/infer'

function v2(data: string, count: number): AbusiveBody {
  const head = `{"inputs":[{"name":"x","datatype":"FP32","shape":[${Math.floor(count / 6)},6],"data":[`
  return { path: V2, type: JSON_TYPE, body: Buffer.from(`${head}${data}]}]}`) }
}

function json(path: string, text: string): AbusiveBody {
  return { path, type: JSON_TYPE, body: Buffer.from(text) }
}

function many(count: number, one: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => one(index)).join(',')
}

/** A frame of half a million columns in its three forms, and what else was thought of; each fits into the default limits. */
export const ABUSIVE_BODIES: Readonly<Record<string, () => AbusiveBody>> = {
  'half a million columns, split': () =>
    json('/invocations', `{"dataframe_split":{"columns":[${many(500_000, (n) => `"c${n}"`)}],"data":[]}}`),
  'half a million columns, records': () =>
    json('/invocations', `{"dataframe_records":[{${many(500_000, (n) => `"c${n}":1`)}}]}`),
  'half a million columns, CSV': () => ({
    path: '/invocations',
    type: 'text/csv',
    body: Buffer.from(`${many(500_000, (n) => `c${n}`)}\n${many(500_000, () => '1')}\n`),
  }),
  'half a million columns of a frame': () => json('/predict', `{${many(450_000, (n) => `"c${n}":{}`)}}`),
  'half a million rows of a frame': () =>
    json('/predict', `{"CHAS":{${many(500_000, (n) => `"${n}":1`)}},"RM":{}}`),
  'two million bare NaN': () =>
    v2(
      many(2_000_000, () => 'NaN'),
      2_000_000,
    ),
  'two thirds of a million -Infinity': () =>
    v2(
      many(600_000, () => '-Infinity'),
      600_000,
    ),
  'a million and a half null': () =>
    v2(
      many(1_500_000, () => 'null'),
      1_500_000,
    ),
  'four million digits': () =>
    v2(
      many(4_000_000, () => '1'),
      4_000_000,
    ),
  'numbers of 16 digits': () =>
    v2(
      many(450_000, () => '1234567890123456'),
      450_000,
    ),
  'exponents beyond all numbers': () =>
    v2(
      many(1_000_000, () => '1e-999'),
      1_000_000,
    ),
  'one number of eight million digits': () => v2('1'.repeat(8_000_000), 1),
  'brackets in brackets': () => json(V2, `{"inputs":${'['.repeat(8_000_000)}`),
  'half a million brackets in brackets': () =>
    json(
      V2,
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,6],"data":${'['.repeat(500_000)}${']'.repeat(500_000)}}]}`,
    ),
  'half a million empty lists': () =>
    json('/v1/models/housing:predict', `{"instances":[${many(500_000, () => '[]')}]}`),
  'one text of eight million letters': () => json('/invocations', `{"inputs":"${'a'.repeat(8_000_000)}"}`),
  'a million escapes': () => json('/invocations', `{"inputs":"${'\\u0041'.repeat(1_300_000)}"}`),
  'a million keys alike': () => json('/predict', `{${many(1_000_000, () => '"a":1')}}`),
  'quotation marks of CSV': () => ({
    path: '/invocations',
    type: 'text/csv',
    body: Buffer.from(`a\n${'""\n'.repeat(2_500_000)}`),
  }),
  'a bomb of gzip': () => ({ ...json(V2, ''), body: gzipSync(Buffer.alloc(2 ** 28, '[')), encoding: 'gzip' }),
  'a bomb of brotli': () => ({
    ...json(V2, ''),
    body: brotliCompressSync(Buffer.alloc(2 ** 23, '0,')),
    encoding: 'br',
  }),
}
